"""What `evaluate` computes, fits and allows."""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from baler_vae.settings.checking import (
    Finite,
    Limits,
    NotNegative,
    Positive,
    Settings,
    Texts,
    as_list,
    tolerable,
)

Tolerance = Annotated[float, AfterValidator(tolerable)]


class PeakSettings(Settings):
    """A mass peak to be fitted before and after, in bins of a window of a column or quantity.

    Attributes
    ----------
    column : str
        The column or quantity.
    window : tuple[float, float]
        The two ends of the window, in the unit of the column.
    bins : int
        Bins of the window, 10 to 100,000.
    shape : {"gauss", "crystal-ball", "breit-wigner"}
        What stands on a straight line: a Gaussian, a double-sided Crystal Ball, or a Breit-Wigner of a fixed natural
        width smeared by a Gaussian.
    fit : {"least-squares", "likelihood", "unbinned"}
        Least squares with the same weight for every bin, a binned Poisson likelihood, or a likelihood of the values.
    natural_width : float
        Full width at half maximum of the Breit-Wigner, in the unit of the column; that of the Z is 2.4955 GeV.
    toys : int
        Data sets resampled event by event, before and after together, from which differences get errors of their own;
        none by default.
    """

    column: str
    window: tuple[Finite, Finite]
    bins: Annotated[int, Field(ge=10, le=100_000)] = 199
    shape: Literal["gauss", "crystal-ball", "breit-wigner"] = "gauss"
    fit: Literal["least-squares", "likelihood", "unbinned"] = "least-squares"
    natural_width: Positive = 2.4955
    toys: Annotated[int, Field(ge=0, le=10_000)] = 0


class HistogramSettings(Settings):
    """A histogram of a column or quantity whose bins are compared before and after.

    Attributes
    ----------
    column : str
        The column or quantity.
    range : tuple[float, float]
        The two ends, in the unit of the column.
    bins : int
        Equal bins of the range, 1 to 100,000.
    """

    column: str
    range: tuple[Finite, Finite]
    bins: Annotated[int, Field(ge=1, le=100_000)] = 100


class QuantitySettings(Settings):
    """A quantity that follows from columns, computed before and after and judged like a column.

    Attributes
    ----------
    name : str
        What it is called.
    kind : {"formula", "mass", "pt", "delta_r", "delta_phi", "ht", "missing_pt"}
        A formula over the columns of one table, row by row; or one number for each event, of four-vectors: the
        invariant mass, the transverse momentum of their sum, the distance or the angle in rad of two, the scalar sum
        of transverse momenta, the missing transverse momentum; in the unit of the columns.
    formula : str, optional
        The formula, in the grammar of `baler_vae.kinematics.formula`.
    objects : sequence of str
        The four-vectors: ``Jet_*`` where columns are ``Jet_pt``, ``Jet_eta`` ..., ``*1`` for ``pt1``, ``eta1`` ....
    rows : sequence of int, optional
        Which objects of an event, of a jagged collection, counted from 0; all by default. An event that has fewer has
        no value.
    mass_of_each : float, optional
        The mass of each object, in the unit of the columns, where these tell neither energy nor mass, and in place of
        what they tell: pair masses of muons by momenta and 0.1056583755 GeV move much less than those by rounded
        energies.
    """

    name: Annotated[str, Field(min_length=1)]
    kind: Literal["formula", "mass", "pt", "delta_r", "delta_phi", "ht", "missing_pt"] = "formula"
    formula: str | None = None
    objects: Texts = ()
    rows: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] | None, BeforeValidator(as_list)] = None
    mass_of_each: NotNegative | None = None


class CutSettings(Settings):
    """A cut, of which is counted what changes sides.

    Attributes
    ----------
    cut : str
        Comparisons of formulas joined by logic, such as ``(Jet_pt > 30) & (abs(Jet_eta) < 2.4)`` or, of whole events,
        ``count(Jet_pt > 30) >= 2``, in the grammar of `baler_vae.kinematics.selection_grammar`.
    at_least : int, optional
        Rows of an event that must pass for the event to pass; by default rows are counted, not events.
    """

    cut: str
    at_least: Annotated[int, Field(ge=1, lt=2**31)] | None = None


