import json

import numpy as np
import pytest

from baler_vae.errors import UsageError
from baler_vae.evaluation import sample
from baler_vae.evaluation.evaluate import Evaluator, evaluate_tables
from baler_vae.evaluation.numbers import ArchiveSizes
from baler_vae.evaluation.peaks import Peak
from baler_vae.table.bounds import EXACT, Bound
from baler_vae.table.schema import TEXT, Column, Group
from baler_vae.table.table import Table


def table(group="", counter=None, **arrays):
    arrays = {name: np.asarray(values) for name, values in arrays.items()}
    columns = tuple(Column(name, array.dtype) for name, array in arrays.items())
    return Table(Group(group, columns, counter), arrays)


def masses(seed=0, width=6.0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(172, width, 5000), rng.uniform(90, 250, 5000)])


def jets(**changes):
    arrays = {"nJet": np.array([2, 1])}, {"Jet_pt": [10.0, 20.0, 30.0], "Jet_phi": [3.1, -3.1, 0.0]}
    events = table(**{name: changes.get(name, values) for name, values in arrays[0].items()})
    objects = table("Jet", "nJet", **{name: changes.get(name, values) for name, values in arrays[1].items()})
    return events, objects


def test_columns_come_in_the_order_of_the_original_with_their_groups():
    found = evaluate_tables(jets(), jets(Jet_pt=[11.0, 20.0, 30.0]))
    assert [(column.group, column.name) for column in found.columns] == [
        ("", "nJet"),
        ("Jet", "Jet_pt"),
        ("Jet", "Jet_phi"),
    ]
    assert [column.n_different for column in found.columns] == [0, 1, 0]
    assert found.n_rows == {"": 2, "Jet": 3}
    assert set(found.histograms) == {"nJet", "Jet_pt", "Jet_phi"}


def test_groups_need_not_have_the_same_names_and_more_columns_are_ignored():
    flat = (table(Jet_phi=[3.1, -3.1, 0.0], more=[1, 2, 3], Jet_pt=[10.0, 20.0, 30.0]),)
    found = evaluate_tables(jets()[1:], flat)
    assert [column.name for column in found.columns] == ["Jet_pt", "Jet_phi"]
    assert all(column.n_different == 0 for column in found.columns)


def test_a_missing_column_names_its_nearest_and_the_way_out():
    with pytest.raises(UsageError, match=r"Jet_phi.*nearest names are 'Jet_Phi'.*--columns"):
        evaluate_tables(jets(), (jets()[0], table("Jet", "nJet", Jet_pt=[1.0, 2.0, 3.0], Jet_Phi=[0.0, 0.0, 0.0])))


def test_another_number_of_rows_names_the_group_and_both():
    short = (jets()[0], jets()[1].rows(0, 2))
    with pytest.raises(UsageError, match=r"group 'Jet'.*found 2 rows, expected 3 rows"):
        evaluate_tables(jets(), short)


def test_text_against_numbers_is_refused():
    text = (table(x=np.array(["a"], TEXT)),)
    with pytest.raises(UsageError, match=r"'x'.*found text, expected numbers"):
        evaluate_tables((table(x=[1.0]),), text)


def test_angles_are_found_by_name():
    found = evaluate_tables(jets(), jets(Jet_phi=[-3.1, -3.1, 0.0]))
    phi = found.columns[2]
    assert phi.angle
    assert phi.largest == pytest.approx(2 * np.pi - 6.2)


def test_degrees_and_integers_are_no_angles_by_default():
    found = evaluate_tables(*[(table(phi=[350.0, 20.0], nphi=[1, 2], eta=[1.0, 2.0]),)] * 2)
    assert [column.angle for column in found.columns] == [False, False, False]


def test_angles_can_be_named():
    tables = [(table(theta=[0.0], phi=[0.0]),), (table(theta=[6.0], phi=[6.0]),)]
    theta, phi = evaluate_tables(*tables, angles=["th*"]).columns
    assert (theta.angle, phi.angle) == (True, False)
    assert theta.largest == pytest.approx(2 * np.pi - 6)
    with pytest.raises(UsageError, match="no column matches 'psi'"):
        evaluate_tables(*tables, angles=["psi"])


