"""Padded arrays from a file to a file: found by themselves, coded without padding, given back with it."""

import awkward as ak
import numpy as np
import pandas as pd
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.manifest import PaddedArrayEntry, PaddedEntry
from baler_vae.codec.codec import Codec
from baler_vae.errors import ArchiveError, CorruptArchive, UsageError
from baler_vae.io.chain import open_sources
from baler_vae.io.files import open_source, open_table, write_file
from baler_vae.source.padding import alike
from baler_vae.table.padding import spread_batches, without_collections
from tests.padded import padded_jets

from .test_shapes import FORMATS, write, written

ALONE = {"kind": "independent"}
LARGE, SMALL = (30, 4), (8, 3)
"""Shapes that are one column, and that are a column for each element."""


def arrays(n_rows=120, shape=SMALL, dtype="f4", padding=0):
    """Jets and a number beside them."""
    jets = padded_jets(n_rows, *shape, dtype, padding)
    return {"x": np.arange(n_rows, dtype="f4"), "jets": jets}


@pytest.mark.parametrize("shape", [SMALL, LARGE])
@pytest.mark.parametrize("name", FORMATS)
def test_files_come_back_bit_for_bit(tmp_path, name, shape):
    source, archive, back = tmp_path / name, tmp_path / "a.bvae", tmp_path / f"back-{name}"
    given = arrays(shape=shape)
    given["jets"][5, 1] = 0  # padding between objects, in one of many rows
    given["jets"][7, 2] = -0.0
    write(source, given)
    info = baler_vae.compress(source, archive, bound="exact", **ALONE)
    assert [group.name for group in info.groups] == ["events", "jets"]
    assert any("padding" in note for note in info.source.notes)
    assert info.original_bytes == given["jets"].nbytes + given["x"].nbytes
    baler_vae.decompress(archive, back, rntuple=name.startswith("ntuple"))
    assert written(back) == written(source)
    assert not baler_vae.verify(archive, against=source).broken
    assert [own.name for own in baler_vae.evaluate(source, back).columns][-3:] == [
        f"jets[:,{i}]" for i in range(shape[1])
    ][-3:]


@pytest.mark.parametrize("dtype", ["f2", "f8", "i4", "u1", "?"])
@pytest.mark.parametrize("padding", [0, 1])
def test_any_dtype_and_padding(dtype, padding):
    given = arrays(dtype=dtype, padding=padding)
    if dtype == "?":
        given["jets"] = (arrays()["jets"] != 0) ^ bool(padding)
    blob = baler_vae.dumps(given, bound="exact", **ALONE)
    assert groups(blob) == ["events", "jets"]
    back = baler_vae.loads(blob)
    assert back["jets"].tobytes() == given["jets"].tobytes()
    assert back["jets"].dtype == given["jets"].dtype


def test_padding_of_nan_and_of_a_value_for_each_feature():
    bits = np.array([0x7FC00123, 0xFFC00000, 0xC2C60000], np.uint32)
    given = arrays(padding=bits.view(np.float32))
    given["jets"].view(np.uint32)[given["jets"][..., 0] != given["jets"][..., 0]] = bits
    blob = baler_vae.dumps(given, bound="exact", **ALONE)
    assert groups(blob) == ["events", "jets"]
    assert baler_vae.loads(blob)["jets"].tobytes() == given["jets"].tobytes()


@pytest.mark.parametrize("bound", ["bits:4", "abs:5", "range:0.1", "rel:0.1"])
def test_padding_is_exact_under_any_bound(tmp_path, bound):
    given = arrays(padding=-999)
    np.savez(tmp_path / "in.npz", **given)
    baler_vae.compress(tmp_path / "in.npz", tmp_path / "a.bvae", bound=bound, **ALONE)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "back.npz")
    back = np.load(tmp_path / "back.npz")["jets"]
    is_padding = given["jets"] == -999
    assert (back[is_padding] == -999).all()
    assert (back != given["jets"]).any()
    assert not baler_vae.verify(tmp_path / "a.bvae", against=tmp_path / "in.npz").broken


def test_objects_that_become_padding_are_compared_all_the_same(tmp_path):
    """Under a wide bound the last object of a row may be restored as zeros, as padding is."""
    given = arrays()
    given["jets"][3, 4:] = 0
    given["jets"][3, 4] = 0.01
    np.savez(tmp_path / "in.npz", **given)
    baler_vae.compress(tmp_path / "in.npz", tmp_path / "a.bvae", bound="abs:1", **ALONE)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "back.npz")
    back = np.load(tmp_path / "back.npz")["jets"]
    assert not back[3, 4].any()
    of_files = baler_vae.evaluate(tmp_path / "in.npz", tmp_path / "back.npz")
    of_archive = baler_vae.evaluate(tmp_path / "in.npz", tmp_path / "a.bvae")
    for own, other in zip(of_files.columns, of_archive.columns, strict=True):
        assert (own.name, own.n_rows, own.rms) == (other.name, other.n_rows, other.rms)


