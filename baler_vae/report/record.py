"""What stands at the foot of a page and can be signed: what was compared, how, and what was promised."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from baler_vae.errors import UsageError
from baler_vae.evaluation.inputs import InputFile
from baler_vae.evaluation.numbers import GuaranteeResult
from baler_vae.evaluation.residuals import ColumnResiduals
from baler_vae.report.wording import count, in_bounds, number, setting
from baler_vae.table.bounds import shortened, shortened_guarantee
from baler_vae.version import __version__

_MOST_NAMES = 12
"""Columns that are named beside a bound; the fold has all."""
_SAYS = {
    "peak_position_percent": "position of a peak, %",
    "peak_position_errors": "position of a peak, standard errors",
    "peak_width_percent": "width of a peak, %",
    "peak_width_errors": "width of a peak, standard errors",
    "peak_yield_percent": "yield of a peak, %",
    "peak_yield_errors": "yield of a peak, standard errors",
    "spectrum_chi2": "growth of the χ² of a histogram, standard deviations",
    "spectrum_errors": "a bin of a histogram, standard errors",
    "migration_percent": "rows that change sides of a cut, %",
    "differing_percent": "changed integers, flags and text, %",
    "lost": "values that became NaN or infinite",
    "missing": "columns that did not come back",
    "in_bounds": "largest residual, bounds",
    "largest": "largest residual",
    "response_mean_percent": "mean response, %",
    "response_rms_percent": "rms of the response, %",
    "kolmogorov_smirnov": "Kolmogorov-Smirnov distance",
}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """How an evaluation came to be: the files that were read, the tolerances that it was judged by, the date and the
    command line, None where these are to be filled in by hand.
    """

    files: tuple[InputFile, ...] = ()
    tolerances: Mapping[str, Any] = field(default_factory=dict)
    date: str | None = None
    command: str | None = None
    version: str = __version__


@dataclass(frozen=True)
class SharedBound:
    """Columns whose bounds look the same with three digits."""

    text: str
    columns: str


@dataclass(frozen=True)
class SignedGuarantee:
    """What is guaranteed and what became of it, as text: all but `exact_text` and `exact_worst` with three digits.

    `definitions` say what its quantities are, `judged` of what, and how many, it was judged; `n_broken` and the worst
    deviation in units of the bound are empty where it was not, the latter for a cut, too.
    """

    text: str
    definitions: tuple[str, ...]
    judged: str
    n_broken: str
    worst: str
    is_broken: bool
    exact_text: str
    exact_worst: str

    @property
    def is_exact(self) -> bool:
        """Whether three digits say everything."""
        return (self.text, self.worst) == (self.exact_text, self.exact_worst)


@dataclass(frozen=True)
class Record:
    """The foot of a page: `tolerances` by what they are of, `bounds` and `guarantees` with three digits, and
    `exact_bounds` by column; empty where there are none.
    """

    origin: Origin
    tolerances: Mapping[str, str]
    bounds: tuple[SharedBound, ...]
    exact_bounds: Mapping[str, str]
    guarantees: tuple[SignedGuarantee, ...] = ()

    @property
    def exact_guarantees(self) -> tuple[SignedGuarantee, ...]:
        """The guarantees of which three digits do not say everything."""
        return tuple(one for one in self.guarantees if not one.is_exact)


def record(origin: Origin, columns: Sequence[ColumnResiduals], guarantees: Sequence[GuaranteeResult] = ()) -> Record:
    """The record of some columns, and of what is guaranteed beyond their bounds."""
    exact = {column.name: column.bound for column in columns if column.bound is not None}
    shared: dict[str, list[str]] = {}
    for name, bound in exact.items():
        shared.setdefault(shortened(bound), []).append(name)
    bounds = tuple(SharedBound(text, _names(names)) for text, names in shared.items())
    all_named = all(len(names) <= _MOST_NAMES for names in shared.values())
    if all_named and all(shortened(bound) == bound for bound in exact.values()):
        exact = {}
    tolerances = {_SAYS[name]: _allowed(value) for name, value in origin.tolerances.items()}
    return Record(origin, tolerances, bounds, exact, tuple(map(signed_guarantee, guarantees)))


def date_of_source() -> str | None:
    """The date that SOURCE_DATE_EPOCH tells (https://reproducible-builds.org/specs/source-date-epoch), as YYYY-MM-DD in
    UTC; None without it.

    Raises:
        UsageError: it is not a number of seconds.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC).date().isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            "SOURCE_DATE_EPOCH is not a date", found=text, expected="seconds since 1970-01-01, such as 1700000000"
        ) from error


def signed_guarantee(result: GuaranteeResult) -> SignedGuarantee:
    """What became of a guarantee, as text."""
    judged, has_worst = result.is_judged, result.is_judged and result.worst is not None
    return SignedGuarantee(
        text=shortened_guarantee(result.text),
        definitions=result.definitions,
        judged=f"{result.n:,} {result.group}" if judged else "none",
        n_broken=f"{result.n_broken:,}" if judged else "",
        worst=in_bounds(result.worst) if has_worst else "",
        is_broken=result.n_broken > 0,
        exact_text=result.text,
        exact_worst=repr(result.worst) if has_worst else "",
    )


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {count(len(names) - _MOST_NAMES, 'more column')}"


def _allowed(value: Any) -> str:  # noqa: ANN401  a number or numbers by glob
    return number(value) if isinstance(value, int | float) else setting(value)
