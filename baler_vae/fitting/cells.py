"""The networks of the cells of arrays: what they see, and whether they pay."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.rows import random_rows
from baler_vae.entropy.alphabet import Alphabet
from baler_vae.fitting import policy
from baler_vae.fitting.conditionals import network_bytes, symbol_bits
from baler_vae.fitting.parents import FINE_RANGES, view_of
from baler_vae.fitting.taps import causal_offsets, fit_taps, local_scales, neighbourhood, predictor_of
from baler_vae.grid.codes import Codes
from baler_vae.grid.grids import Grid
from baler_vae.grid.numbers import Integers64
from baler_vae.model.cell_fields import CellField, Known, flat
from baler_vae.model.cells import MOST_POINTS, CellInput, Cells, Offset, Predictor, Seen, numbered, unique_offsets
from baler_vae.model.conditional import Conditional, Input, IntegerLayer
from baler_vae.settings.model import ModelSettings

if TYPE_CHECKING:
    from baler_vae.learn.conditional import Training

Floats64 = NDArray[np.float64]

_REACH = {1: (32,), 2: (5, 5), 3: (2, 3, 3)}
"""How far the neighbours of a predictor may be away along each axis, by the number of axes. Chosen by hand."""
_REACH_OF_MORE = 1
_REACH_WITH_LAGS = {1: (4,), 2: (4, 4), 3: (1, 2, 2)}
_LAGS = 4
"""Rows before that a predictor may see. Chosen by hand."""
_SPIKES = 2
"""Single codes of a neighbour for which the network has an input of their own."""
_NEAREST = 4
"""Neighbours for which it has."""


@dataclass(frozen=True, eq=False)
class CellColumn:
    """Rows of a column of arrays on a grid: their numbers `rows` int64 (n,), their codes and restored values, and how
    many cells stand for each of them.
    """

    rows: Integers64
    codes: Integers64
    restored: NDArray[np.generic]
    grid: Grid
    weight: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.restored.shape[1:]

    @property
    def n_cells(self) -> float:
        """The number of cells that bits are counted for."""
        return self.restored.size * self.weight


@dataclass(frozen=True, eq=False)
class RowSource:
    """What the network of cells may see of their row: codes (rows,) of the rows of a column, and their view."""

    codes: Integers64
    view: Alphabet


@dataclass(frozen=True, eq=False)
class FittedCells:
    """The network of the cells of a column, and the estimated bits of all cells and of the network."""

    cells: Cells
    bits: float
    weight_bits: float


def chosen_rows(n_rows: int, n_cells: int) -> Integers64:
    """The numbers of the rows, about evenly spread runs of them, on which networks of `n_cells` cells a row are
    fitted.
    """
    most = max(1, policy.CELLS_OF_SAMPLE // n_cells)
    if n_rows <= most:
        return np.arange(n_rows)
    n_runs = max(1, min(8, most // policy.LEAST_ROWS_FOR_LAGS))
    length = most // n_runs
    starts = np.linspace(0, n_rows - length, n_runs).astype(np.int64)
    return np.unique((starts[:, None] + np.arange(length)).reshape(-1))


def cell_column(codes: Codes, shape: Sequence[int], rows: Integers64, grid: Grid, weight: float) -> CellColumn:
    """The rows of a column of arrays, from the codes of their cells."""
    restored = codes.restored.reshape(len(rows), *shape)
    return CellColumn(rows, codes.codes, restored, grid, weight)


class CellTrainer:
    """Fits networks of cells to columns of one group, one after the other: those that are `fitted` are seen by others
    of the same shape.
    """

    def __init__(self, sources: Mapping[int, RowSource], settings: ModelSettings) -> None:
        self._sources, self._settings = sources, settings
        self._fitted: dict[int, tuple[Cells, CellColumn]] = {}

    def fit(self, column: CellColumn, part: float) -> FittedCells | None:
        """The network of a column, trained for `part` of the usual steps: of the ways to predict cells that makes the
        fewest bits after a brief training. None where all cells have one code.
        """
        plans = self._plans(column)
        if len(plans) > 1:
            bits = [self._trained(column, plan, policy.CELLS_OF_TRIAL, brief=True)[1] for plan in plans]
            plans = [plans[int(np.argmin(bits))]]
        cells, bits_of_cells = self._trained(column, plans[0], policy.CELLS_OF_TRAINING, part=part)
        if not np.isfinite(bits_of_cells):
            return None
        return FittedCells(cells, bits_of_cells, 8.0 * _model_bytes(cells))

    def keep(self, number: int, cells: Cells, column: CellColumn) -> None:
        """Lets the cells of later columns see those of column `number`."""
        self._fitted[number] = cells, column

    def _plans(self, column: CellColumn) -> list[Cells]:
        """The ways to predict cells that are worth a trial, each with a network that knows nothing yet."""
        mirrored = is_symmetric(column)
        view = view_of(column.codes, self._settings.networks or FINE_RANGES)
        found = []
        lags = [0, _LAGS] if comes_in_order(column) else [0]
        for lag in lags:
            predictors, offsets = self._predictors(column, lag, local=True)
            plan = self._plan(column, view, offsets, predictors, lag, mirrored=mirrored, predicted=True)
            found.append(plan)
            predictors, offsets = self._predictors(column, lag, local=False)
            found.append(self._plan(column, view, offsets, predictors, lag, mirrored=mirrored, predicted=False))
        if mirrored and column.shape[0] <= MOST_POINTS and _may_be_distances(column):
            points = Predictor(
                np.empty(0, np.int64), np.empty(0, np.int16), float(np.median(column.restored.astype(np.float64)))
            )
            found.append(self._plan(column, view, [], [points], 0, mirrored=mirrored, predicted=True))
        return found

    def _predictors(self, column: CellColumn, lags: int, *, local: bool) -> tuple[list[Predictor], tuple[Offset, ...]]:
        """Predictors, the one of most neighbours first, and the offsets of their neighbours: of least squares, which
        are `local` where errors count in units of what they are about a cell.
        """
        shape, values = column.shape, column.restored.astype(np.float64)
        reaches = _REACH_WITH_LAGS if lags else _REACH
        reach = reaches.get(len(shape), (_REACH_OF_MORE,) * len(shape))
        pool = causal_offsets(shape, reach, lags=min(lags, len(column.rows) - 1))
        if not pool:
            return [], ()
        n_rows = max(1 + lags, policy.CELLS_OF_SCALES // math.prod(shape))
        if len(values) > n_rows:  # with rows before it neighbouring ones
            values = values[:n_rows] if lags else values[np.linspace(0, len(values) - 1, n_rows).astype(np.int64)]
        finite = np.flatnonzero(np.isfinite(values.reshape(-1)))
        least, most = policy.CELLS_OF_TAPS
        n_items = min(max(40 * len(pool), least), most)
        items = finite[random_rows(len(finite), n_items, self._settings.seed)]
        if not len(items):
            return [], ()
        targets = values.reshape(-1)[items]
        around = neighbourhood(values, items, pool)
        fill = float(np.median(targets))
        scales = np.ones(len(items))
        if local:
            scales = local_scales(values, items, pool[: policy.TAPS_OF_SCALES], fill, self._settings.seed)
        near = [k for k, offset in enumerate(pool) if max(map(abs, offset)) <= 1]
        subsets = [range(len(pool)), near]
        if lags:
            subsets += [[k for k, offset in enumerate(pool) if offset[0]]]
            subsets += [[k for k, offset in enumerate(pool) if not any(offset[1:])]]
        subsets += [[k for k, offset in enumerate(pool) if not offset[0] and not any(offset[1:-1])]]
        if len(shape) > 1:
            subsets += [[k for k, offset in enumerate(pool) if not offset[0] and offset[1]]]
        taken: list[tuple[list[int], Floats64]] = []
        for subset in subsets:
            own = sorted(subset)
            if not own or any(own == sorted(other) for other, _ in taken):
                continue
            numbers, weights = fit_taps(around.only(own), targets, scales, n_cells=column.n_cells)
            if numbers:
                taken.append(([own[k] for k in numbers], weights))
        used = sorted({k for numbers, _ in taken for k in numbers})
        place = {k: n for n, k in enumerate(used)}
        predictors = [predictor_of([place[k] for k in numbers], weights, fill) for numbers, weights in taken]
        return predictors, tuple(pool[k] for k in used)

    def _plan(
        self,
        column: CellColumn,
        view: Alphabet,
        offsets: Sequence[Offset],
        predictors: Sequence[Predictor],
        lags: int,
        *,
        mirrored: bool,
        predicted: bool,
    ) -> Cells:
        """The network of cells that sees neighbours through these predictors, before it is trained."""
        shape = column.shape
        near = causal_offsets(shape, (2,) * len(shape), lags=min(lags, 2))[: policy.MOST_NEAR_CELLS]
        every = unique_offsets([*offsets, *near])
        places = [every.index(offset) for offset in near]
        predicted = predicted and bool(predictors)
        inputs = [CellInput(Seen.DIFFERENCE, k) for k in range(1, len(predictors))] if predicted else []
        inputs += [CellInput(Seen.PREDICTED, k) for k in range(1 if predicted else len(predictors))]
        inputs += [CellInput(Seen.RELATIVE if predicted else Seen.VALUE, k) for k in places]
        if predicted:
            inputs += [CellInput(Seen.RESIDUAL, k) for k in places]
            inputs += [CellInput(Seen.SPREAD, side) for side in (0, 1)]
        else:
            often = _often(column.codes, view)
            inputs += [CellInput(Seen.VALUE, k, symbol) for k in places[:_NEAREST] for symbol in often]
        inputs += [CellInput(Seen.COORDINATE, axis) for axis, size in enumerate(shape) if size > 1]
        inputs += [CellInput(Seen.MIRRORED)] if mirrored else []
        inputs += [CellInput(Seen.SOURCE, source) for source in self._sources]
        inputs += [CellInput(Seen.SAME_CELL, k) for k, (other, _) in self._fitted.items() if other.shape == shape]
        return Cells(
            shape=shape,
            network=_blank(view, len(inputs)),
            inputs=tuple(inputs),
            view=view,
            offsets=every,
            predictors=tuple(predictors),
            predicted=predicted,
            mirrored=mirrored,
        )

    def _field(self, cells: Cells, column: CellColumn) -> CellField:
        """The cells of the rows of a column."""
        known = Known(
            sources={n: self._sources[n].view.positions(self._sources[n].codes[column.rows]) for n in cells.sources},
            source_ranges={n: len(self._sources[n].view.starts) for n in cells.sources},
            others={n: self._places_of(n) for n in cells.others},
            other_ranges={n: len(self._fitted[n][0].view.starts) for n in cells.others},
        )
        field = CellField(cells, column.grid, column.restored.dtype, len(column.rows), known)
        field.fill(column.codes, column.restored)
        return field

    def _places_of(self, number: int) -> NDArray[np.int16]:
        cells, column = self._fitted[number]
        n_rows = len(column.rows)
        return cells.view.positions(flat(column.codes.reshape(n_rows, -1))).astype(np.int16)

    def _trained(
        self, column: CellColumn, plan: Cells, most: int, *, brief: bool = False, part: float = 1.0
    ) -> tuple[Cells, float]:
        """A plan with a network that was trained on at most so many cells, and about how many bits all cells take."""
        from baler_vae.learn.conditional import TrainingSet, train_conditionals  # noqa: PLC0415

        field = self._field(plan, column)
        coded = _all_coded(field)
        alphabet = view_of(coded, self._settings.networks)
        if alphabet.n_symbols < 3:
            return plan, float("inf")
        cells = replace(plan, network=_blank(alphabet, len(plan.inputs)))
        field = self._field(cells, column)
        chosen = np.zeros(len(field.codes), np.bool_)
        chosen[random_rows(len(chosen), most, self._settings.seed)] = True
        inputs, own = _looks(field, chosen)
        symbols, _ = alphabet.split(own)
        entries = tuple(Input(number) for number in range(len(plan.inputs)))
        training = self._training(round(column.n_cells), brief=brief, part=part)
        training_set = TrainingSet(alphabet, entries, inputs, symbols)
        (network,), _ = train_conditionals([training_set], training)
        trained = replace(cells, network=numbered(network))
        bits = float(alphabet.widths[symbols].astype(np.int64).sum())
        for start in range(0, len(symbols), policy.CHUNK_ROWS):
            chunk = slice(start, start + policy.CHUNK_ROWS)
            bits += symbol_bits(network, inputs[chunk].astype(np.float32), symbols[chunk])
        return trained.pruned(), bits * column.n_cells / len(symbols)

    def _training(self, n_cells: int, *, brief: bool, part: float) -> "Training":
        from baler_vae.learn.conditional import training_for  # noqa: PLC0415

        settings, networks = self._settings, self._settings.networks
        found = training_for(n_cells, seed=settings.seed, part=part, device=settings.device)
        if networks is not None:
            found = replace(
                found,
                width=networks.width or found.width,
                steps=networks.steps or found.steps,
                learning_rate=networks.learning_rate or found.learning_rate,
                weight_cost=networks.weight_cost,
            )
        return replace(found, steps=min(found.steps, policy.STEPS_OF_TRIAL)) if brief else found


def _all_coded(field: CellField) -> Integers64:
    """What is coded of all cells, in the order in which they are coded."""
    looks = (field.look(items, blindly=True) for items in field.known_order())
    return np.concatenate([field.coded(look.base, field.codes[look.items]) for look in looks])


def _looks(field: CellField, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.int16], Integers64]:
    """What the network sees of the chosen cells, int16 (n, inputs), and what is coded of them (n,)."""
    inputs, coded = [], []
    field.show_all_coded()
    for items in field.known_order():
        own = items[chosen[items]]
        if len(own):
            look = field.look(own)
            inputs.append(look.inputs.T.astype(np.int16))
            coded.append(field.coded(look.base, field.codes[own]))
    return np.concatenate(inputs), np.concatenate(coded)


def _blank(alphabet: Alphabet, n_inputs: int) -> Conditional:
    """A network that knows nothing."""
    layer = IntegerLayer(np.zeros((alphabet.n_symbols, n_inputs), np.int16), np.zeros(alphabet.n_symbols, np.int32), 0)
    return Conditional(alphabet, tuple(Input(number) for number in range(n_inputs)), (layer,))


def _often(codes: Integers64, view: Alphabet) -> list[int]:
    """The symbols of single codes that cells often have."""
    counts = np.bincount(view.split(codes)[0], minlength=view.n_symbols)[:-1]
    first = np.argsort(-counts, kind="stable")[:_SPIKES].tolist()
    return [k for k in first if view.shifts[k] == 0 and counts[k] > policy.LEAST_SPIKE * len(codes)]


def comes_in_order(column: CellColumn) -> bool:
    """Whether arrays are more like those of the row before than like others."""
    n_rows = len(column.rows)
    if n_rows < policy.LEAST_ROWS_FOR_LAGS:
        return False
    values = np.nan_to_num(column.restored.astype(np.float64), posinf=0.0, neginf=0.0)
    near = np.abs(values[1:] - values[:-1]).mean()
    far = np.abs(values - np.roll(values, n_rows // 2, axis=0)).mean()
    return bool(near < policy.MOST_FROM_ROW_TO_ROW * far)


def is_symmetric(column: CellColumn) -> bool:
    """Whether the arrays are square matrices, each of them its own transpose."""
    shape = column.shape
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 2:
        return False
    matrices = column.codes.reshape(-1, *shape)
    return np.array_equal(matrices, matrices.transpose(0, 2, 1))


def _may_be_distances(column: CellColumn) -> bool:
    """Whether symmetric matrices have a diagonal of zeros and no number below zero."""
    values = column.restored.astype(np.float64)
    return bool(np.all(np.diagonal(values, axis1=1, axis2=2) == 0) and np.all(values >= 0))


def _model_bytes(cells: Cells) -> int:
    """The estimated bytes of a network of cells in an archive."""
    taps = sum(3 * len(own.taps) for own in cells.predictors)
    return network_bytes(cells.network) + taps + len(cells.offsets) + 2 * len(cells.inputs)
