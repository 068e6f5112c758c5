"""Comparing files and archives, and the experiment."""

import re
from dataclasses import replace
from itertools import repeat

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import baler_vae
from baler_vae.cli.tables import experiment_table
from baler_vae.errors import UsageError
from baler_vae.evaluation.numbers import CandidateSizes
from baler_vae.sample import SAMPLE
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.settings.project import Project
from baler_vae.source.source import Source
from baler_vae.study.experiment import run_experiment, spread
from baler_vae.table.schema import Origin
from baler_vae.table.table import Table, cut_events
from tests.tables import flat_batch, jagged_batch


def test_a_file_against_its_archive(jets, tmp_path, quick):
    info = baler_vae.compress(jets, tmp_path / "a.bvae", codec=baler_vae.fit(jets, columns=["Jet_*"], settings=quick))
    evaluation = baler_vae.evaluate(jets, tmp_path / "a.bvae")
    assert [column.name for column in evaluation.columns] == ["nJet", "Jet_pt", "Jet_eta", "Jet_id"]
    assert {c.name: c.n_different for c in evaluation.columns if c.name in ("nJet", "Jet_id")} == {
        "nJet": 0,
        "Jet_id": 0,
    }
    assert evaluation.sizes.to_dict() == {
        "original_bytes": info.original_bytes,
        "archive_bytes": info.archive_bytes,
        **{f"{name}_bytes": size for name, size in vars(info.bytes).items()},
        "guarantees": {},
        "candidates": [],
        "ratio": info.ratio,
    }


def test_an_evaluation_knows_the_models_that_were_compared(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "".join(f"{i % 7},{i % 7 * 3}\n" for i in range(400)))
    info = baler_vae.compress(path, tmp_path / "a.bvae", kind="autoregressive", epochs=1)
    found = baler_vae.evaluate(path, tmp_path / "a.bvae").sizes.candidates
    (group,) = info.groups
    sizes = {"bytes": group.candidate_bytes, "fitted_bytes": group.fitted_bytes}
    assert found == (CandidateSizes(group=group.name, kind=group.kind, **sizes),)
    assert set(found[0].bytes) == {"independent", "autoregressive"}


def test_what_cannot_be_compared(write, jets):
    other = write(*flat_batch({"met": np.ones(40, np.float32), "new": np.ones(40)}), "other.root")
    with pytest.raises(UsageError, match="'new': is not in the original"):
        baler_vae.evaluate(jets, other)
    short = write(*flat_batch({"met": np.ones(39, np.float32)}), "short.root")
    with pytest.raises(UsageError, match="39 rows, expected 40"):
        baler_vae.evaluate(jets, short)


def test_experiment_runs_every_recipe_kind_and_seed():
    project = Project.model_validate(
        {
            "name": "tiny",
            "input": "unused",
            "columns": ["Jet_pt", "Jet_mass"],
            "bound": ["free"],
            "model": {"hidden": [4], "epochs": 1, "transform": "standard"},
            "evaluation": {"peaks": [{"column": "Jet_mass", "window": [100.0, 225.0]}]},
            "experiment": {
                "seeds": [1],
                "recipes": [
                    {"name": "old", "model": {"latents": "float64", "keep_log_variance": True}},
                    {"name": "new", "model": {"weights": {"Jet_mass": 5.0}}},
                ],
            },
        }
    )
    runs = list(run_experiment(project, f"{SAMPLE}:Events"))
    assert [(run.recipe, run.kind, run.seed) for run in runs] == [
        (recipe, kind, 1) for recipe in ("old", "new") for kind in ("ae", "vae")
    ]
    assert all(run.n_rows == 20_092 and run.original_bytes == 20_092 * 8 + 2_400 * 4 for run in runs)
    n_bytes = {(run.recipe, run.kind): run.archive_bytes for run in runs}
    assert n_bytes["old", "vae"] - n_bytes["old", "ae"] == pytest.approx(20_092 * 8, abs=3_000)
    assert n_bytes["new", "ae"] < n_bytes["old", "ae"] / 2
    with pytest.raises(UsageError, match="no experiment"):
        next(run_experiment(project.model_copy(update={"experiment": None}), str(SAMPLE)))


