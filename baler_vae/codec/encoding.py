"""Row groups to the sections of an archive."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.archive.parts import pack_checked_parts
from baler_vae.codec.codec import Codec
from baler_vae.codec.digests import digest_of
from baler_vae.codec.finite import check_finite
from baler_vae.codec.fitness import independent_bits
from baler_vae.codec.groups import encode_group
from baler_vae.codec.rows import events_of
from baler_vae.errors import SourceError, UsageError
from baler_vae.table.nested import nested_of
from baler_vae.table.schema import TEXT
from baler_vae.table.table import LARGEST_ROWS, Batch, Table

_JUDGED_ROWS = 16_384
"""Rows that tell what columns by themselves would take."""


@dataclass(frozen=True)
class EncodedRowGroup:
    """A row group on its way into an archive: the rows of each group, the size of each column in its own dtype, and the
    sections of the groups, none where they are in the archive already. `alone` tells, in the first row group only,
    about how many bits a row of each group the columns would take by themselves, None where that does not tell.
    `digest` is that of the rows as they were read.
    """

    n_rows: tuple[int, ...]
    original_bytes: Mapping[str, int]
    sections: tuple[bytes, ...]
    alone: tuple[float | None, ...] = ()
    digest: str = ""


@dataclass(frozen=True)
class RowGroup:
    """A row group as it was read; `first_rows` is the number of its first row by group, `number` its own."""

    number: int
    batch: Batch
    first_rows: Mapping[str, int]


@dataclass(frozen=True)
class RowGroupEncoder:
    """Encodes row groups of the file at `path` with a codec; the first `n_kept` are in the archive already."""

    codec: Codec
    path: str
    n_kept: int = 0

    @np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
    def encode(self, row_group: RowGroup) -> EncodedRowGroup:
        """A row group encoded.

        Raises:
            SourceError: a value would be lost, or an event has too many rows.
            UsageError: the codec has no model for a group, or values are too far from those of the fit.
        """
        batch = row_group.batch
        check_finite(batch, self.codec.bounds, self.path, row_group.first_rows)
        kept = row_group.number < self.n_kept
        return EncodedRowGroup(
            tuple(table.n_rows for table in batch),
            {name: typed_bytes(table[name]) for table in batch for name in table.group.names},
            () if kept else tuple(pack_checked_parts(self._parts(table, batch)) for table in batch),
            () if row_group.number else tuple(self._alone(table.rows(0, _JUDGED_ROWS)) for table in batch),
            digest_of(batch),
        )

    def _alone(self, table: Table) -> float | None:
        model = self.codec.models[table.group.name]
        if not table.n_rows or any(column.coding is None for column in model.columns.values()):
            return None
        return independent_bits(table, model, self.codec.bounds) / table.n_rows

    def _parts(self, table: Table, batch: Batch) -> list[bytes]:
        model = self.codec.models[table.group.name]
        if table.n_rows > LARGEST_ROWS:
            raise SourceError(
                f"an event holds {table.n_rows:,} rows of {table.group.name}",
                path=self.path,
                expected=f"at most {LARGEST_ROWS:,}",
                way_out="Leave its columns out with --columns",
            )
        if table.n_rows and model.decoder is None and any(c.coding is None for c in model.columns.values()):
            raise UsageError(
                f"the codec has no model for {table.group.name!r}: there were no rows when it was fitted",
                path=self.path,
                way_out="Fit a codec on this file",
            )
        bounds, of_events = self.codec.bounds, self.codec.models[batch[0].group.name]
        seen = model.event_columns(model.names, () if table is batch[0] else of_events.names)
        events = events_of(batch, table.group, of_events, bounds, seen)
        return encode_group(table, model, bounds, self.path, events)


def typed_bytes(values: NDArray[np.generic]) -> int:
    """The size of an array (rows,) in its own dtype; for text, of its UTF-8; for nested values, of their Arrow
    stream.
    """
    if values.dtype == TEXT:
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in values.tolist() if text is not None)
    nested = nested_of(values)
    return int(values.nbytes) if nested is None else len(nested.to_bytes())
