"""Arrays in rows from a file to a file: every format, every bound, and what reads them on the way."""

import awkward as ak
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import uproot
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.errors import BoundBroken, OutputError, SourceError, UsageError
from baler_vae.grid.judge import keeps_bound
from baler_vae.io.chain import open_sources
from baler_vae.io.files import open_source
from baler_vae.study.advise import advise
from baler_vae.table import table as tables
from baler_vae.table.bounds import bound_of_text
from baler_vae.table.table import concatenate
from baler_vae.verbs import verify as verifying

FORMATS = ("a.root", "ntuple.root", "a.h5", "a.npz", "a.npy", "a.parquet", "a.feather")
DTYPES = ("f2", "f4", "f8", "i1", "u2", "i4", "i8", "?")
ALONE = {"kind": "independent"}


def fixed_lists(values, *, nullable=True):
    """Arrays (rows, *shape) as Arrow's lists of fixed sizes."""
    array = pa.array(values.reshape(-1))
    for size in reversed(values.shape[1:]):
        kind = pa.list_(pa.field("item", array.type, nullable=nullable), size)
        array = pa.FixedSizeListArray.from_arrays(array, type=kind)
    return array


def write(path, arrays):
    """A file of columns, each with a value or an array in every row, in the way that its format has for it."""
    suffix = path.suffix
    if suffix == ".npz":
        np.savez(path, **arrays)
    elif suffix == ".npy":
        records = np.zeros(len(arrays["x"]), [(name, a.dtype, a.shape[1:]) for name, a in arrays.items()])
        for name, array in arrays.items():
            records[name] = array
        np.save(path, records)
    elif suffix == ".h5":
        with h5py.File(path, "w", track_order=True) as file:
            for name, array in arrays.items():
                chunks = (min(3, len(array)), *array.shape[1:]) if len(array) else None
                file.create_dataset(name, data=array, chunks=chunks).attrs["unit"] = "GeV"
    elif suffix == ".root":
        values = {name: ak.from_numpy(array, regulararray=True) for name, array in arrays.items()}
        with uproot.recreate(path) as file:
            if path.stem == "ntuple":
                file.mkrntuple("tree", {name: array.type.content for name, array in values.items()}).extend(values)
            else:
                file.mktree("tree", {n: np.dtype((a.dtype, a.shape[1:])) for n, a in arrays.items()}).extend(arrays)
    else:
        table = pa.table({name: fixed_lists(array) for name, array in arrays.items()}, metadata={"made": "here"})
        (pq.write_table if suffix == ".parquet" else pa.feather.write_feather)(table, str(path))


def written(path):
    """What lies in a file, so that two can be compared to the bit."""
    suffix = path.suffix
    if suffix == ".npy":
        return path.read_bytes()
    if suffix == ".npz":
        with np.load(path) as file:
            return [(name, file[name].dtype, file[name].shape, file[name].tobytes()) for name in file]
    if suffix == ".h5":
        with h5py.File(path) as file:
            return [(n, d.dtype, d.shape, d.chunks, dict(d.attrs), d[()].tobytes()) for n, d in file.items()]
    if suffix == ".root":
        with uproot.open(path) as file:
            tree = file["tree"]
            arrays = {name: ak.to_numpy(tree[name].array()) for name in tree.keys()}
            return type(tree), [(n, tree[n].typename, a.shape, a.tobytes()) for n, a in arrays.items()]
    table = pq.read_table(path) if suffix == ".parquet" else pa.feather.read_table(path)
    values = [leaves(column.combine_chunks()).to_numpy(zero_copy_only=False).tobytes() for column in table.columns]
    return str(table.schema), table.schema.metadata, table.num_rows, values


def leaves(array):
    """The numbers in lists of fixed sizes."""
    while pa.types.is_fixed_size_list(array.type):
        array = array.flatten()
    return array


