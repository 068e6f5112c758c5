from dataclasses import replace

import numpy as np
import pytest

from baler_vae.evaluation.cuts import Migration
from baler_vae.evaluation.evaluate import evaluate_tables
from baler_vae.evaluation.numbers import ArchiveSizes, GuaranteeResult
from baler_vae.evaluation.peaks import Peak, PeakFit, PeakShift
from baler_vae.evaluation.residuals import column_residuals
from baler_vae.evaluation.spectra import Spectrum, SpectrumCounter
from baler_vae.evaluation.tolerances import Failure, judge
from baler_vae.report.verdict import findings, judgement, verdict_line
from baler_vae.report.wording import number, signed
from baler_vae.settings.evaluation import ToleranceSettings
from tests.pages import table

PEAK = Peak("Jet_mass", (100, 225), 10)
SMALLER = ArchiveSizes(original_bytes=10_000_000, archive_bytes=2_500_000)


def fit(reason="", **numbers):
    return PeakFit(np.linspace(100, 225, 11), np.ones(10, int), 5, reason, **numbers)


def shift(after_mean=175.0, after_width=6.0, reason="", column="Jet_mass"):
    errors = {"mean_error": 0.5, "width_error": 0.5, "yield_error": 10.0}
    before = fit(mean=174.0, width=5.0, peak_yield=1000.0, **errors)
    after = fit(reason) if reason else fit(mean=after_mean, width=after_width, peak_yield=990.0, **errors)
    return PeakShift(replace(PEAK, column=column), before, after)


def evaluation(*columns, peaks=(), sizes=None, cuts=()):
    empty = evaluate_tables((table(x=np.zeros(1)),), (table(x=np.zeros(1)),), sizes=sizes)
    return replace(empty, columns=columns, peaks=tuple(peaks), cuts=tuple(cuts), groups=())


def only(*columns, rivals=None, **more):
    (finding,) = findings(evaluation(*columns, **more), rivals)
    return finding


def floats(name="x", *, in_bounds=None, after=(1.0, 2.5, 3.0)):
    column = column_residuals(name, np.array([1.0, 2.0, 3.0]), np.array(after))
    return replace(column, bound="abs:1", largest_in_bounds=in_bounds)


def test_a_size_is_told_as_a_ratio():
    smaller = only(sizes=SMALLER)
    assert (smaller.state, smaller.headline) == ("good", "4 times smaller")
    assert smaller.sentences == ("10 MB became 2.50 MB.",)
    larger = only(sizes=ArchiveSizes(original_bytes=1000, archive_bytes=2000))
    assert (larger.state, larger.headline) == ("bad", "2 times larger")
    assert findings(evaluation(sizes=ArchiveSizes(original_bytes=1000))) == ()


@pytest.mark.parametrize(
    ("pcodec", "state", "text"),
    [
        (3_125_000, "good", "20.0 % smaller than"),
        (2_000_000, "plain", "25 % larger than"),
        (2_500_000, "good", "as large as"),
    ],
)
def test_a_size_is_held_against_the_smallest_rival(pcodec, state, text):
    finding = only(sizes=SMALLER, rivals={"zstd": 4_000_000, "pcodec": pcodec})
    assert finding.state == state
    assert finding.sentences[1] == f"The archive is {text} pcodec, the smallest of 2 rivals."


def test_a_peak_that_moved_is_told_in_per_cent_and_errors():
    finding = only(peaks=[shift()])
    assert (finding.state, finding.headline) == ("plain", "moved by +0.575 %, width by +20.0 %")
    (sentence,) = finding.sentences
    assert sentence == (
        "Peak of Jet_mass: moved by +0.575 % (+2 standard errors), width changed by +20.0 % (+2 standard errors), "
        "yield by \N{MINUS SIGN}1.00 % (\N{MINUS SIGN}1 standard errors)."
    )


def test_of_several_peaks_the_worst_is_the_headline():
    finding = only(peaks=[shift(174.1), shift(172.0, column="mass")])
    assert finding.headline == "moved by at most \N{MINUS SIGN}1.15 %, width by at most +20.0 %"
    assert len(finding.sentences) == 2


def test_peaks_of_one_column_are_told_apart_by_their_windows():
    first, second = (replace(shift(), peak=Peak("m", window, 50)) for window in ((2.9, 3.3), (70, 110)))
    sentences = only(peaks=[first, second]).sentences
    assert [text.partition(":")[0] for text in sentences] == ["Peak of m in 2.90 to 3.30", "Peak of m in 70 to 110"]


