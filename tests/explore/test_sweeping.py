"""Sweeps of a small table: what is measured, and that neither workers nor interruptions change it."""

import json

import numpy as np
import pytest

import baler_vae
from baler_vae.errors import OutputError, SourceError, UsageError
from baler_vae.explore import latents, sweep
from baler_vae.explore.sweep_measures import distortions
from baler_vae.locks import acquire
from baler_vae.output import beside
from baler_vae.scale.cluster import cluster

PROJECT = """
name = "small"
input = "rows.npz"
bound = ["free"]
[model]
kind = "ae"
hidden = [4]
epochs = 2
transform = "standard"
weights = {a = 2.0}
"""
GRID = "[sweep]\nseeds = [1, 2]\n[sweep.settings]\nlatent = [1, 2]\n"


def write_project(folder, text=GRID, *, project=PROJECT, n_rows=300):
    """A project of three columns, two of which lie on a line."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(4)
    a, c = rng.normal(size=(2, n_rows)).astype(np.float32)
    np.savez(folder / "rows.npz", a=a, b=(2 * a + 0.1 * rng.normal(size=n_rows)).astype(np.float32), c=c)
    (folder / "project.toml").write_text(project + text)
    return folder


def tables_of(folder):
    return [(folder / name).read_bytes() for name in ("runs.jsonl", "summary.json")]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a project, and the result of its sweep, which is in `sweep` in it."""
    folder = write_project(tmp_path_factory.mktemp("grid"))
    return folder, sweep(folder, folder / "sweep")


@pytest.fixture(scope="module")
def client():
    """Two workers."""
    with cluster(2) as found:
        yield found


def test_a_grid_has_every_setting_and_seed(done):
    _, result = done
    assert [(run.number, run.settings["latent"], run.seed) for run in result.runs] == [
        (1, 1, 1),
        (2, 1, 2),
        (3, 2, 1),
        (4, 2, 2),
    ]
    assert not any(run.failure for run in result.runs)
    assert [one.seeds for one in result.settings] == [(1, 2), (1, 2)]
    assert 1 < result.participation_ratio < 3
    assert result.n_columns == 3
    assert [answer.measure for answer in result.latents] == ["validation_error"]


def test_a_run_is_what_the_verbs_give(done, tmp_path):
    folder, result = done
    source = str(folder / "rows.npz")
    settings = {"kind": "ae", "hidden": (4,), "epochs": 2, "transform": "standard", "weights": {"a": 2.0}}
    codec = baler_vae.fit(source, bound="free", latent=2, seed=2, **settings)
    info = baler_vae.compress(source, tmp_path / "a.bvae", codec=codec)
    found, history = result.runs[3].values, codec.history["events"]
    assert found["bytes"] == info.archive_bytes
    assert found["ratio"] == info.original_bytes / info.archive_bytes
    (told,) = latents(codec, source, tsne=False, clusters=0).groups
    assert found["rate"] == pytest.approx(sum(latent.rate for latent in told.latents), rel=1e-12)
    assert found["validation_error"] == min(epoch["validation_error"] for epoch in history)
    assert found["training_loss"] == history[-1]["training_loss"]
    back = baler_vae.open(tmp_path / "a.bvae").arrays()
    for name, values in np.load(source).items():
        error = np.square(np.asarray(back[name], np.float64) - values.astype(np.float64)).mean()
        assert result.runs[3].distortions[name] == pytest.approx(error / values.astype(np.float64).var(), rel=1e-12)
    assert found["distortion"] == pytest.approx(np.mean(list(result.runs[3].distortions.values())), rel=1e-12)


def test_two_workers_give_the_same_tables(done, client, tmp_path):
    folder, result = done
    again = sweep(folder, tmp_path / "sweep", scheduler=client)
    assert again == result
    assert tables_of(tmp_path / "sweep") == tables_of(folder / "sweep")


