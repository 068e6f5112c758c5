"""One table to the parts of a section and back: latents first, then the columns."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.coded import CodedTable
from baler_vae.codec.correcting import guarded_parts
from baler_vae.codec.filling import fill_group, needs_latents
from baler_vae.codec.rows import Arrays, Events, Latents, Rows
from baler_vae.entropy import plain
from baler_vae.errors import UsageError
from baler_vae.grid.codes import SPECIAL, Codes
from baler_vae.grid.uniform import UniformGrid
from baler_vae.model.cell_fields import CellField, Look
from baler_vae.model.cell_stream import CellReader, encode_cells
from baler_vae.model.coders import differences, sums
from baler_vae.model.columns import Celled, Coded, Contextual, Neighboured, Networked, OnGrid, Plain
from baler_vae.model.context import decode_in_context, encode_in_context
from baler_vae.model.group import GroupModel
from baler_vae.model.neighbours import decode_by_neighbours, encode_by_neighbours
from baler_vae.model.network import LARGEST_ACTIVATION
from baler_vae.model.stream import ConditionalReader, encode_conditional
from baler_vae.table.nested import Nested, nested_of
from baler_vae.table.schema import TEXT, Column, Group

_LATENT = np.dtype(np.float64)
_SIZE = struct.Struct("<I")
_SCORED_CELLS = 1 << 22
"""Cells of arrays that an encoder is shown at once: 16 MB of scores."""


def encode_group(coded: CodedTable) -> list[bytes]:
    """The parts of a group's rows.

    Raises:
        UsageError: under `free`, values are so far from those of the fit that the network cannot take them.
    """
    rows, model = known_rows(coded), coded.model
    parts = encode_latents(rows.latents, model) if rows.latents is not None else []
    for name, column in model.columns.items():
        if isinstance(column, Celled):
            parts.append(_encode_cells(coded.codes[name], rows.fields[name]))
        elif isinstance(column, Coded | Contextual | Neighboured | Networked):
            parts.append(_encode_codes(coded.codes[name], name, column, rows))
        elif isinstance(column, Plain):
            parts.append(encode_plain(rows.values[name]))
    return [*parts, *guarded_parts(coded.guarded, model)] if model.is_guarded else parts


def known_rows(coded: CodedTable) -> Rows:
    """All that is known of the rows of a group when they are encoded.

    Raises:
        UsageError: under `free`, values are so far from those of the fit that the network cannot take them.
    """
    model, events = coded.model, coded.events
    rows = Rows(model, coded.group, coded.layout, events)
    rows.values, rows.predicted = coded.values, coded.predicted
    rows.show_events(model.event_columns(model.names, () if events is None else events.names))
    if model.encoder is not None and model.n_latents:
        rows.latents = latents_of(rows.values, model, bounded=model.decoder is None, group=coded.group.name)
        for number, latent in enumerate(quantise_latents(rows.latents[0], model.steps)):
            rows.sources.show(len(model.columns) + number, latent)
    for name, codes in coded.codes.items():
        if not coded.group.column(name).is_array:
            rows.show(model.names.index(name), codes.codes)
    for name in model.needed(coded.codes):
        column = model.columns[name]
        if isinstance(column, Celled):
            rows.fields[name] = field = rows.field(name, column)
            field.fill(coded.codes[name].codes, coded.values[name])
    return rows


def _encode_codes(coded: Codes, name: str, column: Coded | Contextual | Neighboured | Networked, rows: Rows) -> bytes:
    """The codes of a column; before them, where its grid does not hold every value, what stands verbatim, led by its
    size in bytes (uint32).
    """
    predicted = rows.predicted_codes(name)
    codes, holds = coded.codes, column.grid.holds_everything
    if isinstance(column, Coded | Networked) and column.predicted and predicted is not None:
        codes = differences(codes, predicted, column.grid)
    if isinstance(column, Neighboured):
        data = encode_by_neighbours(codes, column.neighbours, rows.layout.n_rows, holds_everything=holds)
    elif isinstance(column, Contextual):
        data = encode_in_context(codes, column.context, rows.looked_at, predicted, holds_everything=holds)
    elif isinstance(column, Networked):
        data = encode_conditional(codes, column.conditional, rows.sources)
    else:
        data = column.coder.encode(codes)
    return data if holds else _join_verbatim(coded.verbatim, data)


def _encode_cells(coded: Codes, field: CellField) -> bytes:
    """The codes of the cells of a column of arrays; before them what stands verbatim, in the order of the codes."""
    data, verbatim = encode_cells(field), coded.verbatim
    if field.grid.holds_everything:
        return data
    if len(verbatim):
        order = np.concatenate([*field.known_order()])
        special = order[field.codes[order] == SPECIAL]
        numbers = np.cumsum(coded.codes == SPECIAL) - 1
        verbatim = verbatim[numbers[special % field.n_rows * field.n_cells + special // field.n_rows]]
    return _join_verbatim(verbatim, data)


def _join_verbatim(values: NDArray[np.uint64], data: bytes) -> bytes:
    """The verbatim values, led by their size in bytes (uint32), and then the codes."""
    verbatim = _encode_verbatim(values)
    return _SIZE.pack(len(verbatim)) + verbatim + data


def needed_parts(model: GroupModel, wanted: Iterable[str]) -> tuple[int, ...]:
    """The numbers of the parts from which `decode_group` gives the wanted columns."""
    wanted = set(wanted)
    if wanted == model.columns.keys():
        return tuple(range(model.first_guard_part))
    needed = model.needed(wanted)
    latents = range(model.n_latents if needs_latents(model, needed) else 0)
    return (*latents, *sorted(model.parts[name] for name in needed if name in model.parts))


def decode_group(
    parts: Mapping[int, bytes],
    model: GroupModel,
    group: Group,
    wanted: Group,
    n_rows: int,
    events: Events | None = None,
) -> Arrays:
    """The columns (rows,) of `wanted` from parts that `encode_group` made of a group's rows, by number: at least those
    of `needed_parts`. `events` has at least the columns that they need.

    Raises:
        ValueError: the parts are not those of such rows.
    """
    return fill_group(_Stored(parts, model), model, group, wanted, n_rows, events)


def stored_latents(parts: Mapping[int, bytes], model: GroupModel, n_rows: int) -> Latents:
    """The latents of a group's rows from its first parts, by number, as many as hold latents and log-variances.

    Raises:
        ValueError: the parts are not those of such rows.
    """
    stored = _Stored(parts, model)
    if model.steps:
        codes = zip(model.steps, stored.latent_codes(n_rows), strict=True)
        mean = np.stack([UniformGrid(step).dequantise(own) for step, own in codes], axis=1)
        return mean, np.empty((n_rows, 0), np.float32)
    more = [parts[number] for number in range(model.n_latents, model.n_latent_parts)]
    log_variance = [plain.decode_raw(part, _LATENT, n_rows).astype(np.float32) for part in more]
    return stored.latents(n_rows), np.array(log_variance, np.float32).reshape(-1, n_rows).T


class _Stored:
    """What the parts of a section hold, given by number: what `encode_group` made of a group's rows."""

    def __init__(self, parts: Mapping[int, bytes], model: GroupModel) -> None:
        self._parts, self._model = parts, model

    def latent_codes(self, n_rows: int) -> list[NDArray[np.int64]]:
        """The codes (rows,) of each latent."""
        coded = zip(self._model.latents, self._latent_parts(), strict=True)
        return [coder.decode(part, n_rows) for coder, part in coded]

    def latents(self, n_rows: int) -> NDArray[np.float32]:
        """The latents (rows, k)."""
        latents = [plain.decode_raw(part, _LATENT, n_rows).astype(np.float32) for part in self._latent_parts()]
        return np.stack(latents, axis=1)

    def values(self, column: Column, n_rows: int) -> NDArray[np.generic]:
        """The values (rows,) or (rows, *shape) of a column without codes."""
        return decode_plain(self._parts[self._model.parts[column.name]], column, n_rows)

    def codes(
        self, name: str, column: Coded | Contextual | Neighboured | Networked, rows: Rows
    ) -> "_StoredCodes | _StoredInContext":
        """The codes of a column."""
        part, n_cells = self._parts[self._model.parts[name]], rows.group.column(name).n_cells
        if isinstance(column, Contextual):
            return _StoredInContext(part, column, rows)
        return _StoredCodes(part, name, column, rows, n_cells)

    def cells(self, name: str, column: Celled, rows: Rows) -> "_StoredCells":
        """The codes of the cells of a column of arrays."""
        n_codes = rows.group.column(name).n_cells * rows.layout.n_rows
        return _StoredCells(self._parts[self._model.parts[name]], column, n_codes)

    def _latent_parts(self) -> list[bytes]:
        return [self._parts[number] for number in range(self._model.n_latents)]


