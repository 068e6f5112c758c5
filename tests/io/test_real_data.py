"""Files of the field, read whole and restored in every format that can hold them."""

from pathlib import Path

import numpy as np
import pytest
import uproot

from baler_vae.errors import SourceError
from baler_vae.io.files import open_source, write_file
from baler_vae.table.schema import TEXT


@pytest.fixture
def sample(data_dir):
    def find(spec):
        name = spec.partition(":")[0]
        if not (data_dir / name).exists():
            pytest.skip(f"no {name} among the real data")
        return f"{data_dir}/{spec}"

    return find


def restored(path, schema, batch, read):
    write_file(path, schema, [batch])
    _, found, back = read(path, step=10_000)
    for group in schema.groups:
        same = next(other for other in found.groups if other.name == group.name)
        for name in group.names:
            old, new = batch[schema.groups.index(group)][name], back[found.groups.index(same)][name]
            assert same.counter == group.counter
            assert new.dtype == old.dtype
            assert new.tolist() == old.tolist() if old.dtype == TEXT else new.tobytes() == old.tobytes()
    return found


def test_z_prime_jets(sample, tmp_path, read):
    source, schema, batch = read(sample("zprime_jets.root"), step=8192)
    assert [(g.name, g.counter, len(g.columns)) for g in schema.groups] == [("events", None, 2), ("Jet", "nJet", 9)]
    assert (source.n_events, batch[1].n_rows) == (50_000, 420_545)
    assert {str(c.dtype) for c in schema.groups[1].columns} == {"float32", "int32"}
    for suffix in (".root", ".parquet", ".h5", ".npz"):
        assert restored(tmp_path / f"out{suffix}", schema, batch, read).order == schema.order
    with uproot.open(tmp_path / "out.root") as file, uproot.open(sample("zprime_jets.root")) as original:
        assert file["Events"].typenames() == original["Events"].typenames()
        assert file["Events"].title == original["Events"].title
        assert file["Events/Jet_pt"].count_branch.name == "nJet"


def test_hzz(sample, tmp_path, read):
    source, schema, batch = read(sample("uproot-HZZ.root:events"), step=500)
    assert [(g.name, g.counter, len(g.columns)) for g in schema.groups] == [
        ("events", None, 28),
        ("Jet", "NJet", 6),
        ("Muon", "NMuon", 6),
        ("Electron", "NElectron", 6),
        ("Photon", "NPhoton", 5),
    ]
    assert source.n_events == 2421
    assert schema.groups[1].column("Jet_ID").dtype == np.bool_
    for suffix in (".root", ".parquet", ".h5", ".npz"):
        assert restored(tmp_path / f"out{suffix}", schema, batch, read).order == schema.order


def test_dimuons(sample, tmp_path, read):
    source, schema, batch = read(sample("dimuons_100k.hdf5:muons"), step=30_000)
    assert source.n_events == 100_000
    assert [(g.name, g.counter, g.names) for g in schema.groups] == [
        ("events", None, ("nmuons",)),
        ("muons", "nmuons", ("e", "px", "py", "pz", "q")),
    ]
    assert batch[1].n_rows == 200_000
    write_file(tmp_path / "out.h5", schema, [batch])
    _, found, back = read(f"{tmp_path / 'out.h5'}:muons")
    assert found == schema
    assert all(
        old[name].tobytes() == new[name].tobytes() for old, new in zip(batch, back, strict=True) for name in old.arrays
    )


def test_dimuons_whole(sample, tmp_path, read):
    path = sample("dimuons_100k.hdf5")
    assert not open_source(path).unsupported
    _, schema, batch = read(path, "MET?", "muons/*", "electrons/*", step=60_000)
    assert [(g.name, g.counter, len(g.columns)) for g in schema.groups] == [
        ("events", None, 4),
        ("electrons", "electrons/nelectrons", 5),
        ("muons", "muons/nmuons", 5),
    ]
    assert batch[1].n_rows == 0
    assert restored(tmp_path / "out.h5", schema, batch, read) == schema


def test_z_to_mumu(sample, tmp_path, read):
    source, schema, batch = read(sample("Zmumu_Run2011A_masses.csv"))
    assert source.n_events == 10_851
    dtypes = {c.name: c.dtype for c in schema.columns}
    assert [name for name, dtype in dtypes.items() if dtype == TEXT] == ["Type1", "Type2"]
    assert [name for name, dtype in dtypes.items() if dtype == np.int64] == ["Run", "Event", "Q1", "Q2"]
    for suffix in (".csv", ".root", ".parquet", ".h5", ".npz"):
        assert restored(tmp_path / f"out{suffix}", schema, batch, read).order == schema.order


@pytest.mark.parametrize("key", ["data", "vae_reconstruction"])
def test_gen_jets(key, sample, tmp_path, read):
    _, schema, batch = read(sample(f"gsoc_genjets.npz:{key}"), step=10_000)
    assert batch[0].n_rows == 61_908
    assert schema.order[:4] == ("pt", "eta", "phi", "mass")
    assert {c.dtype for c in schema.columns} == {np.dtype("f4")}
    write_file(tmp_path / "out.npz", schema, [batch])
    with np.load(sample("gsoc_genjets.npz")) as old, np.load(tmp_path / "out.npz") as new:
        assert new[key].tobytes() == old[key].tobytes()
        assert new["names"].tolist() == old["names"].tolist()


def test_cfd_animation(sample, tmp_path, read):
    source, schema, batch = read(sample("CFD_animation.npz"), step=7)
    assert ([column.kind for column in schema.columns], batch[0].n_rows) == (["float64[50, 50]"], 60)
    earlier = source.earlier()
    assert earlier.schema.origin.shape == (60, 50)
    assert (len(earlier.schema.order), earlier.n_events) == (50, 3000)
    write_file(tmp_path / "out.npz", schema, [batch], extras=source.extras())
    with np.load(sample("CFD_animation.npz")) as old, np.load(tmp_path / "out.npz") as new:
        assert new["data"].shape == (60, 50, 50)
        assert new["data"].tobytes() == old["data"].tobytes()


@pytest.mark.parametrize("name", ["zprime_jets.root", "uproot-HZZ.root", "dimuons_100k.hdf5", "gsoc_genjets.npz"])
def test_half_a_file_is_refused(name, sample, tmp_path):
    content = Path(sample(name)).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match=name):
        open_source(tmp_path / name)
