"""The functions that expressions may call: those of numpy, under the names that uproot knows, and some of `math`."""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

_OF_NUMPY = [
    "absolute",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cbrt",
    "ceil",
    "conjugate",
    "copysign",
    "cos",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "floor",
    "fmax",
    "fmin",
    "hypot",
    "imag",
    "isfinite",
    "isinf",
    "isnan",
    "log",
    "log10",
    "log1p",
    "log2",
    "logical_and",
    "logical_or",
    "nextafter",
    "real",
    "rint",
    "round",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
    "where",
]
_SYNONYMS = {
    "abs": "absolute",
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "conj": "conjugate",
    "neg": "negative",
}


def _gamma(value: float) -> float:
    try:
        return math.gamma(value)
    except (OverflowError, ValueError):  # a pole, or beyond the largest double
        return math.inf if value > 0 else math.nan


def _log_gamma(value: float) -> float:
    try:
        return math.lgamma(value)
    except (OverflowError, ValueError):
        return math.inf


def _factorial(value: float) -> float:
    return _gamma(np.round(value) + 1)


_OF_MATH: dict[str, Callable[[float], float]] = {
    "erf": math.erf,
    "erfc": math.erfc,
    "factorial": _factorial,
    "gamma": _gamma,
    "lgamma": _log_gamma,
    "tgamma": _gamma,
}


def _elementwise(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of arrays (awkward, of any depth) or numbers: a function of a double applied to each element."""
    applied = np.vectorize(function, otypes=[np.float64])

    def of_array(array: Any) -> Any:  # noqa: ANN401  of awkward, or a number
        import awkward as ak  # noqa: PLC0415  only where it is needed

        def of_layout(layout: Any, **_: object) -> Any:  # noqa: ANN401  a content of awkward
            return ak.contents.NumpyArray(applied(layout.data)) if layout.is_numpy else None

        return ak.transform(of_layout, array) if isinstance(array, ak.Array) else applied(array)

    return of_array


@cache
def functions() -> Mapping[str, Callable[..., Any]]:
    """The functions that an expression may call, by name."""
    return {
        **{name: getattr(np, name) for name in _OF_NUMPY},
        **{name: getattr(np, own) for name, own in _SYNONYMS.items()},
        **{name: _elementwise(function) for name, function in _OF_MATH.items()},
    }
