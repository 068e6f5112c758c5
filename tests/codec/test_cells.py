"""Arrays under networks of their cells: fitted on some, and used for others of any kind."""

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.codec.codec import Codec
from baler_vae.explore import sample
from baler_vae.fitting import policy
from baler_vae.model.columns import Celled

FAST = {"kind": "autoregressive", "keep_network": True, "networks": {"steps": 20, "width": 8}}
ODD = (np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e-40, 3e38, -1e300, 0.125)
RULES = {
    "abs:0.01": lambda x, y: np.abs(x - y) <= 0.01,
    "rel:0.001": lambda x, y: np.abs(x - y) <= 0.001 * np.abs(x),
    "bits:8": lambda x, y: np.abs(x - y) <= 2.0**-8 * np.abs(x),
}


def smooth(n_rows, shape, dtype="f4", seed=0):
    """Random walks along the last axis; matrices are symmetric where they are square."""
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.normal(size=(n_rows, *shape)), axis=-1)
    if len(shape) == 2 and shape[0] == shape[1]:
        values += values.transpose(0, 2, 1)
    if dtype == "?":
        return values > 0
    whole = np.round(20 * values) + (300 if dtype[0] == "u" else 0)
    return (whole / 16 if dtype[0] == "f" else np.clip(whole, 0, 1_000)).astype(dtype)


def odd(values, seed=0):
    """Values among which there are the oddest of their dtype."""
    rng, values = np.random.default_rng(seed), values.copy()
    here = rng.random(values.shape) < 0.1
    patterns = rng.integers(0, 256, (int(here.sum()), values.dtype.itemsize)).astype(np.uint8)
    values[here] = patterns.view(values.dtype)[:, 0] if values.dtype != bool else patterns[:, 0] > 99
    if values.dtype.kind == "f":
        here = rng.random(values.shape) < 0.1
        with np.errstate(all="ignore"):
            values[here] = rng.choice(np.array(ODD).astype(values.dtype), int(here.sum()))
    return values


def celled(codec):
    return {name for name, column in codec.models["events"].columns.items() if isinstance(column, Celled)}


def keeps(values, found, bound):
    """Whether all values keep a bound as its text says, in longer numbers."""
    if bound == "exact":
        return values.tobytes() == found.tobytes()
    with np.errstate(invalid="ignore"):
        x, y = values.astype(np.longdouble), found.astype(np.longdouble)
        same = (values == found) | (np.isnan(values) & np.isnan(found))
        return bool(np.where(np.isfinite(values), RULES[bound](x, y), same).all())


def check_any_values(codec, arrays, bound):
    """Check that a codec that was fitted to arrays keeps a bound for these and others, also after it was stored."""
    loaded = Codec.from_bytes(codec.to_bytes())
    for values in (arrays, odd(arrays[:40]), arrays[:0], arrays[1:2], np.zeros((3, *arrays.shape[1:]), arrays.dtype)):
        blob = baler_vae.dumps({"x": values}, codec=codec)
        found = baler_vae.loads(blob)["x"]
        assert (found.dtype, found.shape) == (values.dtype, values.shape)
        assert keeps(values, found, bound)
        assert baler_vae.dumps({"x": values}, codec=loaded) == blob
        assert codec.decode(loaded.encode({"x": values}))["x"].tobytes() == found.tobytes()


FITS = [
    ((8, 8), "f4", "abs:0.01"),
    ((1, 70), "f2", "rel:0.001"),
    ((4, 4, 5), "f8", "bits:8"),
    ((3, 2, 4, 3), "f4", "exact"),
    ((8, 8), "u8", "exact"),
    ((70, 1), "?", "exact"),
]


@pytest.mark.parametrize(("shape", "dtype", "bound"), FITS)
def test_any_values_keep_their_bounds(shape, dtype, bound):
    """Under a network that was fitted on others: a larger archive is the worst that comes of it."""
    data = {"x": smooth(300, shape, dtype)}
    codec = baler_vae.fit(data, bound=bound, **FAST)
    assert celled(codec) == {"x"}
    check_any_values(codec, data["x"], bound)


def test_a_fit_is_the_same_each_time():
    data = {"x": smooth(100, (8, 8))}
    one, other = (baler_vae.fit(data, bound="abs:0.01", **FAST).to_bytes() for _ in range(2))
    assert one == other


