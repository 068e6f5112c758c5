import re
from itertools import chain
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest

from baler_vae.evaluation.histograms import column_histograms
from baler_vae.evaluation.peaks import Peak, PeakShift, fit_peak
from baler_vae.evaluation.residuals import column_residuals
from baler_vae.report.figures import column_figures, peak_figure

ODD_NAME = '<b>&"$x_1$ url(#a) 日本'


def figures_of(name, original, restored):
    histograms = column_histograms(original, restored)
    assert histograms is not None
    return column_figures(column_residuals(name, original, restored), histograms)


def sample(seed=0):
    return np.random.default_rng(seed).exponential(20, 5000).astype(np.float32)


def peak_shift(smear=2.0):
    rng = np.random.default_rng(1)
    masses = np.concatenate([rng.normal(172, 6, 3000), rng.uniform(100, 225, 3000)])
    peak = Peak("Jet_mass", (100, 225), 50)
    return PeakShift(peak, fit_peak(masses, peak), fit_peak(masses + rng.normal(0, smear, len(masses)), peak))


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_a_column_has_three_figures_that_are_well_formed():
    figures = figures_of("Jet_pt", sample(), sample() * np.float32(1.01))
    for svg in (figures.values, figures.residual, figures.response):
        root = ET.fromstring(svg)
        assert root.tag.endswith("svg")
        assert root.get("role") == "img"
        assert "Jet_pt" in root.get("aria-label")
        assert len(svg) < 40_000
    assert "Jet_pt [GeV]" in texts(figures.values)
    assert "restored \N{MINUS SIGN} original [GeV]" in texts(figures.residual)


def test_what_came_back_exactly_needs_no_residuals():
    figures = figures_of("x", sample(), sample())
    assert figures.residual is figures.response is None


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.0]),
        np.zeros(10),
        np.full(10, 3.5),
        np.array([True, False, True]),
        np.array([2**60, 2**60 + 1]),
        np.array([1e308, -1e308, np.nan]),
        np.array([1e-320, 0.0]),
        np.where(np.arange(1000) % 3, 1.0, -999.0),
    ],
    ids=["one row", "zeros", "constant", "flags", "large integers", "largest floats", "subnormal", "sentinels"],
)
def test_any_values_can_be_drawn(values):
    moved = values.copy()
    moved[0] = 0 if values[0] else 1
    for svg in vars(figures_of("x", values, moved)).values():
        assert svg is None or ET.fromstring(svg) is not None


def test_the_same_numbers_give_the_same_bytes():
    assert figures_of("x", sample(), sample(1)) == figures_of("x", sample(), sample(1))
    assert peak_figure(peak_shift()) == peak_figure(peak_shift())


def test_identifiers_are_used_and_shared_with_no_other_figure():
    first, second = (figures_of(name, sample(), sample(1)) for name in ("x", "y"))
    svgs = [*vars(first).values(), *vars(second).values(), peak_figure(peak_shift())]
    identifiers = [re.findall(r' id="([^"]+)"', svg) for svg in svgs]
    references = [set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg)) for svg in svgs]
    assert [set(found) for found in identifiers] == references
    everything = list(chain.from_iterable(identifiers))
    assert len(set(everything)) == len(everything) > 0


def test_text_is_in_the_colour_of_the_page_and_has_no_font_of_its_own():
    svg = figures_of("x", sample(), sample(1)).values
    assert "currentColor" in svg
    assert "#010203" not in svg
    assert "font:" not in svg
    assert "font-family" not in svg


def test_a_name_with_markup_is_shown_as_it_is():
    svg = figures_of(ODD_NAME, sample(), sample(1)).values
    root = ET.fromstring(svg)
    assert ODD_NAME in root.get("aria-label")
    assert ODD_NAME.replace("#a", "#") in [re.sub(r"#[0-9a-f]{8}-a", "#", text or "") for text in texts(svg)]


def test_a_long_name_is_cut():
    svg = figures_of("a" * 200, sample(), sample(1)).values
    assert "a" * 39 + "…" in texts(svg)


def test_a_peak_shows_both_fits_with_errors():
    shift = peak_shift()
    shown = " ".join(text or "" for text in texts(peak_figure(shift)))
    assert f"mean {shift.before.mean:.2f} ± {shift.before.mean_error:.2f} GeV" in shown
    assert f"width {shift.after.width:.2f} ± {shift.after.width_error:.2f} GeV" in shown
    assert "fit before" in shown
    assert "fit after" in shown


def test_a_failed_fit_shows_its_reason_and_no_curve():
    shown = " ".join(text or "" for text in texts(peak_figure(peak_shift(smear=1000))))
    assert "after: fit failed" in shown
    assert "fit before" in shown
    assert "fit after" not in shown


def test_the_style_stays_inside():
    before = dict(mpl.rcParams)
    figures_of("x", sample(), sample(1))
    assert dict(mpl.rcParams) == before
