"""Schemas, batches, bounds."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.errors import UsageError
from baler_vae.table.bounds import BoundRule, assign_bounds, parse_bound
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Table, concatenate, empty_batch, row_groups, slice_events

I4, F4 = np.dtype(np.int32), np.dtype(np.float32)
EVENTS = Group("events", (Column("met", F4), Column("nJet", I4), Column("nMuon", I4)))
JETS = Group("Jet", (Column("Jet_pt", F4), Column("Jet_id", I4)), "nJet")
MUONS = Group("Muon", (Column("Muon_pt", F4),), "nMuon")
ORDER = ("met", "nMuon", "Muon_pt", "nJet", "Jet_pt", "Jet_id")
SCHEMA = Schema((EVENTS, JETS, MUONS), ORDER, Origin("root"))


def batch_of(n_jets, n_muons):
    def floats(n):
        return np.arange(n, dtype=F4)

    jets, muons = sum(n_jets), sum(n_muons)
    events = {"met": floats(len(n_jets)), "nJet": np.array(n_jets, I4), "nMuon": np.array(n_muons, I4)}
    return (
        Table(EVENTS, events),
        Table(JETS, {"Jet_pt": floats(jets), "Jet_id": np.arange(jets, dtype=I4)}),
        Table(MUONS, {"Muon_pt": floats(muons)}),
    )


def same(a, b):
    return all(np.array_equal(x[name], y[name]) for x, y in zip(a, b, strict=True) for name in x.group.names)


counts = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=25)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(counts, st.lists(st.integers(0, 25), max_size=4), st.integers(1, 12))
def test_row_groups_do_not_depend_on_the_batches(events, cuts, limit):
    whole = batch_of([n for n, _ in events], [n for _, n in events])
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    pieces = [slice_events(whole, start, stop) for start, stop in pairwise(edges)]
    assert same(concatenate(pieces, SCHEMA), whole)
    groups = list(row_groups(pieces, SCHEMA, limit))
    at_once = list(row_groups([whole], SCHEMA, limit))
    assert len(groups) == len(at_once)
    assert all(same(a, b) for a, b in zip(groups, at_once, strict=True))
    assert same(concatenate(groups, SCHEMA), whole)
    for group in groups[:-1]:
        assert max(table.n_rows for table in group) >= limit
        assert max(table.n_rows for table in slice_events(group, 0, group[0].n_rows - 1)) < limit


def test_select_keeps_counters_and_order():
    chosen = SCHEMA.select(["Muon*", "met"])
    assert chosen.order == ("met", "nMuon", "Muon_pt")
    assert [group.name for group in chosen.groups] == ["events", "Muon"]
    assert SCHEMA.select(["Jet_id"]).order == ("nJet", "Jet_id")
    assert SCHEMA.select([]) is SCHEMA
    with pytest.raises(UsageError, match=r"'Jet_px'.*'Jet_pt'"):
        SCHEMA.select(["Jet_px"])
    with pytest.raises(UsageError, match="nearest"):
        SCHEMA.group_of("Jet_p")


@pytest.mark.parametrize(
    ("groups", "order"),
    [
        ((JETS,), JETS.names),
        ((EVENTS, JETS, MUONS), ORDER[:-1]),
        ((EVENTS,), ("met", "met", "nJet")),
        ((Group("events", (Column("met", F4),)), JETS), ("met", *JETS.names)),
    ],
)
def test_schemas_that_do_not_hang_together(groups, order):
    with pytest.raises(ValueError, match=r"schema|counter"):
        Schema(groups, order, Origin("root"))


@pytest.mark.parametrize(
    "arrays",
    [
        {"Muon_pt": np.zeros(2)},
        {"Muon_pt": np.zeros((2, 2), F4)},
        {"Muon_eta": np.zeros(2, F4)},
    ],
)
def test_tables_hold_what_their_group_says(arrays):
    with pytest.raises(ValueError, match=r"column|shapes"):
        Table(MUONS, arrays)


def test_empty_batches():
    empty = empty_batch(SCHEMA)
    assert [table.n_rows for table in empty] == [0, 0, 0]
    assert same(concatenate([], SCHEMA), empty)
    assert list(row_groups([empty], SCHEMA)) == []


def test_bounds_are_read():
    assert parse_bound("free") == BoundRule("free")
    assert parse_bound("Jet_*=exact") == BoundRule("exact", "Jet_*")
    assert parse_bound(" a=b = exact ") == BoundRule("exact", "a=b")
    for text in ("", "=exact", "exact=", "bits", "x=loose", "FREE"):
        with pytest.raises(UsageError, match="not a bound"):
            parse_bound(text)


def test_bounds_are_assigned():
    def assigned(*texts):
        return assign_bounds(SCHEMA, [parse_bound(text) for text in texts])

    floats = {"met", "Jet_pt", "Muon_pt"}
    assert {name for name, bound in assigned().items() if bound == "free"} == floats
    assert set(assigned("exact").values()) == {"exact"}
    assert {name for name, bound in assigned("exact", "*=free", "met=exact").items() if bound == "free"} == floats - {
        "met"
    }
    with pytest.raises(UsageError, match="only float columns"):
        assigned("Jet_id=free")
    with pytest.raises(UsageError, match="no column matches"):
        assigned("Jet_px=exact")


def test_kinds_of_columns():
    kinds = {
        dtype: (Column("x", np.dtype(dtype)).is_float, Column("x", np.dtype(dtype)).is_integer)
        for dtype in ("f2", "f8", "?", "u1", "i8")
    }
    assert kinds == {
        "f2": (True, False),
        "f8": (True, False),
        "?": (False, True),
        "u1": (False, True),
        "i8": (False, True),
    }
    assert Column("x", TEXT).is_text
