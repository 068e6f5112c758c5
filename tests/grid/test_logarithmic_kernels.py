"""The compiled logarithmic grid against one of NumPy, operation by operation, and against its own without loops."""

import math
from contextlib import contextmanager
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.grid import logarithmic, numbers
from baler_vae.grid.codes import dequantise_column, quantise_column
from baler_vae.grid.logarithmic import LEAST_RELATIVE, SEGMENTS, Logarithmic
from baler_vae.grid.numbers import LEAST_COMPILED
from baler_vae.table.bounds import Bound, bound_of_text


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    """Compiled loops also for a few rows."""
    monkeypatch.setattr(numbers, "LEAST_COMPILED", 0)
    monkeypatch.setattr(numbers, "kernels_pay", lambda *_: True)


POWERS = np.array([*(math.ldexp(1.0, exponent) for exponent in range(-1074, 1024)), math.inf])
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = npst.arrays(np.float64, st.integers(1, 40), elements=FINITE | st.floats(-1e3, 1e3))
CODES = npst.arrays(np.int64, st.integers(1, 40), elements=st.integers(-(2**62), 2**62) | st.integers(-99_999, 99_999))


@st.composite
def logarithmic_grids(draw):
    relative = draw(st.floats(LEAST_RELATIVE, 0.9) | st.integers(1, 50).map(lambda n: 2.0**-n))
    floor = draw(st.just(0.0) | st.floats(1e-250, 1e250))
    return Logarithmic(relative, floor)


class Reference:
    """What the grid is, with arrays of NumPy and without tables."""

    def __init__(self, grid):
        ideal = [0.5 / (grid.relative * (SEGMENTS + segment)) for segment in range(SEGMENTS)]
        *_, total = accumulate(ideal)
        self.n_steps = math.ceil(total)
        self.widths = np.array([width * (self.n_steps / total) for width in ideal])
        self.starts = np.array(list(accumulate(self.widths.tolist()[:-1], initial=0.0)))
        self.floor, self.threshold, self.n_linear, self.exponent, self.base, self.fraction = (
            grid.floor,
            0,
            0,
            -1074,
            1,
            0,
        )
        if grid.floor:
            self.threshold, self.n_linear = grid.floor / grid.relative, math.floor(0.5 / grid.relative)
            mantissa, exponent = math.frexp(self.threshold)
            self.exponent = exponent - 1
            place = (2 * mantissa - 1) * SEGMENTS
            offset = self.starts[int(place)] + (place - int(place)) * self.widths[int(place)]
            self.base = math.floor(0.5 / grid.relative - offset)
            self.fraction = 0.5 / grid.relative - offset - self.base

    def quantise(self, values):
        size = np.abs(values)
        mantissas, exponents = np.frexp(size)
        place = (2 * mantissas - 1) * SEGMENTS
        segment = np.where(size == 0, 0, np.minimum(place, SEGMENTS - 1)).astype(np.int64)
        within = self.starts[segment] + (place - segment) * self.widths[segment]
        octaves = exponents.astype(np.int64) - 1 - self.exponent
        codes = octaves * self.n_steps + self.base + np.rint(within + self.fraction).astype(np.int64)
        linear = size <= self.threshold
        codes[linear] = np.rint(size[linear] / (2 * self.floor)).astype(np.int64) if self.floor else 0
        return np.where(values < 0, -codes, codes)

    def dequantise(self, codes):
        count = np.abs(codes)
        octaves, steps = np.divmod(count - self.base, self.n_steps)
        within = steps - self.fraction
        borrows = within < 0
        within[borrows] += self.n_steps
        segment = np.searchsorted(self.starts, within, side="right") - 1
        mantissas = 1 + (segment + (within - self.starts[segment]) / self.widths[segment]) / SEGMENTS
        mantissas = np.where(borrows, 0.5 * mantissas, mantissas)
        with np.errstate(over="ignore"):
            size = mantissas * POWERS[np.clip(octaves + self.exponent + 1074, 0, len(POWERS) - 1)]
            size = np.where(count <= self.n_linear, count * (2 * self.floor), size)
        return np.where(codes < 0, -size, size)