class _StoredVerbatim:
    """Reads the verbatim values of a part, of which a column of `n_codes` codes on a grid has some; `rest` is what is
    behind them.

    Raises:
        ValueError: the part is not that of such a column.
    """

    def __init__(self, data: bytes, column: OnGrid, n_codes: int) -> None:
        verbatim, self.rest = (b"", data) if column.grid.holds_everything else _split_verbatim(data)
        self._values, self._n_read = _decode_verbatim(verbatim, n_codes), 0

    def verbatim(self, n_values: int) -> NDArray[np.uint64]:
        """The bit patterns (n_values,) of the next values without a code; fewer, where there are not so many."""
        self._n_read += n_values
        return self._values[self._n_read - n_values : self._n_read]

    def finish(self) -> None:
        """Check that all were read."""
        if self._n_read != len(self._values):
            raise ValueError(f"{len(self._values)} verbatim values for {self._n_read} codes that stand for them")


class _StoredCells(_StoredVerbatim):
    """Reads the codes of the cells of a column of arrays from its part."""

    def __init__(self, data: bytes, column: Celled, n_codes: int) -> None:
        super().__init__(data, column, n_codes)
        self._reader = CellReader(self.rest, column.cells.network)

    def read(self, look: Look) -> NDArray[np.int64]:
        """What is coded of the next cells."""
        return self._reader.read(look)

    def finish(self) -> None:
        """Check that the whole part was read."""
        self._reader.finish()
        super().finish()


