"""What is advised on the precision of columns: values to be shown, written and used."""

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
        About how many bytes all rows of the column take under it, kept by itself.
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
        The bound that is advised.
    n_bytes : float
        About how many bytes all rows take under it.
    exact_bytes : float
        About how many bytes they take with every bit.
    written_as : str or None
        What the numbers were rounded to once; None where nothing was found.
    limit : Effect or None
        What would move too far with less; None where nothing would.
    candidates : tuple[Candidate, ...]
        The bounds that were looked at, the coarsest first.
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
        """About how many bits a value takes under the bound that is advised."""
        return 8 * self.n_bytes / max(1, self.n_rows)

    @property
    def worst(self) -> float:
        """The largest effect of this bound on this column alone."""
        return next((candidate.worst for candidate in self.candidates if candidate.bound == self.bound), 0.0)

    @property
    def note(self) -> str:
        """What is to be said of a column whose numbers were rounded before."""
        if self.written_as is None:
            return ""
        free = "exact for free" if self.bound == "exact" else f"exact would take {self._dearer()}"
        return f"written as {self.written_as}: {free}"

    def _dearer(self) -> str:
        return f"{100 * (self.exact_bytes / self.n_bytes - 1):.0f} % more" if self.n_bytes else "more"


@dataclass(frozen=True, kw_only=True, repr=False)
class Advice:
    """The bounds under which nothing that is looked at moves by more than a part of its statistical error.

    Attributes
    ----------
    part : float
        That part.
    n_rows, n_sampled : Mapping[str, int]
        Rows by group, and how many of them were looked at.
    columns : tuple[ColumnAdvice, ...]
        What is advised for each float column.
    joint : tuple[Effect, ...]
        The effects of all bounds at once, the largest first.
    skipped : tuple[str, ...]
        What could not be looked at, a sentence each.
    others : tuple[str, ...]
        The bounds of columns that are no floats.
    original_bytes : float
        Bytes of all columns in their own dtypes.
    other_bytes : float
        About how many bytes the columns take that are no floats.
    fitted_bytes : float or None
        About how many bytes the archive takes, as a fit on a sample tells; None where there was none.
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
        """About what the archive takes where each column is kept by itself."""
        return self.other_bytes + sum(column.n_bytes for column in self.columns)

    def __repr__(self) -> str:
        return f"<Advice on {len(self.columns):,} columns: about {self.independent_bytes:,.0f} bytes>"

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values, with `bounds` and `independent_bytes`; effects that are infinite are None."""
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