def some(rng, dtype, shape):
    """Values of a dtype, NaN, infinities and -0.0 among those of floats."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        return rng.integers(0, 2 if dtype.kind == "b" else 99, shape).astype(dtype)
    values = rng.normal(size=shape).astype(dtype)
    special = rng.choice(np.array([np.nan, np.inf, -np.inf, -0.0, 1e4], dtype), shape)
    return np.where(rng.random(shape) < 0.02, special, values)


def sections(path):
    with ArchiveFile(path) as archive:
        return {name: archive.section(name) for name in archive.manifest.sections}


@pytest.fixture(params=FORMATS)
def file(request, tmp_path):
    """A file of images, whole numbers and a column of values."""
    rng = np.random.default_rng(3)
    arrays = {
        "x": rng.normal(size=12).astype("f4"),
        "image": some(rng, "f4", (12, 20, 15)),
        "hits": rng.integers(0, 5, (12, 7, 8, 5)).astype("u2"),
    }
    write(tmp_path / request.param, arrays)
    return tmp_path / request.param, arrays


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=8, phases=(Phase.generate,))
@given(
    seed=st.integers(0, 2**32 - 1),
    dtypes=st.lists(st.sampled_from(DTYPES), min_size=1, max_size=2),
    shapes=st.lists(
        st.sampled_from([(64,), (8, 8), (17, 16), (3, 9, 10), (4, 5, 3, 5), (1, 300, 1)]), min_size=2, max_size=2
    ),
    n_rows=st.integers(1, 9),
    bound=st.sampled_from(["", "exact", "abs:0.01", "rel:1e-3", "bits:5", "range:0.01", "rel:0.1,floor:0.1"]),
)
def test_every_cell_keeps_its_bound(tmp_path_factory, name, seed, dtypes, shapes, n_rows, bound):
    folder, rng = tmp_path_factory.mktemp("shapes"), np.random.default_rng(seed)
    if name.endswith("root"):
        dtypes = ["f4" if dtype == "f2" else dtype for dtype in dtypes]  # which ROOT does not have
    if name.endswith("npz"):
        shapes = [(1, *shape) for shape in shapes]  # where two axes are columns
    arrays = {f"c{i}": some(rng, d, (n_rows, *shape)) for i, (d, shape) in enumerate(zip(dtypes, shapes, strict=False))}
    arrays["x"] = np.arange(n_rows)
    source, archive, back = folder / name, folder / "a.bvae", folder / f"back_{name}"
    write(source, arrays)
    baler_vae.compress(source, archive, bound=bound or (), **ALONE)
    assert baler_vae.verify(archive, against=source).broken == ()
    baler_vae.decompress(archive, back)
    if bound == "exact":
        assert written(back) == written(source)
    opened = open_source(str(back))
    restored = concatenate(list(opened.read(opened.schema)), opened.schema)[0]
    with baler_vae.open(archive) as read:
        assert read.manifest.version == 2
        bounds = {column.name: bound_of_text(column.bound) for column in read.info().columns}
        found = read.arrays(library="np")
    for key, before in arrays.items():
        after = restored[key]
        assert (after.dtype, after.shape) == (before.dtype, before.shape)
        assert keeps_bound(before.reshape(-1), after.reshape(-1), bounds[key]).all()
        assert found[key].tobytes() == after.tobytes()
    again = folder / "again.bvae"
    baler_vae.compress(back, again, bound=[f"{key}={own}" for key, own in bounds.items()], **ALONE)
    assert baler_vae.verify(again, against=back).broken == ()


def test_a_file_without_rows(tmp_path):
    for name in FORMATS:
        write(tmp_path / name, {"x": np.zeros(0, "f4"), "image": np.zeros((0, 20, 15), "f4")})
        baler_vae.compress(tmp_path / name, tmp_path / "a.bvae", force=True)
        with baler_vae.open(tmp_path / "a.bvae") as archive:
            assert archive.arrays(library="np")["image"].shape == (0, 20, 15)
            assert str(archive.arrays().type) == "0 * {x: float32, image: 20 * 15 * float32}"
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / f"back_{name}")


def test_any_row_group_and_column_can_be_read_alone(file, tmp_path, monkeypatch):
    path, arrays = file
    monkeypatch.setattr(tables.row_groups, "__defaults__", (tables.ROW_GROUP_ROWS, 5 * tables.CELL_BYTES * 300))
    baler_vae.compress(path, tmp_path / "a.bvae", bound="exact", columns=["x", "image"], **ALONE)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert archive.manifest.row_groups == ((5,), (5,), (2,))
        for start, stop in [(0, 12), (3, 4), (4, 11), (11, 12), (12, 12)]:
            found = archive.arrays("image", entry_start=start, entry_stop=stop, library="np")
            assert found.keys() == {"image"}
            assert found["image"].tobytes() == arrays["image"][start:stop].tobytes()
        steps = [step["image"] for step in archive.iterate("image", step_size=7, library="np")]
        assert [step.shape for step in steps] == [(7, 20, 15), (5, 20, 15)]
        sizes = archive.info().columns
        assert sum(column.original_bytes for column in sizes) == arrays["image"].nbytes + arrays["x"].nbytes


def test_what_reads_them(file, tmp_path):
    path, arrays = file
    baler_vae.compress(path, tmp_path / "a.bvae", bound="exact", **ALONE)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        columns = {column.name: column for column in archive.info().columns}
        assert (columns["image"].dtype, columns["hits"].dtype) == ("float32[20, 15]", "uint16[7, 8, 5]")
        assert set(archive.keys()) == {"x", "image", "hits"}
        image = archive["image"]
        assert "[20, 15]" in image.typename or image.branch.typename
        assert str(image.array().type) == "12 * 20 * 15 * float32"
        assert image.array(library="np").tobytes() == arrays["image"].tobytes()
        assert image.array(library="pd")[3].tobytes() == arrays["image"][3].tobytes()
        frame = archive.arrays(library="pd")
        assert isinstance(frame, pd.DataFrame)
        assert frame["image"][3].tobytes() == arrays["image"][3].tobytes()
        assert str(archive.arrays()["hits"].type) == "12 * 7 * 8 * 5 * uint16"
    with pytest.raises(OutputError, match=r"CSV cannot hold array columns: .*uint16\[7, 8, 5\]"):
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "a.csv")


def test_a_whole_array_is_one_column(file, tmp_path):
    path, arrays = file
    for columns in ("hits", "h*", ["hits"]):
        baler_vae.compress(path, tmp_path / "a.bvae", columns=columns, force=True, **ALONE)
        with baler_vae.open(tmp_path / "a.bvae") as archive:
            assert archive.keys() == ["hits"]
            assert np.array_equal(archive["hits"].array(library="np"), arrays["hits"])
    with pytest.raises(SourceError, match=r"column .image..*NaN, infinite"):
        baler_vae.compress(path, tmp_path / "a.bvae", bound="image=free", force=True)


def test_networks_pass_them_by(tmp_path):
    """Columns beside arrays are kept as they would be without."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    own = {"x": x, "y": np.sin(3 * x) + rng.normal(size=600) / 100, "z": 2 * x}
    images = {"a": rng.normal(size=(600, 300, 1)).astype("f2"), "b": np.zeros((600, 1, 257), "i2")}
    options = {"kind": "autoregressive", "keep_network": True, "hidden": (8, 4), "epochs": 2, "bound": "abs:0.01"}
    for name, more in [("with", images), ("without", {})]:
        np.savez(tmp_path / f"{name}.npz", **more, **own)
        baler_vae.compress(tmp_path / f"{name}.npz", tmp_path / f"{name}.bvae", **options)
        assert baler_vae.verify(tmp_path / f"{name}.bvae", against=tmp_path / f"{name}.npz").broken == ()
    with baler_vae.open(tmp_path / "with.bvae") as one, baler_vae.open(tmp_path / "without.bvae") as other:
        columns = {column.name: column for column in one.info().columns}
        expected = {column.name: column for column in other.info().columns}
        for name in own:
            assert (columns[name].coding, columns[name].formula) == (
                expected[name].coding,
                expected[name].formula,
            )
        assert "network-1" in {column.coding for column in columns.values()}
        assert {columns[name].coding for name in images} <= {"cells-1", "table-1", "pcodec-codes-1", "pcodec-1"}
        assert one.arrays("y", library="np")["y"].tobytes() == other.arrays("y", library="np")["y"].tobytes()


