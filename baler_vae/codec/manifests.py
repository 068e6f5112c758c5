"""Schemas to the entries of a manifest and back."""

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from baler_vae.archive.manifest import (
    FIRST_FORMAT,
    SECOND_FORMAT,
    ArrayEntry,
    GroupEntry,
    Manifest,
    MaskEntry,
    OriginEntry,
    PaddedArrayEntry,
    PaddedEntry,
    ProjectedEntry,
)
from baler_vae.codec.correction_entries import guard_entry, promised_of
from baler_vae.codec.provenance import settings_of
from baler_vae.codec.sections import column_entry, latents_entry
from baler_vae.errors import CorruptArchive
from baler_vae.grid.grids import is_centred
from baler_vae.guarantees.definitions import Guarantees
from baler_vae.model.columns import Contextual, OnGrid
from baler_vae.model.group import GroupModel
from baler_vae.table.bounds import Bound, bound_of_text
from baler_vae.table.padded import MOST_COLUMNS, PaddedArray, PaddedCollection
from baler_vae.table.padding import without_collections
from baler_vae.table.projected import ProjectedCollection, check_projected
from baler_vae.table.schema import (
    NESTED,
    TEXT,
    Column,
    FixedArray,
    Format,
    Group,
    Mask,
    Origin,
    Schema,
    element_names,
)
from baler_vae.version import __version__

_NO_NUMBERS = {"text": TEXT, "nested": NESTED}

EXTRAS = "extras"
"""The section of what a file holds besides its columns."""
HISTORY = "history"
"""The section of what was logged in training."""

_FIRST_ORIGINS = {"root", "csv", "parquet", "hdf5", "npz"}
"""The formats of origin that the first format of archives knows."""

WRITER = f"baler-vae {__version__}"


def section_name(group: int, row_group: int) -> str:
    """The section of a group's rows in a row group."""
    return f"groups/{group}/{row_group}"


def group_entries(
    schema: Schema,
    models: Mapping[str, GroupModel],
    bounds: Mapping[str, Bound],
    original_bytes: Mapping[str, int],
    *,
    with_encoder: bool = False,
) -> tuple[GroupEntry, ...]:
    """The entries of a schema's groups, from the model of each group and what is known of each column by name; those of
    a codec say what its encoders need.
    """
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
            latents=latents_entry(models[group.name], with_encoder=with_encoder),
            guard=guard_entry(models[group.name]),
        )
        for group in schema.groups
    )


def origin_entry(origin: Origin) -> OriginEntry:
    """The entry of an origin."""
    return OriginEntry(
        format=origin.format,
        name=origin.name,
        title=origin.title,
        shape=origin.shape,
        rntuple=origin.rntuple,
        compression=origin.compression,
        collections=tuple(
            ProjectedEntry(
                name=made.name, title=made.title, place=made.place, counter=made.counter, members=made.members
            )
            for made in origin.collections
        ),
    )


def origin_of(entry: OriginEntry) -> Origin:
    """The origin that an entry tells.

    Raises:
        ValueError: a file that is not ROOT's has a compression of ROOT's, what is no RNTuple has projections, or two of
            these have one name.
    """
    if entry.compression and entry.format != "root":
        raise ValueError(f"a compression of {entry.format!r}: {entry.compression}")
    if entry.collections and not (entry.rntuple and entry.format == "root"):
        raise ValueError(f"projections of {entry.format!r}")
    collections = tuple(
        ProjectedCollection(made.name, made.members, made.counter, made.title, made.place) for made in entry.collections
    )
    check_projected(collections)
    return Origin(
        cast("Format", entry.format),
        entry.name,
        entry.title,
        entry.shape,
        entry.rntuple,
        entry.compression,
        collections,
    )


def array_entries(schema: Schema) -> tuple[ArrayEntry, ...]:
    """The entries of the arrays of a schema."""
    return tuple(
        ArrayEntry(name=array.name, shape=array.shape, title=array.title, typename=array.typename)
        for array in schema.arrays
    )


def mask_entries(schema: Schema) -> tuple[MaskEntry, ...]:
    """The entries of the columns of a schema that say where others are missing."""
    return tuple(MaskEntry(values=mask.values, missing=mask.missing) for mask in schema.masks)