class _StoredCodes(_StoredVerbatim):
    """Reads the codes of a column on a grid from its part; a row has `n_cells`.

    Raises:
        ValueError: the part is not that of such a column.
    """

    def __init__(
        self, data: bytes, name: str, column: Coded | Neighboured | Networked, rows: Rows, n_cells: int
    ) -> None:
        n_codes = n_cells * rows.layout.n_rows
        super().__init__(data, column, n_codes)
        self._grid, self._n_cells = column.grid, n_cells
        self._stream: ConditionalReader | None = None
        if isinstance(column, Networked):
            own = None if column.predicted else rows.model.names.index(name)
            self._stream = ConditionalReader(self.rest, column.conditional, rows.sources, own)
        elif isinstance(column, Neighboured):
            holds = column.grid.holds_everything
            self._codes = decode_by_neighbours(self.rest, column.neighbours, rows.layout.n_rows, holds_everything=holds)
        else:
            self._codes = column.coder.decode(self.rest, n_codes)
        self.shows = self._stream is not None and self._stream.shows

    def read(self, start: int, stop: int, predicted: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """The codes of the rows from `start` to `stop`, or of their cells."""
        if self._stream is None:
            codes = self._codes[start * self._n_cells : stop * self._n_cells]
        else:
            codes = self._stream.read(start, stop)
        return codes if predicted is None else sums(codes, predicted, self._grid)

    def finish(self) -> None:
        """Check that the whole part was read."""
        if self._stream is not None:
            self._stream.finish()
        super().finish()


class _StoredInContext(_StoredVerbatim):
    """Reads the codes of a column under tables in context from its part, all rows at once.

    Raises:
        ValueError: the part is not that of such a column.
    """

    shows: Final = False

    def __init__(self, data: bytes, column: Contextual, rows: Rows) -> None:
        super().__init__(data, column, rows.layout.n_rows)
        self._column, self._looked_at = column, rows.looked_at

    def read(self, start: int, stop: int, predicted: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """The codes of the rows from `start` to `stop`, which are all."""
        if start or stop != self._looked_at.layout.n_rows:
            raise ValueError("tables in context give the codes of all rows at once")
        holds = self._column.grid.holds_everything
        return decode_in_context(self.rest, self._column.context, self._looked_at, predicted, holds_everything=holds)


def _split_verbatim(data: bytes) -> tuple[bytes, bytes]:
    """The bytes of the verbatim values, and of the codes."""
    if len(data) < _SIZE.size:
        raise ValueError("the size of the verbatim values is missing")
    (n_bytes,) = _SIZE.unpack_from(data)
    if n_bytes > len(data) - _SIZE.size:
        raise ValueError(f"{n_bytes} bytes of verbatim values in {len(data)} bytes")
    return data[_SIZE.size : _SIZE.size + n_bytes], data[_SIZE.size + n_bytes :]


def latents_of(
    columns: Mapping[str, NDArray[np.generic]],
    model: GroupModel,
    *,
    bounded: bool = False,
    group: str = "a group",
) -> Latents:
    """The latents of the columns (rows,) or (rows, *shape) that the encoder of a model sees. Where all columns keep a
    bound, latents only help: values that are too far away are then seen as the farthest.

    Raises:
        UsageError: values under `free` are too far from those of the fit.
    """
    if model.encoder is None:
        raise ValueError("a group without a network has no latents")
    seen = {name: columns[name] for name in model.encoder.columns}
    n_rows = len(next(iter(seen.values())))
    step = max(1, _SCORED_CELLS // model.encoder.network[0].n_inputs) if model.encoder.shapes else n_rows
    found, n_far = [], 0
    for start in range(0, n_rows, step) if n_rows else (0,):
        with np.errstate(over="ignore", invalid="ignore"):
            scores = model.encoder.scores({name: array[start : start + step] for name, array in seen.items()})
        scores[np.isnan(scores)] = 0.0
        n_far += int(np.count_nonzero(~np.all(np.abs(scores) < LARGEST_ACTIVATION, axis=1)))
        found.append(model.encoder.encode(scores))
    if n_far and not bounded:
        raise UsageError(
            "values are too far from those that the codec was fitted on",
            rows=f"{n_far:,} of {n_rows:,} rows of {group}",
            way_out="Fit a codec on this file",
        )
    if len(found) == 1:
        return found[0]
    means, log_variances = zip(*found, strict=True)
    return np.concatenate(means), np.concatenate(log_variances)


def encode_latents(latents: Latents, model: GroupModel) -> list[bytes]:
    """One part per latent, and one per log-variance where those are kept beside latents that are not rounded."""
    mean, log_variance = latents
    if not model.steps:
        stored = np.hstack([mean, log_variance]) if model.keeps_log_variance else mean
        return [plain.encode_raw(latent.astype(_LATENT)) for latent in stored.T]
    codes = quantise_latents(mean, model.steps)
    return [coder.encode(latent) for coder, latent in zip(model.latents, codes, strict=True)]


def quantise_latents(mean: NDArray[np.float32], steps: Sequence[float]) -> list[NDArray[np.int64]]:
    """The codes (rows,) of each latent of (rows, k); none where latents are not rounded."""
    return [UniformGrid(step).quantise(latent) for step, latent in zip(steps, mean.T, strict=False)]


def encode_plain(values: NDArray[np.generic]) -> bytes:
    """The bytes of a column (rows,) or (rows, *shape) without codes: text and nested values through zstandard, numbers
    through pcodec.
    """
    nested = nested_of(values)
    if nested is not None:
        return plain.encode_bytes(nested.to_bytes())
    return (
        plain.encode_text(values.astype(object)) if values.dtype == TEXT else plain.encode_numbers(values.reshape(-1))
    )


def decode_plain(data: bytes, column: Column, n_rows: int) -> NDArray[np.generic]:
    """The column (rows,) or (rows, *shape) that `encode_plain` was given.

    Raises:
        ValueError: the bytes are not those of such a column.
    """
    if column.is_nested:
        nested: Any = Nested.from_bytes(plain.decode_bytes(data), n_rows)
        return nested  # type: ignore[no-any-return]  # it stands for an array
    if column.is_text:
        return plain.decode_text(data, n_rows)
    return plain.decode_numbers(data, column.dtype, n_rows * column.n_cells).reshape(n_rows, *column.shape)


def _encode_verbatim(values: NDArray[np.uint64]) -> bytes:
    """The number of verbatim values (uint32) and the values; nothing where there are none."""
    return _SIZE.pack(len(values)) + plain.encode_numbers(values) if len(values) else b""


def _decode_verbatim(data: bytes, n_rows: int) -> NDArray[np.uint64]:
    """The verbatim values uint64 (n,) of at most `n_rows` rows."""
    if not data:
        return np.empty(0, np.uint64)
    n_values = int.from_bytes(data[: _SIZE.size], "little")
    if len(data) < _SIZE.size or not 0 < n_values <= n_rows:
        raise ValueError(f"{n_values} verbatim values for {n_rows} rows")
    return plain.decode_numbers(data[_SIZE.size :], np.dtype(np.uint64), n_values).astype(np.uint64, copy=False)
