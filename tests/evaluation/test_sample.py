import numpy as np
import pytest
from scipy import stats

from baler_vae.evaluation.sample import SAMPLE_BYTES, SAMPLE_ROWS, PairedSample, rows_of_samples
from baler_vae.table.schema import TEXT, Column, Group

X = [Column("x", np.dtype(np.int64))]


def sampled(n_rows, most_rows, *, cuts=(), seed=0):
    sample = PairedSample(X, most_rows, seed)
    for rows in np.split(np.arange(n_rows), cuts):
        sample.add({"x": rows}, {"x": -rows}, len(rows))
    return sample


def test_few_rows_are_kept_whole_and_in_order():
    before, after = sampled(100, 100, cuts=[3, 50, 50]).arrays()
    np.testing.assert_array_equal(before["x"], np.arange(100))
    np.testing.assert_array_equal(after["x"], -np.arange(100))


def test_of_many_rows_so_many_stay_with_their_partners():
    sample = sampled(10_000, 1000, cuts=range(0, 10_000, 700))
    before, after = sample.arrays()
    assert len(sample) == len(before["x"]) == 1000
    np.testing.assert_array_equal(before["x"], -after["x"])
    assert np.all(np.diff(before["x"]) > 0)


@pytest.mark.parametrize("cuts", [(), (1, 2, 9000), range(0, 10_000, 13), (5000,)])
def test_the_same_rows_stay_however_the_stream_was_cut(cuts):
    np.testing.assert_array_equal(
        sampled(10_000, 500, cuts=cuts).arrays()[0]["x"], sampled(10_000, 500, cuts=(100,)).arrays()[0]["x"]
    )


def test_every_row_is_as_likely_as_any_other():
    chosen = np.concatenate([sampled(1000, 100, cuts=range(0, 1000, 60), seed=s).arrays()[0]["x"] for s in range(200)])
    counts = np.bincount(chosen // 50, minlength=20)
    assert stats.chisquare(counts).pvalue > 1e-4
    assert stats.chisquare(np.bincount(chosen, minlength=1000)).pvalue > 1e-4


def test_without_rows_the_dtypes_are_known():
    before, after = PairedSample(X, 10).arrays()
    assert before["x"].dtype == after["x"].dtype == np.int64
    assert len(before["x"]) == len(PairedSample(X, 10)) == 0


def test_samples_of_wide_tables_have_fewer_rows():
    narrow = [Group("", tuple(X))]
    assert rows_of_samples(narrow) == SAMPLE_ROWS
    wide = tuple(Column(f"x{i}", np.dtype(np.float64)) for i in range(1000))
    groups = [Group("", (*wide, Column("name", TEXT))), Group("Jet", tuple(X), "x0")]
    assert rows_of_samples(groups) == SAMPLE_BYTES // (2 * 8 * 1001)
