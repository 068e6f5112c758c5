"""The project of showers: what its generator draws."""

import numpy as np
import pytest

from tests.generators import generated, loaded

showers = loaded("showers")


@pytest.fixture(scope="module")
def made():
    return showers.showers(1_000, seed=1)


def test_cells_are_zero_below_the_threshold(made):
    cells = made["cells"]
    assert cells.shape == (1_000, 5, 16, 16)
    assert all(values.dtype == np.float32 for values in made.values())
    assert cells[cells > 0].min() >= np.float32(showers.THRESHOLD)
    assert cells.min() == 0
    assert 0.85 < np.mean(cells == 0) < 0.95


def test_energies_are_uniform_in_their_logarithm(made):
    places = np.log(made["energy"]) / np.log(100)
    assert 0 <= places.min() < places.max() <= 1
    assert places.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * 1_000))
    assert places.var() == pytest.approx(1 / 12, rel=0.1)


def test_the_calorimeter_measures_the_energy_with_the_resolution_of_its_hits(made):
    hard = made["energy"] > 10
    energy = made["energy"][hard]
    response = made["cells"][hard].sum(axis=(1, 2, 3)) / energy
    assert response.mean() == pytest.approx(0.98, abs=0.01)  # the rest leaks out, or is below the threshold
    # n hits with n Poisson, exponential energies of mean h each: a variance of 2 h E, and a little from what leaks out
    pulls = (response - response.mean()) / np.sqrt(2 * showers.HIT / energy)
    assert 0.95 < pulls.std() < 1.3


def test_harder_showers_reach_deeper(made):
    depth = (showers.ENDS[:-1] + showers.ENDS[1:]) / 2
    layers = made["cells"].sum(axis=(2, 3))
    mean = layers @ depth / layers.sum(axis=1)
    slope = np.polyfit(np.log(made["energy"]), mean, 1)[0]
    assert slope == pytest.approx(1, abs=0.25)  # a radiation length for each factor of e


def test_the_shares_of_layers_are_those_of_a_gamma_distribution():
    scipy_stats = pytest.importorskip("scipy.stats")

    class Middle:
        """Draws the mean of every distribution."""

        def normal(self, mean, _width, n):
            return np.full(n, float(mean))

    energy = np.array([1.0, 10.0, 100.0])
    y = np.log(energy / showers.CRITICAL_ENERGY)
    alpha, depth = 0.2 + 0.45 * y, y - 0.5
    exact = np.diff(scipy_stats.gamma.cdf(showers.ENDS[:, None], alpha, scale=depth / (alpha - 1)), axis=0).T
    assert showers.longitudinal(energy, Middle()) == pytest.approx(exact, abs=0.01)


def test_showers_lie_around_the_axis(made):
    across = made["cells"].sum(axis=(0, 1))
    places = np.arange(16) - 7.5
    for axis in (0, 1):
        assert np.average(places, weights=across.sum(axis=axis)) == pytest.approx(0, abs=0.1)
    width = [np.average(places**2, weights=made["cells"][:, layer].sum(axis=(0, 1))) for layer in range(5)]
    assert np.all(np.diff(width) > 0)


def test_more_showers_begin_with_the_fewer(made):
    fewer = showers.showers(30, seed=1)
    assert all(np.array_equal(values, made[name][:30]) for name, values in fewer.items())
    assert not np.array_equal(showers.showers(30, seed=2)["cells"], fewer["cells"])


def test_the_file_is_the_same_each_time(tmp_path):
    path = generated("showers", tmp_path / "a.npz", showers=20, seed=7)
    with np.load(path) as stored:
        expected = showers.showers(20, seed=7)
        assert set(stored.files) == set(expected)
        assert all(np.array_equal(stored[name], values) for name, values in expected.items())
