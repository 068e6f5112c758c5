"""A sweep on a page and on a terminal."""

import re
from dataclasses import replace

import pytest

from baler_vae.measures.sweep_statistics import best_of, front_of, latent_answers, summarised
from baler_vae.measures.sweeps import SweepResult, SweepRun
from baler_vae.report.sweep_section import (
    latents_figure,
    listed_sweep,
    pareto_figure,
    sweep_lines,
    sweep_section,
    sweep_table,
)

AXES = ("rate", "distortion")


def result_of(losses, *, failures=(), ratio=1.5):
    """The result of runs with a loss for each seed, by number of latents and kind."""
    runs = []
    for (latent, kind), own in losses.items():
        for seed, loss in enumerate(own, 1):
            number = len(runs) + 1
            values = {"validation_error": loss, "rate": 2.0 * latent, "distortion": loss / 2, "bytes": 1000 + latent}
            settings = {"latent": latent, "kind": kind}
            failed = number in failures
            runs.append(
                SweepRun(number, "", settings, seed, {} if failed else values, failure="it diverged" if failed else "")
            )
    settings = summarised(runs, max(len(own) for own in losses.values()))
    return SweepResult(
        tuple(runs),
        settings,
        "validation_error",
        AXES,
        best_of(settings, "validation_error"),
        front_of(settings, AXES),
        latent_answers(settings, "validation_error"),
        ratio,
        7,
    )


@pytest.fixture
def result():
    losses = {(1, "ae"): (1.0, 1.2), (2, "ae"): (0.5, 0.5), (3, "ae"): (0.4, 0.6), (1, "<i>"): (2.0, 2.2)}
    return result_of(losses, failures=(8,))


def test_the_sentences_give_the_answers(result):
    said = sweep_lines(result)
    assert said[0] == "Least validation error: setting 2, latent 2, kind ae, with 0.500."
    assert said[1] == "No other setting is better in both rate and distortion than settings 1, 2."
    assert said[2].startswith("How many latents with kind ae? 2, the fewest whose mean validation error is within one")
    assert "of the 7 columns, scaled to unit variance, is 1.50" in said[3]
    assert said[4] == "1 run of 8 failed."


def test_the_section_is_the_same_every_time_and_escapes_names(result):
    section = sweep_section(result)
    assert sweep_section(result) == section
    assert section.key == "sweep"
    assert "<i>" not in section.body
    assert "kind &lt;i&gt;" in section.body
    assert section.body.count("<svg ") == 2
    assert "1.10 ± 0.10 (0.14)" in section.body
    assert "it diverged" in section.body


def test_pictures_hold_no_mathematics(result):
    for drawn in (pareto_figure(result), latents_figure(result)):
        assert drawn is not None
        assert "mathdefault" not in drawn
        assert re.search(r"aria-label=\"[^\"]+\"", drawn)


def test_the_bound_of_a_gaussian_is_drawn_beside_rates(result):
    """Its line is there with the eigenvalues of the data, and only where rate and distortion are the axes."""
    bounded = replace(result, eigenvalues=(1.5, 0.5))
    assert "Gaussian bound" not in pareto_figure(result)
    assert "Gaussian bound" in pareto_figure(bounded)
    assert "Gaussian bound" not in pareto_figure(replace(bounded, axes=("bytes", "distortion")))


def test_what_is_not_there_is_not_drawn():
    alone = result_of({(1, "ae"): (1.0, 1.2)}, failures=(1,))
    assert pareto_figure(alone) is None
    assert latents_figure(alone) is None
    assert sweep_lines(alone)[0] == "No setting has a validation error of every seed: there is no best one."
    assert "it diverged" in sweep_section(alone).body


def test_many_latents_are_drawn_on_a_logarithmic_axis():
    losses = {(k, "ae"): (1 / k, 1.1 / k) for k in (1, 2, 5, 10, 20, 90)}
    drawn = latents_figure(result_of(losses))
    assert drawn is not None
    assert ">10</" in drawn


def test_the_table_fits_a_narrow_terminal(result):
    table = sweep_table(result)
    lines = [line.plain for line in table.lines(60)]
    assert any("1.10 ± 0.10" in line for line in lines)
    assert any("1 run failed: it diverged" in line for line in lines)
    assert any(line.startswith("No room for:") for line in lines)
    assert len(listed_sweep(result)) == 1 + len(sweep_lines(result))