def test_a_peak_that_was_lost_is_bad():
    finding = only(peaks=[shift(reason="the yield is not positive")])
    assert finding.state == "bad"
    assert finding.sentences == ("Peak of Jet_mass: Fit after compression failed: the yield is not positive.",)
    nowhere = PeakShift(PEAK, fit("no bins"), fit("no bins"))
    assert only(peaks=[nowhere]).headline == "no fit before compression"


def test_exact_columns_are_the_same_or_named():
    zeros = np.zeros(1000, int)
    one = zeros.copy()
    one[3] = 1
    kept, changed = column_residuals("kept", zeros, zeros), column_residuals("changed", zeros, one)
    assert only(kept).state == "good"
    assert only(kept).sentences == ("All 1,000 values in 1 column of integers, flags or text came back exactly.",)
    assert only(kept, changed).state == "bad"
    assert only(kept, changed).headline == "1 value changed"
    assert only(kept, changed).sentences == (
        "1 of 2,000 values in 2 columns of integers, flags or text differ.",
        "Changed: changed.",
    )


def test_bounds_that_are_kept_tell_how_closely():
    finding = only(floats("a", in_bounds=0.25), floats("b", in_bounds=1.0), floats("c"))
    assert (finding.state, finding.headline) == ("good", "kept")
    assert finding.sentences == (
        "The largest residual is 1 of its bound, in b.",
        "1 column of floats without a bound.",
        "3 of 9 values in 3 columns of floats differ.",
    )


def test_a_broken_bound_is_seen():
    finding = only(floats("a", in_bounds=0.25), floats("b", in_bounds=1.0000001))
    assert (finding.state, finding.headline) == ("bad", "broken")
    assert finding.sentences[0] == "In 1 column values lie outside their bound: b."
    lost = only(floats("a", in_bounds=0.25, after=(1.0, np.nan, 3.0)))
    assert (lost.state, lost.headline) == ("bad", "broken")


def test_without_bounds_lost_values_are_bad_and_others_plain():
    assert only(floats()).state == "plain"
    assert only(floats()).headline == "none known"
    assert only(floats(after=(1.0, 2.0, 3.0))).headline == "all the same"
    lost = only(floats(after=(1.0, 2.5, np.inf)))
    assert (lost.state, lost.headline) == ("bad", "values lost")
    assert lost.sentences[1] == "2 of 3 values in 1 column of floats differ; 1 of them are NaN or infinite on one side."


def test_derived_columns_promise_nothing():
    derived = replace(floats("m", after=(1.0, 2.0, np.nan)), derived=True)
    assert findings(evaluation(derived)) == ()


def test_the_worst_cut_is_told():
    cuts = [Migration("a > 1", None, "rows", 90, 50, 50, 0, 0), Migration("b > 1", None, "events", 900, 400, 402, 1, 3)]
    finding = only(cuts=cuts)
    assert finding.headline == "at most 1 % change sides"
    assert finding.sentences == ("4 events of 400 that pass b > 1.",)
    nothing_passed = Migration("c > 1", None, "rows", 5, 0, 0, 0, 0)
    assert only(cuts=[nothing_passed]).headline == "0 % change sides"


def test_histograms_tell_the_worst_bin_and_the_growth_of_chi2():
    values = np.random.default_rng(0).uniform(0, 10, 5_000)
    shifts = []
    for after in (values, np.round(values / 0.4) * 0.4):
        counter = SpectrumCounter(Spectrum("pt", (0.0, 10.0), 10))
        counter.add(values, after)
        shifts.append(counter.shift())
    same = findings(replace(evaluation(), spectra=(shifts[0],)))[0]
    assert (same.state, same.headline) == ("good", "no row changed its bin")
    assert same.sentences == ("Histogram of pt in 0 to 10 GeV (10 bins): no row changed its bin.",)
    (found,) = findings(replace(evaluation(), spectra=tuple(shifts)))
    worst = signed(shifts[1].largest_in_errors)
    assert (found.state, found.headline) == ("plain", f"a bin changed by at most {worst} standard errors")
    assert found.sentences[1] == (
        f"Histogram of pt in 0 to 10 GeV (10 bins): a bin changed by at most {worst} standard errors, the χ² of a "
        f"model by {signed(shifts[1].rise)} ({signed(shifts[1].rise_in_deviations)} standard deviations); "
        f"{number(shifts[1].steps)} grid steps in a bin."
    )
    told = judgement(replace(evaluation(), spectra=tuple(shifts)), [])
    assert (told.state, told.headline) == ("plain", "PASS: all tolerances are met; 1 warning")
    assert told.sentences[0].startswith("Warning: histogram of pt in 0 to 10 GeV (10 bins): a bin holds ")


