"""Files and data that are one array of three or more axes, and arrays that earlier versions described otherwise."""

import h5py
import numpy as np
import pandas as pd
import pytest

import baler_vae
from baler_vae.errors import SourceError, UsageError
from baler_vae.grid import codes
from baler_vae.io.chain import open_sources
from baler_vae.io.files import open_source
from baler_vae.source import grouping
from baler_vae.source.array_columns import is_stack
from baler_vae.table.schema import MOST_CELLS
from baler_vae.verbs import verify as verifying
from tests.verbs.test_shapes import FORMATS, write

ALONE = {"kind": "independent"}
STACKS = ("a.npz", "a.npy", "a.h5")


def save(path, array):
    """A file that is one array; how it is opened."""
    if path.suffix == ".npz":
        np.savez(path, data=array, **({} if array.dtype.kind == "c" else {"names": np.array([])}))
    elif path.suffix == ".npy":
        np.save(path, array)
    else:
        with h5py.File(path, "w") as file:
            chunks = (min(2, len(array)), *array.shape[1:]) if array.size else None
            file.create_dataset("g/data", data=array, chunks=chunks).attrs["unit"] = "m/s"
            file["other"] = np.arange(3)
        return f"{path}:g/data"
    return str(path)


def contents(path):
    """What `save` wrote, so that two files can be compared to the bit."""
    if path.suffix == ".npy":
        return path.read_bytes()
    if path.suffix == ".npz":
        with np.load(path) as file:
            return {n: (a.dtype, a.shape, a.flags.f_contiguous, a.tobytes()) for n, a in file.items()}
    with h5py.File(path) as file:
        data = file["g/data"]
        return list(file), dict(data.attrs), data.dtype, data.shape, data.chunks, data[()].tobytes()


class Earlier:
    """A context in which files are read as earlier versions read them."""

    def __enter__(self):
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(grouping, "LEAST_CELLS", 257)

    def __exit__(self, *_):
        self._patch.undo()


@pytest.mark.parametrize("shape", [(9, 8, 8), (3, 1, 4, 16), (1, 100, 1), (0, 8, 9)])
@pytest.mark.parametrize(
    ("name", "dtype", "order"),
    [
        *((n, d, o) for n in STACKS[:2] for d, o in [("f8", "C"), (">f4", "F"), ("c8", "C"), ("?", "F")]),
        ("a.h5", ">f4", "C"),
    ],
)
def test_the_first_axis_of_an_array_is_its_rows(tmp_path, name, dtype, order, shape):
    values = np.random.default_rng(0).normal(size=shape) * 50
    source = save(tmp_path / name, np.asarray(values.astype(dtype), order=order))
    baler_vae.compress(source, tmp_path / "a.bvae", bound="exact", **ALONE)
    names = ["data.real", "data.imag"] if dtype == "c8" else ["data"]
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert (archive.num_entries, archive.keys()) == (shape[0], names)
        assert {archive[key].array(library="np").shape for key in names} == {shape}
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / f"back_{name}")
    expected = contents(tmp_path / name)
    if name == "a.h5":
        expected = (["g"], *expected[1:])  # of one dataset the rest of the file is not kept
    assert contents(tmp_path / f"back_{name}") == expected
    assert baler_vae.verify(tmp_path / "a.bvae", against=source).broken == ()


@pytest.mark.parametrize("array", [np.arange(24.0).reshape(2, 3, 4), np.zeros((70, 70)), np.zeros((2, 64, 0))])
def test_what_is_no_stack_is_a_table(tmp_path, array):
    for name in STACKS:
        source = save(tmp_path / name, array)
        if not array.size:
            with pytest.raises(SourceError, match="holds no columns: its last axis is empty"):
                open_source(source)
            continue
        opened = open_source(source)
        assert opened.n_events == array.size // array.shape[-1]
        assert len(opened.schema.order) == array.shape[-1]
        assert opened.earlier is None


def test_an_axis_of_length_0():
    array = np.zeros((5, 0, 70))
    assert baler_vae.loads(baler_vae.dumps(array, **ALONE)).shape == array.shape


def test_a_dataset_with_an_axis_of_length_0(tmp_path):
    with pytest.raises(SourceError, match=r"one of its axes is empty \(found a shape of \(5, 0, 70\)\)"):
        open_source(save(tmp_path / "a.h5", np.zeros((5, 0, 70))))


