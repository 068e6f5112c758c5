"""What many runs say together, against numpy, scipy and cases that are known."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from baler_vae.measures.information import eigenvalues_of, participation_ratio
from baler_vae.measures.sweep_statistics import (
    best_of,
    front_of,
    latent_answers,
    pareto_front,
    summarised,
)
from baler_vae.measures.sweeps import Estimate, SweepResult, SweepRun

coordinates = st.floats(-2, 2, width=16) | st.just(math.nan)


def runs_of(losses, *, n_seeds=3, **settings):
    """Runs with a loss for each seed, None for one that failed, by number of latents."""
    found = []
    for latent, own in losses.items():
        for seed, loss in enumerate(own, 1):
            values = {} if loss is None else {"validation_error": loss, "rate": float(latent)}
            failure = "diverged" if loss is None else ""
            found.append(SweepRun(len(found) + 1, "", {"latent": latent, **settings}, seed, values, failure=failure))
    return found


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9))
def test_estimates_are_those_of_scipy(values):
    found = Estimate.of(values)
    assert found.mean == pytest.approx(np.mean(values), rel=1e-12, abs=1e-6)
    assert found.deviation == pytest.approx(np.std(values, ddof=1), rel=1e-9, abs=1e-6)
    assert found.error == pytest.approx(stats.sem(values), rel=1e-9, abs=1e-6)


def test_one_value_has_no_error():
    assert Estimate.of([3.0]) == Estimate(3.0, None, None, 1)


@given(arrays(np.float64, st.tuples(st.integers(0, 12), st.just(2)), elements=coordinates))
def test_a_point_of_the_front_is_dominated_by_none_and_every_other_by_one(points):
    front = pareto_front(points)

    def dominates(one, other):
        return all(one <= other) and any(one < other)

    for own, in_front in zip(points, front, strict=True):
        assert in_front == (np.isfinite(own).all() and not any(dominates(other, own) for other in points))


def ratio_of(rows):
    """The participation ratio of a table (rows, columns)."""
    return participation_ratio(eigenvalues_of(dict(enumerate(rows.T))))


def test_the_participation_ratio_is_that_of_the_eigenvalues():
    rows = np.random.default_rng(5).normal(size=(400, 6)) @ np.random.default_rng(6).normal(size=(6, 6))
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(rows, rowvar=False))
    assert ratio_of(rows) == pytest.approx(eigenvalues.sum() ** 2 / np.square(eigenvalues).sum(), rel=1e-9)
    assert ratio_of(1e6 * rows - 3) == pytest.approx(ratio_of(rows), rel=1e-9)


def test_the_participation_ratio_of_known_tables():
    x, y = np.meshgrid([-1.0, 1.0], [-1.0, 1.0])
    square = np.stack([x.ravel(), y.ravel()], axis=1)
    assert ratio_of(square) == pytest.approx(2)
    assert ratio_of(square[:, [0, 0, 0]] * [1, -5, 2]) == pytest.approx(1)
    assert ratio_of(np.column_stack([square, np.full(4, 7.0)])) == pytest.approx(2)
    assert ratio_of(np.vstack([square, [[math.nan, 0]]])) == pytest.approx(2)
    assert math.isnan(ratio_of(square[:1]))


def test_the_fewest_latents_within_one_standard_error():
    # The best has the mean 1.0 and the standard error 0.2 / sqrt(3) = 0.115.
    losses = {1: (3.0, 3.1, 3.2), 2: (1.0, 1.1, 1.2), 3: (1.1, 1.1, 1.1), 4: (0.8, 1.0, 1.2), 5: (0.9, 1.1, 1.3)}
    (answer,) = latent_answers(summarised(runs_of(losses), 3), "validation_error")
    assert (answer.best, answer.chosen, answer.others) == (4, 2, "")
    assert answer.limit == pytest.approx(1 + 0.2 / math.sqrt(3))


def test_latents_are_judged_apart_for_other_settings():
    settings = summarised(
        [
            *runs_of({1: (1.0, 1.0), 2: (2.0, 2.0)}, kind="ae"),
            *runs_of({1: (2.0, 2.0), 2: (1.0, 1.0)}, kind="vae"),
        ],
        2,
    )
    found = {answer.others: answer.chosen for answer in latent_answers(settings, "validation_error")}
    assert found == {"kind ae": 1, "kind vae": 2}


def test_a_single_seed_tells_no_error():
    (answer,) = latent_answers(summarised(runs_of({1: (2.0,), 2: (1.0,)}), 1), "validation_error")
    assert (answer.best, answer.chosen, answer.limit) == (2, None, None)


def test_settings_that_lack_a_seed_are_not_the_best():
    settings = summarised(runs_of({1: (0.1, None, 0.1), 2: (0.2, 0.2), 3: (0.5, 0.5, 0.5), 4: (0.4, 0.4, 0.4)}), 3)
    assert [one.n_failed for one in settings] == [1, 0, 0, 0]
    assert [one.is_pruned for one in settings] == [False, True, False, False]
    assert settings[0].failure == "diverged"
    assert settings[0].estimates["validation_error"].n == 2
    assert best_of(settings, "validation_error") == 3
    assert front_of(settings, ("validation_error", "rate")) == (2, 3)
    assert best_of(settings, "bytes") is None
    assert front_of([], ("validation_error", "rate")) == ()


def test_runs_survive_json_and_their_order_does_not_matter():
    runs = [SweepRun(1, "f", {"bound": ["a", "b"], "beta": 1e-3}, 2, {"rate": 0.1}, {"KL": 2.0}, {"x": 0.5})]
    assert [SweepRun.from_dict(json.loads(json.dumps(run.to_dict()))) for run in runs] == runs
    others = runs_of({1: (0.1, 0.3), 2: (0.2, 0.4)})
    assert summarised(others, 2) == summarised(others[::-1], 2)


def test_what_is_not_finite_is_left_out():
    run = SweepRun(1, "", {}, 1, {"rate": math.inf, "bytes": 3.0})
    assert SweepRun.from_dict(run.to_dict()).values == {"bytes": 3.0}


def test_results_become_data_frames_and_tables():
    runs = tuple(runs_of({1: (0.1, 0.3), 2: (0.2, None)}))
    settings = summarised(runs, 2)
    result = SweepResult(runs, settings, "validation_error", ("rate", "validation_error"), 0, (0,))
    frame = result.to_pandas()
    assert list(frame["latent"]) == [1, 1, 2, 2]
    assert list(frame["failure"]) == ["", "", "", "diverged"]
    assert "least validation_error: latent 1" in result._repr_html_()
    assert json.loads(json.dumps(result.to_dict()))["settings"][0]["estimates"]["validation_error"]["mean"] == 0.2