def test_evaluations_take_all_cells(file, tmp_path):
    path, arrays = file
    baler_vae.compress(path, tmp_path / "a.bvae", bound="abs:0.01", **ALONE)
    found = baler_vae.evaluate(path, tmp_path / "a.bvae")
    columns = {column.name: column for column in found.columns}
    image = columns["image"]
    assert image.n_rows == arrays["image"].size
    assert image.n_used == np.isfinite(arrays["image"]).sum()
    assert 0 < image.largest <= 0.01
    assert 0.5 < image.largest_in_bounds <= 1
    assert image.quantiles is not None
    assert "image" in found.histograms
    assert columns["hits"].n_different == 0
    assert not found.groups
    advice = advise(path)
    assert {column.name for column in advice.columns} == {"x"}


def test_a_broken_cell_is_named(file, tmp_path, monkeypatch):
    path, _ = file
    baler_vae.compress(path, tmp_path / "a.bvae", bound="abs:0.01", **ALONE)
    original = open_source(str(path))
    batches = original.batches

    def changed(selection, step, ranges=None, /):
        for (table,) in batches(selection, step, ranges):
            arrays = {name: array.copy() for name, array in table.arrays.items()}
            arrays["image"][5, 7, 3] = 77
            arrays["image"][5, 7, 4] = 55
            arrays["image"][6, 0, 0] = 55
            yield (tables.Table(table.group, arrays),)

    object.__setattr__(original, "batches", changed)
    monkeypatch.setattr(verifying, "open_sources", lambda *_: original)
    (check,) = baler_vae.verify(tmp_path / "a.bvae", against=path).broken
    assert (check.name, check.n_values, check.n_broken, check.worst_row) == ("image", 12, 2, 5)
    assert check.original == "77.0 in cell [7, 3] of [20, 15]"
    with pytest.raises(BoundBroken, match=r"row 5 of events: 2 of 12 values miss the bound abs:0.01.*cell \[7, 3\]"):
        verifying.verify_bounds(tmp_path / "a.bvae", original)


