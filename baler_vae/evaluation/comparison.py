"""Archives of one original side by side, as values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

_FOLLOWS = ("ratio", "bits_per_row", "bits_per_value", "rms_in_widths", "largest_in_widths", "peak_in_errors")
_ARCHIVE = ("name", "bound", "model", "model_kind", "n_rows", "n_values", "original_bytes", "archive_bytes")


@dataclass(frozen=True)
class ComparedColumn:
    """What an archive made of a column: its bound, its bytes (None in latents), and the largest and the root mean
    square residual, in the unit of the column; both None for text. `width` is the standard deviation of the original's
    finite values.
    """

    name: str
    dtype: str
    bound: str
    n_bytes: int | None
    n_different: int
    largest: float | None
    rms: float | None
    width: float | None

    @property
    def rms_in_widths(self) -> float | None:
        """The root mean square residual in units of the width of the original."""
        return self.rms / self.width if self.rms is not None and self.width else None

    @property
    def largest_in_widths(self) -> float | None:
        """The largest residual in units of the width of the original."""
        return self.largest / self.width if self.largest is not None and self.width else None


@dataclass(frozen=True)
class ComparedPeak:
    """By how much a peak moved, after - before, in per cent and in statistical errors; None where a fit failed."""

    column: str
    window: tuple[float, float]
    position_percent: float | None
    width_percent: float | None
    position_in_errors: float | None
    width_in_errors: float | None


@dataclass(frozen=True)
class ComparedGuarantee:
    """What an archive guarantees beyond bounds: the rows or events that were judged, those that miss it, the worst in
    units of its bound (None for a cut), and the bytes of moves that keep it; n is None where its columns were not
    compared.
    """

    text: str
    n: int | None
    n_broken: int
    worst: float | None
    moves_bytes: int


@dataclass(frozen=True, kw_only=True)
class Compared:
    """An archive against the original.

    Attributes
    ----------
    name : str
        The archive.
    archive_bytes, original_bytes : int
        Bytes of the archive, and of the values in their own dtypes.
    model_kind : str
        The kind of model of the group with most rows.
    n_rows, n_values : int
        Rows of the largest group, and values of all columns.
    columns : tuple[ComparedColumn, ...]
        What became of each column.
    peaks : tuple[ComparedPeak, ...]
        By how much peaks moved.
    guarantees : tuple[ComparedGuarantee, ...]
        What it guarantees beyond the bounds of columns.
    guarantees_bytes : int
        Bytes of all that keeps them: moves, their tables and patched values.
    exceeded : tuple[str, ...]
        A sentence for each tolerance that is exceeded.
    bound, model : str or None
        What was asked for, where the archive was made for the comparison.
    """

    name: str
    archive_bytes: int
    original_bytes: int
    model_kind: str
    n_rows: int
    n_values: int
    columns: tuple[ComparedColumn, ...]
    peaks: tuple[ComparedPeak, ...]
    guarantees: tuple[ComparedGuarantee, ...] = ()
    guarantees_bytes: int = 0
    exceeded: tuple[str, ...] = ()
    bound: str | None = None
    model: str | None = None

    @property
    def ratio(self) -> float:
        return self.original_bytes / self.archive_bytes

    @property
    def bits_per_row(self) -> float:
        return 8 * self.archive_bytes / max(1, self.n_rows)

    @property
    def bits_per_value(self) -> float:
        return 8 * self.archive_bytes / max(1, self.n_values)

    @property
    def rms_in_widths(self) -> float | None:
        """The root mean square over float columns of their residuals' rms, each in units of its column's width."""
        found = [own.rms_in_widths for own in self.columns if own.dtype.startswith("float")]
        known = [value for value in found if value is not None]
        return math.sqrt(sum(value**2 for value in known) / len(known)) if known else None

    @property
    def largest_in_widths(self) -> float | None:
        """The largest residual of any float column, in units of that column's width."""
        found = [own.largest_in_widths for own in self.columns if own.dtype.startswith("float")]
        return max((value for value in found if value is not None), default=None)

    @property
    def peak_in_errors(self) -> float | None:
        """The largest shift of any position or width of a peak in statistical errors; None where no fit succeeded."""
        shifts = [shift for peak in self.peaks for shift in (peak.position_in_errors, peak.width_in_errors)]
        return max((abs(shift) for shift in shifts if shift is not None), default=None)


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison:
    """Archives of one file side by side.

    Attributes
    ----------
    against : str
        The original.
    archives : tuple[Compared, ...]
        The archives, those that were made for the comparison last.
    rivals : Mapping[str, Mapping[str, int]]
        The sizes of rivals for the same rows, in bytes by bound and name.
    """

    against: str
    archives: tuple[Compared, ...]
    rivals: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.archives):,} archives against {self.against!r}>"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values, with what follows from it."""
        archives = [{**as_plain(own), **{name: getattr(own, name) for name in _FOLLOWS}} for own in self.archives]
        for document, own in zip(archives, self.archives, strict=True):
            document["columns"] = [
                {**as_plain(column), "rms_in_widths": column.rms_in_widths} for column in own.columns
            ]
        return {"against": self.against, "archives": archives, "rivals": as_plain(self.rivals)}

    def to_pandas(self) -> "DataFrame":
        """A data frame with a row for each archive; residuals are in widths of their column, shifts in errors."""
        return data_frame(map(_record, self.archives), (*_ARCHIVE, *_FOLLOWS, "exceeded"))

    def _repr_html_(self) -> str:
        headings = ("archive", "bytes", "ratio", "bits/row", "bits/value", "model", "rms / width", "largest / width")
        rows: list[tuple[object, ...]] = [
            (
                own.name,
                own.archive_bytes,
                own.ratio,
                own.bits_per_row,
                own.bits_per_value,
                own.model_kind,
                own.rms_in_widths,
                own.largest_in_widths,
            )
            for own in self.archives
        ]
        rows += [
            (f"{name}, {bound}", n_bytes, None, None, None, "rival", None, None)
            for bound, found in self.rivals.items()
            for name, n_bytes in found.items()
        ]
        exceeded = [f"{own.name}: {text}" for own in self.archives for text in own.exceeded]
        kept = [
            f"{own.name}, {own.guarantees_bytes:,} bytes of guarantees: {', '.join(one.text for one in own.guarantees)}"
            for own in self.archives
            if own.guarantees
        ]
        return html_table(f"Against {self.against}", headings, rows, notes=[*kept, *exceeded])


def _record(own: Compared) -> dict[str, object]:
    return {name: getattr(own, name) for name in (*_ARCHIVE, *_FOLLOWS)} | {"exceeded": len(own.exceeded)}
