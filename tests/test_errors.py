"""Errors tell what happened, where, and the way out."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae import errors
from baler_vae.errors import (
    ArchiveError,
    BalerError,
    MissingExtra,
    SourceError,
    did_you_mean,
    files_in,
    near_file,
    nearest,
    shown,
)

KINDS = {
    kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BalerError)
}
STATUSES = {
    "BalerError": 1,
    "UsageError": 2,
    "UnknownName": 2,
    "SourceError": 3,
    "BoundBroken": 4,
    "ArchiveError": 5,
    "TruncatedArchive": 5,
    "CorruptArchive": 5,
    "UnsupportedVersion": 5,
    "MissingExtra": 6,
    "MissingProgram": 6,
    "ToleranceFailed": 7,
    "OutputError": 8,
}


def test_the_text_says_where_what_and_the_way_out():
    error = SourceError("is short", path="a.root", column="pt", rows="row 7", found=1, expected=2, way_out="Copy it")
    assert str(error) == "a.root, column 'pt', row 7: is short (found 1, expected 2). Copy it"
    assert str(BalerError("plain")) == "plain"
    assert str(ArchiveError("is missing", section="model/0")) == "section model/0: is missing"


def test_falsy_facts_are_facts():
    assert str(BalerError("is odd", found=0, expected=False)) == "is odd (found 0, expected False)"


words = st.text(min_size=1, max_size=9)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(words, st.fixed_dictionaries({}, optional=dict.fromkeys(("path", "section", "rows", "way_out"), words)))
def test_everything_that_is_known_is_told(what, known):
    error = BalerError(what, **known)
    told = str(error)
    assert all(line in told for text in (what, *known.values()) for line in map(shown, text.split("\n")))
    assert all(letter == "\n" or letter == shown(letter) for letter in told)
    assert {name: getattr(error, name) for name in known} == known


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jet_pt", "Jet_pt"),
        ("p\N{THIN SPACE}[GeV] \N{GREEK SMALL LETTER ALPHA}", "p\N{THIN SPACE}[GeV] \N{GREEK SMALL LETTER ALPHA}"),
        ("a\x1b[31mred\x9b2J\x07", r"a\x1b[31mred\x9b2J\x07"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}oot.a", r"\u202eoot.a"),
        ("two\nlines\r\u2028", r"two\nlines\r\u2028"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_commands_a_terminal_is_escaped(text, expected):
    assert shown(text) == expected
    expected.encode("utf-8")
    error = BalerError(text, path=text, section=text, rows=text, column=text, found=text, expected=text)
    assert not {"\x1b", "\x9b", "\n", "\r", "\u202e", "\u2028", "\udcff", "\U000e0041"} & set(str(error))


def test_a_path_is_kept_as_text():
    assert BalerError("x", path=Path("a") / "b.root").path == str(Path("a") / "b.root")


def test_exit_statuses_tell_remedies_apart():
    assert {name: kind.exit_status for name, kind in KINDS.items()} == STATUSES
    assert all(issubclass(kind, ArchiveError) for kind in KINDS.values() if kind.exit_status == 5)


def test_a_missing_extra_says_how_to_install_it():
    error = MissingExtra("fitting", "train", "torch")
    assert str(error).startswith("fitting needs the package 'torch'")
    assert str(error).endswith("pip install 'baler-vae[train]'")
    assert error.extra == "train"


def test_nearest_names():
    assert nearest("Jet_px", ["Jet_pt", "Jet_eta", "event"]).startswith("the nearest names are 'Jet_pt'")
    assert nearest("zzz", ["a", "b"]) == "there are 'a', 'b'"
    assert nearest("zzz", map(str, range(12))).endswith("'11'")
    assert nearest("zzz", map(str, range(20))).endswith("'11' and 8 more")
    assert nearest("x", []) == "there are none"


@pytest.mark.parametrize("n_names", [1, 5, 12, 13, 1000])
def test_a_phrase_of_names_stays_short(n_names):
    names = [f"column_{i:04}" for i in range(n_names)]
    for asked in ("column_00", "@"):
        quoted = re.findall(r"'([^']*)'", nearest(asked, names))
        assert 1 <= len(quoted) <= 12
        assert set(quoted) <= set(names)


@given(st.lists(words, min_size=1, max_size=5))
def test_a_name_that_is_known_but_for_its_case_is_meant(names):
    for name in names:
        asked = did_you_mean(name.swapcase(), names)
        assert asked is not None or name.swapcase().lower() != name.lower()


def test_names_that_are_near_are_meant():
    assert did_you_mean("bounds", ["bound", "columns"]) == "Did you mean 'bound'?"
    assert did_you_mean("epochs", ["model.epochs", "epoch_s"]) == "Did you mean 'model.epochs'?"
    assert did_you_mean("zebra", ["bound", "columns"]) is None


def test_a_file_is_found_where_its_name_or_that_of_its_folder_is_misspelled(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "jets.root").touch()
    for wrong in (folder / "jetz.root", tmp_path / "rnus" / "jets.root", tmp_path / "rns" / "jet.root"):
        assert near_file(wrong) == f"Did you mean {str(folder / 'jets.root')!r}?"
    for far in (folder / "muons.h5", tmp_path / "elsewhere" / "jets.root", "/"):
        assert near_file(far) is None


def test_files_of_a_folder_are_named(tmp_path):
    for name in ("b.root", "a.root", "notes.md"):
        (tmp_path / name).touch()
    assert files_in(tmp_path, {".root"}).startswith(f"Name a file in it, such as '{tmp_path}/a.root', or all")
    assert files_in(tmp_path, {".csv"}) == files_in(tmp_path / "none", {".root"}) == "Name a file in it"
