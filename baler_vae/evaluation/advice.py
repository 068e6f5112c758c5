"""Advice on the precision of columns, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baler_vae.evaluation.effect import Effect, largest
from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

_COLUMNS = ("name", "group", "dtype", "n_rows", "bound", "n_bytes", "bits_per_value", "exact_bytes")
_WORST = ("worst", "limit", "limit_in_errors", "written_as", "shares_with", "used")


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
        The bounds that were tried, the coarsest first; effects are those of all columns that share a bound together.
    shares_with : tuple[str, ...]
        The other columns that have the same bound because they have the same meaning.
    used : bool
        Whether it was examined. Where quantities, peaks or cuts are declared and none of them uses the column, nor one
        that it shares its bound with, it keeps the default bound.
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
    shares_with: tuple[str, ...] = ()
    used: bool = True

    @property
    def bits_per_value(self) -> float:
        """The estimated bits per value under the advised bound."""
        return 8 * self.n_bytes / max(1, self.n_rows)

    @property
    def worst(self) -> float:
        """The largest effect of this bound, on this column and those that share it."""
        return next((candidate.worst for candidate in self.candidates if candidate.bound == self.bound), 0.0)

    @property
    def note(self) -> str:
        """The remark on a column that nothing uses, or whose numbers were rounded before."""
        notes = [] if self.used else ["not used: default bound"]
        if self.written_as is not None:
            free = "exact for free" if self.bound == "exact" else f"exact would take {self._dearer()}"
            notes.append(f"written as {self.written_as}: {free}")
        return "; ".join(notes)

    def _dearer(self) -> str:
        return f"{100 * (self.exact_bytes / self.n_bytes - 1):.0f} % more" if self.n_bytes else "more"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Guarantees, and coarser bounds that go with them.

    Attributes
    ----------
    text : str
        A sentence on what is proposed, and what it saves.
    bounds : tuple[str, ...]
        The bounds of all columns, as `Advice.bounds`.
    guarantees : tuple[Mapping[str, str | int], ...]
        What is guaranteed, as a table ``[[guarantees]]`` of a project states it.
    n_bytes : float
        The estimated bytes of the float columns, each coded independently, with what the guarantees take.
    plain_bytes : float
        The same under the advised bounds, without guarantees.
    """

    text: str
    bounds: tuple[str, ...]
    guarantees: tuple[Mapping[str, str | int], ...]
    n_bytes: float
    plain_bytes: float


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
    proposals : tuple[Proposal, ...]
        Guarantees with coarser bounds that would take fewer bytes.
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
    proposals: tuple[Proposal, ...] = ()

    @property
    def bounds(self) -> tuple[str, ...]:
        """The bounds of all columns that need one, as `--bound` and `project.toml` take them."""
        return (*self.others, *(f"{column.name}={column.bound}" for column in self.columns))

    @property
    def independent_bytes(self) -> float:
        """The estimated size of the archive if each column is coded independently."""
        return self.other_bytes + sum(column.n_bytes for column in self.columns)

    @property
    def families(self) -> tuple[tuple[str, ...], ...]:
        """The columns that share a bound, in families."""
        order = [column.name for column in self.columns]
        found = {frozenset((column.name, *column.shares_with)) for column in self.columns if column.shares_with}
        named = [tuple(column.name for column in self.columns if column.name in family) for family in found]
        return tuple(sorted(named, key=lambda family: order.index(family[0])))

    @property
    def unused(self) -> tuple[str, ...]:
        """The columns that nothing declared uses."""
        return tuple(column.name for column in self.columns if not column.used)

    @property
    def title(self) -> str:
        """What the bounds are."""
        what = "nothing declared, and no column that it uses," if self.unused else "nothing"
        return f"Bounds under which {what} moves by more than {100 * self.part:g} % of its statistical error"

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what shares a bound, what nothing uses, what was not examined, and what is proposed."""
        shared = (f"one bound for {', '.join(family)}, rounded together" for family in self.families)
        unused = f"used by nothing that is declared, kept at the default bound: {', '.join(self.unused)}"
        proposed = (proposal.text for proposal in self.proposals)
        skipped = (f"not examined: {what}" for what in self.skipped)
        return (*shared, *([unused] if self.unused else []), *skipped, *proposed)

    def __repr__(self) -> str:
        return f"<Advice on {len(self.columns):,} columns: about {self.independent_bytes:,.0f} bytes>"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values, with `bounds`, `families`, `unused` and `independent_bytes`; infinite
        effects are None.
        """
        found: dict[str, Any] = as_plain(vars(self), finite=True)
        return found | {
            "bounds": list(self.bounds),
            "families": [list(family) for family in self.families],
            "unused": list(self.unused),
            "independent_bytes": self.independent_bytes,
        }

    def to_pandas(self) -> "DataFrame":
        """A data frame with a row for each float column; effects are in statistical errors."""
        return data_frame(map(_record, self.columns), (*_COLUMNS, *_WORST))

    def _repr_html_(self) -> str:
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
        return html_table(self.title, headings, rows, notes=list(self.notes))


def _record(column: ColumnAdvice) -> dict[str, object]:
    limit = column.limit
    told: dict[str, object] = (
        {"limit": None, "limit_in_errors": None}
        if limit is None
        else {"limit": str(limit), "limit_in_errors": limit.in_errors}
    )
    told |= {"shares_with": ", ".join(column.shares_with) or None}
    return {name: getattr(column, name) for name in (*_COLUMNS, "worst", "written_as", "used")} | told
