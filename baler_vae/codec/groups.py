"""One table to the parts of a section and back: latents first, then the columns."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.coded import CodedTable
from baler_vae.codec.rows import Arrays, Events, Latents, Rows, layout_of
from baler_vae.entropy import plain
from baler_vae.errors import UsageError
from baler_vae.grid.codes import SPECIAL, Codes, dequantise_column
from baler_vae.grid.uniform import UniformGrid
from baler_vae.model.coders import differences, sums
from baler_vae.model.columns import Coded, Free, Networked, OnGrid, Plain
from baler_vae.model.group import Decoder, GroupModel
from baler_vae.model.network import LARGEST_ACTIVATION
from baler_vae.model.stream import ConditionalReader, encode_conditional
from baler_vae.table.nested import Nested, nested_of
from baler_vae.table.schema import TEXT, Column, Group
from baler_vae.table.table import empty_column

_LATENT = np.dtype(np.float64)
_SIZE = struct.Struct("<I")


def encode_group(coded: CodedTable) -> list[bytes]:
    """The parts of a group's rows.

    Raises:
        UsageError: under `free`, values are so far from those of the fit that the network cannot take them.
    """
    rows, model = known_rows(coded), coded.model
    parts = encode_latents(rows.latents, model) if rows.latents is not None else []
    for name, column in model.columns.items():
        if isinstance(column, OnGrid):
            parts.append(_encode_codes(coded.codes[name], name, column, rows))
        elif isinstance(column, Plain):
            parts.append(encode_plain(rows.values[name]))
    return parts


def known_rows(coded: CodedTable) -> Rows:
    """All that is known of the rows of a group when they are encoded.

    Raises:
        UsageError: under `free`, values are so far from those of the fit that the network cannot take them.
    """
    model, events = coded.model, coded.events
    rows = Rows(model, coded.group, coded.layout, events)
    rows.values = coded.values
    rows.show_events(model.event_columns(model.names, () if events is None else events.names))
    if model.encoder is not None and model.n_latents:
        rows.latents = latents_of(rows.values, model, bounded=model.decoder is None, group=coded.group.name)
        for number, latent in enumerate(quantise_latents(rows.latents[0], model.steps)):
            rows.sources.show(len(model.columns) + number, latent)
    for name, codes in coded.codes.items():
        rows.sources.show(model.names.index(name), codes.codes)
    return rows


def _encode_codes(coded: Codes, name: str, column: Coded | Networked, rows: Rows) -> bytes:
    """The codes of a column; before them, where its grid does not hold every value, what stands verbatim, led by its
    size in bytes (uint32).
    """
    predicted = rows.predict(name, 0, rows.layout.n_rows)
    codes = coded.codes
    if column.predicted and predicted is not None:
        codes = differences(codes, predicted, column.grid)
    if isinstance(column, Networked):
        data = encode_conditional(codes, column.conditional, rows.sources)
    else:
        data = column.coder.encode(codes)
    if column.grid.holds_everything:
        return data
    verbatim = _encode_verbatim(coded.verbatim)
    return _SIZE.pack(len(verbatim)) + verbatim + data


def needed_parts(model: GroupModel, wanted: Iterable[str]) -> tuple[int, ...]:
    """The numbers of the parts from which `decode_group` gives the wanted columns: all, where all are wanted."""
    wanted = set(wanted)
    if wanted == model.columns.keys():
        return tuple(range(model.n_parts))
    needed = model.needed(wanted)
    latents = range(model.n_latents if _needs_latents(model, needed) else 0)
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
    layout = layout_of(model, n_rows, events)
    rows = Rows(model, group, layout, events)
    needed = model.needed(wanted.names)
    rows.show_events(model.event_columns(wanted.names, () if events is None else events.names))
    if _needs_latents(model, needed):
        _decode_latents([parts[number] for number in range(model.n_latents)], rows, needed)
    own = [name for name in needed if name in model.parts]
    formulas = [formula for name in needed if (formula := model.formula(name)) is not None]
    read = {name for formula in formulas for name in formula.names}
    # One rank after the other needs all columns at once; without ranks each is read to its end before the next.
    for names in [own] if len(layout.slices) > 1 else [[name] for name in own]:
        readers = []
        for name in names:
            column, part = model.columns[name], parts[model.parts[name]]
            if isinstance(column, OnGrid):
                readers.append(_ColumnReader(part, name, column, rows, at_once=name not in read))
            else:
                rows.values[name] = decode_plain(part, group.column(name), n_rows)
        for start, stop in layout.slices:
            for reader in readers:
                reader.read(start, stop)
        for reader in readers:
            reader.finish()
    missing = [name for name in wanted.names if name not in rows.values]
    if missing and n_rows:
        raise ValueError(f"no model gives the {n_rows} values of column {missing[0]!r}")
    rows.values |= {name: empty_column(group.column(name)) for name in missing}
    return {name: layout.restore(rows.values[name]) for name in wanted.names}


def _needs_latents(model: GroupModel, needed: Iterable[str]) -> bool:
    """Whether a column needs the latents: those under `free` are what a decoder makes of them, networks see them."""
    first, needed = len(model.columns), tuple(needed)
    seen = {source for name in needed for source in model.sources_of(name)}
    free = model.decoder is not None and any(isinstance(model.columns[name], Free) for name in needed)
    return free or bool(seen & set(range(first, first + model.n_latents)))


def _decode_latents(parts: Sequence[bytes], rows: Rows, needed: Iterable[str]) -> None:
    """Reads the latents from their parts: columns under `free` are known then, networks see the codes."""
    model, n_rows = rows.model, rows.layout.n_rows
    if model.steps:
        coded = zip(model.steps, model.latents, parts, strict=True)
        codes = [(step, coder.decode(part, n_rows)) for step, coder, part in coded]
        for number, (_, latent) in enumerate(codes):
            rows.sources.show(len(model.columns) + number, latent)
        latents = [UniformGrid(step).dequantise(latent) for step, latent in codes]
    else:
        latents = [plain.decode_raw(part, _LATENT, n_rows).astype(np.float32) for part in parts]
    if model.decoder is not None and any(isinstance(model.columns[name], Free) for name in needed):
        rows.values |= decode_free_columns(model.decoder, np.stack(latents, axis=1), rows.group)


class _ColumnReader:
    """Reads a column on a grid from its part, some rows at a time, into the values of its rows; `at_once` when all are
    read, where nobody asks for them before.

    Raises:
        ValueError: the part is not that of such a column.
    """

    def __init__(self, data: bytes, name: str, column: Coded | Networked, rows: Rows, *, at_once: bool) -> None:
        self._name, self._column, self._rows, self._at_once = name, column, rows, at_once
        self._number = rows.model.names.index(name)
        self._dtype = rows.group.column(name).dtype
        self._read: list[NDArray[np.int64]] = []
        self._stream: ConditionalReader | None = None
        n_rows = rows.layout.n_rows
        verbatim, data = (b"", data) if column.grid.holds_everything else _split_verbatim(data)
        self._verbatim, self._n_verbatim = _decode_verbatim(verbatim, n_rows), 0
        if isinstance(column, Networked):
            self._stream = ConditionalReader(data, column.conditional, rows.sources)
        else:
            self._codes = column.coder.decode(data, n_rows)

    def read(self, start: int, stop: int) -> None:
        """Reads the rows from `start` to `stop`."""
        column, rows = self._column, self._rows
        predicted = rows.predict(self._name, start, stop)
        codes = self._codes[start:stop] if self._stream is None else self._stream.read(start, stop)
        if column.predicted and predicted is not None:
            codes = sums(codes, predicted, column.grid)
        rows.sources.show(self._number, codes, start)
        if not self._at_once:
            self._restore(codes, start)
        elif len(codes):
            self._read.append(codes)

    def finish(self) -> None:
        """Nothing, when the whole part was read."""
        if self._stream is not None:
            self._stream.finish()
        if self._read:
            self._restore(np.concatenate(self._read), 0)
        if self._n_verbatim != len(self._verbatim):
            raise ValueError(f"{len(self._verbatim)} verbatim values for {self._n_verbatim} codes that stand for them")

    def _restore(self, codes: NDArray[np.int64], start: int) -> None:
        """Gives the rows from `start` on the values of codes (rows,)."""
        grid, values = self._column.grid, self._rows.values
        n_verbatim = 0 if grid.holds_everything else int(np.count_nonzero(codes == SPECIAL))
        verbatim = self._verbatim[self._n_verbatim : self._n_verbatim + n_verbatim]
        self._n_verbatim += n_verbatim
        if self._name not in values:  # not before: a damaged column of many rows should take no memory
            values[self._name] = np.empty(self._rows.layout.n_rows, self._dtype)
        values[self._name][start : start + len(codes)] = dequantise_column(codes, verbatim, grid, self._dtype)


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
    """The bytes of a column (rows,) without codes: text and nested values through zstandard, numbers through pcodec."""
    nested = nested_of(values)
    if nested is not None:
        return plain.encode_bytes(nested.to_bytes())
    return plain.encode_text(values.astype(object)) if values.dtype == TEXT else plain.encode_numbers(values)


def decode_plain(data: bytes, column: Column, n_rows: int) -> NDArray[np.generic]:
    """The column (rows,) that `encode_plain` was given.

    Raises:
        ValueError: the bytes are not those of such a column.
    """
    if column.is_nested:
        nested: Any = Nested.from_bytes(plain.decode_bytes(data), n_rows)
        return nested  # type: ignore[no-any-return]  # it stands for an array
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
