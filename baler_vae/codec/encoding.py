"""Row groups to the sections of an archive."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.batches import coded_batch, encode_table
from baler_vae.codec.codec import Codec
from baler_vae.codec.digests import digest_of
from baler_vae.codec.finite import check_finite
from baler_vae.codec.fitness import independent_bits_per_row
from baler_vae.errors import located
from baler_vae.source.source import Source
from baler_vae.table.nested import nested_of
from baler_vae.table.padded import PaddedCollection
from baler_vae.table.schema import TEXT, Schema
from baler_vae.table.table import Batch, row_groups


@dataclass(frozen=True)
class EncodedRowGroup:
    """A row group on its way into an archive: the rows of each group, the size of each column in its own dtype, and the
    sections of the groups, none where they are in the archive already. `independent_bits` estimates, in the first row
    group only, and only where a codec is judged, how many bits a row of each group would take if its columns were
    independent; None where there are too few rows to tell. `digest` is that of the rows as they were read.
    """

    n_rows: tuple[int, ...]
    original_bytes: Mapping[str, int]
    sections: tuple[bytes, ...]
    independent_bits: tuple[float | None, ...] = ()
    digest: str = ""


@dataclass(frozen=True)
class RowGroup:
    """A row group as it was read; `first_rows` is the number of its first row by group, `number` its own."""

    number: int
    batch: Batch
    first_rows: Mapping[str, int]


@dataclass(frozen=True)
class RowGroupEncoder:
    """Encodes row groups of the file at `path` with a codec, which it `judges` or not; the first `n_kept` are in the
    archive already.
    """

    codec: Codec
    path: str
    n_kept: int = 0
    judges: bool = True

    @np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
    def encode(self, row_group: RowGroup) -> EncodedRowGroup:
        """A row group encoded.

        Raises:
            SourceError: a value would be lost, or an event has too many rows.
            UsageError: the codec has no model for a group, or values are too far from those of the fit.
        """
        batch, is_kept = row_group.batch, row_group.number < self.n_kept
        judges = self.judges and not row_group.number
        sections, independent_bits = [], []
        with located(path=self.path):
            check_finite(batch, self.codec.bounds, row_group.first_rows)
            for coded in coded_batch(batch, self.codec) if judges or not is_kept else ():
                sections += [] if is_kept else [encode_table(coded)]
                independent_bits += [independent_bits_per_row(coded)] if judges else []
        return EncodedRowGroup(
            tuple(table.n_rows for table in batch),
            original_bytes(batch, self.codec.schema.padded),
            tuple(sections),
            tuple(independent_bits),
            digest_of(batch),
        )


def numbered_row_groups(opened: Source, schema: Schema) -> Iterator[RowGroup]:
    """The row groups of a source, in their order: one without events where there are none, and nested columns have
    types that would be lost.
    """
    first_rows = dict.fromkeys((group.name for group in schema.groups), 0)
    for number, batch in enumerate(row_groups(opened.read(schema), schema)):
        yield RowGroup(number, batch, dict(first_rows))
        for table in batch:
            first_rows[table.group.name] += table.n_rows
    if not opened.n_events and _has_types(empty := opened.typed_empty(schema)):
        yield RowGroup(0, empty, first_rows)


def _has_types(batch: Batch) -> bool:
    """Whether a batch without events has nested columns whose types would be lost without it."""
    nested = (nested_of(values) for table in batch for values in table.arrays.values())
    return any(column is not None and not column.is_untyped for column in nested)


def original_bytes(batch: Batch, padded: Iterable[PaddedCollection] = ()) -> dict[str, int]:
    """The size of each column of a batch in its own dtype, by name: of features of padded objects with the padding, as
    it was in the source, which did not have their counter.
    """
    found = {name: typed_bytes(table[name]) for table in batch for name in table.group.names}
    for made in padded:
        slots = batch[0].n_rows * made.n_slots
        own = {made.counter: 0}
        own |= {name: slots * array.dtype.itemsize for array in made.arrays for name in array.features}
        found |= {name: n_bytes for name, n_bytes in own.items() if name in found}
    return found


def typed_bytes(values: NDArray[np.generic]) -> int:
    """The size of an array (rows,) in its own dtype; for text, of its UTF-8; for nested values, of their Arrow
    stream.
    """
    if values.dtype == TEXT:
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in values.tolist() if text is not None)
    nested = nested_of(values)
    return int(values.nbytes) if nested is None else len(nested.to_bytes())