def test_guarantees_are_kept_or_broken():
    mass = GuaranteeResult(text="mass within rel:0.001", n=1_000, n_broken=0, worst=0.5)
    cut = GuaranteeResult(text="pt > 30", n=2_000, n_broken=0)
    (kept,) = findings(replace(evaluation(), guarantees=(mass, cut)))
    assert (kept.topic, kept.state, kept.headline) == ("Guarantees", "good", "kept")
    assert kept.sentences == (
        "mass within rel:0.001: kept by all of 1,000; the largest deviation is 0.500 of its bound.",
        "pt > 30: kept by all of 2,000.",
    )
    broken = replace(evaluation(), guarantees=(mass, replace(cut, n_broken=2)))
    assert findings(broken)[0].headline == "1 of 2 broken"
    assert findings(broken)[0].sentences[1] == "pt > 30: broken by 2 of 2,000."
    assert judgement(broken, None).headline == "Not as promised: guarantees"


def test_three_digits_of_a_bound_and_all_those_of_a_cut():
    mass = GuaranteeResult(text="m * 0.1056583755 within abs:0.5460855259715575", n=9, n_broken=1, worst=1.0004)
    cut = GuaranteeResult(text="pt > 17.25", n=9)
    found = replace(evaluation(), guarantees=(mass, cut))
    assert findings(found)[0].sentences == (
        "m * 0.1056583755 within abs:0.546: broken by 1 of 9; the largest deviation is 1.01 of its bound.",
        "pt > 17.25: kept by all of 9.",
    )
    (failure,) = judge(found, ToleranceSettings())
    assert failure.text == "guarantee m * 0.1056583755 within abs:0.546: broken by 1 of 9; allowed: 0"


def test_a_guarantee_that_could_not_be_judged_is_not_said_to_be_kept():
    cut = GuaranteeResult(text="pt > 30", n=2_000)
    (found,) = findings(replace(evaluation(), guarantees=(cut, replace(cut, text="E > 1", is_judged=False))))
    assert (found.state, found.headline) == ("plain", "1 of 2 not judged")
    assert found.sentences[1] == "E > 1: not judged, since it is about columns that were not compared."


def test_the_judgement_lists_failures_or_says_what_is_not_as_promised():
    failures = [Failure("largest", name, 2.0, 1.0, f"{name} is 2, allowed 1") for name in ("a", "b")]
    failed = judgement(evaluation(floats()), failures)
    assert (failed.state, failed.headline) == ("bad", "FAIL: 2 tolerances are exceeded")
    assert failed.sentences == ("a is 2, allowed 1", "b is 2, allowed 1")
    passed = judgement(evaluation(floats(in_bounds=0.5)), [])
    assert (passed.state, passed.headline) == ("good", "PASS: all tolerances are met")
    unknown = judgement(evaluation(floats()), [])
    assert (unknown.state, unknown.headline) == ("plain", "PASS: all tolerances are met; 1 column without a bound")
    broken = evaluation(floats(in_bounds=2.0))
    allowed = judgement(broken, [])
    assert (allowed.state, allowed.headline) == ("plain", "PASS: all tolerances are met, though not every promise")
    assert allowed.sentences == ("The declared tolerances allow what breaks a promise: bounds.",)
    larger = evaluation(sizes=ArchiveSizes(original_bytes=1000, archive_bytes=2000))
    assert judgement(larger, []).state == "good"
    assert judgement(broken, None).headline == "Not as promised: bounds"
    assert judgement(evaluation(floats()), None).state == "plain"


def test_the_line_of_a_verdict_has_the_reasons_of_the_page_in_numbers_of_the_terminal():
    failures = [Failure("largest", "a", 2.0, 1.0, f"a is {n} \N{MULTIPLICATION SIGN} 10⁻⁵") for n in range(22)]
    verdict = judgement(evaluation(floats()), failures)
    line = verdict_line(verdict)
    assert line.startswith("FAIL: 22 tolerances are exceeded. a is 0e-05. a is 1e-05. ")
    assert line.endswith(". And 2 more")
    assert verdict_line(judgement(evaluation(), [])) == "PASS: all tolerances are met"