def test_arrays_of_as_many_slots_are_one_collection(tmp_path):
    """pt, a flag that is mostly zero, and a mask: each as it was."""
    jets = padded_jets(150, 10, 1)[:, :, 0]
    is_there = jets != 0
    rng = np.random.default_rng(4)
    given = {
        "jet_pt": jets,
        "jet_btag": (rng.random(jets.shape) < 0.1) & is_there,
        "jet_mask": is_there,
        "label": rng.integers(0, 2, 150).astype("i1"),
    }
    write(tmp_path / "in.root", given)
    baler_vae.compress(tmp_path / "in.root", tmp_path / "a.bvae", bound="exact", **ALONE)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert [group.name for group in archive.schema.groups] == ["events", "jet"]
        assert archive.schema.groups[1].names == ("jet_pt", "jet_btag", "jet_mask")
        assert archive.keys() == list(given)
        assert archive.arrays("jet_pt", library="np")["jet_pt"].tobytes() == jets.tobytes()
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "back.root")
    assert written(tmp_path / "back.root") == written(tmp_path / "in.root")
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "pt.parquet", columns="jet_pt")
    back = ak.from_parquet(tmp_path / "pt.parquet")
    assert back.fields == ["jet_pt"]
    assert ak.to_numpy(back["jet_pt"]).tobytes() == jets.tobytes()
    baler_vae.compress(tmp_path / "in.root", tmp_path / "some.bvae", columns=["jet_btag"], bound="exact", **ALONE)
    with baler_vae.open(tmp_path / "some.bvae") as archive:
        assert archive.keys() == ["jet_btag"]
        assert ak.to_numpy(archive["jet_btag"].array()).tolist() == given["jet_btag"].tolist()
    assert not baler_vae.verify(tmp_path / "some.bvae", against=tmp_path / "in.root").broken


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A file of jets, and its archive, in which every feature has a bound of its own."""
    folder = tmp_path_factory.mktemp("padded")
    np.savez(folder / "in.npz", **arrays())
    bounds = ["exact", "jets=bits:10", "jets[:,1]=abs:0.5"]
    baler_vae.compress(folder / "in.npz", folder / "a.bvae", bound=bounds, **ALONE)
    return folder / "a.bvae"


def test_names_and_bounds(archive):
    with baler_vae.open(archive) as opened:
        assert opened.keys() == ["x", "jets"]
        assert "jets[:,1]" in opened
        assert opened.typenames()["jets"] == "float32[8, 3]"
        assert {name: str(bound) for name, bound in opened.bounds.items()} == {
            "x": "exact",
            "njets": "exact",
            "jets[:,0]": "bits:10",
            "jets[:,1]": "abs:0.5",
            "jets[:,2]": "bits:10",
        }
        assert opened["jets"].bound == "bits:10, abs:0.5"


def test_both_views_of_objects(archive):
    given = arrays()["jets"]
    counts = (given != 0).any(axis=2).sum(axis=1)
    with baler_vae.open(archive) as opened:
        both = opened.arrays(["jets", "jets[:,0]", "njets"])
        assert ak.num(both["jets[:,0]"]).tolist() == both["njets"].tolist() == counts.tolist()
        filled = ak.to_numpy(ak.fill_none(ak.pad_none(both["jets[:,0]"], 8), np.float32(0)))
        assert filled.tobytes() == ak.to_numpy(both["jets"])[:, :, 0].tobytes()
        assert opened.arrays("jets", library="np", entry_start=7, entry_stop=11)["jets"].shape == (4, 8, 3)
        cut = opened.arrays("jets[:,0]", cut='get("jets[:,0]") > 30')["jets[:,0]"]
        assert ak.all(cut > 30)
        steps = list(opened.iterate("jets", step_size=50, library="np"))
        assert np.concatenate([step["jets"] for step in steps]).shape == given.shape
        frame = opened.arrays(["jets[:,0]", "jets[:,2]"], library="pd")
        assert frame.index.names == ["entry", "subentry"]
        assert len(frame) == counts.sum()
        virtual = opened.arrays(virtual=True)
        assert ak.to_numpy(virtual["jets"]).tobytes() == ak.to_numpy(both["jets"]).tobytes()
        table = opened.arrays(library="pa")
        assert table.column_names == ["x", "jets"]
        zipped = opened.arrays(how="zip")
        assert set(zipped.fields) == {"x", "jets"}
    assert baler_vae.loads(archive.read_bytes(), library="pd").shape == (120, 1 + 24)


def test_one_feature_alone_is_a_list(archive, tmp_path):
    baler_vae.decompress(archive, tmp_path / "one.parquet", columns="jets[:,0]")
    back = ak.from_parquet(tmp_path / "one.parquet")
    assert back.fields == ["jets[:,0]"]
    counts = (arrays()["jets"] != 0).any(axis=2).sum(axis=1)
    assert ak.num(back["jets[:,0]"]).tolist() == counts.tolist()
    source = archive.parent / "in.npz"
    baler_vae.compress(source, tmp_path / "one.bvae", columns="jets[:,1]", bound="exact", **ALONE)
    assert not baler_vae.verify(tmp_path / "one.bvae", against=source).broken
    assert [own.name for own in baler_vae.evaluate(source, tmp_path / "one.bvae").columns] == ["njets", "jets[:,1]"]


@pytest.mark.parametrize("suffix", [".csv", ".root", ".h5", ".parquet", ".feather", ".npz"])
def test_any_format_has_the_arrays(archive, tmp_path, suffix):
    baler_vae.decompress(archive, tmp_path / f"back{suffix}")
    back = open_table(tmp_path / f"back{suffix}")
    with baler_vae.open(archive) as opened:
        wanted = without_collections(opened.schema)
    assert set(back.schema.order) == set(wanted.order)


def test_a_codec_describes_other_files(archive, tmp_path):
    """Whatever a sample of them shows: without any row, without padding, with padding of another value."""
    codec = Codec.of_archive(archive)
    for number, given in enumerate(
        [arrays(0), arrays(1), arrays(30, padding=-1), {"x": np.ones(40, "f4"), "jets": np.ones((40, *SMALL), "f4")}]
    ):
        np.savez(tmp_path / f"{number}.npz", **given)
        baler_vae.compress(tmp_path / f"{number}.npz", tmp_path / f"{number}.bvae", codec=codec)
        assert not baler_vae.verify(tmp_path / f"{number}.bvae", against=tmp_path / f"{number}.npz").broken
        baler_vae.decompress(tmp_path / f"{number}.bvae", tmp_path / f"{number}-back.npz")
        with np.load(tmp_path / f"{number}-back.npz") as back:
            assert back["jets"].shape == given["jets"].shape
            assert np.allclose(back["jets"], given["jets"], atol=0.5)
        block = codec.encode(open_source(tmp_path / f"{number}.npz"))
        assert codec.decode(block)["jets"].shape == given["jets"].shape
    with pytest.raises(UsageError, match="file lacks"):
        codec.encode({"x": np.ones(3, "f4")})
    baler_vae.merge([tmp_path / "1.bvae", tmp_path / "2.bvae"], tmp_path / "merged.bvae")
    with baler_vae.open(tmp_path / "merged.bvae") as merged:
        assert merged.arrays("jets", library="np")["jets"].shape == (31, *SMALL)
    joined = baler_vae.concatenate([tmp_path / "1.bvae", tmp_path / "2.bvae"], "jets", library="np")
    assert joined["jets"].shape == (31, *SMALL)


def test_archives_of_plain_arrays_are_still_compared(tmp_path):
    """A file that looks padded now, with an archive that has its arrays as they are."""
    given = arrays()
    np.savez(tmp_path / "in.npz", **given)
    plain = open_table(tmp_path / "in.npz")
    baler_vae.compress(plain, tmp_path / "old.bvae", bound="exact", **ALONE)
    assert groups(tmp_path / "old.bvae") == ["events"]
    assert not baler_vae.verify(tmp_path / "old.bvae", against=tmp_path / "in.npz").broken
    baler_vae.compress(tmp_path / "in.npz", tmp_path / "new.bvae", codec=Codec.of_archive(tmp_path / "old.bvae"))
    assert groups(tmp_path / "new.bvae") == ["events"]
    baler_vae.compress(tmp_path / "in.npz", tmp_path / "padded.bvae", bound="exact", **ALONE)
    found = baler_vae.evaluate(tmp_path / "padded.bvae", tmp_path / "old.bvae")
    assert all(own.n_different == 0 for own in found.columns)


def test_several_files_are_one_source(tmp_path):
    """The first says what is padded, though another alone would not look so."""
    np.savez(tmp_path / "a.npz", **arrays())
    np.savez(tmp_path / "b.npz", x=np.ones(9, "f4"), jets=np.ones((9, *SMALL), "f4"))
    names = [tmp_path / "a.npz", tmp_path / "b.npz"]
    assert [group.name for group in open_sources(names).schema.groups] == ["events", "jets"]
    baler_vae.compress(names, tmp_path / "ab.bvae", bound="exact", **ALONE)
    assert not baler_vae.verify(tmp_path / "ab.bvae", against=names).broken
    with baler_vae.open(tmp_path / "ab.bvae") as opened:
        back = opened["jets"].array(library="np")
    assert back.tobytes() == np.concatenate([np.load(name)["jets"] for name in names]).tobytes()


def test_files_with_arrays_of_another_shape_are_refused_as_before(tmp_path):
    np.savez(tmp_path / "a.npz", **arrays())
    np.savez(tmp_path / "b.npz", x=np.ones(90, "f4"), jets=padded_jets(90, 9, 3))
    joined = open_sources([tmp_path / "a.npz", tmp_path / "b.npz"])
    assert joined.schema.padded == ()
    assert "jets" in joined.unsupported
    assert joined.select(["x"]).order == ("x",)


@pytest.mark.parametrize("kind", [dict, pd.DataFrame, ak.Array])
def test_data_in_memory(kind):
    given = arrays()
    if kind is pd.DataFrame:
        data = pd.DataFrame({"x": given["x"], **{f"p{i}": given["jets"][:, 0, i] for i in range(3)}})
    else:
        data = (
            given
            if kind is dict
            else ak.Array({name: ak.from_numpy(a, regulararray=True) for name, a in given.items()})
        )
    blob = baler_vae.dumps(data, bound="exact", **ALONE)
    back = baler_vae.loads(blob)
    assert groups(blob) == (["events"] if kind is pd.DataFrame else ["events", "jets"])
    assert type(back) is kind
    if kind is not pd.DataFrame:
        assert ak.to_numpy(back["jets"]).tobytes() == given["jets"].tobytes()


def groups(place):
    with baler_vae.open(place) as opened:
        return [group.name for group in opened.schema.groups]


def forged(archive, path, of_array=None, **of_collection):
    """The archive with another description of its padded collection."""
    with ArchiveFile(archive) as file, writing_archive(path) as writer:
        for name in file.manifest.sections:
            writer.add(name, file.section(name))
        document = file.manifest.to_document()["padded"][0] | of_collection
        if of_array:
            document["arrays"] = [document["arrays"][0] | of_array]
        made = PaddedEntry.model_construct(
            **document | {"arrays": [PaddedArrayEntry.model_construct(**array) for array in document["arrays"]]}
        )
        writer.finish(file.manifest.model_copy(update={"padded": (made,)}))
    return path


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
@pytest.mark.parametrize(
    "change",
    [
        {"shape": [8, 4]},
        {"shape": [1 << 40, 3]},
        {"shape": []},
        {"shape": [0, 3]},
        {"padding": [0, 0]},
        {"padding": [0, 0, 1 << 32]},
        {"padding": [0, 0, -1]},
        {"padding": [0, 0, 0.5]},
        {"dtype": "text"},
        {"dtype": "float64"},
        {"features": ["x", "jets[:,1]", "jets[:,2]"]},
        {"features": ["jets[:,1]", "jets[:,1]", "jets[:,2]"]},
        {"name": "x"},
        {"is_column": "perhaps"},
    ],
)
def test_descriptions_that_cannot_be_are_refused(archive, tmp_path, change):
    with pytest.raises(ArchiveError):
        baler_vae.open(forged(archive, tmp_path / "forged.bvae", change))


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
@pytest.mark.parametrize("change", [{"counter": "x"}, {"counter": "none"}, {"group": "events"}, {"arrays": []}])
def test_collections_that_cannot_be_are_refused(archive, tmp_path, change):
    with pytest.raises(ArchiveError):
        baler_vae.open(forged(archive, tmp_path / "forged.bvae", **change))


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
def test_fewer_slots_than_objects_are_refused(archive, tmp_path):
    small = forged(archive, tmp_path / "forged.bvae", {"shape": [7, 3]})
    with baler_vae.open(small) as opened, pytest.raises(CorruptArchive, match="more objects than slots"):
        opened.arrays()
    with pytest.raises(CorruptArchive, match="more objects than slots"):
        baler_vae.decompress(small, tmp_path / "back.npz")


def test_sources_are_told_alike(archive, tmp_path):
    """The description of an archive goes first, where the other has such arrays."""
    np.savez(tmp_path / "other.npz", **arrays(120, padding=-1))
    other = open_source(tmp_path / "other.npz")
    with baler_vae.open(archive) as opened:
        own = opened.as_source()
        for pair in (alike(own, other), alike(other, own)):
            assert {source.schema.padded for source in pair} == {own.schema.padded}
        np.savez(tmp_path / "without.npz", x=np.ones(120, "f4"), y=np.ones(120, "f4"))
        assert [s.schema.padded for s in alike(own, open_source(tmp_path / "without.npz"))] == [(), ()]
        plain = own.arrays
        values = np.concatenate([batch[0]["x"] for batch in plain.read(plain.schema.only({"x"}))])
        assert values.tolist() == arrays()["x"].tolist()
        write_file(tmp_path / "again.npz", own.schema, own.read(own.schema))
        whole = list(spread_batches(own.read(own.schema), own.schema))
        assert sum(batch[0].n_rows for batch in whole) == 120
