"""Choosing how the cells of arrays are coded under tables that their neighbours choose."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.rows import random_rows
from baler_vae.entropy.alphabet import Alphabet
from baler_vae.entropy.lanes import LaneTables
from baler_vae.fitting import policy
from baler_vae.fitting.cells import CellColumn, comes_in_order, is_symmetric
from baler_vae.fitting.contexts import (
    Draft,
    Look,
    Search,
    alone_bits,
    alphabet_for,
    codes_alone,
    differences_from,
    width_of,
    with_tables,
)
from baler_vae.fitting.taps import causal_offsets, fit_taps, local_scales, neighbourhood
from baler_vae.grid.codes import SPECIAL, is_special
from baler_vae.model.cells import WEIGHT_UNIT, Offset
from baler_vae.model.context import PREDICTED, Factor, InContext
from baler_vae.model.neighbours import (
    LARGEST_TAP_WEIGHT,
    SIDE,
    Neighbours,
    Weighted,
    no_taps,
    places_of,
    predict_cells,
    sum_marks,
)

Integers64 = NDArray[np.int64]

_REACH = {1: (8,), 2: (3, 3), 3: (1, 2, 2)}
"""How far the neighbours of least squares may be away along each axis, by the number of axes. Chosen by hand."""
_LAGS = 2
"""Rows before that they may be in. Chosen by hand."""
_SHIFT = round(-math.log2(WEIGHT_UNIT))
_MARKS_PER_OCTAVE = 4
_LARGEST_MARK = 255
_FURTHER = 8
"""How much larger the mark of an escape is than all others."""


@dataclass(frozen=True, eq=False)
class NeighboursFit:
    """How the cells of a column are coded, about how many bits all of them take with the model, and the model alone."""

    model: Neighbours
    bits: float
    model_bits: float


@dataclass(frozen=True, eq=False)
class _Plan:
    """A way to predict cells."""

    taps: Weighted
    shift: int
    alone: tuple[int, ...] = ()


def fit_neighbours(column: CellColumn, seed: int) -> NeighboursFit:
    """The way to code the cells of a column of arrays that takes the fewest bits: predicted by neighbours or not, under
    tables that these choose.
    """
    few = _some_cells_of(column, policy.CELLS_OF_PLANS)
    some = _Fitting(few, seed)
    plans = some.plans()
    tried = [some.fit(plan) for plan in plans]
    best = min(range(len(plans)), key=lambda number: tried[number].bits)
    return tried[best] if few is column else _Fitting(column, seed).fit(plans[best])


def _some_cells_of(column: CellColumn, most: int) -> CellColumn:
    """The first rows of a column, of at most so many cells, which stand for all; where one row has more, the beginning
    of that along its first axis. The column itself, where it has no more.
    """
    shape, n_rows = column.shape, len(column.rows)
    length = max(1, min(shape[0], most // math.prod(shape[1:])))
    n_kept = min(n_rows, max(1, most // math.prod(shape)))
    if n_kept == n_rows and length == shape[0]:
        return column
    codes = column.codes.reshape(n_rows, *shape)[:n_kept, :length].reshape(-1)
    weight = column.weight * len(column.codes) / len(codes)
    restored = column.restored[:n_kept, :length]
    return replace(column, rows=column.rows[:n_kept], codes=codes, restored=restored, weight=weight)


class _Fitting:
    """The search for the model of one column."""

    def __init__(self, column: CellColumn, seed: int) -> None:
        self._column, self._codes, self._seed = column, column.codes, seed
        self._shape, self._n_rows = column.shape, len(column.rows)
        self._holds = column.grid.holds_everything
        self._mirrored = is_symmetric(column)
        self._in_order = comes_in_order(column)
        self._sample = random_rows(len(self._codes), policy.CONTEXT_ROWS, seed)
        self._alone = () if self._holds else codes_alone(self._codes[self._sample])

    def plans(self) -> list[_Plan]:
        """The plans that are worth a closer look."""
        best = self._best(list(self._plans()))
        with_alone = [replace(plan, alone=self._alone) for plan in best] if self._alone else []
        return [_Plan(no_taps(), 0), *best, *with_alone]

    def _best(self, plans: Sequence[_Plan]) -> list[_Plan]:
        """The plans whose differences take the fewest bits under one table, of those that come nearest to the codes."""
        own, tried = self._codes[self._sample], {(), self._alone}
        bases = [Look(PREDICTED, self._base(plan)[self._sample]) for plan in plans]
        widths = [width_of(differences_from(own, base, (), holds=self._holds)) for base in bases]
        near = np.argsort(widths, kind="stable")[: policy.PREDICTIONS_NEAR].tolist()
        bits = {
            k: min(alone_bits(differences_from(own, bases[k], alone, holds=self._holds)) for alone in tried)
            for k in near
        }
        return [plans[k] for k in sorted(bits, key=lambda k: bits[k])[: policy.PREDICTIONS_TRIED]]

    def _plans(self) -> Iterator[_Plan]:
        """Predictions by the corners of boxes, and by least squares, in the array and with rows before."""
        n_axes = len(self._shape)
        axes = [axis for axis in range(1 + n_axes) if (self._shape[axis - 1] > 1 if axis else self._in_order)]
        for n_chosen in range(1, policy.MOST_LORENZO_AXES + 1):
            for chosen in combinations(axes, n_chosen):
                yield _Plan(corners(chosen, n_axes), 0)
        for lags in (0, _LAGS) if self._in_order else (0,):
            yield from self._least_squares(lags)

    def _least_squares(self, lags: int) -> Iterator[_Plan]:
        reach = _REACH.get(len(self._shape), (1,) * len(self._shape))
        pool = causal_offsets(self._shape, reach, lags=min(lags, self._n_rows - 1))[: policy.OFFSETS_OF_TAPS]
        most_rows = max(1 + lags, policy.CELLS_OF_QUICK_TAPS // math.prod(self._shape))
        codes = self._codes.reshape(self._n_rows, *self._shape)[:most_rows]
        values = codes.astype(np.float64)
        if not self._holds:
            values[is_special(codes)] = np.nan
        finite = np.flatnonzero(np.isfinite(values.reshape(-1)))
        least, most = policy.CELLS_OF_TAPS
        items = finite[random_rows(len(finite), min(max(40 * len(pool), least), most), self._seed)]
        if not pool or not len(items):
            return
        targets, around = values.reshape(-1)[items], neighbourhood(values, items, pool)
        fill = float(np.median(targets))
        scales = local_scales(values, items, pool[: policy.TAPS_OF_SCALES], fill, self._seed)
        for n_taps in policy.TAPS_OF_SUMS:
            numbers, weights = fit_taps(around, targets, scales, n_cells=self._column.n_cells, most=n_taps)
            if numbers:
                whole = np.clip(np.rint(weights / WEIGHT_UNIT), -LARGEST_TAP_WEIGHT, LARGEST_TAP_WEIGHT)
                yield _Plan(Weighted(tuple(pool[k] for k in numbers), whole.astype(np.int64)), _SHIFT)

    def _base(self, plan: _Plan) -> Integers64:
        """What a plan predicts, int64 (cells,); (0,) where that is nothing."""
        alphabet = Alphabet(np.zeros(1, np.int64), np.zeros(1, np.uint8))
        nothing = InContext(LaneTables(alphabet, np.zeros((1, alphabet.n_symbols), np.uint8)))
        model = self._model(plan, nothing, np.zeros(alphabet.n_symbols, np.uint8))
        return predict_cells(self._codes, model, self._n_rows, holds_everything=self._holds)

    def _model(
        self, plan: _Plan, context: InContext, marks: NDArray[np.uint8], sums: Sequence[Weighted] = ()
    ) -> Neighbours:
        return Neighbours(self._shape, context, marks, plan.taps, plan.shift, self._mirrored, tuple(sums))

    def fit(self, plan: _Plan) -> NeighboursFit:
        """The model of a plan."""
        codes, weight = self._codes, self._column.weight
        predicts = bool(plan.taps.offsets) or self._mirrored
        base = Look(PREDICTED, self._base(plan)) if predicts else None
        coded = differences_from(codes, base, plan.alone, holds=self._holds)
        alphabet = alphabet_for(coded, weight)
        marks = _marks(alphabet, is_rank=not plan.taps.offsets)
        sums = self._sums()
        own_marks = marks[alphabet.split(coded)[0]]
        looks = [Look(number, sum_marks(own_marks, own, self._shape, self._n_rows)) for number, own in enumerate(sums)]
        places = {len(sums) + axis: axis for axis, size in enumerate(self._shape) if size > 1}
        places |= {SIDE: -1} if self._mirrored else {}
        looks += [Look(source, np.tile(places_of(self._shape, axis), self._n_rows)) for source, axis in places.items()]
        n_codes = len(codes) * weight
        search = Search(codes, base, looks, self._sample, plan.alone, n_codes / len(self._sample), holds=self._holds)
        search.seen = {}
        _, chosen = search.choose()
        values = [base.codes if look.source == PREDICTED and base is not None else look.codes for look, _ in chosen]
        kept, numbered = self._numbered([factor for _, factor in chosen], sums)
        factors = tuple((look, factor) for (look, _), factor in zip(chosen, numbered, strict=True))
        found = with_tables(Draft(factors, None, 0, plan.alone), coded, values, weight)
        model_bits = found.model_bits + 8.0 * (len(marks) + 3 * sum(len(own.offsets) for own in (plan.taps, *kept)))
        bits = found.bits + model_bits - found.model_bits
        return NeighboursFit(self._model(plan, found.model, marks, kept), bits, model_bits)

    def _sums(self) -> list[Weighted]:
        """The sums of marks that are tried."""
        n_axes = len(self._shape)
        near = causal_offsets(self._shape, (2,) if n_axes == 1 else (1,) * n_axes, lags=int(self._in_order))
        sizes = {min(size, len(near)) for size in policy.NEIGHBOURS_OF_MARKS}
        found = [_near(near[:size]) for size in sorted(sizes) if size > 1]
        return found + [_near([offset]) for offset in near[: policy.SINGLE_MARKS]]

    def _numbered(self, factors: Sequence[Factor], sums: Sequence[Weighted]) -> tuple[list[Weighted], list[Factor]]:
        """The sums that factors look at, and the factors as they look at these."""
        used = sorted({factor.source for factor in factors if 0 <= factor.source < len(sums)})
        moved = {source: place for place, source in enumerate(used)}
        moved |= {len(sums) + axis: len(used) + axis for axis in range(len(self._shape))}
        numbered = [Factor(moved.get(factor.source, factor.source), factor.edges, factor.shift) for factor in factors]
        return [sums[source] for source in used], numbered


def corners(axes: Sequence[int], n_axes: int) -> Weighted:
    """The prediction by the corners of a box along some axes, of which 0 is that of the rows (Ibarria et al. 2003)."""
    found: dict[Offset, int] = {}
    for ends in sorted(product((0, 1), repeat=len(axes)), key=sum):
        if any(ends):
            steps = dict(zip(axes, ends, strict=True))
            offset = tuple(steps.get(axis, 0) * (-1 if axis else 1) for axis in range(1 + n_axes))
            found[offset] = 1 if sum(ends) % 2 else -1
    return Weighted(tuple(found), np.array([*found.values()], np.int64))


def _near(offsets: Sequence[Offset]) -> Weighted:
    """The sum of marks of neighbours, of which those that touch the cell count twice."""
    weights = [2 if sum(map(abs, offset)) == 1 and len(offsets) > 1 else 1 for offset in offsets]
    return Weighted(tuple(offsets), np.array(weights, np.int64))


def _marks(alphabet: Alphabet, *, is_rank: bool) -> NDArray[np.uint8]:
    """The marks uint8 (symbols,) of symbols: their number, or where differences are coded about how large they are."""
    if is_rank:
        return np.arange(alphabet.n_symbols).astype(np.uint8)
    starts = alphabet.starts.astype(np.float64)
    largest = np.maximum(np.abs(starts), np.abs(starts + np.exp2(alphabet.shifts.astype(np.float64)) - 1))
    found = np.rint(_MARKS_PER_OCTAVE * np.log2(1 + largest))
    is_alone = starts < SPECIAL / 2  # special codes, and those that stand alone
    last = found[~is_alone].max(initial=0.0) + _FURTHER
    found = np.append(np.where(is_alone, last + _FURTHER, found), last)
    marks: NDArray[np.uint8] = np.minimum(found, _LARGEST_MARK).astype(np.uint8)
    return marks
