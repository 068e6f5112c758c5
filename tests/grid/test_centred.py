"""Grids centred on predictions: what is predicted well has the code of its prediction, and bounds are kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.grid.centred import CentredLogarithmic, CentredStep, centred
from baler_vae.grid.codes import dequantise_column, predict_codes, quantise_column
from baler_vae.grid.decimal import Decimal
from baler_vae.grid.grids import (
    Integers,
    Pattern,
    check_grid,
    code_limit,
    describe_grid,
    grid_at,
    grid_of,
    grid_parameters,
    is_centred,
)
from baler_vae.grid.judge import keeps_bound
from baler_vae.grid.logarithmic import LEAST_RELATIVE, Logarithmic
from baler_vae.grid.numbers import same_bits
from baler_vae.grid.step import Step
from baler_vae.table.bounds import bound_of_text

GRIDS = {
    "abs:0.05": CentredStep(0.1 / 63, 63),
    "rel:0.001": CentredLogarithmic(0.001 / 63, 0.0, 63),
    "rel:0.001,floor:0.01": CentredLogarithmic(0.001 / 7, 0.01 / 7, 7),
}
ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)


def test_the_example_of_the_page():
    grid, dtype = CentredStep(1.0, 63), np.dtype(np.float64)
    found = predict_codes(np.array([1000.0, -1000.0, 0.0]), grid, dtype)
    assert found.grid.offsets.tolist() == [40, 40, 0]
    assert found.codes.tolist() == [17, -17, 0]
    around = [found.grid.dequantise(np.array([code, -code, 0]), dtype)[0] for code in (16, 17, 18)]
    assert around == [937.0, 1000.0, 1063.0]


@pytest.mark.parametrize("text", GRIDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=60)
@given(data=st.data())
def test_bounds_are_kept_whatever_was_predicted(text, dtype, data):
    grid, bound = GRIDS[text], bound_of_text(text)
    width = np.finfo(dtype).bits
    values = data.draw(npst.arrays(dtype, st.integers(0, 20), elements=st.floats(width=width)))
    predicted = data.draw(npst.arrays(np.float64, len(values), elements=ANY))
    own = predict_codes(predicted, grid, np.dtype(dtype)).grid
    found = quantise_column(values, own, bound)
    assert keeps_bound(values, found.restored, bound).all()
    assert same_bits(dequantise_column(found.codes, found.verbatim, own, np.dtype(dtype)), found.restored).all()
    again = quantise_column(found.restored, own, bound)
    assert again.codes.tolist() == found.codes.tolist()
    assert again.verbatim.tolist() == found.verbatim.tolist()


@pytest.mark.parametrize("text", GRIDS)
def test_what_is_predicted_within_a_bound_has_the_code_of_its_prediction(text):
    grid, bound = GRIDS[text], bound_of_text(text)
    rng = np.random.default_rng(1)
    values = (rng.normal(0, 3, 20_000) * rng.exponential(2, 20_000)).astype(np.float32)
    room = np.maximum(bound.relative * np.abs(values), bound.absolute)
    # A fine step on either side is what the fine grid takes.
    predicted = values + room * (1 - 3 / grid.parts) * rng.uniform(-1, 1, len(values))
    for sign in (1, -1):
        found = predict_codes(sign * predicted, grid, np.dtype(np.float32))
        codes = quantise_column(np.float32(sign) * values, found.grid, bound).codes
        same = codes == found.codes
        is_small = np.abs(values) < 2 * room  # zero, and a sign of its own, are cells of their own
        assert (same | is_small).all()
        assert same.mean() > 0.98
    still = quantise_column(values, Logarithmic(0.001) if bound.relative else Step(0.1), bound)
    assert np.mean(still.codes == predict_codes(predicted, still_grid(bound), np.dtype(np.float32)).codes) < 0.8


def still_grid(bound):
    return Logarithmic(0.001) if bound.relative else Step(0.1)


def test_a_grid_has_a_centred_one_that_promises_the_same():
    assert centred(Step(0.63)) == CentredStep(0.63 / 63, 63)
    assert centred(Logarithmic(2.0**-11)) == CentredLogarithmic(2.0**-11 / 63, 0.0, 63)
    assert centred(Logarithmic(2.0**-13, 0.5)).parts == 15  # an octave of more would have no table
    assert centred(Logarithmic(2.0**-20)).parts == 7
    assert centred(Logarithmic(LEAST_RELATIVE)) is None
    assert centred(Step(5e-324)) is None
    assert [centred(grid) for grid in (Integers(), Pattern(3), Decimal(2))] == [None, None, None]


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_grids_are_described_and_checked(grid):
    assert grid_of(grid.kind, grid_parameters(grid)) == grid
    assert is_centred(grid)
    assert code_limit(grid) == (1 << 61) // grid.parts
    assert "from its formula" in describe_grid(grid)
    assert grid_at(grid, np.array([5, 9]), 2).offsets.tolist() == [0, 0]
    check_grid(grid, np.dtype(np.float16))
    with pytest.raises(ValueError, match="for int32"):
        check_grid(grid, np.dtype(np.int32))
    for parts in (1, 4, 1 << 17):
        with pytest.raises(ValueError, match=f"cells of {parts} steps"):
            grid_of(grid.kind, {**grid_parameters(grid), "parts": parts})
