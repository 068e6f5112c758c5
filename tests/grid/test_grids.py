"""What codes mean: literal values, order, and the parameters of every grid."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.grid.decimal import Decimal, Significant
from baler_vae.grid.grids import (
    GRID_KINDS,
    Integers,
    Pattern,
    Step,
    check_grid,
    describe_grid,
    grid_of,
    grid_parameters,
)
from baler_vae.grid.logarithmic import LEAST_RELATIVE, Logarithmic
from tests.strategies import grids

F2, F4, F8 = (np.dtype(name) for name in ("f2", "f4", "f8"))


@given(grids)
def test_a_grid_comes_back_from_its_parameters(grid):
    text = json.dumps(grid_parameters(grid))
    assert grid_of(grid.kind, json.loads(text)) == grid
    assert grid.kind in GRID_KINDS
    assert grid.holds_everything == (grid in {Integers(), Pattern()})


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("cubic", {}),
        ("integers", {"step": 1}),
        ("pattern", {}),
        ("pattern", {"shift": -1}),
        ("pattern", {"shift": 53}),
        ("pattern", {"shift": 1.0}),
        ("pattern", {"shift": True}),
        ("decimal", {"digits": 23}),
        ("decimal", {"digits": "2"}),
        ("significant", {"digits": 6}),
        ("significant", {"digits": 0, "lowest": 0}),
        ("significant", {"digits": 16, "lowest": 0}),
        ("significant", {"digits": 6, "lowest": -309}),
        ("step", {"step": 0.0}),
        ("step", {"step": -1.0}),
        ("step", {"step": math.nan}),
        ("step", {"step": math.inf}),
        ("step", {"step": 10**400}),
        ("step", {"step": 1.0, "offset": 0.0}),
        ("logarithmic", {"relative": 0.1}),
        ("logarithmic", {"relative": 0.0, "floor": 0.0}),
        ("logarithmic", {"relative": 1.0, "floor": 0.0}),
        ("logarithmic", {"relative": 1e-16, "floor": 0.0}),
        ("logarithmic", {"relative": 0.1, "floor": -1.0}),
        ("logarithmic", {"relative": 0.1, "floor": math.nan}),
        ("logarithmic", {"relative": 1e-10, "floor": 1e300}),
    ],
)
def test_parameters_that_are_no_grid(kind, parameters):
    with pytest.raises(ValueError, match=r"grid|patterns"):
        grid_of(kind, parameters)


def test_descriptions():
    assert [describe_grid(grid) for grid in (Integers(), Pattern(), Pattern(11), Decimal(2), Significant(6, -3))] == [
        "integers",
        "bit patterns",
        "bit patterns without the lowest 11 bits",
        "decimals: 2 digits",
        "6 significant digits",
    ]
    assert describe_grid(Step(0.25)) == "steps of 0.25"
    assert describe_grid(Logarithmic(2.0**-13)) == "relative steps of 0.00024"
    assert describe_grid(Logarithmic(2.0**-13, 0.001)) == "relative steps of 0.00024, at least 0.002"


# The meaning of a code must never change: these values are what FORMAT promises, to the bit.
LITERALS = [
    (Integers(), np.dtype("i2"), [-5, 0, 7], ["-5", "0", "7"]),
    (Integers(), np.dtype("u8"), [-1, -(2**63)], ["18446744073709551615", "9223372036854775808"]),
    (Pattern(), F4, [0, -1, 1, 0x3F800000, ~0x3F800000], ["0x0p0", "-0x0p0", "0x1p-149", "0x1p0", "-0x1p0"]),
    (Pattern(42), F8, [0x3FF00000 >> 10, ~(0x40080000 >> 10)], ["0x1p0", "-0x1.8p1"]),
    (Decimal(2), F8, [1, -314, 10**15], ["0.01", "-3.14", "1e13"]),
    (Decimal(1), F4, [3], ["0x1.333334p-2"]),
    (
        Significant(3, -2),
        F8,
        [0, 7, -999, 1000, 1001, 1899, 1900],
        ["0", ".07", "-9.99", "10.0", "10.1", "99.9", "100"],
    ),
    (Significant(6, -30), F4, [100000, 1000000], ["1e-25", "1e-24"]),
    (Step(0.25), F4, [3, -8], ["0.75", "-2.0"]),
    (Step(0.1), F8, [3], ["0x1.3333333333334p-2"]),
    (Step(7.0), np.dtype("i4"), [3, -8], ["21", "-56"]),
    (Logarithmic(0.25), F8, [0, 1, 2, -3, 4, 2149], ["0", "0x1p-1074", "0x1p-1074", "-0x1p-1073", "0x3p-1074", "1"]),
    (
        Logarithmic(2.0**-11, 0.5),
        F8,
        [0, 1, -1024, 1025, 2443, -2444, 100_000],
        [
            "0",
            "1",
            "-0x1p10",
            "0x1.003fe9b62d4d5p10",
            "0x1.fe812d3396d60p11",
            "-0x1.ff00a8f0b4a48p11",
            "0x1.277116aff8064p149",
        ],
    ),
]


@pytest.mark.parametrize(("grid", "dtype", "codes", "texts"), LITERALS)
def test_values_of_codes(grid, dtype, codes, texts):
    found = grid.dequantise(np.array(codes), dtype)
    assert found.dtype == dtype
    if dtype.kind == "f":
        read = [float.fromhex(text) if "x" in text else float(text) for text in texts]
        expected = np.array(read, dtype)
    else:
        expected = np.array([int(text) for text in texts], dtype)
    assert found.tobytes() == expected.tobytes()


def test_integers_have_the_code_of_the_nearest_multiple():
    values = [0, 3, 4, -3, -4, 10, 11, -128, 127]
    assert Step(7.0).quantise(np.array(values, np.int8)).tolist() == [0, 0, 1, 0, -1, 1, 2, -18, 18]
    assert Step(7.0).quantise(np.array([2**64 - 1, 2**63 + 3], np.uint64)).tolist() == [2**64 // 7, 2**63 // 7 + 1]


def logarithmic_value(code, relative, floor):
    """The value of a code, step by step as the format describes it."""
    widths = [0.5 / (relative * (1024 + j)) for j in range(1024)]
    total = 0.0
    for width in widths:
        total += width
    n = math.ceil(total)
    widths = [width * (n / total) for width in widths]
    starts = [0.0]
    for width in widths[:-1]:
        starts.append(starts[-1] + width)
    n_linear, exponent, base, fraction = 0, -1074, 1, 0.0
    if floor:
        n_linear = math.floor(0.5 / relative)
        mantissa, exponent = math.frexp(floor / relative)
        exponent -= 1
        place = (2 * mantissa - 1) * 1024
        j = math.floor(place)
        offset = 0.5 / relative - (starts[j] + (place - j) * widths[j])
        base = math.floor(offset)
        fraction = offset - base
    if abs(code) <= n_linear:
        return code * (2 * floor)
    octave, step = divmod(abs(code) - base, n)
    within = step - fraction
    if within < 0:
        within, octave = within + n, octave - 1
    j = max(j for j in range(1024) if starts[j] <= within)
    mantissa = 1 + (j + (within - starts[j]) / widths[j]) / 1024
    return math.copysign(math.ldexp(mantissa, octave + exponent), code)


@pytest.mark.parametrize("relative", [0.9, 0.25, 2.0**-11, 1e-3, 1e-6, LEAST_RELATIVE])
@pytest.mark.parametrize("floor", [0.0, 0.37, 1e-12, 1e20])
def test_logarithmic_values_follow_the_description(relative, floor):
    grid = Logarithmic(relative, floor)
    numbers = np.random.default_rng(0).lognormal(math.log(max(floor, 1e-9) / relative), 9.0, 200)
    codes = grid.quantise(np.concatenate([numbers, -numbers]))
    expected = [logarithmic_value(code, relative, floor) for code in codes.tolist()]
    assert grid.dequantise(codes, F8).tolist() == expected


@given(grids.filter(lambda grid: grid.kind != "integers"), npst.arrays(F8, 50, elements=st.floats(-1e200, 1e200)))
def test_codes_are_in_the_order_of_the_values(grid, values):
    ordered = np.sort(values)
    ordered[ordered == 0] = 0.0
    codes = grid.quantise(ordered)
    assert np.all(np.diff(codes) >= 0) or grid.kind in {"step", "decimal"}
    restored = grid.dequantise(codes, F8)
    assert np.all(restored[:-1] <= restored[1:])


@given(st.floats(LEAST_RELATIVE, 0.99), st.one_of(st.just(0.0), st.floats(1e-300, 1e200)), st.integers(1, 2**40))
def test_logarithmic_grids_are_odd_and_rise(relative, floor, start):
    grid = Logarithmic(relative, floor)
    codes = start + np.arange(500)
    values = grid.dequantise(codes, F8)
    assert np.all(values[:-1] <= values[1:])
    assert np.array_equal(grid.dequantise(-codes, F8), -values)
    # Where float64 can tell steps apart, none is wider than the true logarithm's, up to the end of its range.
    inside = values[(values > 1e-290) & (values < 1e308)]
    allowed = np.maximum(np.expm1(2 * relative) * inside[:-1], 2 * floor) * (1 + 1e-9)
    assert np.all(np.diff(inside) <= allowed + 2 * np.spacing(inside[1:]))


def test_pieces_of_the_logarithm_cost_little():
    relative = 2.0**-11
    grid = Logarithmic(relative)
    per_octave = np.diff(grid.quantise(np.array([1.0, 2.0])))[0]
    assert math.log2(per_octave / (math.log(2) / (2 * relative))) < 0.01
    mantissas = np.exp2(np.random.default_rng(0).uniform(size=100_000))
    _, counts = np.unique(grid.quantise(mantissas), return_counts=True)
    shares = counts / counts.sum()
    ideal = math.log2(math.log(2) / (2 * relative))
    assert -np.sum(shares * np.log2(shares)) < ideal + 0.01


@pytest.mark.parametrize("digits", [3, 6, 9, 15])
@pytest.mark.parametrize("dtype", [F4, F8])
def test_significant_digits_are_dense_and_read_as_text(digits, dtype):
    grid = Significant(digits, -5)
    unit = 10**digits
    codes = np.concatenate([np.arange(5), np.arange(-3, 3) + unit, np.arange(-3, 3) + unit + 9 * unit // 10])
    values = grid.dequantise(codes, F8)
    assert np.all(np.diff(values) > 0)
    assert values.tolist() == [float(f"{value:.{digits}g}") for value in values]
    assert np.array_equal(grid.quantise(values), codes)
    texts = [f"{value:.{digits}g}" for value in np.random.default_rng(0).normal(0, 100, 2000)]
    read = np.array([float(text) for text in texts], dtype)
    finer = Significant(digits, -20)
    assert np.array_equal(finer.dequantise(finer.quantise(read), dtype), read)


def test_decades_join():
    decades = [float(f"1e{k}") for k in range(-20, 20)]
    grid = Significant(4, -30)
    around = np.array([value * factor for value in decades for factor in (1 - 1e-16, 1, 1 + 1e-16)])
    codes = grid.quantise(around).reshape(-1, 3)
    assert np.all(codes == codes[:, :1])
    assert all(b - a == 9000 for a, b in pairwise(codes[:, 1].tolist()))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shift", [10, 52])
def test_codes_beyond_all_patterns_are_infinite(dtype, shift):
    codes = np.array([2**61 - 1, -(2**61) + 1, 2**55])
    assert Pattern(shift).dequantise(codes, np.dtype(dtype)).tolist() == [np.inf, -np.inf, np.inf]


def test_patterns_are_of_floats_and_integers_of_none():
    for dtype in map(np.dtype, ("bool", "int8", "uint64")):
        check_grid(Integers(), dtype)
        with pytest.raises(ValueError, match="'pattern'"):
            check_grid(Pattern(3), dtype)
    with pytest.raises(ValueError, match="'integers'"):
        check_grid(Integers(), np.dtype(np.float32))
