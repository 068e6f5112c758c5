"""Archives whose columns are coded by networks, with formulas, latents and events: the laws of all archives hold."""

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.codec.codec import Codec
from baler_vae.codec.sections import read_model
from baler_vae.fitting import conditionals, policy
from baler_vae.fitting.rows import rows_of_group, sample_of
from baler_vae.io.files import write_file
from baler_vae.model.columns import Networked
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Table
from tests.tables import short_row_groups

KINDS = ("autoregressive", "vae", "ae")
TINY = {"hidden": (8, 4), "latent": 1, "epochs": 1, "transform": "standard", "keep_network": True}
SPECIAL = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-40, 3e38])


def table_of(n_events, seed=0, *, special=True, scale=1.0):
    """Events and jets that hang together: a relation, parents with NaN, infinities and -0.0, text and flags."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, n_events).astype(np.int32)
    n_jets = int(counts.sum())
    met, phi = rng.exponential(30, n_events).astype(np.float32), rng.uniform(-3, 3, n_events).astype(np.float32)
    base = np.repeat(met, counts)
    pt = (base * rng.uniform(0.5, 1, n_jets) * scale).astype(np.float32)
    eta = rng.normal(0, 2, n_jets)
    events = {
        "n": counts,
        "met": met,
        "met_x": (met * np.cos(phi)).astype(np.float32),
        "met_phi": phi,
        "flag": met > 30,
        "name": np.array([None if i % 5 == 0 else "ab"[: i % 3] for i in range(n_events)], object),
    }
    jets = {
        "pt": pt,
        "eta": eta,
        "pz": (pt * np.sinh(eta)).astype(np.float32),
        "id": rng.integers(0, 5, n_jets).astype(np.uint8),
        "mass": (0.1 / scale * pt + rng.normal(size=n_jets)).astype(np.float16),
    }
    if special:
        for arrays in (events, jets):
            for values in arrays.values():
                if values.dtype.kind == "f" and len(values):
                    places = rng.integers(0, len(values), 4)
                    with np.errstate(over="ignore"):
                        values[places] = rng.choice(SPECIAL, 4).astype(values.dtype)
    groups = tuple(
        Group(name, tuple(Column(key, TEXT if a.dtype == object else a.dtype) for key, a in arrays.items()), counter)
        for name, arrays, counter in (("events", events, None), ("jet", jets, "n"))
    )
    schema = Schema(groups, (*events, *jets), Origin("parquet"))
    return schema, (Table(groups[0], events), Table(groups[1], jets))


def write(path, *arguments, **options):
    schema, batch = table_of(*arguments, **options)
    write_file(path, schema, [batch])
    return path


def columns_of(path, *names):
    """The bytes, or texts, of all columns or of some."""
    with baler_vae.open(path) as archive:
        batches = list(archive.batches(archive.schema.select(names)))
    wanted = names or [name for table in batches[0] for name in table.group.names]
    arrays = {
        name: np.concatenate([table[name] for batch in batches for table in batch if name in table.group.names])
        for name in wanted
    }
    return {name: a.tolist() if a.dtype == object else a.tobytes() for name, a in arrays.items()}


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def networks_in(path):
    with ArchiveFile(path) as archive:
        return [
            column.name for group in archive.manifest.groups for column in group.columns if column.coding == "network-1"
        ]


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    st.sampled_from(KINDS),
    st.sampled_from(["exact", "abs:0.05", "bits:8", "bits:6,floor:0.01", "rel:0.01"]),
    st.integers(0, 99),
    st.sampled_from([0, 1, 2, 60, 90]),
)
def test_every_table_keeps_its_bounds(kind, bound, seed, n_events):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "in.parquet", n_events, seed)
        baler_vae.compress(folder / "in.parquet", folder / "a.bvae", kind=kind, bound=bound, **TINY)
        baler_vae.decompress(folder / "a.bvae", folder / "back.parquet")
        assert baler_vae.verify(folder / "a.bvae", against=folder / "in.parquet").broken == ()
        assert bool(networks_in(folder / "a.bvae")) == (n_events >= 60)


@pytest.fixture(scope="module", params=KINDS)
def made(request, tmp_path_factory):
    """A folder with an input, its archive, and the codec of that."""
    folder = tmp_path_factory.mktemp(request.param)
    write(folder / "in.parquet", 120)
    codec = baler_vae.fit(folder / "in.parquet", kind=request.param, bound=["abs:0.05", "pz=bits:9"], **TINY)
    codec.save(folder / "c.bvmodel")
    baler_vae.compress(folder / "in.parquet", folder / "a.bvae", codec=codec)
    return folder


def test_networks_formulas_and_events_are_there(made):
    codec = Codec.load(made / "c.bvmodel")
    jets = codec.models["jet"]
    assert len(networks_in(made / "a.bvae")) >= 6
    assert jets.looks_back
    assert any(source >= jets.first_event_source for name in jets.names for source in jets.sources_of(name))
    assert any(jets.formula(name) is not None for name in jets.names)
    latents = set(range(len(jets.columns), jets.first_event_source))
    assert bool(latents) == (made.name[:2] != "au")
    assert latents <= set().union(*(jets.sources_of(name) for name in jets.names))


def test_columns_decode_alone_as_they_do_together(made):
    whole = columns_of(made / "a.bvae")
    for name in whole:
        assert columns_of(made / "a.bvae", name) == {name: whole[name]}
    assert columns_of(made / "a.bvae", "mass", "flag") == {name: whole[name] for name in ("flag", "mass")}


def test_a_stored_codec_gives_the_same_archive(made, tmp_path):
    for number, codec in enumerate((made / "c.bvmodel", Codec.load(made / "c.bvmodel"))):
        baler_vae.compress(made / "in.parquet", tmp_path / f"{number}.bvae", codec=codec)
        assert digest(tmp_path / f"{number}.bvae") == digest(made / "a.bvae")


def test_a_restored_file_is_compressed_to_the_same_bytes(made, tmp_path):
    """And so on for ever: what is decoded does not depend on what a grid took away."""
    baler_vae.decompress(made / "a.bvae", tmp_path / "back.parquet")
    baler_vae.compress(tmp_path / "back.parquet", tmp_path / "b.bvae", codec=made / "c.bvmodel")
    assert digest(tmp_path / "b.bvae") == digest(made / "a.bvae")


def test_the_same_fit_gives_the_same_bytes(made, tmp_path):
    kind = Codec.load(made / "c.bvmodel").settings["model"]["kind"]
    options = {"kind": kind, "bound": ["abs:0.05", "pz=bits:9"], **TINY}
    baler_vae.compress(made / "in.parquet", tmp_path / "a.bvae", **options)
    assert digest(tmp_path / "a.bvae") == digest(made / "a.bvae")


@pytest.mark.parametrize(
    ("n_events", "changes"), [(0, {}), (1, {}), (5, {}), (200, {"scale": 1e4}), (150, {"special": False})]
)
def test_a_codec_keeps_its_bounds_on_files_that_it_never_saw(made, tmp_path, n_events, changes):
    write(tmp_path / "other.parquet", n_events, 7, **changes)
    baler_vae.compress(tmp_path / "other.parquet", tmp_path / "a.bvae", codec=made / "c.bvmodel")
    assert baler_vae.verify(tmp_path / "a.bvae", against=tmp_path / "other.parquet").broken == ()


def test_row_groups_decode_alone(made, tmp_path):
    """However events are divided, what is decoded is the same."""
    with short_row_groups(40):
        baler_vae.compress(made / "in.parquet", tmp_path / "a.bvae", codec=made / "c.bvmodel", verify=False)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert len(archive.manifest.row_groups) > 3
    assert columns_of(tmp_path / "a.bvae") == columns_of(made / "a.bvae")


@pytest.mark.parametrize("least", [-1.0, 1.0], ids=["looked at closely", "never"])
def test_columns_are_seen_in_the_order_that_takes_fewer_bytes(tmp_path, monkeypatch, least):
    monkeypatch.setattr(policy, "LEAST_ORDER_SAVING", least)
    rng = np.random.default_rng(0)
    x = rng.normal(size=2_000)
    columns = {f"near{spread}": x + rng.normal(0, spread, len(x)) for spread in (0.5, 0.3, 0.2)} | {"x": x}
    pd.DataFrame(columns).to_parquet(tmp_path / "a.parquet")
    info = baler_vae.compress(
        tmp_path / "a.parquet", tmp_path / "a.bvae", bound="abs:0.1", kind="autoregressive", formulas={"*": "none"}
    )
    tried = info.groups[0].order_bytes
    assert set(tried) == {"file", "telling first"}
    order = list(columns)
    if least < 0 and tried["telling first"] <= tried["file"]:
        order.reverse()
    with ArchiveFile(tmp_path / "a.bvae") as archive:
        model = read_model(archive, 0)
    parents = {name: model.parents(name) for name in order}
    assert any(parents.values())
    assert all(order.index(parent) < order.index(name) for name in order for parent in parents[name])
    assert not baler_vae.verify(tmp_path / "a.bvae", against=tmp_path / "a.parquet").broken


@pytest.mark.parametrize("n_columns", [1, 65])
def test_the_order_of_the_file_stays_where_no_other_is_tried(tmp_path, n_columns):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{number}": rng.normal(size=300) for number in range(n_columns)})
    frame.to_parquet(tmp_path / "a.parquet")
    codec = baler_vae.fit(tmp_path / "a.parquet", bound="bits:4", kind="autoregressive", epochs=1)
    assert codec.fits["events"]["order_bytes"] == {}


@pytest.mark.parametrize(("limit", "few"), [("LARGEST_NUMBERS", 300), ("LARGEST_DESCRIBED", 14)])
def test_networks_that_an_archive_may_not_hold_are_left_out(tmp_path, monkeypatch, limit, few):
    path = write(tmp_path / "a.parquet", 200)
    whole = baler_vae.fit(path, kind="autoregressive", **TINY)
    monkeypatch.setattr(conditionals, limit, few)
    less = baler_vae.fit(path, kind="autoregressive", **TINY)
    served = [
        sum(isinstance(column, Networked) for model in codec.models.values() for column in model.columns.values())
        for codec in (whole, less)
    ]
    assert 0 < served[1] < served[0]
    baler_vae.compress(path, tmp_path / "a.bvae", codec=less)
    assert not baler_vae.verify(tmp_path / "a.bvae", against=path).broken


def turned(n_rows=4_000):
    """Degrees in radians, which no grid holds well, two integers that follow them, and two that follow each other."""
    rng = np.random.default_rng(0)
    x = np.deg2rad(np.round(rng.normal(size=n_rows) * 60, 2))
    near = {f"near{spread}": np.rint(10 * x + rng.normal(0, spread, n_rows)).astype(int) for spread in (1, 2)}
    a = rng.integers(0, 40, n_rows)
    return {"x": x, **near, "a": a, "b": a + rng.integers(0, 3, n_rows)}


def test_a_column_that_is_dear_on_a_grid_stays_as_it_is_and_costs_no_other_its_network(tmp_path):
    pd.DataFrame(turned()).to_parquet(tmp_path / "a.parquet")
    codec = baler_vae.fit(
        tmp_path / "a.parquet", bound="exact", kind="autoregressive", formulas={"*": "none"}, epochs=40
    )
    columns = codec.models["events"].columns
    assert columns["x"].coding == "pcodec-1"
    assert columns["b"].coding == "network-1"


def test_the_rows_of_a_sample_take_their_part_of_all_bits():
    table = Table(Group("", (Column("x", np.dtype(np.float64)),)), {"x": turned()["x"]})
    rows = rows_of_group(table, {"x": Bound("exact")}, None)
    part = sample_of(rows, 1_000, 0)
    (whole,), (some,) = rows.independent.values(), part.independent.values()
    assert some.bits == whole.bits / 4
    assert some.on_grid_bits == whole.on_grid_bits / 4 > 3 * some.bits
