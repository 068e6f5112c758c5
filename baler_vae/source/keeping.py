"""Small sources that are read once, however often their rows are asked for."""

from collections.abc import Iterator
from dataclasses import replace

from baler_vae.source.source import Ranges, Source
from baler_vae.table.padding import without_collections
from baler_vae.table.schema import Schema
from baler_vae.table.table import TEXT_BYTES, Batch

KEPT_BYTES = 32 << 20
"""The most bytes of values, about, that are kept: a file of hundreds of columns and few events takes longer to open and
to go through than its values take memory.
"""


def keeping(source: Source) -> Source:
    """The same source; where its values are few, those of the last whole pass over it are kept, and another one like it
    gives them again.
    """
    n_bytes = sum(
        source.event_bytes.get(column.name, column.dtype.itemsize * column.n_cells)
        + (0 if column.is_number else TEXT_BYTES)
        for column in without_collections(source.schema, whole=True).columns
    )
    if n_bytes * source.n_events > KEPT_BYTES:
        return source
    passes: dict[int, tuple[Schema, tuple[Batch, ...]]] = {}

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        if ranges is not None:
            yield from source.batches(selection, step, ranges)
            return
        known = passes.get(step)
        if known is not None and known[0] == selection:
            yield from known[1]
            return
        found = []
        for batch in source.batches(selection, step):
            found.append(batch)
            yield batch
        passes.clear()
        passes[step] = (selection, tuple(found))

    return replace(source, batches=batches)
