"""Dithered grids: cells shifted by a hash, errors without any pattern, bounds kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.fitting.rows import code_bits
from baler_vae.grid.choose import choose_grid
from baler_vae.grid.codes import dequantise_column, is_special, predicted_codes, quantise_column
from baler_vae.grid.decimal import Decimal
from baler_vae.grid.dither import DitheredLogarithmic, DitheredStep, dither_of, key_of
from baler_vae.grid.grids import check_grid, code_limit, describe_grid, grid_at, grid_of, grid_parameters, is_dithered
from baler_vae.grid.judge import keeps_bound
from baler_vae.grid.numbers import same_bits
from baler_vae.table.bounds import Bound, bound_of_text
from tests.strategies import bounds as any_bounds
from tests.strategies import dithered_grids

FLOATS = [np.dtype(name) for name in ("f2", "f4", "f8")]
NONE = np.empty(0, np.uint64)
N_ROWS = 40_000
BOUNDS = ("bits:10", "bits:10,floor:0.5", "rel:1e-3", "abs:0.05")


def test_the_hash_is_that_of_the_paper():
    """The first numbers of SplitMix64 with seed 1234567, as published with its reference code."""
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    for parts in (3, 1023, 65_535):
        expected = [(number >> 32) * parts >> 32 for number in known]
        assert dither_of(1234567, np.arange(5), parts).tolist() == expected
    assert dither_of(1234567, np.array([4, 1, 1]), 1023).tolist() == [909, 177, 177]
    assert key_of("Jet_pt") == 0x13144AA2070F
    assert 0 <= key_of("\udc80") < 1 << 48


def test_the_hash_is_uniform_and_no_neighbour_of_itself():
    for key in (0, key_of("Jet_pt")):
        drawn = dither_of(key, np.arange(N_ROWS), 64)
        counts = np.bincount(drawn, minlength=64)
        assert np.sum((counts - N_ROWS / 64) ** 2) / (N_ROWS / 64) < 120  # of 63 degrees of freedom: p = 2e-5
        others = (dither_of(key, np.arange(1, N_ROWS + 1), 64), dither_of(key + 1, np.arange(N_ROWS), 64))
        assert max(abs(np.corrcoef(drawn, other)[0, 1]) for other in others) < 4.5 / np.sqrt(N_ROWS)


def independent(code, offset, grid):
    """The value of a code as a reader in plain Python would have it."""
    if code == 0:
        return 0.0
    place = max(1, abs(code) * grid.parts - offset - (grid.parts - 1) // 2)
    return float(np.copysign(place * grid.step, code))


@given(st.lists(st.integers(-(10**6), 10**6), max_size=9), st.integers(0, (1 << 48) - 1), st.sampled_from([3, 7, 1023]))
def test_codes_mean_what_the_format_says(codes, key, parts):
    grid = DitheredStep(0.25, parts, key)
    offsets = dither_of(key, np.arange(len(codes)), parts)
    back = dequantise_column(np.array(codes, np.int64), NONE, grid, np.dtype("f8"))
    assert back.tolist() == [independent(*pair, grid) for pair in zip(codes, offsets.tolist(), strict=True)]
    assert grid_at(grid, None, len(codes)).quantise(back).tolist() == codes


@settings(max_examples=200)
@given(
    st.data(),
    st.sampled_from(FLOATS),
    dithered_grids,
    any_bounds(st.floats(1e-30, 1e30), st.floats(1e-17, 0.9), dither=True),
)
def test_floats_keep_their_bound_in_any_rows(data, dtype, grid, bound):
    """Nothing is lost, zero and signs remain, restored values have their codes again, and some rows those of all."""
    unsigned = np.dtype(f"u{dtype.itemsize}")
    size = data.draw(st.integers(0, 12))
    drawn = st.one_of(
        npst.arrays(unsigned, size, elements=npst.from_dtype(unsigned)).map(lambda bits: bits.view(dtype)),
        npst.arrays(dtype, size, elements=npst.from_dtype(dtype)),
    )
    values = data.draw(drawn)
    rows = data.draw(npst.arrays(np.int64, size, elements=st.integers(0, 1 << 40)))
    coded = quantise_column(values, grid, bound, rows)
    back = dequantise_column(coded.codes, coded.verbatim, grid, dtype, rows)
    assert same_bits(back, coded.restored).all()
    assert keeps_bound(values, back, bound).all()
    number = ~np.isnan(values)
    assert not np.any(np.sign(values[number]) * np.sign(back[number]) < 0)
    again = quantise_column(back, grid, bound, rows)
    assert (again.codes.tolist(), again.verbatim.tolist()) == (coded.codes.tolist(), coded.verbatim.tolist())
    assert np.all(np.abs(coded.codes[~is_special(coded.codes)]) < code_limit(grid))
    chosen = np.flatnonzero(data.draw(npst.arrays(np.bool_, size)))
    some, only = quantise_column(values[chosen], grid, bound, rows[chosen]), coded.only(chosen)
    assert (some.codes.tolist(), some.verbatim.tolist()) == (only.codes.tolist(), only.verbatim.tolist())
    numbers = np.where(number, values, 0).astype(float)
    assert np.all(np.abs(predicted_codes(numbers, grid, dtype, rows)) <= code_limit(grid) + 2)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("text", BOUNDS)
def test_errors_are_uniform_and_know_nothing_of_the_value(dtype, text):
    values = np.random.default_rng(3).normal(91, 6, N_ROWS).astype(dtype)
    bound = bound_of_text(f"{text},dither")
    grid = choose_grid(values, bound, cost=code_bits, key=key_of("m"))
    assert is_dithered(grid)
    coded = quantise_column(values, grid, bound)
    assert not len(coded.verbatim)
    allowed = np.maximum(bound.relative * np.abs(values.astype(float)), bound.absolute)
    units = (coded.restored.astype(float) - values) / allowed
    expected = N_ROWS / 40
    # Logarithmic steps are narrower at the end of each of 1,024 parts of an octave, by 0.1 %.
    counts = np.histogram(units, 40, (-1, 1))[0]
    assert np.sum((counts - expected) ** 2) / expected < 90  # of 39 degrees of freedom: p = 6e-6
    still = choose_grid(values, bound_of_text(text), cost=code_bits)
    unmoved = quantise_column(values, still, bound_of_text(text))
    within = (unmoved.restored.astype(float) - values) / allowed  # the error on a grid that stands still
    for known in (values.astype(float), within, np.append(units[1:], 0)):
        assert abs(np.corrcoef(units, known)[0, 1]) < 4.5 / np.sqrt(N_ROWS)
    assert code_bits(coded) < 1.005 * code_bits(unmoved)


def test_a_histogram_has_no_comb():
    """Bins of 3.7 cells: those of a grid that stands still hold 3 or 4 of its values, by turns."""
    values = np.random.default_rng(1).uniform(100, 200, 200_000).astype(np.float32)
    edges = np.arange(110, 190, 3.7 * 0.02)
    before = np.histogram(values, edges)[0]

    def chi2(bound):
        grid = choose_grid(values, bound, cost=code_bits)
        after = np.histogram(quantise_column(values, grid, bound).restored, edges)[0]
        return float(np.sum((after - before) ** 2 / before)) / len(before)

    assert chi2(Bound("abs", 0.01)) > 3 * chi2(Bound("abs", 0.01, dither=True))


def test_what_is_exact_anyway_stays_exact():
    values = np.random.default_rng(2).choice([0.0, 0.5, 12.25, -3.0], 2_000).astype(np.float32)
    bound = Bound("abs", 0.01, dither=True)
    grid = choose_grid(values, bound, cost=code_bits)
    assert not is_dithered(grid)
    odd = np.append(values, np.float32(0.004))
    assert same_bits(quantise_column(odd, grid, bound).restored, odd).all()
    assert quantise_column(np.array([0.5, 0.504]), Decimal(1), bound).restored.tolist() == [0.5, 0.504]


@given(dithered_grids)
def test_a_grid_comes_back_from_its_numbers(grid):
    assert grid_of(grid.kind, grid_parameters(grid)) == grid
    assert describe_grid(grid).startswith("dithered ")
    with pytest.raises(ValueError, match=r"a grid 'dithered-\w+' for int32"):
        check_grid(grid, np.dtype(np.int32))


@pytest.mark.parametrize(
    "wrong",
    [
        {"parts": 1},
        {"parts": 4},
        {"parts": 65_537},
        {"parts": -3},
        {"key": -1},
        {"key": 1 << 48},
        {"key": 0.5},
        {"step": 0.0},
        {"parts": 3.0},
        {"step": None},
    ],
)
def test_grids_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="grid"):
        grid_of("dithered-step", {"step": 0.1, "parts": 3, "key": 5} | wrong)


@pytest.mark.parametrize("code", [(1 << 61) // 7, -(1 << 61) // 7, 1 << 62])
def test_codes_beyond_a_grid_are_refused(code):
    with pytest.raises(ValueError, match="beyond those of a grid"):
        dequantise_column(np.array([code]), NONE, DitheredStep(1.0, 7, 0), np.dtype("f8"))
    largest = np.array([(1 << 61) // 7 - 1])
    for grid in (DitheredStep(1e300, 7, 0), DitheredLogarithmic(2.0**-50, 0.0, 7, 0)):
        assert not np.isnan(dequantise_column(largest, NONE, grid, np.dtype("f8"))).any()
