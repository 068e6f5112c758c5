"""Migration over cuts, counted by brute force."""

from types import SimpleNamespace

import numpy as np
import pytest

from baler_vae.errors import UsageError
from baler_vae.evaluation.cuts import CutCounter, Migration
from baler_vae.kinematics.physics import Quantity, quantities_of
from baler_vae.settings.evaluation import CutSettings
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Table, slice_events


def table(name, counter, arrays):
    arrays = {key: np.asarray(values) for key, values in arrays.items()}
    return Table(Group(name, tuple(Column(key, array.dtype) for key, array in arrays.items()), counter), arrays)


def schema_of(batch):
    groups = tuple(table.group for table in batch)
    return Schema(groups, tuple(name for group in groups for name in group.names), Origin("root", "Events"))


def events(counts, met, **jets):
    return (
        table("events", None, {"nJet": np.asarray(counts, np.int32), "met": met}),
        table("Jet", "nJet", {f"Jet_{key}": values for key, values in jets.items()}),
    )


def migration(text, before, after, at_least=None):
    counter = CutCounter(CutSettings(cut=text, at_least=at_least), schema_of(before))
    counter.add(before, after)
    return counter.migration()


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 6, 500)
    n = counts.sum()
    met, pt, eta = rng.exponential(30, 500), rng.exponential(30, n), rng.normal(0, 2, n)
    before = events(counts, met, pt=pt, eta=eta)
    after = events(counts, met * rng.normal(1, 0.1, 500), pt=pt * rng.normal(1, 0.1, n), eta=eta + 0.1)
    return before, after


def by_hand(old, new):
    out = sum(1 for a, b in zip(old, new, strict=True) if a and not b)
    into = sum(1 for a, b in zip(old, new, strict=True) if b and not a)
    return {"n": len(old), "n_before": sum(old), "n_after": sum(new), "n_out": out, "n_in": into}


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("Jet_pt > 30", lambda row: row["pt"] > 30),
        ("abs(Jet_eta)<=2.4", lambda row: abs(row["eta"]) <= 2.4),
        ("-Jet_eta >= -1e-1", lambda row: -row["eta"] >= -0.1),
        ("Jet_pt/met < 1.", lambda row: row["pt"] / row["met"] < 1),
    ],
)
def test_rows_that_change_sides_are_counted(pair, text, passes):
    sides = []
    for events_table, jets in pair:
        met = [value for value, n in zip(events_table["met"], events_table["nJet"], strict=True) for _ in range(n)]
        rows = zip(jets["Jet_pt"], jets["Jet_eta"], met, strict=True)
        sides.append([bool(passes(dict(zip(("pt", "eta", "met"), row, strict=True)))) for row in rows])
    expected = by_hand(*sides)
    assert expected["n_out"] or expected["n_in"]
    found = migration(text, *pair)
    assert found == Migration(text, None, "rows", **expected)
    assert found.percent == 100 * (expected["n_out"] + expected["n_in"]) / expected["n_before"]


@pytest.mark.parametrize("at_least", [1, 2, 5])
def test_events_with_enough_rows_are_counted(pair, at_least):
    sides = []
    for events_table, jets in pair:
        ends = np.cumsum(events_table["nJet"])
        sides.append(
            [
                sum(bool(pt > 30) for pt in jets["Jet_pt"][end - n : end]) >= at_least
                for end, n in zip(ends, events_table["nJet"], strict=True)
            ]
        )
    expected = by_hand(*sides)
    assert migration("Jet_pt > 30", *pair, at_least=at_least) == Migration(
        "Jet_pt > 30", at_least, "events", **expected
    )


def test_events_are_counted_by_event_level_columns(pair):
    expected = by_hand(*[[bool(met > 50) for met in side[0]["met"]] for side in pair])
    assert migration("met > 50", *pair) == Migration("met > 50", None, "events", **expected)


def test_cuts_on_derived_quantities(pair):
    quantities = quantities_of([Quantity("HT", "ht", objects=("Jet_*",))], schema_of(pair[0]))
    before, after = map(quantities.extend, pair)
    sums = [np.add.reduceat(np.append(s[1]["Jet_pt"], 0), np.cumsum(s[0]["nJet"]) - s[0]["nJet"]) for s in pair]
    expected = by_hand(*[((ht > 100) & (pair[0][0]["nJet"] > 0)).tolist() for ht in sums])
    counter = CutCounter(CutSettings(cut="HT > 100"), quantities.schema)
    counter.add(before, after)
    assert counter.migration() == Migration("HT > 100", None, "events", **expected)


def test_batches_add_up(pair):
    counter = CutCounter(CutSettings(cut="Jet_pt > 30", at_least=2), schema_of(pair[0]))
    for start in range(0, 500, 100):
        counter.add(*(slice_events(side, start, start + 100) for side in pair))
    assert counter.migration() == migration("Jet_pt > 30", *pair, at_least=2)


def test_a_flat_table_has_rows():
    before, after = ((table("jets", None, {"m": values}),) for values in ([1.0, 2.0, np.nan], [2.0, np.nan, 3.0]))
    assert migration("m > 1.5", before, after) == Migration("m > 1.5", None, "rows", 3, 1, 2, 1, 2)


