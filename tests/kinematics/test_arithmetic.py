"""Elementary functions: right to a few units in the last place, and the same bits everywhere."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as npst

from baler_vae.kinematics import arithmetic

ULPS = 8
ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -2e-308, 1.7e308, -1.7e308, 2.0**20, 1e16, 710.0, -746.0])


def spread(least, most, size=3000):
    """Numbers of both signs between two powers of two, without any random generator."""
    steps = (np.arange(1, size + 1) * 0.6180339887498949) % 1.0
    mantissas = 1 + (np.arange(1, size + 1) * 0.7548776662466927) % 1.0
    sizes = np.ldexp(mantissas, np.floor(least + steps * (most - least)).astype(np.int64))
    return np.where(np.arange(size) % 2, sizes, -sizes)


ANGLES = np.concatenate([spread(-40, 16), spread(-3, 3), np.arange(-500, 500) * (np.pi / 2)])
EXPONENTS = np.concatenate([spread(-40, 8), np.arange(-700.0, 700.0)])
NUMBERS = np.concatenate([spread(-300, 300), spread(-3, 3), 1 + spread(-30, -2)])
POSITIVE = np.abs(NUMBERS)
Y, X = spread(-8, 8), spread(-9, 7)[::-1].copy()

ONE_ARGUMENT = {
    "sqrt": POSITIVE,
    "sin": ANGLES,
    "cos": ANGLES,
    "tan": ANGLES,
    "exp": EXPONENTS,
    "log": POSITIVE,
    "sinh": EXPONENTS,
    "cosh": EXPONENTS,
    "tanh": EXPONENTS,
    "asinh": NUMBERS,
    "atan": NUMBERS,
}
NAMES_OF_NUMPY = {"asinh": "arcsinh", "atan": "arctan", "atan2": "arctan2"}

# The digests of the results: what FORMAT promises, to the bit. They must never change.
DIGESTS = {
    "sqrt": "f1c9e94afccc9cfbf72c7823621fe866b1fde88ebfd4370c9b2bc609838e5557",
    "sin": "74e6d98cca4d548b4941305eec1f27557f08e6deac471e8c36aa1bd2dc3f91e2",
    "cos": "c634db51f20b27f8cd9af9fc94f3f3f3e2319475c4aec9c9c844497b2abd0aba",
    "tan": "51ce4d3f7ff92ae92fea4c36df5bb80a986c9730b36bc972502d7c1b30e7477c",
    "exp": "869fbcf2e522c4a13d3443c8ad77bac03df3669b027230314b156c3035b7a21b",
    "log": "721e3e54f7290b1b959e8c86859030bb0a3bdda732804a40dcb770cd8d750492",
    "sinh": "d6d6b6829e8d39b107bba3a608e768671813c85baf8f1d20ee20f48e081f0316",
    "cosh": "ece32530d9d9c3a123ce10ba890367fe3819ca6a2af05fd1acbb045e69ae13a6",
    "tanh": "16b00362cb1586c1f6abbfb0564189c8f769939ecfe8227efc305cac40d96ab5",
    "asinh": "423cb39a67210ead15182f8996ce33b00880328c37e0503f1a0475af27f5e443",
    "atan": "762af1c148ce2c3fc9d88a5c862bfbb747782ad00ece81397a2bf8aba5659d9e",
    "atan2": "97d0759ffd0e88bae62c647ff84fc7424c717fa93fcca150e39f1de1cd48aaec",
    "hypot": "2922978f1bed6ecd91e993764dc36d27ac0f0f74cd19ba544ccda84b39e4ced1",
    "norm": "13649835f3978ee7713d9ab3200fb456558ab66cffa91915b18b6e3b5b909dd0",
    "mass": "3e71ae3cf891a39f4aa1d94d4813c6eaeac7d869a22a7373094ec89dc0379f4e",
    "wrap": "22a6878a161ae939c02f9b87185ab5447d4bc8f5e367275b0443a433e60edf1b",
}


def numpy_function(name):
    return getattr(np, NAMES_OF_NUMPY.get(name, name))


def check_ulps(found, expected):
    with np.errstate(all="ignore"):
        ulps = np.abs(found - expected) / np.spacing(np.abs(expected))
    assert ulps.max() <= ULPS


def digest(*results):
    together = np.concatenate(results)
    together[np.isnan(together)] = np.nan
    return hashlib.sha256(together.astype("<f8").tobytes()).hexdigest()


@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_close_to_numpy(name):
    numbers = ONE_ARGUMENT[name]
    check_ulps(getattr(arithmetic, name)(numbers), numpy_function(name)(numbers))


@pytest.mark.parametrize("name", ["atan2", "hypot"])
def test_close_to_numpy_with_two_arguments(name):
    check_ulps(getattr(arithmetic, name)(Y, X), numpy_function(name)(Y, X))
    zeros = np.zeros_like(X)
    check_ulps(getattr(arithmetic, name)(Y, zeros), numpy_function(name)(Y, zeros))
    check_ulps(getattr(arithmetic, name)(zeros, X), numpy_function(name)(zeros, X))


@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_bits_are_pinned(name):
    function = getattr(arithmetic, name)
    assert digest(function(ONE_ARGUMENT[name]), function(ODD)) == DIGESTS[name]


@pytest.mark.parametrize("name", ["atan2", "hypot", "norm", "mass", "wrap"])
def test_bits_of_the_others_are_pinned(name):
    grid_y, grid_x = (array.ravel() for array in np.meshgrid(ODD, ODD))
    if name == "wrap":
        results = [arithmetic.wrap(ANGLES), arithmetic.wrap(ODD)]
    else:
        function = getattr(arithmetic, name)
        results = [function(Y, X), function(grid_y, grid_x)]
    assert digest(*results) == DIGESTS[name]


@given(npst.arrays(np.float64, 20), npst.arrays(np.float64, 20))
def test_any_value_will_do(x, y):
    """Nothing raises, warnings being errors in tests, and a value's neighbours play no part in its result."""
    for name in [*ONE_ARGUMENT, "wrap"]:
        together = getattr(arithmetic, name)(x)
        alone = np.concatenate([getattr(arithmetic, name)(x[i : i + 1]) for i in range(len(x))])
        assert np.array_equal(together, alone, equal_nan=True)
    for name in ("atan2", "hypot", "norm", "mass"):
        assert getattr(arithmetic, name)(y, x).shape == (20,)


