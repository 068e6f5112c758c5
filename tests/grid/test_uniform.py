"""Multiples of a step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.grid.uniform import UniformGrid

STEPS = st.floats(2.0**-20, 2.0**20, width=32)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(STEPS, npst.arrays(np.float32, st.integers(0, 9), elements=st.floats(-1000, 1000, width=32)))
def test_values_come_back_within_half_a_step(step, values):
    grid = UniformGrid(step)
    codes = grid.quantise(values)
    back = grid.dequantise(codes)
    assert codes.dtype == np.int64
    assert back.dtype == np.float32
    assert codes.shape == back.shape == values.shape
    rounding = np.spacing(np.abs(back)).astype(np.float64)  # of the float32 that holds the value
    assert (np.abs(back.astype(np.float64) - values) <= 0.5 * step * (1 + 1e-9) + rounding).all()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(STEPS, npst.arrays(np.int64, st.integers(0, 9), elements=st.integers(-(2**22), 2**22)))
def test_codes_that_float32_can_hold_come_back(step, codes):
    grid = UniformGrid(step)
    assert np.array_equal(grid.quantise(grid.dequantise(codes)), codes)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_width_of_float_is_quantised(dtype):
    codes = UniformGrid(0.25).quantise(np.array([[-1.0, -0.3], [0.0, 7.6]], dtype))
    assert codes.tolist() == [[-4, -1], [0, 30]]


def test_halves_go_to_even_codes():
    assert UniformGrid(2.0).quantise(np.array([-3.0, -1.0, 1.0, 3.0, 5.0])).tolist() == [-2, 0, 0, 2, 2]
