"""One table to the parts of a section and back: latents first, then the columns."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy import plain
from baler_vae.entropy.stream import CodeReader, Tables, decode_conditional, encode_conditional
from baler_vae.errors import UsageError
from baler_vae.grid.codes import SPECIAL, Codes, dequantise_column, predicted_codes, quantise_column
from baler_vae.grid.grids import Grid
from baler_vae.grid.uniform import UniformGrid
from baler_vae.model.coders import differences, sums
from baler_vae.model.conditional import Conditional, Sources
from baler_vae.model.group import ColumnModel, Decoder, GroupModel
from baler_vae.model.layout import Layout, flat_layout, jagged_layout
from baler_vae.model.network import LARGEST_ACTIVATION
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import TEXT, Column, Group
from baler_vae.table.table import Table

_LATENT = np.dtype(np.float64)
_SIZE = struct.Struct("<I")

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Events:
    """The events of a jagged group's rows: `counts` int64 (events,), and the columns (events,) of the event-level
    table, as a reader gets them, with their models.
    """

    counts: NDArray[np.int64]
    names: tuple[str, ...]
    arrays: Mapping[str, NDArray[np.generic]]
    models: Mapping[str, ColumnModel]

    def codes(self, name: str) -> NDArray[np.int64]:
        """The codes (events,) of a column on its grid; those of values that the grid does not hold count as 0.

        Raises:
            ValueError: it has no grid.
        """
        grid = self.models[name].grid
        if grid is None:
            raise ValueError(f"column {name!r} of the events has no codes")
        return shown_codes(self.arrays[name], grid)


def events_of(batch: Sequence[Table], group: Group, model: GroupModel, bounds: Mapping[str, Bound]) -> Events | None:
    """What the rows of a group see of their events, as a reader gets it: none for the events themselves. `model` is
    that of the events.
    """
    if group.counter is None:
        return None
    table = batch[0]
    arrays = {}
    for name, column in model.columns.items():
        values = table[name]
        if column.grid is not None:
            values = dequantise_column(quantise_column(values, column.grid, bounds[name]), column.grid, values.dtype)
        arrays[name] = values
    return Events(table[group.counter].astype(np.int64), table.group.names, arrays, model.columns)


def shown_codes(values: NDArray[np.generic], grid: Grid) -> NDArray[np.int64]:
    """The codes (rows,) of restored values (rows,), 0 for NaN and infinities where a grid does not hold those."""
    if not grid.holds_everything and values.dtype.kind == "f":
        values = np.where(np.isfinite(values), values, np.zeros((), values.dtype))
    return grid.quantise(values)


def layout_of(model: GroupModel, n_rows: int, events: Events | None) -> Layout:
    """The order in which a group's rows are coded."""
    return flat_layout(n_rows) if events is None else jagged_layout(events.counts, by_rank=model.looks_back)


class _Rows:
    """What is known of the rows of a group, in the order of their layout: all of it at once when they are encoded,
    column by column and rank by rank when they are decoded. `values` are the columns (rows,) as a reader gets them.
    """

    def __init__(self, model: GroupModel, group: Group, layout: Layout, events: Events | None) -> None:
        self.model, self.group, self.layout = model, group, layout
        self.values: Arrays = {}
        seen = {source for name in model.columns for source in model.sources_of(name)}
        self.sources = Sources(layout, {source: model.view(source) for source in seen})
        self._of_events: Arrays = {}
        self._events = events

    def show_events(self, names: Iterable[str]) -> None:
        """Lets networks and formulas see columns of the events."""
        if self._events is None:
            return
        for name in names:
            self._of_events[name] = self._events.arrays[name][self.layout.events]
            source = self.model.first_event_source + self._events.names.index(name)
            self.sources.show(source, self._events.codes(name)[self.layout.events])

    def predict(self, name: str, start: int, stop: int) -> NDArray[np.int64] | None:
        """The codes that the formula of a column predicts for the rows from `start` to `stop`; its network sees them
        where they are not what is coded.
        """
        column = self.model.columns[name]
        if column.formula is None or column.grid is None:
            return None
        arrays = {
            read: (self.values[read] if read in self.values else self._of_events[read])[start:stop]
            for read in column.formula.names
        }
        numbers = column.formula.evaluate(arrays)
        codes = predicted_codes(numbers, column.grid, self.group.column(name).dtype)
        if not column.predicted and column.conditional is not None:
            self.sources.show_formula(column.conditional.alphabet, codes, start)
        return codes

    def tables(self, conditional: Conditional, first: int = 0) -> Tables:
        """The tables of rows that are counted from row `first` of the layout on."""
        return lambda start, stop: conditional.tables(
            self.sources.inputs(conditional.inputs, first + start, first + stop)
        )


