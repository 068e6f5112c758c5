"""Sections `cells/G` that say what nobody wrote, under the right digests."""

import re
from pathlib import Path

import numpy as np
import pytest
from pcodec import standalone

import baler_vae
from baler_vae.archive import container
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.parts import pack_parts, unpack_parts
from baler_vae.entropy.plain import encode_numbers
from baler_vae.errors import CorruptArchive
from baler_vae.model import cells

from .celled import celled, examples, network_of
from .test_damage import decode, in_a_fresh_process
from .test_shapes import lie

PAGE = re.sub(r"\s+", " ", Path(container.__file__).with_name("FORMAT.md").read_text("utf-8"))
DESCRIPTION, OFFSETS, INPUTS, TAPS, WEIGHTS, FILLS = range(1, 7)
SOURCES = 7 + 2
"""The part of stored networks that holds sources, lags and symbols of inputs."""
N_OFFSETS, N_PREDICTORS = 6, 2
"""Of the archive that is changed; its predictors have three taps and two."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """One column of matrices under a network that sees rows before."""
    data, bound, plans = examples()["lags"]
    path = tmp_path_factory.mktemp("cells") / "a.bvae"
    baler_vae.compress(data, path, codec=celled(data, bound, plans))
    return path


def forged(path, target, number, change):
    """A copy with a part of `cells/0` whose numbers are what `change` makes of them."""
    with ArchiveFile(path) as file, writing_archive(target, force=True) as writer:
        parts = unpack_parts(file.section("cells/0"))
        numbers = change(numbers_of(parts[number]))
        parts[number] = encode_numbers(np.array(numbers, np.int64))
        if number == DESCRIPTION:
            parts[0] = len(numbers).to_bytes(8, "little")
        for name in file.manifest.sections:
            writer.add(name, pack_parts(parts) if name == "cells/0" else file.section(name))
        writer.finish(file.manifest)
    return target


def numbers_of(part):
    """The numbers of a part, of which a pcodec file tells how many there are."""
    found = standalone.simple_decompress(part)
    return [] if found is None else found.tolist()


def put(place, value):
    return lambda numbers: [*numbers[:place], value, *numbers[place:][1:]]


def test_what_is_changed_is_what_was_there(archive, tmp_path):
    for number in (DESCRIPTION, OFFSETS, INPUTS, TAPS, WEIGHTS, FILLS, SOURCES):
        path = forged(archive, tmp_path / "same.bvae", number, lambda numbers: numbers)
        assert path.read_bytes() == archive.read_bytes()
    with ArchiveFile(archive) as file:
        parts = unpack_parts(file.section("cells/0"))
    description = numbers_of(parts[DESCRIPTION])
    assert description[:5] + description[6:] == [1, 0, 2, N_OFFSETS, N_PREDICTORS, 2, 3, 2]
    assert len(numbers_of(parts[INPUTS])) == 3 * description[5]


NOT_THERE = "not a number of what networks of cells have"


@pytest.mark.parametrize(
    ("number", "change", "why"),
    [
        (DESCRIPTION, put(0, 1 << 40), NOT_THERE),
        (DESCRIPTION, put(0, 2), "too short"),
        (DESCRIPTION, put(0, 0), "too long"),
        (DESCRIPTION, put(1, -1), NOT_THERE),
        (DESCRIPTION, put(1, 1), "do not match"),
        (DESCRIPTION, put(2, 31), NOT_THERE),
        (DESCRIPTION, put(2, 1), "pcodec"),
        (DESCRIPTION, put(3, cells.MOST_OFFSETS + 1), NOT_THERE),
        (DESCRIPTION, put(3, N_OFFSETS - 1), "pcodec"),
        (DESCRIPTION, put(4, cells.MOST_PREDICTORS + 1), NOT_THERE),
        (DESCRIPTION, put(5, 256), NOT_THERE),
        (DESCRIPTION, put(5, 0), "pcodec"),
        (DESCRIPTION, put(6, 4), NOT_THERE),
        (DESCRIPTION, put(6, 3), "not there"),  # mirrored, of arrays that are not square
        (DESCRIPTION, put(7, cells.MOST_OFFSETS + 1), NOT_THERE),
        (DESCRIPTION, lambda numbers: [*numbers[:7], 0, 5], "as distances, which they cannot be"),
        (DESCRIPTION, lambda numbers: [*numbers, 0], "too long"),
        (OFFSETS, put(0, -1), "not known before"),
        (OFFSETS, put(0, 128), "not known before"),
        (OFFSETS, put(0, -(1 << 63)), "not known before"),
        (OFFSETS, put(N_OFFSETS, 1), "not known before"),
        (OFFSETS, put(2 * N_OFFSETS, -128), "not known before"),
        (OFFSETS, lambda numbers: numbers[:-1], "pcodec"),
        (INPUTS, put(0, len(cells.Seen)), f"{len(cells.Seen)} is not a valid"),
        (INPUTS, put(0, -1), "-1 is not a valid"),
        (INPUTS, put(0, cells.Seen.MIRRORED), "input that does not exist"),
        (INPUTS, put(0, cells.Seen.SAME_CELL), "depend on each other"),
        (INPUTS, put(0, cells.Seen.SOURCE), "depend on each other"),
        (INPUTS, put(-1, 255), "input that does not exist"),
        (INPUTS, put(-1, -2), "input that does not exist"),
        (INPUTS, put(-1, 1 << 40), "input that does not exist"),
        (INPUTS, lambda numbers: [*[cells.Seen.SOURCE] * (len(numbers) // 3), *numbers[len(numbers) // 3 :]], "depend"),
        (TAPS, put(0, 0), "do not rise"),
        (TAPS, put(1, -1), "do not rise"),
        (TAPS, put(1, 1 << 62), "do not rise"),
        (TAPS, put(2, N_OFFSETS), "neighbours that do not exist"),
        (WEIGHTS, put(0, 1 << 15), "too large"),
        (WEIGHTS, put(0, -(1 << 15)), "too large"),
        (WEIGHTS, put(0, -(1 << 63)), "too large"),
        (FILLS, put(0, int(np.array(np.nan).view(np.int64))), "a predictor of 3 taps"),
        (FILLS, put(1, int(np.array(-np.inf).view(np.int64))), "a predictor of 2 taps"),
        (SOURCES, put(0, 1), "inputs of other networks"),
        (SOURCES, put(0, -1), "inputs of other networks|does not exist"),
        (SOURCES, put(-1, 3), "inputs of other networks"),
    ],
)
def test_cells_that_nobody_wrote_are_corrupt(archive, tmp_path, number, change, why):
    with pytest.raises(CorruptArchive, match=why) as caught:
        decode(forged(archive, tmp_path / "lies.bvae", number, change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 1, 6, 7, 20])
def test_sections_of_too_few_parts_are_corrupt(archive, tmp_path, keep):
    with ArchiveFile(archive) as file, writing_archive(tmp_path / "lies.bvae") as writer:
        parts = unpack_parts(file.section("cells/0"))
        assert len(parts) == 21
        for name in file.manifest.sections:
            writer.add(name, pack_parts(parts[:keep]) if name == "cells/0" else file.section(name))
        writer.finish(file.manifest)
    with pytest.raises(CorruptArchive, match="parts are not those of networks"):
        decode(tmp_path / "lies.bvae")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"shape": [72]}, "2 axes|does not match"),
        ({"shape": [2] * 9}, "axes"),
        ({"shape": [9, 8]}, "does not hold"),
        ({"coding": "network-1"}, "networks"),
        ({"coding": "table-1"}, "tables"),
        ({"formula": "f"}, "formula"),
        ({"grid": None}, "without a grid"),
    ],
)
def test_columns_that_do_not_fit_their_networks_are_corrupt(archive, tmp_path, changes, why):
    with pytest.raises(CorruptArchive, match=why):
        decode(lie(archive, tmp_path / "lies.bvae", f=changes))


def test_times_that_would_overflow_are_refused():
    """Neighbours along eight axes, each far ahead along the next ones."""
    shape = (2,) * cells.MOST_CELL_AXES
    offsets = [tuple(-(k == axis) + 127 * (k > axis) for k in range(len(shape))) for axis in range(len(shape))]
    own = celled_of(shape, [(0, *offset) for offset in offsets])
    assert max(own.paces) < cells._LATEST
    with pytest.raises(ValueError, match="to have an order"):
        celled_of(shape, [*((0, *offset) for offset in offsets), (1, *(127,) * len(shape))])


def celled_of(shape, offsets):
    """A network that sees nothing but where a cell is, beside such offsets."""
    inputs = (cells.CellInput(cells.Seen.COORDINATE),)
    network = network_of(np.arange(9), 1, 0)
    return cells.Cells(shape=shape, network=network, inputs=inputs, view=network.alphabet, offsets=tuple(offsets))


def test_the_page_tells_the_limits_of_cells():
    assert f"at most {cells.MOST_CELL_AXES}, and the shape" in PAGE
    assert f"All steps lie from -{cells.LARGEST_STEP} to {cells.LARGEST_STEP}" in PAGE
    assert f"There are at most {cells.MOST_OFFSETS:,} offsets" in PAGE
    assert f"at most {cells.MOST_OFFSETS:,} taps in all" in PAGE
    assert f"There are at most {cells.MOST_PREDICTORS}, numbered from 0" in PAGE
    assert f"two axes of m cells each, at most {cells.MOST_POINTS}" in PAGE
    assert f"Weights lie from -{cells._LARGEST_WEIGHT:,} to {cells._LARGEST_WEIGHT:,}" in PAGE
    assert cells._LATEST == 1 << 62
    for kind in cells.Seen:
        assert f"| {int(kind)} | " in PAGE


def test_cells_that_are_not_there_take_little_memory(tmp_path):
    """Far more cells than the stream has, under networks of cells before, of rows before and of points. None of them
    has a code that costs nothing once a stream is at its end.
    """
    for name in ("lags", "points"):
        data, bound, plans = examples()[name]
        baler_vae.compress(data, tmp_path / f"{name}.bvae", codec=celled(data, bound, plans, seed=1))
    script = """
    from tests.format.test_shapes import lie
    read(FOLDER / "lags.bvae"), read(FOLDER / "points.bvae")
    before = peak()
    shapes = (([2048, 2048], 1), ([16, 16], 1 << 15), ([512, 512], 8))
    for name, column in (("lags", "f"), ("points", "d")):
        for shape, rows in shapes:
            says = {"row_groups": [[rows]], column: {"shape": shape}}
            refused(lie(FOLDER / f"{name}.bvae", FOLDER / "lies.bvae", **says))
    assert peak() - before < 600, peak() - before
    """
    in_a_fresh_process(tmp_path, script)
