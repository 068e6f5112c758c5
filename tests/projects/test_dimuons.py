"""The project of dimuons: what physicists do with them does not move under the default bound."""

from pathlib import Path

import pytest

import baler_vae
from baler_vae.evaluation.tolerances import judge
from baler_vae.settings.project import read_project

PROJECT = read_project(Path(__file__).resolve().parents[2] / "projects" / "dimuons" / "project.toml")


@pytest.fixture(scope="module")
def dimuons(data_dir):
    path = data_dir / "dimuons_100k.hdf5"
    if not path.exists():
        pytest.skip(f"no {path}")
    return f"{path}:muons"


def evaluated(source, archive, bound):
    baler_vae.compress(source, archive, bound=bound, kind="independent", verify=False)
    return baler_vae.evaluate(source, archive, settings=PROJECT.evaluation)


def test_the_default_bound_moves_no_peak_by_a_tenth_of_its_error(dimuons, tmp_path):
    found = evaluated(dimuons, tmp_path / "a.bvae", ())
    assert judge(found, PROJECT.evaluation.tolerances) == ()
    assert [shift.before.valid and shift.after.valid for shift in found.peaks] == [True] * 3
    for shift in found.peaks:
        errors = (shift.mean_shift_in_errors, shift.width_shift_in_errors, shift.yield_shift_in_errors)
        assert max(map(abs, errors)) < 0.1
    assert max(cut.percent for cut in found.cuts) < 0.1
    assert {column.name: column.n_rows for column in found.columns if column.derived} == {
        "pair_mass": 100_000,
        "delta_r": 100_000,
        "pt": 200_000,
    }


def test_a_coarse_bound_is_seen(dimuons, tmp_path):
    found = evaluated(dimuons, tmp_path / "a.bvae", "bits:4")
    failed = {failure.what for failure in judge(found, PROJECT.evaluation.tolerances)}
    assert {"peak width", "migration"} <= failed