@given(logarithmic_grids(), NUMBERS)
@example(Logarithmic(2.0**-11), np.array([0.0, -0.0, 5e-324, 2.0**-1022, np.nextafter(2.0**-1022, 0), 1.7e308]))
@example(Logarithmic(0.25, 2.0), np.array([8.0, np.nextafter(8.0, 0), np.nextafter(8.0, 9), 2.0, 4.0, 6.0]))
def test_codes_are_those_of_numpy(grid, values):
    assert np.array_equal(grid.quantise(values), Reference(grid).quantise(values))


@given(logarithmic_grids(), CODES)
def test_numbers_are_those_of_numpy(grid, codes):
    found = grid.dequantise(codes, np.dtype(np.float64))
    assert found.tobytes() == Reference(grid).dequantise(codes).tobytes()


@contextmanager
def arrays_only():
    """A context without compiled loops."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(logarithmic, "is_compiled", lambda *_: False)
        yield


def same_without_compiled_loops(values, grid, bound):
    """What a grid finds for values, after operations on arrays found the same bits."""
    found = quantise_column(values, grid, bound)
    with arrays_only():
        expected = quantise_column(values, grid, bound)
    assert np.array_equal(found.codes, expected.codes)
    assert found.restored.tobytes() == expected.restored.tobytes()
    assert np.array_equal(found.verbatim, expected.verbatim)
    return found


VALUES = npst.arrays(
    st.sampled_from(["f4", "f8"]),
    st.integers(1, 60),
    elements=st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.5, -3.0, 100.0]),
)


@pytest.mark.parametrize("floor", [0.0, 0.125])
@given(VALUES, st.integers(1, 24), st.floats(0.5, 4))
def test_settling_at_once_is_settling_step_by_step(floor, values, bits, factor):
    """Also where the grid is too coarse for the bound, or fits it exactly, so that sums tie."""
    bound = Bound("bits", bits, floor)
    grid = Logarithmic(min(factor * bound.relative, 0.9), floor)
    with np.errstate(all="ignore"):
        same_without_compiled_loops(values, grid, bound)


ODD = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-40, 5e-324, 3.4e38, 1.0, -1.0, 0.01, 1.7e308, 2.2e-308]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@given(
    seed=st.integers(0, 2**32 - 1),
    exponents=st.sampled_from([(-3, 3), (-30, 30), (-300, 300)]),
    bits=st.integers(4, 14),
    floor=st.sampled_from([0.0, 1e-3, 2.0]),
    n_odd=st.integers(0, 200),
)
def test_as_many_rows_as_are_compiled_for_give_the_same(dtype, seed, exponents, bits, floor, n_odd):
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        values = (rng.normal(size=LEAST_COMPILED) * 10.0 ** rng.uniform(*exponents, LEAST_COMPILED)).astype(dtype)
        values[rng.integers(0, len(values), n_odd)] = rng.choice(ODD, n_odd).astype(dtype)
    grid = Logarithmic(2.0 ** -(bits + 1) * 0.999, floor * 2.0 ** -(bits + 1) if floor else 0.0)
    bound = bound_of_text(f"bits:{bits}" + (f",floor:{floor * 2.0 ** -(bits + 1)}" if floor else ""))
    values.flags.writeable = bool(seed % 2)
    finite = np.where(np.isfinite(values), values, 0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(numbers, "LEAST_COMPILED", LEAST_COMPILED)
        found = same_without_compiled_loops(values, grid, bound)
        back = dequantise_column(found.codes, found.verbatim, grid, values.dtype)
        codes = grid.quantise(finite)
    assert found.restored.tobytes() == back.tobytes()
    with arrays_only():
        assert np.array_equal(codes, grid.quantise(finite))
