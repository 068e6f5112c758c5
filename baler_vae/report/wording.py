"""Numbers, units and the verdict in words."""

import json
import math
import re
from collections.abc import Sequence

from baler_vae.evaluation.peaks import PeakFit, PeakShift
from baler_vae.evaluation.residuals import ColumnResiduals
from baler_vae.evaluation.units import unit as unit  # noqa: PLC0414 - offered with the other words

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
_POWER = re.compile(rf" {TIMES} 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_FROM_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


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


def in_bounds(value: float | None) -> str:
    """A deviation in units of its bound, as `number`, but never rounded up to the bound or down to it."""
    text = number(value)
    if text != "1.00":
        return text
    return "0.999" if value is not None and value < 1 else "1.01"


def plain(text: str) -> str:
    """A text in which numbers look as the terminal and `project.toml` show them: 1.23e-05, not a power of ten."""
    text = _POWER.sub(lambda found: f"e{int(found[1].translate(_FROM_SUPERSCRIPTS)):+03}", text)
    return text.replace(MINUS, "-").replace("χ²", "chi2")


def figure(value: float | None) -> str:
    """As `number`, for the terminal."""
    return plain(number(value))


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
    """A setting as one line: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def column_unit(column: ColumnResiduals) -> str:
    """The unit that a column's name suggests; counts and flags have none."""
    return unit(column.name) if column.is_float else ""


def peak_name(shift: PeakShift, shifts: Sequence[PeakShift]) -> str:
    """What a peak among others is called: its column, with the window where another peak has the same column."""
    name, (low, high) = shift.peak.column, shift.peak.window
    alone = sum(other.peak.column == name for other in shifts) < 2
    return name if alone else f"{name} in {number(low)} to {number(high)}"


def failed_fits(shift: PeakShift) -> str:
    """Which fits failed and why; empty when none did."""
    fits: list[tuple[str, PeakFit]] = [("before", shift.before), ("after", shift.after)]
    return " ".join(f"Fit {when} compression failed: {fit.reason}." for when, fit in fits if not fit.valid)


def few(names: Sequence[str], limit: int = 3) -> str:
    """The first names, and a sign that there are more."""
    return ", ".join(names[:limit]) + (", …" if len(names) > limit else "")
