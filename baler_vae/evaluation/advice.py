"""Advice on the precision of columns, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baler_vae.evaluation.effect import Effect, largest
from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

_COLUMNS = ("name", "group", "dtype", "n_rows", "bound", "n_bytes", "bits_per_value", "exact_bytes")
_WORST = ("worst", "limit", "limit_in_errors", "written_as")


@dataclass(frozen=True)
class Candidate:
    """A bound that a column might have.

    Attributes
    ----------
    bound : str
        The bound.
    n_bytes : float
        The estimated bytes of all rows of the column under it, coded independently.
    effects : tuple[Effect, ...]
        What moves, in statistical errors.
    """

    bound: str
    n_bytes: float
    effects: tuple[Effect, ...]

    @property
    def worst(self) -> float:
        """The largest effect in statistical errors; 0 where nothing moves."""
        found = largest(list(self.effects))
        return found.in_errors if found else 0.0


@dataclass(frozen=True, kw_only=True)
class ColumnAdvice:
    """What is advised for a float column.

    Attributes
    ----------
    name, group, dtype : str
        The column.
    n_rows : int
        Its rows.
    bound : str
        The advised bound.
    n_bytes : float
        The estimated bytes of all rows under it.
    exact_bytes : float
        The estimated bytes if stored exactly.
    written_as : str or None
        What the numbers were once rounded to; None if nothing was found.
    limit : Effect or None
        What would move too far with fewer bits; None if nothing would.
    candidates : tuple[Candidate, ...]
        The bounds that were tried, the coarsest first.
    """

    name: str
    group: str
    dtype: str
    n_rows: int
    bound: str
    n_bytes: float
    exact_bytes: float
    written_as: str | None
    limit: Effect | None
    candidates: tuple[Candidate, ...]

    @property
    def bits_per_value(self) -> float:
        """The estimated bits per value under the advised bound."""
        return 8 * self.n_bytes / max(1, self.n_rows)

    @property
    def worst(self) -> float:
        """The largest effect of this bound on this column alone."""
        return next((candidate.worst for candidate in self.candidates if candidate.bound == self.bound), 0.0)

    @property
    def note(self) -> str:
        """The remark on a column whose numbers were rounded before."""
        if self.written_as is None:
            return ""
        free = "exact for free" if self.bound == "exact" else f"exact would take {self._dearer()}"
        return f"written as {self.written_as}: {free}"

    def _dearer(self) -> str:
        return f"{100 * (self.exact_bytes / self.n_bytes - 1):.0f} % more" if self.n_bytes else "more"


@dataclass(frozen=True, kw_only=True, repr=False)
class Advice:
    """The bounds under which nothing that is examined moves by more than a part of its statistical error.

    Attributes
    ----------
    part : float
        That part.
    n_rows, n_sampled : Mapping[str, int]
        Rows by group, and how many of them were examined.
    columns : tuple[ColumnAdvice, ...]
        What is advised for each float column.
    joint : tuple[Effect, ...]
        The effects of all bounds at once, the largest first.
    skipped : tuple[str, ...]
        What could not be examined, a sentence each.
    others : tuple[str, ...]
        The bounds of columns that are not floats.
    original_bytes : float
        Bytes of all columns in their own dtypes.
    other_bytes : float
        The estimated bytes of columns that are not floats.
    fitted_bytes : float or None
        The size of the archive as estimated by a fit to a sample; None if there was none.
    fitted_rows : int or None
        Rows of that sample.
    """

    part: float
    n_rows: Mapping[str, int]
    n_sampled: Mapping[str, int]
    columns: tuple[ColumnAdvice, ...]
    joint: tuple[Effect, ...]
    skipped: tuple[str, ...]
    others: tuple[str, ...]
    original_bytes: float
    other_bytes: float
    fitted_bytes: float | None
    fitted_rows: int | None

    @property
    def bounds(self) -> tuple[str, ...]:
        """The bounds of all columns that need one, as `--bound` and `project.toml` take them."""
        return (*self.others, *(f"{column.name}={column.bound}" for column in self.columns))

    @property
    def independent_bytes(self) -> float:
        """The estimated size of the archive if each column is coded independently."""
        return self.other_bytes + sum(column.n_bytes for column in self.columns)

    def __repr__(self) -> str:
        return f"<Advice on {len(self.columns):,} columns: about {self.independent_bytes:,.0f} bytes>"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values, with `bounds` and `independent_bytes`; infinite effects are None."""
        found: dict[str, Any] = as_plain(vars(self), finite=True)
        return found | {"bounds": list(self.bounds), "independent_bytes": self.independent_bytes}

    def to_pandas(self) -> "DataFrame":
        """A data frame with a row for each float column; effects are in statistical errors."""
        return data_frame(map(_record, self.columns), (*_COLUMNS, *_WORST))

    def _repr_html_(self) -> str:
        title = f"Bounds under which nothing moves by more than {100 * self.part:g} % of its statistical error"
        headings = ("column", "bound", "bits/value", "bytes", "effect in %", "less would move", "remark")
        rows = (
            (
                column.name,
                column.bound,
                column.bits_per_value,
                round(column.n_bytes),
                100 * column.worst,
                None if column.limit is None else str(column.limit),
                column.note,
            )
            for column in self.columns
        )
        return html_table(title, headings, rows, notes=[f"not examined: {what}" for what in self.skipped])


def _record(column: ColumnAdvice) -> dict[str, object]:
    limit = column.limit
    told = (
        {"limit": None, "limit_in_errors": None}
        if limit is None
        else {"limit": str(limit), "limit_in_errors": limit.in_errors}
    )
    return {name: getattr(column, name) for name in (*_COLUMNS, "worst", "written_as")} | told