@pytest.mark.parametrize("order", ["C", "F"])
def test_data_in_memory(order):
    rng = np.random.default_rng(0)
    array = np.asarray(rng.normal(size=(20, 8, 9)).astype("f4"), order=order)
    for data, names in [(array, ["data"]), ({"image": array, "x": np.arange(20)}, ["image", "x"])]:
        blob = baler_vae.dumps(data, bound="range:1e-3", **ALONE)
        back = baler_vae.loads(blob)
        found = back if isinstance(back, np.ndarray) else back["image"]
        assert (found.shape, found.dtype, found.flags.f_contiguous) == (array.shape, array.dtype, order == "F")
        assert np.abs(found - array).max() <= 1e-3 * np.ptp(array)
        assert baler_vae.open(blob).keys() == names
    records = np.zeros(20, [("image", "f4", (8, 9)), ("x", "i4")])
    records["image"] = array
    blob = baler_vae.dumps(records, bound="exact", **ALONE)
    assert np.array_equal(baler_vae.loads(blob), records)
    assert baler_vae.open(blob).keys() == ["image", "x"]


def test_masked_arrays_alone_are_tables():
    """Numbers of columns may be missing, and cells may not."""
    values = np.random.default_rng(0).normal(size=(5, 8, 9))
    array = np.ma.MaskedArray(values, values > 1)
    blob = baler_vae.dumps(array, bound="exact", **ALONE)
    assert baler_vae.open(blob).keys() == [f"data_{number}" for number in range(9)]
    assert np.ma.allequal(baler_vae.loads(blob), array)
    assert np.array_equal(np.ma.getmaskarray(baler_vae.loads(blob)), array.mask)


def test_arrays_whose_shape_changes_are_kept_as_they_are():
    arrays = [np.full((8, 8), 1.5), np.full((9, 8), 2.5)]
    blob = baler_vae.dumps({"a": arrays}, **ALONE)
    assert [column.dtype for column in baler_vae.open(blob).info().columns] == ["nested"]
    back = baler_vae.loads(blob)["a"]
    assert [np.asarray(row).tolist() for row in back] == [row.tolist() for row in arrays]
    with pytest.raises(UsageError, match=r"different type.*shape \(9, 8\), expected float64 of the shape \(8, 8\)"):
        baler_vae.dumps([array[None] for array in arrays])


def test_all_that_reads_a_stack(tmp_path):
    array = np.random.default_rng(0).normal(size=(50, 8, 9)).cumsum(1)
    source = save(tmp_path / "a.npy", array)
    info = baler_vae.compress(source, tmp_path / "a.bvae", bound="data=range:1e-3", columns="data", **ALONE)
    (column,) = info.columns
    assert (column.name, column.dtype, column.original_bytes) == ("data", "float64[8, 9]", array.nbytes)
    assert column.bound.startswith("abs:")
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        restored = archive["data"].array(library="np")
        assert np.abs(restored - array).max() <= 1e-3 * np.ptp(array)
        assert str(archive["data"].array().type) == "50 * 8 * 9 * float64"
        assert isinstance(archive.arrays(library="pd"), pd.DataFrame)
        assert archive.arrays(library="pd")["data"][7].tobytes() == restored[7].tobytes()
        part = archive.arrays(entry_start=3, entry_stop=9, library="np")["data"]
        assert part.tobytes() == restored[3:9].tobytes()
    steps = [step["data"] for step in baler_vae.iterate(tmp_path / "a.bvae", step_size=20, library="np")]
    assert np.concatenate(steps).tobytes() == restored.tobytes()
    with pytest.raises(UsageError, match="no column matches 'data_0'"):
        baler_vae.compress(source, tmp_path / "b.bvae", columns="data_0")
    evaluation = baler_vae.evaluate(source, tmp_path / "a.bvae")
    assert [(one.name, one.n_rows) for one in evaluation.columns] == [("data", array.size)]
    baler_vae.merge([tmp_path / "a.bvae", tmp_path / "a.bvae"], tmp_path / "two.bvae", force=True)
    baler_vae.decompress(tmp_path / "two.bvae", tmp_path / "two.npy")
    assert np.load(tmp_path / "two.npy").tobytes() == np.concatenate([restored, restored]).tobytes()
    for name in ("b.npz", "b.h5", "b.root", "b.parquet", "b.feather"):
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / name)
        assert baler_vae.evaluate(source, tmp_path / name).columns[0].largest == evaluation.columns[0].largest


