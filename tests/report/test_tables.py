import numpy as np
from rich.console import Console

from baler_vae.evaluation.cuts import Migration
from baler_vae.evaluation.numbers import EvaluationNumbers
from baler_vae.evaluation.peaks import Peak, PeakShift, fit_peak
from baler_vae.evaluation.residuals import column_residuals
from baler_vae.report.tables import columns_table, cuts_table, peaks_table


def printed(table):
    console = Console(width=250, record=True, quiet=True)
    with console.capture() as captured:
        console.quiet = False
        console.print(table)
    return captured.get()


def test_columns_have_a_line_each():
    original = np.array([1.0, 2.0, np.nan, 4.0])
    columns = (
        column_residuals("Jet_pt", original, original + 0.25),
        column_residuals("[red]name", np.array(["a"], object), np.array(["b"], object)),
    )
    text = printed(columns_table(EvaluationNumbers(n_rows={"": 4}, columns=columns)))
    (pt,) = [line for line in text.splitlines() if "Jet_pt" in line]
    assert pt.split() == ["Jet_pt", "3", "0.250", "0.250", "0.250", "0.146", "0.165"]
    assert "[red]name" in text
    assert "lost" not in text


def test_lost_values_are_shown_where_there_are_any():
    column = column_residuals("Jet_pt", np.array([1.0, 2.0]), np.array([1.0, np.nan]))
    text = printed(columns_table(EvaluationNumbers(n_rows={"": 2}, columns=(column,))))
    assert "lost" in text
    (pt,) = [line for line in text.splitlines() if "Jet_pt" in line]
    assert pt.split()[:3] == ["Jet_pt", "1", "1"]


def test_peaks_have_a_line_before_and_after():
    rng = np.random.default_rng(0)
    masses = np.concatenate([rng.normal(172, 6, 3000), rng.uniform(100, 225, 3000)])
    peak = Peak("Jet_mass", (100, 225), 50)
    before = fit_peak(masses, peak)
    shifts = (PeakShift(peak, before, fit_peak(masses + 1, peak)), PeakShift(peak, before, fit_peak([], peak)))
    text = printed(peaks_table(EvaluationNumbers(n_rows={"": 0}, columns=(), peaks=shifts)))
    assert text.count(f"{before.mean:.2f} ± {before.mean_error:.2f}") == 2
    assert f"+{shifts[0].mean_change_percent:.3f} %" in text
    assert "fit failed: no row lies in the window" in text


def test_cuts_tell_how_many_change_sides():
    cut = Migration("Jet_pt > 30", 2, "events", 10_000, 2_000, 1_999, 3, 2)
    text = printed(cuts_table(EvaluationNumbers(n_rows={"": 10_000}, columns=(), cuts=(cut,))))
    (line,) = [line for line in text.splitlines() if "Jet_pt" in line]
    assert line.startswith("at least 2 rows with Jet_pt > 30 ")
    assert line.split()[8:] == ["10,000", "events", "2,000", "1,999", "3", "2", "0.250", "%"]
