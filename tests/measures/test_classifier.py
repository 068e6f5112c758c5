"""The classifier that tells two samples apart, or cannot."""

import sys

import numpy as np
import pytest
from scipy.stats import norm

from baler_vae.errors import MissingExtra, UsageError
from baler_vae.measures.classifier import classifier_auc


def test_the_same_distribution_gives_one_half():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 2_000, 3))
    a[::7, 0] = b[::7, 0] = np.nan
    auc = classifier_auc(a, b, seed=3)
    assert 0.005 < auc.error < 0.02
    assert auc.value == pytest.approx(0.5, abs=4 * auc.error)
    assert (auc.n_first, auc.n_second) == (2_000, 2_000)
    assert classifier_auc(a, b, seed=3) == auc
    assert classifier_auc(a, b, seed=4) != auc


def test_a_shift_gives_nearly_the_best_possible_area():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(4_000, 1)), rng.normal(1, 1, (4_000, 1))
    auc = classifier_auc(a, b)
    best = norm.cdf(1 / np.sqrt(2))
    assert best - 0.03 < auc.value < best + 4 * auc.error


def test_objects_of_an_event_do_not_meet_themselves():
    rng, n, copies = np.random.default_rng(3), 300, 8
    groups = (np.repeat(np.arange(n), copies), np.repeat(np.arange(n, 2 * n), copies))
    a, b = (np.repeat(rng.normal(size=(n, 2)), copies, axis=0) for _ in range(2))
    apart = classifier_auc(a, b, groups=groups)
    assert apart.value == pytest.approx(0.5, abs=4 * apart.error)
    assert apart.error == pytest.approx(1 / np.sqrt(6 * n), rel=0.1)  # events count, not objects
    assert classifier_auc(a, b).value > 0.9  # learnt by heart


def test_events_and_what_became_of_them_share_a_fold():
    rng = np.random.default_rng(4)
    a = rng.normal(size=(1_000, 2))
    near = classifier_auc(a, a + 1e-6)
    assert near.value == pytest.approx(0.5, abs=0.02)


def test_samples_are_limited_by_whole_events():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 1_200, 1))
    groups = (np.repeat(np.arange(400), 3), np.repeat(np.arange(400, 800), 3))
    auc = classifier_auc(a, b, groups=groups, most_rows=301)
    assert 270 < auc.n_first <= 301
    assert auc.n_first % 3 == 0
    assert auc.n_second == 300


def test_what_cannot_be_told_apart_is_refused():
    rng = np.random.default_rng(6)
    a = rng.normal(size=(100, 2))
    with pytest.raises(UsageError, match=r"100 and 49 rows are too few.*at least 50.*Give more rows"):
        classifier_auc(a, a[:49])
    with pytest.raises(UsageError, match=r"100 and 100 rows of 100 and 10 events are too few"):
        classifier_auc(a, a, groups=(np.arange(100), np.arange(100) % 10))
    for wrong in (a[:, :1], a[:, 0], a[:, :0]):
        with pytest.raises(UsageError, match=r"shapes.*same columns"):
            classifier_auc(a, wrong)


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtra, match="explore"):
        classifier_auc(np.ones((100, 1)), np.ones((100, 1)))


def test_columns_without_a_value_tell_nothing():
    rng, nothing = np.random.default_rng(4), np.full((200, 1), np.nan)
    a, b = rng.normal(size=(2, 200, 1))
    assert classifier_auc(np.hstack([a, nothing]), np.hstack([b, nothing])) == classifier_auc(a, b)
    assert classifier_auc(nothing, nothing).value == 0.5
