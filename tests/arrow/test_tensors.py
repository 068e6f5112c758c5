"""Arrow's tensors of one shape as arrays in rows."""

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import baler_vae
from baler_vae.io.files import open_source

IMAGE = np.random.default_rng(1).normal(size=(7, 30, 20))


def tensors(values, **options):
    kind = pa.fixed_shape_tensor(pa.from_numpy_dtype(values.dtype), values.shape[1:], **options)
    size = int(np.prod(values.shape[1:]))
    return pa.ExtensionArray.from_storage(kind, pa.FixedSizeListArray.from_arrays(values.reshape(-1), size))


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
@pytest.mark.parametrize("options", [{}, {"permutation": [1, 0], "dim_names": ["a", "b"]}])
def test_a_tensor_is_a_column_of_its_shape(tmp_path, suffix, options):
    small = IMAGE[:, :2, :3].astype("i2")
    table = pa.table({"image": tensors(IMAGE, **options), "small": tensors(small), "x": np.arange(7)})
    source, path, back = tmp_path / f"a.{suffix}", tmp_path / "a.bvae", tmp_path / f"b.{suffix}"
    read, write = (pq.read_table, pq.write_table) if suffix == "parquet" else (pa.feather.read_table, write_feather)
    write(table, source)
    baler_vae.compress(source, path, bound="image=abs:0.01", kind="independent")
    assert baler_vae.verify(path, against=source).broken == ()
    with baler_vae.open(path) as archive:
        assert archive.schema.columns[0].shape == (30, 20)
        assert str(archive.arrays().type) == "7 * {image: 30 * 20 * float64, small: 2 * 3 * int16, x: int64}"
        assert np.abs(archive["image"].array(library="np") - IMAGE).max() <= 0.01
        assert np.array_equal(archive["small"].array(library="np"), small)
    baler_vae.decompress(path, back)
    assert read(back).schema.equals(read(source).schema, check_metadata=True)


def write_feather(table, path):
    pa.feather.write_feather(table, str(path))


def test_tensors_elsewhere_stay_nested(tmp_path):
    own = tensors(IMAGE)
    holes = pa.ExtensionArray.from_storage(own.type, pa.array([None, *own.storage.to_pylist()[1:]], own.storage.type))
    table = pa.table(
        {
            "holes": holes,
            "lists": pa.ListArray.from_arrays(pa.array([0, 2, 2, 3, 3, 4, 5, 7], pa.int32()), own),
            "record": pa.StructArray.from_arrays([own], ["z"]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert all(open_source(str(tmp_path / "a.parquet")).schema.group_of(name) for name in ("holes", "record"))
    baler_vae.compress(tmp_path / "a.parquet", tmp_path / "a.bvae", bound="exact", kind="independent")
    assert baler_vae.verify(tmp_path / "a.bvae", against=tmp_path / "a.parquet").broken == ()
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "b.parquet")
    assert pq.read_table(tmp_path / "b.parquet").equals(pq.read_table(tmp_path / "a.parquet"))
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert len(archive.arrays()) == 7


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b'{"shape": [7, 7]}', b'{"shape": [-1, 400]}', b'{"shape": 400}'])
def test_a_shape_that_does_not_fit_is_not_believed(tmp_path, said):
    metadata = {b"ARROW:extension:name": b"arrow.fixed_shape_tensor", b"ARROW:extension:metadata": said}
    values = pa.FixedSizeListArray.from_arrays(np.arange(800.0), 400)
    from baler_vae.arrow.fields import described_field

    assert described_field("x", pa.field("x", values.type, metadata=metadata)).row_shape == (400,)
