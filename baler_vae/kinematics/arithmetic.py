"""Elementary functions of float64 arrays with the same bits on every machine.

They are built of IEEE + - * / and sqrt, rint and floor, comparisons, frexp, bit patterns of powers of two, and
constants: numpy's own sin or exp differ by a unit in the last place (ulp) between processors. The order of operations
is a format: `archive/FORMAT.md` specifies it, and what is written here must never change. Arrays are float64 (rows,);
angles are in rad. No value raises or warns. Results that are not a number are NaN of any pattern.

Methods: argument reduction by constants in pieces (Cody and Waite, Software Manual for the Elementary Functions,
1980), Taylor series, and the polynomials of log and atan in fdlibm (Sun Microsystems, 1993).
"""

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Final, ParamSpec

import numpy as np
from numpy.typing import NDArray

Floats64 = NDArray[np.float64]
Parameters = ParamSpec("Parameters")

LARGEST_ANGLE: Final = 2.0**20
"""Angles beyond have no sine: it would be noise."""

_hex = float.fromhex
# The pieces of pi have 33 bits, 33 bits, and what is left: products with numbers of 20 bits are exact in the first two.
PI: Final = _hex("0x1.921fb54442d18p+1")
PI_PIECES: Final = (_hex("0x1.921fb544p+1"), _hex("0x1.0b4611a6p-33"), _hex("0x1.3198a2e037073p-68"))
LN_2: Final = _hex("0x1.62e42fefa39efp-1")
LN_2_PIECES: Final = (_hex("0x1.62e42feep-1"), _hex("0x1.a39ef35793c76p-33"))
HALF_PI_LOW: Final = _hex("0x1.1a62633145c07p-54")
"""What pi / 2 has beyond the float64 next to it."""
EIGHTH: Final = _hex("0x1.a827999fcef32p-2")
"""The tangent of pi / 8."""

_SINE: Final = tuple((-1) ** i / math.factorial(2 * i + 1) for i in range(1, 11))
_SINH: Final = tuple(1 / math.factorial(2 * i + 1) for i in range(1, 10))
_EXP: Final = tuple(1 / math.factorial(i) for i in range(1, 14))
_LOG: Final = tuple(
    map(
        _hex,
        (
            "0x1.5555555555593p-1",
            "0x1.999999997fa04p-2",
            "0x1.2492494229359p-2",
            "0x1.c71c51d8e78afp-3",
            "0x1.7466496cb03dep-3",
            "0x1.39a09d078c69fp-3",
            "0x1.2f112df3e5244p-3",
        ),
    )
)
_ATAN: Final = tuple(
    map(
        _hex,
        (
            "0x1.555555555550dp-2",
            "-0x1.999999998ebc4p-3",
            "0x1.24924920083ffp-3",
            "-0x1.c71c6fe231671p-4",
            "0x1.745cdc54c206ep-4",
            "-0x1.3b0f2af749a6dp-4",
            "0x1.10d66a0d03d51p-4",
            "-0x1.dde2d52defd9ap-5",
            "0x1.97b4b24760debp-5",
            "-0x1.2b4442c6a6c2fp-5",
            "0x1.0ad3ae322da11p-6",
        ),
    )
)


