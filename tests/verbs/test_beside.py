"""What HDF5 files hold besides their columns, in archives."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import baler_vae
from baler_vae.cli.app import app
from baler_vae.errors import BoundBroken, UsageError
from baler_vae.io.files import open_source
from baler_vae.verbs.verify import EXTRAS, check_broken, verify_bounds
from tests.hdf5.hdf5_files import tree

N = 40
FIELDS = np.dtype([("pt", "f4"), ("run", ">i4"), ("wide", "u1", (300,))])


@pytest.fixture
def path(tmp_path):
    rows = np.zeros(N, FIELDS)
    rows["pt"], rows["run"], rows["wide"] = np.random.default_rng(1).random(N), np.arange(N), np.arange(N)[:, None]
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("jets", data=rows, compression="gzip", chunks=(16,)).attrs["unit"] = np.bytes_("GeV")
        file["edges"] = np.arange(5.0)
        file.attrs["campaign"] = "2026"
    return tmp_path / "in.h5"


@pytest.fixture
def archive(path, tmp_path):
    baler_vae.compress(path, tmp_path / "a.bvae", bound="abs:0.01", kind="independent")
    return tmp_path / "a.bvae"


def test_compounds_keep_their_bounds_and_their_form(path, archive, tmp_path):
    baler_vae.decompress(archive, tmp_path / "out.h5")
    with h5py.File(path) as before, h5py.File(tmp_path / "out.h5") as after:
        assert after["jets"].dtype == before["jets"].dtype
        assert after["jets"].chunks == (16,)
        assert after["jets"].maxshape == (N,)
        for name in ("run", "wide"):
            assert np.array_equal(after["jets"][name], before["jets"][name])
        assert 0 < np.abs(after["jets"]["pt"].astype(float) - before["jets"]["pt"]).max() <= 0.01
        assert after["edges"][:].tolist() == before["edges"][:].tolist()
        assert after["jets"].attrs.get_id("unit").dtype == "S3"
    with baler_vae.open(archive) as opened:
        assert opened.info().format_version == 2


def test_some_columns_are_restored_as_a_smaller_compound(archive, tmp_path):
    baler_vae.decompress(archive, tmp_path / "out.h5", columns="jets/run")
    with h5py.File(tmp_path / "out.h5") as file:
        assert list(file) == ["jets"]
        assert file["jets"].dtype == np.dtype([("run", ">i4")])
        assert file["jets"]["run"].tolist() == list(range(N))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda file: file["jets"].attrs.__setitem__("unit", "GeV"), "/jets@unit"),
        (lambda file: file.attrs.__setitem__("campaign", "2027"), "/@campaign"),
        (lambda file: file["edges"].__setitem__(0, 9.0), "/edges"),
        (lambda file: file.__delitem__("edges"), "/edges"),
    ],
)
def test_what_lies_beside_the_columns_is_verified_too(change, name, path, archive):
    assert not baler_vae.verify(archive, against=path).broken
    verify_bounds(archive, open_source(path))
    with h5py.File(path, "a") as file:
        change(file)
    (broken,) = baler_vae.verify(archive, against=path).broken
    assert (broken.name, broken.group) == (name, EXTRAS)
    with pytest.raises(BoundBroken, match=f"{name}.*extras"):
        check_broken([broken], str(archive))


def test_an_older_archive_is_verified_as_far_as_it_goes(tmp_path):
    """One of format 1, whose attributes are those that h5py converted."""
    golden = Path(__file__).parents[1] / "golden" / "extras.bvae"
    baler_vae.decompress(golden, tmp_path / "out.h5")
    assert not baler_vae.verify(golden, against=tmp_path / "out.h5").broken
    with h5py.File(tmp_path / "out.h5", "a") as file:
        names = list(file.attrs)
        file.attrs[names[0]] = 123456
    (broken,) = baler_vae.verify(golden, against=tmp_path / "out.h5").broken
    assert broken.name == f"/@{names[0]}"


def test_fields_beside_the_columns_are_not_merged(path, tmp_path):
    with h5py.File(path, "a") as file:
        file.create_dataset("waves", data=np.zeros(N, [("time", "f4"), ("phase", "c16")]))
        del file["jets"]
    codec = baler_vae.fit(path, bound="abs:0.01", kind="independent")
    for name in "ab":
        baler_vae.compress(path, tmp_path / f"{name}.bvae", codec=codec, force=True)
    with pytest.raises(UsageError, match="Compress the files together"):
        baler_vae.merge([tmp_path / "a.bvae", tmp_path / "b.bvae"], tmp_path / "m.bvae")


def test_tables_of_one_file_come_back_into_one_file(path, tmp_path):
    """Compounds of different lengths, each under bounds of its own, with the attributes of the groups they are in."""
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "run/events", data=np.zeros(N, [("run", ">i4"), ("met", "f4")]), maxshape=(None,), chunks=(9,)
        )
        file["run/hits"] = np.ones(3 * N, [("row", "u2"), ("time", "f8")])
        file["run"].attrs["detector"], file.attrs["campaign"] = np.bytes_("A"), "2026"
        file["run/hits"].attrs["unit"] = "ns"
    before = tree(path)
    command = [str(path), "-o", str(tmp_path / "a.bvae"), "--bound", "exact", "--model", "independent"]
    assert CliRunner().invoke(app, ["compress", *command]).exit_code == 0
    with baler_vae.open(tmp_path / "a.bvae") as opened:
        assert list(opened.keys()) == ["run/events", "run/hits"]
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.h5")
    assert tree(tmp_path / "out.h5") == before
    assert not baler_vae.verify(tmp_path / "a.bvae", against=path).broken