@pytest.mark.parametrize(("suffix", "tree"), [(".h5", "tree"), (".npz", ""), (".parquet", ""), (".root", "dir/tree")])
def test_experiment_reads_and_restores_every_format(write, tmp_path, suffix, tree):
    """The restored file is found again: the same group or tree, and names that ROOT or CSV would not keep."""
    rng = np.random.default_rng(0)
    schema, batch = flat_batch({"mass": rng.normal(91, 3, 500), "n": np.arange(500)})
    origin = Origin("hdf5" if suffix == ".h5" else "root", tree)
    spec = write(replace(schema, origin=origin), batch, f"in{suffix}") + (f":{tree}" if tree else "")
    project = Project.model_validate(
        {
            "name": "tiny",
            "input": "unused",
            "model": {"hidden": [4], "epochs": 1, "transform": "standard"},
            "evaluation": {"peaks": [{"column": "mass", "window": [80.0, 100.0], "bins": 20}]},
            "experiment": {"kinds": ["ae"], "seeds": [1], "recipes": [{"name": "plain"}]},
        }
    )
    (run,) = run_experiment(project, spec)
    assert run.n_rows == 500
    assert run.original_bytes == 500 * 16
    assert run.archive_bytes > 500


def test_an_experiment_keeps_what_the_project_guarantees(write):
    rng = np.random.default_rng(0)
    path = write(*flat_batch({"mass": rng.normal(91, 3, 500), "pt": rng.exponential(30, 500)}))
    project = Project.model_validate(
        {
            "name": "tiny",
            "input": "unused",
            "bound": ["bits:8"],
            "guarantees": [{"quantity": "ratio", "bound": "rel:1e-4"}, {"cut": "pt > 20"}],
            "model": {"hidden": [4], "epochs": 1},
            "evaluation": {
                "peaks": [{"column": "mass", "window": [80.0, 100.0], "bins": 20}],
                "quantities": [{"name": "ratio", "formula": "mass / pt"}],
            },
            "experiment": {"kinds": ["ae"], "seeds": [1], "recipes": [{"name": "plain"}]},
        }
    )
    (run,) = run_experiment(project, path)
    assert [(one.text, one.n, one.n_broken) for one in run.guarantees] == [
        ("ratio within rel:0.0001", 500, 0),
        ("pt > 20", 500, 0),
    ]
    assert 0 < run.guarantees_bytes < run.archive_bytes
    assert run.to_dict()["guarantees"][1]["cut"] == "pt > 20"
    *_, line = experiment_table([run]).lines(200)
    assert re.search(rf" {run.guarantees_bytes:,} +0$", line.plain)


def test_a_failed_fit_of_the_peak_is_no_number(write):
    values = np.random.default_rng(0).normal(10, 1, 300)
    path = write(*flat_batch({"mass": values.astype(np.float32), "other": values}))
    project = Project.model_validate(
        {
            "name": "tiny",
            "input": "unused",
            "model": {"hidden": [4], "epochs": 1},
            "evaluation": {"peaks": [{"column": "mass", "window": [500.0, 600.0]}]},
            "experiment": {"kinds": ["ae"], "seeds": [1], "recipes": [{"name": "plain"}]},
        }
    )
    (run,) = run_experiment(project, path)
    assert run.mass_difference_percent is None
    assert run.width_change_percent is None
    none = project.model_copy(update={"evaluation": EvaluationSettings(), "columns": ("other",)})
    with pytest.raises(UsageError, match=r"no peak.*evaluation.peaks"):
        next(run_experiment(none, path))


def test_archives_are_compared_with_files_and_archives(jets, tmp_path, quick):
    baler_vae.compress(jets, tmp_path / "exact.bvae", bound="exact")
    codec = baler_vae.fit(jets, bound="free", settings=quick)
    baler_vae.compress(jets, tmp_path / "free.bvae", codec=codec)
    baler_vae.decompress(tmp_path / "free.bvae", tmp_path / "free.parquet", columns=["Jet_pt", "met"])
    exact = baler_vae.evaluate(jets, tmp_path / "exact.bvae")
    assert {column.n_different for column in exact.columns} == {0}
    ways = [baler_vae.evaluate(before, tmp_path / "free.parquet") for before in (jets, tmp_path / "exact.bvae")]
    for evaluation in ways:
        assert [column.name for column in evaluation.columns] == ["met", "nJet", "Jet_pt"]
        assert evaluation.sizes is None
        assert [column.rms for column in evaluation.columns] == [column.rms for column in ways[0].columns]
    whole = baler_vae.evaluate(jets, tmp_path / "free.bvae")
    assert {c.name: c.rms for c in whole.columns}["Jet_pt"] == {c.name: c.rms for c in ways[0].columns}["Jet_pt"]


