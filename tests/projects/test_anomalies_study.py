"""The study of strange events: what it makes of events whose strange ones are known."""

import importlib.util

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from tests.generators import ROOT, run_python

SCRIPT = ROOT / "projects" / "anomalies" / "study.py"
OF_JETS = (
    "pt", "eta", "phi", "mass", "emEnergy", "hadEnergy", "invisibleEnergy", "auxiliaryEnergy", "nConstituents"
)  # fmt: skip


@pytest.fixture(scope="module")
def study():
    pytest.importorskip("sklearn", reason="the rivals are scikit-learn's, of the extra 'explore'")
    found = importlib.util.spec_from_file_location("study_anomalies", SCRIPT)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def write_events(path, process, *, seed):
    """Events with one to four jets, ten times as hard in those that are not background."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 5, len(process))
    scale = np.repeat(np.where(process > 0, 1_000.0, 100.0), counts)
    jets = {name: scale * rng.uniform(1, 2, len(scale)) for name in OF_JETS} | {"eta": rng.normal(size=len(scale))}
    lists = ak.unflatten(ak.zip(jets), counts)
    with uproot.recreate(path) as file:
        tree = file.mktree("Events", {"process": "int32", "Jet": lists.type.content})
        tree.extend({"process": process.astype(np.int32), "Jet": lists})
    return path, jets, counts


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    background, *_ = write_events(folder / "background.root", np.zeros(300, int), seed=1)
    process = np.repeat([0, 1, 2], [80, 40, 40])
    return background, write_events(folder / "test.root", process, seed=2), process


def test_features_are_those_of_the_leading_jets(study, events):
    _, (path, jets, counts), process = events
    found, read = study.features(str(path))
    assert found.shape == (160, 26)
    assert np.array_equal(read, process)
    first = np.cumsum(counts) - counts
    assert found[:, 0] == pytest.approx(jets["eta"][first])
    assert found[:, 3] == pytest.approx(np.log1p(jets["pt"][first]))
    assert np.array_equal(found[:, 4] > 0, counts > 1)
    assert np.array_equal(found[:, -2], counts)
    sums = np.add.reduceat(jets["pt"], first)
    assert found[:, -1] == pytest.approx(np.log(sums))


def test_rivals_find_what_is_strange(study, events):
    background, (path, *_), _ = events
    found = study.rivals(str(background), str(path))
    assert {name: len(own.values) for name, own in found.items()} == {"isolation forest": 5, "PCA": 1, "Mahalanobis": 1}
    for own in found.values():
        assert min(roc.auc.value for number in (1, 2) for roc in own.rocs(number)) > 0.95


def test_files_of_a_kind_are_seeds_and_their_spread_is_in_the_error(study, tmp_path):
    process = np.repeat([0, 1, 2], 50)
    rng = np.random.default_rng(3)
    for seed in (1, 2):
        values = rng.normal(size=150) + np.where(process == seed, 10.0, 0.0)
        table = {"process": process, "bits": values, "Jet_bits": [[1.0]] * 150, "nJet": process}
        pq.write_table(pa.table(table), tmp_path / f"dense_net_{seed}.parquet")
    found = study.read_scores(sorted(tmp_path.iterdir()))
    assert list(found) == ["dense_net: bits"]
    aucs = [roc.auc.value for roc in found["dense_net: bits"].rocs(1)]
    assert aucs[0] == pytest.approx(1)
    assert aucs[1] == pytest.approx(0.5, abs=0.2)
    (line,) = study.lines(found)[2:]
    error = float(line.split("|")[3].split("±")[1])
    assert error == pytest.approx(np.std(aucs, ddof=1), abs=0.03)  # that of the finite test adds little


def test_it_runs_and_draws(study, events, tmp_path):
    background, (path, *_), process = events
    scores = tmp_path / "density_1.parquet"
    pq.write_table(pa.table({"process": process, "bits": process * 1.0}), scores)
    finished = run_python(SCRIPT, background, path, scores, "--picture", tmp_path / "roc.png", "--drawn", "PCA")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("\n| ") == 4
    assert (tmp_path / "roc.png").read_bytes().startswith(b"\x89PNG")
    finished = run_python(SCRIPT, background, path, "--drawn", "no such")
    assert finished.returncode == 1
    assert "there is no score 'no such'" in finished.stderr