def test_codecs_ask_for_the_same_shape(tmp_path):
    rng = np.random.default_rng(0)
    for name, shape in [("a", (9, 20, 15)), ("b", (9, 15, 20)), ("c", (4, 20, 15))]:
        np.savez(tmp_path / f"{name}.npz", image=rng.normal(size=shape), x=np.arange(shape[0]))
    codec = baler_vae.fit(tmp_path / "a.npz", bound="abs:0.1", **ALONE)
    codec.save(tmp_path / "c.bvmodel")
    with pytest.raises(UsageError, match=r"the codec has a different shape.*float64\[15, 20\].*float64\[20, 15\]"):
        baler_vae.compress(tmp_path / "b.npz", tmp_path / "b.bvae", codec=tmp_path / "c.bvmodel")
    for name in "ac":
        baler_vae.compress(tmp_path / f"{name}.npz", tmp_path / f"{name}.bvae", codec=tmp_path / "c.bvmodel")
        assert baler_vae.verify(tmp_path / f"{name}.bvae", against=tmp_path / f"{name}.npz").broken == ()
    baler_vae.merge([tmp_path / "a.bvae", tmp_path / "c.bvae"], tmp_path / "ac.bvae")
    both = [tmp_path / "a.npz", tmp_path / "c.npz"]
    assert baler_vae.verify(tmp_path / "ac.bvae", against=both).broken == ()
    with pytest.raises(UsageError, match="the first file has a different shape"):
        list(open_sources([tmp_path / "a.npz", tmp_path / "b.npz"]).read(open_source(str(tmp_path / "a.npz")).schema))


