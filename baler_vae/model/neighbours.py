"""Codes of the cells of arrays under tables that their neighbours choose: `neighbours-1`.

Cells are coded row by row, each array in C order. What is coded of a cell may be the difference from a weighted sum of
its neighbours that come before it. Which table codes that is said by up to four factors, as under `context-1`: in which
class lie sums of the marks of neighbours, where a mark tells of a cell about how much was coded for it, what is
predicted, and the place of the cell in its array. All of it are integers; no network is needed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.lanes import LANES, Lanes, encode_lanes, random_lanes, read_lanes
from baler_vae.model.cells import LARGEST_STEP, MOST_CELL_AXES, Offset
from baler_vae.model.context import MOST_FACTORS, PREDICTED, Factor, InContext

if TYPE_CHECKING:
    from baler_vae.entropy.lane_kernels import PackedTables
    from baler_vae.model.neighbour_kernels import Factors, Geometry, Sums, Taps

Integers64 = NDArray[np.int64]

SIDE: Final = -1
"""In place of a source: where a cell of a square lies, 0 above its diagonal, 1 on it, 2 below."""

MOST_TAPS: Final = 64
"""Of a prediction, and of a sum of marks."""
LARGEST_TAP_SHIFT: Final = 15
LARGEST_TAP_WEIGHT: Final = (1 << 15) - 1
_CELLS_OF_LANES = 2_048
"""Cells below which there is one lane."""


def check_offset(offset: Offset, n_axes: int) -> None:
    """Check that an offset names a cell that is known before.

    Raises:
        ValueError: it does not.
    """
    steps = (-offset[0], *offset[1:]) if offset else ()
    is_possible = len(steps) == 1 + n_axes and max(map(abs, steps)) <= LARGEST_STEP and offset[0] >= 0
    if not is_possible or next((step for step in steps if step), 0) >= 0:
        raise ValueError(f"a neighbour of cells at {offset[:4]}, which is not known before them")


@dataclass(frozen=True, eq=False)
class Weighted:
    """Neighbours at `offsets`, each how many rows before and then the steps along the axes, and a weight for each,
    int64 (offsets,).
    """

    offsets: tuple[Offset, ...]
    weights: Integers64

    def __post_init__(self) -> None:
        if len(self.offsets) > MOST_TAPS or self.weights.shape != (len(self.offsets),):
            raise ValueError(f"{len(self.offsets)} neighbours of cells and {len(self.weights)} weights")
        if np.any(np.abs(self.weights) > LARGEST_TAP_WEIGHT):
            raise ValueError("the weight of a neighbour is too large")


def no_taps() -> Weighted:
    """No neighbours."""
    return Weighted((), np.empty(0, np.int64))


@dataclass(frozen=True, eq=False)
class Neighbours:
    """How the codes of a column of arrays of some `shape` are coded.

    A cell is predicted by its neighbours at `taps`: the code of the first that is there, and the weighted sum, in units
    of 2^-shift, of how much larger the others are. Where `mirrored`, a cell below the diagonal of a square is predicted
    by its mirror image. `context` has tables, factors, and the codes that stand alone where others are differences; its
    sources are the `sums`, by number, and behind them the axes, `SIDE` and what is predicted. `marks`, uint8
    (symbols,), are those of cells, by the symbols that were coded for them; a special code counts as the first
    neighbour that is there, where it is a neighbour itself.

    Raises:
        ValueError: the parts do not go together.
    """

    shape: tuple[int, ...]
    context: InContext
    marks: NDArray[np.uint8]
    taps: Weighted = field(default_factory=no_taps)
    shift: int = 0
    mirrored: bool = False
    sums: tuple[Weighted, ...] = ()

    def __post_init__(self) -> None:
        n_axes, context = len(self.shape), self.context
        if not 1 <= n_axes <= MOST_CELL_AXES:
            raise ValueError(f"neighbours of cells of {n_axes} axes")
        for offset in self.offsets:
            check_offset(offset, n_axes)
        if len(self.sums) > MOST_FACTORS or not all(own.offsets and own.weights.min() >= 0 for own in self.sums):
            raise ValueError(f"{len(self.sums)} sums of marks, or one of no neighbours")
        if not 0 <= self.shift <= LARGEST_TAP_SHIFT or (self.mirrored and not self.is_square):
            raise ValueError("cells are predicted by what is not there")
        if self.marks.shape != (context.tables.alphabet.n_symbols,):
            raise ValueError(f"{len(self.marks)} marks for {context.tables.alphabet.n_symbols} symbols")
        if context.base is not None or (context.alone and not self.predicts):
            raise ValueError("cells differ from what is not predicted")
        if not all(self._is_possible(factor) for factor in context.factors):
            raise ValueError("tables are chosen by what cells do not have")

    def _is_possible(self, factor: Factor) -> bool:
        if factor.lag or factor.relative or factor.source >= len(self.sums) + len(self.shape):
            return False
        special = {SIDE: self.is_square, PREDICTED: self.predicts}
        return factor.source >= 0 or special.get(factor.source, False)

    @property
    def is_square(self) -> bool:
        return len(self.shape) == 2 and self.shape[0] == self.shape[1]

    @property
    def predicts(self) -> bool:
        """Whether differences are coded."""
        return bool(self.taps.offsets) or self.mirrored

    @property
    def offsets(self) -> tuple[Offset, ...]:
        """Those of the taps, then those of the sums."""
        return (*self.taps.offsets, *(offset for own in self.sums for offset in own.offsets))

    @property
    def looks_back(self) -> bool:
        """Whether cells depend on those of rows before."""
        return any(offset[0] for offset in self.offsets)

    @property
    def n_cells(self) -> int:
        """The cells of a row."""
        return math.prod(self.shape)

    def lanes(self, n_rows: int) -> Integers64:
        """Where lanes begin among the cells of rows, and the last one ends: int64 (lanes + 1,)."""
        n_lanes = LANES if n_rows * self.n_cells >= _CELLS_OF_LANES and not self.looks_back else 1
        return np.arange(n_lanes + 1) * n_rows // n_lanes * self.n_cells

    @cached_property
    def packed_taps(self) -> "Taps":
        """The weights of the taps, and their shift."""
        return self.taps.weights, self.shift

    @cached_property
    def packed_sums(self) -> "Sums":
        """Where the neighbours of each sum begin among all, and the last end, and the weights of all."""
        n_taps = len(self.taps.offsets)
        ends = np.cumsum([n_taps, *(len(own.offsets) for own in self.sums)])
        return ends, np.concatenate([self.taps.weights, *(own.weights for own in self.sums)])

    @cached_property
    def packed_factors(self) -> "Factors":
        """The factors that differ from row to row: sources, shifts, first places, where each begins in the last array,
        which has what a place adds to the number of a context.
        """
        pairs = zip(self.context.factors, self.context.packed, strict=True)
        own = [(one.source, packed) for one, packed in pairs if self._is_moving(one)]
        added = [packed[2] for _, packed in own]
        return (
            np.array([source for source, _ in own], np.int64),
            np.array([packed[0] for _, packed in own], np.int64),
            np.array([packed[1] for _, packed in own], np.int64),
            np.cumsum([0, *map(len, added)]),
            np.concatenate([np.empty(0, np.uint16), *added]),
        )

    @cached_property
    def fixed(self) -> NDArray[np.uint16]:
        """What the place of each cell says of its context, uint16 (cells,)."""
        from baler_vae.entropy.lane_kernels import add_factor  # noqa: PLC0415 - numba takes long to import

        contexts, none = np.zeros(self.n_cells, np.uint16), np.empty(0, np.int64)
        for factor, packed in zip(self.context.factors, self.context.packed, strict=True):
            if not self._is_moving(factor):
                add_factor(contexts, places_of(self.shape, factor.source - len(self.sums)), none, none, packed)
        return contexts

    @cached_property
    def mirrors(self) -> Integers64:
        """The number of the mirror image of each cell of a row that is predicted by it, otherwise -1: int64 (cells,);
        (0,) where none is.
        """
        return mirror_images(self.shape) if self.mirrored else np.empty(0, np.int64)

    def _is_moving(self, factor: Factor) -> bool:
        return factor.source == PREDICTED or 0 <= factor.source < len(self.sums)


def geometry_of(offsets: Sequence[Offset], shape: tuple[int, ...], n_rows: int) -> "Geometry":
    """Where the neighbours at some offsets of the cells of rows are, as the kernels take it."""
    sizes = np.array([n_rows, *shape], np.int64)
    strides = np.append(np.cumprod(sizes[:0:-1])[::-1], 1)
    steps = np.array([(-own[0], *own[1:]) for own in offsets], np.int64).reshape(-1, len(sizes))
    firsts = np.maximum(0, -steps.min(axis=0, initial=0))
    ends = sizes - np.maximum(0, steps.max(axis=0, initial=0))
    return sizes, steps, steps @ strides, firsts, ends


def places_of(shape: tuple[int, ...], axis: int) -> Integers64:
    """The coordinate of each cell along an axis, int64 (cells,); on which side of the diagonal, where that is less than
    0.
    """
    if axis < 0:
        sides: Integers64 = 1 + np.sign(places_of(shape, 0) - places_of(shape, 1))
        return sides
    before, behind = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    return np.tile(np.repeat(np.arange(shape[axis]), behind), before)


def mirror_images(shape: tuple[int, ...]) -> Integers64:
    """The number of the mirror image of each cell below the diagonal of a square, -1 of others, int64 (cells,)."""
    row, column = np.indices(shape).reshape(2, -1)
    return np.where(row > column, column * shape[1] + row, -1).astype(np.int64)


def predict_cells(codes: Integers64, model: Neighbours, n_rows: int, *, holds_everything: bool) -> Integers64:
    """What is subtracted from codes (rows * cells,), int64 (rows * cells,), or (0,) where nothing is predicted."""
    from baler_vae.model.neighbour_kernels import predict_cells as fill  # noqa: PLC0415 - numba takes long to import

    if not model.predicts:
        return np.empty(0, np.int64)
    seen, base = codes if holds_everything else np.empty_like(codes), np.empty_like(codes)
    geometry = geometry_of(model.taps.offsets, model.shape, n_rows)
    fill(base, codes, seen, holds_everything, geometry, model.packed_taps, model.mirrors)
    return base


def subtract(codes: Integers64, base: Integers64, alone: tuple[int, ...], *, holds_everything: bool) -> Integers64:
    """What is coded of codes (n,), from which a base (n,) is subtracted where there is one."""
    from baler_vae.entropy.lane_kernels import subtract_base  # noqa: PLC0415

    if not len(base):
        return codes
    coded = codes.copy()
    subtract_base(coded, base, holds_everything, np.array(alone, np.int64))
    return coded


def sum_marks(marks: NDArray[np.uint8], own: Weighted, shape: tuple[int, ...], n_rows: int) -> Integers64:
    """The weighted sums of the marks (rows * cells,) of neighbours, int64 (rows * cells,)."""
    from baler_vae.model.neighbour_kernels import sum_all_marks  # noqa: PLC0415

    sums = np.empty(len(marks), np.int64)
    sum_all_marks(sums, marks, geometry_of(own.offsets, shape, n_rows), own.weights)
    return sums


def coded_by_neighbours(
    codes: Integers64, model: Neighbours, n_rows: int, *, holds_everything: bool
) -> tuple[Integers64, NDArray[np.uint8]]:
    """What is coded of codes (rows * cells,), int64 (rows * cells,), and the table of each cell, uint8."""
    from baler_vae.entropy.lane_kernels import add_factor  # noqa: PLC0415

    base = predict_cells(codes, model, n_rows, holds_everything=holds_everything)
    coded = subtract(codes, base, model.context.alone, holds_everything=holds_everything)
    marks = model.marks[model.context.tables.alphabet.split(coded)[0]]
    contexts, none = np.tile(model.fixed, n_rows), np.empty(0, np.int64)
    for factor, packed in zip(model.context.factors, model.context.packed, strict=True):
        if factor.source == PREDICTED:
            add_factor(contexts, base, none, none, packed)
        elif 0 <= factor.source < len(model.sums):
            add_factor(contexts, sum_marks(marks, model.sums[factor.source], model.shape, n_rows), none, none, packed)
    return coded, model.context.table_of[contexts]


def encode_by_neighbours(codes: Integers64, model: Neighbours, n_rows: int, *, holds_everything: bool) -> bytes:
    """The bytes of the codes (rows * cells,) of arrays; without rows there are no bytes."""
    if not n_rows:
        return b""
    coded, chosen = coded_by_neighbours(codes, model, n_rows, holds_everything=holds_everything)
    return encode_lanes(coded, chosen, model.context.tables, model.lanes(n_rows))


def decode_by_neighbours(data: bytes, model: Neighbours, n_rows: int, *, holds_everything: bool) -> Integers64:
    """The codes int64 (rows * cells,) that `encode_by_neighbours` was given.

    Raises:
        ValueError: the bytes are not those of such codes.
    """
    if not n_rows:
        if data:
            raise ValueError(f"{len(data)} bytes for no rows")
        return np.empty(0, np.int64)
    lanes = read_lanes(data, model.lanes(n_rows))
    codes = _decoded(lanes, model, n_rows, model.context.tables.packed, holds_everything=holds_everything)
    lanes.finish()
    return codes


def draw_by_neighbours(
    model: Neighbours, n_rows: int, generator: np.random.Generator, *, holds_everything: bool
) -> Integers64:
    """Codes int64 (rows * cells,) by chance, each from the table of its neighbours: those that random bits decode to.
    None is an escape, which would lead all that come after it astray.
    """
    if not n_rows:
        return np.empty(0, np.int64)
    lanes = random_lanes(model.lanes(n_rows), generator)
    return _decoded(lanes, model, n_rows, model.context.tables.without_escape, holds_everything=holds_everything)


def _decoded(
    lanes: Lanes, model: Neighbours, n_rows: int, tables: "PackedTables", *, holds_everything: bool
) -> Integers64:
    from baler_vae.model.neighbour_kernels import decode_cells  # noqa: PLC0415

    n_codes = n_rows * model.n_cells
    codes = np.empty(n_codes, np.int64)
    done = decode_cells(
        codes,
        codes if holds_everything else np.empty(n_codes, np.int64),
        np.empty(n_codes, np.uint8),
        model.fixed,
        model.context.table_of,
        model.context.tables.packed_alphabet,
        tables,
        model.lanes(n_rows),
        lanes.words,
        lanes.word_places,
        lanes.bits,
        lanes.states,
        lanes.bit_places,
        lanes.limits,
        holds_everything,
        np.array(model.context.alone, np.int64),
        model.marks,
        geometry_of(model.offsets, model.shape, n_rows),
        model.packed_taps,
        model.packed_sums,
        model.packed_factors,
        model.mirrors,
    )
    if done < 0:
        raise ValueError("the words or bits of a lane are too few")
    return codes


def neighbour_bits(codes: Integers64, model: Neighbours, n_rows: int, *, holds_everything: bool) -> NDArray[np.float64]:
    """The bits, float64 (rows * cells,), that each of the codes (rows * cells,) takes: symbol and offset."""
    coded, chosen = coded_by_neighbours(codes, model, n_rows, holds_everything=holds_everything)
    tables = model.context.tables
    bits: NDArray[np.float64] = tables.symbol_bits[chosen, tables.alphabet.split(coded)[0]]
    return bits
