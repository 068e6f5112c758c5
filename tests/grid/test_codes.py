"""Columns through any grid and back: bounds kept, nothing lost, the same codes again."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.grid.codes import SPECIAL, dequantise_column, is_special, predicted_codes, quantise_column
from baler_vae.grid.decimal import Decimal, Significant
from baler_vae.grid.grids import Integers, Pattern, Step
from baler_vae.grid.judge import keeps_bound
from baler_vae.grid.logarithmic import Logarithmic
from baler_vae.grid.numbers import CODE_LIMIT, bits_of, same_bits
from baler_vae.table.bounds import EXACT, Bound
from tests.strategies import bounds as any_bounds
from tests.strategies import float_grids, number_grids

FLOATS = [np.dtype(name) for name in ("f2", "f4", "f8")]
INTEGERS = [np.dtype(name) for name in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")]

ANY_CODE = npst.from_dtype(np.dtype(np.int64))
ANY_FLOAT = npst.from_dtype(np.dtype(np.float64))

NONE = np.empty(0, np.uint64)
bounds = any_bounds(st.floats(1e-30, 1e30), st.floats(1e-17, 0.9))


def check_column(values, grid, bound):
    """The laws of every column: the bound is kept, and the restored values have the same codes."""
    codes = quantise_column(values, grid, bound)
    assert codes.codes.dtype == np.int64
    assert codes.verbatim.dtype == np.uint64
    restored = dequantise_column(codes.codes, codes.verbatim, grid, values.dtype)
    assert restored.dtype == codes.restored.dtype == values.dtype
    assert same_bits(restored, codes.restored).all()
    assert keeps_bound(values, restored, bound).all()
    again = quantise_column(restored, grid, bound)
    assert np.array_equal(again.codes, codes.codes)
    assert np.array_equal(again.verbatim, codes.verbatim)
    if not grid.holds_everything:
        ordinary = codes.codes[~is_special(codes.codes)]
        assert np.all(abs(ordinary) < CODE_LIMIT)
    return codes, restored


def patterns(dtype):
    """Any bit pattern of a float."""
    unsigned = np.dtype(f"u{dtype.itemsize}")
    return npst.arrays(unsigned, st.integers(0, 12), elements=npst.from_dtype(unsigned)).map(lambda a: a.view(dtype))


@settings(max_examples=1000)
@given(st.data(), st.sampled_from(FLOATS), float_grids, bounds)
def test_floats_keep_their_bound(data, dtype, grid, bound):
    strategy = st.one_of(patterns(dtype), npst.arrays(dtype, st.integers(0, 12), elements=npst.from_dtype(dtype)))
    check_column(data.draw(strategy), grid, bound)


@settings(max_examples=600)
@given(st.data(), st.sampled_from(INTEGERS), st.one_of(st.just(Integers()), number_grids), bounds)
def test_integers_keep_their_bound(data, dtype, grid, bound):
    values = npst.arrays(dtype, st.integers(0, 12), elements=npst.from_dtype(dtype))
    check_column(data.draw(values), grid, bound)


def test_multiples_that_wrap_round_are_not_taken():
    codes, restored = check_column(np.array([255], np.uint8), Step(96.0), Bound("abs", 230.0))
    assert (codes.codes.tolist(), restored.tolist()) == ([2], [192])


def test_values_at_the_limit_of_codes_stand_verbatim():
    limit = float(CODE_LIMIT)
    codes, _ = check_column(np.array([limit, -limit, limit / 2]), Step(1.0), EXACT)
    assert codes.codes.tolist() == [SPECIAL, SPECIAL, CODE_LIMIT // 2]


def test_booleans_keep_their_bits():
    values = np.array([True, False, True])
    assert check_column(values, Integers(), EXACT)[0].codes.tolist() == [1, 0, 1]


def adequate_grids(bound):
    """The grids that `choose_grid` would try under a bound, for any dtype."""
    if bound.kind == "abs":
        return [Step(2 * bound.size)]
    if bound.relative:
        relative = bound.relative / (1 + bound.relative)
        return [Logarithmic(relative, bound.floor * (relative / bound.relative)), Pattern(3)]
    return [Pattern(), Pattern(3), Decimal(3), Significant(4, -8), Step(0.25)]


@pytest.mark.parametrize("text", ["exact", "abs", "rel", "rel floor", "bits", "bits floor"])
def test_all_patterns_of_float16(text):
    kind, _, floor = text.partition(" ")
    size = {"exact": 0.0, "abs": 0.01, "rel": 0.003, "bits": 4.0}[kind]
    bound = Bound(kind, size, 0.001 if floor else 0.0)
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    for grid in adequate_grids(bound):
        codes, restored = check_column(values, grid, bound)
        lost = ~np.isfinite(values)
        assert same_bits(values[lost], restored[lost]).all()
        if kind != "exact" and not isinstance(grid, Pattern):
            n_special = np.count_nonzero(is_special(codes.codes))
            # NaN payloads, and where float16 is coarser than the bound.
            assert n_special < 0.75 * len(values)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bound", [Bound("abs", 1e-3), Bound("rel", 0.9), Bound("rel", 0.1, 1e-3), Bound("bits", 0)])
def test_the_ends_of_a_dtype(dtype, bound):
    limits = np.finfo(dtype)
    ends = [limits.max, limits.smallest_normal, limits.smallest_subnormal, np.nextafter(limits.max, dtype.type(0))]
    values = np.array([*ends, *(-end for end in ends), 0.0, -0.0], dtype)
    for grid in adequate_grids(bound):
        _, restored = check_column(values, grid, bound)
        assert np.isfinite(restored).all()
        if bound.kind == "rel" and not bound.floor:
            assert np.array_equal(restored == 0, values == 0)


@pytest.mark.parametrize("dtype", ["i8", "u8"])
@pytest.mark.parametrize("bound", [Bound("abs", 3.9), Bound("rel", 1e-3), Bound("abs", 1e25), Bound("bits", 40)])
def test_the_ends_of_integers(dtype, bound):
    limits = np.iinfo(dtype)
    values = np.array([limits.min, limits.min + 1, limits.max - 1, limits.max, 0, 1, 2**53 + 1, 2**62 + 5], dtype)
    for grid in (Integers(), Step(7.0), Step(2.0**60), Logarithmic(2.0**-12)):
        check_column(values, grid, bound)


@pytest.mark.parametrize("dtype", FLOATS)
def test_specials(dtype):
    values = np.array([1.0, np.nan, np.inf, -np.inf, -0.0, 0.1, 0.0], dtype)
    codes, restored = check_column(values, Step(0.5), EXACT)
    assert codes.codes.tolist() == [2, SPECIAL + 1, SPECIAL + 2, SPECIAL + 3, SPECIAL + 4, SPECIAL, 0]
    assert codes.verbatim.tolist() == bits_of(values[5:6]).tolist()
    assert same_bits(values, restored).all()
    payload = (values[1:2].view(f"u{dtype.itemsize}") | 1).view(dtype)
    codes, restored = check_column(np.concatenate([payload, -payload]), Step(0.5), Bound("abs", 0.25))
    assert codes.codes.tolist() == [SPECIAL, SPECIAL]
    assert same_bits(payload, restored[:1]).all()


# Codes that a change of the grids must not change: archives and codecs of all machines agree on them.
LITERALS = {
    Logarithmic(2.0**-6): [0, 0, 22411, 24550, -24703, 24741, 24939, -27646, SPECIAL + 2],
    Logarithmic(2.0**-6, 2.0**-10): [0, 0, 0, 5, -124, 162, 360, -3067, SPECIAL + 2],
    Pattern(18): [0, -1, 873, 3849, -4065, 4114, 4391, -8160, SPECIAL + 2],
    Step(2.0**-9): [0, 0, 0, 5, -512, 1608, 632064, SPECIAL, SPECIAL + 2],
    Significant(3, -3): [0, 0, 0, 10, -1000, 1214, 3723, -35440, SPECIAL + 2],
}


@pytest.mark.parametrize(("grid", "codes"), LITERALS.items())
def test_codes_for_ever(grid, codes):
    values = np.array([0.0, -0.0, 1e-30, 0.01, -1.0, math.pi, 1234.5, -3.4e38, math.inf], np.float32)
    assert quantise_column(values, grid, Bound("bits", 4.0, 1e-3)).codes.tolist() == codes


@pytest.mark.parametrize(
    ("codes", "verbatim", "grid", "dtype", "message"),
    [
        ([SPECIAL], [], Step(1.0), "f4", "0 verbatim values for 1"),
        ([0], [7], Step(1.0), "f4", "1 verbatim values for 0"),
        ([0], [7], Integers(), "i4", "1 verbatim values for 0"),
        ([SPECIAL], [1 << 32], Step(1.0), "f4", "does not fit into float32"),
        ([SPECIAL], [1 << 8], Step(1.0), "u1", "does not fit into uint8"),
        ([SPECIAL + 2], [], Step(1.0), "i4", "does not exist for int32"),
        ([SPECIAL + 5], [], Step(1.0), "f4", "beyond those of a grid"),
        ([CODE_LIMIT], [], Step(1.0), "f4", "beyond those of a grid"),
        ([-CODE_LIMIT], [], Logarithmic(0.1), "f4", "beyond those of a grid"),
    ],
)
def test_codes_that_are_none(codes, verbatim, grid, dtype, message):
    with pytest.raises(ValueError, match=message):
        dequantise_column(np.array(codes), np.array(verbatim, np.uint64), grid, np.dtype(dtype))


@given(st.sampled_from([*FLOATS, *INTEGERS]), number_grids, npst.arrays(np.int64, 9, elements=ANY_CODE))
def test_any_code_within_the_limit_has_a_value(dtype, grid, codes):
    values = dequantise_column(np.clip(codes, -CODE_LIMIT + 1, CODE_LIMIT - 1), NONE, grid, dtype)
    assert (values.dtype, values.shape) == (dtype, (9,))
    beyond = np.where(codes > 0, np.maximum(codes, CODE_LIMIT), CODE_LIMIT)
    with pytest.raises(ValueError, match="beyond those of a grid"):
        dequantise_column(beyond, NONE, grid, dtype)


@settings(max_examples=500)
@given(st.data(), st.sampled_from([*FLOATS, *INTEGERS]), npst.arrays(np.float64, 9, elements=ANY_FLOAT))
def test_any_prediction_has_a_code(data, dtype, predictions):
    everything = Pattern() if dtype.kind == "f" else Integers()
    grid = data.draw(st.one_of(st.just(everything), float_grids if dtype.kind == "f" else number_grids))
    codes = predicted_codes(predictions, grid, dtype)
    assert codes.dtype == np.int64
    if not grid.holds_everything:
        assert np.all(abs(codes) <= CODE_LIMIT)
    as_zero = predicted_codes(np.where(np.isnan(predictions), 0.0, predictions), grid, dtype)
    assert np.array_equal(codes, as_zero)


@given(st.sampled_from(FLOATS), float_grids)
def test_a_right_prediction_has_the_code_of_its_value(dtype, grid):
    values = np.random.default_rng(0).normal(0, 50, 100).astype(dtype)
    assert np.array_equal(predicted_codes(values.astype(np.float64), grid, dtype), grid.quantise(values))


def test_predictions_beyond_everything():
    far = np.array([np.nan, np.inf, -np.inf, 1e308, -1e308])
    limits = np.iinfo(np.int16)
    assert predicted_codes(far, Integers(), np.dtype("i2")).tolist() == [
        0,
        limits.max,
        limits.min,
        limits.max,
        limits.min,
    ]
    assert predicted_codes(far, Integers(), np.dtype("u8"))[[0, 2]].tolist() == [0, 0]
    assert predicted_codes(far, Step(1e-9), np.dtype("f8")).tolist() == [0, *([CODE_LIMIT, -CODE_LIMIT] * 2)]
    assert predicted_codes(far, Pattern(), np.dtype("f4")).tolist() == [0, *([0x7F7FFFFF, ~0x7F7FFFFF] * 2)]