def test_what_is_done_is_kept_and_the_rest_made(done, tmp_path):
    folder, result = done
    sweep(folder, tmp_path / "sweep")
    runs = sorted((tmp_path / "sweep" / "runs").iterdir())
    kept = runs[1].stat().st_mtime_ns
    for path in (runs[0], runs[3], tmp_path / "sweep" / "runs.jsonl"):
        path.unlink()
    assert sweep(folder, tmp_path / "sweep", resume=True) == result
    assert runs[1].stat().st_mtime_ns == kept
    assert tables_of(tmp_path / "sweep") == tables_of(folder / "sweep")


def test_seconds_are_in_no_table(done):
    folder, _ = done
    assert len(list((folder / "sweep" / "seconds").iterdir())) == 4
    assert all(b"seconds" not in text for text in tables_of(folder / "sweep"))


def test_nothing_is_left_without_a_folder(done):
    folder, result = done
    before = set(folder.iterdir())
    assert sweep(folder) == result
    assert set(folder.iterdir()) == before


def test_a_sweep_that_is_there_stays(tmp_path):
    folder = write_project(tmp_path, "[sweep]\nseeds = [1]\n", project=PROJECT.replace('"ae"', '"auto"'))
    first = sweep(folder, folder / "sweep")
    with pytest.raises(OutputError, match="holds a sweep already"):
        sweep(folder, folder / "sweep")
    text = (folder / "project.toml").read_text()
    (folder / "project.toml").write_text(text.replace("seeds = [1]", "seeds = [3]").replace("[4]", "[5]"))
    with pytest.raises(UsageError, match=r"different model\.hidden and a different sweep\.seeds"):
        sweep(folder, folder / "sweep", resume=True)
    second = sweep(folder, folder / "sweep", force=True)
    assert [run.seed for run in first.runs + second.runs] == [1, 3]
    assert len(list((folder / "sweep" / "runs").iterdir())) == 1


def test_a_folder_that_another_sweep_is_writing_to(done):
    folder, _ = done
    lock = acquire(beside(folder / "sweep" / "sweep.json", ".lock"))
    try:
        with pytest.raises(OutputError, match="is being written by another run"):
            sweep(folder, folder / "sweep", resume=True)
    finally:
        lock.release()


def test_a_run_that_diverges_is_a_row_with_the_reason(tmp_path):
    text = "[sweep]\nseeds = [1, 2]\n[sweep.settings]\nlearning_rate = [1e30, 1e-3]\n"
    result = sweep(write_project(tmp_path, text))
    assert ["diverged" in run.failure for run in result.runs] == [True, True, False, False]
    assert [one.n_failed for one in result.settings] == [2, 0]
    assert result.best == 1
    assert result.best_run == result.runs[2]
    assert json.loads(json.dumps(result.to_dict()))["runs"][0]["values"] == {}


def test_variants_replace_tables_and_dotted_names_reach_into_them(tmp_path):
    text = """
[sweep]
seeds = [1]
minimise = "bytes"
measures = ["bytes"]
[[sweep.variants]]
name = "exact"
bound = ["exact"]
model = {kind = "independent", weights = {}}
[[sweep.variants]]
name = "weighted"
[sweep.variants.settings]
"weights.a" = [1.0, 5.0]
bound = ["free", ["free", "a=abs:0.1"]]
"""
    result = sweep(write_project(tmp_path, text))
    assert [run.variant for run in result.runs] == ["exact", *["weighted"] * 4]
    assert result.runs[0].settings == {}
    assert [tuple(run.settings.values()) for run in result.runs[1:]] == [
        (1.0, "free"),
        (1.0, ["free", "a=abs:0.1"]),
        (5.0, "free"),
        (5.0, ["free", "a=abs:0.1"]),
    ]
    assert len({run.values["bytes"] for run in result.runs}) >= 3
    assert all(set(run.values) == {"bytes", "ratio"} for run in result.runs)