def test_a_dataset_goes_back_to_its_own_name(tmp_path):
    """Also where what is not a column is not kept, for which columns are named."""
    source = save(tmp_path / "a.h5", np.random.default_rng(0).normal(size=(6, 8, 9)))
    baler_vae.compress(source, tmp_path / "a.bvae", columns="data", bound="exact", **ALONE)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "b.h5")
    with h5py.File(tmp_path / "a.h5") as one, h5py.File(tmp_path / "b.h5") as other:
        assert np.array_equal(one["g/data"], other["g/data"])


def test_another_shape_is_named(tmp_path):
    rng = np.random.default_rng(0)
    for name in FORMATS:
        for folder, shape in [("a", (8, 9)), ("b", (9, 8)), ("c", (4, 4)), ("d", (4, 5))]:
            (tmp_path / folder).mkdir(exist_ok=True)
            write(tmp_path / folder / name, {"image": rng.normal(size=(6, *shape)), "x": np.arange(6)})
    found, expected = {}, {}
    for one, other in [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("c", "d")]:
        for name in FORMATS:
            first, second = (open_source(str(tmp_path / folder / name)) for folder in (one, other))
            with pytest.raises(UsageError, match="the codec has a different shape") as caught:
                second.match(first.schema, "the codec", "Fit a codec on this file")
            found.setdefault((one, other), set()).add(caught.value.found)
            expected.setdefault((one, other), set()).add(caught.value.expected)
            files = [tmp_path / folder / name for folder in (one, other)]
            with pytest.raises(SourceError, match=r"image \(float64\[\d, \d\] in .*, float64\[\d, \d\] in "):
                open_sources(files).select()
            assert open_sources(files).select(skip_unreadable=True).order == ("x",)
    kinds = {"a": "float64[8, 9]", "b": "float64[9, 8]", "c": "float64[4, 4]", "d": "float64[4, 5]"}
    assert found == {(one, other): {kinds[other]} for one, other in found}
    assert expected == {(one, other): {kinds[one]} for one, other in found}


@pytest.mark.parametrize("name", FORMATS)
def test_codecs_and_archives_with_a_column_for_each_element(tmp_path, name):
    """As earlier versions had arrays of up to 256 elements."""
    rng = np.random.default_rng(0)
    arrays = {"image": rng.normal(size=(12, 16, 4)), "large": rng.normal(size=(12, 20, 15)), "x": np.arange(12.0)}
    source = tmp_path / name
    write(source, arrays)
    with Earlier():
        codec = baler_vae.fit(source, bound="abs:0.1", **ALONE)
        part = baler_vae.fit(source, columns=["image[1][2]", "x"], bound="exact", **ALONE)
        baler_vae.compress(source, tmp_path / "a.bvae", codec=codec)
    assert [array.name for array in codec.schema.arrays] == ["image"]
    assert open_source(str(source)).schema.arrays == ()
    info = baler_vae.compress(source, tmp_path / "b.bvae", codec=codec)
    assert not any("left out" in text for text in info.source.warnings)
    assert (tmp_path / "a.bvae").read_bytes() == (tmp_path / "b.bvae").read_bytes()
    assert baler_vae.verify(tmp_path / "a.bvae", against=source).broken == ()
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / f"back_{name}")
    if name in {"a.h5", "a.root"}:
        for pair in [(source, tmp_path / "a.bvae"), (tmp_path / "a.bvae", tmp_path / f"back_{name}")]:
            evaluation = baler_vae.evaluate(*pair)
            assert (len(evaluation.columns), evaluation.missing) == (16 * 4 + 2, ())
    files = [source, source]
    baler_vae.compress(files, tmp_path / "c.bvae", codec=codec)
    assert baler_vae.verify(tmp_path / "c.bvae", against=files).broken == ()
    baler_vae.compress(source, tmp_path / "d.bvae", codec=part)
    with baler_vae.open(tmp_path / "d.bvae") as archive:
        assert np.array_equal(archive["image[1][2]"].array(library="np"), arrays["image"][:, 1, 2])