@pytest.mark.parametrize("special", [np.nan, np.inf, -0.0, 1e30])
def test_symmetric_matrices_may_turn_out_not_to_be(special):
    """What lies across the diagonal may have a special code, from which no difference is."""
    data = smooth(300, (8, 8))
    codec = baler_vae.fit({"x": data}, bound="abs:0.01", **FAST)
    assert codec.models["events"].columns["x"].cells.mirrored
    values = np.repeat(data[:1], 13, axis=0)
    values[:, 0, 1], values[:, 1, 0] = special, np.arange(-6, 7) * np.float32(0.02)
    assert keeps(values, codec.decode(codec.encode({"x": values}))["x"], "abs:0.01")


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """Images whose scale is a column beside them, and a second image that is nearly the first: data, codec, archive."""
    rng = np.random.default_rng(0)
    scale = np.exp(rng.normal(size=700)).astype("f4")
    x = (scale[:, None, None] * rng.normal(size=(700, 8, 9))).astype("f4")
    data = {
        "scale": scale,
        "x": x,
        "n": rng.integers(0, 9, 700),
        "y": x + np.float32(0.03) * rng.normal(size=x.shape).astype("f4"),
    }
    codec = baler_vae.fit(data, bound="abs:0.01", kind="autoregressive", networks={"steps": 150, "width": 16})
    path = tmp_path_factory.mktemp("beside") / "a.bvae"
    baler_vae.compress(
        [{k: v[:300] for k, v in data.items()}, {k: v[300:] for k, v in data.items()}], path, codec=codec
    )
    return data, codec, path


def test_columns_beside_and_the_same_cells_are_seen(beside):
    _, codec, path = beside
    model = codec.models["events"]
    assert celled(codec) == {"x", "y"}
    assert model.names.index("scale") in model.columns["x"].cells.sources
    assert model.columns["y"].cells.others == (model.names.index("x"),)
    info = baler_vae.open(path).info()
    sizes = {column.name: column.bytes for column in info.columns}
    assert sizes["y"] < 0.75 * sizes["x"]
    assert info.model_kind == "autoregressive"
    assert {column.kept_as for column in info.columns if column.name in "xy"} == {
        "steps of 0.02, from neighbouring cells"
    }
    with ArchiveFile(path) as file:
        assert info.bytes.model > file.manifest.sections["cells/0"].n_bytes


@pytest.mark.parametrize("name", ["scale", "x", "y"])
def test_one_column_comes_back_alone(beside, name):
    data, _, path = beside
    found = baler_vae.decompress(path, columns=[name])
    assert list(found) == [name]
    assert keeps(data[name], found[name], "abs:0.01")
    with baler_vae.open(path) as archive:
        part = archive[name].array(entry_start=290, entry_stop=310, library="np")
    assert part.tobytes() == found[name][290:310].tobytes()


def test_archives_of_cells_are_merged_and_verified(beside, tmp_path):
    data, _, path = beside
    baler_vae.merge([path, path], tmp_path / "b.bvae")
    assert baler_vae.verify(tmp_path / "b.bvae", against=[data, data]).broken == ()
    broken = {**data, "y": data["y"].copy()}
    broken["y"][650, 7, 8] += 1
    assert [own.name for own in baler_vae.verify(path, against=broken).broken] == ["y"]


def test_drawn_cells_lie_on_the_grid(beside):
    codec = beside[1]
    one, other = (sample(codec, 50, seed=3).data for _ in range(2))
    for name in ("x", "y"):
        values, again = (np.stack([*drawn[name]]).astype("f4") for drawn in (one, other))
        grid = codec.models["events"].columns[name].grid
        assert grid.dequantise(grid.quantise(values), values.dtype).tobytes() == values.tobytes() == again.tobytes()
        assert 0.3 < np.std(values) / np.std(beside[0][name]) < 3


@pytest.mark.parametrize("kind", ["conv-vae", "conv-ae", "vae"])
def test_latents_of_arrays_help_their_cells(kind):
    data = {"x": smooth(300, (8, 8)), "e": np.arange(300.0)}
    codec = baler_vae.fit(data, bound="abs:0.01", **{**FAST, "kind": kind}, epochs=2, latent=2)
    assert celled(codec) == {"x"}
    found = codec.decode(codec.encode(data))
    assert all(keeps(data[name], found[name], "abs:0.01") for name in data)
    values = odd(data["x"])
    assert keeps(values, codec.decode(codec.encode({**data, "x": values}))["x"], "abs:0.01")


@pytest.mark.parametrize(("n_rows", "most", "expected"), [(300, 100, True), (5, 100, False), (300, 60, False)])
def test_latents_are_tried_where_they_may_pay(monkeypatch, n_rows, most, expected):
    monkeypatch.setattr(policy, "MOST_CELLS_FOR_LATENTS", most)
    told = []
    options = {**FAST, "kind": "auto", "epochs": 1}
    baler_vae.fit({"x": smooth(n_rows, (8, 8))}, bound="abs:0.01", progress=lambda *own: told.append(own[0]), **options)
    assert any("latents of arrays" in text for text in told) == expected