def test_values_at_the_edges():
    def of(name, *values):
        return getattr(arithmetic, name)(*(np.array([value]) for value in values))[0]

    assert of("sqrt", -4.0) == 0
    assert of("exp", 1e308) == np.inf
    assert of("exp", -1e308) == 0
    assert of("log", 0.0) == -np.inf
    assert np.isnan(of("log", -1.0))
    assert np.isnan(of("sin", 2.0**21))
    assert of("sin", -5e-324) == -5e-324
    assert of("tanh", np.inf) == 1
    assert of("asinh", -1e300) == pytest.approx(np.arcsinh(-1e300))
    assert of("hypot", 1e300, 1e300) == pytest.approx(np.hypot(1e300, 1e300))
    assert of("atan2", 0.0, 0.0) == 0
    assert of("atan2", 0.0, -1.0) == np.pi
    assert of("mass", 1.0, 2.0) == 0
    assert of("mass", 5.0, 3.0) == 4
    assert of("norm", -3.0, 4.0) == 5


def test_wrapped_angles():
    angles = np.array([0.0, 3.0, -3.0, np.pi, 4.0, -4.0, 2 * np.pi, 7.0, 100.0, -1e5])
    wrapped = arithmetic.wrap(angles)
    assert np.all(np.abs(wrapped) <= np.pi)
    assert np.array_equal(wrapped[:4], angles[:4])
    assert np.allclose(np.sin(wrapped), np.sin(angles), atol=1e-11)
    assert np.allclose(np.cos(wrapped), np.cos(angles), atol=1e-11)
