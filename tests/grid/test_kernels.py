"""Compiled passes of the logarithmic grid give the bits that its operations on arrays give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.grid import logarithmic
from baler_vae.grid.codes import dequantise_column, quantise_column
from baler_vae.grid.logarithmic import Logarithmic
from baler_vae.grid.numbers import LEAST_COMPILED
from baler_vae.table.bounds import bound_of_text

ODD = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-40, 5e-324, 3.4e38, 1.0, -1.0, 0.01, 1.7e308, 2.2e-308]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@given(
    seed=st.integers(0, 2**32 - 1),
    exponents=st.sampled_from([(-3, 3), (-30, 30), (-300, 300)]),
    bits=st.integers(4, 14),
    floor=st.sampled_from([0.0, 1e-3, 2.0]),
    n_odd=st.integers(0, 200),
)
def test_compiled_passes_give_the_same(dtype, seed, exponents, bits, floor, n_odd):
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        values = (rng.normal(size=LEAST_COMPILED) * 10.0 ** rng.uniform(*exponents, LEAST_COMPILED)).astype(dtype)
        values[rng.integers(0, len(values), n_odd)] = rng.choice(ODD, n_odd).astype(dtype)
    grid = Logarithmic(2.0 ** -(bits + 1) * 0.999, floor * 2.0 ** -(bits + 1) if floor else 0.0)
    bound = bound_of_text(f"bits:{bits}" + (f",floor:{floor * 2.0 ** -(bits + 1)}" if floor else ""))
    values.flags.writeable = bool(seed % 2)
    found = quantise_column(values, grid, bound)
    back = dequantise_column(found.codes, found.verbatim, grid, values.dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logarithmic, "is_compiled", lambda *_: False)
        expected = quantise_column(values, grid, bound)
        finite = np.where(np.isfinite(values), values, 0)
        codes = grid.quantise(finite)
    assert np.array_equal(found.codes, expected.codes)
    assert found.restored.tobytes() == expected.restored.tobytes() == back.tobytes()
    assert np.array_equal(found.verbatim, expected.verbatim)
    assert np.array_equal(grid.quantise(finite), codes)
