"""Every tolerance fails where it must, and only there, with a line that says what, where and by how much."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from baler_vae.errors import UsageError
from baler_vae.evaluation.cautions import cautions
from baler_vae.evaluation.cuts import Migration
from baler_vae.evaluation.evaluate import evaluate_tables
from baler_vae.evaluation.numbers import EvaluationNumbers, GuaranteeResult
from baler_vae.evaluation.peaks import Peak, PeakFit, PeakShift
from baler_vae.evaluation.residuals import column_residuals
from baler_vae.evaluation.spectra import Spectrum, SpectrumCounter
from baler_vae.evaluation.tolerances import judge
from baler_vae.settings.evaluation import ToleranceSettings
from baler_vae.table.schema import Column, Group
from baler_vae.table.table import Table

NOTHING = ToleranceSettings(
    peak_position_percent=None,
    peak_position_errors=None,
    peak_width_percent=None,
    peak_width_errors=None,
    peak_yield_percent=None,
    peak_yield_errors=None,
    spectrum_chi2=None,
    spectrum_errors=None,
    migration_percent=None,
    differing_percent=None,
    lost=None,
    in_bounds=None,
    missing=None,
)
ADVICE = "expect a comb, and choose a finer bound, dither or wider bins"
PEAK = Peak("Jet_mass", (100, 225), 10)


def only(**tolerances):
    return NOTHING.model_copy(update=tolerances)


def texts(evaluation, tolerances):
    return [failure.text for failure in judge(evaluation, tolerances)]


def of_columns(*columns):
    return EvaluationNumbers(n_rows={"": 0}, columns=columns)


def column(name, before, after, **known):
    return replace(column_residuals(name, np.asarray(before), np.asarray(after)), **known)


def fit(mean=172.0, width=5.0, n=1000.0, reason=""):
    edges, counts = np.linspace(100, 225, 11), np.ones(10, int)
    if reason:
        return PeakFit(edges, counts, 5, reason)
    errors = {"mean_error": 0.5, "width_error": 0.25, "yield_error": 20.0}
    return PeakFit(edges, counts, 5, mean=mean, width=width, peak_yield=n, **errors)


def of_peak(before, after):
    return EvaluationNumbers(n_rows={"": 0}, columns=(), peaks=(PeakShift(PEAK, before, after),))


def test_one_flag_of_a_million_is_seen():
    flags = np.zeros(1_000_000, bool)
    flipped = flags.copy()
    flipped[271_828] = True
    group = Group("Jet", (Column("Jet_tight", flags.dtype),), None)
    found, nothing = (
        evaluate_tables((Table(group, {"Jet_tight": flags}),), (Table(group, {"Jet_tight": after}),))
        for after in (flipped, flags)
    )
    (failure,) = judge(found, ToleranceSettings())
    assert failure.text == "Jet_tight: 1 of 1,000,000 values differ, 0.0001 %; allowed: 0 %"
    assert (failure.what, failure.where, failure.found, failure.allowed) == ("differing values", "Jet_tight", 1e-4, 0)
    assert judge(nothing, ToleranceSettings()) == ()
    assert judge(found, only(differing_percent=1e-4)) == ()
    assert judge(found, NOTHING) == ()


def test_columns_that_did_not_come_back_are_named():
    found = replace(of_columns(), missing=("Jet_pt", "Jet_eta"), left_out=("event",))
    (text,) = texts(found, ToleranceSettings())
    assert text == "columns that did not come back (Jet_pt, Jet_eta): 2; allowed: 0"
    assert judge(found, only(missing=2)) == ()
    assert judge(replace(found, missing=()), ToleranceSettings()) == ()


def test_a_declared_peak_that_cannot_be_fitted_is_no_pass():
    nowhere = of_peak(fit(reason="no row lies in the window"), fit(reason="no row lies in the window"))
    assert judge(nowhere, ToleranceSettings()) == ()
    (text,) = texts(replace(nowhere, declared_peaks=True), ToleranceSettings())
    assert text == "peak of Jet_mass in 100 to 225 GeV: the fit fails (no row lies in the window)"
    assert judge(replace(nowhere, declared_peaks=True), NOTHING) == ()


def test_integers_under_a_bound_may_differ():
    lossy = column("n", [1, 2], [1, 3], bound="abs:1", largest_in_bounds=1.0)
    assert judge(of_columns(lossy), ToleranceSettings()) == ()
    assert len(judge(of_columns(replace(lossy, bound="exact")), ToleranceSettings())) == 1
    assert judge(of_columns(column("x", [1.0], [2.0])), ToleranceSettings()) == ()


def test_lost_values():
    lost = of_columns(column("x", [1.0, np.nan, 3.0, np.nan], [np.inf, 2.0, 3.0, np.nan]))
    assert texts(lost, ToleranceSettings()) == ["x: 2 values became NaN or infinite, or ceased to be; allowed: 0"]
    assert judge(lost, only(lost=2)) == ()


def test_bounds():
    missed = of_columns(column("x", [1.0], [2.0], bound="bits:12", largest_in_bounds=1.0004))
    assert texts(missed, ToleranceSettings()) == [
        "x: the largest residual in units of its bound bits:12 is 1.0004; allowed: 1"
    ]
    assert judge(missed, only(in_bounds=1.1)) == ()
    kept = of_columns(column("x", [1.0], [2.0], bound="abs:1", largest_in_bounds=1.0))
    assert judge(kept, ToleranceSettings()) == ()
    assert texts(kept, only(in_bounds=0.5)) == [
        "x: the largest residual in units of its bound abs:1 is 1; allowed: 0.5"
    ]


CHANGES = [
    ("peak_position_percent", fit(mean=175.0), 100 * 3 / 172, "moved by 1.74 %; allowed: 1.5 %"),
    ("peak_position_errors", fit(mean=171.0), 2.0, "moved by -2 standard errors; allowed: 1.5 standard errors"),
    ("peak_width_percent", fit(width=4.0), 20.0, "width changed by -20 %; allowed: 1.5 %"),
    (
        "peak_width_errors",
        fit(width=6.0),
        4.0,
        "width changed by 4 standard errors; allowed: 1.5 standard errors",
    ),
    ("peak_yield_percent", fit(n=1050.0), 5.0, "yield changed by 5 %; allowed: 1.5 %"),
    (
        "peak_yield_errors",
        fit(n=960.0),
        2.0,
        "yield changed by -2 standard errors; allowed: 1.5 standard errors",
    ),
]


@pytest.mark.parametrize(("setting", "after", "size", "text"), CHANGES)
def test_peaks(setting, after, size, text):
    moved = of_peak(fit(), after)
    assert texts(moved, only(**{setting: 1.5})) == [f"peak of Jet_mass in 100 to 225 GeV: {text}"]
    assert judge(moved, only(**{setting: size * 1.001})) == ()
    assert abs(judge(moved, only(**{setting: size * 0.999}))[0].found) == pytest.approx(size)
    assert judge(of_peak(fit(), fit()), only(**{setting: 0.0})) == ()


def test_a_fit_that_fails_on_one_side_fails_once():
    lines = texts(of_peak(fit(), fit(reason="no row lies in the window")), ToleranceSettings())
    assert lines == [
        "peak of Jet_mass in 100 to 225 GeV: the fit after fails (no row lies in the window), the one before does not"
    ]
    (line,) = texts(of_peak(fit(reason="too flat"), fit()), ToleranceSettings())
    assert "the fit before fails (too flat), the one after does not" in line
    assert judge(of_peak(fit(reason="a"), fit(reason="b")), ToleranceSettings()) == ()
    assert judge(of_peak(fit(), fit(reason="a")), NOTHING) == ()


def test_a_peak_that_moved_to_or_from_zero_is_no_small_change():
    moved = judge(of_peak(fit(), fit(mean=0.0)), only(peak_position_percent=99.0))
    assert [failure.found for failure in moved] == [-100.0]
    assert len(judge(of_peak(fit(mean=0.0), fit()), only(peak_position_percent=1000.0))) == 1


def test_migration():
    cuts = (
        Migration("Jet_pt > 30", 2, "events", 9000, 5000, 5000, 6, 6),
        Migration("x < 1", None, "rows", 9, 9, 9, 0, 0),
    )
    found = replace(of_columns(), cuts=cuts)
    (failure,) = judge(found, ToleranceSettings())
    assert failure.text == (
        "cut at least 2 of Jet_pt > 30: 6 dropped out of, 6 joined the 5,000 events that passed, 0.24 %; allowed: 0.1 %"
    )
    assert (failure.what, failure.where, failure.found) == ("migration", "Jet_pt > 30", 0.24)
    assert judge(found, only(migration_percent=0.24)) == ()
    new = replace(of_columns(), cuts=(Migration("x > 1", None, "rows", 5, 0, 2, 0, 2),))
    assert texts(new, ToleranceSettings()) == [
        "cut x > 1: 0 dropped out of, 2 joined the 0 rows that passed, inf %; allowed: 0.1 %"
    ]


@dataclass
class Distances:
    kolmogorov_smirnov: float


@dataclass
class Statistics:
    distances: Distances | None


def of_spectrum(before, after, *, n_bins=10):
    counter = SpectrumCounter(Spectrum("Jet_mass", (0.0, 10.0), n_bins))
    counter.add(before, after)
    return EvaluationNumbers(n_rows={"": 0}, columns=(), spectra=(counter.shift(),))


def test_a_comb_fails_by_name():
    values = np.random.default_rng(0).uniform(0, 10, 20_000)
    comb = of_spectrum(values, np.round(values / 0.4) * 0.4)
    chi2, largest = judge(comb, ToleranceSettings())
    assert (chi2.what, chi2.where, chi2.allowed) == ("spectrum", "Jet_mass", 2)
    assert chi2.text.startswith("histogram of Jet_mass in 0 to 10 GeV (10 bins): the chi2 of a model that describes it")
    assert "(a comb: 2.7 grid steps in a bin), " in chi2.text
    assert chi2.text.endswith(" standard deviations; allowed: 2 standard deviations")
    assert largest.what == "spectrum bin"
    assert "the bin from " in largest.text
    assert abs(largest.found) == pytest.approx(2000 * 0.2 / np.sqrt(2000), rel=0.3)
    assert judge(comb, only(spectrum_chi2=chi2.found * 1.001)) == ()
    assert judge(comb, only(spectrum_errors=abs(largest.found) * 1.001)) == ()
    assert judge(comb, only(spectrum_chi2=np.inf, spectrum_errors=np.inf)) == ()
    assert [warning.what for warning in cautions(comb)] == ["grid steps"]
    assert cautions(comb)[0].text.endswith("a bin holds 2.7 grid steps, fewer than 10; " + ADVICE)


def test_chance_and_fine_grids_pass():
    rng = np.random.default_rng(1)
    values = rng.uniform(0, 10, 20_000)
    for after in (values, np.round(values / 0.03) * 0.03, np.clip(values + rng.normal(0, 0.1, 20_000), 0, 10)):
        found = of_spectrum(values, after)
        assert judge(found, ToleranceSettings()) == cautions(found) == ()


def test_other_rows_altogether_are_no_systematic_change():
    """The estimate of what chance does scatters by twice the tolerance where every row moves; the p-value tells."""
    failed = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = of_spectrum(rng.uniform(0, 10, 5_000), rng.uniform(0, 10, 5_000))
        failed += any(failure.what == "spectrum" for failure in judge(found, ToleranceSettings()))
    assert failed == 0


def test_a_guarantee_has_no_tolerance():
    kept = GuaranteeResult(text="mass within rel:0.001", n=1_000, n_broken=0, worst=0.99)
    assert judge(replace(of_columns(), guarantees=(kept,)), NOTHING) == ()
    broken = replace(kept, n_broken=3, worst=2.5)
    (failure,) = judge(replace(of_columns(), guarantees=(kept, broken)), NOTHING)
    assert failure.text == "guarantee mass within rel:0.001: broken by 3 of 1,000; allowed: 0"


def test_a_fit_that_is_bad_before_is_warned_of():
    bad = replace(fit(), chi2=969.0, n_dof=194, p_value=2e-103)
    (warning,) = cautions(of_peak(bad, fit()))
    assert (warning.what, warning.where) == ("reference fit", "Jet_mass")
    assert warning.text == (
        "the fit to Jet_mass in 100 to 225 GeV is bad before compression: chi2 969 for 194 degrees of freedom, "
        "p-value 2e-103; do not trust its errors, nor shifts in units of them"
    )
    assert cautions(of_peak(replace(bad, p_value=0.01), bad)) == ()
    assert "p-value 0;" in cautions(of_peak(replace(bad, p_value=0.0), bad))[0].text


def test_columns_by_glob():
    found = replace(
        of_columns(
            column("Jet_pt", [10.0, 20.0], [11.0, 21.0]),
            column("Jet_phi", [1.0, 2.0], [1.0, 2.0]),
            column("Jet_n", [10, 20], [13, 20]),
        ),
        statistics={
            "Jet_pt": Statistics(Distances(0.25)),
            "Jet_phi": Statistics(Distances(0.0)),
            "Jet_n": Statistics(None),
        },
    )
    assert texts(found, only(largest={"Jet_*": 0.5})) == [
        "Jet_pt: the largest residual is 1 GeV; allowed: 0.5 GeV",
        "Jet_n: the largest residual is 3; allowed: 0.5",
    ]
    assert judge(found, only(largest={"Jet_pt": 1.0})) == ()
    mean, rms = 100 * (0.1 + 0.05) / 2, 100 * np.sqrt((0.1**2 + 0.05**2) / 2)
    (failure,) = judge(found, only(response_mean_percent={"Jet_p*": 7.0}))
    assert failure.text == "Jet_pt: the mean response is 7.5 %; allowed: 7 %"
    assert failure.found == pytest.approx(mean)
    (failure,) = judge(found, only(response_rms_percent={"Jet_p*": 7.5}))
    assert failure.text == "Jet_pt: the rms of the response is 7.91 %; allowed: 7.5 %"
    assert failure.found == pytest.approx(rms)
    assert judge(found, only(response_rms_percent={"Jet_p*": 8.0})) == ()
    assert texts(found, only(kolmogorov_smirnov={"*": 0.01})) == [
        "Jet_pt: the Kolmogorov-Smirnov distance is 0.25; allowed: 0.01",
        "Jet_n: the Kolmogorov-Smirnov distance cannot be determined",
    ]
    assert judge(found, only(kolmogorov_smirnov={"Jet_p*": 0.25})) == ()


def test_a_negative_response_fails_too():
    assert texts(of_columns(column("x", [10.0], [9.0])), only(response_mean_percent={"x": 1.0})) == [
        "x: the mean response is -10 %; allowed: 1 %"
    ]


@pytest.mark.parametrize("setting", ["largest", "response_mean_percent", "response_rms_percent", "kolmogorov_smirnov"])
def test_a_glob_that_matches_nothing_is_refused(setting):
    found = of_columns(column("Jet_pt", [1.0], [1.0]), column("name", np.array(["a"], object), np.array(["a"], object)))
    with pytest.raises(UsageError, match=rf"'Jet_pz': tolerance {setting}: no column matches 'Jet_pz'.*'Jet_pt'"):
        judge(found, only(**{setting: {"Jet_pz": 1.0}}))
    with pytest.raises(UsageError, match="'name'"):
        judge(found, only(**{setting: {"name": 1.0}}))


def test_names_with_braces_are_only_names():
    odd = of_columns(column("x{0}", [1], [2]))
    assert texts(odd, ToleranceSettings()) == ["x{0}: 1 of 1 values differ, 100 %; allowed: 0 %"]


def test_every_tolerance_is_judged():
    """A new setting needs a test here."""
    tested = {setting for setting, *_ in CHANGES} | {
        "migration_percent",
        "differing_percent",
        "lost",
        "in_bounds",
        "missing",
        "spectrum_chi2",
        "spectrum_errors",
    }
    tested |= {"largest", "response_mean_percent", "response_rms_percent", "kolmogorov_smirnov"}
    assert tested == set(ToleranceSettings.model_fields)
