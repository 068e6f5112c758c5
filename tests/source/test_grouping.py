"""How columns become groups, and what a source says of columns that it cannot read."""

import numpy as np
import pytest

from baler_vae.errors import SourceError, UsageError
from baler_vae.source.grouping import Jagged, build_schema, make_batch, native
from baler_vae.source.source import Source
from baler_vae.table.schema import Column, Group, Origin, Schema, common_prefix

I4, F4 = np.dtype("i4"), np.dtype("f4")
ORIGIN = Origin("root")


def summary(schema):
    return [(group.name, group.counter, group.names) for group in schema.groups]


def reader(**counts):
    """Reads counts in two pieces."""

    def read_counts(names):
        for piece in (slice(0, 2), slice(2, None)):
            for name in names:
                yield name, np.array(counts[name])[piece]

    return read_counts


def test_booleans_of_any_byte_are_bytes_of_0_and_1():
    schema = Schema((Group("events", (Column("b", np.dtype("?")), Column("x", F4))),), ("b", "x"), ORIGIN)
    stored = np.arange(512, dtype=np.uint8).view(np.bool_)
    for flags in (stored, stored[::2], stored[:2], stored[:0]):
        (table,) = make_batch(schema, {"b": flags, "x": np.zeros(len(flags), "f4")})
        assert table["b"].dtype == np.bool_
        assert table["b"].view(np.uint8).tolist() == [int(byte > 0) for byte in flags.view(np.uint8).tolist()]


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("Jet_pt", "Jet"),
        ("Jet_btag_csv", "Jet"),
        ("Jet.PT", "Jet"),
        ("FatJet.sub_pt", "FatJet"),
        ("muons/px", "muons"),
        ("a/b/px", "a/b"),
        ("px", "px"),
        ("_hidden", "_hidden"),
        ("_hidden_pt", "_hidden"),
        ("trailing_", "trailing_"),
    ],
)
def test_the_prefix_of_a_name(name, prefix):
    assert common_prefix(name) == prefix


def test_columns_under_one_counter_are_a_collection_whatever_their_names():
    columns = [Column("nobj", I4), *(Jagged(Column(name, F4), "nobj") for name in ("pt", "eta")), Column("met", F4)]
    schema = build_schema(columns, ORIGIN)
    assert summary(schema) == [("events", None, ("nobj", "met")), ("obj", "nobj", ("pt", "eta"))]
    assert schema.order == ("nobj", "pt", "eta", "met")


def test_names_of_collections_are_made_unique():
    columns = [
        Column("nA", I4),
        Column("nB", I4),
        Jagged(Column("Jet_pt", F4), "nA"),
        Jagged(Column("Jet_m", F4), "nB"),
    ]
    assert [group.name for group in build_schema(columns, ORIGIN).groups] == ["events", "Jet", "Jet_2"]
    columns = [Column("n", I4), Jagged(Column("events_pt", F4), "n")]
    assert [group.name for group in build_schema(columns, ORIGIN).groups] == ["events", "events_2"]


def test_loose_columns_find_the_counter_with_their_name_and_values():
    columns = [Jagged(Column("Jet_pt", F4)), Jagged(Column("Jet_eta", F4)), Column("NJet", I4)]
    counts = [1, 0, 3]
    schema = build_schema(columns, ORIGIN, reader(Jet_pt=counts, Jet_eta=counts, NJet=counts))
    assert summary(schema) == [("events", None, ("NJet",)), ("Jet", "NJet", ("Jet_pt", "Jet_eta"))]


def test_loose_columns_of_other_lengths_are_a_collection_of_their_own_with_an_implied_counter():
    columns = [
        Column("x", F4),
        *(Jagged(Column(name, F4)) for name in ("Jet_pt", "Jet_eta", "Jet_sub")),
        Column("nJet", I4),
    ]
    schema = build_schema(
        columns, ORIGIN, reader(Jet_pt=[1, 0, 3], Jet_eta=[1, 0, 3], Jet_sub=[1, 0, 4], nJet=[1, 0, 5])
    )
    assert summary(schema)[1:] == [("Jet", "nJet_2", ("Jet_pt", "Jet_eta")), ("Jet_2", "nJet_3", ("Jet_sub",))]
    assert schema.order == ("x", "nJet_2", "Jet_pt", "Jet_eta", "nJet_3", "Jet_sub", "nJet")
    assert schema.events.names == ("x", "nJet_2", "nJet_3", "nJet")
    assert schema.events.column("nJet_2") == Column("nJet_2", I4, implied=True)
    assert not schema.events.column("nJet").implied


@pytest.mark.parametrize("kind", ["c8", "M8[s]", "S4", "V4", "i4,f4", "O", "g"])
def test_only_booleans_integers_and_floats_are_numbers(kind):
    assert native(np.dtype(kind)) is None


def test_numbers_become_native():
    assert native(np.dtype(">f4")) == F4
    assert native(np.dtype(">f4")).isnative


def test_unsupported_columns_are_refused_only_when_they_are_asked_for():
    schema = build_schema([Column("x", F4), Column("y[0]", F4)], ORIGIN)
    source = Source("file.root", schema, 0, lambda *_: iter(()), {"vectors": "std::vector<TLorentzVector>"})
    assert source.select(["x"]).order == ("x",)
    assert source.select(["y[0]"]).order == ("y[0]",)
    for patterns in ([], ["*"], ["x", "vectors"], ["vec*"]):
        with pytest.raises(SourceError, match=r"vectors \(std::vector<TLorentzVector>\).*--columns"):
            source.select(patterns)
    with pytest.raises(UsageError, match="no column matches 'z'"):
        source.select(["z"])


def test_a_source_without_columns_is_refused():
    with pytest.raises(SourceError, match="holds no columns"):
        Source("file.root", build_schema([], ORIGIN), 0, lambda *_: iter(())).select()
