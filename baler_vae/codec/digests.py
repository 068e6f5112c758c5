"""Digests of what was read of a source, which tell whether it is still the same.

A file may change while its size and its time of modification stay. A run that goes on with what an earlier one left
must not join rows of two files, so it compares values, not files: that holds for many files, for URLs, for files that
are read in parts, and on workers, and costs no reading of its own where the rows are read anyway. Only where a codec
was fitted, the source is read through once more before anything is continued; fitting it again would cost more.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from baler_vae.progress import Progress, silent
from baler_vae.source.source import Ranges, Source
from baler_vae.table.nested import nested_of
from baler_vae.table.padding import without_collections
from baler_vae.table.schema import TEXT, Schema
from baler_vae.table.table import Batch


def digest_of(batch: Batch) -> str:
    """The SHA-256 of all values of a batch, in hexadecimal digits."""
    return _joined([batch])


def digest_of_source(source: Source, schema: Schema, progress: Progress = silent) -> str:
    """The digest of a whole source, as a `Watch` gives it when somebody reads the same columns: of padded collections
    as the arrays that are read.
    """
    if schema.padded and not source.has_collections:
        source, schema = source.arrays, without_collections(schema, whole=True)
    return _joined(_told(source.read(schema), source.n_events, progress))


@dataclass
class Watch:
    """A digest of what is read of a source: of the first pass over all of it."""

    source: Source
    _digests: list[str] = field(default_factory=list)

    def watched(self) -> Source:
        """The source, with an eye on what is read of it."""
        return replace(self.source, batches=self._batches)

    @property
    def digest(self) -> str:
        """The digest of the first whole pass; empty where there was none."""
        return self._digests[0] if self._digests else ""

    def _batches(self, selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        if ranges is not None or self._digests:
            yield from self.source.batches(selection, step, ranges)
            return
        digest = hashlib.sha256()
        for batch in self.source.batches(selection, step):
            _add(digest, batch)
            yield batch
        self._digests.append(digest.hexdigest())


def _told(batches: Iterable[Batch], n_events: int, progress: Progress) -> Iterator[Batch]:
    done = 0
    for batch in batches:
        yield batch
        done += batch[0].n_rows
        progress("comparing the source", done, n_events)


def _joined(batches: Iterable[Batch]) -> str:
    digest = hashlib.sha256()
    for batch in batches:
        _add(digest, batch)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", batch: Batch) -> None:
    for table in batch:
        for name in table.group.names:
            digest.update(f"{table.group.name}/{name}: {table.n_rows}\n".encode("utf-8", "surrogatepass"))
            for piece in _bytes_of(table[name]):
                digest.update(piece)


def _bytes_of(values: NDArray[np.generic]) -> Iterator[bytes | memoryview]:
    """The bytes that values (rows,) are told apart by."""
    nested = nested_of(values)
    if nested is not None:
        yield nested.to_bytes()
    elif values.dtype == TEXT:
        texts = [None if text is None else text.encode("utf-8", "surrogatepass") for text in values.tolist()]
        yield np.array([-1 if text is None else len(text) for text in texts], np.int64).tobytes()
        yield b"".join(text for text in texts if text is not None)
    else:
        yield np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
