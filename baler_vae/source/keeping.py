"""Small sources that are read once, however often their rows are asked for."""

from collections.abc import Iterator
from dataclasses import replace

from baler_vae.source.source import Ranges, Source
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch

KEPT_BYTES = 32 << 20
"""The most bytes of values, about, that are kept: a file of hundreds of columns and few events takes longer to open and
to go through than its values take memory.
"""


def keeping(source: Source) -> Source:
    """The same source; where its values are few, those of the last whole pass over it are kept, and another one like it
    gives them again.
    """
    if source.bytes_of_event(source.schema) * source.n_events > KEPT_BYTES:
        return source
    kept: tuple[int, Schema, tuple[Batch, ...]] | None = None

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        nonlocal kept
        if ranges is not None:
            yield from source.batches(selection, step, ranges)
            return
        if kept is not None and kept[:2] == (step, selection):
            yield from kept[2]
            return
        found = []
        for batch in source.batches(selection, step):
            found.append(batch)
            yield batch
        kept = (step, selection, tuple(found))

    return replace(source, batches=batches)
