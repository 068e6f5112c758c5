"""Schemas to the entries of a manifest and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np

from baler_vae import __version__
from baler_vae.archive.manifest import ColumnEntry, GroupEntry, LatentsEntry, Manifest, OriginEntry
from baler_vae.errors import CorruptArchive
from baler_vae.table.schema import TEXT, Column, Format, Group, Origin, Schema

WRITER = f"baler-vae {__version__}"
_TEXT_NAME = "text"


def model_name(group: int) -> str:
    """The section of a group's decoder."""
    return f"model/{group}"


def section_name(group: int, row_group: int) -> str:
    """The section of a group's rows in a row group."""
    return f"groups/{group}/{row_group}"


def group_entries(
    schema: Schema,
    bounds: Mapping[str, str],
    codings: Mapping[str, str | None],
    latents: Mapping[str, LatentsEntry],
    original_bytes: Mapping[str, int],
) -> tuple[GroupEntry, ...]:
    """The entries of a schema's groups, from what is known of each column and of each group's latents by name."""
    return tuple(
        GroupEntry(
            name=group.name,
            counter=group.counter,
            columns=tuple(
                ColumnEntry(
                    name=column.name,
                    dtype=_TEXT_NAME if column.is_text else column.dtype.name,
                    title=column.title,
                    typename=column.typename,
                    implied=column.implied,
                    bound=bounds[column.name],
                    coding=codings[column.name],
                    original_bytes=original_bytes.get(column.name, 0),
                )
                for column in group.columns
            ),
            latents=latents.get(group.name),
        )
        for group in schema.groups
    )


def origin_entry(origin: Origin) -> OriginEntry:
    """The entry of an origin."""
    return OriginEntry(format=origin.format, name=origin.name, title=origin.title, shape=origin.shape)


def schema_of(manifest: Manifest, path: Path) -> Schema:
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
                            TEXT if column.dtype == _TEXT_NAME else np.dtype(column.dtype),
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
