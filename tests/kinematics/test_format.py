"""FORMAT.md on formulas: the functions as that page says, written anew with the floats of Python."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.archive import container
from baler_vae.kinematics.formula import parse_formula
from baler_vae.kinematics.grammar import FUNCTIONS

PAGE = Path(container.__file__).with_name("FORMAT.md").read_text("utf-8").partition("## Formulas")[2]

CONSTANTS = {name: float.fromhex(text) for name, text in re.findall(r"\b([A-Z0-9]+)\s=\s(0x[0-9a-f.]+p[+-]\d+)", PAGE)}
P0, P1, P2 = CONSTANTS["P0"], CONSTANTS["P1"], CONSTANTS["P2"]
PI, H, T = CONSTANTS["PI"], CONSTANTS["H"], CONSTANTS["T"]
LN2, L0, L1, R = CONSTANTS["LN2"], CONSTANTS["L0"], CONSTANTS["L1"], CONSTANTS["R"]


def listed(name):
    text = re.search(rf"\* {name}: ([^*]*)", PAGE)[1]
    return [float.fromhex(number) for number in re.findall(r"-?0x[0-9a-f.]+p[+-]\d+", text)]


SIN = [(-1) ** i / math.factorial(2 * i + 1) for i in range(1, 11)]
SINH = [1 / math.factorial(2 * i + 1) for i in range(1, 10)]
EXP = [1 / math.factorial(i) for i in range(1, 14)]
LOG, ATAN = listed("LOG"), listed("ATAN")


def poly(z, coefficients):
    *others, t = coefficients
    for coefficient in reversed(others):
        t = t * z + coefficient
    return t


def rint(x):
    return math.copysign(float(round(x)), x)


def ceil(x):
    return math.copysign(float(math.ceil(x)), x)


def less(x, n):
    return ((x - n * P0) - n * P1) - n * P2


def wave(r, k):
    z = r * r
    return (1 - 2 * (k - 2 * math.floor(0.5 * k))) * (r + (r * z) * poly(z, SIN))


def sin(x):
    k = rint(x / PI)
    return wave(less(x, k), k)


def cos(x):
    k = rint(x / PI - 0.5)
    return -wave(less(x, k + 0.5), k)


def exp(x):
    x = min(max(x, -800.0), 800.0)
    k = rint(x / LN2)
    r = (x - k * L0) - k * L1
    m = 1 + r * poly(r, EXP)
    h = math.floor(0.5 * k)
    return (m * 2.0**h) * 2.0 ** (k - h)


def log(x):
    if x == 0:
        return -math.inf
    m, e = math.frexp(x)
    if m < R:
        m, e = 2 * m, e - 1
    f = m - 1
    s = f / (2 + f)
    z = s * s
    h = (0.5 * f) * f
    return e * L0 - ((h - (s * (h + z * poly(z, LOG)) + e * L1)) - f)


def cosh(x):
    p = exp(abs(x))
    return 0.5 * p + 0.5 / p


def sinh(x):
    if abs(x) < 1:
        z = x * x
        return x + (x * z) * poly(z, SINH)
    p = exp(abs(x))
    half = 0.5 * p - 0.5 / p
    return -half if x < 0 else half


def tanh(x):
    x = min(max(x, -22.0), 22.0)
    return sinh(x) / cosh(x)


def asinh(x):
    a = abs(x)
    if a > 2.0**28:
        result = log(a) + LN2
    else:
        q = a * a
        u = a + q / (1 + math.sqrt(1 + q))
        w = 1 + u
        result = u if w == 1 else log(w) * (u / (w - 1))
    return -result if x < 0 else result


def atan2(y, x):
    a, b = abs(y), abs(x)
    if a > b:
        a, b = b, a
    diagonal = a > T * b
    t = (a - b) / ((a + b) or 1.0) if diagonal else a / (b or 1.0)
    z = t * t
    g = t - t * (z * poly(z, ATAN))
    if diagonal:
        g = 0.25 * PI + (g + 0.5 * H)
    if abs(y) > abs(x):
        g = 0.5 * PI - (g - H)
    if x < 0:
        g = PI - (g - 2 * H)
    return -g if y < 0 else g


def hypot(x, y):
    a, b = abs(y), abs(x)
    if a > b:
        a, b = b, a
    q = a / (b or 1.0)
    return b * math.sqrt(1 + q * q)


def norm(*numbers):
    total = numbers[0] * numbers[0]
    for number in numbers[1:]:
        total += number * number
    return math.sqrt(total)


def mass(e, *numbers):
    p = norm(*numbers)
    return sqrt((e - p) * (e + p))


def sqrt(x):
    return 0.0 if x < 0 else math.sqrt(x)


WRITTEN = {
    "abs": abs,
    "asinh": asinh,
    "atan": lambda x: atan2(x, 1.0),
    "atan2": atan2,
    "cos": cos,
    "cosh": cosh,
    "exp": exp,
    "hypot": hypot,
    "log": lambda x: log(abs(x)),
    "mass": mass,
    "norm": norm,
    "sin": sin,
    "sinh": sinh,
    "sqrt": sqrt,
    "tan": lambda x: sin(x) / cos(x),
    "tanh": tanh,
    "wrap": lambda x: less(x, 2 * ceil(x / (2 * PI) - 0.5)),
}


def test_the_page_names_every_function():
    assert set(re.findall(r"^\| `([a-z0-9]+)\(", PAGE, re.MULTILINE)) == set(FUNCTIONS) == set(WRITTEN)


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=30)
@given(data=st.data())
def test_functions_are_what_the_page_says(name, data):
    fewest, most = FUNCTIONS[name]
    n_arguments = data.draw(st.integers(fewest, most))
    largest = 700.0 if name in {"exp", "sinh", "cosh"} else 2.0**20
    numbers = st.one_of(st.floats(-4, 4), st.floats(-largest, largest))
    columns = [data.draw(st.lists(numbers, min_size=20, max_size=20)) for _ in range(n_arguments)]
    names = [f"x{i}" for i in range(n_arguments)]
    arguments = ["abs(x0)"] if name == "log" else names
    formula = parse_formula(f"{name}({', '.join(arguments)})")
    results = formula.evaluate({key: np.array(column) for key, column in zip(names, columns, strict=True)})
    expected = np.array([WRITTEN[name](*row) for row in zip(*columns, strict=True)])
    assert results.tobytes() == expected.tobytes()