def test_the_rate_of_a_variational_posterior_is_its_divergence(tmp_path):
    folder = write_project(tmp_path, "[sweep]\nseeds = [1]\n", project=PROJECT.replace('"ae"', '"vae"\nbeta = 0.1'))
    (run,) = sweep(folder).runs
    settings = {"kind": "vae", "hidden": (4,), "epochs": 2, "transform": "standard", "weights": {"a": 2.0}}
    codec = baler_vae.fit(str(folder / "rows.npz"), bound="free", seed=1, beta=0.1, **settings)
    encoder = codec.models["events"].encoder
    assert encoder is not None
    means, logs = encoder.encode(encoder.scores(dict(np.load(folder / "rows.npz"))))
    nats = -0.5 * np.sum(1 + logs.astype(float) - means.astype(float) ** 2 - np.exp(logs.astype(float)), axis=1)
    assert run.values["rate"] == pytest.approx(nats.mean() / np.log(2), rel=1e-9)


def test_dotted_names_reach_into_the_objective(tmp_path):
    text = """
[model.objective]
posterior = {kind = "noisy", snr = 1.0}
moments = {weight = 0.1}
[sweep]
seeds = [1]
settings = {"objective.posterior.snr" = [3.0, 255.0], "objective.l1_latents.weight" = [0.25]}
"""
    result = sweep(write_project(tmp_path, text))
    assert not any(run.failure for run in result.runs)
    low, high = (run.values["rate"] for run in result.runs)
    assert sum(result.eigenvalues) == pytest.approx(len(result.runs[0].distortions))
    assert result.participation_ratio is None
    # White noise: at most 0.5 log2(1 + SNR) bits for each of the two latents, if both have the same variance.
    assert 0 < low <= 2 * 0.5 * np.log2(1 + 3)
    assert low < high <= 2 * 0.5 * np.log2(1 + 255)
    assert {"moments", "squared error"} <= set(result.runs[0].terms)
    assert not any(name.startswith("weight of") or name == "steps" for name in result.runs[0].terms)


def test_samples_of_a_codec_that_misses_a_correlation_are_told_apart(tmp_path):
    text = '[sweep]\nseeds = [1]\nmeasures = ["sample_auc"]\nminimise = "sample_auc"\nsettings.bound = ["bits:8"]\n'
    project = PROJECT.replace('"ae"', '"independent"')
    folder = write_project(tmp_path / "line", text, project=project, n_rows=600)
    (run,) = sweep(folder).runs
    assert run.values["sample_auc"] > 0.9
    rng = np.random.default_rng(6)
    np.savez(folder / "rows.npz", **{name: rng.normal(size=600) for name in "abc"})
    (run,) = sweep(folder).runs
    assert 0.4 < run.values["sample_auc"] < 0.6


def test_latents_of_samples_come_from_where_they_should(tmp_path):
    text = '[sweep]\nseeds = [1]\nmeasures = ["sample_auc"]\nminimise = "sample_auc"\nsamples_from = "{}"\n'
    variational, found = PROJECT.replace('"ae"', '"vae"'), []
    for place in ("prior", "posterior"):
        (run,) = sweep(write_project(tmp_path / place, text.format(place), project=variational)).runs
        found.append(run.values["sample_auc"])
    assert len(set(found)) == 2
    few = write_project(tmp_path / "few", text.format("prior"), project=variational, n_rows=40)
    (run,) = sweep(few).runs
    assert "too few for a classifier" in run.failure


def test_a_search_is_the_same_with_workers(client, tmp_path):
    text = """
[sweep]
method = "optuna"
trials = 6
batch = 3
seeds = [1, 2]
minimise = "bytes"
measures = ["bytes"]
settings = {bound = ["bits:4", "bits:6", "exact"], sample_rows = {low = 100, high = 1000}}
"""
    folder = write_project(tmp_path, text, project=PROJECT.replace('"ae"', '"independent"'))
    result = sweep(folder, folder / "one")
    assert sweep(folder, folder / "two", scheduler=client) == result
    assert tables_of(folder / "one") == tables_of(folder / "two")
    for path in sorted((folder / "two" / "runs").iterdir())[3:]:
        path.unlink()
    assert sweep(folder, folder / "two", resume=True) == result
    assert result.best is not None
    assert result.settings[result.best].settings["bound"] == "bits:4"


