"""Guarantees in manifests and parts that nobody wrote, under the right digests, and damage to blocks that have some."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest

import baler_vae
from baler_vae.archive import container, manifest
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.parts import pack_checked_parts, pack_parts, unpack_checked_parts, unpack_parts
from baler_vae.codec.codec import Codec
from baler_vae.codec.sections import read_model
from baler_vae.entropy.plain import encode_numbers
from baler_vae.entropy.tables import encode_codes, encode_runs, fit_table
from baler_vae.errors import ArchiveError, CorruptArchive, UsageError
from baler_vae.model import correction

from ..guarded import moving
from .fuzz import _Unchecked
from .guarded import FLAT, JAGGED, flat, jagged, write
from .test_damage import decode

PAGE = re.sub(r"\s+", " ", Path(container.__file__).with_name("FORMAT.md").read_text("utf-8"))
SECTION = "groups/1/0"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The paths of a file of jets and of its archive."""
    return write(tmp_path_factory.mktemp("hostile"), "a", jagged(30), bound="bits:8", guarantees=JAGGED)


@pytest.fixture(scope="module")
def archive(written):
    return written[1]


def lie(path, target, change, **sections):
    """A copy of a file whose manifest is what `change` makes of it, and which has other sections."""
    with ArchiveFile(path) as file, writing_archive(target, force=True) as writer:
        content = copy.deepcopy({k: v for k, v in file.manifest.to_document().items() if k != "sections"})
        change(content)
        for name in file.manifest.sections:
            writer.add(name, sections.get(name.replace("/", "_"), file.section(name)))
        writer.finish(_Unchecked(content))
    return target


def unchanged(_content):
    """No change of a manifest."""


