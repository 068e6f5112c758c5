"""The numbers of an evaluation as plain values."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baler_vae.evaluation.cuts import Migration
    from baler_vae.evaluation.joint import GroupStatistics
    from baler_vae.evaluation.peaks import PeakFit, PeakShift
    from baler_vae.evaluation.profiles import ColumnStatistics
    from baler_vae.evaluation.residuals import ColumnResiduals
    from baler_vae.evaluation.spectra import SpectrumShift

_COLUMN = ("name", "group", "dtype", "angle", "derived", "n_rows", "n_different", "n_lost", "n_used")
_BOUND = ("bound", "largest_in_bounds")


def column_json(column: "ColumnResiduals", statistics: "ColumnStatistics | None") -> dict[str, Any]:
    """What became of a column, with the statistics of the sample."""
    document = {name: getattr(column, name) for name in (*_COLUMN, *_BOUND)}
    document["bound_kept"] = None if column.largest_in_bounds is None else column.largest_in_bounds <= 1
    if column.response is None:
        return {**document, "residual": None, "response": None, "distances": None, "by_value": None, "by_column": None}
    quantiles = {f"{percent:g}": value for percent, value in (column.quantiles or {}).items()}
    names = ("mean", "rms", "largest", "half_width_68", "half_width_95")
    residual = {**{name: getattr(column, name) for name in names}, "quantiles": quantiles or None}
    more = {name: as_mapping(getattr(statistics, name, None)) for name in ("distances", "by_value", "by_column")}
    return {**document, "residual": residual, "response": as_mapping(column.response), **more}


def peak_json(shift: "PeakShift") -> dict[str, Any]:
    """A peak before and after."""
    shifts = ("mass_difference", "mean_change", "width_change", "yield_change")
    errors = ("mean_shift", "width_shift", "yield_shift")
    return {
        "column": shift.peak.column,
        "window": list(shift.peak.window),
        "n_bins": shift.peak.n_bins,
        "shape": shift.peak.shape,
        "fit": shift.peak.fit,
        **{name: getattr(shift, name) for name in (f"{what}_percent" for what in shifts)},
        **{name: getattr(shift, name) for name in (f"{what}_in_errors" for what in errors)},
        "before": _fit_json(shift.before),
        "after": _fit_json(shift.after),
        "paired": as_mapping(shift.paired),
        "sampled": shift.sampled,
    }


def _fit_json(fit: "PeakFit") -> dict[str, Any]:
    names = ("valid", "reason", "mean", "mean_error", "width", "width_error", "yield_error", "chi2", "n_dof", "p_value")
    parameters = {name: {"value": value, "error": error} for name, (value, error) in fit.parameters.items()}
    return {**{name: getattr(fit, name) for name in names}, "yield": fit.peak_yield, "parameters": parameters}


def spectrum_json(shift: "SpectrumShift") -> dict[str, Any]:
    """The bins of a histogram or peak before and after."""
    spectrum, largest, edges = shift.spectrum, shift.largest, shift.spectrum.edges
    names = ("percent_moved", "chi2", "n_dof", "p_value")
    return {
        "column": spectrum.column,
        "window": list(spectrum.window),
        "n_bins": spectrum.n_bins,
        "is_peak": spectrum.is_peak,
        **{name: getattr(shift, name) for name in names},
        "chi2_rise": shift.rise,
        "chi2_rise_in_deviations": shift.rise_in_deviations,
        "largest_pull": shift.largest_pull,
        "largest_in_errors": shift.largest_in_errors,
        "largest_window": None if largest is None else edges[largest : largest + 2],
        "steps": shift.steps,
        "steps_before": shift.steps_before,
    }


def cut_json(migration: "Migration") -> dict[str, Any]:
    """What changed sides of a cut."""
    return {**(as_mapping(migration) or {}), "percent": migration.percent}


def group_json(group: "GroupStatistics") -> dict[str, Any]:
    """How the columns of a group are related."""
    densities = [as_mapping(density) for density in group.densities]
    return {**(as_mapping(group) or {}), "densities": densities}


def as_mapping(value: Any) -> dict[str, Any] | None:  # noqa: ANN401  any dataclass
    """The fields of a dataclass by name; None of None."""
    return None if value is None else {field.name: getattr(value, field.name) for field in fields(value)}
