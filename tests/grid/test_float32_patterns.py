"""Ten million bit patterns of float32, every exponent and sign alike, under every kind of bound."""

import math

import numpy as np
import pytest

from baler_vae.grid.codes import dequantise_column, quantise_column
from baler_vae.grid.decimal import Decimal, Significant
from baler_vae.grid.grids import Pattern, Step
from baler_vae.grid.judge import in_units_of_bound, keeps_bound
from baler_vae.grid.logarithmic import Logarithmic
from baler_vae.table.bounds import EXACT, Bound

N_CHUNKS = 20
PER_STRATUM = 10_000_000 // (512 * N_CHUNKS) + 1

ROUNDING = 2.0**-24


def logarithmic(bound):
    relative = math.log1p(bound.relative) - ROUNDING
    return Logarithmic(relative, bound.floor * (relative / bound.relative))


CASES = [
    (EXACT, Pattern()),
    (EXACT, Pattern(7)),
    (EXACT, Decimal(3)),
    (EXACT, Significant(6, -30)),
    (EXACT, Step(2.0**-7)),
    (Bound("abs", 0.01), Step(0.02)),
    (Bound("abs", 1e-30), Step(2e-30)),
    (Bound("abs", 3e37), Step(6e37)),
    *((bound, logarithmic(bound)) for bound in (Bound("rel", 0.3), Bound("rel", 1e-3), Bound("rel", 1e-6))),
    *(
        (bound, logarithmic(bound))
        for bound in (Bound("rel", 1e-3, 1e-5), Bound("bits", 12.0, 1.0), Bound("bits", 10.0))
    ),
    (Bound("bits", 10.0), Pattern(13)),
]


def chunk(number):
    """Patterns (rows,) of all 512 signs and exponents, the same number of each, with random mantissas."""
    mantissas = np.random.default_rng(number).integers(0, 1 << 23, (512, PER_STRATUM), np.uint32)
    mantissas[:, :2] = [0, (1 << 23) - 1]
    return (mantissas | (np.arange(512, dtype=np.uint32)[:, None] << 23)).ravel().view(np.float32)


def check(number, bound, grid):
    values = chunk(number)
    codes = quantise_column(values, grid, bound)
    restored = dequantise_column(codes.codes, codes.verbatim, grid, values.dtype)
    assert keeps_bound(values, restored, bound).all()
    again = quantise_column(restored, grid, bound)
    assert np.array_equal(again.codes, codes.codes)
    assert np.array_equal(again.verbatim, codes.verbatim)
    if isinstance(grid, Logarithmic):
        # No other value stands verbatim: the grid itself keeps the bound.
        limits = np.finfo(np.float32)
        subnormal = (np.abs(values) < limits.smallest_normal) & (bound.floor == 0)
        last_step = np.abs(values) > float(limits.max) * (1 - bound.relative)
        assert len(codes.verbatim) <= np.count_nonzero(np.isnan(values) | subnormal | last_step)
    finite = np.isfinite(values)
    assert in_units_of_bound(values[finite], restored[finite], bound).max() <= 1 + 1e-12


@pytest.mark.parametrize(("bound", "grid"), CASES, ids=str)
def test_patterns_keep_their_bound(bound, grid):
    check(0, bound, grid)


@pytest.mark.full
@pytest.mark.parametrize(("bound", "grid"), CASES, ids=str)
def test_ten_million_patterns_keep_their_bound(bound, grid):
    for number in range(N_CHUNKS):
        check(number, bound, grid)
