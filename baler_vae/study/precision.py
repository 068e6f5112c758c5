"""The coarsest bound of each column under which nothing that is measured moves too far."""

import decimal
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.evaluation.advice import Candidate, ColumnAdvice
from baler_vae.evaluation.effect import Effect
from baler_vae.evaluation.sensitivity import Sensitivity
from baler_vae.fitting.rows import code_bits
from baler_vae.grid.choose import SAMPLE, choose_grid, written_grid
from baler_vae.grid.codes import quantise_column
from baler_vae.grid.grids import Grid, Pattern, describe_grid
from baler_vae.model.coders import fit_coder, pcodec_bits
from baler_vae.progress import Progress
from baler_vae.table.bounds import EXACT, Bound, ColumnLimits
from baler_vae.table.schema import Column
from baler_vae.table.table import Batch

Values = NDArray[np.generic]

FIRST_BITS = 8
"""The mantissa bits that are tried first."""
_FURTHER = 0.25
"""The part of what may move below which nothing finer is tried."""
_COARSER = 16.0
"""The multiple of what may move beyond which nothing coarser is tried."""
_NICE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
"""The leading digits of absolute bounds: half a bit apart."""
_NEARLY_FREE = 1.02
"""How many times the bytes of its bound a column may take where it is kept exactly all the same."""
_COMPACT = 8.0
"""Of a column of both signs: the 99.9 % quantile of abs(x) over its median up to which one bound for all may do."""


@dataclass(eq=False)
class Ladder:
    """Bounds of a column, each step finer than the one before, and what was found of those that were tried."""

    bound: Callable[[int], Bound]
    steps: range
    tried: dict[int, Candidate] = field(default_factory=dict)

    def chosen(self, part: float) -> int | None:
        """The coarsest step from which on nothing that was tried moves too far; None where the finest does."""
        good = None
        for step in sorted(self.tried, reverse=True):
            if self.tried[step].worst > part:
                break
            good = step
        return good


@dataclass(eq=False)
class _Choice:
    """A column with its sampled values, the ladder on which its bound is a step (None: exact), and what is known."""

    column: Column
    group: str
    values: Values
    n_rows: int
    exact_bytes: float
    written_as: str | None
    ladders: list[Ladder]
    ladder: Ladder | None = None
    step: int = 0
    joint: Effect | None = None

    @property
    def bound(self) -> Bound:
        return EXACT if self.ladder is None else self.ladder.bound(self.step)

    @property
    def candidate(self) -> Candidate | None:
        return None if self.ladder is None else self.ladder.tried[self.step]


