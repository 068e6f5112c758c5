"""What a verification found: values to be shown and written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baler_vae.reader.showing import short_numbers
from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

_COLUMNS = ("name", "group", "bound", "n_values", "n_broken", "worst", "worst_row", "original", "restored")


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
    """

    path: str
    n_sections: int
    n_bytes: int
    n_rows: Mapping[str, int]
    columns: tuple[ColumnCheck, ...] = ()

    @property
    def broken(self) -> tuple[ColumnCheck, ...]:
        """The columns of which a value misses its bound."""
        return tuple(column for column in self.columns if column.n_broken)

    def __repr__(self) -> str:
        return f"<Verification of {self.path!r}: {self._verdict()}>"

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, as `baler-vae verify --json` prints it; `worst` may be infinite."""
        found: dict[str, Any] = as_plain(self)
        return found

    def to_pandas(self) -> "DataFrame":
        """A data frame with a row for each column."""
        return data_frame(map(vars, self.columns), _COLUMNS)

    def _repr_html_(self) -> str:
        rows = (
            [short_numbers(column.bound) if name == "bound" else getattr(column, name) for name in _COLUMNS]
            for column in self.columns
        )
        headings = ("column", "group", "bound", "values", "broken", "worst / bound", "in row", "original", "restored")
        counts = ", ".join(f"{count:,} {name}" for name, count in self.n_rows.items())
        intact = f"{self.n_sections} sections and {self.n_bytes:,} bytes intact, {counts} decoded"
        return html_table(f"{self.path}: {self._verdict()}", headings, rows, notes=(intact,))

    def _verdict(self) -> str:
        if not self.columns:
            return "intact, bounds not compared"
        if not self.broken:
            return "intact, all bounds kept"
        return f"bounds broken in {len(self.broken)} of {len(self.columns)} columns"
