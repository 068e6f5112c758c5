"""The networks of cells, their neighbours and predictors to bytes and back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.model.cells import (
    MOST_CELL_AXES,
    MOST_OFFSETS,
    MOST_PREDICTORS,
    CellInput,
    Cells,
    Offset,
    Predictor,
    Seen,
)
from baler_vae.model.conditional import LARGEST_INPUTS, Input
from baler_vae.model.networks import decode_networks, encode_networks

_INT64: Final = np.dtype(np.int64)
_N_PARTS: Final = 7
"""Numbers of neighbours and the like, and of each column's offsets, inputs, taps, weights and fills; before the parts
of networks.
"""
_MOST_DESCRIBED: Final = 1 << 20
_COUNT: Final = 8
_LARGEST_WEIGHT: Final = (1 << 15) - 1

Numbers = NDArray[np.int64]


def encode_cells_models(models: Mapping[int, Cells]) -> list[bytes]:
    """The parts of the networks of some columns of arrays, by number of the column."""
    description: list[int] = [len(models)]
    offsets: list[int] = []
    inputs: list[int] = []
    taps: list[Numbers] = []
    weights: list[Numbers] = []
    fills: list[float] = []
    for column, cells in models.items():
        description += [column, len(cells.shape), len(cells.offsets), len(cells.predictors), len(cells.inputs)]
        description += [2 * cells.predicted + cells.mirrored, *(len(own.taps) for own in cells.predictors)]
        offsets += [step for axis in zip(*cells.offsets, strict=True) for step in axis]
        inputs += [entry.kind for entry in cells.inputs] + [entry.number for entry in cells.inputs]
        inputs += [entry.symbol for entry in cells.inputs]
        taps += [np.diff(own.taps, prepend=-1) for own in cells.predictors]
        weights += [own.weights.astype(np.int64) for own in cells.predictors]
        fills += [own.fill for own in cells.predictors]
    networks = {number: cells.network for number, cells in models.items()}
    return [
        len(description).to_bytes(_COUNT, "little"),
        _encoded(description),
        _encoded(offsets),
        _encoded(inputs),
        _encoded(np.concatenate([*taps, np.empty(0, np.int64)])),
        _encoded(np.concatenate([*weights, np.empty(0, np.int64)])),
        _encoded(np.array(fills, np.float64).view(np.int64)),
        *encode_networks(networks, {number: cells.view for number, cells in models.items()}),
    ]


def decode_cells_models(parts: Sequence[bytes], shapes: Mapping[int, tuple[int, ...]]) -> dict[int, Cells]:
    """The networks that `encode_cells_models` was given; `shapes` are those of the columns of arrays, by number.

    Raises:
        ValueError: the parts are not those of networks of such columns.
    """
    if len(parts) < _N_PARTS or len(parts[0]) != _COUNT:
        raise ValueError(f"{len(parts)} parts are not those of networks of cells")
    n_described = int.from_bytes(parts[0], "little")
    described = iter(_decoded(parts[1], n_described).tolist())
    try:
        headers = [_Header(described) for _ in range(_within(next(described), _MOST_DESCRIBED))]
    except (StopIteration, RuntimeError) as error:
        raise ValueError("the description of networks of cells is too short") from error
    if next(described, None) is not None:
        raise ValueError("the description of networks of cells is too long")
    offsets = _Taken(parts[2], sum(own.n_offsets * (1 + own.n_axes) for own in headers))
    inputs = _Taken(parts[3], sum(3 * own.n_inputs for own in headers))
    taps = _Taken(parts[4], sum(map(sum, (own.n_taps for own in headers))))
    weights = _Taken(parts[5], sum(map(sum, (own.n_taps for own in headers))))
    fills = _Taken(parts[6], sum(len(own.n_taps) for own in headers))
    networks, views = decode_networks(parts[_N_PARTS:])
    columns = [own.column for own in headers]
    if len({*columns}) != len(columns) or not {*columns} == networks.keys() == views.keys() or {*columns} != {*shapes}:
        raise ValueError("networks of cells and columns do not match")
    if any(network.inputs != tuple(map(Input, range(len(network.inputs)))) for network in networks.values()):
        raise ValueError("a network of cells has inputs of other networks")
    found = {}
    for own in headers:
        steps = offsets.take(own.n_offsets * (1 + own.n_axes)).reshape(1 + own.n_axes, own.n_offsets)
        kinds, numbers, symbols = inputs.take(3 * own.n_inputs).reshape(3, -1).tolist()
        predictors = [_predictor(taps.take(n), weights.take(n), fills.take(1)) for n in own.n_taps]
        if own.n_axes != len(shapes[own.column]):
            raise ValueError(f"a network of cells of {own.n_axes} axes")
        found[own.column] = Cells(
            shape=shapes[own.column],
            network=networks[own.column],
            inputs=tuple(CellInput(Seen(k), n, s) for k, n, s in zip(kinds, numbers, symbols, strict=True)),
            view=views[own.column],
            offsets=_offsets(steps),
            predictors=tuple(predictors),
            predicted=own.predicted,
            mirrored=own.mirrored,
        )
    return found


def _predictor(gaps: Numbers, weights: Numbers, fill: Numbers) -> Predictor:
    """A predictor, of which the taps stand as the steps from one to the next."""
    if np.any((weights < -_LARGEST_WEIGHT) | (weights > _LARGEST_WEIGHT)):
        raise ValueError("a weight of a predictor is too large")
    if np.any((gaps < 1) | (gaps > MOST_OFFSETS)):
        raise ValueError("the taps of a predictor do not rise")
    return Predictor(np.cumsum(gaps) - 1, weights.astype(np.int16), float(fill.view(np.float64)[0]))


def _offsets(steps: Numbers) -> tuple[Offset, ...]:
    return tuple(tuple(own) for own in steps.T.tolist())


class _Header:
    """What the description says of a column."""

    def __init__(self, described: Iterator[int]) -> None:
        self.column = _within(next(described), _MOST_DESCRIBED)
        self.n_axes = _within(next(described), MOST_CELL_AXES)
        self.n_offsets = _within(next(described), MOST_OFFSETS)
        n_predictors = _within(next(described), MOST_PREDICTORS)
        self.n_inputs = _within(next(described), LARGEST_INPUTS)
        flags = _within(next(described), 3)
        self.predicted, self.mirrored = bool(flags & 2), bool(flags & 1)
        self.n_taps = [_within(next(described), MOST_OFFSETS) for _ in range(n_predictors)]


def _within(number: int, most: int) -> int:
    if not 0 <= number <= most:
        raise ValueError(f"{number} is not a number of what networks of cells have")
    return number


class _Taken:
    """Numbers of one kind, which are taken in their order."""

    def __init__(self, data: bytes, n_numbers: int) -> None:
        self._numbers, self._next = _decoded(data, n_numbers), 0

    def take(self, n_numbers: int) -> Numbers:
        self._next += n_numbers
        return self._numbers[self._next - n_numbers : self._next]


def _encoded(numbers: Any) -> bytes:  # noqa: ANN401  numbers or an array of them
    return encode_numbers(np.array(numbers, np.int64).reshape(-1))


def _decoded(data: bytes, n_numbers: int) -> Numbers:
    if n_numbers > _MOST_DESCRIBED:
        raise ValueError(f"networks of cells are described by {n_numbers} numbers")
    return decode_numbers(data, _INT64, n_numbers).astype(np.int64, copy=False)
