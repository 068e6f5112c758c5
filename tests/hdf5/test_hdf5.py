"""HDF5: flat datasets, the hepfile layout, n-dimensional datasets."""

import h5py
import numpy as np
import pytest

from baler_vae.errors import OutputError, SourceError
from baler_vae.hdf5 import extras as hdf5_extras
from baler_vae.io.files import open_source, write_file
from baler_vae.table.schema import TEXT, Origin

COUNTS = np.array([1, 0, 2], "i4")


@pytest.fixture
def hdf5(tmp_path):
    """A file of the given datasets, and attributes `group@name`."""

    def build(**contents):
        path = tmp_path / "table.h5"
        with h5py.File(path, "w", track_order=True) as file:
            for name, value in contents.items():
                place, _, attribute = name.partition("@")
                if attribute:
                    file[place or "/"].attrs[attribute] = value
                else:
                    file[place] = value
        return path

    return build


HEPFILE = {
    "met": np.array([1.0, 2.0, 3.0], ">f4"),
    "muons/nmuons": COUNTS,
    "muons/px": np.array([1, 2, 3], ">f8"),
    "muons@counter": b"muons/nmuons",
    "jets/njets": COUNTS * 0,
    "jets/e": np.zeros(0, "f2"),
    "jets@counter": "jets/njets",
}


def test_the_hepfile_layout_is_jagged(hdf5, read):
    _, schema, batch = read(hdf5(**HEPFILE), step=2)
    assert [(g.name, g.counter, g.names) for g in schema.groups] == [
        ("events", None, ("met", "muons/nmuons", "jets/njets")),
        ("muons", "muons/nmuons", ("muons/px",)),
        ("jets", "jets/njets", ("jets/e",)),
    ]
    assert batch[0]["met"].dtype == np.dtype("f4")
    assert batch[0]["met"].dtype.isnative
    assert batch[1]["muons/px"].tolist() == [1, 2, 3]
    assert batch[2]["jets/e"].dtype == np.float16


def test_a_group_is_read_alone_with_short_names(hdf5, read):
    _, schema, batch = read(f"{hdf5(**HEPFILE)}:muons", step=2)
    assert schema.origin == Origin("hdf5", "muons")
    assert [(g.name, g.counter, g.names) for g in schema.groups] == [
        ("events", None, ("nmuons",)),
        ("muons", "nmuons", ("px",)),
    ]
    assert batch[1]["px"].tolist() == [1, 2, 3]


def test_a_group_or_dataset_that_is_not_there_is_refused(hdf5):
    with pytest.raises(SourceError, match="no group or dataset 'muon': the nearest names are 'muons'"):
        open_source(f"{hdf5(**HEPFILE)}:muon")


def test_what_is_no_column_is_kept_beside_the_columns(hdf5, read, tmp_path):
    path = hdf5(
        **HEPFILE,
        book=np.array([[b"a", b"b"]]),
        code=np.array([b"abc"] * 3),
        short=np.zeros(2),
        image=np.arange(6.0).reshape(3, 2),
        single=5,
        amplitude=np.zeros(3, complex),
    )
    with h5py.File(path, "a") as file:
        file.attrs["nentries"] = 3
        file["met"].attrs["unit"] = "GeV"
    source, schema, batch = read(path)
    assert not source.unsupported
    assert schema.order == ("met", "muons/nmuons", "muons/px", "jets/njets", "jets/e", "code", "image[0]", "image[1]")
    write_file(tmp_path / "out.h5", schema, [batch], extras=source.extras())
    with h5py.File(path) as before, h5py.File(tmp_path / "out.h5") as after:
        names: list[str] = []
        before.visit(names.append)
        for name in names:
            if isinstance(before[name], h5py.Dataset):
                assert after[name].dtype == before[name].dtype
                assert np.array_equal(after[name][()], before[name][()])
            assert dict(after[name].attrs) == dict(before[name].attrs)
        assert dict(after.attrs) == {"nentries": 3}


def test_what_is_too_large_to_be_kept_beside_the_columns_is_unsupported(hdf5, monkeypatch):
    monkeypatch.setattr(hdf5_extras, "_MOST_BYTES", 100)
    source = open_source(hdf5(**HEPFILE, short=np.zeros(2), long=np.zeros(20)))
    assert source.unsupported == {"long": "20 values, not 3, 160 bytes"}
    with pytest.raises(SourceError, match=r"long .*--skip-unreadable"):
        source.select()
    assert source.select(skip_unreadable=True).order == ("met", "muons/nmuons", "muons/px", "jets/njets", "jets/e")
    assert source.extra_bytes == {"short": 16}
    with hdf5_extras.open_extras(source.extras()) as extras:
        assert [e.path for e in extras.entries if e.is_dataset and e.path not in extras.templates] == ["/short"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"muons/px": np.zeros(4)}, "4 values, not 3"),
        ({"muons/nmuons": np.array([1, -1, 3])}, "/muons/nmuons does not count it"),
        ({"muons/nmuons": np.array([1.0, 0.0, 2.0])}, "/muons/nmuons does not count it"),
        ({"muons@counter": b"muons/absent"}, "/muons/absent does not count it"),
    ],
)
def test_objects_that_are_not_counted_are_unsupported(changed, reason, hdf5):
    source = open_source(hdf5(**{**HEPFILE, **changed}))
    assert source.unsupported["muons/px"] == reason
    assert source.select(["met"]).order == ("met",)


