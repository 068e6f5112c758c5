"""Schemas, batches, bounds."""

from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import pairwise, repeat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.errors import UsageError
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema, as_tuple, common_prefix, match_columns
from baler_vae.table.table import (
    TEXT_BYTES,
    Table,
    bytes_of,
    concatenate,
    counts_of,
    cut_events,
    empty_batch,
    offsets_from_counts,
    row_groups,
    slice_events,
    without_numbers,
)

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
    pairs = [(x[name], y[name]) for x, y in zip(a, b, strict=True) for name in x.group.names]
    return all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in pairs)


counts = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=25)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(counts, st.lists(st.integers(0, 25), max_size=25), st.integers(1, 12), st.integers(1, 300))
def test_row_groups_do_not_depend_on_the_batches(events, cuts, limit, most_bytes):
    whole = batch_of([n for n, _ in events], [n for _, n in events])
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    pieces = [slice_events(whole, start, stop) for start, stop in pairwise(edges)]
    assert same(concatenate(pieces, SCHEMA), whole)
    groups = list(row_groups(pieces, SCHEMA, limit, most_bytes))
    at_once = list(row_groups([whole], SCHEMA, limit, most_bytes))
    assert len(groups) == len(at_once)
    assert all(same(a, b) for a, b in zip(groups, at_once, strict=True))
    assert same(concatenate(groups, SCHEMA), whole)
    for group in groups[:-1]:
        assert max(table.n_rows for table in group) >= limit or raw_bytes(group) >= most_bytes
    for group in groups:
        less = slice_events(group, 0, group[0].n_rows - 1)
        assert max(table.n_rows for table in less) < limit
        assert raw_bytes(less) < most_bytes
    numbers = [group[0].n_rows for group in groups]
    for found in (cut_events(pieces, SCHEMA, numbers), cut_events(pieces, SCHEMA, numbers[:-1])):
        assert all(same(a, b) for a, b in zip(found, groups, strict=True))


def raw_bytes(batch):
    return sum(array.nbytes for table in batch for array in table.arrays.values())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(counts, st.integers(1, 20), st.integers(1, 2_000))
def test_counters_and_text_alone_tell_where_row_groups_end(events, limit, most_bytes):
    text = Column("word", TEXT)
    schema = replace(
        SCHEMA, groups=(replace(EVENTS, columns=(*EVENTS.columns, text)), JETS, MUONS), order=(*ORDER, "word")
    )
    batch = batch_of([n for n, _ in events], [n for _, n in events])
    words = np.array(["a" * (7 * i % 50) for i in range(len(events))], TEXT)
    batch = (Table(schema.events, {**batch[0].arrays, "word": words}), *batch[1:])
    light = without_numbers(schema)
    assert light.order == ("nMuon", "nJet", "word")
    lighter = (Table(light.events, {name: batch[0][name] for name in light.events.names}),)
    expected = [group[0].n_rows for group in row_groups([batch], schema, limit, most_bytes)]
    found = row_groups([lighter], light, limit, most_bytes, whole=schema)
    assert [group[0].n_rows for group in found] == expected


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.none() | st.text(max_size=9), min_size=1, max_size=9), st.integers(1, 200))
def test_text_counts_for_row_groups(words, most_bytes):
    group = Group("events", (Column("word", TEXT), Column("met", F4)))
    schema = Schema((group,), group.names, Origin("csv"))
    table = Table(group, {"word": np.array([*words, "a"], TEXT), "met": np.zeros(len(words) + 1, F4)})
    taken = [TEXT_BYTES + len(word or "") + 4 for word in table["word"].tolist()]
    assert bytes_of((table,)) == sum(taken)
    ends = np.cumsum([batch[0].n_rows for batch in row_groups([(table,)], schema, 99, most_bytes)])
    expected, n_bytes = [], 0
    for number, own in enumerate(taken, 1):
        n_bytes += own
        if n_bytes >= most_bytes or number == len(taken):
            expected.append(number)
            n_bytes = 0
    assert ends.tolist() == expected