def test_the_jet_mass_peak_is_fitted_without_being_asked_for():
    found = evaluate_tables((table(Jet_mass=masses()),), (table(Jet_mass=masses() + 1),))
    (shift,) = found.peaks
    assert shift.peak.column == "Jet_mass"
    assert shift.after.mean - shift.before.mean == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    "values", [np.array([1.0, 2.0]), np.array([150, 160])], ids=["outside of the window", "integers"]
)
def test_the_default_peak_needs_floats_in_the_window(values):
    assert evaluate_tables(*[(table(Jet_mass=values),)] * 2).peaks == ()


def test_peaks_can_be_named_or_left_out():
    tables = [(table(m=masses(), Jet_mass=masses()),)] * 2
    (shift,) = evaluate_tables(*tables, peaks=[Peak("m", (120, 220), 100)]).peaks
    assert shift.peak.column == "m"
    assert shift.width_change_percent == 0
    assert evaluate_tables(*tables, peaks=[]).peaks == ()
    with pytest.raises(UsageError, match=r"'Jet_mas'.*nearest names are 'Jet_mass'"):
        evaluate_tables(*tables, peaks=[Peak("Jet_mas", (120, 220), 100)])


def test_text_cannot_have_a_peak():
    tables = [(table(name=np.array(["a"], TEXT)),)] * 2
    with pytest.raises(UsageError, match="not a numeric column"):
        evaluate_tables(*tables, peaks=[Peak("name", (0, 1), 10)])


def test_json_has_plain_values_only():
    original = table(
        x=np.array([1.0, np.nan, 1e308, -1e308], np.float64),
        none=np.full(4, np.nan, np.float32),
        flag=np.array([True, False, True, True]),
        text=np.array(["a", None, "b", "c"], TEXT),
    )
    restored = table(
        x=np.array([np.inf, 2.0, -1e308, 1e308], np.float64),
        none=np.full(4, np.nan, np.float32),
        flag=np.array([True, False, True, False]),
        text=np.array(["a", None, "b", "d"], TEXT),
    )
    sizes = ArchiveSizes(original_bytes=np.int64(1000), archive_bytes=250)
    found = evaluate_tables((original,), (restored,), peaks=[Peak("x", (0, 1), 10)], sizes=sizes)
    document = found.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    known = {"original_bytes": 1000, "archive_bytes": 250, "ratio": 4.0}
    assert document["sizes"] == {**known, "candidates": [], "guarantees": {}}
    assert document["n_rows"] == {"": 4}
    x, none, flag, text = document["columns"]
    assert (x["n_different"], x["n_lost"], x["residual"]["largest"]) == (4, 2, None)
    assert set(none["residual"]) == {"mean", "rms", "largest", "quantiles", "half_width_68", "half_width_95"}
    assert set(none["residual"].values()) == {None}
    assert none["distances"] is none["by_value"] is none["by_column"] is None
    assert flag["residual"]["largest"] == 1
    assert text["residual"] is text["response"] is None
    assert text["n_different"] == 1
    (peak,) = document["peaks"]
    assert peak["after"]["valid"] is False
    assert peak["after"]["yield"] is None
    assert peak["mass_difference_percent"] is None


def test_json_of_a_peak_holds_its_fits():
    document = evaluate_tables(*[(table(Jet_mass=masses()),)] * 2).to_dict()
    (peak,) = document["peaks"]
    assert (peak["column"], peak["window"], peak["n_bins"]) == ("Jet_mass", [100, 225], 199)
    assert peak["before"] == peak["after"]
    assert peak["before"]["yield"] == pytest.approx(5000, rel=0.1)
    assert peak["before"]["n_dof"] == 194
    assert document["sizes"] is None
    assert set(document["columns"][0]["residual"]["quantiles"]) == {"0.5", "2.5", "16", "50", "84", "97.5", "99.5"}


