"""The grid of a column: what its numbers were once rounded to, or steps as wide as the bound allows."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.grid.choose import SAMPLE, choose_grid
from baler_vae.grid.codes import quantise_column
from baler_vae.grid.decimal import Decimal, Significant
from baler_vae.grid.grids import Integers, Pattern, Step, grid_of, grid_parameters
from baler_vae.grid.judge import keeps_bound
from baler_vae.grid.lattice import find_step
from baler_vae.grid.logarithmic import Logarithmic
from baler_vae.table.bounds import EXACT, Bound, column_limits, resolve_bound
from baler_vae.table.schema import Column

RNG = np.random.default_rng(7)
F4, F8 = np.dtype(np.float32), np.dtype(np.float64)
MASSES = RNG.lognormal(3, 1.5, 30_000) * RNG.choice([-1, 1], 30_000)


def spread(codes):
    """About the bits of codes whose distance from the median has a size, and is flat within it; verbatim ones full."""
    distance = np.abs(codes.codes.astype(np.float64) - float(np.median(codes.codes)))
    sizes = np.ceil(np.log2(distance + 1))
    _, counts = np.unique(sizes, return_counts=True)
    return float(sizes.sum() - np.sum(counts * np.log2(counts / counts.sum()))) + 64 * len(codes.verbatim)


def chosen(values, bound=EXACT):
    grid = choose_grid(values, bound, cost=spread)
    restored = quantise_column(values, grid, bound).restored
    assert keeps_bound(values, restored, bound).all()
    assert choose_grid(values, bound, cost=spread) == grid
    assert grid_of(grid.kind, json.loads(json.dumps(grid_parameters(grid)))) == grid
    return grid


def as_text(values, form, dtype):
    return np.array([float(form % value) for value in values.tolist()], dtype)


@pytest.mark.parametrize("dtype", [F4, F8])
@pytest.mark.parametrize("digits", [3, 5, 6])
def test_significant_digits_are_found(dtype, digits):
    grid = chosen(as_text(MASSES, f"%.{digits}g", dtype))
    assert isinstance(grid, Significant)
    assert grid.digits == digits


@pytest.mark.parametrize("dtype", [F4, F8])
@pytest.mark.parametrize("digits", [0, 1, 3])
def test_decimals_are_found(dtype, digits):
    grid = chosen(as_text(RNG.normal(50, 100, 5000), f"%.{digits}f", dtype))
    assert grid in ({Decimal(0), Step(1.0)} if digits == 0 else {Decimal(digits)})


@pytest.mark.parametrize("step", [0.25, 5.0, 2.0**-10, 1 / 3, 0.0244140625, 1 / 4096, 0.37])
@pytest.mark.parametrize("dtype", [F4, F8])
def test_steps_are_found(step, dtype):
    values = (RNG.poisson(300, 25_000) * dtype.type(step)).astype(dtype)
    values[:40] = -300 * np.pi
    grid = chosen(values)
    if isinstance(grid, Decimal):
        assert step == 0.37
    else:
        assert isinstance(grid, Step)
        assert grid.step == pytest.approx(step, rel=1e-6)


def test_narrow_floats_in_wide_clothes():
    assert chosen(MASSES.astype(F4).astype(F8)) == Pattern(29)
    assert chosen(MASSES.astype(np.float16).astype(F4)) == Pattern(13)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_floats_of_all_bits_stay_patterns(dtype):
    assert chosen(MASSES.astype(dtype)) == Pattern()


@pytest.mark.parametrize("dtype", [F4, F8])
def test_bounds_have_their_steps(dtype):
    values = MASSES.astype(dtype)
    absolute = chosen(values, Bound("abs", 0.01))
    assert isinstance(absolute, Step)
    assert absolute.step == pytest.approx(0.02, rel=0.01)
    relative = chosen(values, Bound("bits", 10.0, 0.5))
    assert isinstance(relative, Logarithmic)
    assert relative.relative == pytest.approx(2.0**-11, rel=1e-3)
    assert relative.floor == pytest.approx(0.5, rel=1e-3)


def test_bounds_near_the_resolution_of_the_dtype():
    values = MASSES.astype(F4)
    assert isinstance(chosen(values, Bound("bits", 22.0)), Pattern)
    assert chosen(values, Bound("bits", 23.0)) == Pattern()
    tight = Bound("abs", 1e-5)
    codes = quantise_column(values, chosen(values, tight), tight)
    assert spread(codes) < spread(quantise_column(values, Pattern(), tight))


@pytest.mark.parametrize("size", [3.5e-4, 5.9e-4, 8.3e-4, 1.8e-3])
def test_steps_leave_room_for_rounding(size):
    values, bound = np.random.default_rng(1).uniform(-8000, 8000, 5000).astype(F4), Bound("abs", size)
    wide, narrow = (quantise_column(values, grid, bound) for grid in (Step(2 * size), chosen(values, bound)))
    assert len(wide.verbatim) > 30
    assert len(narrow.verbatim) == 0
    assert spread(narrow) < spread(wide)


def test_the_best_of_a_sample_are_judged_on_all_rows():
    def perverse(codes):
        return spread(codes) if len(codes.codes) <= SAMPLE else -spread(codes)

    values = as_text(MASSES, "%.3g", F4)
    assert len(values) > SAMPLE
    cheapest, dearest = (choose_grid(values, EXACT, cost=cost) for cost in (spread, perverse))
    assert perverse(quantise_column(values, dearest, EXACT)) < perverse(quantise_column(values, cheapest, EXACT))


def test_an_exact_grid_may_beat_a_bound():
    values = np.round(RNG.normal(0, 3, 5000)).astype(F4)
    assert isinstance(chosen(values, Bound("bits", 12.0)), Decimal | Step)
    assert chosen(values, Bound("abs", 1.0)) == Step(3.0)


def test_integers():
    values = RNG.poisson(1000, 25_000)
    assert chosen(values) == Integers()
    assert chosen(values > 1000) == Integers()
    assert chosen(25 * values) == Step(25.0)
    assert chosen(values, Bound("abs", 3.5)) == Step(7.0)
    assert chosen(values, Bound("abs", 0.5)) == Integers()
    assert isinstance(chosen(values**4, Bound("rel", 1e-3)), Logarithmic)


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("bound", [EXACT, Bound("abs", 0.1), Bound("abs", 1e300), Bound("bits", 12.0, 1e-3)])
def test_columns_of_hardly_anything(dtype, bound):
    chosen(np.empty(0, dtype), bound)
    chosen(np.zeros(3, dtype), bound)
    chosen(np.ones(1, dtype), bound)
    if np.dtype(dtype).kind == "f":
        chosen(np.array([np.nan, np.inf], dtype), bound)
        chosen(np.array([np.nan, -0.0, 5, 1e4], dtype), bound)


BOUNDS = [EXACT, *(Bound("abs", size) for size in (1e-3, 1e30, 1.7e308)), Bound("rel", 0.1), Bound("bits", 9.0, 1e-6)]
patterns = npst.arrays(np.uint64, st.integers(1, 40), elements=npst.from_dtype(np.dtype(np.uint64)))


@settings(max_examples=300)
@given(patterns, st.sampled_from(["f2", "f4", "f8", "i2", "u8"]), st.sampled_from(BOUNDS))
def test_any_column_has_a_grid(bits, dtype, bound):
    dtype = np.dtype(dtype)
    chosen(bits.astype(f"u{dtype.itemsize}").view(dtype), bound)


@settings(max_examples=300)
@given(npst.arrays(F8, st.integers(0, 40), elements=st.floats(5e-324, 1.7e308)))
def test_any_sizes_have_a_step_or_none(sizes):
    step = find_step(sizes, F8)
    assert step is None or 0 < step < np.inf


def test_real_columns(data_dir):
    h5py, pandas = pytest.importorskip("h5py"), pytest.importorskip("pandas")
    with h5py.File(data_dir / "dimuons_100k.hdf5") as file:
        px = file["muons/px"][:]
    assert isinstance(chosen(px), Significant)
    assert chosen(px).digits == 6
    masses = pandas.read_csv(data_dir / "Zmumu_Run2011A_masses.csv")["M"].to_numpy()
    assert chosen(masses).digits == 6
    flow = np.load(data_dir / "CFD_animation.npz")["data"].ravel()
    assert chosen(flow) == Pattern(29)
    for values in (px, masses, flow):
        bound = resolve_bound(None, Column("x", values.dtype), column_limits(values))
        assert isinstance(chosen(values, bound), Logarithmic)
