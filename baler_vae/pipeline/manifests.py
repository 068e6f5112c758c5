"""Schemas to the entries of a manifest and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np

from baler_vae import __version__
from baler_vae.archive.manifest import GroupEntry, Manifest, OriginEntry
from baler_vae.errors import CorruptArchive
from baler_vae.model.group import GroupModel
from baler_vae.pipeline.models import column_entry, latents_entry
from baler_vae.table.bounds import Bound, bound_of_text
from baler_vae.table.schema import TEXT, Column, Format, Group, Origin, Schema

WRITER = f"baler-vae {__version__}"


def section_name(group: int, row_group: int) -> str:
    """The section of a group's rows in a row group."""
    return f"groups/{group}/{row_group}"


def group_entries(
    schema: Schema,
    models: Mapping[str, GroupModel],
    bounds: Mapping[str, Bound],
    original_bytes: Mapping[str, int],
) -> tuple[GroupEntry, ...]:
    """The entries of a schema's groups, from the model of each group and what is known of each column by name."""
    return tuple(
        GroupEntry(
            name=group.name,
            counter=group.counter,
            columns=tuple(
                column_entry(
                    column,
                    models[group.name].columns[column.name],
                    str(bounds[column.name]),
                    original_bytes.get(column.name, 0),
                )
                for column in group.columns
            ),
            latents=latents_entry(models[group.name]),
        )
        for group in schema.groups
    )


def origin_entry(origin: Origin) -> OriginEntry:
    """The entry of an origin."""
    return OriginEntry(format=origin.format, name=origin.name, title=origin.title, shape=origin.shape)


def schema_of(manifest: Manifest, path: str | Path) -> Schema:
    """The schema that a manifest describes.

    Raises:
        CorruptArchive: it does not hang together.
    """
    origin = manifest.origin
    try:
        return Schema(
            tuple(
                Group(
                    group.name,
                    tuple(
                        Column(
                            column.name,
                            TEXT if column.dtype == "text" else np.dtype(column.dtype),
                            column.title,
                            column.typename,
                            column.implied,
                        )
                        for column in group.columns
                    ),
                    group.counter,
                )
                for group in manifest.groups
            ),
            manifest.order,
            Origin(cast("Format", origin.format), origin.name, origin.title, origin.shape),
        )
    except (TypeError, ValueError) as error:
        raise CorruptArchive(
            f"the schema does not hang together: {error}", path=path, section="manifest.json"
        ) from error


def bounds_of(manifest: Manifest, path: str | Path) -> dict[str, Bound]:
    """The bound of each column of a manifest, by name.

    Raises:
        CorruptArchive: a text is not a bound.
    """
    try:
        return {column.name: bound_of_text(column.bound) for group in manifest.groups for column in group.columns}
    except ValueError as error:
        raise CorruptArchive(str(error), path=path, section="manifest.json") from error