def encode_group(
    table: Table, model: GroupModel, bounds: Mapping[str, Bound], path: str, events: Events | None = None
) -> list[bytes]:
    """The parts of a group's rows; `path` names their file in errors.

    Raises:
        UsageError: under `free`, values are so far from those of the fit that the network cannot take them.
    """
    layout = layout_of(model, table.n_rows, events)
    table = Table(table.group, {name: array[layout.order] for name, array in table.arrays.items()})
    grids = {name: column.grid for name, column in model.columns.items() if column.grid is not None}
    codes = {name: quantise_column(table[name], grid, bounds[name]) for name, grid in grids.items()}
    rows = _Rows(model, table.group, layout, events)
    rows.values = restored_columns(table, codes, grids)
    rows.show_events(model.event_columns(model.names, () if events is None else events.names))
    parts: list[bytes] = []
    if model.encoder is not None and model.n_latents:
        latents = latents_of(rows.values, model, path, bounded=model.decoder is None, group=table.group.name)
        parts += encode_latents(latents, model)
        for number, latent in enumerate(quantise_latents(latents[0], model.steps)):
            rows.sources.show(len(model.columns) + number, latent)
    for name, coded in codes.items():
        rows.sources.show(model.names.index(name), coded.codes)
    for name, column in model.columns.items():
        if column.grid is not None:
            parts.append(_encode_codes(codes[name], name, rows))
        elif column.coding is not None:
            parts.append(encode_plain(table[name]))
    return parts


def _encode_codes(coded: Codes, name: str, rows: _Rows) -> bytes:
    """The codes of a column; before them, where its grid does not hold every value, what stands verbatim, led by its
    size in bytes (uint32).
    """
    column = rows.model.columns[name]
    if column.grid is None:
        raise ValueError(f"column {name!r} has no codes")
    predicted = rows.predict(name, 0, rows.layout.n_rows)
    codes = coded.codes
    if column.predicted and predicted is not None:
        codes = differences(codes, predicted, column.grid)
    if column.conditional is not None:
        data = encode_conditional(codes, column.conditional.alphabet, rows.tables(column.conditional))
    elif column.coder is not None:
        data = column.coder.encode(codes)
    else:
        raise ValueError(f"column {name!r} has no coder")
    if column.grid.holds_everything:
        return data
    verbatim = _encode_verbatim(coded.verbatim)
    return _SIZE.pack(len(verbatim)) + verbatim + data


