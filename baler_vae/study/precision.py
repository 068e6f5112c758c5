"""The coarsest bound of each column under which nothing that is measured moves too far."""

import decimal
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.evaluation.advice import Candidate, ColumnAdvice
from baler_vae.evaluation.effect import Effect, largest
from baler_vae.evaluation.sensitivity import Sensitivity
from baler_vae.fitting.rows import code_bits
from baler_vae.grid.choose import SAMPLE, choose_grid, written_grid
from baler_vae.grid.codes import quantise_column
from baler_vae.grid.grids import Grid, Pattern, describe_grid
from baler_vae.kinematics.names import families_of
from baler_vae.model.coders import fit_coder, pcodec_bits
from baler_vae.progress import Progress
from baler_vae.table.bounds import EXACT, Bound, ColumnLimits, resolve_bound
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


@dataclass(frozen=True, eq=False)
class Trial:
    """A bound that all columns of a family had at once: the bytes of each, and what moved."""

    bound: Bound
    sizes: tuple[float, ...]
    effects: tuple[Effect, ...]

    @property
    def worst(self) -> float:
        """The largest effect in statistical errors; 0 where nothing moves."""
        found = largest(list(self.effects))
        return found.in_errors if found else 0.0

    @property
    def n_bytes(self) -> float:
        return sum(self.sizes)


@dataclass(eq=False)
class Ladder:
    """Bounds of a family, each step finer than the one before, and what was found of those that were tried."""

    bound: Callable[[int], Bound]
    steps: range
    tried: dict[int, Trial] = field(default_factory=dict)

    def chosen(self, part: float) -> int | None:
        """The coarsest step from which on nothing that was tried moves too far; None where the finest does."""
        good = None
        for step in sorted(self.tried, reverse=True):
            if self.tried[step].worst > part:
                break
            good = step
        return good


@dataclass(frozen=True, eq=False)
class _Member:
    """A column with its sampled values (rows,), and what is known of it whatever its bound."""

    column: Column
    group: str
    values: Values
    n_rows: int
    exact_bytes: float
    written_as: str | None
    limits: ColumnLimits


@dataclass(eq=False)
class _Family:
    """Columns that share a bound, the ladder on which it is a step (None: exact), and what is known. One that is not
    `used` is not searched.
    """

    members: list[_Member]
    ladders: list[Ladder]
    used: bool
    ladder: Ladder | None = None
    step: int = 0
    joint: Effect | None = None

    @property
    def bound(self) -> Bound:
        return EXACT if self.ladder is None else self.ladder.bound(self.step)

    @property
    def trial(self) -> Trial | None:
        return None if self.ladder is None else self.ladder.tried[self.step]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(member.column.name for member in self.members)

    @property
    def exact_bytes(self) -> float:
        return sum(member.exact_bytes for member in self.members)