def padded_entries(schema: Schema) -> tuple[PaddedEntry, ...]:
    """The entries of the collections of a schema that were made of padded arrays."""
    return tuple(
        PaddedEntry(
            group=made.name,
            counter=made.counter,
            arrays=tuple(
                PaddedArrayEntry(
                    name=array.name,
                    shape=array.shape,
                    dtype=array.dtype.name,
                    features=array.features,
                    padding=array.padding,
                    is_column=array.is_column,
                    title=array.title,
                    typename=array.typename,
                )
                for array in made.arrays
            ),
        )
        for made in schema.padded
    )


def format_version(
    schema: Schema,
    bounds: Mapping[str, Bound],
    models: Mapping[str, GroupModel],
    *,
    has_extras: bool = False,
    has_categories: bool = False,
    has_guarantees: bool = False,
) -> int:
    """The version of the format that can say what a schema and its bounds are, how the source was compressed and which
    of its fields were projections, what is not a column, that latents are categorical, what is guaranteed, and that
    models by group have tables in context or cells that are centred on predictions.
    """
    columns = [column for model in models.values() for column in model.columns.values()]
    has_contexts = any(isinstance(column, Contextual) for column in columns)
    has_centres = any(isinstance(column, OnGrid) and is_centred(column.grid) for column in columns)
    more = has_extras or has_categories or has_guarantees or has_contexts or has_centres
    origin = schema.origin
    known = origin.format in _FIRST_ORIGINS and not origin.compression and not origin.collections and not more
    has_more = schema.masks or schema.padded or any(column.is_array for column in schema.columns)
    has_dither = any(bound.dither for bound in bounds.values())
    return FIRST_FORMAT if known and not has_more and not has_dither else SECOND_FORMAT


def schema_of(manifest: Manifest) -> Schema:
    """The schema that a manifest describes.

    Raises:
        CorruptArchive: it does not hang together.
    """
    try:
        schema = Schema(
            tuple(
                Group(
                    group.name,
                    tuple(
                        Column(
                            column.name,
                            _NO_NUMBERS.get(column.dtype) or np.dtype(column.dtype),
                            column.title,
                            column.typename,
                            column.implied,
                            column.shape,
                        )
                        for column in group.columns
                    ),
                    group.counter,
                )
                for group in manifest.groups
            ),
            manifest.order,
            origin_of(manifest.origin),
            tuple(map(_array_of, manifest.arrays)),
            tuple(Mask(mask.values, mask.missing) for mask in manifest.masks),
            tuple(map(_padded_of, manifest.padded)),
        )
        without_collections(schema)  # names may clash
        without_collections(schema, whole=True)
    except (TypeError, ValueError) as error:
        raise CorruptArchive(f"the schema is inconsistent: {error}", section="manifest.json") from error
    return schema


def _array_of(entry: ArrayEntry) -> FixedArray:
    if math.prod(entry.shape) > MOST_COLUMNS:
        raise ValueError(f"an array {entry.name!r} of shape {entry.shape}")
    return FixedArray(entry.name, entry.shape, element_names(entry.name, entry.shape), entry.title, entry.typename)


def _padded_of(entry: PaddedEntry) -> PaddedCollection:
    arrays = (
        PaddedArray(
            array.name,
            array.shape,
            np.dtype(array.dtype),
            array.features,
            array.padding,
            array.is_column,
            array.title,
            array.typename,
        )
        for array in entry.arrays
    )
    return PaddedCollection(entry.group, entry.counter, tuple(arrays))


def guarantees_of(manifest: Manifest) -> Guarantees:
    """The guarantees of a manifest.

    Raises:
        CorruptArchive: they are none that this version knows.
    """
    try:
        return promised_of(manifest.guarantees)
    except ValueError as error:
        raise CorruptArchive(str(error), section="manifest.json") from error


def repeating(manifest: Manifest) -> dict[str, Any]:
    """What repeats the run: `settings_of`, and where something is guaranteed `guarantees` and the `quantities` that
    they name, as `compress` takes them.

    Raises:
        CorruptArchive: the guarantees are none that this version knows.
    """
    kept = guarantees_of(manifest).described()
    if kept is None:
        return settings_of(manifest)
    return settings_of(manifest) | {"guarantees": kept["promised"], "quantities": kept["quantities"]}


def bounds_of(manifest: Manifest) -> dict[str, Bound]:
    """The bound of each column of a manifest, by name.

    Raises:
        CorruptArchive: a text is not a bound.
    """
    try:
        return {column.name: bound_of_text(column.bound) for group in manifest.groups for column in group.columns}
    except ValueError as error:
        raise CorruptArchive(str(error), section="manifest.json") from error
