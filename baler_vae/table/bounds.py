"""What a user promises of the values of each column."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.table.schema import Column, Schema, match_columns

Kind = Literal["exact", "free", "abs", "rel", "bits"]
RuleKind = Kind | Literal["range", "default"]

MOST_BITS = 52
"""The mantissa bits that float64 stores: the most that `bits` can promise."""
DEFAULT_BITS = 12

_GRAMMAR = (
    "exact, abs:E, rel:R, rel:R,floor:A, bits:B, bits:B,floor:A, range:R, default or free; all but exact and free "
    "with ,dither behind it where the error is to be uniform"
)
_EXAMPLE = "Write a bound such as abs:0.01, or GLOB=BOUND such as 'Jet_*=bits:12' for the columns that match"
_WILDCARDS = frozenset("*?[")
_DIGITS = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")
_WITHIN = " within "


@dataclass(frozen=True)
class Bound:
    """What is promised of each finite value x and the value x' that comes back; NaN and infinities come back with the
    same bits under every kind but ``free``.

    * ``exact``: the same bits.
    * ``free``: nothing.
    * ``abs``: abs(x' - x) <= size.
    * ``rel``: abs(x' - x) <= max(size abs(x), floor).
    * ``bits``: as ``rel`` with 2^-(size + 1): what keeping that many bits of the mantissa promises.

    Parameters
    ----------
    kind : {"exact", "free", "abs", "rel", "bits"}
        What is promised.
    size : float
        How much: in the unit of the column (``abs``), as a part of the value (``rel``), or in bits (``bits``).
    floor : float
        What any value may change by under ``rel`` and ``bits``, in the unit of the column.
    dither : bool
        Whether errors are uniform and do not depend on the value, so that histograms have no comb.
    """

    kind: Kind
    size: float = 0.0
    floor: float = 0.0
    dither: bool = False

    @property
    def relative(self) -> float:
        """The part of abs(x) by which a value may change; 0 where the kind promises no such part."""
        if self.kind == "bits":
            return math.ldexp(1.0, -int(self.size) - 1)
        return self.size if self.kind == "rel" else 0.0

    @property
    def absolute(self) -> float:
        """By how much any value may change, in the unit of the column."""
        return self.size if self.kind == "abs" else self.floor

    @property
    def text(self) -> str:
        """The bound as a user would write it; `bound_of_text` gives the same bound back."""
        text = self.kind if self.kind in {"exact", "free"} else f"{self.kind}:{_number_text(self.size)}"
        text += f",floor:{_number_text(self.floor)}" if self.floor else ""
        return f"{text},dither" if self.dither else text

    def __str__(self) -> str:
        return self.text


EXACT: Final = Bound("exact")
FREE: Final = Bound("free")


@dataclass(frozen=True)
class BoundRule:
    """A bound for the columns that match a glob, or for all float columns when there is none.

    The kind `range` is `abs` with a size in units of the column's range; it becomes a number in `resolve_bound`, as
    does `default`, the bound of columns without a rule.
    """

    kind: RuleKind
    size: float = 0.0
    floor: float | None = None
    pattern: str | None = None
    dither: bool = False

    @property
    def is_default(self) -> bool:
        return self.kind == "default"

    @property
    def is_lossy(self) -> bool:
        """Whether it allows a loss in columns that are no floats, too."""
        return self.kind not in {"exact", "default"}

    @property
    def names_a_column(self) -> bool:
        """Whether the pattern is a name, without wildcards."""
        return self.pattern is not None and not _WILDCARDS & set(self.pattern)


@dataclass(frozen=True)
class ColumnLimits:
    """The smallest and largest finite value, and the median of the finite non-zero abs(x), in the unit of the column;
    NaN where there is no such value. `whole` tells whether there are finite values, and all are whole numbers.
    """

    minimum: float = math.nan
    maximum: float = math.nan
    median_abs: float = math.nan
    whole: bool = False


def parse_bound(text: str) -> BoundRule:
    """The rule of a text such as `free`, `abs:0.01`, `bits:12,floor:0.001` or `Jet_eta=exact`.

    The last `=` separates: a name may hold one.

    Raises:
        UsageError: the text is not a bound, or a number in it is out of range.
    """
    pattern, separator, bound = text.rpartition("=")
    head, *options = map(str.strip, bound.split(","))
    kind, colon, number = head.partition(":")
    floors = [option.removeprefix("floor:") for option in options if option.startswith("floor:")]
    n_dithers = options.count("dither")
    has_no_steps = kind in {"exact", "free"}
    if (
        (separator and not pattern.strip())
        or kind not in {"exact", "free", "abs", "rel", "bits", "range", "default"}
        or bool(colon) is (has_no_steps or kind == "default")
        or len(options) != len(floors) + n_dithers
        or len(floors) > (kind in {"rel", "bits"})
        or n_dithers > 1
    ):
        raise UsageError(f"{text!r} is not a bound", expected=_GRAMMAR, way_out=_EXAMPLE)
    if has_no_steps and n_dithers:
        raise UsageError(
            f"{text!r}: a bound {kind!r} has no steps that could be dithered",
            way_out=f"Write {kind}, or a bound with steps such as bits:10,dither",
        )
    size = _size(kind, number, text) if colon else 0.0
    floor = _positive(floors[0], "the floor", text, "rel:0.001,floor:0.01") if floors else None
    return BoundRule(
        cast("RuleKind", kind), size, floor, pattern.strip() if separator else None, dither=bool(n_dithers)
    )


def bound_of_text(text: str) -> Bound:
    """The bound that `Bound.text` wrote.

    Raises:
        ValueError: it is not a bound.
    """
    try:
        rule = parse_bound(text)
    except UsageError as error:
        raise ValueError(str(error)) from error
    if rule.pattern is not None or rule.kind in {"range", "default"}:
        raise ValueError(f"{text!r} is not a bound of explicit numbers")
    return Bound(cast("Kind", rule.kind), rule.size, rule.floor or 0.0, rule.dither)


def assign_rules(schema: Schema, rules: Sequence[BoundRule]) -> dict[str, BoundRule | None]:
    """The rule of every column, None where none applies; where several do, the last one decides.

    A rule without a glob applies to float columns. A glob that allows a loss applies to float columns too; an integer
    or boolean column becomes lossy only where its name, without wildcards, says so. Text is always exact.

    Raises:
        UsageError: a glob matches no column, or a bound does not suit its column.
    """
    columns = {column.name: column for column in schema.columns}
    assigned: dict[str, BoundRule | None] = dict.fromkeys(columns)
    for rule in rules:
        matched = list(columns) if rule.pattern is None else match_columns(rule.pattern, list(columns))
        if rule.names_a_column:
            _check_possible(rule, columns[matched[0]], {group.counter for group in schema.groups})
        assigned |= {name: rule for name in matched if _applies(rule, columns[name])}
    for name, last in assigned.items():
        if last is not None and last.dither and columns[name].is_array:
            raise UsageError(
                "the cells of arrays cannot be dithered",
                column=name,
                way_out=f"Give the column a bound of its own behind the others, such as {name}=bits:12",
            )
    return assigned


def resolve_bound(rule: BoundRule | None, column: Column, limits: ColumnLimits) -> Bound:
    """The bound of a column in explicit numbers.

    Without a rule, or under `default`, floats keep 12 bits of the mantissa, with a floor of 2^-13 times the median of
    the finite non-zero abs(x), unless all are whole numbers, which may count or identify something; everything else is
    exact. `range` of a column without two different values is exact.
    """
    if rule is None or rule.kind == "default":
        if not column.is_float or limits.whole:
            return EXACT
        relative = Bound("bits", DEFAULT_BITS).relative
        floor = 0.0 if math.isnan(limits.median_abs) else relative * limits.median_abs
        return Bound("bits", DEFAULT_BITS, floor, rule is not None and rule.dither)
    if rule.kind != "range":
        return Bound(rule.kind, rule.size, rule.floor or 0.0, rule.dither)
    # Halves, because the range of float64 numbers can be beyond float64.
    half_range = limits.maximum / 2 - limits.minimum / 2
    size = min(2 * (rule.size * half_range), float(np.finfo(np.float64).max))
    return Bound("abs", size, dither=rule.dither) if size > 0 else EXACT


def column_limits(values: NDArray[np.generic]) -> ColumnLimits:
    """The limits of the values (rows,), or of the cells (rows, *shape), of a column of numbers or booleans, judged in
    float64.
    """
    numbers = values.astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return ColumnLimits()
    minimum, maximum = float(numbers.min()), float(numbers.max())
    return ColumnLimits(minimum, maximum, _median(np.abs(numbers[numbers != 0])), are_whole(numbers))


def are_whole(numbers: NDArray[np.generic]) -> bool:
    """Whether finite values (rows,) are all whole numbers."""
    return bool(np.array_equal(np.rint(numbers), numbers))


def _median(numbers: NDArray[np.float64]) -> float:
    if not len(numbers):
        return math.nan
    middle = [(len(numbers) - 1) // 2, len(numbers) // 2]
    low, high = np.partition(numbers, middle)[middle].tolist()
    # Halves, because the sum of two numbers can be beyond float64; equal ones are not halved, for the subnormals.
    return float(low if low == high else low / 2 + high / 2)


def _applies(rule: BoundRule, column: Column) -> bool:
    if column.is_float:
        return True
    return rule.pattern is not None and (rule.names_a_column or not rule.is_lossy)


def _check_possible(rule: BoundRule, column: Column, counters: Collection[str | None]) -> None:
    if rule.dither and not column.is_float:
        raise UsageError(
            "only float columns can be dithered",
            column=column.name,
            found="a counter" if column.name in counters else column.kind,
            way_out="Leave out ,dither, or its bound",
        )
    if rule.is_lossy and column.name in counters:
        raise UsageError("counters are always exact", column=column.name, way_out="Leave out its bound")
    if rule.is_lossy and not column.is_float and (rule.kind == "free" or not column.is_number):
        raise UsageError(
            "only float columns can be free" if column.is_number else f"{column.kind} columns are always exact",
            column=column.name,
            found=column.kind,
            way_out="Leave out its bound" + (", or make its cells float32" if column.is_array else ""),
        )


def _size(kind: str, number: str, text: str) -> float:
    if kind == "bits":
        digits = number.strip()
        if not (digits.isdecimal() and len(digits) <= 2 and int(digits) <= MOST_BITS):
            raise UsageError(
                f"the mantissa bits in {text!r} must be a whole number from 0 to {MOST_BITS}",
                way_out="Write, say, bits:12",
            )
        return float(int(digits))
    size = _positive(number, "the size", text, f"{kind}:0.001")
    if kind in {"rel", "range"} and size >= 1:
        raise UsageError(f"the size in {text!r} must be less than 1", way_out=f"Write, say, {kind}:0.001")
    return size


def _positive(number: str, what: str, text: str, example: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        way_out = f"Write, say, {example}, or exact for values that may not change"
        raise UsageError(f"{what} in {text!r} must be a positive number", way_out=way_out)
    return value


def _number_text(number: float) -> str:
    return repr(float(number)).removesuffix(".0")


def shortened(text: str) -> str:
    """A bound or a grid with at most three significant digits in each of its numbers."""
    return _DIGITS.sub(lambda found: f"{float(found[0]):.3g}" if len(found[0]) > 4 else found[0], text)


def shortened_guarantee(text: str) -> str:
    """A guarantee with at most three significant digits in each number of its bound; the numbers of cuts and formulas
    stay, since others would mean something else.
    """
    what, within, bound = text.rpartition(_WITHIN)
    return f"{what}{within}{shortened(bound)}" if within else text
