"""What an analysis would do in a notebook, on real data, side by side with uproot on the original files."""

import io

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot

import baler_vae

SIZES = {"jets": 3_000, "hzz": 2_421}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def hzz(data_dir, folder):
    """The HZZ file, and an archive of it with the default bounds."""
    source = data_dir / "uproot-HZZ.root"
    baler_vae.compress(source, folder / "hzz.bvae", kind="independent", verify=False)
    with uproot.open(source) as file, baler_vae.open(folder / "hzz.bvae") as archive:
        yield file["events"], archive


@pytest.fixture(scope="module")
def jets(data_dir, folder):
    """The first jets as a file, and archives of its halves."""
    source = data_dir / "zprime_jets.root"
    with uproot.open(source) as file:
        name = file.keys()[0]
        arrays = file[name].arrays(entry_stop=SIZES["jets"])
    columns = {field: arrays[field] for field in arrays.fields if field != "nJet"}
    types = {field: str(array.type.content) for field, array in columns.items()}
    for number, part in enumerate((slice(0, 1_000), slice(1_000, None))):
        written, archive = folder / f"jets{number}.root", folder / f"jets{number}.bvae"
        with uproot.recreate(written) as out:
            tree = out.mktree("Events", types, counter_name=lambda _: "nJet")
            tree.extend({field: array[part] for field, array in columns.items()})
        baler_vae.compress(written, archive, kind="independent", bound="exact", verify=False)
    return f"{folder}/jets*.root:Events", f"{folder}/jets*.bvae"


def test_hzz(hzz):
    tree, archive = hzz
    table = io.StringIO()
    archive.show(filter_name="Muon_*", stream=table)
    assert "Muon_Px" in table.getvalue()
    assert archive.num_entries == tree.num_entries == SIZES["hzz"]
    assert len(archive) == len(tree)
    assert archive.keys() == tree.keys()
    assert archive.typenames() == tree.typenames()
    exact = archive.arrays(filter_typename="/(int32_t|bool).*/")
    assert ak.array_equal(exact, tree.arrays(filter_typename="/(int32_t|bool).*/"))

    two = "(NMuon == 2) & triggerIsoMu24"
    found = archive.arrays(["Muon_Px", "Muon_Charge"], two)
    expected = tree.arrays(["Muon_Px", "Muon_Charge"], two)
    assert ak.array_equal(found.Muon_Charge, expected.Muon_Charge)
    assert within(found.Muon_Px, expected.Muon_Px, archive["Muon_Px"].bound)

    pt = "sqrt(Muon_Px**2 + Muon_Py**2)"
    aliases = {"pt": pt, "opposite": "Muon_Charge[:, 0] != Muon_Charge[:, 1]"}
    found, expected = (own.arrays(["pt", "Muon_E"], "NMuon == 2", aliases=aliases) for own in (archive, tree))
    assert found.fields == ["pt", "Muon_E"]
    assert np.allclose(ak.flatten(found.pt), ak.flatten(expected.pt), 1e-3, 1e-2)

    muons, theirs = (own.arrays(filter_name=["NMuon", "/Muon_(P.|E)/"], how="zip") for own in (archive, tree))
    assert muons.Muon.fields == theirs.Muon.fields == ["Px", "Py", "Pz", "E"]
    mass = [invariant_mass(own.Muon[own.NMuon >= 2]) for own in (muons, theirs)]
    assert np.allclose(mass[0], mass[1], 2e-2, 0.2)

    lazy = archive.arrays(virtual=True)
    assert ak.array_equal(lazy.NMuon, tree["NMuon"].array())
    assert ak.array_equal(lazy.Jet_btag, archive["Jet_btag"].array())
    met = archive.arrays(["MET_px", "MET_py"], library="pd")
    assert met.columns.tolist() == ["MET_px", "MET_py"]
    assert within(met["MET_px"].to_numpy(), tree["MET_px"].array(library="np"), archive["MET_px"].bound)
    frame = archive.arrays(["MET_px", "Muon_Px"], library="pd", how="inner")
    assert len(frame) == ak.sum(tree["NMuon"].array())
    n_steps = sum(1 for _ in archive.iterate(["Muon_*"], step_size="10 kB"))
    assert n_steps > 1
    assert archive.arrays(["Muon_Px", "NMuon"], library="pa").num_rows == SIZES["hzz"]


def test_jets(jets):
    roots, archives = jets
    call = {"expressions": ["Jet_pt", "Jet_pt * cosh(Jet_eta)"], "cut": "nJet >= 3"}
    expected, found = uproot.concatenate(roots, **call), baler_vae.concatenate(archives, **call)
    assert found.fields == expected.fields
    assert ak.array_equal(found, expected)
    hard = {"expressions": ["Jet_pt", "Jet_eta"], "cut": "(Jet_pt > 30) & (abs(Jet_eta) < 2.4)", "how": "zip"}
    assert ak.to_list(baler_vae.concatenate(archives, **hard)) == ak.to_list(uproot.concatenate(roots, **hard))
    steps = baler_vae.iterate(archives, filter_name="Jet_*", step_size=400, report=True)
    assert [(report.start, report.stop) for _, report in steps][-1] == (2_600, SIZES["jets"])
    with baler_vae.open(archives) as chain:
        assert chain.num_entries == SIZES["jets"]
        assert ak.array_equal(chain["Jet_phi"].array(), uproot.concatenate(roots, "Jet_phi").Jet_phi)
        assert len(chain.arrays("Jet_pt", library="pd", entry_start=990, entry_stop=1_010).index.levels[0]) <= 20


def test_dimuons(data_dir, folder):
    source = data_dir / "dimuons_100k.hdf5"
    baler_vae.compress(source, folder / "dimuons.bvae", kind="independent", verify=False)
    with baler_vae.open(folder / "dimuons.bvae") as archive, h5py.File(source) as file:
        assert archive.num_entries
        names = [name for name in archive.keys() if archive[name].dtype.kind == "f"]
        name = names[0]
        mean = archive.arrays(f"get({name!r}) * 2", entry_stop=100)
        assert np.allclose(mean[mean.fields[0]], 2 * archive[name].array(entry_stop=100))
        cut = archive.arrays([name], f"get({name!r}) > 0")
        assert len(cut) == np.count_nonzero(archive[name].array(library="np") > 0)
        assert archive.title == ""
        assert file.keys()


def within(found, expected, bound):
    """Whether values are within a bound `bits:B,floor:A`."""
    bits, _, floor = bound.removeprefix("bits:").partition(",floor:")
    values, originals = (np.asarray(ak.flatten(ak.Array(own), axis=None), float) for own in (found, expected))
    return bool(np.all(abs(values - originals) <= np.maximum(2.0 ** -(int(bits) + 1) * abs(originals), float(floor))))


def invariant_mass(muons):
    first, second = muons[:, 0], muons[:, 1]
    momentum = sum((first[axis] + second[axis]) ** 2 for axis in ("Px", "Py", "Pz"))
    return np.sqrt(np.maximum((first.E + second.E) ** 2 - momentum, 0))
