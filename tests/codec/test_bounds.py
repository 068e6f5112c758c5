"""What a bound promises, from a file to a file, for every value."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.errors import UsageError
from baler_vae.io.files import open_source, write_file
from baler_vae.table.table import concatenate
from tests.strategies import FLOATS, INTEGERS, any_or_usual_values, tables
from tests.tables import flat_batch

BOUNDS = (
    "exact",
    "abs:0.01",
    "abs:1e-30",
    "abs:1e30",
    "rel:1e-3",
    "rel:0.3,floor:1e-3",
    "bits:4",
    "bits:10,floor:0.01",
)
BOUNDS += ("bits:30", "range:1e-3", "range:0.4", "")
NAMES = st.integers(0, 9).map(lambda number: f"event_{number}")
TABLES = tables((*FLOATS, *INTEGERS, "O"), names=NAMES, values=any_or_usual_values)


def keeps(before, after, bound, kind_of_range):
    """Whether every value keeps its bound, by plain numpy."""
    if before.dtype.kind != "f" or bound == "exact":
        return before.dtype == after.dtype and before.tobytes() == after.tobytes()
    kind, _, size = bound.partition(":")
    size, _, floor = size.partition(",floor:")
    x, y = before.astype(float), after.astype(float)
    finite = np.isfinite(x)
    same_specials = before[~finite].tobytes() == after[~finite].tobytes()
    if kind == "":  # the default
        nonzero = np.abs(x[finite & (x != 0)])
        kind, size, floor = "bits", "12", (2.0**-13 * np.median(nonzero) if len(nonzero) else 0)
    x, y = x[finite], y[finite]
    with np.errstate(over="ignore"):
        allowed = {
            "abs": lambda: float(size),
            "range": lambda: float(size) * (kind_of_range[1] - kind_of_range[0]),
            "rel": lambda: np.maximum(float(size) * np.abs(x), float(floor or 0)),
            "bits": lambda: np.maximum(2.0 ** -(int(size) + 1) * np.abs(x), float(floor or 0)),
        }[kind]()
        return bool(same_specials and np.all(np.abs(y - x) <= allowed * (1 + 1e-15)))


def read(path):
    source = open_source(path)
    return concatenate(list(source.batches(source.select(), 1_000)), source.schema)


def sections(path):
    with ArchiveFile(path) as archive:
        return {name: archive.section(name) for name in archive.manifest.sections}


def check(path, source, batch, bound, codec, folder):
    """Every value keeps its bound, and what is restored is compressed to the same sections and values."""
    for table, back in zip(batch, read(path), strict=True):
        for name, before in table.arrays.items():
            finite = before[np.isfinite(before)].astype(float) if before.dtype.kind == "f" else []
            limits = (finite.min(), finite.max()) if len(finite) else (0, 0)
            if before.dtype == object:
                assert before.tolist() == back[name].tolist()
            else:
                assert keeps(before, back[name], bound, limits), (name, bound)
    assert baler_vae.verify(folder / "a.bvae", against=source).broken == ()
    baler_vae.compress(path, folder / "again.bvae", codec=codec, force=True)
    baler_vae.decompress(folder / "again.bvae", folder / "again.parquet", force=True)
    assert sections(folder / "again.bvae") == sections(folder / "a.bvae")
    for table, again in zip(read(path), read(folder / "again.parquet"), strict=True):
        for name, before in table.arrays.items():
            same = before.tolist() == again[name].tolist() if before.dtype == object else None
            assert same or before.tobytes() == again[name].tobytes(), name


@settings(max_examples=80)
@given(TABLES, st.sampled_from(BOUNDS))
def test_every_value_keeps_its_bound(tmp_path_factory, drawn, bound):
    schema, batch = drawn
    folder = tmp_path_factory.mktemp("bounds")
    write_file(folder / "in.parquet", schema, [batch])
    codec = baler_vae.fit(folder / "in.parquet", kind="independent", bound=bound or ())
    baler_vae.compress(folder / "in.parquet", folder / "a.bvae", codec=codec)
    baler_vae.decompress(folder / "a.bvae", folder / "back.parquet")
    check(folder / "back.parquet", folder / "in.parquet", batch, bound, codec, folder)


def correlated(n_rows, seed=0):
    """Columns of every float width that a network can predict from each other, with what it cannot."""
    rng = np.random.default_rng(seed)
    x, y, small = rng.normal(size=(3, n_rows))
    columns = {
        "a": (x * 3).astype(np.float16),
        "b": (20 * np.exp(x / 2 + y)).astype(np.float32),
        "c": 5 * x - 2 * y + small / 100,
        "d": np.where(rng.random(n_rows) < 0.3, 0, x + y).astype(np.float32),
    }
    for number, values in enumerate(columns.values()):
        info = np.finfo(values.dtype)
        values[number :: n_rows // 5] = np.nan
        values[[1 + number, 11, 12, 13]] = info.max, info.smallest_subnormal, -np.inf, -0.0
    columns["c"].view(np.uint64)[20] = 0x7FF0_0000_0000_BEEF
    return {**columns, "i": rng.integers(-(2**40), 2**40, n_rows)}


@pytest.fixture(scope="module", params=["ae", "vae"])
def trained(request, tmp_path_factory):
    """Fits codecs with a network that is kept, under a bound each, once."""
    folder = tmp_path_factory.mktemp("trained")
    schema, batch = flat_batch(correlated(400))
    write_file(folder / "in.npz", schema, [batch])
    model = {"kind": request.param, "hidden": (8, 4), "epochs": 20, "latent": 2, "keep_network": True}
    codecs = {}

    def fit(bound):
        if bound not in codecs:
            codecs[bound] = baler_vae.fit(folder / "in.npz", bound=bound or (), transform="standard", **model)
        return codecs[bound]

    return folder, batch, fit


@pytest.mark.parametrize("bound", BOUNDS)
def test_predicted_values_keep_their_bound(trained, tmp_path, bound):
    folder, batch, fit = trained
    codec = fit(bound)
    baler_vae.compress(folder / "in.npz", tmp_path / "a.bvae", codec=codec)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "back.npz")
    check(tmp_path / "back.npz", folder / "in.npz", batch, bound, codec, tmp_path)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert archive.info().bytes.latents > 0


@pytest.mark.parametrize("kind", ["autoregressive", "ae", "vae"])
def test_networks_are_used_where_they_help(tmp_path, kind):
    """Five columns that follow from one, but from none by a formula: the network pays, nobody has to insist."""
    x, *noise = np.random.default_rng(0).normal(size=(6, 4_000))
    np.savez(tmp_path / "x.npz", **{f"c{i}": np.sin((i + 1) * x / 2) + n / 50 for i, n in enumerate(noise)})
    model = {
        "hidden": (8, 4),
        "latent": 1,
        "epochs": 60,
        "batch_rows": 512,
        "transform": "standard",
        "bound": "abs:0.01",
    }
    infos = [
        baler_vae.compress(tmp_path / "x.npz", tmp_path / f"{name}.bvae", kind=name, **model)
        for name in ("independent", kind)
    ]
    alone, info = infos
    assert alone.model_kind == "independent"
    assert info.model_kind == kind
    assert sum(column.coding == "network-1" for column in info.columns) >= 3
    assert (info.bytes.latents > 0) is (kind != "autoregressive")
    assert info.archive_bytes < 0.93 * alone.archive_bytes


def test_formulas_are_used_where_they_help(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(2, 1_000))
    np.savez(tmp_path / "x.npz", a=x, b=y, c=2 * x + y)
    model = {"kind": "autoregressive", "epochs": 1, "bound": "abs:0.001"}
    info = baler_vae.compress(tmp_path / "x.npz", tmp_path / "a.bvae", **model)
    (follows,) = [column for column in info.columns if column.predicted]
    assert follows.formula
    assert follows.bytes < 0.2 * max(column.bytes for column in info.columns)


def test_networks_that_do_not_pay_are_left_out(tmp_path):
    np.savez(tmp_path / "x.npz", **dict(zip("abc", np.random.default_rng(0).normal(size=(3, 1_000)), strict=True)))
    model = {"hidden": (8, 4), "epochs": 2, "bound": "bits:10"}
    info = baler_vae.compress(tmp_path / "x.npz", tmp_path / "a.bvae", **model)
    assert info.model_kind == "independent"
    assert info.bytes.latents == 0
    kept = baler_vae.compress(tmp_path / "x.npz", tmp_path / "b.bvae", kind="vae", keep_network=True, **model)
    assert kept.model_kind == "vae"
    assert kept.archive_bytes > info.archive_bytes


@pytest.mark.parametrize("bound", ["exact", "abs:0.01", "bits:10,floor:0.01"])
def test_a_codec_keeps_its_bounds_on_values_that_it_never_saw(trained, tmp_path, bound):
    _, _, fit = trained
    columns = correlated(300, seed=1)
    far = np.random.default_rng(2)
    for values in columns.values():
        if values.dtype.kind == "f":
            values[50:90] = far.choice([-1e4, 1e-4, 6e4, 0.3, np.inf, np.nan], 40)
            values[90:] *= values.dtype.type(100 if values.dtype.itemsize > 2 else 2)
    columns["b"][100:120] = far.uniform(-3e38, 3e38, 20)
    columns["c"][100:120] = far.uniform(-8e307, 8e307, 20)
    schema, batch = flat_batch(columns)
    write_file(tmp_path / "other.npz", schema, [batch])
    codec = fit(bound)
    baler_vae.compress(tmp_path / "other.npz", tmp_path / "a.bvae", codec=codec)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "back.npz")
    check(tmp_path / "back.npz", tmp_path / "other.npz", batch, bound, codec, tmp_path)


def test_an_integer_is_lossy_only_where_it_is_named(write, tmp_path):
    values = np.random.default_rng(0).integers(-1_000, 1_000, 500)
    path = write(*flat_batch({"adc": values, "time": values, "x": values.astype(float)}))
    codec = baler_vae.fit(path, kind="independent", bound=["abs:5", "*=abs:5", "adc=abs:5"])
    baler_vae.compress(path, tmp_path / "a.bvae", codec=codec)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        back = archive.arrays(library="np")
        bounds = {column.name: column.bound for column in archive.info().columns}
    assert bounds == {"adc": "abs:5", "time": "exact", "x": "abs:5"}
    assert np.array_equal(back["time"], values)
    assert 0 < np.abs(back["adc"] - values).max() <= 5


@pytest.mark.parametrize("bound", ["abs:nan", "abs:-1", "abs:0", "abs:inf", "bits:x", "rel:2", "x=range:0", "abs"])
def test_bounds_that_are_none(jets, bound):
    with pytest.raises(UsageError, match=r"Write, say,|is not a bound"):
        baler_vae.fit(jets, bound=bound)


def test_float64_latents_are_for_free_columns(jets):
    with pytest.raises(UsageError, match="only under the bound `free`"):
        baler_vae.fit(jets, latents="float64")