def test_the_peak_is_followed(tmp_path):
    peak = '[[evaluation.peaks]]\ncolumn = "c"\nwindow = [-3.0, 3.0]\nbins = 20\n'
    text = f'{peak}[sweep]\nseeds = [1]\nmeasures = ["peak"]\nminimise = "bytes"\n'
    project = PROJECT.replace('"ae"', '"independent"').replace('"free"', '"exact"')
    (run,) = sweep(write_project(tmp_path, text, project=project, n_rows=3000)).runs
    assert run.values["peak_shift_percent"] == 0
    assert run.values["peak_width_percent"] == 0


def test_a_sweep_keeps_what_the_project_guarantees(tmp_path):
    project = PROJECT.replace('"free"', '"bits:8"').replace("[model]", '[[guarantees]]\ncut = "{cut}"\n[model]')
    text = (
        '[sweep]\nseeds = [1]\nmeasures = ["bytes"]\nminimise = "bytes"\n[sweep.settings]\nbound = ["bits:6", "free"]\n'
    )
    folder = write_project(tmp_path, text, project=project.replace("{cut}", "hypot(a, c) > 1"))
    kept, refused = sweep(folder, folder / "sweep").runs
    assert 0 < kept.values["guarantees_bytes"] < kept.values["bytes"]
    assert "under `free`" in refused.failure
    write_project(tmp_path, text, project=project.replace("{cut}", "hypot(a, c) > 2"))
    with pytest.raises(UsageError, match="guarantees"):
        sweep(folder, folder / "sweep", resume=True)
    write_project(tmp_path, text, project=project.replace("{cut}", "d > 2"))
    with pytest.raises(UsageError, match=r"the guarantee 'd > 2'.*'d'"):
        sweep(folder)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("", UsageError, "declares no sweep"),
        ("[sweep.settings]\nlattent = [1]\n", UsageError, "Did you mean 'latent'?"),
        ("[sweep.settings]\nlatent = [1, 0]\n", UsageError, "setting 'latent'"),
        ("[sweep.settings]\nkind = ['vea']\n", UsageError, "Did you mean 'vae'?"),
        ("[sweep.settings]\nbound = ['bits:x']\n", UsageError, "bits:x"),
        ("[sweep.settings]\nbound = ['aa=bits:4']\n", UsageError, "aa"),
        ("[sweep.settings]\nlatent = {low = 1, high = 3}\n", UsageError, 'method = "optuna"'),
        ("[sweep]\nmethod = 'optuna'\nsettings.latent = {low = 0, high = 3}\n", UsageError, "setting 'latent'"),
        ("[sweep.settings]\nlatent = [3, 4]\n", UsageError, "4 latents are more than the float columns (found 3"),
        ("[sweep]\nmethod = 'optuna'\nsettings.latent = {low = 1, high = 9}\n", UsageError, "9 latents are more"),
        ("[sweep]\nmeasures = ['peak']\n", UsageError, "declares none"),
    ],
)
def test_what_cannot_be_is_said_before_the_first_fit(tmp_path, text, error, said):
    folder = write_project(tmp_path, text)
    with pytest.raises(error) as caught:
        sweep(folder, folder / "sweep")
    assert said in str(caught.value)
    assert not (folder / "sweep").exists()


def test_an_input_that_is_missing(tmp_path):
    folder = write_project(tmp_path)
    (folder / "rows.npz").unlink()
    with pytest.raises(SourceError, match="does not exist"):
        sweep(folder, folder / "sweep")


def test_distortion_leaves_out_what_is_not_finite(table):
    _, rows = table({"x": np.array([0.0, 2.0, np.nan, 4.0]), "y": np.ones(4), "n": np.arange(4)})
    _, back = table({"x": np.array([1.0, 2.0, 3.0, np.inf]), "y": np.ones(4), "n": np.arange(4)})
    found = distortions(rows, back)
    assert found["x"] == pytest.approx(0.5)  # of 0 and 2: the mean of 1 and 0 over the variance 1
    assert np.isnan(found["y"])
    assert set(found) == {"x", "y"}