@settings(max_examples=200, deadline=None, derandomize=True)
@given(counts, st.lists(st.integers(0, 25), max_size=25), st.integers(1, 12))
def test_steps_do_not_depend_on_the_batches(events, cuts, n_events):
    whole = batch_of([n for n, _ in events], [n for _, n in events])
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    pieces = (slice_events(whole, start, stop) for start, stop in pairwise(edges))
    steps = list(cut_events(pieces, SCHEMA, repeat(n_events)))
    assert same(concatenate(steps, SCHEMA), whole)
    assert all(step[0].n_rows == n_events for step in steps[:-1])
    assert all(0 < step[0].n_rows <= n_events for step in steps)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(counts, st.data())
def test_slices_hold_their_events(events, data):
    batch = batch_of([n for n, _ in events], [n for _, n in events])
    start = data.draw(st.integers(0, len(events)))
    stop = data.draw(st.integers(start, len(events)))
    found = slice_events(batch, start, stop)
    offsets = offsets_from_counts(counts_of(batch, JETS))
    assert offsets.tolist() == [sum(n for n, _ in events[:i]) for i in range(len(events) + 1)]
    assert found[0]["met"].tolist() == list(range(start, stop))
    assert found[1]["Jet_id"].tolist() == list(range(offsets[start], offsets[stop]))
    assert found[2].n_rows == sum(n for _, n in events[start:stop])
    edges = [slice_events(batch, 0, start), found, slice_events(batch, stop, len(events))]
    assert same(concatenate(edges, SCHEMA), batch)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "u4", "i8", "u8"])
def test_counters_of_any_width_add_up(dtype):
    counter = Column("n", np.dtype(dtype))
    group = Group("x", (Column("x", F4),), "n")
    schema = Schema((Group("events", (counter,)), group), ("n", "x"), Origin("root"))
    counted = Table(schema.events, {"n": np.full(9, 100, dtype)})
    batch = (counted, Table(group, {"x": np.arange(900, dtype=F4)}))
    assert slice_events(batch, 7, 9)[1]["x"].tolist() == list(range(700, 900))
    assert [part[1].n_rows for part in row_groups([batch], schema, 350)] == [400, 400, 100]
    with pytest.raises(ValueError, match="not jagged"):
        counts_of(batch, schema.events)


PATTERNS = ("*", "met", "n*", "Jet_*", "*_pt", "Muon_pt", "[Jn]*", "nMuon")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=4))
def test_a_selection_is_what_matches_and_its_counters(patterns):
    chosen = SCHEMA.select(patterns)
    matched = {name for name in ORDER for pattern in patterns if fnmatchcase(name, pattern)}
    counters = {group.counter for group in SCHEMA.groups[1:] if matched & set(group.names)}
    assert chosen.order == tuple(name for name in ORDER if name in matched | counters)
    assert [column.name for column in chosen.columns] == list(chosen.order)
    for group in chosen.groups:
        (whole,) = (other for other in SCHEMA.groups if other.name == group.name)
        assert group.columns == tuple(column for column in whole.columns if column.name in matched | counters)
        assert group.counter == whole.counter
    assert chosen.select(chosen.order) == chosen
    assert chosen.is_jagged == (len(chosen.groups) > 1)


def test_a_name_with_wildcards_matches_itself():
    names = ["x[0]", "x*", "x0", "X0"]
    assert "x[0]" in match_columns("x[0]", names)
    assert match_columns("x[[]0]", names) == ["x[0]"]
    assert match_columns("?0", names) == ["x0", "X0"]
    assert as_tuple("x*") == ("x*",)
    assert as_tuple(names) == tuple(names)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("Jet_pt", "Jet"),
        ("Jet_btag_score", "Jet"),
        ("jets.fCoordinates.fX", "jets"),
        ("_Jet_pt", "_Jet"),
        ("a/b/c_d", "a/b"),
        ("met", "met"),
        ("met_", "met_"),
        ("__", "__"),
        ("", ""),
    ],
)
def test_prefixes_point_to_collections(name, prefix):
    assert common_prefix(name) == prefix


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


def test_row_groups_of_many_small_batches():
    one = batch_of([3], [0])
    found = list(row_groups([one] * 9, SCHEMA, 10))
    assert [[table.n_rows for table in batch] for batch in found] == [[4, 12, 0], [4, 12, 0], [1, 3, 0]]


def test_empty_batches():
    empty = empty_batch(SCHEMA)
    assert [table.n_rows for table in empty] == [0, 0, 0]
    assert same(concatenate([], SCHEMA), empty)
    assert list(row_groups([empty], SCHEMA)) == []


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
