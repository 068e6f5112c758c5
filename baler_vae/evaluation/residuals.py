"""How far the values of a column moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.grid.judge import in_units_of_bound, keeps_bound
from baler_vae.table.bounds import Bound
from baler_vae.table.nested import nested_of

QUANTILES = (0.5, 2.5, 16.0, 50.0, 84.0, 97.5, 99.5)
"""In per cent: the median and the ends of the central 68, 95 and 99 %."""

CENTRAL_68 = (15.865525393145708, 84.13447460685429)
CENTRAL_95 = (2.275013194817921, 97.72498680518208)
"""In per cent: the ends of the central 68.27 and 95.45 %, one and two standard deviations of a Gaussian."""

_NAMES = {"O": "text", "V": "nested"}
LARGEST_ANGLE = 2 * np.pi + 1e-3
"""In rad: larger values are not angles in radians; wrapping degrees by 2 pi would hide large residuals."""

Array = NDArray[Any]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Response:
    """Mean and root mean square of (x' - x) / x over the `n_used` pairs where x is not zero; None without any.

    The half-widths, those of the central 68.27 and 95.45 %, are of the paired sample.
    """

    n_used: int
    mean: float | None
    rms: float | None
    half_width_68: float | None = None
    half_width_95: float | None = None


@dataclass(frozen=True)
class ColumnResiduals:
    """What became of one column.

    `n_different` counts the rows whose value differs; NaN equals NaN and zero equals minus zero. `n_lost`
    counts those of them where either value is NaN or infinite. `mean`, `rms`, `largest` (the largest absolute),
    `quantiles` (by per cent, in the order of `QUANTILES`) and the half-widths (half the width of the central 68.27 and
    95.45 %) are of the residual x' - x over the `n_used` rows where both values are finite, in the unit of the column,
    wrapped into [-pi, pi) for an angle. They are None where there are no such rows, and for text. Quantiles and
    half-widths are of the paired sample, everything else is of all rows.

    `bound` is the text of what was promised of the column, None where that is not known; `largest_in_bounds` is the
    largest deviation in units of it, above 1 only where a value misses it, infinite where a value that must come back
    exactly did not. It is None without a known bound, under `free`, without rows, and where the dtype changed.
    `derived` marks columns that were computed from others, before and after.
    """

    name: str
    group: str
    dtype: str
    angle: bool
    n_rows: int
    n_different: int
    n_lost: int
    n_used: int
    mean: float | None
    rms: float | None
    largest: float | None
    quantiles: Mapping[float, float] | None
    response: Response | None
    derived: bool = False
    bound: str | None = None
    largest_in_bounds: float | None = None
    half_width_68: float | None = None
    half_width_95: float | None = None

    @property
    def is_float(self) -> bool:
        """Whether the original holds floats."""
        return self.dtype.startswith("float")

    @property
    def must_be_same(self) -> bool:
        """Whether every value is expected back as it was: if it is not a float and no bound says otherwise."""
        return not self.is_float and not self.derived and self.bound in {None, "exact"}


def _is_number(values: Array) -> bool:
    return values.dtype.kind in "biuf"


@dataclass(frozen=True, eq=False)
class Residuals:
    """The pairs of finite values of a column: `values` before, `restored` after and `residuals` x' - x, all float64
    (pairs,); `used` tells which rows they are, bool (rows,). An angle after lies within half a turn of the one before.
    """

    used: NDArray[np.bool_]
    values: Floats
    restored: Floats
    residuals: Floats

    def responses(self) -> Floats:
        """(x' - x) / x wherever that is finite and x is not zero, float64."""
        used = self.values != 0
        with np.errstate(over="ignore", invalid="ignore"):
            ratio: Floats = self.residuals[used] / self.values[used]
        return ratio[np.isfinite(ratio)]


class ColumnCounter:
    """What became of one column whose values come in pieces.

    `angle` tells whether residuals are wrapped; with None they are where all finite values before are angles in
    radians.
    """

    def __init__(
        self,
        name: str,
        dtype: np.dtype[Any],
        *,
        group: str = "",
        angle: bool | None = False,
        derived: bool = False,
        bound: Bound | None = None,
    ) -> None:
        self.name, self.dtype = name, dtype
        self._group, self._angle, self._derived, self._bound = group, angle, derived, bound
        self._n_rows = self._n_different = self._n_lost = 0
        self._largest_value = 0.0
        self._in_bounds: float | None = None
        self._moments = {wrapped: (Moments(), Moments()) for wrapped in (False, True)}

    @property
    def is_angle(self) -> bool:
        """Whether the column is an angle, as far as its values tell."""
        return self._largest_value < LARGEST_ANGLE if self._angle is None else self._angle

    def add(self, before: Array, after: Array) -> None:
        """Takes more values (rows,) before and after into account, of any column dtype.

        Raises:
            ValueError: the lengths differ, or one of the two is text.
        """
        different = differs(before, after)
        self._n_rows += len(before)
        self._n_different += int(np.count_nonzero(different))
        if self._bound is not None and self._bound.kind != "free" and len(before):
            same_type = before.dtype == after.dtype
            reached = _largest_in_bounds(before, after, self._bound) if same_type else float("inf")
            self._in_bounds = max(self._in_bounds or 0.0, reached)
        if not _is_number(before):
            return
        self._n_lost += int(np.count_nonzero(different & ~(np.isfinite(before) & np.isfinite(after))))
        if self._angle is None:
            sizes = np.abs(before[np.isfinite(before)])
            self._largest_value = max(self._largest_value, float(np.max(sizes, initial=0)))
        for wrapped in {False, self.is_angle} if self._angle is None else {self._angle}:
            pairs = residuals(before, after, angle=wrapped)
            of_residuals, of_responses = self._moments[wrapped]
            of_residuals.add(pairs.residuals)
            of_responses.add(pairs.responses())

    def result(self, sample: Residuals | None) -> ColumnResiduals:
        """What became of the column; quantiles and half-widths are those of a sample of its pairs, None for text."""
        moved, responses = self._moments[self.is_angle]
        values = np.empty(0) if sample is None else sample.residuals
        half_width_68, half_width_95 = half_widths(values)
        return ColumnResiduals(
            name=self.name,
            group=self._group,
            dtype=_NAMES.get(self.dtype.kind, self.dtype.name),
            angle=self.is_angle,
            n_rows=self._n_rows,
            n_different=self._n_different,
            n_lost=self._n_lost,
            n_used=moved.n,
            mean=moved.mean,
            rms=moved.rms,
            largest=moved.largest,
            quantiles=dict(zip(QUANTILES, percentiles(values, QUANTILES), strict=True)) if len(values) else None,
            response=None
            if sample is None
            else Response(responses.n, responses.mean, responses.rms, *half_widths(sample.responses())),
            derived=self._derived,
            bound=None if self._bound is None else self._bound.text,
            largest_in_bounds=self._in_bounds,
            half_width_68=half_width_68,
            half_width_95=half_width_95,
        )


def _largest_in_bounds(before: Array, after: Array, bound: Bound) -> float:
    """The largest deviation of at least one value (rows,) of one dtype in units of a bound, above 1 only where a value
    misses it.
    """
    if not _is_number(before):
        return float("inf") if differs(before, after).any() else 0.0
    units = in_units_of_bound(before, after, bound)
    close = np.flatnonzero(units > 1 - 1e-9)  # what rounding may have put on the wrong side of 1
    if not len(close):
        return float(np.max(units))
    kept = keeps_bound(before[close], after[close], bound)
    units = units[close]
    return float(np.max(np.where(kept, np.minimum(units, 1.0), np.maximum(units, np.nextafter(1.0, 2.0)))))


def column_residuals(
    name: str, original: Array, restored: Array, *, group: str = "", angle: bool = False
) -> ColumnResiduals:
    """What became of a column whose values, arrays (rows,) of any column dtype, were `original` and are `restored`.

    Raises:
        ValueError: the lengths differ, or one of the two is text.
    """
    counter = ColumnCounter(name, original.dtype, group=group, angle=angle)
    counter.add(original, restored)
    return counter.result(None if original.dtype == object else residuals(original, restored, angle=angle))


def differs(original: Array, restored: Array) -> NDArray[np.bool_]:
    """Whether each value differs, bool (rows,); NaN equals NaN.

    Raises:
        ValueError: the lengths differ, or one of the two is text.
    """
    if original.shape != restored.shape:
        raise ValueError(f"columns of shapes {original.shape} and {restored.shape} cannot be compared")
    nested = nested_of(original)
    if nested is not None:
        return nested.differs(nested_of(restored))
    if (original.dtype.kind == "O") != (restored.dtype.kind == "O"):
        raise ValueError(f"columns of dtypes {original.dtype} and {restored.dtype} cannot be compared")
    if original.dtype.kind == "f" and restored.dtype.kind == "f":
        return np.asarray((original != restored) & ~(np.isnan(original) & np.isnan(restored)))
    if original.dtype.kind == "f":
        return _integer_differs(restored, original)
    if restored.dtype.kind == "f":
        return _integer_differs(original, restored)
    return np.asarray(original != restored, np.bool_)


def _integer_differs(integers: Array, floats: Array) -> NDArray[np.bool_]:
    """Whether an integer and a float, row by row, are different numbers.

    numpy would compare them as float64 and so round integers beyond 2^53.
    """
    limits = np.iinfo(np.int64 if integers.dtype.kind == "b" else integers.dtype)
    floats = floats.astype(np.float64)
    held = (floats >= float(limits.min)) & (floats < float(limits.max + 1))
    held &= floats == np.trunc(floats)
    as_integers = np.where(held, floats, 0).astype(limits.dtype)
    return np.asarray(~held | (as_integers != integers))


def residuals(original: Array, restored: Array, *, angle: bool = False) -> Residuals:
    """The residuals of the pairs of finite values of two numeric columns (rows,).

    Differences of integers are taken exactly and rounded once, those of floats in float64.
    """
    if original.dtype.kind != "f" and restored.dtype.kind != "f":
        # Modulo 2^64 the unsigned difference, larger minus smaller, is exact for all widths and signs.
        before, after = original.astype(np.uint64), restored.astype(np.uint64)
        grew = restored >= original
        difference = np.where(grew, after - before, before - after).astype(np.float64)
        used = np.ones(len(original), np.bool_)
        moved = np.where(grew, difference, -difference)
        return Residuals(used, original.astype(np.float64), restored.astype(np.float64), moved)
    used = np.isfinite(original) & np.isfinite(restored)
    values, found = original[used].astype(np.float64), restored[used].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = found - values
        if angle:
            return Residuals(used, values, same_turn(values, found), wrap(moved))
    return Residuals(used, values, found, moved)


def same_turn(before: Floats, after: Floats) -> Floats:
    """The angles after (rows,) within half a turn of those before, float64 in rad; those that lie there already, and
    what is not finite, keep their bits.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        moved = after - before
    jumped = np.isfinite(moved) & ((moved < -np.pi) | (moved >= np.pi))
    turned = after.copy()
    turned[jumped] = before[jumped] + wrap(moved[jumped])
    return turned


def wrap(angles: Floats) -> Floats:
    """The same angles in [-pi, pi), float64 in rad; those that lie there already keep their bits."""
    wrapped = np.remainder(angles + np.pi, 2 * np.pi) - np.pi
    wrapped = np.where(wrapped >= np.pi, -np.pi, wrapped)
    return np.where((angles >= -np.pi) & (angles < np.pi), angles, wrapped)


class Moments:
    """Number, mean, root mean square and largest size of float64 values that come in pieces, without overflow.

    The last three are None for no values; where a value is not finite, they are its size.
    """

    def __init__(self) -> None:
        self.n = 0
        self._largest = 0.0
        self._scale = 0.0
        self._sum = self._squares = 0.0

    def add(self, values: Floats) -> None:
        """Takes more values (rows,) into account."""
        if not len(values):
            return
        self.n += len(values)
        self._largest = float(np.maximum(self._largest, np.max(np.abs(values))))
        if self._largest == 0 or not np.isfinite(self._largest):
            return
        # A power of two not above the largest: scaling by it rounds nothing, and squares stay below 4.
        scale = float(np.ldexp(1.0, np.frexp(self._largest)[1] - 1))
        self._sum *= self._scale / scale
        self._squares *= (self._scale / scale) ** 2
        self._scale = scale
        scaled = values / scale
        self._sum += float(np.sum(scaled))
        self._squares += float(np.sum(scaled**2))

    @property
    def mean(self) -> float | None:
        return self._unscaled(self._sum / max(self.n, 1))

    @property
    def rms(self) -> float | None:
        return self._unscaled(float(np.sqrt(self._squares / max(self.n, 1))))

    @property
    def largest(self) -> float | None:
        return self._largest if self.n else None

    def _unscaled(self, scaled: float) -> float | None:
        return scaled * self._scale if self.n and np.isfinite(self._largest) else self.largest


def mean_and_rms(values: Floats) -> tuple[float | None, float | None]:
    """Mean and root mean square of float64 values (rows,), without overflow; None for no values."""
    moments = Moments()
    moments.add(values)
    return moments.mean, moments.rms


def half_widths(values: Floats) -> tuple[float | None, float | None]:
    """Half the widths of the central 68.27 and 95.45 % of float64 values (rows,); None for no values."""
    if not len(values):
        return None, None
    ends = percentiles(values, (*CENTRAL_68, *CENTRAL_95))
    return ends[1] / 2 - ends[0] / 2, ends[3] / 2 - ends[2] / 2


def percentiles(values: Floats, percents: Sequence[float]) -> list[float]:
    """The percentiles of at least one float64 value (rows,), interpolated linearly."""
    # numpy takes differences of the values, which overflow unless they are halved first
    with np.errstate(invalid="ignore"):
        return [2 * float(value) for value in np.percentile(values / 2, percents)]