@pytest.mark.parametrize("name", STACKS)
def test_codecs_and_archives_with_rows_of_all_axes_but_the_last(tmp_path, name):
    array = np.random.default_rng(0).normal(size=(10, 9, 8)).cumsum(1)
    source = save(tmp_path / name, array)
    with Earlier():
        codec = baler_vae.fit(source, bound="abs:0.1", **ALONE)
        baler_vae.compress(source, tmp_path / "a.bvae", codec=codec)
        memory = baler_vae.fit(array, bound="abs:0.1", **ALONE)
        block = memory.encode(array)
    assert (len(codec.schema.order), open_source(source).n_events) == (8, 10)
    for files, path in [(source, "b.bvae"), ([source, source], "c.bvae")]:
        baler_vae.compress(files, tmp_path / path, codec=codec)
        assert baler_vae.verify(tmp_path / path, against=files).broken == ()
    assert (tmp_path / "a.bvae").read_bytes() == (tmp_path / "b.bvae").read_bytes()
    with baler_vae.open(tmp_path / "c.bvae") as archive:
        assert archive.num_entries == 2 * 90
    verifying.verify_bounds(tmp_path / "b.bvae", open_source(source))
    assert len(baler_vae.evaluate(source, tmp_path / "a.bvae").columns) == 8
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / f"back_{name}")
    back = save(tmp_path / f"like_{name}", array).replace(f"like_{name}", f"back_{name}")
    assert open_source(back).n_events == 10
    assert baler_vae.evaluate(tmp_path / "a.bvae", back).columns[0].n_rows == 90
    assert memory.encode(array) == block
    blob = baler_vae.dumps(array, codec=memory)
    assert np.abs(baler_vae.loads(blob) - array).max() <= 0.1
    assert baler_vae.verify(blob, against=array).broken == ()
    assert baler_vae.verify(baler_vae.dumps([array, array], codec=memory), against=[array, array]).broken == ()


def test_the_names_of_the_columns_of_a_stack_are_beside_it(tmp_path):
    arrays = {"data": np.arange(1152.0).reshape(16, 9, 8), "names": np.array(list("abcdefgh"))}
    np.savez(tmp_path / "a.npz", **arrays)
    source = open_source(str(tmp_path / "a.npz"))
    assert (source.schema.order, set(source.extra_bytes)) == (("data",), {"names"})
    baler_vae.compress(tmp_path / "a.npz", tmp_path / "a.bvae", bound="exact", **ALONE)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as file:
        assert {name: file[name].tolist() for name in file} == {n: a.tolist() for n, a in arrays.items()}


@pytest.mark.parametrize("name", ["a.npz", "a.h5"])
def test_arrays_are_compared_and_quantised_in_pieces(tmp_path, monkeypatch, name):
    array = np.random.default_rng(0).normal(size=(5, 9, 8))
    array[3, 4, 5] = np.nan
    array[1, 0, 0] = 1e200
    source = save(tmp_path / name, array)
    for piece in (1 << 20, 50):
        monkeypatch.setattr(verifying, "_CELLS", piece)
        monkeypatch.setattr(codes, "_PIECE", piece)
        baler_vae.compress(source, tmp_path / f"{piece}.bvae", bound="abs:0.1", **ALONE)
        changed = array.copy()
        changed[2, 0, :3] = 7
        changed[4, 8, 7] = 99
        other = save(tmp_path / f"other{piece}{name[1:]}", changed)
        (check,) = baler_vae.verify(tmp_path / f"{piece}.bvae", against=other).broken
        assert (check.n_values, check.n_broken, check.worst_row) == (5, 2, 4)
        assert check.original == "99.0 in cell [8, 7] of [9, 8]"
    assert (tmp_path / "50.bvae").read_bytes() == (tmp_path / f"{1 << 20}.bvae").read_bytes()


def test_arrays_beyond_the_most_cells_are_tables():
    for cells, is_one in [(MOST_CELLS // 8, True), (MOST_CELLS // 8 + 1, False)]:
        array = np.lib.stride_tricks.as_strided(np.zeros(1, "i1"), (2, 8, cells), (0, 0, 0))
        assert is_stack(array) is is_one
