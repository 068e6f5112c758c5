"""Scores of rows and events: sums that add up, known answers, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import baler_vae
from baler_vae.codec.codec import Codec
from baler_vae.codec.lengths import MOVES, code_lengths
from baler_vae.errors import OutputError, SourceError, UsageError
from baler_vae.explore import score
from baler_vae.io.files import open_source, write_file
from baler_vae.measures.scores import TITLES
from baler_vae.table.table import concatenate
from baler_vae.verbs.in_memory import source_of
from tests.tables import jagged_batch

EVENTS = 300
TINY = {"hidden": (8,), "epochs": 2, "latent": 1, "transform": "standard", "seed": 3}


def flat_data(n=600, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return {
        "x": x,
        "y": 2 * x + 0.1 * rng.normal(size=n),
        "i": rng.integers(0, 5, n),
        "run": rng.integers(100, 104, n),
        "signal": rng.random(n) < 0.3,
    }


@pytest.fixture(scope="module")
def flat():
    """Codecs of x, y and i: a VAE under `free`, and one that keeps a bound; and the data."""
    data = flat_data()
    seen = {name: data[name] for name in ("x", "y", "i")}
    return (
        baler_vae.fit(seen, kind="vae", bound="free", **TINY),
        baler_vae.fit(seen, kind="vae", bound="bits:6", keep_network=True, **TINY),
        data,
    )


@pytest.fixture(scope="module")
def jagged(tmp_path_factory):
    """The codec of a file of jets, under `free` where they are floats, and the file."""
    path = tmp_path_factory.mktemp("jagged") / "jets.root"
    schema, batch = jagged_batch(EVENTS)
    write_file(path, schema, [batch])
    return baler_vae.fit(path, kind="vae", bound="free", **TINY), path


def columns_of(path):
    source = open_source(path)
    schema = source.select()
    return {table.group.name: table.arrays for table in concatenate(list(source.read(schema)), schema)}


def batch_of(codec, given):
    source = source_of(given) or open_source(given)
    return concatenate(list(source.read(codec.match(source))), codec.schema)


def test_the_bits_of_an_event_are_those_of_its_columns_and_objects(jagged):
    codec, path = jagged
    found = score(codec, path)
    batch = batch_of(codec, path)
    lengths = code_lengths(codec, batch)
    counts = batch[0]["nJet"].astype(int)
    jets = np.sum(list(lengths["Jet"].values()), axis=0)
    own = np.sum(list(lengths["events"].values()), axis=0)
    of_jets = np.array([part.sum() for part in np.split(jets, np.cumsum(counts)[:-1])])
    assert np.allclose(found.levels["event"]["bits"], own + of_jets)
    assert np.allclose(found.levels["event"]["bits_Jet"], of_jets)
    assert np.allclose(found.levels["Jet"]["bits"], jets)
    means = found.levels["event"]["bits_Jet_mean"]
    assert np.array_equal(np.isnan(means), counts == 0)
    assert np.allclose(means[counts > 0], (of_jets / np.maximum(counts, 1))[counts > 0])
    squares = found.levels["event"]["mahalanobis"] ** 2
    parts = found.levels["event"]["mahalanobis_events"] ** 2 + found.levels["event"]["mahalanobis_Jet"] ** 2
    assert np.allclose(squares, parts)
    assert found.column_bits["Jet"]["Jet_id"] == pytest.approx(lengths["Jet"]["Jet_id"].mean())


def test_the_bits_of_an_event_hold_those_of_moves(tmp_path):
    schema, batch = jagged_batch(EVENTS)
    write_file(tmp_path / "in.root", schema, [batch])
    ht = {"quantity": {"name": "x", "kind": "ht", "objects": ["Jet_*"]}, "bound": "rel:1e-4"}
    codec = baler_vae.fit(tmp_path / "in.root", guarantees=[ht], bound="bits:8", kind="independent")
    found = score(codec, tmp_path / "in.root", tmp_path / "scores.npz")
    moves = found.column_bits["events"][MOVES]
    assert moves > 0
    with np.load(tmp_path / "scores.npz") as written:
        own = [name for name in written.files if name.startswith("bits_") and not name.startswith("bits_Jet")]
        assert np.mean(written["bits_moves"]) == pytest.approx(moves)
        assert np.allclose(sum(written[name] for name in own if name != "bits_events"), written["bits_events"])
    without = score(codec, tmp_path / "in.root").levels["event"]["standard_bits_events"]
    means = {name: bits for name, bits in code_lengths(codec, batch)["events"].items() if name != MOVES}
    varying = [bits for bits in means.values() if np.ptp(bits)]
    assert np.allclose(without, sum((bits - bits.mean()) / bits.std() for bits in varying))
    assert any("stored to the bit to keep guarantees" in note for note in found.notes)


def test_standardised_bits_weigh_columns_by_the_spread_of_their_bits(flat):
    _, codec, data = flat
    other = flat_data(seed=7)
    found = score(codec, data, training=other).levels["event"]["standard_bits"]
    typical = score(codec, other).levels["event"]["standard_bits"]
    columns, reference = (code_lengths(codec, batch_of(codec, given))["events"] for given in (data, other))
    expected = sum((columns[name] - bits.mean()) / bits.std() for name, bits in reference.items() if np.ptp(bits))
    assert found == pytest.approx(expected)
    assert np.mean(typical) == pytest.approx(0, abs=1e-9)


def test_the_first_objects_of_an_event_may_count_alone(jagged):
    codec, path = jagged
    found = score(codec, path, n_objects=2)
    counts = batch_of(codec, path)[0]["nJet"].astype(int)
    assert counts.max() > 2
    few = np.minimum(counts, 2)
    for name, power in (("bits", 1), ("mahalanobis", 2)):
        parts = np.split(found.levels["Jet"][name] ** power, np.cumsum(counts)[:-1])
        expected = np.array([part[:2].sum() for part in parts])
        assert found.levels["event"][f"{name}_Jet"] ** power == pytest.approx(expected)
        means = found.levels["event"][f"{name}_Jet_mean"] ** power
        assert means[few > 0] == pytest.approx((expected / np.maximum(few, 1))[few > 0])
    assert any("first 2 rows" in note for note in found.notes)
    with pytest.raises(UsageError, match="0 objects of an event"):
        score(codec, path, n_objects=0)


def test_squared_errors_are_those_of_a_restored_archive(flat, tmp_path):
    codec, _, data = flat
    seen = {name: data[name] for name in ("x", "y", "i")}
    restored = codec.decode(codec.encode(seen))
    expected = 0.0
    for name in ("x", "y"):
        low, high = np.quantile(data[name], (0.158655, 0.841345))
        expected = expected + ((restored[name] - data[name]) / ((high - low) / 2)) ** 2
    found = score(codec, data)
    assert found.levels["event"]["squared_error"] == pytest.approx(expected, rel=1e-3)
    assert set(found.levels["event"]) == {
        "bits",
        "standard_bits",
        "squared_error",
        "negative_elbo",
        "mahalanobis",
    }
    assert any("x, y: under `free`" in note for note in found.notes)


def test_a_bounded_codec_has_latents_and_no_squared_error(flat):
    _, codec, data = flat
    found = score(codec, data)
    assert set(found.levels["event"]) == {"bits", "standard_bits", "mahalanobis"}
    distances = found.levels["event"]["mahalanobis"]
    assert np.mean(distances**2) == pytest.approx(1.0, rel=0.01)  # of one latent, whose variance is the unit
    independent = baler_vae.fit({"i": data["i"]}, kind="independent")
    assert set(score(independent, data).levels["event"]) == {"bits", "standard_bits"}


def test_strange_rows_score_higher(flat):
    codec, bounded, data = flat
    strange = flat_data(seed=2) | {"x": 2.5 * data["x"], "y": -2 * data["x"]}
    for own, name in ((codec, "squared_error"), (codec, "negative_elbo"), (bounded, "bits")):
        found = score(own, data, against=strange, training=data, n_bootstraps=5)
        assert found.label == "the second input"
        assert found.rocs["event"][name].auc.value > 0.6
        assert found.n_events == 1_200
        assert found.labels["event"].sum() == 600


def test_roc_curves_are_those_of_the_label(flat):
    codec, _, data = flat
    found = score(codec, data, label="signal", n_bootstraps=5, seed=4)
    for name, values in found.levels["event"].items():
        assert found.rocs["event"][name].auc.value == pytest.approx(roc_auc_score(data["signal"], values))
    assert found.to_pandas()["label"].sum() == data["signal"].sum()
    again = score(codec, {**data, "signal": data["signal"].astype(np.int32)}, label="signal", n_bootstraps=5, seed=4)
    assert again.to_dict() == found.to_dict()
    other = score(codec, data, label="signal", n_bootstraps=5, seed=5)
    assert other.to_dict() != found.to_dict()


def test_labels_of_objects_and_of_events(jagged, tmp_path):
    codec, path = jagged
    of_events = score(codec, path, label="trigger", n_bootstraps=3)
    assert set(of_events.rocs) == {"event", "Jet"}
    counts = columns_of(path)["events"]["nJet"]
    assert np.array_equal(of_events.labels["Jet"], np.repeat(of_events.labels["event"], counts))
    schema, batch = jagged_batch(EVENTS)
    jets = dict(batch[1].arrays, Jet_id=(batch[1]["Jet_id"] > 99).astype(np.uint8))
    write_file(tmp_path / "b.root", schema, [(batch[0], type(batch[1])(batch[1].group, jets))])
    of_jets = score(codec, tmp_path / "b.root", label="Jet_id", n_bootstraps=3)
    assert set(of_jets.rocs) == {"Jet"}


def test_means_along_a_column(flat):
    codec, _, data = flat
    found = score(codec, data, by="run")
    assert [profile.score for profile in found.profiles] == list(TITLES)
    bits = found.levels["event"]["bits"]
    assert found.profiles[0].means == pytest.approx([bits[data["run"] == run].mean() for run in range(100, 104)])
    with pytest.raises(UsageError, match="no numbers along which"):
        score(codec, data | {"run": np.array(["a"] * 600, object)}, by="run")


@pytest.mark.parametrize("suffix", [".root", ".parquet", ".h5"])
def test_files_hold_events_and_objects(jagged, tmp_path, suffix):
    codec, path = jagged
    found = score(codec, path, tmp_path / f"scores{suffix}", keep="Jet_pt", by="met")
    columns = columns_of(tmp_path / f"scores{suffix}")
    events, jets = columns.values()
    original = columns_of(path)
    assert np.array_equal(events["event"], np.arange(EVENTS))
    assert np.array_equal(events["met"], original["events"]["met"])
    assert np.array_equal(jets["Jet_row"], np.arange(len(jets["Jet_row"])))
    assert np.array_equal(jets["Jet_pt"], original["Jet"]["Jet_pt"])
    for name, values in found.levels["event"].items():
        assert np.array_equal(events[name], values, equal_nan=True)
    for name, values in found.levels["Jet"].items():
        assert np.array_equal(jets[f"Jet_{name}"], values)
    assert {"bits_trigger", "bits_latents"} <= set(events)
    assert "Jet_bits_Jet_id" in jets


def test_text_files_hold_events(jagged, flat, tmp_path):
    found = score(*jagged, tmp_path / "scores.csv")
    (events,) = columns_of(tmp_path / "scores.csv").values()
    assert np.allclose(events["bits"], found.levels["event"]["bits"])
    codec, _, data = flat
    score(codec, data, tmp_path / "two.csv", against=data, n_bootstraps=2)
    (events,) = columns_of(tmp_path / "two.csv").values()
    assert np.array_equal(events["sample"], np.repeat([0, 1], 600))
    with pytest.raises(OutputError, match="exists already"):
        score(codec, data, tmp_path / "two.csv")
    score(codec, data, tmp_path / "two.csv", force=True)
    with pytest.raises(UsageError, match="unknown file format"):
        score(codec, data, tmp_path / "two.xyz")


def test_rows_that_a_network_cannot_take_are_counted(flat):
    codec, bounded, data = flat
    wrong = dict(data, x=data["x"].copy(), y=data["y"].copy())
    wrong["x"][[3, 5]], wrong["y"][7] = (np.nan, np.inf), 1e30
    found = score(codec, wrong)
    for values in found.levels["event"].values():
        assert np.flatnonzero(np.isnan(values)).tolist() == [3, 5, 7]
    assert any(note.startswith("3 rows of events have no scores") for note in found.notes)
    assert {one.n_without for one in found.summaries} == {3}
    right = score(codec, data)
    assert np.delete(found.levels["event"]["bits"], [3, 5, 7]) == pytest.approx(
        np.delete(right.levels["event"]["bits"], [3, 5, 7])
    )
    assert np.isfinite(score(bounded, wrong).levels["event"]["bits"]).all()  # NaN has a code there


def test_without_codes_for_rows_columns_are_named():
    data = {"i": flat_data(100)["i"], "word": np.array(["a", "bb"] * 50, object)}
    found = score(baler_vae.fit(data, kind="independent"), data)
    assert any(note.startswith("bits of events are without word") for note in found.notes)
    words = {"word": data["word"]}
    assert score(baler_vae.fit(words, kind="independent"), words).levels == {"event": {}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signal": np.ones(600, bool)}, r"one class only.*600 times 1"),
        ({"signal": np.zeros(600)}, r"one class only"),
        ({"signal": np.arange(600)}, r"is no label.*found 2.*booleans, or 0 and 1"),
        ({"signal": np.full(600, np.nan)}, r"is no label"),
        ({"signal": np.array(["a"] * 600, object)}, r"is no label"),
    ],
)
def test_labels_that_are_none_are_refused(flat, change, message):
    with pytest.raises(UsageError, match=message):
        score(flat[0], flat[2] | change, label="signal")


def test_rows_without_scores_are_in_no_mean(flat, tmp_path):
    codec, _, data = flat
    holed = {name: data[name].copy() for name in ("x", "y", "i")}
    holed["x"][::3] = np.nan
    rest = {name: np.delete(values, np.s_[::3]) for name, values in holed.items()}
    found, whole = score(codec, holed, tmp_path / "s.parquet"), score(codec, rest)
    assert found.column_bits["events"] == pytest.approx(whole.column_bits["events"])
    frame = pd.read_parquet(tmp_path / "s.parquet")
    assert frame.filter(like="bits").isna().all(axis=1).tolist() == [number % 3 == 0 for number in range(600)]


def test_what_has_no_unit_has_no_score(flat):
    codec, _, data = flat
    one = {name: data[name][:1] for name in ("x", "y", "i")}
    found = score(codec, data, training=one)
    assert {"squared_error", "mahalanobis"}.isdisjoint(found.levels["event"])
    assert {"bits", "negative_elbo"} <= set(found.levels["event"])
    assert any("without x, y: no width" in note for note in found.notes)
    assert any("no Mahalanobis distance of events" in note for note in found.notes)


def test_missing_values_are_no_values(flat):
    codec, _, data = flat
    missing = np.arange(600) % 5 == 0
    frame = pd.DataFrame({name: data[name] for name in ("x", "y", "i")})
    frame["run"] = pd.array(np.where(missing, pd.NA, data["run"]), "Int64")
    frame["signal"] = pd.array(np.where(missing, pd.NA, data["signal"]), "boolean")
    found = score(codec, frame, by="run").profiles[0]
    assert found.low.tolist() == [100, 101, 102, 103]
    assert found.counts.sum() == np.count_nonzero(~missing)
    with pytest.raises(UsageError, match=r"is no label.*NaN, or no value"):
        score(codec, frame, label="signal")


def test_what_is_no_axis_is_told_before_the_work(flat):
    heard = []
    data = flat[2] | {"word": np.array(["a"] * 600, object)}
    with pytest.raises(UsageError, match=r"'word'.*holds no numbers along which"):
        score(flat[0], data, by="word", progress=lambda *told: heard.append(told))
    assert not heard


def test_wrong_requests_are_refused(flat, tmp_path):
    codec, _, data = flat
    with pytest.raises(UsageError, match=r"no column 'sgnal'.*signal"):
        score(codec, data, label="sgnal")
    with pytest.raises(UsageError, match="mutually exclusive"):
        score(codec, data, label="signal", against=data)
    with pytest.raises(UsageError, match=r"column 'y'.*this file lacks"):
        score(codec, {name: data[name] for name in ("x", "i")})
    with pytest.raises(UsageError, match="invalid seed -1"):
        score(codec, data, seed=-1)
    with pytest.raises(UsageError, match="0 importance samples"):
        score(codec, data, n_samples=0)
    with pytest.raises(SourceError, match="no events to score"):
        score(codec, {name: array[:0] for name, array in data.items()})
    baler_vae.compress({name: data[name] for name in ("x", "y", "i")}, tmp_path / "a.bvae", codec=codec, verify=False)
    with pytest.raises(UsageError, match=r"encoder of events is not there"):
        score(tmp_path / "a.bvae", data)


def test_archives_are_scored_and_score(tmp_path):
    data = {"i": flat_data(300)["i"]}
    codec = baler_vae.fit(data, kind="independent")
    baler_vae.compress(data, tmp_path / "a.bvae", codec=codec)
    bits = score(codec, data).levels["event"]["bits"]
    assert np.array_equal(score(tmp_path / "a.bvae", tmp_path / "a.bvae").levels["event"]["bits"], bits)
    assert isinstance(codec, Codec)


def test_variances_that_an_objective_learnt_are_those_of_the_bound(flat):
    data = {name: flat[2][name] for name in ("x", "y")}
    objective = {"reconstruction": "gaussian", "kl": {"beta": 1.0}}
    learnt = baler_vae.fit(data, kind="vae", bound="free", objective=objective, **TINY)
    found = score(learnt, data, n_samples=200)
    assert any("that the objective learnt" in note for note in found.notes)
    # The objective's own bound, with one sample, is not better than that of many.
    assert np.all(np.isfinite(found.levels["event"]["negative_elbo"]))
    single = score(learnt, data, n_samples=1)
    assert np.mean(found.levels["event"]["negative_elbo"]) < np.mean(single.levels["event"]["negative_elbo"])


def test_decoders_of_cross_entropy_and_of_categories(flat):
    data = {name: flat[2][name] for name in ("x", "y")}
    options = TINY | {"transform": "min-max"}
    objective = {"reconstruction": "cross_entropy", "kl": {}}
    found = score(baler_vae.fit(data, kind="vae", bound="free", objective=objective, **options), data)
    # Residuals are those of scores between 0 and 1, not of logits: each column has a density of its width.
    assert np.mean(found.levels["event"]["negative_elbo"]) < 2
    objective = {"kl": {}, "posterior": {"kind": "joint", "categories": [2]}}
    joint = baler_vae.fit(data, kind="vae", bound="free", objective=objective, **TINY | {"latent": 3})
    found = score(joint, data)
    assert set(found.levels["event"]) == {"bits", "standard_bits", "squared_error", "mahalanobis"}
    assert any("no -ELBO of events" in note for note in found.notes)