@pytest.mark.parametrize(
    ("sizes", "ratio"),
    [
        ({}, None),
        ({"original_bytes": 5}, None),
        ({"original_bytes": 5, "archive_bytes": 0}, None),
        ({"original_bytes": 5, "archive_bytes": 2}, 2.5),
    ],
)
def test_the_ratio_needs_both_sizes(sizes, ratio):
    assert ArchiveSizes(**sizes).ratio == ratio


def test_tables_without_rows():
    found = evaluate_tables(*[(table(Jet_mass=np.empty(0), n=np.empty(0, int)),)] * 2)
    assert found.n_rows == {"": 0}
    assert found.histograms == {}
    assert found.peaks == ()


def many(seed=0, n_rows=5000):
    rng = np.random.default_rng(seed)
    pt, phi = rng.exponential(30, n_rows) + 20, rng.uniform(-np.pi, np.pi, n_rows)
    mass = pt / 5 * rng.normal(1, 0.05, n_rows)
    return {"Jet_pt": pt, "Jet_phi": phi, "Jet_mass": mass, "Jet_id": rng.integers(0, 5, n_rows)}


def damaged(arrays, **changes):
    return {**arrays, **{name: change(arrays[name]) for name, change in changes.items()}}


def streamed(before, after, cuts, **settings):
    whole, found = table("Jet", **before), table("Jet", **after)
    evaluator = Evaluator([whole.group], **settings)
    n_rows = whole.n_rows
    for start, stop in zip([0, *cuts], [*cuts, n_rows], strict=True):
        evaluator.add((whole.rows(start, stop),), (found.rows(start, stop),))
    return evaluator.result()


def test_pieces_give_what_the_whole_gives():
    before = many()
    after = damaged(before, Jet_pt=lambda x: x * 1.01, Jet_phi=lambda x: np.round(x, 2), Jet_id=lambda x: x + (x == 4))
    bounds = {"Jet_pt": Bound("rel", 0.02), "Jet_id": EXACT}
    whole, parts = (streamed(before, after, cuts, bounds=bounds) for cuts in ([], [1, 700, 700, 4000]))
    first, second = whole.to_dict(), parts.to_dict()
    assert first["n_sampled"] == second["n_sampled"] == {"Jet": 5000}
    for mine, theirs in zip(first["columns"], second["columns"], strict=True):
        quantiles = [column["residual"].pop("quantiles") for column in (mine, theirs)]
        assert quantiles[0] == quantiles[1]
        assert mine["residual"] == pytest.approx(theirs["residual"], rel=1e-9)
        assert mine["largest_in_bounds"] == theirs["largest_in_bounds"]
        assert (mine["distances"], mine["by_value"]) == (theirs["distances"], theirs["by_value"])
    assert first["columns"][0]["largest_in_bounds"] == pytest.approx(0.5)
    assert whole.columns[3].largest_in_bounds == np.inf
    np.testing.assert_allclose(first["groups"][0]["correlation_after"], second["groups"][0]["correlation_after"])
    assert first["groups"][0]["mutual_information_after"] == second["groups"][0]["mutual_information_after"]


def test_a_sample_leaves_what_counts_exact(monkeypatch):
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 500)
    before = many()
    after = damaged(before, Jet_pt=lambda x: x + (np.arange(5000) == 4321) * 1e6)
    after["Jet_id"] = before["Jet_id"].copy()
    after["Jet_id"][1234] += 1
    found = streamed(before, after, [3000])
    assert found.n_sampled == {"Jet": 500}
    assert found.n_rows == {"Jet": 5000}
    pt, *_, number = found.columns
    assert pt.largest == pytest.approx(1e6)
    assert (pt.n_different, number.n_different) == (1, 1)
    assert found.histograms["Jet_pt"].before.counts.sum() <= 500
    assert found.groups[0].correlation_before[0, 2] > 0.9
    assert found.groups[0].correlation_after[0, 2] < 0.1


def test_swapped_columns_are_seen_in_distances_and_correlations():
    before = many()
    after = {**before, "Jet_pt": before["Jet_mass"], "Jet_mass": before["Jet_pt"], "Jet_phi": before["Jet_phi"]}
    found = streamed(before, after, [100])
    assert found.statistics["Jet_pt"].distances.kolmogorov_smirnov > 0.9
    assert found.statistics["Jet_phi"].distances.kolmogorov_smirnov == 0
    group = found.groups[0]
    assert group.sliced_wasserstein > 10 * group.sliced_wasserstein_of_halves


