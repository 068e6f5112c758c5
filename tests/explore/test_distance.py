"""Distances of two inputs: what is compared, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

import baler_vae
from baler_vae.errors import SourceError, UsageError
from baler_vae.explore import distance
from baler_vae.io.files import write_file
from baler_vae.table.schema import Origin
from baler_vae.table.table import Table
from tests.tables import batch_of, jagged_batch


def flat_data(n=400, seed=1, shift=0.0):
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(shift, 1, n), "i": rng.integers(0, 5, n), "word": np.array(["a", "bb"] * (n // 2), object)}


def test_columns_and_rows_of_a_table():
    a, b = flat_data(), flat_data(300, seed=2, shift=1.0)
    found = distance(a, b, seed=3)
    x, i = found.columns
    assert (x.name, i.name) == ("x", "i")
    assert x.ks.value == pytest.approx(ks_2samp(a["x"], b["x"]).statistic)
    assert i.ks_p_value > 0.01 > x.ks_p_value
    (group,) = found.groups
    assert (group.name, group.n_a, group.n_b, group.of_a, group.of_b) == ("events", 400, 300, 400, 300)
    assert 0.65 < group.auc.value < 0.85
    assert group.mmd.value > 3 * group.mmd.error
    assert group.sliced_wasserstein.value > 3 * group.sliced_wasserstein_expected.value
    assert found.notes == ("not compared, no single numbers: word",)
    assert found.to_dict() == distance(a, b, seed=3).to_dict()
    assert list(found.to_pandas()["ks"]) == [x.ks.value, i.ks.value]


def test_an_archive_is_like_its_original(tmp_path):
    data = flat_data()
    baler_vae.compress(data, tmp_path / "a.bvae", kind="independent", bound="bits:10", verify=False)
    found = distance(data, tmp_path / "a.bvae", columns="x")
    assert found.groups[0].auc.value == pytest.approx(0.5, abs=0.05)
    assert found.columns[0].ks.value < 0.05
    assert found.b.endswith("a.bvae")


def test_events_that_differ_only_between_their_objects(tmp_path):
    schema, batch = jagged_batch(500)
    counts = batch[0]["nJet"]
    # Jets of an event that are alike, or independent: rows have one distribution, events another.
    rng = np.random.default_rng(1)
    alike = np.repeat(rng.normal(size=len(counts)), counts) + 0.3 * rng.normal(size=counts.sum())
    apart = rng.normal(0, np.hypot(1, 0.3), counts.sum())
    together, mixed = (
        Table(batch[1].group, dict(batch[1].arrays, Jet_pt=values.astype(np.float32))) for values in (alike, apart)
    )
    write_file(tmp_path / "a.root", schema, [(batch[0], together)])
    write_file(tmp_path / "b.parquet", schema, [(batch[0], mixed)])
    found = distance(tmp_path / "a.root", tmp_path / "b.parquet", columns=["Jet_pt"])
    by_name = {group.name: group for group in found.groups}
    assert list(by_name) == ["events", "Jet", "event"]
    assert by_name["Jet"].auc.value == pytest.approx(0.5, abs=0.1)
    assert by_name["event"].auc.value > 0.65
    assert by_name["event"].mmd is None
    # One object of each event does not tell.
    alone = distance(tmp_path / "a.root", tmp_path / "b.parquet", columns=["Jet_pt"], n_objects=1)
    assert alone.groups[-1].auc.value == pytest.approx(0.5, abs=0.1)


def test_samples_are_whole_events_and_the_same_ones_of_both(tmp_path):
    schema, batch = jagged_batch(500)
    write_file(tmp_path / "a.root", schema, [batch])
    found = distance(tmp_path / "a.root", tmp_path / "a.root", most_rows=200, seed=1)
    jets = found.groups[1]
    assert 195 <= jets.n_a == jets.n_b <= 200
    assert (jets.of_a, jets.of_b) == (len(batch[1]["Jet_pt"]),) * 2
    assert all(column.ks.value == 0 for column in found.columns)


def test_nan_is_counted():
    a, b = flat_data(), flat_data(seed=2)
    a["x"][:7] = np.nan
    found = distance(a, b)
    assert found.columns[0].n_without_a == 7
    assert any("7 of 400 rows of events in A hold NaN" in note for note in found.notes)


def test_missing_values_are_no_values():
    a = flat_data()
    full = {"x": a["x"], "k": a["i"]}
    holed = pd.DataFrame({"x": a["x"], "k": pd.array(np.where(np.arange(400) < 50, pd.NA, a["i"]), "Int64")})
    for first, second, n_without in ((full, holed, (0, 50)), (holed, full, (50, 0)), (holed, holed, (50, 50))):
        found = distance(first, second)
        x, k = found.columns
        assert (x.name, k.name) == ("x", "k")
        assert (k.n_without_a, k.n_without_b) == n_without
        assert found.groups[0].auc.value >= 0.5
    assert ks_2samp(a["i"], a["i"][50:]).statistic == pytest.approx(distance(full, holed).columns[1].ks.value)


def test_events_without_objects_are_compared_by_what_they_have(tmp_path):
    rng = np.random.default_rng(5)
    schema, batch = batch_of(
        {"events": {"met": rng.normal(size=80), "nJet": np.zeros(80, np.int32)}, "Jet": {"Jet_pt": np.zeros(0)}},
        {"Jet": "nJet"},
        Origin("root", "Events"),
    )
    write_file(tmp_path / "a.root", schema, [batch])
    found = distance(tmp_path / "a.root", tmp_path / "a.root")
    assert found.groups[2].auc.value == 0.5
    assert any("no classifier for Jet: 0 events are too few" in note for note in found.notes)


def test_copies_in_other_events_are_told():
    a = flat_data()
    found = distance(a, {"x": a["x"][::-1], "i": a["i"][::-1]}, columns=["x", "i"])
    assert found.groups[0].auc.value < 0.4
    assert any("copies of rows of A" in note for note in found.notes)


def test_few_rows_have_no_classifier():
    found = distance(flat_data(40), flat_data(400, seed=2))
    assert found.groups[0].auc is None
    assert any("no classifier for events: 40 events are too few" in note for note in found.notes)
    assert found.columns[0].n_a == 40
    assert found.to_dict()["groups"][0]["auc"] is None


def test_only_common_columns_are_compared():
    a, b = flat_data(), {"x": flat_data()["x"], "other": flat_data()["i"]}
    found = distance(a, b)
    assert [column.name for column in found.columns] == ["x"]
    assert found.notes == ("not compared, in one input only: i, word, other",)


def test_one_text_lists_several_columns():
    a = flat_data()
    assert [column.name for column in distance(a, a, columns="x, i").columns] == ["x", "i"]


def test_wrong_inputs_are_refused(tmp_path):
    a = flat_data()
    with pytest.raises(UsageError, match=r"no column of numbers in common"):
        distance(a, {"other": a["x"], "word": a["word"]})
    with pytest.raises(UsageError, match=r"lacks a column that is to be compared"):
        distance(a, {"x": a["x"]}, columns=["x", "i"])
    with pytest.raises(SourceError, match="no events to compare"):
        distance(a, {name: array[:0] for name, array in a.items()})
    with pytest.raises(UsageError, match="invalid seed -1"):
        distance(a, a, seed=-1)
    with pytest.raises(UsageError, match="0 objects"):
        distance(a, a, n_objects=0)
    schema, batch = jagged_batch(60)
    write_file(tmp_path / "a.root", schema, [batch])
    with pytest.raises(UsageError, match=r"in a collection in one input"):
        distance(tmp_path / "a.root", {"met": batch[0]["met"], "Jet_pt": batch[0]["met"]})
