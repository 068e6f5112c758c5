"""Sources to blocks and back: rows as bytes, for those who hold the codec; see FORMAT.md."""

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from baler_vae.archive.block import IDENTITY_BYTES, Block, Description, LabelsEntry
from baler_vae.archive.document import write_json
from baler_vae.codec.batches import check_types, decode_batch, encode_batch
from baler_vae.codec.encoding import RowGroup, numbered_row_groups
from baler_vae.codec.manifests import (
    array_entries,
    group_entries,
    mask_entries,
    origin_entry,
    origin_of,
    padded_entries,
    section_name,
)
from baler_vae.codec.opening import check_rows
from baler_vae.codec.sections import write_model
from baler_vae.entropy import plain
from baler_vae.errors import ArchiveError, BalerError, CorruptArchive, located
from baler_vae.scale.parallel import in_parallel
from baler_vae.source.source import Source, reason
from baler_vae.table.padded import padded_cells
from baler_vae.table.schema import Column, Group, Schema
from baler_vae.table.table import ROW_GROUP_ROWS, Batch

if TYPE_CHECKING:
    from baler_vae.codec.codec import Codec

_NAME: Final = "<block>"


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a block holds: the schema of the codec's columns in the source, its row groups, and its extras."""

    schema: Schema
    batches: tuple[Batch, ...]
    extras: bytes


def identity_of(codec: "Codec") -> bytes:
    """The first bytes of the SHA-256 of all that decoding depends on: what a codec says of its columns, and the
    sections of its models, but no encoder.
    """
    digests = _Digests()
    for number, group in enumerate(codec.schema.groups):
        write_model(digests, number, codec.models[group.name])
    groups = group_entries(codec.schema, codec.models, codec.bounds, {})
    document = {
        "arrays": [entry.model_dump(mode="json") for entry in array_entries(codec.schema)],
        "groups": [entry.model_dump(mode="json") for entry in groups],
        "masks": [entry.model_dump(mode="json") for entry in mask_entries(codec.schema)],
        "order": list(codec.schema.order),
        "origin": origin_entry(codec.schema.origin).model_dump(mode="json"),
        "sections": digests.found,
    }
    if codec.schema.padded:
        document["padded"] = [entry.model_dump(mode="json") for entry in padded_entries(codec.schema)]
    return hashlib.sha256(write_json(document)).digest()[:IDENTITY_BYTES]


class _Digests:
    """The digests of sections, in place of a file of them."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def add(self, name: str, data: bytes) -> None:
        self.found[name] = hashlib.sha256(data).hexdigest()


def encode_block(source: Source, codec: "Codec", *, with_extras: bool) -> bytes:
    """The block of the codec's columns of a source, with or without what it holds besides them.

    Raises:
        UsageError: the codec does not fit the source.
        SourceError: values cannot be read, or would be lost.
    """
    source = source.as_in(codec.schema)
    schema = codec.match(source)
    extras = source.extras() if with_extras else b""

    def encode(row_group: RowGroup) -> tuple[tuple[int, ...], tuple[bytes, ...]]:
        with located(path=source.path):
            sections = encode_batch(row_group.batch, codec, row_group.first_rows)
        return tuple(table.n_rows for table in row_group.batch), sections

    encoded = list(in_parallel(encode, numbered_row_groups(source, schema)))
    return Block(
        identity=codec.identity,
        n_rows=tuple(n_rows for n_rows, _ in encoded),
        description=_description(schema, codec.schema),
        extras=plain.encode_bytes(extras) if extras else b"",
        sections=tuple(section for _, sections in encoded for section in sections),
    ).to_bytes()


def decode_block(data: bytes, codec: "Codec") -> Decoded:
    """What a block holds, every bit of it checked.

    Raises:
        UsageError: it was encoded with another codec.
        ArchiveError: it is no block, or is damaged.
    """
    block = Block.from_bytes(data, codec.identity, len(codec.schema.groups))
    with damage_told():
        schema = _described(codec.schema, block.description)
        _check_numbers(block.n_rows, schema)
        extras = plain.decode_bytes(block.extras) if block.extras else b""
        return Decoded(schema, tuple(_batches(block, codec, schema)), extras)


@contextmanager
def damage_told() -> Iterator[None]:
    """A block in which whatever is raised for a block of rows, whose bytes nobody vouches for, becomes a
    `CorruptArchive`.
    """
    try:
        with located(path=_NAME), np.errstate(all="ignore"):
            yield
    except ArchiveError:
        raise
    except BalerError as error:
        raise CorruptArchive(f"is not what a block holds: {error.what}", path=_NAME) from error
    except Exception as error:
        raise CorruptArchive(f"is not what a block holds: {reason(error)}", path=_NAME) from error


def _batches(block: Block, codec: "Codec", schema: Schema) -> Iterator[Batch]:
    n_groups, types = len(schema.groups), dict[str, Any]()

    def decode(number: int) -> Batch:
        sections = block.sections[n_groups * number : n_groups * (number + 1)]
        return decode_batch(sections, codec.models, schema, schema, block.n_rows[number], row_group=number)

    for number, batch in enumerate(in_parallel(decode, range(len(block.n_rows)))):
        for group, table in enumerate(batch):
            check_types(table, types, section_name(group, number))
        yield batch


def _check_numbers(n_rows: tuple[tuple[int, ...], ...], schema: Schema) -> None:
    """Check that the numbers of rows are such as a writer makes, before memory is taken for them."""
    n_cells = sum(math.prod(column.shape) for column in schema.events.columns if column.shape)
    n_cells += padded_cells(schema.padded)
    check_rows(n_rows, len(schema.groups), n_cells, None)
    for number, rows in enumerate(n_rows):
        if not (0 if len(n_rows) == 1 else 1) <= rows[0] <= ROW_GROUP_ROWS:
            raise CorruptArchive(
                f"row group {number} does not have a possible number of events",
                found=rows[0],
                expected=f"1 to {ROW_GROUP_ROWS}",
            )


def _description(schema: Schema, own: Schema) -> Description:
    """What of a schema differs from that of the codec."""
    labels = {column.name: _labels(column) for column in own.columns}
    others = {c.name: _labels(c) for c in schema.columns if _labels(c) != labels[c.name]}
    origin = schema.origin.of_any_file()
    return Description(
        origin=None if origin == own.origin else origin_entry(origin),
        order=None if schema.order == own.order else schema.order,
        columns=others or None,
    )


def _described(own: Schema, description: Description) -> Schema:
    """The schema of the codec with what differs from it.

    Raises:
        ValueError: it does not hang together.
    """
    columns, origin = description.columns or {}, description.origin
    unknown = columns.keys() - set(own.order)
    if unknown:
        raise ValueError(f"no columns of the codec: {sorted(unknown)}")

    def described(column: Column) -> Column:
        labels = columns.get(column.name)
        return column if labels is None else replace(column, **labels.model_dump())

    return replace(
        own,
        groups=tuple(Group(group.name, tuple(map(described, group.columns)), group.counter) for group in own.groups),
        order=description.order or own.order,
        origin=own.origin if origin is None else origin_of(origin),
    )


def _labels(column: Column) -> LabelsEntry:
    return LabelsEntry(title=column.title, typename=column.typename, implied=column.implied)
