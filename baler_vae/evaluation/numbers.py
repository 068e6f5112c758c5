"""What an evaluation found, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from baler_vae.errors import UsageError
from baler_vae.evaluation.document import column_json, cut_json, group_json, peak_json, spectrum_json
from baler_vae.results import as_plain, data_frame

if TYPE_CHECKING:
    from baler_vae.evaluation.cuts import Migration
    from baler_vae.evaluation.histograms import ColumnHistograms
    from baler_vae.evaluation.joint import GroupStatistics
    from baler_vae.evaluation.peaks import PeakShift
    from baler_vae.evaluation.profiles import ColumnStatistics
    from baler_vae.evaluation.residuals import ColumnResiduals
    from baler_vae.evaluation.spectra import SpectrumShift
    from baler_vae.results import DataFrame

Table = Literal["columns", "peaks", "cuts", "spectra", "guarantees"]

_COLUMN = ("name", "group", "dtype", "bound", "n_rows", "n_different", "n_lost", "mean", "rms", "largest")
_WIDTHS = ("half_width_68", "half_width_95", "largest_in_bounds")
_DISTANCES = ("kolmogorov_smirnov", "wasserstein_in_widths")
_COLUMNS = (*_COLUMN, *_WIDTHS, "response_mean", "response_rms", *_DISTANCES)
_MOVED = tuple(
    f"{what}_{of}"
    for what in ("mean", "width", "yield")
    for of in ("before", "after", "change_percent", "shift_in_errors")
)
_PEAKS = ("column", "low", "high", "shape", "fit", "valid", *_MOVED)
_CUTS = ("cut", "at_least", "of", "n", "n_before", "n_after", "n_out", "n_in", "percent")
_SPECTRA = ("column", "low", "high", "n_bins", "is_peak", "percent_moved", "chi2", "n_dof", "p_value", "chi2_rise")
_GUARANTEES = ("text", "cut", "at_least", "quantity", "bound", "group", "n", "n_broken", "worst", "is_judged")
_MOVES = ("chi2_rise_in_deviations", "largest_pull", "largest_in_errors", "steps", "steps_before")


@dataclass(frozen=True, kw_only=True)
class GuaranteeResult:
    """What became of one thing that an archive guarantees beyond the bounds of its columns.

    Attributes
    ----------
    text : str
        The cut or the quantity with its bound.
    definitions : tuple[str, ...]
        What the quantities are that it is about.
    cut, quantity, bound : str or None
        The cut, or the name of the quantity and its bound in exact numbers.
    at_least : int or None
        The rows of an event that must pass the cut, where events are judged.
    group : str
        The group whose rows are judged; ``events`` for whole events.
    n, n_broken : int
        Rows or events that were judged, and those among them that break it.
    worst : float or None
        The largest deviation of a quantity in units of its bound; None for a cut.
    is_judged : bool
        Whether the columns that it is about were compared; n is 0 where they were not.
    """

    text: str
    definitions: tuple[str, ...] = ()
    cut: str | None = None
    at_least: int | None = None
    quantity: str | None = None
    bound: str | None = None
    group: str = "events"
    n: int = 0
    n_broken: int = 0
    worst: float | None = None
    is_judged: bool = True


@dataclass(frozen=True, kw_only=True)
class CandidateSizes:
    """The sizes of the kinds of model that were compared for a group.

    Attributes
    ----------
    group, kind : str
        The group, and the kind of model that it has.
    bytes : Mapping[str, int]
        The bytes that each kind would take, estimated from a sample.
    fitted_bytes : int or None
        Bytes that the fitted one takes.
    """

    group: str
    kind: str
    bytes: Mapping[str, int]
    fitted_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class ArchiveSizes:
    """The sizes of an archive in bytes; None for what is unknown.

    Attributes
    ----------
    original_bytes, archive_bytes : int or None
        The values in their own dtypes, and the archive.
    model_bytes, latents_bytes, codes_bytes, metadata_bytes, guarantees_bytes : int or None
        The parts of the archive.
    guarantees : Mapping[str, int]
        What moves of values take for each guarantee, by its text, and behind them what guarantees share.
    candidates : tuple[CandidateSizes, ...]
        Groups for which several kinds of model were compared.
    """

    original_bytes: int | None = None
    archive_bytes: int | None = None
    model_bytes: int | None = None
    latents_bytes: int | None = None
    codes_bytes: int | None = None
    metadata_bytes: int | None = None
    guarantees_bytes: int | None = None
    guarantees: Mapping[str, int] = field(default_factory=dict)
    candidates: tuple[CandidateSizes, ...] = ()

    @property
    def ratio(self) -> float | None:
        """How many times smaller the archive is than the original; None where either size is unknown or zero."""
        if not self.original_bytes or not self.archive_bytes:
            return None
        return float(self.original_bytes) / float(self.archive_bytes)

    def to_dict(self) -> dict[str, Any]:
        """The sizes that are known, and their ratio, as plain JSON values."""
        known = {name: n_bytes for name, n_bytes in vars(self).items() if n_bytes is not None}
        found: dict[str, Any] = as_plain(known | {"ratio": self.ratio})
        return found


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EvaluationNumbers:
    """What became of the columns of a table. Histograms, quantiles, half-widths, statistics and the mutual information
    and distances of groups are those of a sample, everything else is of all rows.

    Attributes
    ----------
    n_rows, n_sampled : Mapping[str, int]
        Rows of each group of the original, and how many of them were sampled.
    columns : tuple[ColumnResiduals, ...]
        What became of each column, in the order of the original's groups; in the unit of the column.
    peaks : tuple[PeakShift, ...]
        Peaks before and after.
    histograms : Mapping[str, ColumnHistograms]
        By name of a numeric column that has a finite value.
    sizes : ArchiveSizes or None
        What is known of the archive; None where there is none.
    statistics : Mapping[str, ColumnStatistics]
        By name of a numeric column.
    groups : tuple[GroupStatistics, ...]
        How the columns are related, for groups of at least two numeric ones.
    cuts : tuple[Migration, ...]
        What changed sides of cuts.
    spectra : tuple[SpectrumShift, ...]
        The bins of peaks and of declared histograms before and after.
    guarantees : tuple[GuaranteeResult, ...]
        What became of that which the archive guarantees.
    declared_peaks : bool
        Whether the peaks were named, and not only looked for.
    missing, left_out : tuple[str, ...]
        Columns of the original that did not come back though they were asked for, and those that were not asked for.
    """

    n_rows: Mapping[str, int]
    columns: "tuple[ColumnResiduals, ...]"
    peaks: "tuple[PeakShift, ...]" = ()
    histograms: "Mapping[str, ColumnHistograms]" = field(default_factory=dict)
    sizes: ArchiveSizes | None = None
    n_sampled: Mapping[str, int] = field(default_factory=dict)
    statistics: "Mapping[str, ColumnStatistics]" = field(default_factory=dict)
    groups: "tuple[GroupStatistics, ...]" = ()
    cuts: "tuple[Migration, ...]" = ()
    spectra: "tuple[SpectrumShift, ...]" = ()
    guarantees: tuple[GuaranteeResult, ...] = ()
    declared_peaks: bool = False
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        rows = ", ".join(f"{count:,} {name}" for name, count in self.n_rows.items())
        return f"<{type(self).__name__} of {len(self.columns):,} columns, {rows}>"

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain JSON values, without the histograms of columns; what is undefined is None.

        Keys:
            `n_rows`, `n_sampled`: group -> rows.
            `missing`, `left_out`: lists of columns that did not come back, and that were not asked for.
            `sizes`: those of `ArchiveSizes` that are known, with `ratio`; or None.
            `columns`: a list of `name`, `group`, `dtype`, `angle`, `derived`, `bound`, `largest_in_bounds` (None
                beyond all bounds too: see `bound_kept`), `n_rows`,
                `n_different`, `n_lost`, `n_used`, and, None for text,
                `residual` (`mean`, `rms`, `largest`, `half_width_68`, `half_width_95`, `quantiles`: per cent -> value),
                `response` (`n_used`, `mean`, `rms`, `half_width_68`, `half_width_95`),
                `distances` (`kolmogorov_smirnov`, `ks_p_value`, `wasserstein`, `wasserstein_in_widths`, `chi2`,
                `n_dof`), `by_value` and `by_column`, each None or `against`, `of`, `edges` (bins + 1) and, by bin, `n`,
                `mean`, `rms`, `half_width_68`.
            `peaks`: a list of `column`, `window`, `n_bins`, `shape`, `fit`, `mass_difference_percent` (the size of
                `mean_change_percent`, relative to the mean after), `mean_change_percent`, `width_change_percent`,
                `yield_change_percent`, `mean_shift_in_errors`, `width_shift_in_errors`, `yield_shift_in_errors`, all
                of them after - before; the fits `before` and `after`, each with `valid`, `reason`, `mean`,
                `mean_error`, `width`, `width_error`, `yield`, `yield_error`, `chi2`, `n_dof`, `p_value`, and
                `parameters`: name -> `value` and `error`; `paired` (`mean`, `width`, `peak_yield`, `n_toys`,
                `n_failed`) or None; `sampled`.
            `cuts`: a list of `cut`, `at_least`, `of`, `n`, `n_before`, `n_after`, `n_out`, `n_in`, `percent`.
            `spectra`: a list of `column`, `window`, `n_bins`, `is_peak`, `percent_moved`, `chi2`, `n_dof`, `p_value`,
                `chi2_rise`, `chi2_rise_in_deviations`, `largest_pull`, `largest_in_errors`, `largest_window` (of that
                bin), `steps`, `steps_before`; `steps` are None also where hardly any value occurs twice.
            `guarantees`: a list of `text`, `definitions`, `cut`, `at_least`, `quantity`, `bound`, `group`, `n`,
                `n_broken`, `worst`, `is_judged`.
            `groups`: a list of `group`, `names`, matrices in the order of these, each a list of rows:
                `correlation_before`, `correlation_after`, `mutual_information_before`, `mutual_information_after`
                (bits); `sliced_wasserstein`, `sliced_wasserstein_of_halves`; and `densities`, a list of `x`, `y`,
                `x_edges`, `y_edges`, `before`, `after`, the last two a list by bin of x of the rows by bin of y.
        """
        document = {
            "n_rows": self.n_rows,
            "n_sampled": self.n_sampled,
            "missing": self.missing,
            "left_out": self.left_out,
            "sizes": None if self.sizes is None else self.sizes.to_dict(),
            "columns": [column_json(column, self.statistics.get(column.name)) for column in self.columns],
            "peaks": [peak_json(shift) for shift in self.peaks],
            "cuts": [cut_json(migration) for migration in self.cuts],
            "spectra": [spectrum_json(shift) for shift in self.spectra],
            "guarantees": self.guarantees,
            "groups": [group_json(group) for group in self.groups],
        }
        return {key: as_plain(value, finite=True) for key, value in document.items()}

    def to_pandas(self, table: Table = "columns") -> "DataFrame":
        """A data frame with a row for each of the columns, the peaks, the cuts, the spectra or the guarantees.

        Parameters
        ----------
        table : {"columns", "peaks", "cuts", "spectra", "guarantees"}
            The rows. Residuals of columns, and means and widths of peaks, are in the unit of the column; responses
            are parts of the value.

        Returns
        -------
        pd.DataFrame
            The table.

        Raises
        ------
        UsageError
            There is no such table.
        """
        tables: dict[str, tuple[Callable[[], list[dict[str, object]]], tuple[str, ...]]] = {
            "columns": (self._column_records, _COLUMNS),
            "peaks": (self._peak_records, _PEAKS),
            "cuts": (self._cut_records, _CUTS),
            "spectra": (self._spectrum_records, (*_SPECTRA, *_MOVES)),
            "guarantees": (self._guarantee_records, _GUARANTEES),
        }
        if table not in tables:
            raise UsageError(f"an evaluation has no table {table!r}", expected=" or ".join(get_args(Table)))
        records, columns = tables[table]
        return data_frame(records(), columns)

    def _column_records(self) -> list[dict[str, object]]:
        records = []
        for column in self.columns:
            response, statistics = column.response, self.statistics.get(column.name)
            distances = None if statistics is None else statistics.distances
            record: dict[str, object] = {name: getattr(column, name) for name in (*_COLUMN, *_WIDTHS)}
            record |= {f"response_{name}": getattr(response, name, None) for name in ("mean", "rms")}
            records.append(record | {name: getattr(distances, name, None) for name in _DISTANCES})
        return records

    def _peak_records(self) -> list[dict[str, object]]:
        records = []
        for shift in self.peaks:
            peak, (low, high) = shift.peak, shift.peak.window
            record: dict[str, object] = {"column": peak.column, "low": low, "high": high}
            record |= {"shape": peak.shape, "fit": peak.fit, "valid": shift.before.valid and shift.after.valid}
            for what, name in (("mean", "mean"), ("width", "width"), ("yield", "peak_yield")):
                record[f"{what}_before"], record[f"{what}_after"] = (
                    getattr(fit, name) for fit in (shift.before, shift.after)
                )
                for moved in (f"{what}_change_percent", f"{what}_shift_in_errors"):
                    record[moved] = getattr(shift, moved)
            records.append(record)
        return records

    def _cut_records(self) -> list[dict[str, object]]:
        return [{name: getattr(cut, name) for name in _CUTS} for cut in self.cuts]

    def _guarantee_records(self) -> list[dict[str, object]]:
        return [vars(one) for one in self.guarantees]

    def _spectrum_records(self) -> list[dict[str, object]]:
        documents = [spectrum_json(shift) for shift in self.spectra]
        return [document | dict(zip(("low", "high"), document["window"], strict=True)) for document in documents]