def decode_group(
    parts: Sequence[bytes],
    model: GroupModel,
    group: Group,
    wanted: Group,
    n_rows: int,
    events: Events | None = None,
) -> Arrays:
    """The columns (rows,) of `wanted` from the parts that `encode_group` made of a group's rows; `events` has at least
    the columns that they need.

    Raises:
        ValueError: the parts are not those of such rows.
    """
    own_names = [name for name, column in model.columns.items() if column.coding is not None]
    if len(parts) != model.n_latent_parts + len(own_names):
        raise ValueError(f"{len(parts)} parts instead of {model.n_latent_parts + len(own_names)}")
    own_parts = dict(zip(own_names, parts[model.n_latent_parts :], strict=True))
    layout = layout_of(model, n_rows, events)
    rows = _Rows(model, group, layout, events)
    needed = model.needed(wanted.names)
    rows.show_events(model.event_columns(wanted.names, () if events is None else events.names))
    _decode_latents(parts, rows, needed)
    readers = [_ColumnReader(own_parts[name], name, rows) for name in needed if model.columns[name].coding is not None]
    for start, stop in layout.slices:
        for reader in readers:
            reader.read(start, stop)
    for reader in readers:
        reader.finish()
    missing = [name for name in wanted.names if name not in rows.values]
    if missing and n_rows:
        raise ValueError(f"no model gives the {n_rows} values of column {missing[0]!r}")
    rows.values |= {name: np.empty(0, group.column(name).dtype) for name in missing}
    return {name: layout.restore(rows.values[name]) for name in wanted.names}


def _decode_latents(parts: Sequence[bytes], rows: _Rows, needed: Iterable[str]) -> None:
    """Reads the latents where a column needs them: those under `free` are known then, networks see the codes."""
    model, n_rows = rows.model, rows.layout.n_rows
    free = [name for name in needed if model.columns[name].coding is None]
    first = len(model.columns)
    seen = {source for name in needed for source in model.sources_of(name)}
    if not (free and model.decoder is not None) and not seen & set(range(first, first + model.n_latents)):
        return
    own = parts[: model.n_latents]
    if model.steps:
        coded = zip(model.steps, model.latents, own, strict=True)
        codes = [(step, coder.decode(part, n_rows)) for step, coder, part in coded]
        for number, (_, latent) in enumerate(codes):
            rows.sources.show(first + number, latent)
        latents = [UniformGrid(step).dequantise(latent) for step, latent in codes]
    else:
        latents = [plain.decode_raw(part, _LATENT, n_rows).astype(np.float32) for part in own]
    if free and model.decoder is not None:
        rows.values |= decode_free_columns(model.decoder, np.stack(latents, axis=1), rows.group)


class _ColumnReader:
    """Reads a column from its part, some rows at a time, into the values of its rows.

    Raises:
        ValueError: the part is not that of such a column.
    """

    def __init__(self, data: bytes, name: str, rows: _Rows) -> None:
        self._name, self._rows = name, rows
        self._model = model = rows.model.columns[name]
        self._number = rows.model.names.index(name)
        self._dtype = rows.group.column(name).dtype
        self._stream: CodeReader | None = None
        n_rows = rows.layout.n_rows
        if model.grid is None:
            rows.values[name] = decode_plain(data, rows.group.column(name), n_rows)
            return
        verbatim, data = (b"", data) if model.grid.holds_everything else _split_verbatim(data)
        self._verbatim, self._n_verbatim = _decode_verbatim(verbatim, n_rows), 0
        if model.conditional is not None:
            self._stream = CodeReader(data, model.conditional.alphabet)
        elif model.coder is not None:
            self._codes = model.coder.decode(data, n_rows)
        else:
            raise ValueError(f"column {name!r} has no coder")

    def read(self, start: int, stop: int) -> None:
        """Reads the rows from `start` to `stop`."""
        model, rows = self._model, self._rows
        if model.grid is None:
            return
        predicted = rows.predict(self._name, start, stop)
        if self._stream is not None and model.conditional is not None:
            codes = decode_conditional(self._stream, rows.tables(model.conditional, start), 0, stop - start)
        else:
            codes = self._codes[start:stop]
        if model.predicted and predicted is not None:
            codes = sums(codes, predicted, model.grid)
        rows.sources.show(self._number, codes, start)
        n_verbatim = 0 if model.grid.holds_everything else int(np.count_nonzero(codes == SPECIAL))
        verbatim = self._verbatim[self._n_verbatim : self._n_verbatim + n_verbatim]
        self._n_verbatim += n_verbatim
        if self._name not in rows.values:  # not before: a damaged column of many rows should take no memory
            rows.values[self._name] = np.empty(rows.layout.n_rows, self._dtype)
        rows.values[self._name][start:stop] = dequantise_column(Codes(codes, verbatim), model.grid, self._dtype)

    def finish(self) -> None:
        """Nothing, when the whole part was read."""
        if self._stream is not None:
            self._stream.finish()
        if self._model.grid is not None and self._n_verbatim != len(self._verbatim):
            raise ValueError(f"{len(self._verbatim)} verbatim values for {self._n_verbatim} codes that stand for them")


