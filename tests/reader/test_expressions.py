"""What is computed of columns, side by side with uproot; and what is refused."""

import re

import awkward as ak
import numpy as np
import pytest

import baler_vae
from baler_vae.errors import UnknownName, UsageError
from baler_vae.reader.engine import Engine
from tests.reader.conftest import N_EVENTS

CALLS = [
    {"expressions": "met"},
    {"expressions": ["Jet_pt", "met", "nJet"]},
    {"expressions": "Jet_pt*1000"},
    {"expressions": ["sqrt(Jet_pt**2 + Jet_eta**2)", "met > 20", "-met", "nJet % 2", "nJet // 2", "abs(Jet_eta)"]},
    {"expressions": ["where(Jet_eta > 0, Jet_pt, -1)", "(met > 10) & ~trigger", "hypot(met, 3)", "log10(met + 1e3)"]},
    {"expressions": ["get('met') + 1", "Jet_pt[:, :1]", "exp(-0.001 * met)", "isfinite(met)", "arctan2(met, 2)"]},
    {"expressions": ["gev", "twice"], "aliases": {"gev": "Jet_pt / 1000", "twice": "gev * 2"}},
    {"expressions": ["Jet_pt", "met"], "cut": "(nJet >= 2) & (met > 10)"},
    {"expressions": ["Jet_pt", "Jet_eta*2"], "cut": "Jet_pt > 20"},
    {"cut": "trigger"},
    {"cut": "nJet"},
    {"expressions": "Jet_pt", "cut": "big", "aliases": {"big": "met > 20"}},
    {"filter_name": "Jet_*"},
    {"filter_name": ["*_id", "/m.T/i"]},
    {"filter_name": lambda name: name.startswith("Jet")},
    {"filter_typename": "/float.*/"},
    {"filter_name": "/jet_(pt|eta)$/i", "entry_start": 3, "entry_stop": -7},
    {"expressions": ["nJet", "Jet_pt", "met"], "how": "zip"},
    {"expressions": ["Jet_pt", "Jet_eta"], "how": "zip"},
    {"expressions": "Jet_pt", "how": "zip"},
    {"expressions": ["Jet_pt", "Jet_pt*2"], "how": "zip", "cut": "nJet > 1"},
    {"how": "zip"},
    {"expressions": ["Jet_pt", "met"], "how": dict},
    {"expressions": ["Jet_pt", "met"], "how": tuple},
    {"expressions": ["Jet_pt", "met"], "how": list},
]


def as_plain(found):
    """Fields and values, whatever holds them."""
    if isinstance(found, dict):
        return {name: ak.to_list(array) for name, array in found.items()}
    if isinstance(found, tuple | list):
        return [ak.to_list(array) for array in found]
    return found.fields, ak.to_list(found)


@pytest.mark.parametrize("call", CALLS, ids=lambda options: re.sub(r" at 0x\w+", "", str(options)))
def test_what_uproot_gives(tree, archive, call):
    expected, found = tree.arrays(**call), archive.arrays(**call)
    assert type(found) is type(expected)
    assert as_plain(found) == as_plain(expected)


@pytest.mark.parametrize(
    "call", [call for call in CALLS if "how" not in call], ids=lambda options: re.sub(r" at 0x\w+", "", str(options))
)
def test_steps_join_to_the_whole(tree, archive, call):
    whole = archive.arrays(**call)
    steps = list(archive.iterate(**call, step_size=17, report=True))
    assert ak.to_list(ak.concatenate([arrays for arrays, _ in steps])) == ak.to_list(whole)
    start, stop = call.get("entry_start", 0), N_EVENTS + call.get("entry_stop", 0)
    ranges = [(report.tree_entry_start, report.tree_entry_stop) for _, report in steps]
    expected = [(first, min(first + 17, stop)) for first in range(start, stop, 17)]
    assert ranges == expected
    assert [(report.start, report.global_entry_stop) for _, report in steps] == expected
    assert all(report.source is archive and report.file_path == archive.path for _, report in steps)


@pytest.mark.parametrize("library", ["np", "pd", "pa"])
def test_libraries_agree_on_what_is_computed(archive, library):
    expressions, cut = ["Jet_pt * 2", "Jet_eta"], "met > 10"
    expected = archive.arrays(expressions, cut)
    found = archive.arrays(expressions, cut, library=library)
    if library == "np":
        assert [row.tolist() for row in found["Jet_pt * 2"]] == expected["Jet_pt * 2"].to_list()
    elif library == "pa":
        assert found.to_pylist() == expected.to_list()
    else:
        assert found["Jet_pt * 2"].tolist() == ak.flatten(expected["Jet_pt * 2"]).to_list()
        events = np.flatnonzero(archive["met"].array(library="np") > 10)
        assert set(found.index.get_level_values("entry")) <= set(events.tolist())