class ToleranceSettings(Settings):
    """What `baler-vae evaluate --strict` allows; None and infinity are not looked at.

    Attributes
    ----------
    peak_position_percent, peak_width_percent, peak_yield_percent : float or None
        How far position, width and yield of a peak may move, in per cent.
    peak_position_errors, peak_width_errors, peak_yield_errors : float or None
        The same in standard errors of the fit before.
    spectrum_chi2 : float or None
        By how much the chi2 of a model may grow that describes the bins of a peak or histogram before, in standard
        deviations of a chi2 of as many bins.
    spectrum_errors : float or None
        How far one of those bins may move, in its statistical errors.
    migration_percent : float or None
        How many of those that pass a cut may change sides, in per cent.
    differing_percent : float or None
        How many values of integers, flags and text may differ, in per cent.
    lost : float or None
        How many finite values may become NaN or infinite, or the other way round.
    missing : float or None
        How many columns may be lacking that were not left out on purpose.
    in_bounds : float or None
        The largest residual of a column, in units of its bound.
    largest : Mapping[str, float]
        By glob of columns: the largest residual, in the unit of the column.
    response_mean_percent, response_rms_percent : Mapping[str, float]
        By glob of columns: the mean and the root mean square of the response, in per cent.
    kolmogorov_smirnov : Mapping[str, float]
        By glob of columns: the Kolmogorov-Smirnov distance, 0 to 1.
    """

    peak_position_percent: Tolerance | None = 1.0
    peak_position_errors: Tolerance | None = 0.5
    peak_width_percent: Tolerance | None = 1.0
    peak_width_errors: Tolerance | None = 0.5
    peak_yield_percent: Tolerance | None = 5.0
    peak_yield_errors: Tolerance | None = 0.5
    spectrum_chi2: Tolerance | None = 2.0
    spectrum_errors: Tolerance | None = 3.0
    migration_percent: Tolerance | None = 0.1
    differing_percent: Tolerance | None = 0.0
    lost: Tolerance | None = 0
    missing: Tolerance | None = 0
    in_bounds: Tolerance | None = 1.0
    largest: Limits = {}
    response_mean_percent: Limits = {}
    response_rms_percent: Limits = {}
    kolmogorov_smirnov: Limits = {}

    def judged(self) -> dict[str, Any]:
        """The tolerances that anything is judged by, by name."""
        given = self.model_dump(exclude_none=True)
        return {name: allowed for name, allowed in given.items() if allowed not in ({}, math.inf)}


class EvaluationSettings(Settings):
    """What is judged, and what may differ by how much.

    Attributes
    ----------
    angles : sequence of str, optional
        Globs of the columns that are angles in rad; found by name and values where there are none.
    peaks : sequence of PeakSettings, optional
        Peaks to be fitted; found by name where there are none.
    histograms : sequence of HistogramSettings
        Histograms whose bins are compared; those of peaks always are.
    quantities : sequence of QuantitySettings
        Quantities to be computed from columns.
    cuts : sequence of CutSettings
        Cuts to be applied.
    profile : str, optional
        A glob of the column against which the profiles of the others in its table are drawn.
    tolerances : ToleranceSettings
        What may differ by how much.
    """

    angles: Annotated[tuple[str, ...] | None, BeforeValidator(as_list)] = None
    peaks: tuple[PeakSettings, ...] | None = None
    histograms: tuple[HistogramSettings, ...] = ()
    quantities: tuple[QuantitySettings, ...] = ()
    cuts: tuple[CutSettings, ...] = ()
    profile: str | None = None
    tolerances: ToleranceSettings = ToleranceSettings()