def _split_verbatim(data: bytes) -> tuple[bytes, bytes]:
    """The bytes of the verbatim values, and of the codes."""
    if len(data) < _SIZE.size:
        raise ValueError("the size of the verbatim values is missing")
    (n_bytes,) = _SIZE.unpack_from(data)
    if n_bytes > len(data) - _SIZE.size:
        raise ValueError(f"{n_bytes} bytes of verbatim values in {len(data)} bytes")
    return data[_SIZE.size : _SIZE.size + n_bytes], data[_SIZE.size + n_bytes :]


def restored_columns(table: Table, codes: Mapping[str, Codes], grids: Mapping[str, Grid]) -> Arrays:
    """The columns (rows,) as a reader will get them, where a grid decides that. A network sees these: what it says does
    not depend on what a grid takes away, so that a restored file is compressed to the same bytes.
    """
    own = {name: dequantise_column(coded, grids[name], table[name].dtype) for name, coded in codes.items()}
    return {**table.arrays, **own}


Latents = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Means and log-variances, float32 (rows, k) and (rows, k) or (rows, 0)."""


def latents_of(
    columns: Mapping[str, NDArray[np.generic]],
    model: GroupModel,
    path: str,
    *,
    bounded: bool = False,
    group: str = "a group",
) -> Latents:
    """The latents of the columns (rows,) that the encoder of a model sees. Where all columns keep a bound, latents only
    help: values that are too far away are then seen as the farthest.

    Raises:
        UsageError: values under `free` are too far from those of the fit.
    """
    if model.encoder is None:
        raise ValueError("a group without a network has no latents")
    with np.errstate(over="ignore", invalid="ignore"):
        scores = model.encoder.scores(columns)
    scores[np.isnan(scores)] = 0.0
    far = ~np.all(np.abs(scores) < LARGEST_ACTIVATION, axis=1)
    if far.any() and not bounded:
        raise UsageError(
            "values are too far from those that the codec was fitted on",
            path=path,
            rows=f"{far.sum():,} of {len(far):,} rows of {group}",
            way_out="Fit a codec on this file",
        )
    return model.encoder.encode(scores)


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
    """The bytes of a column (rows,) without codes: text through zstandard, numbers through pcodec."""
    return plain.encode_text(values.astype(object)) if values.dtype == TEXT else plain.encode_numbers(values)


def decode_plain(data: bytes, column: Column, n_rows: int) -> NDArray[np.generic]:
    """The column (rows,) that `encode_plain` was given.

    Raises:
        ValueError: the bytes are not those of such a column.
    """
    return plain.decode_text(data, n_rows) if column.is_text else plain.decode_numbers(data, column.dtype, n_rows)


def decode_free_columns(decoder: Decoder, latents: NDArray[np.float32], group: Group) -> Arrays:
    """The columns (rows,) that are what a decoder gives, in their own dtypes; what a dtype cannot hold becomes its
    limit.
    """
    restored: Arrays = {}
    for name, values in decoder.decode(latents).items():
        dtype = group.column(name).dtype
        limits = np.finfo(dtype)
        restored[name] = np.clip(values, float(limits.min), float(limits.max)).astype(dtype)
    return restored


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
