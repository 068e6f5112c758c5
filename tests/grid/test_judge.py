"""Verdicts on bounds against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.grid.judge import in_units_of_bound, keeps_bound
from baler_vae.table.bounds import EXACT, FREE, Bound
from tests.strategies import bounds as any_bounds

FLOATS = [np.dtype(name) for name in ("f2", "f4", "f8")]
INTEGERS = [np.dtype(name) for name in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")]
PATTERNS = {2: np.uint16, 4: np.uint32, 8: np.uint64}

sizes = st.one_of(
    st.floats(5e-324, 1e300),
    st.integers(-60, 60).map(lambda k: 2.0**k),
    st.sampled_from([0.1, 0.01, 1.0, 2.0**-11, 2.0**-24, 3.0, 1e19, 2.0**63]),
)
relatives = st.one_of(st.floats(2.0**-60, 0.99), st.integers(1, 53).map(lambda k: 2.0**-k), st.just(0.1))
bounds = any_bounds(sizes, relatives)


def truly_kept(x, y, bound):
    x, y = Fraction(x.item()), Fraction(y.item())
    return abs(y - x) <= max(Fraction(bound.relative) * abs(x), Fraction(bound.absolute))


def naively_kept(x, y, bound):
    with np.errstate(all="ignore"):
        x, y = np.float64(x), np.float64(y)
        return bool(abs(y - x) <= max(bound.relative * abs(x), bound.absolute))


def check_finite(x, y, bound):
    kept = keeps_bound(x, y, bound)
    units = in_units_of_bound(x, y, bound)
    assert kept.dtype == bool
    for row in range(len(x)):
        same = x[row].tobytes() == y[row].tobytes()
        truth = same or (bound != EXACT and truly_kept(x[row], y[row], bound))
        assert kept[row] == truth, (x[row], y[row], bound)
        assert (units[row] < 1 + 1e-9) >= truth
        assert (units[row] > 1 - 1e-9) >= (not truth)
        if kept[row] and x.dtype.kind == "f":
            assert naively_kept(x[row], y[row], bound)


@settings(max_examples=600)
@given(st.sampled_from(FLOATS), st.data(), bounds)
def test_floats_are_judged_as_fractions_are(dtype, data, bound):
    width = 8 * dtype.itemsize
    values = st.floats(allow_nan=False, allow_infinity=False, width=width)
    x = data.draw(npst.arrays(dtype, st.integers(1, 6), elements=values))
    # Just about as far as the bound allows, and a few steps of the dtype around it.
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        y = (
            wide + data.draw(st.sampled_from([1, -1])) * np.maximum(bound.relative * abs(wide), bound.absolute)
        ).astype(dtype)
        for _ in range(data.draw(st.integers(0, 3))):
            y = np.nextafter(y, dtype.type(data.draw(st.sampled_from([np.inf, -np.inf]))))
    check_finite(x, np.where(np.isfinite(y), y, dtype.type(0)), bound)


@settings(max_examples=600)
@given(st.sampled_from(INTEGERS), st.data(), bounds)
def test_integers_are_judged_as_fractions_are(dtype, data, bound):
    x = data.draw(npst.arrays(dtype, st.integers(1, 6), elements=npst.from_dtype(dtype)))
    y = data.draw(npst.arrays(dtype, len(x), elements=npst.from_dtype(dtype)))
    if dtype.kind != "b" and data.draw(st.booleans()):
        limits = np.iinfo(dtype)
        nudge = data.draw(st.integers(-2, 2))
        allowed = [int(max(Fraction(bound.relative) * abs(int(v)), Fraction(bound.absolute))) + nudge for v in x]
        y = np.array([min(limits.max, max(limits.min, int(v) + d)) for v, d in zip(x, allowed, strict=True)], dtype)
    check_finite(x, y, bound)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bound", [EXACT, Bound("abs", 1e300), Bound("rel", 0.9, 1e300), Bound("bits", 3.0)])
def test_what_is_not_finite_comes_back_with_its_bits(dtype, bound):
    pattern = PATTERNS[dtype.itemsize]
    nan = np.array([np.nan, -np.nan], dtype)
    payload = (nan.view(pattern) | pattern(5)).view(dtype)
    x = np.concatenate([nan, payload, np.array([np.inf, -np.inf, 1, np.inf, np.nan, 1], dtype)])
    y = np.concatenate([nan, payload, np.array([np.inf, -np.inf, np.inf, 1, 1, np.nan], dtype)])
    assert keeps_bound(x, y, bound).tolist() == [True] * 6 + [False] * 4
    assert in_units_of_bound(x, y, bound).tolist() == [0] * 6 + [np.inf] * 4
    assert not keeps_bound(payload, nan, bound).any()
    assert keeps_bound(x, y, FREE).all()
    assert not in_units_of_bound(x, y, FREE).any()


def test_signs_of_zero():
    x, y = np.array([0.0, -0.0]), np.array([-0.0, 0.0])
    assert not keeps_bound(x, y, EXACT).any()
    assert np.isinf(in_units_of_bound(x, y, EXACT)).all()
    for bound in (Bound("abs", 1.0), Bound("rel", 0.1), Bound("bits", 3.0, 1.0)):
        assert keeps_bound(x, y, bound).all()
        assert not in_units_of_bound(x, y, bound).any()


def test_the_largest_differences():
    largest = float(np.finfo(np.float64).max)
    assert not keeps_bound(np.array([-largest]), np.array([largest]), Bound("abs", largest)).any()
    low, high = np.array([-(2**63)]), np.array([2**63 - 1])
    assert keeps_bound(low, high, Bound("abs", 2.0**64)).all()
    assert not keeps_bound(low, high, Bound("abs", 2.0**63)).any()


def test_units_of_a_bound():
    x = np.array([1.0, 10.0, 0.0, 0.0])
    y = np.array([1.25, 12.5, 0.25, 1e-9])
    assert in_units_of_bound(x, y, Bound("abs", 0.5)).tolist() == [0.5, 5, 0.5, 2e-9]
    assert in_units_of_bound(x, y, Bound("rel", 0.5)).tolist() == [0.5, 0.5, np.inf, np.inf]
    assert in_units_of_bound(x, y, Bound("rel", 0.5, 1.0)).tolist() == [0.25, 0.5, 0.25, 1e-9]
