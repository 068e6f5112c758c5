"""The project of a cube's surface: what its generator draws."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.generators import generated, loaded

cube_surface = loaded("cube_surface")


def places(table):
    return np.stack([table[name] for name in "xyz"], axis=1).astype(np.float64)


@pytest.mark.parametrize("side", [1.0, 2.0])
def test_all_points_lie_on_the_face_that_is_named(side):
    table = cube_surface.points(10_000, seed=1, side=side)
    found = places(table)
    assert np.abs(found).max() == side / 2
    signs = np.where(table["face"] % 2, 1, -1)
    assert np.array_equal(found[np.arange(len(found)), table["face"] // 2], signs * side / 2)


@pytest.mark.parametrize(("side", "variance"), [(1.0, 5 / 36), (2.0, 5 / 9)])
def test_points_are_uniform_on_the_surface(side, variance):
    table = cube_surface.points(60_000, seed=2, side=side)
    found = places(table)
    # of a coordinate: a third of the points at side^2 / 4, two thirds uniform with side^2 / 12
    assert found.var(axis=0) == pytest.approx([variance] * 3, rel=0.02)
    assert np.abs(found.mean(axis=0)).max() < 5 * np.sqrt(variance / len(found))
    assert np.abs(np.bincount(table["face"], minlength=6) - 10_000).max() < 5 * np.sqrt(60_000 * 5 / 36)
    counts = np.histogram2d(*found[table["face"] == 4][:, :2].T, bins=4, range=[[-side / 2, side / 2]] * 2)[0]
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 50  # chi-squared of 15 degrees of freedom


def test_more_rows_begin_with_the_fewer():
    fewer, more = (cube_surface.points(n_rows, seed=3) for n_rows in (100, 5_000))
    assert all(np.array_equal(values, more[name][:100]) for name, values in fewer.items())


def test_the_file_holds_the_rows_and_is_the_same_each_time(tmp_path):
    path = generated("cube_surface", tmp_path / "a.parquet", rows=100, seed=7, side=2)
    other = generated("cube_surface", tmp_path / "b.parquet", rows=100, seed=7, side=2)
    assert path.read_bytes() == other.read_bytes()
    table = pq.read_table(path)
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("x", "float"),
        ("y", "float"),
        ("z", "float"),
        ("face", "int32"),
    ]
    expected = cube_surface.points(100, seed=7, side=2)
    assert all(np.array_equal(table[name].to_numpy(), values) for name, values in expected.items())
