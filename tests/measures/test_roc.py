"""ROC curves against scikit-learn, closed forms for two Gaussians, and errors against what repetition gives."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from baler_vae.errors import UsageError
from baler_vae.measures.roc import auc_of, roc_of


@pytest.mark.parametrize("digits", [0, 1, 9])
def test_the_area_is_that_of_scikit_learn_with_ties(digits):
    rng = np.random.default_rng(digits)
    first, second = rng.normal(size=300).round(digits), rng.normal(0.7, 2, 200).round(digits)
    labels, scores = np.repeat([0, 1], [300, 200]), np.concatenate([first, second])
    expected = roc_auc_score(labels, scores)
    assert auc_of(first, second).value == pytest.approx(expected, abs=1e-12)
    found = roc_of(first, second, n_bootstraps=2)
    assert found.auc.value == pytest.approx(expected, abs=1e-12)
    background, signal, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert found.background == pytest.approx(np.interp(found.signal, signal, background), abs=1 / 300)


def test_two_gaussians_have_their_closed_form():
    rng, shift, n = np.random.default_rng(1), 1.2, 40_000
    found = roc_of(rng.normal(size=n), rng.normal(shift, 1, n), n_bootstraps=40)
    assert found.auc.value == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=4 * found.auc.error)
    for percent, rejection in found.rejections.items():
        expected = 1 / norm.sf(norm.isf(float(percent) / 100) + shift)
        assert rejection.value == pytest.approx(expected, abs=4 * rejection.error)
        assert 0 < rejection.error < 0.1 * expected
    cuts = np.linspace(-2, 2.5, 1000)
    best = np.max(norm.sf(cuts - shift) / np.sqrt(norm.sf(cuts)))
    assert found.significance.value == pytest.approx(best, rel=0.2)
    assert found.significance.value >= best - 4 * found.significance.error


@pytest.mark.parametrize("objects", [1, 4])
def test_errors_are_the_spread_of_repetitions(objects):
    rng, n, values, told, drawn = np.random.default_rng(2), 150, [], [], []
    groups = (np.repeat(np.arange(n), objects), np.repeat(np.arange(n, 2 * n), objects))
    for number in range(200):
        # All objects of an event have its score: more of them tell nothing.
        first, second = np.repeat(rng.normal(size=n), objects), np.repeat(rng.normal(0.5, 1, n), objects)
        auc = auc_of(first, second, groups)
        values.append(auc.value)
        told.append(auc.error)
        if number < 5:
            drawn.append(roc_of(first, second, groups, seed=number).auc.error)
    assert np.mean(told) == pytest.approx(np.std(values), rel=0.15)
    assert np.mean(drawn) == pytest.approx(np.mean(told), rel=0.15)


def test_the_same_seed_gives_the_same_errors():
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=100), rng.normal(1, 1, 100)
    dicts = [roc_of(first, second, seed=seed).to_dict() for seed in (5, 5, 6)]
    assert dicts[0] == dicts[1]
    assert dicts[0]["auc"]["error"] != dicts[2]["auc"]["error"]


def test_extremes():
    low, high = np.zeros(30), np.ones(20)
    assert auc_of(low, high).value == 1.0
    assert auc_of(high, low).value == 0.0
    assert auc_of(low, low).value == 0.5
    perfect = roc_of(low, high, n_bootstraps=3)
    assert perfect.rejections["50"].value == 30
    assert "AUC" in perfect._repr_html_()
    with pytest.raises(UsageError, match="0 and 20 rows"):
        auc_of(np.empty(0), high)
    with pytest.raises(UsageError, match="30 and 0 rows"):
        roc_of(low, np.empty(0))
