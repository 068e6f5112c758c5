from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import voigt_profile
from scipy.stats import crystalball, norm

from baler_vae.evaluation.shapes import POWER, shape_of

EDGES = np.linspace(80, 104, 49)
SHAPES = {
    "gauss": (91.0, 2.0),
    "crystal-ball": (91.0, 2.0, 1.2, 0.8),
    "breit-wigner": (91.0, 2.0),
}


def reference(name, value):
    """The density by scipy's own functions, in any unit."""
    mean, width, *alphas = SHAPES[name]
    pull = (value - mean) / width
    if name == "gauss":
        return norm.pdf(pull) / width
    if name == "breit-wigner":
        return voigt_profile(value - mean, width, 2.5 / 2)
    side = crystalball(alphas[0], POWER) if pull < 0 else crystalball(alphas[1], POWER)
    return side.pdf(-abs(pull)) / side.pdf(0)


@pytest.mark.parametrize("name", SHAPES)
def test_shares_are_the_integrals_of_the_density_that_scipy_has(name):
    integrals = np.array([quad(lambda x: reference(name, x), *ends)[0] for ends in pairwise(EDGES)])
    shares = shape_of(name, 2.5).shares(EDGES, *SHAPES[name])
    if name != "gauss":
        assert shares.sum() == pytest.approx(1, abs=1e-12)
        integrals /= integrals.sum()
    np.testing.assert_allclose(shares, integrals, atol=2e-6)


@pytest.mark.parametrize("name", SHAPES)
def test_the_density_integrates_to_the_shares(name):
    shape, parameters = shape_of(name, 2.5), SHAPES[name]
    values = np.linspace(EDGES[0], EDGES[-1], 100_001)
    density = shape.density(values, EDGES, *parameters)
    assert np.trapezoid(density, values) == pytest.approx(shape.shares(EDGES, *parameters).sum(), abs=1e-5)
    assert density[50_000] / density[30_000] == pytest.approx(
        reference(name, values[50_000]) / reference(name, values[30_000])
    )


@pytest.mark.parametrize("name", SHAPES)
def test_gradients_are_the_slopes_of_shares_and_density(name):
    shape, parameters = shape_of(name, 2.5), np.array(SHAPES[name])
    values = np.linspace(81, 103, 50)
    shares = shape.shares_gradient(EDGES, *parameters)
    density = shape.density_gradient(values, EDGES, *parameters)
    assert (len(shares), len(density)) == (len(parameters),) * 2
    for index, step in enumerate(1e-5 * np.eye(len(parameters))):
        up, down = parameters + step, parameters - step
        np.testing.assert_allclose(
            shares[index], (shape.shares(EDGES, *up) - shape.shares(EDGES, *down)) / 2e-5, atol=1e-8
        )
        slope = (shape.density(values, EDGES, *up) - shape.density(values, EDGES, *down)) / 2e-5
        np.testing.assert_allclose(density[index], slope, atol=1e-8)


@pytest.mark.parametrize("width", [0.5, 1.0])
def test_a_peak_of_about_one_bin_is_integrated_well(width):
    edges = np.arange(-20, 21.0)
    shares = shape_of("crystal-ball", 1).shares(edges, 0.3, width, 4.0, 4.0)
    exact = np.diff(norm.cdf(edges, 0.3, width))
    np.testing.assert_allclose(shares, exact, atol=2e-4)


@pytest.mark.parametrize("gaussian", [2.0, 3.0, 10.0])
def test_a_smeared_breit_wigner_starts_as_broad_as_the_gaussian(gaussian):
    width = shape_of("breit-wigner", 2.5).width_like(gaussian)
    half = brentq(lambda x: voigt_profile(x, width, 1.25) - voigt_profile(0, width, 1.25) / 2, 0, 100)
    assert half == pytest.approx(gaussian * np.sqrt(2 * np.log(2)), rel=1e-3)


def test_without_room_for_a_smearing_the_start_stays_positive():
    assert shape_of("breit-wigner", 2.5).width_like(0.5) == pytest.approx(0.1)
    assert shape_of("gauss", 2.5).width_like(0.5) == shape_of("crystal-ball", 2.5).width_like(0.5) == 0.5
