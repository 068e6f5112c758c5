"""Several archives in one call, or as one."""

import pickle
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_vae
from baler_vae.errors import SourceError, UnknownName, UsageError
from baler_vae.io.files import write_file
from baler_vae.reader.chain import ArchiveChain
from tests.tables import flat_batch, jagged_batch

SIZES = (30, 1, 25)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three ROOT files, and archives of them."""
    folder = tmp_path_factory.mktemp("chain")
    for number, size in enumerate(SIZES):
        schema, batch = jagged_batch(size, seed=number)
        write_file(folder / f"part{number}.root", schema, [batch])
        written, archive = folder / f"part{number}.root", folder / f"part{number}.bvae"
        baler_vae.compress(written, archive, kind="independent", bound="exact", verify=False)
    schema, batch = flat_batch({"met": np.arange(9.0)})
    write_file(folder / "other.root", schema, [batch])
    baler_vae.compress(folder / "other.root", folder / "other.bvae", kind="independent", verify=False)
    return folder


@pytest.fixture
def roots(folder):
    return [f"{folder}/part{number}.root:Events" for number in range(len(SIZES))]


@pytest.fixture
def chain(folder):
    with baler_vae.open(f"{folder}/part*.bvae") as chain:
        yield chain


def test_a_chain_reads_as_one_archive(folder, roots, chain):
    assert isinstance(chain, ArchiveChain)
    assert chain.num_entries == sum(SIZES)
    assert chain.keys() == chain.archives[0].keys()
    assert chain.common_entry_offsets() == [0, 30, 31, 56]
    whole = uproot.concatenate(roots)
    assert ak.to_list(chain.arrays()) == ak.to_list(whole)
    for start, stop in [(0, 30), (29, 32), (31, 31), (-26, -24), (40, 99), (50, 20)]:
        assert ak.to_list(chain.arrays(entry_start=start, entry_stop=stop)) == ak.to_list(whole)[start:stop]
        virtual = chain.arrays(virtual=True, entry_start=start, entry_stop=stop)
        assert ak.to_list(virtual) == ak.to_list(whole)[start:stop]
    assert [len(step) for step in chain.iterate("met", step_size=20)] == [20, 20, 16]
    assert ak.to_list(chain["Jet_pt"].array()) == ak.to_list(whole.Jet_pt)
    assert repr(chain).endswith("2 more' (7 columns, 56 events, open)>")
    assert "56 events" in chain._repr_html_()
    with pickle.loads(pickle.dumps(chain)) as again:
        assert ak.to_list(again.arrays("met")) == ak.to_list(chain.arrays("met"))
        assert not chain.closed
    assert again.closed


def test_places_of_a_chain(folder):
    paths = [folder / f"part{number}.bvae" for number in range(3)]
    for places in (paths, [str(paths[0]), f"{folder}/part[12].bvae"], {f"{path}": "Events" for path in paths}):
        with baler_vae.open(places) as chain:
            assert [Path(archive.path) for archive in chain.archives] == paths
    with baler_vae.open(f"{folder}/part*.bvae:Events") as chain:
        assert len(chain.archives) == 3
    for wrong, text in [
        ([], "no archives"),
        ([3], "not the location of an archive"),
        ([paths[0], None], "not the location"),
    ]:
        with pytest.raises(UsageError, match=text):
            baler_vae.open(wrong)
    with pytest.raises(SourceError, match="no file matches"):
        baler_vae.open(f"{folder}/none*.bvae")


def test_a_file_whose_name_looks_like_a_glob_is_that_file(folder, tmp_path):
    path = tmp_path / "a[1].bvae"
    path.write_bytes((folder / "part1.bvae").read_bytes())
    with baler_vae.open(path) as archive:
        assert archive.num_entries == 1


def test_archives_of_other_columns_are_refused(folder, tmp_path):
    with pytest.raises(UsageError, match=r"other.bvae, column '\w+': lacks a column of the other archives"):
        baler_vae.open([folder / "part0.bvae", folder / "other.bvae"])
    schema, batch = flat_batch({"met": np.arange(3, dtype=np.int32)})
    write_file(tmp_path / "in.root", schema, [batch])
    baler_vae.compress(tmp_path / "in.root", tmp_path / "ints.bvae", kind="independent", verify=False)
    with pytest.raises(UsageError, match=r"ints.bvae, column 'met': .*found int32, expected float64"):
        baler_vae.open([folder / "other.bvae", tmp_path / "ints.bvae"])


@pytest.mark.parametrize(
    "call",
    [{}, {"expressions": ["met*2", "Jet_pt"], "cut": "nJet > 1"}, {"filter_name": "/jet/i", "library": "np"}],
    ids=str,
)
def test_iterate_and_concatenate_as_uproot_does(folder, roots, call):
    expected = list(uproot.iterate(roots, **call, step_size=20, report=True))
    found = list(baler_vae.iterate(f"{folder}/part*.bvae", **call, step_size=20, report=True))
    assert [(report.start, report.stop) for _, report in found] == [
        (report.start, report.stop) for _, report in expected
    ]
    for (own, _), (other, _) in zip(found, expected, strict=True):
        assert as_lists(own) == as_lists(other)
    whole = uproot.concatenate(roots, **call)
    assert as_lists(baler_vae.concatenate(f"{folder}/part*.bvae", **call)) == as_lists(whole)


@pytest.mark.parametrize(
    ("start", "stop"), [(None, None), (5, 40), (30, 31), (-10, None), (31, 3), (99, None), (None, 30)]
)
@pytest.mark.parametrize("library", ["ak", "np", "pd", "pa"])
def test_ranges_over_files(folder, start, stop, library):
    with baler_vae.open(f"{folder}/part*.bvae") as chain:
        expected = chain.arrays(["met", "nJet"], entry_start=start, entry_stop=stop, library=library)
    bounds = {"entry_start": start, "entry_stop": stop, "library": library}
    found = baler_vae.concatenate(f"{folder}/part*.bvae", ["met", "nJet"], **bounds)
    assert type(found) is type(expected)
    assert as_lists(found) == as_lists(expected)
    if library == "pd" and len(found):
        assert found.index.tolist() == expected.index.tolist()
    contained = baler_vae.concatenate(f"{folder}/part*.bvae", "Jet_pt", how=dict, **bounds)
    assert list(contained) == ["Jet_pt"]


def test_pandas_counts_through_all_files(folder):
    frames = list(baler_vae.iterate(f"{folder}/part*.bvae", "Jet_pt", library="pd", step_size=10))
    entries = np.concatenate([frame.index.get_level_values("entry") for frame in frames])
    assert entries[-1] == sum(SIZES) - 1
    assert np.all(np.diff(entries) >= 0)


def test_archives_that_lack_a_column(folder):
    places = [folder / "part0.bvae", folder / "other.bvae"]
    with pytest.raises(UnknownName, match="Jet_pt"):
        baler_vae.concatenate(places, "Jet_pt")
    with pytest.raises(UnknownName, match="Jet_pt"):
        list(baler_vae.iterate(places, "Jet_pt"))
    assert len(baler_vae.concatenate(places, "Jet_pt", allow_missing=True)) == SIZES[0]
    assert len(list(baler_vae.iterate(places, "Jet_pt", allow_missing=True))) == 1
    assert len(baler_vae.concatenate(places, "met")) == SIZES[0] + 9
    with pytest.raises(UnknownName, match="none"):
        baler_vae.concatenate(places, "none", allow_missing=True)


def test_lazy_arrays_of_several_archives(folder):
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask_awkward", minversion="2026.2")
    with dask.config.set(scheduler="sync"), baler_vae.open(f"{folder}/part*.bvae") as chain:
        array = baler_vae.dask(f"{folder}/part*.bvae", columns=["Jet_pt", "met"])
        assert array.divisions == (0, 30, 31, 56)
        assert ak.to_list(array.compute()) == ak.to_list(chain.arrays(["Jet_pt", "met"]))
    with pytest.raises(UsageError, match="as they are"):
        baler_vae.dask(folder / "part0.bvae", columns="met * 2")


def as_lists(found):
    if isinstance(found, dict):
        return {name: [np.asarray(row).tolist() for row in array] for name, array in found.items()}
    if hasattr(found, "fields"):
        return found.fields, ak.to_list(found)
    return found.to_dict("list") if hasattr(found, "index") else found.to_pydict()
