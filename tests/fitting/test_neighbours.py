"""Arrays under tables that their neighbours choose: what is found, what it saves, and that bounds hold."""

import awkward as ak
import numpy as np
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.codec.lengths import code_lengths
from baler_vae.explore import sample
from baler_vae.fitting.neighbours import corners
from baler_vae.model.columns import Neighboured
from baler_vae.table import table as tables

from ..codec.test_cells import check_any_values, keeps, odd, smooth
from ..contexts import awkward_jets
from ..fields import fields

BOUND = ["abs:0.01", "n=exact", "light=exact", "profile=bits:9", "coarse=range:1e-3"]


@pytest.fixture(scope="module")
def codec():
    return baler_vae.fit(fields(60), bound=BOUND, effort="fast")


def neighboured(codec):
    columns = codec.models["events"].columns
    return {name: column.neighbours for name, column in columns.items() if isinstance(column, Neighboured)}


def test_corners_of_a_box():
    found = corners((0, 2), 2)
    assert found.offsets == ((0, 0, -1), (1, 0, 0), (1, 0, -1))
    assert found.weights.tolist() == [1, 1, -1]


def test_each_array_is_predicted_by_what_tells_of_it(codec):
    found = neighboured(codec)
    assert found.keys() == {"flow", "distances", "light", "profile", "coarse"}
    assert found["flow"].looks_back
    assert not found["light"].looks_back
    assert found["distances"].mirrored
    assert found["profile"].context.alone == (0,)


def test_it_is_smaller_than_columns_alone(codec):
    data = fields(60)
    alone = len(baler_vae.compress(data, bound=BOUND, kind="independent"))
    own = len(baler_vae.compress(data, codec=codec))
    assert own < 0.65 * alone
    told = sum(fit["fitted_bytes"] for fit in codec.fits.values())
    assert abs(own - told) < 0.2 * own


def test_a_plane_takes_next_to_nothing():
    rng = np.random.default_rng(0)
    slope = np.cumsum(rng.integers(-99, 99, (2, 60, 16)), axis=2)
    planes = slope[0][:, :, None] + slope[1][:, None, :] + rng.integers(0, 1 << 40, (60, 1, 1))
    codec = baler_vae.fit({"x": planes}, bound="exact", effort="fast")
    assert neighboured(codec)["x"].taps.offsets == ((0, 0, -1), (0, -1, 0), (0, -1, -1))
    own, alone = (len(baler_vae.dumps({"x": planes}, bound="exact", kind=kind)) for kind in ("formulas", "independent"))
    assert own < 0.5 * alone


FITS = [
    ((8, 8), "f4", "abs:0.01"),
    ((1, 70), "i2", "exact"),
    ((4, 4, 5), "f8", "bits:8"),
    ((3, 2, 4, 3), "f4", "exact"),
    ((8, 8), "u8", "exact"),
    ((6, 99), "?", "exact"),
]


@pytest.mark.parametrize(("shape", "dtype", "bound"), FITS)
def test_any_values_keep_their_bounds(shape, dtype, bound):
    """Under tables that were fitted to others: a larger archive is the worst that comes of it."""
    data = {"x": smooth(120, shape, dtype)}
    codec = baler_vae.fit(data, bound=bound, effort="fast")
    assert neighboured(codec).keys() == {"x"}
    check_any_values(codec, data["x"], bound)


@pytest.mark.parametrize(
    "values",
    [
        np.full((50, 8, 8), np.nan, "f4"),
        np.full((50, 8, 8), 2.5),
        np.zeros((1, 8, 8), "i8"),
        np.random.default_rng(0).normal(size=(1, 20, 30)),
        odd(smooth(40, (8, 8))),
        np.where(np.random.default_rng(1).random((40, 8, 8)) < 0.5, np.nan, 7.25),
    ],
    ids=["NaN", "constant", "tiny", "one row", "odd", "half"],
)
def test_awkward_arrays_keep_their_bounds(values):
    for bound in ("exact", "abs:0.01"):
        found = baler_vae.loads(baler_vae.dumps({"x": values}, bound=bound, effort="fast"))["x"]
        assert keeps(values, found, bound)


def test_any_row_group_and_column_can_be_read_alone(codec, tmp_path, monkeypatch):
    monkeypatch.setattr(tables.row_groups, "__defaults__", (tables.ROW_GROUP_ROWS, 25 * tables.CELL_BYTES * 413))
    data = fields(60, seed=9)
    baler_vae.compress(data, tmp_path / "a.bvae", codec=codec)
    assert not baler_vae.verify(tmp_path / "a.bvae").broken
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert len(archive.manifest.row_groups) > 2
        whole = archive.arrays(library="np")
        assert keeps(data["flow"], whole["flow"], "abs:0.01")
        assert np.array_equal(data["light"], whole["light"])
        for start, stop in [(0, 60), (3, 4), (4, 51), (59, 60), (60, 60)]:
            found = archive.arrays(["flow", "n"], entry_start=start, entry_stop=stop, library="np")
            assert found["flow"].tobytes() == whole["flow"][start:stop].tobytes()
        kept = {column.name: column.kept_as for column in archive.info().columns}
        assert kept["flow"] == "steps of 0.02, under tables that neighbouring cells choose"
    with ArchiveFile(tmp_path / "a.bvae") as file:
        assert "neighbours/0" in file.manifest.sections


def test_arrays_beside_collections():
    rng = np.random.default_rng(2)
    events = awkward_jets(n_events=900)
    images = np.cumsum(rng.normal(size=(900, 8, 9)), axis=1).astype("f4")
    data = ak.with_field(events, ak.from_numpy(images, regulararray=True), "image")
    archive = baler_vae.compress(data, bound=["bits:9", "Jet_n=exact"], effort="fast")
    assert not baler_vae.verify(archive).broken
    back = baler_vae.decompress(archive)
    found = ak.to_numpy(back["image"])
    assert np.all(np.abs(found - images) <= 2.0**-9 * np.abs(images))
    assert ak.num(back["Jet_pt"]).tolist() == ak.num(data["Jet_pt"]).tolist()
    with baler_vae.open(archive) as opened:
        codings = {column.name: column.coding for column in opened.info().columns}
    assert codings["image"] == "neighbours-1"
    assert "context-1" in codings.values()


def test_lengths_are_those_of_the_archive(codec):
    data = fields(60)
    archive = baler_vae.compress(data, codec=codec)
    with baler_vae.open(archive) as opened:
        (batch,) = opened.batches(opened.schema)
        sizes = {column.name: column.bytes for column in opened.info().columns}
    lengths = code_lengths(codec, batch)["events"]
    for name in ("distances", "light", "coarse"):
        assert lengths[name].shape == (60,)
        assert abs(lengths[name].sum() / 8 - sizes[name]) < 80


def test_new_arrays_can_be_drawn(codec):
    drawn = sample(codec, 200, library="np", seed=1, training=fields(60)).data
    light, seen = drawn["light"], fields(60)["light"]
    assert light.shape == (200, 8, 8)
    assert abs(np.mean(light == 0) - np.mean(seen == 0)) < 0.15
    # Bright cells stand beside bright ones.
    beside = light[:, :, 1:][light[:, :, :-1] > 10]
    assert np.median(beside) > 4 + np.median(light)
    matrices = drawn["distances"]
    assert np.mean(matrices == matrices.transpose(0, 2, 1)) > 0.98