class PrecisionSearch:
    """Finds the bounds of the float columns of a batch that stands for `n_rows` by group. With `share`, columns of one
    meaning, as `families_of` finds them, get the same bound, and are rounded together to see what moves.
    """

    def __init__(
        self,
        batch: Batch,
        limits: Mapping[str, ColumnLimits],
        n_rows: Mapping[str, int],
        sensitivity: Sensitivity,
        part: float,
        progress: Progress,
        *,
        share: bool = True,
    ) -> None:
        self._sensitivity, self._part, self._progress = sensitivity, part, progress
        self._members = [
            _member(column, table.group.name, table[column.name], n_rows[table.group.name], limits)
            for table in batch
            for column in table.group.columns
            if column.is_float and column.is_scalar
        ]
        self._share, self._ignored = share, frozenset[str]()
        self._families = [self._family(members) for members in self._divided(share=share)]

    def restart(self, ignored: frozenset[str]) -> None:
        """Forget what was found; from now on quantities and cuts of these names may move as they like."""
        self._ignored = ignored
        self._families = [self._family(members) for members in self._divided(share=self._share)]

    def advise(self) -> tuple[tuple[ColumnAdvice, ...], tuple[Effect, ...]]:
        """What is advised for each float column, and the effects of all of it at once, the largest first, without
        columns that are not used.
        """
        for number, family in enumerate(self._families):
            self._progress(f"columns ({', '.join(family.names)})", number, len(self._families))
            if family.used:
                self._choose(family)
            elif family.ladder is not None:
                self._try(family, family.ladder, family.step)
        joint = self._settle()
        found = {advice.name: advice for family in self._families for advice in self._advice(family)}
        return tuple(found[member.column.name] for member in self._members), tuple(joint)

    def _divided(self, *, share: bool) -> list[list[_Member]]:
        """The columns in families, in the order of the first of each. A column without a scale, one of another dtype,
        and one of a family of which nothing is used, is on its own.
        """
        places: dict[str, int] = {}
        for group in dict.fromkeys(member.group for member in self._members) if share else ():
            for family in families_of(member.column.name for member in self._members if member.group == group):
                if not self._sensitivity.used.isdisjoint(family):
                    places |= dict.fromkeys(family, len(places))
        families: dict[tuple[str, str, int | str], list[_Member]] = {}
        for member in self._members:
            name = member.column.name
            place = name if math.isnan(member.limits.median_abs) else places.get(name, name)
            families.setdefault((member.group, member.values.dtype.name, place), []).append(member)
        return list(families.values())

    def _family(self, members: list[_Member]) -> _Family:
        first = members[0]
        if self._sensitivity.used.isdisjoint(member.column.name for member in members):
            bound = resolve_bound(None, first.column, first.limits)
            bound = replace(bound, floor=_rounded_down(bound.floor))
            ladder = Ladder(lambda _: bound, range(1))
            return _Family(members, [ladder], used=False, ladder=None if bound == EXACT else ladder)
        medians = [member.limits.median_abs for member in members]
        if math.isnan(medians[0]):
            return _Family(members, [], used=True)
        dtype = first.values.dtype
        ladders = [_of_bits(min(medians), int(np.finfo(np.dtype(dtype.name)).nmant))]
        if all(member.column.name in self._sensitivity.angles or _is_compact(member.values) for member in members):
            ladders.append(_of_size(medians, dtype))
        return _Family(members, ladders, used=True)

    def _choose(self, family: _Family) -> None:
        """Puts a family on the step that takes the fewest bytes and moves nothing too far."""
        best: Trial | None = None
        for ladder in family.ladders:
            self._climb(family, ladder)
            step = ladder.chosen(self._part)
            if step is not None and (best is None or ladder.tried[step].n_bytes < best.n_bytes):
                family.ladder, family.step, best = ladder, step, ladder.tried[step]
        if best is not None and family.exact_bytes <= _NEARLY_FREE * best.n_bytes:
            family.ladder = None

    def _climb(self, family: _Family, ladder: Ladder) -> None:
        """Tries steps around the one that is looked for, from the middle of the ladder on."""
        start = ladder.steps[len(ladder.steps) // 2] if FIRST_BITS not in ladder.steps else FIRST_BITS
        for step in range(start, ladder.steps.stop):
            if self._try(family, ladder, step).worst <= _FURTHER * self._part:
                break
        for step in range(start - 1, ladder.steps.start - 1, -1):
            if self._try(family, ladder, step).worst > _COARSER * self._part:
                break

    def _try(self, family: _Family, ladder: Ladder, step: int) -> Trial:
        if step not in ladder.tried:
            bound = ladder.bound(step)
            sizes, restored = [], {}
            for member in family.members:
                codes = quantise_column(member.values, _grid_of(member.values, bound), bound)
                restored[member.column.name] = codes.restored
                bits = fit_coder(codes.codes)[1] + codes.verbatim_bits
                sizes.append(bits * member.n_rows / max(1, len(member.values)) / 8)
            ladder.tried[step] = Trial(bound, tuple(sizes), tuple(self._effects(restored)))
        return ladder.tried[step]

    def _effects(self, changed: Mapping[str, Values]) -> list[Effect]:
        """What other values (rows,) in some columns move, the largest first."""
        return [effect for effect in self._sensitivity.of(changed) if effect.name not in self._ignored]

    def restored(self) -> dict[str, Values]:
        """The values (rows,) of each column that is used, under the bound that was found."""
        used = [family for family in self._families if family.used]
        return {own.column.name: restored_values(own.values, family.bound) for family in used for own in family.members}

    def _settle(self) -> list[Effect]:
        """The effects of all bounds at once, made finer until none is too large."""
        searched = [family for family in self._families if family.used]
        restored: dict[str, tuple[Bound, Values]] = {}
        while True:
            for family in searched:
                bound = family.bound
                for member in family.members:
                    name = member.column.name
                    if name not in restored or restored[name][0] != bound:
                        restored[name] = bound, restored_values(member.values, bound)
            joint = self._effects({name: values for name, (_, values) in restored.items()})
            lossy = [family for family in searched if family.ladder is not None]
            if not joint or joint[0].in_errors <= self._part or not lossy:
                return joint
            worst = joint[0].key
            self._progress(f"refining (for the {joint[0]})", 0, 1)
            refined = max(lossy, key=lambda family: _own(family.trial, worst))
            refined.joint = joint[0]
            self._refine(refined)

    def _refine(self, family: _Family) -> None:
        ladder = family.ladder
        if ladder is not None and family.step + 1 in ladder.steps:
            family.step += 1
            self._try(family, ladder, family.step)
        else:
            family.ladder = None

    def _limit(self, family: _Family) -> Effect | None:
        """What the next coarser step, of those that were tried, moves too far."""
        for ladder in [family.ladder] if family.ladder is not None else family.ladders:
            last = family.step if family.ladder is not None else ladder.steps.stop
            coarser = [step for step, own in ladder.tried.items() if step < last and own.worst > self._part]
            if coarser:
                return ladder.tried[max(coarser)].effects[0]
        return None

    def _advice(self, family: _Family) -> Iterator[ColumnAdvice]:
        limit = family.joint or self._limit(family)
        tried = [ladder.tried[step] for ladder in family.ladders for step in sorted(ladder.tried)]
        for index, member in enumerate(family.members):
            name = member.column.name
            yield ColumnAdvice(
                name=name,
                group=member.group,
                dtype=member.column.kind,
                n_rows=member.n_rows,
                bound=family.bound.text,
                n_bytes=member.exact_bytes if family.trial is None else family.trial.sizes[index],
                exact_bytes=member.exact_bytes,
                written_as=member.written_as,
                limit=limit,
                candidates=tuple(Candidate(own.bound.text, own.sizes[index], own.effects) for own in tried),
                shares_with=tuple(other for other in family.names if other != name),
                used=family.used,
            )


def _member(column: Column, group: str, values: Values, n_rows: int, limits: Mapping[str, ColumnLimits]) -> _Member:
    grows = n_rows / max(1, len(values))
    exact_bits = _bits(values, _grid_of(values, EXACT), EXACT)
    all_bits = _bits(values, Pattern(), EXACT)
    written = written_grid(values, cost=code_bits)
    exact_bytes = min(exact_bits, all_bits, pcodec_bits(values)) * grows / 8
    described = None if written is None else describe_grid(written)
    return _Member(column, group, values, n_rows, exact_bytes, described, limits.get(column.name, ColumnLimits()))


def _own(trial: Trial | None, key: tuple[str, str]) -> tuple[float, float]:
    """How much a family by itself does to what moves too far, and to anything."""
    if trial is None:
        return 0.0, 0.0
    return max((effect.in_errors for effect in trial.effects if effect.key == key), default=0.0), trial.worst


def _of_bits(median: float, most: int) -> Ladder:
    """From no mantissa bits on, with a floor at the median of abs(x). For several columns that is the smallest median:
    one promise in one unit, by whose floor none loses more than it would by itself.
    """

    def bound(bits: int) -> Bound:
        relative = Bound("bits", bits).relative
        return Bound("bits", bits, _rounded_down(relative * median))

    return Ladder(bound, range(most))


def _of_size(medians: Sequence[float], dtype: np.dtype[Any]) -> Ladder:
    """Absolute bounds from the largest median of abs(x) down to the spacing of the smallest, in round numbers."""
    first = len(_NICE) * (math.floor(math.log10(max(medians))) + 1)
    last = len(_NICE) * math.floor(math.log10(min(medians) * float(np.finfo(dtype).eps)))

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


def restored_values(values: Values, bound: Bound) -> Values:
    """The values (rows,) as a reader of an archive gets them."""
    if bound == EXACT:
        return values
    grid = choose_grid(values, bound, cost=code_bits)
    return quantise_column(values, grid, bound).restored