def test_a_phi_rounded_at_the_wrap_is_no_jump():
    before = many()
    after = damaged(before, Jet_phi=lambda x: np.where(x > 3.05, -np.pi, np.round(x, 1)))
    assert np.abs(after["Jet_phi"] - before["Jet_phi"]).max() > 6
    found = streamed(before, after, [2000])
    phi = found.columns[1]
    assert phi.largest < 0.1
    assert found.statistics["Jet_phi"].by_value.half_width_68.max() < 0.1
    assert found.statistics["Jet_phi"].distances.wasserstein < 0.05
    group = found.groups[0]
    assert group.sliced_wasserstein < 0.1
    np.testing.assert_allclose(group.correlation_after, group.correlation_before, atol=0.01)


def test_profiles_are_drawn_against_the_column_that_was_chosen():
    before = many()
    after = damaged(before, Jet_mass=lambda x: x * 1.1)
    found = streamed(before, after, []).statistics
    assert (found["Jet_mass"].by_value.against, found["Jet_mass"].by_column.against) == ("Jet_mass", "Jet_pt")
    assert found["Jet_pt"].by_column is None
    chosen = streamed(before, after, [], profile="Jet_id").statistics["Jet_mass"].by_column
    assert chosen.against == "Jet_id"
    np.testing.assert_allclose(chosen.mean, 0.1)
    with pytest.raises(UsageError, match=r"no column matches 'Jet_ptt'.*'Jet_pt'"):
        streamed(before, after, [], profile="Jet_ptt")


def test_another_number_of_rows_in_a_later_piece_says_where():
    first = table("Jet", x=np.arange(10.0))
    evaluator = Evaluator([first.group])
    evaluator.add((first,), (first,))
    with pytest.raises(UsageError, match=r"after the first 10.*found 9 rows, expected 10 rows"):
        evaluator.add((first,), (first.rows(0, 9),))


def test_nothing_added_is_no_error():
    found = Evaluator([table("Jet", **many()).group]).result()
    assert found.n_rows == found.n_sampled == {"Jet": 0}
    assert found.to_dict()["columns"][0]["distances"] is None
    assert found.to_dict()["groups"][0]["sliced_wasserstein"] is None
    assert found.to_dict()["groups"][0]["correlation_before"][0] == [None] * 4


def test_json_holds_every_number_of_columns_and_groups():
    before = many()
    after = damaged(before, Jet_pt=lambda x: x * 1.01)
    document = streamed(before, after, [], bounds={"Jet_pt": Bound("abs", 1.0)}, derived=["Jet_mass"]).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    pt, _, mass, _ = document["columns"]
    assert (pt["bound"], pt["derived"], mass["bound"], mass["derived"]) == ("abs:1", False, None, True)
    assert pt["largest_in_bounds"] == pytest.approx(before["Jet_pt"].max() / 100)
    assert set(pt["response"]) == {"n_used", "mean", "rms", "half_width_68", "half_width_95"}
    assert pt["response"]["mean"] == pytest.approx(0.01)
    assert pt["distances"]["wasserstein"] == pytest.approx(before["Jet_pt"].mean() / 100)
    assert len(pt["by_value"]["edges"]) == len(pt["by_value"]["mean"]) + 1
    assert (pt["by_value"]["of"], mass["by_value"]) == ("response", None)
    (group,) = document["groups"]
    assert group["names"] == ["Jet_pt", "Jet_phi", "Jet_mass", "Jet_id"]
    assert np.shape(group["mutual_information_after"]) == (4, 4)
    density = group["densities"][0]
    assert {density["x"], density["y"]} == {"Jet_pt", "Jet_mass"}
    assert np.shape(density["after"]) == (len(density["x_edges"]) - 1, len(density["y_edges"]) - 1)


def test_columns_alone_in_their_group_have_no_joint_numbers():
    assert evaluate_tables(*[(table(x=[1.0, 2.0]),)] * 2).groups == ()
