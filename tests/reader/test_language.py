"""The functions of expressions, against those of uproot."""

import awkward as ak
import numpy as np
import pytest
from uproot.language.python import PythonLanguage

from baler_vae.reader.functions import functions
from baler_vae.reader.language import Expression

THEIRS = PythonLanguage.default_functions
TWO = {"arctan2", "atan2", "copysign", "fmax", "fmin", "hypot", "logical_and", "logical_or", "nextafter"}
APPROXIMATE = {"erf", "erfc", "gamma", "lgamma", "factorial", "tgamma"}
"""uproot has rational approximations of these."""


def test_every_function_of_uproot_is_there():
    assert set(functions()) == set(THEIRS)


@pytest.mark.parametrize("name", sorted(THEIRS))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_functions_give_what_those_of_uproot_give(name):
    values = np.array([0.0, 0.3, 1.0, 1.5, 2.25, 4.0, 7.5])
    arguments = {"where": (values > 1, values, values[::-1])}.get(name, (values, values[::-1])[: 1 + (name in TWO)])
    expected = THEIRS[name](*arguments)
    jagged = [ak.unflatten(argument, [3, 0, 4]) for argument in arguments]
    arrays = dict(zip("abc", jagged, strict=False))
    found = Expression.parsed(f"{name}({', '.join(arrays)})", arrays).value(arrays.get)
    assert ak.num(found).to_list() == [3, 0, 4]
    valid = values > 0 if name in APPROXIMATE else slice(None)
    tolerance = 1e-6 if name in APPROXIMATE else 0
    assert np.allclose(ak.to_numpy(ak.flatten(found))[valid], expected[valid], tolerance, tolerance, equal_nan=True)


def test_names_with_dots_go_before_fields():
    record = ak.Array([{"b": 1}, {"b": 2}])
    arrays = {"a": record, "x.y": ak.Array([3, 4])}
    assert Expression.parsed("a.b + x.y", arrays).value(arrays.get).to_list() == [4, 6]
    assert Expression.parsed("a.b + x.y", arrays).names == ("a", "x.y")