def test_an_archive_is_judged_in_units_of_its_bounds(jets, tmp_path):
    baler_vae.compress(jets, tmp_path / "a.bvae", bound="abs:0.5", columns=["Jet_*", "met"], kind="independent")
    found = {column.name: column for column in baler_vae.evaluate(jets, tmp_path / "a.bvae").columns}
    assert (found["Jet_pt"].bound, found["Jet_id"].bound) == ("abs:0.5", "exact")
    assert 0 < found["Jet_pt"].largest_in_bounds <= 1
    assert found["Jet_pt"].largest_in_bounds == pytest.approx(found["Jet_pt"].largest / 0.5)
    assert found["Jet_id"].largest_in_bounds == 0
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "a.root")
    restored = {column.name: column for column in baler_vae.evaluate(jets, f"{tmp_path / 'a.root'}:Events").columns}
    assert restored["Jet_pt"].bound is restored["Jet_pt"].largest_in_bounds is None
    assert restored["Jet_pt"].largest == found["Jet_pt"].largest


@pytest.mark.parametrize("steps", [(7, 13), (40, 3), (1, 40)])
def test_files_cut_differently_are_compared_row_by_row(write, monkeypatch, steps):
    """The numbers do not depend on how many events either file hands on at once."""
    schema, batch = jagged_batch(40)
    moved = tuple(
        Table(table.group, {n: a * 2 if a.dtype.kind == "f" else a for n, a in table.arrays.items()}) for table in batch
    )
    before, after = write(schema, batch, "a.root"), write(schema, moved, "b.root")
    whole = baler_vae.evaluate(before, after)
    read = Source.read
    by_path = dict(zip(("a.root", "b.root"), steps, strict=True))

    def in_steps(self, selection, ranges=None):
        step = next(n for name, n in by_path.items() if name in self.path)
        return cut_events(read(self, selection, ranges), selection, repeat(step))

    monkeypatch.setattr(Source, "read", in_steps)
    found = baler_vae.evaluate(before, after)
    assert found.n_rows == whole.n_rows
    for mine, theirs in zip(found.columns, whole.columns, strict=True):
        assert (mine.n_rows, mine.n_different, mine.largest) == (theirs.n_rows, theirs.n_different, theirs.largest)
        assert mine.quantiles == theirs.quantiles
        if mine.response is not None and mine.is_float:
            assert mine.response.mean == pytest.approx(1)


def test_files_without_events(write):
    path = write(*flat_batch({"met": np.empty(0, np.float32), "n": np.empty(0, np.int32)}))
    found = baler_vae.evaluate(path, path)
    assert set(found.n_rows.values()) == {0}
    assert [column.n_different for column in found.columns] == [0, 0]


def test_spread_counts_failures_and_never_averages_them():
    assert spread([1.0, None, 3.0]).mean == 2.0
    assert spread([1.0, None, 3.0]).deviation == pytest.approx(np.sqrt(2))
    assert spread([1.0, None, 3.0]).n_failed == 1
    assert spread([None, None]).mean is None
    assert spread([4.0]).deviation == 0.0


def test_what_did_not_come_back_is_named(write, tmp_path):
    x, y = np.arange(50, dtype=np.float32), np.arange(50, dtype=np.int32)
    whole, part = write(*flat_batch({"x": x, "y": y, "z": x})), write(*flat_batch({"x": x}), "part.root")
    assert baler_vae.evaluate(whole, part).missing == ("y", "z")
    asked = baler_vae.evaluate(whole, part, columns=["x", "y"])
    assert (asked.missing, asked.left_out) == (("y",), ("z",))
    baler_vae.compress(whole, tmp_path / "a.bvae", columns="x", kind="independent")
    archived = baler_vae.evaluate(whole, tmp_path / "a.bvae")
    assert (archived.missing, archived.left_out) == ((), ("y", "z"))
    restored = baler_vae.evaluate(whole, part, archive=tmp_path / "a.bvae")
    assert (restored.missing, restored.left_out) == ((), ("y", "z"))
    assert restored.columns[0].largest_in_bounds == 0


def test_nested_values_are_compared(tmp_path):
    lists = [[[1, 2], [3]], [[4]], []]
    for name, values in (("a", lists), ("b", [[[1, 2], [5]], [[4]], []])):
        pq.write_table(pa.table({"v": values, "x": [1.0, 2.0, 3.0]}), tmp_path / f"{name}.parquet")
    found = baler_vae.evaluate(tmp_path / "a.parquet", tmp_path / "b.parquet").columns
    assert [(column.name, column.dtype, column.n_different) for column in found] == [
        ("v", "nested", 1),
        ("x", "float64", 0),
    ]
    assert [c.n_different for c in baler_vae.evaluate(tmp_path / "a.parquet", tmp_path / "a.parquet").columns] == [0, 0]


def test_a_peak_that_became_integers_is_judged(write):
    masses = np.random.default_rng(0).normal(170, 6, 3000).astype(np.float32)
    before, after = write(*flat_batch({"mass": masses})), write(*flat_batch({"mass": np.full(3000, 160)}), "after.root")
    (shift,) = baler_vae.evaluate(before, after).peaks
    assert shift.before.valid
    assert not shift.after.valid
