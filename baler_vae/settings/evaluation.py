"""What `evaluate` computes, fits and allows."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from baler_vae.settings.checking import Finite, Limits, NotNegative, Positive, Settings, Texts, as_list


class PeakSettings(Settings):
    """A mass peak to be fitted before and after, in bins of a window of a column or quantity.

    The shapes stand on a straight line: a Gaussian, a double-sided Crystal Ball, or a Breit-Wigner of a fixed natural
    width (`natural_width`, 2.4955 GeV is that of the Z) smeared by a Gaussian. `least-squares` gives every bin the same
    weight; `likelihood` is a binned Poisson likelihood, `unbinned` one of the values. With `toys` resampled event by
    event, before and after together, differences get errors of their own.
    """

    column: str
    window: tuple[Finite, Finite]
    bins: Annotated[int, Field(ge=10, le=100_000)] = 199
    shape: Literal["gauss", "crystal-ball", "breit-wigner"] = "gauss"
    fit: Literal["least-squares", "likelihood", "unbinned"] = "least-squares"
    natural_width: Positive = 2.4955
    toys: Annotated[int, Field(ge=0, le=10_000)] = 0


class QuantitySettings(Settings):
    """A quantity that follows from columns, computed before and after and judged like a column.

    `formula` is one over the columns of one table, row by row (its grammar stands in `baler_vae.kinematics.formula`).
    All other kinds are one number for each event, of the four-vectors of `objects` (`Jet_*` where columns are `Jet_pt`,
    `Jet_eta` ..., `*1` for `pt1`, `eta1` ...): the invariant `mass`, the transverse momentum `pt` of their sum,
    `delta_r` and `delta_phi` of two, the scalar sum `ht` of transverse momenta, the missing transverse momentum
    `missing_pt`. Of a jagged collection `rows` says which objects of an event, all without it; an event that has fewer
    has no value. `mass_of_each` is for objects whose columns tell neither energy nor mass, and takes the place of what
    they tell: pair masses of muons by momenta and 0.1056583755 GeV move much less than those by rounded energies.
    """

    name: Annotated[str, Field(min_length=1)]
    kind: Literal["formula", "mass", "pt", "delta_r", "delta_phi", "ht", "missing_pt"] = "formula"
    formula: str | None = None
    objects: Texts = ()
    rows: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] | None, BeforeValidator(as_list)] = None
    mass_of_each: NotNegative | None = None


class CutSettings(Settings):
    """A cut such as `Jet_pt > 30` or `abs(Jet_eta) < 2.4`, a formula on one side and a number on the other; with
    `at_least`, an event passes if so many of its rows do.
    """

    cut: str
    at_least: Annotated[int, Field(ge=1, lt=2**31)] | None = None


class ToleranceSettings(Settings):
    """What `evaluate --strict` allows; None is not looked at.

    Peaks: how far position, width and yield may move, in per cent and in statistical errors. `migration_percent`: how
    many of those that pass a cut may change sides. `differing_percent`: how many values of integers, flags and text
    may differ. `lost`: how many finite values may become NaN or infinite, or the other way round. `missing`: how many
    columns may be lacking that were not left out on purpose. `in_bounds`: the largest residual of a column in units of
    its bound. By glob of columns: the largest residual, the mean and the
    root mean square of the response in per cent, the Kolmogorov-Smirnov distance.
    """

    peak_position_percent: NotNegative | None = 1.0
    peak_position_errors: NotNegative | None = None
    peak_width_percent: NotNegative | None = 1.0
    peak_width_errors: NotNegative | None = None
    peak_yield_percent: NotNegative | None = None
    peak_yield_errors: NotNegative | None = None
    migration_percent: NotNegative | None = 0.1
    differing_percent: NotNegative | None = 0.0
    lost: NotNegative | None = 0
    missing: NotNegative | None = 0
    in_bounds: NotNegative | None = 1.0
    largest: Limits = {}
    response_mean_percent: Limits = {}
    response_rms_percent: Limits = {}
    kolmogorov_smirnov: Limits = {}


class EvaluationSettings(Settings):
    """What is judged: which columns are angles, by glob, which peaks are fitted (None: found by name), which quantities
    are computed, which cuts are applied, against which column the profiles of the others in its table are drawn, and
    what may differ by how much.
    """

    angles: Annotated[tuple[str, ...] | None, BeforeValidator(as_list)] = None
    peaks: tuple[PeakSettings, ...] | None = None
    quantities: tuple[QuantitySettings, ...] = ()
    cuts: tuple[CutSettings, ...] = ()
    profile: str | None = None
    tolerances: ToleranceSettings = ToleranceSettings()