def test_flat_datasets_need_no_counter(hdf5, read):
    path = hdf5(b=np.array([True, False]), a=np.array([2**64 - 1, 0], "u8"), word=np.array(["π", ""], TEXT))
    _, schema, batch = read(path, step=1)
    assert schema.order == ("b", "a", "word")
    assert [batch[0][name].tolist() for name in schema.order] == [[True, False], [2**64 - 1, 0], ["π", ""]]


@pytest.mark.parametrize("shape", [(4,), (4, 3), (2, 2, 3)])
def test_an_array_of_any_dimensions_is_read_and_restored(shape, hdf5, tmp_path, read):
    array = np.arange(np.prod(shape), dtype=">f4").reshape(shape)
    path = hdf5(**{"deep/data": array})
    _, schema, batch = read(f"{path}:deep/data", step=3)
    assert schema.order == (("data",) if len(shape) == 1 else ("data_0", "data_1", "data_2"))
    write_file(tmp_path / "out.h5", schema, [batch])
    if len(shape) > 1:
        with h5py.File(tmp_path / "out.h5") as file:
            assert file["deep/data"].dtype == np.dtype("f4")
            assert np.array_equal(file["deep/data"], array)
    assert read(f"{tmp_path / 'out.h5'}:deep/data")[1].order == schema.order


@pytest.mark.parametrize("inner", ["", ":muons"])
def test_the_hepfile_layout_is_restored(inner, hdf5, tmp_path, read):
    _, schema, batch = read(f"{hdf5(**HEPFILE)}{inner}")
    write_file(tmp_path / "out.h5", schema, [batch])
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["muons"].attrs["counter"] == b"muons/nmuons"
        assert "full_names" not in file["muons"].attrs
        assert file["muons/px"][:].tolist() == [1, 2, 3]
    _, found, back = read(f"{tmp_path / 'out.h5'}{inner}")
    assert found == schema
    assert all(
        np.array_equal(old[name], new[name]) for old, new in zip(batch, back, strict=True) for name in old.arrays
    )


@pytest.mark.parametrize("base", ["", "deep/base"])
def test_names_of_any_kind_come_back(base, tmp_path, table, read):
    schema, batch = table(
        {"Jet": COUNTS, "nJet": COUNTS, "el/weight": COUNTS, "el/n": COUNTS, "nMu": COUNTS},
        {
            "Jet": ("nJet", {"Jet_pt": np.zeros(3), "a/b": np.zeros(3)}),
            "el": ("el/n", {"el/px": np.zeros(3), "el/py": np.zeros(3)}),
            "Mu": ("nMu", {"Mu/x": np.zeros(3), "Mu/deep/y": np.zeros(3)}),
        },
        Origin("hdf5", base),
    )
    path = tmp_path / "out.h5"
    write_file(path, schema, [batch])
    _, found, _ = read(f"{path}:{base}" if base else path)
    counted = {name: group.counter for group in found.groups for name in group.names}
    assert counted == {name: group.counter for group in schema.groups for name in group.names}


def test_titles_are_kept(hdf5, tmp_path, read):
    path = hdf5(**HEPFILE, **{"met@title": "missing energy", "@title": "A table"})
    _, schema, batch = read(path)
    write_file(tmp_path / "out.h5", schema, [batch])
    _, found, _ = read(tmp_path / "out.h5")
    assert found.columns[0].title == "missing energy"
    assert found.origin.title == "A table"


@pytest.mark.parametrize(
    ("word", "message"), [(None, "'w'.*cannot hold missing strings"), ("a\0b", "cannot be written as")]
)
def test_text_that_hdf5_cannot_hold_is_an_output_error(word, message, tmp_path, table):
    schema, batch = table({"w": np.array(["a", word], TEXT)})
    with pytest.raises(OutputError, match=message):
        write_file(tmp_path / "out.h5", schema, [batch])


def test_names_that_cannot_stand_beside_each_other_are_an_output_error(tmp_path, table):
    schema, batch = table({"a": COUNTS, "a/b": COUNTS})
    with pytest.raises(OutputError, match="cannot be written as an HDF5 file"):
        write_file(tmp_path / "out.h5", schema, [batch])


def test_references_lead_to_the_same_places(tmp_path):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["x"], file["y"] = np.arange(3.0), np.arange(3.0)
        file["x"].make_scale("x")
        file["y"].dims[0].attach_scale(file["x"])
        file["y"].attrs["unit"] = "GeV"
        file["pointers"] = np.array([file["x"].ref, file["y"].ref], h5py.ref_dtype)
    source = open_source(tmp_path / "in.h5")
    assert source.unsupported == {"pointers": "references into the file"}
    schema = source.select(skip_unreadable=True)
    write_file(tmp_path / "out.h5", schema, source.batches(schema, 10), extras=source.extras())
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["y"].attrs["unit"] == "GeV"
        assert file["y"].dims[0]["x"].name == file["y"].dims[0][0].name == "/x"
        assert file["x"].is_scale
        assert [file[place].name for place, _ in file["x"].attrs["REFERENCE_LIST"]] == ["/y"]