def test_pandas_joins_columns_of_different_lengths(archive):
    whole = archive.arrays(["met", "Jet_pt"], library="pd", how="outer")
    n_jets = archive["nJet"].array(library="np")
    assert len(whole) == np.maximum(n_jets, 1).sum()
    inner = archive.arrays(["met", "Jet_pt"], library="pd", how="inner")
    assert len(inner) == n_jets.sum()
    assert inner["met"].tolist() == np.repeat(archive["met"].array(library="np"), n_jets).tolist()
    series = archive.arrays(["met", "Jet_pt"], library="pd", how=dict)
    assert [len(one) for one in series.values()] == [N_EVENTS, n_jets.sum()]
    with pytest.raises(UsageError, match="one length"):
        archive.arrays(["met", "Jet_pt"], library="pd")
    with pytest.raises(UsageError, match="one length"):
        archive.arrays(["met*2", "Jet_pt"], library="pd")


def test_pandas_counts_events_as_uproot_does(tree, archive):
    expected = tree.arrays(["met", "nJet"], "met > 10", library="pd", entry_start=5)
    found = archive.arrays(["met", "nJet"], "met > 10", library="pd", entry_start=5)
    assert found.index.tolist() == expected.index.tolist()
    assert found["met"].tolist() == expected["met"].tolist()
    assert archive.arrays("met", library="pd", entry_start=5).index.tolist() == list(range(5, N_EVENTS))


def test_only_columns_that_are_needed_are_decoded(archive, monkeypatch):
    asked, decode = set(), Engine.row_group
    monkeypatch.setattr(Engine, "row_group", lambda *call: asked.add(call[2].order) or decode(*call))
    archive.arrays("Jet_pt * 2", "met > 10")
    assert asked == {("met", "nJet", "Jet_pt")}


def test_globs_are_globs_unless_they_are_expressions(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(3), b=np.arange(3), a_b=np.arange(3))
    baler_vae.compress(tmp_path / "x.npz", tmp_path / "x.bvae", kind="independent")
    with baler_vae.open(tmp_path / "x.bvae") as archive:
        assert archive.arrays("a*").fields == ["a", "a_b"]
        assert archive.arrays("a*b").fields == ["a*b"]
        assert archive.arrays("a*b")["a*b"].to_list() == [0, 1, 4]
        assert archive.arrays("?").fields == ["a", "b"]
        assert archive.arrays("1 < a <= 2")[:, "1 < a <= 2"].to_list() == [False, False, True]


@pytest.mark.parametrize("wrong", ["none", "none*", "Jet_pt + none", "Jet_pt.real", "get('none')", "met.shape"])
def test_names_that_are_not_there(archive, wrong):
    with pytest.raises(KeyError) as raised:
        archive.arrays(wrong)
    assert isinstance(raised.value, UnknownName)
    assert isinstance(raised.value, UsageError)
    assert "no column" in str(raised.value) or "no field" in str(raised.value)
    assert not str(raised.value).startswith(("'", '"'))


@pytest.mark.parametrize(
    "wrong",
    [
        "met.__class__",
        "().__class__.__bases__",
        "__import__('os')",
        "open('x')",
        "[met for met in (1, 2)]",
        "(lambda: met)()",
        "met if met else met",
        "met and trigger",
        "not trigger",
        "met @ met",
        "f'{met}'",
        "{met}",
        "sqrt(x=met)",
        "get('met', 'nJet')",
        "get(met)",
        "met :=",
        "met; nJet",
        "met is nJet",
        "'a' * 10",
        "1 + 1",
        "9**9**9**9",
        "met << 'a'",
        "Jet_pt[7]",
        "sum(met)",
        "(" * 500 + "met" + ")" * 500,
        "met" + "+1" * 20_000,
        "met + " + "-" * 3000 + "1",
        "\0",
    ],
    ids=lambda text: text[:24],
)
def test_what_no_expression_may_do(archive, wrong):
    with pytest.raises(UsageError):
        archive.arrays(wrong)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({"expressions": "met", "cut": "Jet_pt > 3"}, "one value for each event"),
        ({"expressions": "a", "aliases": {"a": "b + 1", "b": "a"}}, "defined in terms of itself"),
        ({"expressions": [3]}, "invalid expression 3"),
        ({"expressions": "met", "cut": "met and trigger"}, "Use &"),
        ({"filter_name": 3}, "invalid filter_name 3"),
        ({"filter_name": "/(/"}, "not a valid regular expression"),
        ({"filter_branch": "met"}, "invalid filter_branch"),
        ({"how": "zipped"}, "invalid how='zipped'"),
        ({"how": "zip", "library": "np"}, "invalid how='zip'"),
        ({"access_log": []}, "virtual=True"),
        ({"filter_name": "none"}, "no column matches filter_name='none'"),
    ],
    ids=str,
)
def test_wrong_calls(archive, call, text):
    with pytest.raises(UsageError, match=text):
        archive.arrays(**call)


def test_titles_become_parameters(archive, tree):
    found = archive.arrays(["met", "Jet_pt"], ak_add_doc=True)
    assert ak.parameters(found["met"])["__doc__"] == archive["met"].title
    named = archive.arrays(["met", "Jet_pt"], ak_add_doc={"kind": "typename"})
    assert ak.parameters(named["Jet_pt"])["kind"] == archive["Jet_pt"].typename
    assert ak.parameters(archive["met"].array(ak_add_doc=True))["__doc__"] == archive["met"].title
    with pytest.raises(UsageError, match="no attribute"):
        archive.arrays("met", ak_add_doc={"x": "none"})
