"""A tree that ROOT wrote, with a branch of every type: what is kept how, and what comes back."""

from pathlib import Path

import awkward as ak
import pytest
import uproot

import baler_vae
from baler_vae.errors import OutputError
from baler_vae.io.files import open_source

KINDS = Path(__file__).parent / "kinds.root"
NESTED = ("words", "deep", "leaves", "p4")
LISTED = ("Jet_cov",)
"""A list of arrays, which uproot cannot write into a TTree."""
OTHER_TYPES = {"d32": "double", "d32range": "double", "f16": "float", "Jet_packed": "double[]"}
"""Types that uproot cannot write; their values are kept in those that hold them."""


def assert_same(one, other):
    """The same lists of the same bits."""
    assert ak.to_list(ak.num(one, axis=0)) == ak.to_list(ak.num(other, axis=0))
    assert ak.to_list(one) == ak.to_list(other)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("kinds") / "kinds.bvae"
    baler_vae.compress(f"{KINDS}:Events", path, kind="independent", bound="exact")
    return path


def test_the_model_keeps_numbers_and_arrow_all_else():
    schema = open_source(f"{KINDS}:Events").select()
    kinds = {column.name: column.kind for column in schema.columns}
    assert {name for name, kind in kinds.items() if kind == "nested"} == set(NESTED)
    assert {name for name, kind in kinds.items() if kind == "text"} == {"text", "word"}
    assert {array.name: (array.shape, array.typename) for array in schema.arrays} == {
        "fixed": ((3,), "float[3]"),
        "grid": ((2, 3), "int32_t[2][3]"),
        "Jet_cov": ((2,), "float[][2]"),
    }
    assert kinds["d32range"] == kinds["Jet_packed"] == "float64"
    assert kinds["f16"] == "float32"
    assert {group.name: group.counter for group in schema.groups[1:]} == {
        "Jet": "nJet",
        "v": "nv",
        "vi": "nvi",
        "vo": "nvo",
        "vub": "nvub",
    }


def test_everything_comes_back_as_an_rntuple(archive, tmp_path):
    assert not baler_vae.verify(archive, against=f"{KINDS}:Events").broken
    baler_vae.decompress(archive, tmp_path / "out.root", rntuple=True)
    with uproot.open(f"{KINDS}:Events") as before, uproot.open(f"{tmp_path}/out.root:Events") as after:
        assert set(after.keys(recursive=False)) == set(before.keys())
        for name in before.keys():
            original = before[name].array()
            if name == "p4":  # its fields come back without the class
                original = ak.zip(
                    {"fP": ak.zip(dict(zip(("fX", "fY", "fZ"), ak.unzip(original.fP), strict=True))), "fE": original.fE}
                )
            assert_same(original, after[name].array())


def test_all_but_nested_branches_come_back_as_a_tree(archive, tmp_path):
    with pytest.raises(OutputError, match=r"Jet_cov, words, deep, leaves, p4.*--rntuple"):
        baler_vae.decompress(archive, tmp_path / "out.root")
    with baler_vae.open(archive) as opened:
        names = [name for name in opened.schema.order if name.split("[")[0] not in (*NESTED, *LISTED)]
    baler_vae.decompress(archive, tmp_path / "out.root", columns=names)
    with uproot.open(f"{KINDS}:Events") as before, uproot.open(f"{tmp_path}/out.root:Events") as after:
        types = before.typenames()
        for name in set(types) - {*NESTED, *LISTED}:
            assert_same(before[name].array(), after[name].array())
            expected = types[name].replace("std::vector<", "").replace(">", "[]")
            expected = {"char*": "std::string"}.get(expected, expected)
            assert after[name].typename in {OTHER_TYPES.get(name, expected), "char*"}


def test_everything_comes_back_as_parquet(archive, tmp_path):
    baler_vae.decompress(archive, tmp_path / "out.parquet")
    back = ak.from_parquet(tmp_path / "out.parquet")
    with uproot.open(f"{KINDS}:Events") as before:
        for name in set(before.keys()) - {"p4"}:
            assert_same(before[name].array(), back[name])


def test_bounds_hold_for_elements_of_arrays(tmp_path):
    info = baler_vae.compress(
        f"{KINDS}:Events", tmp_path / "a.bvae", kind="independent", bound=["fixed=abs:0.5", "Jet_cov=abs:0.25"]
    )
    bounds = {column.name: column.bound for column in info.columns}
    assert bounds["fixed[1]"] == "abs:0.5"
    assert bounds["Jet_cov[0]"] == "abs:0.25"
    checks = {check.name: check for check in baler_vae.verify(tmp_path / "a.bvae", against=f"{KINDS}:Events").columns}
    assert not any(check.n_broken for check in checks.values())
    assert 0 < checks["fixed[1]"].worst <= 1


def test_titles_and_types_stand_in_the_archive(archive):
    with baler_vae.open(archive) as opened:
        columns = {column.name: column for column in opened.info().columns}
        arrays = {array.name: array for array in opened.schema.arrays}
    assert columns["d32range"].typename == "Double32_t"
    assert columns["d32range"].title == "d32range/d[0,10,16]"
    assert columns["deep"].typename == "std::vector<std::vector<float>>"
    assert arrays["grid"].title == "grid[2][3]/I"


@pytest.mark.full
def test_root_reads_what_comes_back(root, tmp_path):
    root.write(tmp_path / "kinds.root", 500)
    source = f"{tmp_path}/kinds.root:Events"
    baler_vae.compress(source, tmp_path / "a.bvae", kind="independent", bound="exact")
    with baler_vae.open(tmp_path / "a.bvae") as opened:
        names = [name for name in opened.schema.order if name.split("[")[0] not in (*NESTED, *LISTED)]
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "tree.root", columns=names)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "ntuple.root", rntuple=True)
    by_root = root.read(tmp_path / "kinds.root", "Events")
    for path in ("tree.root", "ntuple.root"):
        found = root.read(tmp_path / path, "Events")
        shared = [name for name in by_root if name in found]
        assert len(shared) >= 15
        for name in shared:
            assert found[name] == by_root[name]
    with uproot.open(source) as tree:
        for name in ("i", "ul", "d", "o", "Jet_pt", "fixed", "v"):
            assert by_root[name] == ak.to_list(tree[name].array())


@pytest.mark.full
def test_root_reads_the_whole_higgs_file_that_comes_back(root, data_dir, tmp_path):
    path = data_dir / "uproot-HZZ.root"
    baler_vae.compress(f"{path}:events", tmp_path / "a.bvae", kind="independent")
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.root")
    after = root.read(tmp_path / "out.root", "events")
    with baler_vae.open(tmp_path / "a.bvae") as opened:
        exact = {column.name for column in opened.info().columns if column.bound == "exact"}
        read = opened.arrays()
    with uproot.open(f"{path}:events") as before, uproot.open(f"{tmp_path}/out.root:events") as restored:
        assert before.typenames() == restored.typenames()
        assert set(after) == set(before.keys())
        assert len(after) == 51
        for name, values in after.items():
            assert values == ak.to_list(read[name])
            if name in exact:
                assert values == ak.to_list(before[name].array())
