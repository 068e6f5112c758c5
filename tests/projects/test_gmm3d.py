"""The project of ten Gaussians: what its generator draws."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.generators import generated, loaded, run_python, script_of

gmm3d = loaded("gmm3d")


def places(table):
    return np.stack([table[name] for name in "xyz"], axis=1).astype(np.float64)


@pytest.fixture(scope="module")
def many():
    return gmm3d.points(50_000, seed=3)


@pytest.mark.parametrize("seed", range(5))
def test_means_lie_in_the_cube_and_apart(seed):
    means = gmm3d.means_of(seed)
    assert means.shape == (10, 3)
    assert np.abs(means).max() <= gmm3d.SPREAD
    distances = np.linalg.norm(means[:, None] - means, axis=2)[~np.eye(10, dtype=bool)]
    assert distances.min() >= gmm3d.SEPARATION


def test_each_mode_is_a_gaussian_of_unit_width_around_its_mean(many):
    means, found = gmm3d.means_of(1), places(many)
    for mode, mean in enumerate(means):
        own = found[many["mode"] == mode]
        # five standard errors of a mean, and of a covariance
        assert np.abs(own.mean(axis=0) - mean).max() < 5 / np.sqrt(len(own))
        assert np.abs(np.cov(own.T) - np.eye(3)).max() < 5 * np.sqrt(2 / len(own))
        assert abs(len(own) - 5_000) < 5 * np.sqrt(50_000 * 0.1 * 0.9)


def test_the_part_within_three_widths_is_that_of_a_gaussian_in_three_dimensions(many):
    from scipy.stats import chi

    distance = np.linalg.norm(places(many) - gmm3d.means_of(1)[many["mode"]], axis=1)
    assert np.mean(distance < 3) == pytest.approx(chi(3).cdf(3), abs=5 * np.sqrt(0.03 / 50_000))


def test_more_rows_begin_with_the_fewer(many):
    fewer = gmm3d.points(1_000, seed=3)
    assert all(np.array_equal(values, many[name][:1_000]) for name, values in fewer.items())


def test_another_seed_gives_other_rows_of_the_same_means():
    first, second = (gmm3d.points(1_000, seed) for seed in (1, 2))
    assert not np.array_equal(first["x"], second["x"])
    means = gmm3d.means_of(1)
    for table in (first, second):
        assert np.abs(places(table) - means[table["mode"]]).mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.05)


def test_the_file_holds_the_rows_and_is_the_same_each_time(tmp_path):
    path = generated("gmm3d", tmp_path / "a.parquet", rows=100, seed=7)
    other = generated("gmm3d", tmp_path / "b.parquet", rows=100, seed=7)
    assert path.read_bytes() == other.read_bytes()
    table = pq.read_table(path)
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("x", "float"),
        ("y", "float"),
        ("z", "float"),
        ("mode", "int32"),
    ]
    expected = gmm3d.points(100, seed=7)
    assert all(np.array_equal(table[name].to_numpy(), values) for name, values in expected.items())


def test_means_without_room_are_refused(tmp_path):
    finished = run_python(script_of("gmm3d"), tmp_path / "a.parquet", "--separation", 30)
    assert finished.returncode == 2
    assert "lower --separation or raise --spread" in finished.stderr
    assert not list(tmp_path.iterdir())