def setting(*path, value):
    """A change of what stands somewhere in a manifest."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


def of_correction(*path, value, number=0):
    return setting("groups", 1, "guard", "corrections", number, *path, value=value)


def patched(*names, group=1):
    return setting("groups", group, "guard", "patched", value=list(names))


def dropping(*path):
    def change(content):
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


MASS = 1
ROW = {"column": "Jet_pt", "row": None}
FORGED = {
    "a column that is missing": of_correction("cells", "Jet_pt[0]", "column", value="Jet_x"),
    "a column of text": setting("groups", 1, "columns", 0, "dtype", value="text"),
    "no such row": of_correction("cells", "Jet_pt[0]", "row", value=-1),
    "a huge row": of_correction("cells", "Jet_pt[0]", "row", value=1 << 31),
    "a row of events": of_correction("cells", "Jet_pt[0]", value={"column": "met", "row": 0}),
    "a row and rows at once": of_correction("cells", "Jet_pt[0]", "row", value=None),
    "nothing reads a cell": of_correction("cells", "other", value=ROW),
    "a cell too few": dropping("groups", 1, "guard", "corrections", 0, "cells", "Jet_pt[0]"),
    "a tail too few": dropping("groups", 1, "guard", "corrections", 0, "tails", "rest 0"),
    "cells of no kind": of_correction("cells", value=[]),
    "too many cells": of_correction("cells", value={f"x{number}": ROW for number in range(257)}),
    "a tail of nothing": of_correction("tails", "rest 0", "formula", value="1"),
    "a tail of a column of events": of_correction("tails", "rest 0", "formula", value="met"),
    "a tail of what is missing": of_correction("tails", "rest 0", "formula", value="Jet_x"),
    "a tail from nowhere": of_correction("tails", "rest 0", "first", value=-1),
    "a tail that is a cell": of_correction("tails", value={"Jet_pt[0]": {"formula": "Jet_pt", "first": 1}}),
    "another text of a tail": of_correction("tails", "rest 0", "formula", value="(Jet_pt)"),
    "no formula": of_correction("formula", value="1 +"),
    "another text of a formula": of_correction("formula", value="`Jet_pt[0]`+`rest 0`"),
    "a long formula": of_correction("formula", value="`Jet_pt[0]` + `rest 0`" + " + 1" * 2000),
    "a deep formula": of_correction("formula", value="-" * 3000 + "`Jet_pt[0]` + `rest 0`"),
    "a large power": of_correction("formula", value="`Jet_pt[0]`**17 + `rest 0`"),
    "nothing moves": of_correction("movable", value=[]),
    "a tail moves": of_correction("movable", value=["rest 0"]),
    "it moves twice": of_correction("movable", value=["Jet_pt[0]"] * 2),
    "too much moves": of_correction("movable", value=["Jet_pt[0]"] * 17),
    "a column of events moves": of_correction("cells", "Jet_pt", value={"column": "met", "row": None}, number=2),
    "a number below 0": of_correction("relative", value=-1e-3),
    "no number": of_correction("absolute", value=None),
    "a huge number": of_correction("absolute", value=1e300),
    "a whole number": of_correction("absolute", value=1),
    "steps of 0": of_correction("absolute", value=0.0),
    "no tables": of_correction("moves", "n_tables", value=0),
    "too many tables": of_correction("others", "n_tables", value=257),
    "a table too many": of_correction("moves", "n_tables", value=2),
    "a class too low": of_correction("moves", "first", value=-(1 << 16) - 1),
    "a class too high": of_correction("others", "first", value=1 << 40),
    "classes too fine": of_correction("moves", "fineness", value=4),
    "classes too coarse": of_correction("moves", "fineness", value=0),
    "classes of no kind": of_correction("others", value=1),
    "no tables of modes": of_correction("n_mode_tables", value=0),
    "too many tables of modes": of_correction("n_mode_tables", value=17),
    "a table of modes too many": of_correction("n_mode_tables", value=2),
    "a guarantee that is not there": of_correction("guarantee", value=len(JAGGED)),
    "a guarantee below 0": of_correction("guarantee", value=-1),
    "one key more": of_correction("more", value=0),
    "one key less": dropping("groups", 1, "guard", "corrections", 0, "tails"),
    "a correction less": dropping("groups", 1, "guard", "corrections", 0),
    "no guard": dropping("groups", 1, "guard"),
    "an empty guard": setting("groups", 1, "guard", value={"corrections": [], "patched": []}),
    "no guard but null": setting("groups", 1, "guard", value=None),
    "patches of what is missing": patched("Jet_pt", "Jet_x"),
    "patches of events in jets": patched("Jet_pt", "met"),
    "patches twice": patched("Jet_pt", "Jet_pt"),
    "patches of a counter": patched("met", "nJet", group=0),
    "patches of a column less": patched("Jet_pt"),
    "the first version": setting("version", value=1),
    "no guarantees": dropping("guarantees"),
    "empty guarantees": setting("guarantees", value={}),
    "guarantees of what is unknown": setting("guarantees", "promised", 0, value={"promise": "all"}),
    "guarantees that are a number": setting("guarantees", value=7),
    "guarantees of numbers": setting("guarantees", "promised", value=[7]),
    "a quantity that is not defined": setting("guarantees", "quantities", value=[]),
    "a bound of no kind": setting("guarantees", "promised", 0, "bound", value="tight"),
    "a cut that is none": setting("guarantees", "promised", 3, "cut", value="Jet_pt >"),
}


def test_what_is_changed_is_what_was_there(archive, tmp_path):
    same = decode(lie(archive, tmp_path / "same.bvae", unchanged))
    assert all(
        np.array_equal(_flat(values), _flat(same[name]), equal_nan=True) for name, values in decode(archive).items()
    )
    with ArchiveFile(archive) as file:
        own = file.manifest.groups[1].guard.corrections
    assert [set(one.cells) >= {"Jet_pt[0]"} for one in own] == [True, True, False]
    assert own[0].tails.keys() == {"rest 0"}
    assert own[2].movable == ("Jet_area",)


def _flat(values):
    return np.concatenate(values) if values.dtype == object else values


@pytest.mark.parametrize("name", FORGED)
def test_guarantees_that_nobody_wrote_are_corrupt(archive, tmp_path, name):
    path = lie(archive, tmp_path / "lies.bvae", FORGED[name])
    for read in (decode, Codec.of_archive):
        with pytest.raises(ArchiveError) as caught:
            read(path)
        assert "\n" not in str(caught.value)


PROMISED = {
    "a correction of a cut": of_correction("guarantee", value=3),
    "a correction of other rows": of_correction("guarantee", value=2),
    "a quantity of what is missing": setting("guarantees", "quantities", 0, "objects", value=["Muon_*"]),
    "a cut on what is missing": setting("guarantees", "promised", 3, "cut", value="Muon_pt > 1"),
    "a column under free": setting("groups", 0, "columns", 0, "bound", value="free"),
    "no patches of a column that is read": patched(group=0),
}


@pytest.fixture(scope="module")
def codec_file(written, tmp_path_factory):
    with moving():
        codec = baler_vae.fit(written[0], kind="independent", bound="bits:8", guarantees=JAGGED)
    path = tmp_path_factory.mktemp("codec") / "c.bvmodel"
    codec.save(path)
    assert Codec.load(path) == codec
    return path


@pytest.mark.parametrize("name", PROMISED)
def test_codecs_that_cannot_keep_their_guarantees_are_corrupt(codec_file, tmp_path, name):
    """What decoding does not depend on, but compressing with the same codec does."""
    path = lie(codec_file, tmp_path / "lies.bvmodel", PROMISED[name])
    with pytest.raises(CorruptArchive, match="guarant"):
        Codec.load(path)


def parts_of(archive):
    """The parts of the jets, the number of that of the first correction, and the model."""
    with ArchiveFile(archive) as file:
        model = read_model(file, 1)
        return unpack_checked_parts(file.section(SECTION), model.n_parts), model.first_guard_part, model


def with_part(archive, target, number, part):
    """A copy with another part of a correction, or of patches, of the jets."""
    parts, first, _ = parts_of(archive)
    parts[first + number] = part
    return lie(archive, target, unchanged, groups_1_0=pack_checked_parts(parts))


def rows_with(count, steps):
    return count.to_bytes(4, "little") + encode_numbers(np.array(steps, np.int64))


MOVES, ROWS, PATCHES = 0, 3, 4
MANY = fit_table(np.arange(4))
PARTS = {
    "moves without parts": (MOVES, b"\0"),
    "moves of too few parts": (MOVES, pack_parts([b"", b""])),
    "no row": (ROWS, rows_with(0, [])),
    "fewer rows": (ROWS, rows_with(1, [0, 1])),
    "more rows than there are": (ROWS, rows_with(1 << 31, [0])),
    "a row before the first": (ROWS, rows_with(2, [-1, 3])),
    "a row twice": (ROWS, rows_with(2, [3, 0])),
    "rows that fall": (ROWS, rows_with(2, [3, -1])),
    "a row beyond the last": (ROWS, rows_with(2, [3, 1 << 20])),
    "rows that wrap": (ROWS, rows_with(3, [1, (1 << 63) - 1, (1 << 63) - 1])),
    "a number and no rows": (ROWS, b"\1\0\0\0"),
    "half a number": (ROWS, b"\1"),
    "no rows, but patches": (ROWS, b""),
    "patches of other rows": (PATCHES, encode_numbers(np.zeros(1000, np.int64))),
    "patches that are none": (PATCHES, b"\0"),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts_that_nobody_wrote_are_corrupt(archive, tmp_path, name):
    with pytest.raises(CorruptArchive, match="does not hold what the manifest says"):
        decode(with_part(archive, tmp_path / "lies.bvae", *PARTS[name]))


def moved(archive, target, codes, modes):
    """A copy with other codes of the moves, and their modes, of the masses."""
    _, _, model = parts_of(archive)
    own = model.corrections[MASS]
    codes, modes = np.array(codes, np.int64), np.array(modes, np.int64)
    first = modes == 0
    moves = encode_runs([codes[first], codes[~first]], [own.own.tables[0], own.others.tables[0]])
    return with_part(archive, target, MASS, pack_parts([encode_codes(modes, own.modes[0]), moves]))


@pytest.mark.parametrize("mode", [-1, 8, 1 << 40, -(1 << 63)])
def test_modes_that_do_not_exist_are_corrupt(archive, tmp_path, mode):
    with pytest.raises(CorruptArchive, match="a mode of moves does not exist"):
        decode(moved(archive, tmp_path / "lies.bvae", [0] * 30, [mode] * 30))


@pytest.mark.parametrize("code", [-1, -(1 << 63)])
def test_moves_that_do_not_exist_are_corrupt(archive, tmp_path, code):
    with pytest.raises(CorruptArchive, match="a move does not exist"):
        decode(moved(archive, tmp_path / "lies.bvae", [code] * 30, [0] * 30))


@pytest.mark.parametrize("mode", range(8))
def test_moves_of_any_size_move_what_the_page_says(archive, tmp_path, mode):
    """The escape of a table holds any code: what is out of all bounds is read as it is written."""
    from .by_hand import read_zip
    from .guards_by_hand import guarded

    codes = [(1 << 63) - 1 - number if number % 2 else (1 << 53) + number for number in range(30)]
    path = moved(archive, tmp_path / "large.bvae", codes, [mode] * 30)
    found = guarded(read_zip(path.read_bytes()))
    with baler_vae.open(path) as opened:
        (batch,) = opened.batches(opened.schema)
        changed = decode(archive)
    for name, values in batch[1].arrays.items():
        assert found[name].tobytes() == values.tobytes(), name
    assert any(not np.array_equal(np.concatenate(changed[n]), v, equal_nan=True) for n, v in batch[1].arrays.items())


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_tables_of_too_few_parts_are_corrupt(archive, tmp_path, keep):
    with ArchiveFile(archive) as file:
        parts = unpack_parts(file.section("corrections/1"))
    path = lie(archive, tmp_path / "lies.bvae", unchanged, corrections_1=pack_parts(parts[:keep]))
    with pytest.raises(CorruptArchive, match="corrections/1"):
        decode(path)


def test_blocks_with_any_byte_changed_are_refused():
    data = {name: values for table in flat(40)[1] for name, values in table.arrays.items()}
    with moving():
        codec, other = (
            baler_vae.fit(data, kind="independent", bound="abs:0.05", guarantees=own) for own in (FLAT, FLAT[:2])
        )
    block = codec.encode(data)
    assert codec.identity != other.identity
    with pytest.raises(UsageError):
        other.decode(block)
    for place in range(0, len(block), 37):
        changed = bytearray(block)
        changed[place] ^= 0x40
        with pytest.raises((ArchiveError, UsageError)):
            codec.decode(bytes(changed))


def test_the_page_tells_the_limits_of_guarantees():
    assert f"a list of 1 to {correction.MOST_MOVABLE} names" in PAGE
    assert PAGE.count(f"an object of at most {correction.MOST_CELLS} entries") == 2
    assert correction.MOST_CELLS == manifest.MOST_CELLS
    modes = ", ".join(str(mode) for mode in correction.MODES)
    assert f"(a, b) is {modes} in the modes 0 to {len(correction.MODES) - 1}" in PAGE