def _quietly(function: Callable[Parameters, Floats64]) -> Callable[Parameters, Floats64]:
    """A function without numpy's warnings."""

    @wraps(function)
    def quiet(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Floats64:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return quiet


def _polynomial(x: Floats64, coefficients: Sequence[float]) -> Floats64:
    """c[0] + x (c[1] + x (c[2] + ...)), by Horner's rule."""
    total = coefficients[-1] * x
    for coefficient in reversed(coefficients[1:-1]):
        total += coefficient
        total *= x
    total += coefficients[0]
    return total


@_quietly
def sqrt(x: Floats64) -> Floats64:
    """The square root, 0 of negative numbers."""
    root: Floats64 = np.sqrt(np.where(x < 0, 0.0, x))
    return root


@_quietly
def sin(x: Floats64) -> Floats64:
    """The sine of angles up to `LARGEST_ANGLE`, NaN beyond."""
    turns = np.rint(x / PI)
    return _sine(_less_turns(x, turns), turns)


@_quietly
def cos(x: Floats64) -> Floats64:
    """The cosine of angles up to `LARGEST_ANGLE`, NaN beyond."""
    turns = np.rint(x / PI - 0.5)
    return -_sine(_less_turns(x, turns + 0.5), turns)


@_quietly
def tan(x: Floats64) -> Floats64:
    """The tangent: the quotient of sine and cosine."""
    return sin(x) / cos(x)


def _less_turns(x: Floats64, turns: Floats64) -> Floats64:
    """The angles less so many half turns, NaN beyond `LARGEST_ANGLE`."""
    rest = ((x - turns * PI_PIECES[0]) - turns * PI_PIECES[1]) - turns * PI_PIECES[2]
    rest[~(np.abs(x) <= LARGEST_ANGLE)] = np.nan
    return rest


def _sine(x: Floats64, turns: Floats64) -> Floats64:
    """The sine of angles within +-pi / 2, its sign changed for odd numbers of half turns."""
    square = x * x
    sine = x + (x * square) * _polynomial(square, _SINE)
    odd: Floats64 = turns - 2 * np.floor(0.5 * turns)
    return (1 - 2 * odd) * sine


@_quietly
def exp(x: Floats64) -> Floats64:
    """The exponential function."""
    near = np.where(x > 800, 800.0, np.where(x < -800, -800.0, x))
    powers = np.rint(near / LN_2)
    rest = (near - powers * LN_2_PIECES[0]) - powers * LN_2_PIECES[1]
    mantissas = 1 + rest * _polynomial(rest, _EXP)
    # In two steps, as the power of two alone may be beyond float64.
    half = np.floor(0.5 * powers)
    return (mantissas * _two_to(half)) * _two_to(powers - half)


def _two_to(exponents: Floats64) -> Floats64:
    """Powers of two, exact, for whole exponents from -1022 to 1023; anything for NaN."""
    whole = np.fmax(exponents, -1022.0).astype(np.int64)
    return ((whole + 1023) << 52).view(np.float64)


@_quietly
def log(x: Floats64) -> Floats64:
    """The natural logarithm: minus infinity of 0, NaN of negative numbers."""
    mantissas, exponents = np.frexp(x)
    low = mantissas < _hex("0x1.6a09e667f3bcdp-1")
    rest = np.where(low, 2 * mantissas, mantissas) - 1
    powers = np.where(low, exponents - 1.0, exponents)
    ratio = rest / (2 + rest)
    square = ratio * ratio
    half = (0.5 * rest) * rest
    series = square * _polynomial(square, _LOG)
    logarithm = powers * LN_2_PIECES[0] - ((half - (ratio * (half + series) + powers * LN_2_PIECES[1])) - rest)
    # Zero and infinity have no mantissa.
    logarithm = np.where(x > 0, logarithm, np.where(x == 0, -np.inf, np.nan))
    return np.where(x == np.inf, np.inf, logarithm)


@_quietly
def sinh(x: Floats64) -> Floats64:
    """The hyperbolic sine."""
    return _sinh(x, exp(np.abs(x)))


@_quietly
def cosh(x: Floats64) -> Floats64:
    """The hyperbolic cosine."""
    power = exp(np.abs(x))
    return 0.5 * power + 0.5 / power


@_quietly
def tanh(x: Floats64) -> Floats64:
    """The hyperbolic tangent: the quotient of the two above, for numbers moved into +-22."""
    near = np.where(x > 22, 22.0, np.where(x < -22, -22.0, x))
    power = exp(np.abs(near))
    return _sinh(near, power) / (0.5 * power + 0.5 / power)


def _sinh(x: Floats64, power: Floats64) -> Floats64:
    """The hyperbolic sine, given the exponential of abs(x); by its series below 1."""
    square = x * x
    series = x + (x * square) * _polynomial(square, _SINH)
    far = 0.5 * power - 0.5 / power
    return np.where(np.abs(x) < 1, series, np.where(x < 0, -far, far))


@_quietly
def asinh(x: Floats64) -> Floats64:
    """The inverse hyperbolic sine."""
    size = np.abs(x)
    square = size * size
    # log(1 + more), made good for what is lost in the sum.
    more = size + square / (1 + np.sqrt(1 + square))
    total = 1 + more
    near = np.where(total == 1, more, log(total) * (more / (total - 1)))
    result = np.where(size > 2.0**28, log(size) + LN_2, near)
    return np.where(x < 0, -result, result)


@_quietly
def atan(x: Floats64) -> Floats64:
    """The inverse tangent, in [-pi / 2, pi / 2]."""
    return atan2(x, np.ones_like(x))


@_quietly
def atan2(y: Floats64, x: Floats64) -> Floats64:
    """The angle of the vectors (x, y), in [-pi, pi]; 0 for the zero vector. The sign of zeros plays no part."""
    across, along = np.abs(y), np.abs(x)
    steep = across > along
    small, large = np.where(steep, along, across), np.where(steep, across, along)
    # Beyond pi / 8 the angle is counted from the diagonal.
    diagonal = small > EIGHTH * large
    below = np.where(diagonal, small + large, large)
    tangent = np.where(diagonal, small - large, small) / np.where(below == 0, 1.0, below)
    square = tangent * tangent
    angle = tangent - tangent * (square * _polynomial(square, _ATAN))
    angle = np.where(diagonal, 0.25 * PI + (angle + 0.5 * HALF_PI_LOW), angle)
    angle = np.where(steep, 0.5 * PI - (angle - HALF_PI_LOW), angle)
    angle = np.where(x < 0, PI - (angle - 2 * HALF_PI_LOW), angle)
    return np.where(y < 0, -angle, angle)


@_quietly
def hypot(x: Floats64, y: Floats64) -> Floats64:
    """sqrt(x^2 + y^2) without overflow."""
    across, along = np.abs(y), np.abs(x)
    steep = across > along
    small, large = np.where(steep, along, across), np.where(steep, across, along)
    ratio = small / np.where(large == 0, 1.0, large)
    return large * np.sqrt(1 + ratio * ratio)


@_quietly
def norm(first: Floats64, *others: Floats64) -> Floats64:
    """The square root of the sum of squares, added from left to right."""
    total = first * first
    for other in others:
        total = total + other * other
    return np.sqrt(total)


@_quietly
def mass(energy: Floats64, *momenta: Floats64) -> Floats64:
    """sqrt(E^2 - p^2) as the product of E - p and E + p, with p the norm of the momenta; 0 for spacelike vectors."""
    momentum = norm(*momenta)
    return sqrt((energy - momentum) * (energy + momentum))


@_quietly
def wrap(angle: Floats64) -> Floats64:
    """The angles less whole turns, in (-pi, pi] up to rounding; those beyond `LARGEST_ANGLE` give NaN."""
    return _less_turns(angle, 2 * np.ceil(angle / (2 * PI) - 0.5))
