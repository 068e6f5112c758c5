import numpy as np
import pytest

from baler_vae.table.bounds import EXACT
from baler_vae.table.schema import Column, Group
from baler_vae.table.table import Table
from benchmarks.data import CASES

torch = pytest.importorskip("torch")


def batch_of(**columns):
    group = Group("", tuple(Column(name, values.dtype) for name, values in columns.items()))
    return (Table(group, columns),)


@pytest.fixture(autouse=True)
def _short_training(monkeypatch):
    """Few epochs, and one thread: for networks so small, several wait for each other."""
    monkeypatch.setattr("benchmarks.entropy._EPOCHS", (25, 25))
    monkeypatch.setattr("benchmarks.entropy._BATCH_ROWS", 256)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def bits_of(batch, formulas=None, hidden=32):
    from benchmarks.entropy import estimate_table

    bounds = dict.fromkeys(batch[0].group.names, EXACT)
    return {found.name: found.bits for found in estimate_table(batch, 0, bounds, formulas or {}, hidden=hidden)}


def test_the_entropy_of_what_is_known():
    random = np.random.default_rng(0)
    die = random.integers(0, 16, 3_000)
    bits = bits_of(batch_of(die=die, copy=15 - die, coin=random.integers(0, 2, 3_000), same=np.full(3_000, 7)))
    assert bits["die"] == pytest.approx(4, abs=0.1)
    assert bits["copy"] < 1
    assert bits["coin"] == pytest.approx(1, abs=0.05)
    assert bits["same"] < 0.05


def test_a_formula_takes_bits_away():
    random = np.random.default_rng(0)
    x, y = random.integers(0, 1 << 20, (2, 3_000))
    bits = bits_of(batch_of(sum=x + y, x=x, y=y), {"sum": lambda columns: columns["x"] + columns["y"]}, hidden=8)
    assert bits["x"] == pytest.approx(20, abs=1)
    assert bits["sum"] < 0.1


def test_objects_see_those_before_them():
    from benchmarks.entropy import event_context

    events = Table(Group("", (Column("n", np.dtype(np.int64)),)), {"n": np.array([2, 0, 3])})
    jets = Table(Group("Jet", (Column("pt", np.dtype(np.float32)),), "n"), {"pt": np.arange(5, dtype=np.float32)})
    own = np.arange(1, 6, dtype=np.float32)[:, None]
    context, event = event_context((events, jets), 1, own)
    assert event.tolist() == [0, 0, 2, 2, 2]
    assert context[:, 4].tolist() == [0, 1, 0, 3, 4]
    assert context[:, 5].tolist() == [0, 0, 0, 0, 3]


def test_relations_name_columns_that_exist(data_dir, tmp_path, monkeypatch):
    from baler_vae.io.files import open_source
    from benchmarks.relations import RELATIONS

    monkeypatch.setattr("benchmarks.data.FOLDER", data_dir)
    for name in ("jets", "dimuons", "zmumu", "zmumu-all"):
        spec, patterns = CASES[name].source(tmp_path)
        assert set(RELATIONS[name]) <= set(open_source(spec).select(patterns).order)


def test_speeds_of_the_same_rows(tmp_path):
    from benchmarks.speed import measure

    spec, columns = CASES["rows-1000"].source(tmp_path)
    speeds, n_bytes = measure(spec, columns, "bits:10", "independent", None, 1, tmp_path)
    assert {speed.raw_bytes for speed in speeds} == {20_000} == {n_bytes["raw"]}
    assert all(speed.mb_per_s > 0 for speed in speeds)
    assert n_bytes["baler_vae"] < n_bytes["xz"]