@pytest.mark.parametrize("nullable", [False, True])
def test_files_of_which_one_has_nulls_in_its_arrays(tmp_path, nullable):
    """Those stay nested, and then the arrays of the others are too."""
    values = np.random.default_rng(0).normal(size=(5, 300))
    holes = pa.FixedSizeListArray.from_arrays(pa.array([None, *values.reshape(-1)[1:]]), 300)
    for number, array in enumerate([fixed_lists(values, nullable=nullable), holes]):
        pq.write_table(pa.table({"image": array}), tmp_path / f"{number}.parquet")
    assert open_source(str(tmp_path / "0.parquet")).schema.columns[0].shape == (300,)
    files = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    if not nullable:
        with pytest.raises(UsageError, match="a different type"):
            baler_vae.compress(files, tmp_path / "a.bvae")
        return
    baler_vae.compress(files, tmp_path / "a.bvae")
    assert baler_vae.verify(tmp_path / "a.bvae", against=files).broken == ()
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert archive.schema.columns[0].is_nested


def test_collections_beside_arrays(tmp_path):
    """Networks and formulas of a collection see what is one value for each event, and no cells."""
    rng, n = np.random.default_rng(0), 400
    n_jets = rng.integers(0, 5, n)
    image, w = rng.normal(size=(n, 30, 10)).astype("f4"), rng.normal(size=n).astype("f4")
    pt = ak.unflatten(rng.normal(size=n_jets.sum()).astype("f4") + np.repeat(w, n_jets), n_jets)
    with uproot.recreate(tmp_path / "a.root") as file:
        kinds = {"Jet": "var * {pt: float32, eta: float32}", "image": np.dtype(("f4", (30, 10))), "w": "f4"}
        file.mktree("T", kinds).extend({"Jet": ak.zip({"pt": pt, "eta": 2 * pt}), "image": image, "w": w})
    source, path = f"{tmp_path}/a.root:T", tmp_path / "a.bvae"
    for kind in ("independent", "autoregressive"):
        baler_vae.compress(source, path, bound="abs:0.01", kind=kind, epochs=2, hidden=(8, 4), force=True)
        assert baler_vae.verify(path, against=source).broken == ()
    with baler_vae.open(path) as archive:
        found = archive.arrays(["image", "w", "Jet_pt"], library="pd", how="outer")
        assert len(found) == np.maximum(n_jets, 1).sum()
        assert found["image"].iloc[0].shape == (30, 10)
        frame = archive.arrays(["image", "w"], cut="w > 0", library="pd")
        assert frame["image"].iloc[-1].shape == (30, 10)
        assert str(archive.arrays("image", cut="image[:, 0, 0] > 0").type).endswith("* {image: 30 * 10 * float32}")
        for cut in ("image > 0", "image[:, 0] > 0"):
            with pytest.raises(UsageError, match="one value, or list of values, for each event"):
                archive.arrays("w", cut=cut)
    found = advise(source, bound="image=abs:0.1")
    assert found.other_bytes < image.nbytes / 3
    assert {column.name for column in found.columns} == {"w", "Jet_pt", "Jet_eta"}


def test_a_value_of_an_event_counts_for_all_cells(tmp_path):
    n = 20  # as long as the last axis is
    image, w = np.zeros((n, 15, n)), np.arange(float(n))
    np.savez(tmp_path / "a.npz", image=image, w=w)
    baler_vae.compress(tmp_path / "a.npz", tmp_path / "a.bvae", bound="exact", **ALONE)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        texts = ["image + w", "w - image", "hypot(image, w)"]
        for array in archive.arrays(texts, library="np").values():
            assert np.array_equal(array, np.broadcast_to(w[:, None, None], image.shape))
        assert archive.arrays("image < w", library="np")["image < w"].sum() == (n - 1) * 15 * n
