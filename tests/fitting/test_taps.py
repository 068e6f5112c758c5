"""Predictors of cells: causal neighbours, and known recurrences found again."""

import numpy as np
import pytest

from baler_vae.fitting.taps import causal_offsets, fit_taps, neighbourhood, predictor_of
from baler_vae.model.cells import WEIGHT_UNIT


@pytest.mark.parametrize(
    ("shape", "reach"), [((9,), (3,)), ((9, 9), (2, 2)), ((5, 1, 4), (1, 2, 3)), ((2, 2, 2, 2), (1,) * 4)]
)
@pytest.mark.parametrize("lags", [0, 2])
def test_offsets_are_half_of_those_around_and_all_of_the_rows_before(shape, reach, lags):
    found = causal_offsets(shape, reach, lags=lags)
    around = np.prod([2 * min(far, size - 1) + 1 for far, size in zip(reach, shape, strict=True)])
    assert len({*found}) == len(found) == (around - 1) // 2 + lags * around
    distances = [sum(step * step for step in offset) for offset in found]
    assert distances == sorted(distances)
    for offset in found:
        assert next(step for step in (-offset[0], *offset[1:]) if step) < 0


def test_neighbours_beyond_the_array_are_not_there():
    values = np.arange(12.0).reshape(2, 2, 3)
    values[0, 0, 0] = np.nan
    around = neighbourhood(values, np.array([0, 4, 11]), [(0, -1, 1), (1, 0, 0), (0, -1, -1)])
    assert around.present.tolist() == [[False, True, False], [False, False, True], [False, False, True]]
    assert around.values.tolist() == [[0, 2, 0], [0, 0, 5], [0, 0, 7]]


@pytest.mark.parametrize("absolute", [False, True])
def test_a_known_recurrence_is_found(absolute):
    """x[i] = x[i-1] + 0.5 (x[i-1] - x[i-2]) + noise, in every row."""
    rng = np.random.default_rng(0)
    values = np.zeros((40, 200))
    noise = rng.normal(size=values.shape)
    for i in range(2, 200):
        values[:, i] = 1.5 * values[:, i - 1] - 0.5 * values[:, i - 2] + noise[:, i]
    items = np.flatnonzero(np.arange(values.size) % 200 > 10)
    pool = causal_offsets((200,), (6,))
    numbers, weights = fit_taps(
        neighbourhood(values, items, pool), values.reshape(-1)[items], n_cells=8_000, absolute=absolute
    )
    assert numbers[0] == 0  # from it the others are counted
    found = {pool[k][1]: weight for k, weight in zip(numbers, weights, strict=True)}
    assert abs(found[-2] + 0.5) < 0.05
    assert all(abs(weight) < 0.05 for step, weight in found.items() if step < -2)


def test_the_plane_through_three_neighbours_is_found():
    """Without noise, and with gaps: x = a i + b j."""
    rng = np.random.default_rng(0)
    slopes = rng.normal(size=(30, 2, 1, 1))
    values = slopes[:, 0] * np.arange(12)[:, None] + slopes[:, 1] * np.arange(10)
    values[rng.random(values.shape) < 0.02] = np.inf
    items = np.flatnonzero(np.isfinite(values))
    pool = causal_offsets((12, 10), (1, 1))
    around, targets = neighbourhood(values, items, pool), values.reshape(-1)[items]
    numbers, weights = fit_taps(around, targets, n_cells=1e6, absolute=True)
    first, relative = around.only(numbers).relative(0.0)
    error = np.abs(first + weights @ relative - targets)
    assert np.median(error) < 1e-3
    own = predictor_of(numbers, weights, 1.5)
    assert (own.weights * WEIGHT_UNIT).tolist() == weights.tolist()
    assert (own.fill, own.taps.tolist()) == (1.5, numbers)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e300])
def test_constant_cells_need_one_neighbour_at_most(value):
    values = np.full((5, 20), value)
    around = neighbourhood(values, np.arange(100), causal_offsets((20,), (8,)))
    numbers, weights = fit_taps(around, values.reshape(-1), n_cells=100, absolute=False)
    assert len(numbers) <= 2
    assert np.isfinite(weights).all()


def test_weights_beyond_those_of_predictors_are_the_largest():
    assert predictor_of([0, 1], np.array([100.0, -100.0]), 0.0).weights.tolist() == [32_767, -32_767]
