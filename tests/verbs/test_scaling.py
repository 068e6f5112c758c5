"""Real Dask workers, several files, and one worker that is killed: always the same bytes."""

import os
import signal
import threading
from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_vae
from baler_vae.errors import BoundBroken, SourceError, UsageError
from baler_vae.io.chain import file_specs, open_sources
from baler_vae.table.bounds import Bound
from baler_vae.table.table import concatenate, row_groups
from baler_vae.verbs import many
from baler_vae.verbs import row_groups as scaling

distributed = pytest.importorskip("distributed", reason="Dask is not installed")

COLUMNS = ("event", "Jet_pt", "Jet_eta")


def arrays_of(n_events, seed):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(4, n_events)
    pt = rng.exponential(30, counts.sum()).astype(np.float32)
    eta = rng.normal(0, 2, len(pt)).astype(np.float32)
    return {
        "event": np.arange(n_events) + 1_000_000 * seed,
        "Jet_pt": ak.unflatten(pt, counts),
        "Jet_eta": ak.unflatten(eta, counts),
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three files with about 20,000 events of 4 jets each, so that row groups go across them."""
    folder = tmp_path_factory.mktemp("files")
    for number, n_events in enumerate((20_000, 300, 22_000)):
        jagged = ak.types.ListType(ak.types.NumpyType("float32"))
        with uproot.recreate(folder / f"run{number}.root") as file:
            types = {"event": np.dtype("i8"), "Jet_pt": jagged, "Jet_eta": jagged}
            tree = file.mktree("Events", types, counter_name=lambda _: "nJet")
            tree.extend(arrays_of(n_events, number))
    return folder


@pytest.fixture(scope="module")
def codec(files):
    return baler_vae.fit(f"{files}/run0.root:Events", kind="independent", bound=["abs:0.01"])


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def serial(files, codec):
    path = files / "serial.bvae"
    baler_vae.compress(f"{files}/run*.root:Events", path, codec=codec)
    return path


def test_globs_and_lists_are_files_one_after_the_other(files):
    specs = file_specs(f"{files}/run*.root:Events")
    assert specs == tuple(f"{files}/run{number}.root:Events" for number in range(3))
    source = open_sources(specs)
    assert source.n_events == 42_300
    schema = source.select()
    whole = concatenate(list(source.read(schema)), schema)
    numbers = [arrays_of(n_events, number)["event"] for number, n_events in enumerate((20_000, 300, 22_000))]
    assert np.array_equal(whole[0]["event"], np.concatenate(numbers))
    for ranges in ([(0, 5)], [(19_990, 20_310)], [(3, 20_001), (42_299, 42_300)]):
        part = concatenate(list(source.read(schema, ranges)), schema)
        expected = np.concatenate([whole[0]["event"][a:b] for a, b in ranges])
        assert part[0]["event"].tolist() == expected.tolist()
        assert part[1].n_rows == part[0]["nJet"].sum()
    with pytest.raises(SourceError, match="no file matches"):
        open_sources(f"{files}/none*.root")


def test_row_groups_are_planned_as_they_are_cut(files):
    source = open_sources(f"{files}/run*.root:Events")
    schema = source.select()
    planned = list(scaling._planned(source, schema))
    cut = list(row_groups(source.read(schema), schema))
    assert len(cut) > 2
    start = jets = 0
    for (events, first_rows), batch in zip(planned, cut, strict=True):
        assert events == (start, start + batch[0].n_rows)
        assert first_rows == {"events": start, "Jet": jets}
        start, jets = start + batch[0].n_rows, jets + batch[1].n_rows


def test_workers_give_the_same_archive_and_the_same_file(files, codec, client, serial, tmp_path):
    baler_vae.compress(f"{files}/run*.root:Events", tmp_path / "a.bvae", codec=codec, scheduler=client)
    assert (tmp_path / "a.bvae").read_bytes() == serial.read_bytes()
    baler_vae.decompress(serial, tmp_path / "one.npz")
    baler_vae.decompress(serial, tmp_path / "two.npz", scheduler=client)
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "two.npz") as two:
        assert one.files == two.files
        assert all(np.array_equal(one[name], two[name]) for name in one.files)
    assert not baler_vae.verify(serial, against=f"{files}/run*.root:Events").broken


@pytest.mark.parametrize("of_its_own", [False, True], ids=["scheduler", "workers"])
def test_workers_keep_guarantees(files, guarded, client, tmp_path, of_its_own):
    codec, alone = guarded
    workers = {"workers": 2} if of_its_own else {"scheduler": client}
    baler_vae.compress(f"{files}/run[01].root:Events", tmp_path / "a.bvae", codec=codec, **workers)
    assert (tmp_path / "a.bvae").read_bytes() == alone.read_bytes()


@pytest.fixture(scope="module")
def guarded(files):
    """A codec with guarantees, and an archive that one process wrote with it."""
    asked = [{"cut": "(Jet_pt > 30) & (abs(Jet_eta) < 2.4)", "at_least": 2}, "Jet_pt * sinh(Jet_eta)=rel:1e-4"]
    codec = baler_vae.fit(f"{files}/run1.root:Events", kind="independent", bound="bits:10", guarantees=asked)
    baler_vae.compress(f"{files}/run[01].root:Events", files / "guarded.bvae", codec=codec)
    with baler_vae.open(files / "guarded.bvae") as opened:
        assert len(opened.manifest.row_groups) > 1
    done = baler_vae.verify(files / "guarded.bvae", against=f"{files}/run[01].root:Events")
    assert [check.n_broken for check in done.guarantees] == [0, 0]
    return codec, files / "guarded.bvae"


def test_a_scheduler_is_reached_by_its_address(files, codec, client, serial, tmp_path):
    address = client.scheduler.address
    baler_vae.compress(f"{files}/run*.root:Events", tmp_path / "a.bvae", codec=codec, scheduler=address)
    assert (tmp_path / "a.bvae").read_bytes() == serial.read_bytes()
    with pytest.raises(UsageError, match="mutually exclusive"):
        baler_vae.compress(f"{files}/run0.root", tmp_path / "b.bvae", codec=codec, scheduler=address, workers=2)


def test_a_worker_that_dies_is_replaced(files, codec, serial, tmp_path):
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())
        killed = threading.Event()

        def kill_one(_what, done, _total):
            if done and not killed.is_set():
                killed.set()
                os.kill(pids[0], signal.SIGKILL)

        options = {"codec": codec, "scheduler": client, "progress": kill_one}
        baler_vae.compress(f"{files}/run*.root:Events", tmp_path / "a.bvae", **options)
        assert killed.is_set()
        assert pids[0] not in client.run(os.getpid).values()
    assert (tmp_path / "a.bvae").read_bytes() == serial.read_bytes()


def test_errors_of_workers_are_those_of_one_process(files, codec, client, tmp_path):
    with uproot.recreate(tmp_path / "other.root") as file:
        file.mktree("Events", {"event": np.dtype("i8")}).extend({"event": np.arange(10)})
    with pytest.raises(UsageError, match="the codec has a column that this file lacks"):
        baler_vae.compress(f"{tmp_path}/other.root", tmp_path / "a.bvae", codec=codec, scheduler=client)
    with pytest.raises(UsageError, match="the first file has a column that this file lacks"):
        baler_vae.compress(
            [f"{files}/run1.root", f"{tmp_path}/other.root"], tmp_path / "a.bvae", codec=codec, scheduler=client
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.root"]


def test_a_bound_that_workers_find_broken_leaves_nothing(files, codec, client, tmp_path, monkeypatch):
    """Workers are given another codec than the one whose bounds the archive names."""
    data = codec.to_bytes()
    monkeypatch.setattr(type(codec), "to_bytes", lambda _: data)
    strict = replace(codec, bounds={**codec.bounds, "Jet_pt": Bound("abs", 1e-6)})
    with pytest.raises(BoundBroken, match="Jet_pt"):
        baler_vae.compress(f"{files}/run1.root:Events", tmp_path / "a.bvae", codec=strict, scheduler=client)
    assert not list(tmp_path.iterdir())


def test_every_file_gets_an_archive_and_every_archive_a_file(files, client, tmp_path):
    specs = f"{files}/run[01].root:Events"
    infos = many.compress_each(specs, tmp_path / "in", kind="independent", scheduler=client)
    assert [info.n_rows["events"] for info in infos] == [20_000, 300]
    many.compress_each(specs, tmp_path / "again", kind="independent")
    for name in ("run0.bvae", "run1.bvae"):
        assert (tmp_path / "in" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    archives = sorted((tmp_path / "in").iterdir())
    written = many.decompress_each(archives, tmp_path / "out", scheduler=client)
    assert [path.name for path in written] == ["run0.root", "run1.root"]
    with uproot.open(f"{tmp_path}/out/run1.root:Events") as tree:
        assert tree["event"].array(library="np").tolist() == arrays_of(300, 1)["event"].tolist()
    written = many.decompress_each(archives, tmp_path / "out", to="parquet")
    assert [path.name for path in written] == ["run0.parquet", "run1.parquet"]
    with pytest.raises(UsageError, match="unknown file format 'xls'"):
        many.decompress_each(archives, tmp_path / "out", to="xls")
    with pytest.raises(UsageError, match="get the same name: run0"):
        many.compress_each([f"{files}/run0.root", f"{tmp_path}/out/run0.root"], tmp_path / "in", kind="independent")
    merged = baler_vae.merge(archives, tmp_path / "all.bvae")
    assert merged.n_rows["events"] == 20_300


def test_workers_read_text_as_it_was_said(client, tmp_path):
    rows = [f"{n},{n % 997:03};{n % 7}" for n in range(1, 40_000)]
    (tmp_path / "in.csv").write_text("\n".join(["x;n", *rows, ""]))
    options = {"kind": "independent", "dialect": {"decimal": ","}}
    baler_vae.compress(tmp_path / "in.csv", tmp_path / "alone.bvae", **options)
    baler_vae.compress(tmp_path / "in.csv", tmp_path / "shared.bvae", scheduler=client, **options)
    assert (tmp_path / "alone.bvae").read_bytes() == (tmp_path / "shared.bvae").read_bytes()
