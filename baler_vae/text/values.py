"""The type of a column of delimited text, inferred from all of its values: integers, floats, booleans or text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from baler_vae.errors import SourceError
from baler_vae.source.dialect import NULLS
from baler_vae.table.schema import TEXT

INTEGER = r"^[+-]?[0-9]+$"
LEADING_ZERO = r"^[+-]?0[0-9]+$"
FLOAT = r"(?i)^[+-]?([0-9]+\.?[0-9]*(e[+-]?[0-9]+)?|\.[0-9]+(e[+-]?[0-9]+)?|inf|infinity|nan)$"
COMMAS = r"(?i)^([-+0-9.,e]+|[+-]?(inf|infinity|nan))$"
"""Numbers, perhaps with a decimal comma or with commas or points between thousands."""
DECIMAL_COMMA = r"(?i)^[+-]?([0-9]+(,[0-9]+)?(e[+-]?[0-9]+)?|,[0-9]+(e[+-]?[0-9]+)?|inf|infinity|nan)$"
GROUPED = r"^[+-]?([1-9][0-9]{0,2}(,[0-9]{3})*|0)(\.[0-9]+)?$"
GROUPED_BY_POINTS = r"^[+-]?([1-9][0-9]{0,2}(\.[0-9]{3})*|0)(,[0-9]+)?$"
TRUE = ("True", "true", "TRUE")
FALSE = ("False", "false", "FALSE")


@dataclass(frozen=True)
class Spelling:
    """How the numbers of a column are spelled: with which decimal mark, and what between thousands."""

    decimal: str = "."
    thousands: str = ""

    def plain(self, words: pa.Array) -> pa.Array:
        """The words, trimmed, as numbers are spelled in most programs."""
        words = pc.utf8_trim_whitespace(words)
        if self.thousands:
            words = pc.replace_substring(words, self.thousands, "")
        return words if self.decimal == "." else pc.replace_substring(words, self.decimal, ".")


PLAIN = Spelling()


@dataclass
class Evidence:
    """What the values of a column have looked like so far, and the dtype that holds them all without loss.

    `missing` says that values are missing, `quoted_missing` that words in quotes may stand for such. `points` and
    `commas` say that floats have decimal points, and that words which are not numbers have commas; `others` that there
    are words that no mark between digits makes numbers.
    """

    kinds: set[str] = field(default_factory=set)
    missing: bool = False
    quoted_missing: bool = False
    negative: bool = False
    points: bool = False
    commas: bool = False
    others: bool = False
    booleans: tuple[str, str] | None = None

    def add(self, words: pa.Array) -> None:
        self.missing |= words.null_count > 0
        words = words.drop_null()
        nulls = pc.is_in(words, pa.array(NULLS))
        if pc.any(nulls).as_py():
            self.quoted_missing = True
            words = words.filter(pc.invert(nulls))
        words = pc.utf8_trim_whitespace(words)
        if len(words):
            self.kinds.add(self._kind(words))

    def _kind(self, words: pa.Array) -> str:
        if _all(words, INTEGER):
            return self._text_kind(words) if _any(words, LEADING_ZERO) else self._integer_kind(words)
        if _all(words, FLOAT):
            self.points = self.points or _any(words, r"\.")
            return self._text_kind(words) if _any(words, LEADING_ZERO) else "float"
        if _all_in(words, (*TRUE, *FALSE)):
            if self.booleans is None:
                found = set(pc.unique(words).to_pylist())
                self.booleans = next(pair for pair in zip(TRUE, FALSE, strict=True) if found & set(pair))
            return "bool"
        return self._text_kind(words)

    def _text_kind(self, words: pa.Array) -> str:
        self.commas = self.commas or _any(words, ",")
        self.others = self.others or not _all(words, COMMAS) or _any(words, LEADING_ZERO)
        return "text"

    def _integer_kind(self, words: pa.Array) -> str:
        words = pc.utf8_ltrim(words, "+")
        for kind, dtype in (("int", pa.int64()), ("uint", pa.uint64())):
            try:
                lowest = pc.min(words.cast(dtype)).as_py()
            except pa.ArrowInvalid:
                continue
            self.negative |= lowest < 0
            return kind
        return "huge"

    @property
    def any_missing(self) -> bool:
        """Whether values are missing, unless it is a column of text."""
        return self.missing or self.quoted_missing

    @property
    def has_commas(self) -> bool:
        """Whether the column may hold numbers that are spelled with commas."""
        return self.commas and not self.others

    @property
    def dtype(self) -> np.dtype[Any]:
        if "text" in self.kinds or ("bool" in self.kinds and len(self.kinds) > 1):
            return TEXT
        if "bool" in self.kinds:
            return np.dtype(np.bool_)
        if not self.kinds:
            return TEXT if self.quoted_missing else np.dtype(np.float64)
        if "float" in self.kinds:
            return np.dtype(np.float64)
        # Integers only: they are never rounded.
        if "huge" in self.kinds or (self.negative and "uint" in self.kinds):
            return TEXT
        return np.dtype(np.uint64 if "uint" in self.kinds else np.int64)


@dataclass
class CommaEvidence:
    """Whether all words of a column are numbers with a decimal comma (`decimal`), with commas between thousands
    (`grouped`), or with both a decimal comma and points between thousands (`by_points`); and what they are then.
    """

    decimal: bool = True
    grouped: bool = True
    by_points: bool = True
    readings: Mapping[Spelling, Evidence] = field(
        default_factory=lambda: {own: Evidence() for own in (Spelling(","), Spelling(".", ","), Spelling(",", "."))}
    )

    def add(self, words: pa.Array) -> None:
        for spelling, evidence in self.readings.items():
            evidence.add(pc.if_else(pc.is_in(words, pa.array(NULLS)), words, spelling.plain(words)))
        words = words.drop_null()
        words = pc.utf8_trim_whitespace(words.filter(pc.invert(pc.is_in(words, pa.array(NULLS)))))
        self.decimal = self.decimal and _all(words, DECIMAL_COMMA)
        self.grouped = self.grouped and _all(words, GROUPED)
        self.by_points = self.by_points and _all(words, GROUPED_BY_POINTS)

    def spelling(self, decimal: str) -> Spelling | None:
        """How the numbers are spelled where this is the decimal mark; None where they are none."""
        if decimal == ".":
            return Spelling(".", ",") if self.grouped else None
        return Spelling(",") if self.decimal else Spelling(",", ".") if self.by_points else None


def decimal_mark(
    found: Iterable[CommaEvidence], *, has_points: bool, separator: str, told: str | None, path: str
) -> str:
    """The decimal mark of a file, from the columns whose numbers have commas; `has_points` says that others have floats
    with decimal points.

    Raises:
        SourceError: it may be either.
    """
    if told is not None:
        return told
    found = list(found)
    decimals = [own for own in found if (own.decimal or own.by_points) and not own.grouped]
    thousands = [own for own in found if own.grouped and not (own.decimal or own.by_points)]
    either = [own for own in found if own.grouped and (own.decimal or own.by_points)]
    if decimals and not (thousands or has_points):
        return ","
    # Where commas hold values apart, one in quotes has always been text.
    is_clear = not (decimals and (thousands or has_points)) and not (either and not (thousands or has_points))
    if is_clear or separator == ",":
        return "."
    raise SourceError(
        "a comma between digits may be a decimal comma or a thousands separator",
        path=path,
        way_out="Choose the decimal mark with --decimal , or --decimal .",
    )


def values_of(
    words: pa.Array, dtype: np.dtype[Any], spelling: Spelling
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """The values (rows,) of words, 0, false or NaN where they are missing, and where that is, bool (rows,)."""
    if dtype == TEXT:
        return np.asarray(words.to_numpy(zero_copy_only=False), TEXT), np.asarray(words.is_null())
    words = pc.if_else(pc.is_in(words, pa.array(NULLS)), pa.scalar(None, pa.string()), words)
    words = pc.utf8_ltrim(spelling.plain(words), "+")
    missing = np.asarray(words.is_null())
    if dtype == np.bool_:
        return np.asarray(pc.is_in(words, pa.array(TRUE))), missing
    values = words.cast(pa.from_numpy_dtype(dtype))
    if dtype.kind != "f":
        values = values.fill_null(0)
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype), missing


def _all(words: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(words, pattern)).as_py() in {True, None})


def _any(words: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(words, pattern)).as_py())


def _all_in(words: pa.Array, known: Iterable[str]) -> bool:
    return bool(pc.all(pc.is_in(words, pa.array(list(known)))).as_py())
