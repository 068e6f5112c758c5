"""Numbers, units and the verdict in words."""

import json
import math
from collections.abc import Sequence

from baler_vae.evaluation.evaluate import Evaluation, size_ratio
from baler_vae.evaluation.peaks import PeakFit, PeakShift
from baler_vae.evaluation.residuals import ColumnResiduals
from baler_vae.evaluation.units import unit as unit  # noqa: PLC0414 - offered with the other words

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None) -> str:
    """A number with three significant digits; with all of those before the point up to a million."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == round(value) and abs(value) < 1000:
        return f"{value + 0.0:.0f}".replace("-", MINUS)
    mantissa, exponent = f"{value:.2e}".split("e")
    power = int(exponent)
    if -3 <= power < 6:
        return f"{value:,.{max(0, 2 - power)}f}".replace("-", MINUS)
    return f"{mantissa} {TIMES} 10{power_of_ten(power)}".replace("-", MINUS)


def power_of_ten(power: int) -> str:
    """The exponent in superscript digits."""
    return str(power).translate(SUPERSCRIPTS)


def signed(value: float | None) -> str:
    """As `number`, with a plus where it is positive."""
    return ("+" if value is not None and value > 0 else "") + number(value)


def percent(value: float | None, *, sign: bool = False) -> str:
    """A number of per cent."""
    return NOTHING if value is None else f"{signed(value) if sign else number(value)} %"


def measured(value: float | None, error: float | None) -> str:
    """A value with its standard error, which keeps two significant digits."""
    if value is None or not error or not math.isfinite(error):
        return number(value)
    power = int(f"{error:.1e}".split("e")[1])
    digits = max(0, 1 - power)
    return f"{value:,.{digits}f} ± {error:,.{digits}f}".replace("-", MINUS)


def size(n_bytes: float | None) -> str:
    """A size in decimal units."""
    if n_bytes is None:
        return NOTHING
    for limit, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if n_bytes >= limit:
            return f"{number(n_bytes / limit)} {prefix}B"
    return f"{n_bytes:.0f} B"


def count(n: int, noun: str) -> str:
    """The number of things, with the noun in singular or plural."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def setting(value: object) -> str:
    """A setting as one line: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def column_unit(column: ColumnResiduals) -> str:
    """The unit that a column's name suggests; counts and flags have none."""
    return unit(column.name) if column.is_float else ""


def verdict(evaluation: Evaluation) -> tuple[str, ...]:
    """What was found, one sentence each: sizes, peaks, exact columns, float columns."""
    exact = [column for column in evaluation.columns if not column.is_float]
    floats = [column for column in evaluation.columns if column.is_float]
    return (
        *_sizes_verdict(evaluation),
        *(peak_verdict(shift) for shift in evaluation.peaks),
        *([_exact_verdict(exact)] if exact else []),
        *([_floats_verdict(floats)] if floats else []),
    )


def peak_verdict(shift: PeakShift) -> str:
    """How far a peak moved, or which fit failed."""
    name = shift.peak.column
    if not (shift.before.valid and shift.after.valid):
        return f"Peak of {name}: {failed_fits(shift)}"
    return (
        f"Peak of {name}: moved by {percent(shift.mass_difference_percent)} "
        f"({signed(shift.mean_shift_in_errors)} standard errors), "
        f"width changed by {percent(shift.width_change_percent, sign=True)} "
        f"({signed(shift.width_shift_in_errors)} standard errors)."
    )


def failed_fits(shift: PeakShift) -> str:
    """Which fits failed and why; empty when none did."""
    fits: list[tuple[str, PeakFit]] = [("before", shift.before), ("after", shift.after)]
    return " ".join(f"Fit {when} compression failed: {fit.reason}." for when, fit in fits if not fit.valid)


def _sizes_verdict(evaluation: Evaluation) -> list[str]:
    ratio = size_ratio(evaluation.sizes)
    if ratio is None or evaluation.sizes is None:
        return []
    original, archive = (size(evaluation.sizes[key]) for key in ("original_bytes", "archive_bytes"))
    if ratio < 1:
        return [f"The archive is {number(1 / ratio)} times larger than the original: {original} became {archive}."]
    return [f"The archive is {number(ratio)} times smaller than the original: {original} became {archive}."]


def _exact_verdict(columns: Sequence[ColumnResiduals]) -> str:
    n_values = count(sum(column.n_rows for column in columns), "value")
    where = f"in {count(len(columns), 'column')} of integers, flags or text"
    changed = [column for column in columns if column.n_different]
    if not changed:
        return f"All {n_values} {where} came back exactly."
    names = ", ".join(column.name for column in changed[:3]) + (", …" if len(changed) > 3 else "")
    return f"{sum(column.n_different for column in changed):,} of {n_values} {where} differ: {names}."


def _floats_verdict(columns: Sequence[ColumnResiduals]) -> str:
    n_values = count(sum(column.n_rows for column in columns), "value")
    n_different = sum(column.n_different for column in columns)
    where = f"in {count(len(columns), 'column')} of floats"
    if not n_different:
        return f"All {n_values} {where} came back exactly."
    n_lost = sum(column.n_lost for column in columns)
    lost = f"; {n_lost:,} of them are NaN or infinite on one side" if n_lost else ""
    return f"{n_different:,} of {n_values} {where} differ{lost}."