def test_flags_and_large_integers_are_compared_exactly():
    large = 2**53
    before = (table("e", None, {"id": np.array([large, large + 1, 5]), "ok": [True, False, True]}),)
    after = (table("e", None, {"id": np.array([large + 1, large + 1, 5]), "ok": [True, True, True]}),)
    assert migration(f"id == {large + 1}", before, after).n_in == 1
    assert migration(f"id > {large}", before, after).n_before == 1
    assert migration(f"id != {large}", before, after).n_in == 1
    assert migration("ok == 1", before, after) == Migration("ok == 1", None, "rows", 3, 2, 3, 0, 1)
    assert migration("ok*id != 5", before, after).n_before == 2
    assert migration("ok != 300", before, after).n_before == 3
    unsigned = (table("e", None, {"u": np.array([0, 255], np.uint8)}),)
    assert migration("u > -1", unsigned, unsigned).n_before == 2
    assert migration("u >= 254.5", unsigned, unsigned).n_before == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(Jet_pt > 30) & (abs(Jet_eta) < 2.4)", lambda e: (e.pt > 30) & (abs(e.eta) < 2.4)),
        ("Jet_pt > 30 and abs(Jet_eta) < 2.4", lambda e: (e.pt > 30) & (abs(e.eta) < 2.4)),
        ("Jet_pt > 60 | Jet_pt < 20 & Jet_eta > 0", lambda e: (e.pt > 60) | ((e.pt < 20) & (e.eta > 0))),
        ("~(Jet_pt > 30 || Jet_eta > 1)", lambda e: ~((e.pt > 30) | (e.eta > 1))),
        ("not Jet_pt > 30", lambda e: ~(e.pt > 30)),
        ("20 < Jet_pt <= 60", lambda e: (e.pt > 20) & (e.pt <= 60)),
        ("20 + 2*Jet_eta < Jet_pt", lambda e: 20 + 2 * e.eta < e.pt),
        ("Jet_pt > met/2", lambda e: e.pt > np.repeat(e.met, e.n) / 2),
        ("(Jet_pt + 3)*2 > 30", lambda e: (e.pt + 3) * 2 > 30),
        ("Jet_pt > 15 & count(Jet_pt > 30) >= 2", lambda e: (e.pt > 15) & np.repeat(counted(e) > 1, e.n)),
        ("count(Jet_pt > 30) == 2", lambda e: counted(e) == 2),
        ("count(Jet_pt > 30) + nJet > 5 & met > 20", lambda e: (counted(e) + e.n > 5) & (e.met > 20)),
        ("met > 2*10", lambda e: e.met > 20),
    ],
)
def test_cuts_with_logic(text, expected, pair):
    (of_events, jets), _ = pair
    columns = SimpleNamespace(
        pt=jets["Jet_pt"].astype(float), eta=jets["Jet_eta"].astype(float), met=of_events["met"], n=of_events["nJet"]
    )
    found = CutCounter(CutSettings(cut=text), schema_of(pair[0])).passed(pair[0])
    assert found.tolist() == expected(columns).tolist()
    assert 0 < found.sum() < len(found)


def counted(e):
    return np.bincount(np.repeat(np.arange(len(e.n)), e.n)[e.pt > 30], minlength=len(e.n))


def test_flags_are_cuts_by_themselves():
    batch = (table("e", None, {"ok": [True, False, True], "x": [1.0, 2.0, np.nan]}),)
    assert migration("ok & x > 0", batch, batch).n_before == 1
    assert migration("ok & ~(x > 0)", batch, batch).n_before == 1
    assert migration("~ok", batch, batch).n_before == 1


def test_no_rows_before():
    assert Migration("x > 1", None, "rows", 5, 0, 2, 0, 2).percent == float("inf")
    assert Migration("x > 1", None, "rows", 5, 0, 0, 0, 0).percent == 0


def test_names_in_backquotes_may_have_any_sign():
    batch = (table("e", None, {"a<b": [1.0, 3.0]}),)
    assert migration("`a<b` > 2", batch, batch).n_before == 1


@pytest.mark.parametrize(
    ("text", "at_least", "words"),
    [
        ("Jet_pt", None, "'Jet_pt' is not a cut"),
        ("Jet_pt + 1", None, "a comparison is missing.*Jet_eta"),
        ("Jet_pt = 30", None, "fails at character 8"),
        ("Jet_pt > nan", None, "no column 'nan'"),
        ("Jet_pt > 0x10", None, "fails at character 10"),
        ("Jet_pt > 3 &", None, "ends too early"),
        ("(Jet_pt > 3", None, r"'\)' is missing"),
        ("(Jet_pt > 3) + 1 > 2", None, "a cut stands where a number is expected"),
        ("count(met > 3) > 1", None, "counts what passes a cut on events"),
        ("count(Jet_pt) > 1", None, "does not hold flags"),
        ("~" * 60 + "(Jet_pt > 3)", None, "nested more than 50 deep"),
        ("> 30", None, "is missing before .>."),
        ("Jet_pz > 30", None, "no column 'Jet_pz': the nearest names are 'Jet_pt'"),
        ("2 > 1", None, "reads no column"),
        ("Jet_pt == 30", None, "'Jet_pt': the cut 'Jet_pt == 30' compares floats.*>= and <"),
        ("nJet + met != 30", None, "'met'"),
        ("name > 3", None, "'name'.*no numbers"),
        ("met > 30", 2, "on events.*Leave out at_least"),
    ],
)
def test_other_texts_are_refused(text, at_least, words):
    batch = events([1], [1.0], pt=[1.0], eta=[1.0])
    batch = (table("events", None, {**batch[0].arrays, "name": np.array(["a"], TEXT)}), batch[1])
    with pytest.raises(UsageError, match=words):
        CutCounter(CutSettings(cut=text, at_least=at_least), schema_of(batch))