class PrecisionSearch:
    """Finds the bounds of the float columns of a batch that stands for `n_rows` by group."""

    def __init__(
        self,
        batch: Batch,
        limits: Mapping[str, ColumnLimits],
        n_rows: Mapping[str, int],
        sensitivity: Sensitivity,
        part: float,
        progress: Progress,
    ) -> None:
        self._sensitivity, self._part, self._progress = sensitivity, part, progress
        self._choices = [
            self._prepared(column, table.group.name, table[column.name], n_rows[table.group.name], limits)
            for table in batch
            for column in table.group.columns
            if column.is_float and column.is_scalar
        ]

    def advise(self) -> tuple[tuple[ColumnAdvice, ...], tuple[Effect, ...]]:
        """What is advised for each float column, and the effects of all of it at once, the largest first."""
        for number, choice in enumerate(self._choices):
            self._progress(f"columns ({choice.column.name})", number, len(self._choices))
            self._choose(choice)
        joint = self._settle()
        return tuple(map(self._advice, self._choices)), tuple(joint)

    def _prepared(
        self, column: Column, group: str, values: Values, n_rows: int, limits: Mapping[str, ColumnLimits]
    ) -> _Choice:
        grows = n_rows / max(1, len(values))
        grid = _grid_of(values, EXACT)
        exact_bits = _bits(values, grid, EXACT)
        all_bits = _bits(values, Pattern(), EXACT)
        written = written_grid(values, cost=code_bits)
        exact_bytes = min(exact_bits, all_bits, pcodec_bits(values)) * grows / 8
        median = limits[column.name].median_abs if column.name in limits else math.nan
        ladders = [] if math.isnan(median) else [_of_bits(median, int(np.finfo(np.dtype(values.dtype.name)).nmant))]
        if ladders and (column.name in self._sensitivity.angles or _is_compact(values)):
            ladders.append(_of_size(median, values.dtype))
        return _Choice(
            column, group, values, n_rows, exact_bytes, None if written is None else describe_grid(written), ladders
        )

    def _choose(self, choice: _Choice) -> None:
        """Puts a column on the step that takes the fewest bytes and moves nothing too far."""
        best: Candidate | None = None
        for ladder in choice.ladders:
            self._climb(choice, ladder)
            step = ladder.chosen(self._part)
            if step is not None and (best is None or ladder.tried[step].n_bytes < best.n_bytes):
                choice.ladder, choice.step, best = ladder, step, ladder.tried[step]
        if best is not None and choice.exact_bytes <= _NEARLY_FREE * best.n_bytes:
            choice.ladder = None

    def _climb(self, choice: _Choice, ladder: Ladder) -> None:
        """Tries steps around the one that is looked for, from the middle of the ladder on."""
        start = ladder.steps[len(ladder.steps) // 2] if FIRST_BITS not in ladder.steps else FIRST_BITS
        for step in range(start, ladder.steps.stop):
            if self._try(choice, ladder, step).worst <= _FURTHER * self._part:
                break
        for step in range(start - 1, ladder.steps.start - 1, -1):
            if self._try(choice, ladder, step).worst > _COARSER * self._part:
                break

    def _try(self, choice: _Choice, ladder: Ladder, step: int) -> Candidate:
        if step not in ladder.tried:
            bound, name = ladder.bound(step), choice.column.name
            grid = _grid_of(choice.values, bound)
            codes = quantise_column(choice.values, grid, bound)
            effects = self._sensitivity.of({name: codes.restored})
            bits = fit_coder(codes.codes)[1] + codes.verbatim_bits
            n_bytes = bits * choice.n_rows / max(1, len(choice.values)) / 8
            ladder.tried[step] = Candidate(bound.text, n_bytes, tuple(effects))
        return ladder.tried[step]

    def _settle(self) -> list[Effect]:
        """The effects of all bounds at once, made finer until none is too large."""
        restored: dict[str, tuple[Bound, Values]] = {}
        while True:
            for choice in self._choices:
                name, bound = choice.column.name, choice.bound
                if name not in restored or restored[name][0] != bound:
                    restored[name] = bound, _restored(choice.values, bound)
            joint = self._sensitivity.of({name: values for name, (_, values) in restored.items()})
            lossy = [choice for choice in self._choices if choice.ladder is not None]
            if not joint or joint[0].in_errors <= self._part or not lossy:
                return joint
            worst = joint[0].key
            self._progress(f"refining (for the {joint[0]})", 0, 1)
            refined = max(lossy, key=lambda choice: _own(choice.candidate, worst))
            refined.joint = joint[0]
            self._refine(refined)

    def _refine(self, choice: _Choice) -> None:
        ladder = choice.ladder
        if ladder is not None and choice.step + 1 in ladder.steps:
            choice.step += 1
            self._try(choice, ladder, choice.step)
        else:
            choice.ladder = None

    def _limit(self, choice: _Choice) -> Effect | None:
        """What the next coarser step, of those that were tried, moves too far."""
        for ladder in [choice.ladder] if choice.ladder is not None else choice.ladders:
            last = choice.step if choice.ladder is not None else ladder.steps.stop
            coarser = [step for step, own in ladder.tried.items() if step < last and own.worst > self._part]
            if coarser:
                return ladder.tried[max(coarser)].effects[0]
        return None

    def _advice(self, choice: _Choice) -> ColumnAdvice:
        chosen = choice.candidate
        return ColumnAdvice(
            name=choice.column.name,
            group=choice.group,
            dtype=choice.column.kind,
            n_rows=choice.n_rows,
            bound=choice.bound.text,
            n_bytes=choice.exact_bytes if chosen is None else chosen.n_bytes,
            exact_bytes=choice.exact_bytes,
            written_as=choice.written_as,
            limit=choice.joint or self._limit(choice),
            candidates=tuple(ladder.tried[step] for ladder in choice.ladders for step in sorted(ladder.tried)),
        )


def _own(candidate: Candidate | None, key: tuple[str, str]) -> tuple[float, float]:
    """How much a column by itself does to what moves too far, and to anything."""
    if candidate is None:
        return 0.0, 0.0
    return max((effect.in_errors for effect in candidate.effects if effect.key == key), default=0.0), candidate.worst


def _of_bits(median: float, most: int) -> Ladder:
    """From no mantissa bits on, with a floor at the median of abs(x)."""

    def bound(bits: int) -> Bound:
        relative = Bound("bits", bits).relative
        return Bound("bits", bits, _rounded_down(relative * median))

    return Ladder(bound, range(most))


def _of_size(median: float, dtype: np.dtype[Any]) -> Ladder:
    """Absolute bounds from the median of abs(x) down to its spacing, in round numbers."""
    first = len(_NICE) * (math.floor(math.log10(median)) + 1)
    last = len(_NICE) * math.floor(math.log10(median * float(np.finfo(dtype).eps)))

    def bound(step: int) -> Bound:
        decade, place = divmod(first - step, len(_NICE))
        return Bound("abs", float(f"{_NICE[place]}e{decade}"))

    return Ladder(bound, range(first - last))


def _rounded_down(number: float) -> float:
    """The number with two significant digits, never larger."""
    return float(decimal.Context(prec=2, rounding=decimal.ROUND_DOWN).create_decimal_from_float(number))


def _is_compact(values: Values) -> bool:
    """Whether values (rows,) of both signs are all about as large, so that one step suits them all."""
    numbers = values[np.isfinite(values)].astype(np.float64)
    sizes = np.abs(numbers[numbers != 0])
    if not len(sizes) or np.all(numbers >= 0) or np.all(numbers <= 0):
        return False
    typical, most = np.percentile(sizes, [50, 99.9])
    return bool(most <= _COMPACT * typical)


def _grid_of(values: Values, bound: Bound) -> Grid:
    """The grid that a compressor would choose for values (rows,), told by some of them."""
    few = values
    if len(values) > SAMPLE:
        few = values[np.sort(np.random.default_rng(0).choice(len(values), SAMPLE, replace=False))]
    return choose_grid(few, bound, cost=code_bits)


def _bits(values: Values, grid: Grid, bound: Bound) -> float:
    codes = quantise_column(values, grid, bound)
    return fit_coder(codes.codes)[1] + codes.verbatim_bits


def _restored(values: Values, bound: Bound) -> Values:
    """The values (rows,) as a reader of an archive gets them."""
    if bound == EXACT:
        return values
    grid = choose_grid(values, bound, cost=code_bits)
    return quantise_column(values, grid, bound).restored
