"""How far the values of a column moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = (0.5, 2.5, 16.0, 50.0, 84.0, 97.5, 99.5)
"""In per cent: the median and the ends of the central 68, 95 and 99 %."""

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Response:
    """Mean and root mean square of (x' - x) / x over the `n_used` pairs where x is not zero; None without any."""

    n_used: int
    mean: float | None
    rms: float | None


@dataclass(frozen=True)
class ColumnResiduals:
    """What became of one column.

    `n_different` counts the rows whose value is another one; NaN equals NaN and zero equals minus zero. `n_lost`
    counts those of them where either value is NaN or infinite. `mean`, `rms`, `largest` (the largest absolute) and
    `quantiles` (by per cent, in the order of `QUANTILES`) are of the residual x' - x over the `n_used` rows where
    both values are finite, in the unit of the column, wrapped into [-pi, pi) for an angle. They are None where there
    are no such rows, and for text.
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
    bound: str | None = None
    largest_in_bounds: float | None = None

    @property
    def is_float(self) -> bool:
        """Whether the original holds floats; all else is expected back exactly."""
        return self.dtype.startswith("float")


@dataclass(frozen=True, eq=False)
class Residuals:
    """The pairs of finite values of a column: `values` before and `residuals` x' - x, both float64 (pairs,)."""

    values: Floats
    residuals: Floats

    def responses(self) -> Floats:
        """(x' - x) / x wherever that is finite and x is not zero, float64."""
        used = self.values != 0
        with np.errstate(over="ignore", invalid="ignore"):
            ratio: Floats = self.residuals[used] / self.values[used]
        return ratio[np.isfinite(ratio)]


def column_residuals(
    name: str, original: Array, restored: Array, *, group: str = "", angle: bool = False
) -> ColumnResiduals:
    """What became of a column whose values, arrays (rows,) of any column dtype, were `original` and are `restored`.

    Raises:
        ValueError: the lengths differ, or one of the two is text.
    """
    different = differs(original, restored)
    n_lost = n_used = 0
    mean = rms = largest = quantiles = response = None
    if original.dtype.kind != "O":
        n_lost = int(np.count_nonzero(different & ~(np.isfinite(original) & np.isfinite(restored))))
        pairs = residuals(original, restored, angle=angle)
        n_used = len(pairs.residuals)
        responses = pairs.responses()
        response = Response(len(responses), *mean_and_rms(responses))
        mean, rms = mean_and_rms(pairs.residuals)
        if n_used:
            largest = float(np.max(np.abs(pairs.residuals)))
            quantiles = dict(zip(QUANTILES, percentiles(pairs.residuals, QUANTILES), strict=True))
    return ColumnResiduals(
        name=name,
        group=group,
        dtype="text" if original.dtype.kind == "O" else original.dtype.name,
        angle=angle,
        n_rows=len(original),
        n_different=int(np.count_nonzero(different)),
        n_lost=n_lost,
        n_used=n_used,
        mean=mean,
        rms=rms,
        largest=largest,
        quantiles=quantiles,
        response=response,
    )


def differs(original: Array, restored: Array) -> NDArray[np.bool_]:
    """Whether each value is another one, bool (rows,); NaN equals NaN.

    Raises:
        ValueError: the lengths differ, or one of the two is text.
    """
    if original.shape != restored.shape:
        raise ValueError(f"columns of shapes {original.shape} and {restored.shape} cannot be compared")
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
        return Residuals(original.astype(np.float64), np.where(grew, difference, -difference))
    finite = np.isfinite(original) & np.isfinite(restored)
    values = original[finite].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = restored[finite].astype(np.float64) - values
        return Residuals(values, wrap(moved) if angle else moved)


def wrap(angles: Floats) -> Floats:
    """The same angles in [-pi, pi), float64 in rad; those that lie there already keep their bits."""
    wrapped = np.remainder(angles + np.pi, 2 * np.pi) - np.pi
    wrapped = np.where(wrapped >= np.pi, -np.pi, wrapped)
    return np.where((angles >= -np.pi) & (angles < np.pi), angles, wrapped)


def mean_and_rms(values: Floats) -> tuple[float | None, float | None]:
    """Mean and root mean square of float64 values (rows,), without overflow; None for no values."""
    if not len(values):
        return None, None
    scale = float(np.max(np.abs(values)))
    if scale == 0 or not np.isfinite(scale):
        return scale, scale
    scaled = values / scale
    return float(np.mean(scaled)) * scale, float(np.sqrt(np.mean(scaled**2))) * scale


def percentiles(values: Floats, percents: Sequence[float]) -> list[float]:
    """The percentiles of at least one float64 value (rows,), interpolated linearly."""
    # numpy takes differences of the values, which overflow unless they are halved first
    with np.errstate(invalid="ignore"):
        return [2 * float(value) for value in np.percentile(values / 2, percents)]
