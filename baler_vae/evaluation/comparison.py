"""Archives of one original side by side: values to be shown."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


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
class Compared:
    """An archive against the original. `bound` and `model` are what was asked for, where it was made for a comparison.

    `n_rows` are those of the largest group, `n_values` the values of all columns, `exceeded` a sentence for each
    tolerance that is exceeded.
    """

    name: str
    archive_bytes: int
    original_bytes: int
    model_kind: str
    n_rows: int
    n_values: int
    columns: tuple[ComparedColumn, ...]
    peaks: tuple[ComparedPeak, ...]
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


@dataclass(frozen=True)
class Comparison:
    """Archives side by side, and what rivals take for the same rows, by bound and name."""

    against: str
    archives: tuple[Compared, ...]
    rivals: Mapping[str, Mapping[str, int]]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values, with what follows from it."""
        names = ("ratio", "bits_per_row", "bits_per_value", "rms_in_widths", "largest_in_widths", "peak_in_errors")
        archives = [{**asdict(own), **{name: getattr(own, name) for name in names}} for own in self.archives]
        for document, own in zip(archives, self.archives, strict=True):
            document["columns"] = [{**asdict(column), "rms_in_widths": column.rms_in_widths} for column in own.columns]
            document["peaks"] = [{**asdict(peak), "window": list(peak.window)} for peak in own.peaks]
        rivals = {bound: dict(found) for bound, found in self.rivals.items()}
        return {"against": self.against, "archives": archives, "rivals": rivals}
