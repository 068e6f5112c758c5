"""What a verification found: values to be shown and written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from baler_vae.reader.showing import short_numbers
from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

_COLUMNS = ("name", "group", "bound", "n_values", "n_broken", "worst", "worst_row", "original", "restored")
_GUARANTEED = "guaranteed"
"""What stands in the place of a bound."""


@dataclass(frozen=True)
class ColumnCheck:
    """One column against its original.

    Attributes
    ----------
    name, group, bound : str
        The column, its group, and what is promised of it.
    n_values, n_broken : int
        Values that were compared, and those that miss the bound.
    worst : float
        The largest deviation in units of the bound; infinite where a value that must come back exactly did not.
    worst_row : int or None
        Where in the group that was found; None where nothing differs.
    original, restored : str
        The value in that row before and after.
    """

    name: str
    group: str
    bound: str
    n_values: int = 0
    n_broken: int = 0
    worst: float = 0.0
    worst_row: int | None = None
    original: str = ""
    restored: str = ""


@dataclass(frozen=True)
class GuaranteeCheck:
    """One guarantee against the original.

    Attributes
    ----------
    text, group : str
        The cut, or the quantity and its bound, and the group whose rows, or events, it is about.
    n_values, n_broken : int
        Rows or events that were compared, and those that break it.
    worst : float
        The largest deviation of the quantity in units of its bound; infinite where a decision of a cut is another.
    worst_row : int or None
        Where in the group that was found; None where nothing differs.
    original, restored : str
        The quantity, or the decision, in that row before and after.
    """

    text: str
    group: str
    n_values: int = 0
    n_broken: int = 0
    worst: float = 0.0
    worst_row: int | None = None
    original: str = ""
    restored: str = ""


Check = TypeVar("Check", ColumnCheck, GuaranteeCheck)


def with_worst(
    check: Check,
    before: NDArray[np.generic],
    after: NDArray[np.generic],
    kept: NDArray[np.bool_],
    units: NDArray[np.float64],
    first_row: int,
) -> Check:
    """A check with more values (rows,) from `first_row` on, of which some are `kept`, bool (rows,), and which are so
    far off in units of what is allowed, float64 (rows,); the values themselves are counted already.
    """
    check = replace(check, n_broken=check.n_broken + int(np.count_nonzero(~kept)))
    # A value whose deviation rounds to just one bound is broken all the same, and then it is the one to show.
    units = np.where(kept, np.minimum(units, 1.0), np.maximum(units, np.nextafter(1.0, 2.0)))
    worst = int(np.argmax(units)) if len(units) else 0
    if not len(units) or units[worst] <= check.worst:
        return check
    return replace(
        check,
        worst=float(units[worst]),
        worst_row=first_row + worst,
        original=repr(before[worst].item() if before.dtype != object else before[worst]),
        restored=repr(after[worst].item() if after.dtype != object else after[worst]),
    )


def joined(first: Check, second: Check) -> Check:
    """The check of the rows of one check and, behind them, of another of the same column or guarantee."""
    n_values, n_broken = first.n_values + second.n_values, first.n_broken + second.n_broken
    if second.worst_row is None or second.worst <= first.worst:
        return replace(first, n_values=n_values, n_broken=n_broken)
    worst_row = first.n_values + second.worst_row
    return replace(second, n_values=n_values, n_broken=n_broken, worst_row=worst_row)


@dataclass(frozen=True, kw_only=True, repr=False)
class Verification:
    """What was checked of an archive. Columns under `free` promise nothing, and none of their values counts as broken.

    Attributes
    ----------
    path : str
        The archive.
    n_sections, n_bytes : int
        Sections whose digests are right, and bytes of the archive.
    n_rows : Mapping[str, int]
        Rows that were decoded, by group.
    columns : tuple[ColumnCheck, ...]
        The columns against the original; empty where it was not at hand.
    guarantees : tuple[GuaranteeCheck, ...]
        What is guaranteed beyond bounds against the original; empty where it was not at hand, or nothing is.
    """

    path: str
    n_sections: int
    n_bytes: int
    n_rows: Mapping[str, int]
    columns: tuple[ColumnCheck, ...] = ()
    guarantees: tuple[GuaranteeCheck, ...] = ()

    @property
    def broken(self) -> tuple[ColumnCheck, ...]:
        """The columns of which a value misses its bound."""
        return tuple(column for column in self.columns if column.n_broken)

    @property
    def broken_guarantees(self) -> tuple[GuaranteeCheck, ...]:
        """The guarantees that a row or event breaks."""
        return tuple(check for check in self.guarantees if check.n_broken)

    def __repr__(self) -> str:
        return f"<Verification of {self.path!r}: {self._verdict()}>"

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, as `baler-vae verify --json` prints it; `worst` may be infinite."""
        found: dict[str, Any] = as_plain(self)
        return found

    def to_pandas(self) -> "DataFrame":
        """A data frame with a row for each column, and behind them one for each guarantee, under its text."""
        return data_frame(self._records(), _COLUMNS)

    def _repr_html_(self) -> str:
        rows = (
            [short_numbers(str(record[name])) if name == "bound" else record[name] for name in _COLUMNS]
            for record in self._records()
        )
        headings = ("column", "group", "bound", "values", "broken", "worst / bound", "in row", "original", "restored")
        counts = ", ".join(f"{count:,} {name}" for name, count in self.n_rows.items())
        intact = f"{self.n_sections} sections and {self.n_bytes:,} bytes intact, {counts} decoded"
        return html_table(f"{self.path}: {self._verdict()}", headings, rows, notes=(intact,))

    def _records(self) -> Iterator[dict[str, Any]]:
        """What is told of each column and guarantee, by the names of `_COLUMNS`."""
        yield from map(vars, self.columns)
        for check in self.guarantees:
            yield {**vars(check), "name": check.text, "bound": _GUARANTEED}

    def _verdict(self) -> str:
        if not self.columns:
            return "intact, bounds not compared"
        found = []
        if self.broken:
            found.append(f"bounds broken in {len(self.broken)} of {len(self.columns)} columns")
        if broken := self.broken_guarantees:
            found.append(f"{len(broken)} of {len(self.guarantees)} guarantees broken")
        if found:
            return ", ".join(found)
        return "intact, all bounds and guarantees kept" if self.guarantees else "intact, all bounds kept"
