from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from baler_vae.report.curves import profile_figure, training_figure
from tests.pages import HISTORY, profile


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_a_profile_names_what_it_shows_and_along_what():
    svg = profile_figure("Jet_mass", profile("Jet_pt"))
    assert {"response", "Jet_pt [GeV]", "mean", "central 68 %"} <= set(texts(svg))
    assert "Responses of Jet_mass against Jet_pt" in ET.fromstring(svg).get("aria-label")
    residual = profile_figure("Jet_phi", profile("Jet_pt", of="residual"))
    assert "restored \N{MINUS SIGN} original [rad]" in texts(residual)


@pytest.mark.parametrize("mean", [0.0, 1e-12, 5.0])
def test_the_axis_holds_all_that_is_drawn(mean):
    found = profile("Jet_pt")
    found = replace(found, mean=np.where(found.n > 0, mean, np.nan))
    labels = [
        float(text.replace("\N{MINUS SIGN}", "-")) for text in texts(profile_figure("x", found)) if text[-1:].isdigit()
    ]
    assert max(labels) >= 0.5 * (mean + 0.008)


def test_a_profile_over_decades_has_a_logarithmic_axis():
    wide = replace(profile("Jet_pt"), edges=np.geomspace(1, 1e4, 11))
    assert {"10⁰", "10²", "10⁴"} <= set(texts(profile_figure("x", wide)))
    assert "10²" not in texts(profile_figure("x", profile("Jet_pt")))


def test_without_rows_there_is_no_profile():
    empty = profile("Jet_pt")
    assert profile_figure("x", replace(empty, n=np.zeros(10, int), mean=np.full(10, np.nan))) is None


def test_a_training_shows_both_curves():
    svg = training_figure("Jet", HISTORY["Jet"])
    assert {"training loss", "validation error", "epoch"} <= set(texts(svg))
    bits = [{**epoch, "validation_error": 0.01 * epoch["validation_error"]} for epoch in HISTORY["Jet"]]
    assert "10⁻¹" in texts(training_figure("Jet", bits))


def test_what_was_never_finite_is_left_out():
    lost = [{"number": 1, "training_loss": float("nan"), "validation_error": 3.0}]
    assert "training loss" not in texts(training_figure("Jet", lost))
    assert training_figure("Jet", [{**lost[0], "validation_error": float("inf")}]) is None
    assert training_figure("Jet", []) is None
