"""Tables that neighbours choose in real files, read by whole numbers of Python from FORMAT.md alone; files that lie."""

import json

import numpy as np
import pytest
from pcodec import standalone

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.archive.parts import pack_parts, unpack_parts
from baler_vae.codec.sections import read_model
from baler_vae.entropy.plain import encode_numbers
from baler_vae.errors import CorruptArchive
from baler_vae.model.columns import Neighboured
from baler_vae.model.context import PREDICTED
from baler_vae.model.neighbours import SIDE
from tests.golden.digest import digests

from .by_hand import read_zip
from .neighbours_by_hand import arrays
from .test_damage import GOLDEN, decode
from .test_hostile_guards import lie

GOLDEN_ARCHIVE = GOLDEN / "second" / "neighbours.bvae"


def test_streams_and_tables_are_what_the_page_says():
    contents = read_zip(GOLDEN_ARCHIVE.read_bytes())
    found = arrays(contents, json.loads(contents["manifest.json"]))
    with baler_vae.open(GOLDEN_ARCHIVE) as opened:
        back = opened.arrays(library="np")
    assert {*found} == {"flow", "distances", "light", "profile", "coarse"}
    for name, values in found.items():
        assert values.tobytes() == back[name].tobytes(), name


def test_the_golden_archive_has_all_that_there_is():
    with ArchiveFile(GOLDEN_ARCHIVE) as archive:
        columns = read_model(archive, 0).columns.values()
    own = [column.neighbours for column in columns if isinstance(column, Neighboured)]
    kinds = set()
    for model in own:
        places = {len(model.sums) + axis: "place" for axis in range(len(model.shape))}
        kinds |= {places.get(factor.source, min(factor.source, 0)) for factor in model.context.factors}
    assert kinds == {0, "place", PREDICTED, SIDE}
    assert {model.looks_back for model in own} == {model.mirrored for model in own} == {True, False}
    assert {bool(model.taps.offsets) for model in own} == {bool(model.context.alone) for model in own} == {True, False}
    assert {model.shift for model in own} == {0, 12}
    assert {len(model.lanes(48)) for model in own} == {2, 5}


def forged(path, target, change=None, part=0, **columns):
    """A copy of the golden archive in which the numbers of a description are what `change` makes of them, and columns
    have other entries.
    """
    with ArchiveFile(path) as file:
        parts = unpack_parts(file.section("neighbours/0"))
    numbers = standalone.simple_decompress(parts[part][4:]).tolist()
    numbers = numbers if change is None else change(numbers)
    parts[part] = len(numbers).to_bytes(4, "little") + encode_numbers(np.array(numbers, np.int64))

    def of_events(content):
        for column in content["groups"][0]["columns"]:
            column.update(columns.get(column["name"], {}))

    return lie(path, target, of_events, neighbours_0=pack_parts(parts))


def put(place, *values):
    return lambda numbers: [*numbers[:place], *values, *numbers[place + len(values) :]]


CONTEXTS = 2
"""The part that describes the contexts."""


def test_what_is_changed_is_what_was_there(tmp_path):
    for part in (0, CONTEXTS):
        assert digests(forged(GOLDEN_ARCHIVE, tmp_path / "same.bvae", part=part)) == digests(GOLDEN_ARCHIVE)
    with ArchiveFile(GOLDEN_ARCHIVE) as file:
        parts = unpack_parts(file.section("neighbours/0"))
    numbers = standalone.simple_decompress(parts[0][4:]).tolist()
    # The flow under 25 taps in units of 2^-12, and one sum.
    assert numbers[:10] == [0, 0, 12, 1, 25, 0, 0, 0, -1, numbers[9]]
    numbers = standalone.simple_decompress(parts[CONTEXTS][4:]).tolist()
    assert numbers[:8] == [5, 0, -5, 0, numbers[4], 0, 1, 0]


@pytest.mark.parametrize(
    ("part", "change", "why"),
    [
        (0, put(0, 1), "do not belong to their columns"),
        (0, put(0, 5), "not coded so"),
        (0, put(1, 2), "is not within"),
        (0, put(1, 1), "predicted by what is not there"),
        (0, put(2, 16), "is not within"),
        (0, put(3, 0), "is not within"),
        (0, put(4, 65), "is not within"),
        (0, put(5, 1 << 15), "is not within"),
        (0, put(6, -1), "not known before"),
        (0, put(8, 0), "not known before"),
        (0, put(8, 1), "not known before"),
        (0, put(8, -128), "is not within"),
        (0, lambda numbers: numbers[:-1], "too short"),
        (0, lambda numbers: [*numbers, 0], "does not add up"),
        (0, lambda _: [], "too short"),
        (CONTEXTS, put(1, 5), "for 5"),
        (CONTEXTS, put(2, 0), "differ from what is not predicted"),
        (CONTEXTS, put(2, 0, 1), "differ from what is not predicted"),
        (CONTEXTS, put(7, 9), "what cells do not have"),
        (CONTEXTS, put(7, -1), "what cells do not have"),
        (CONTEXTS, put(7, -2), "what cells do not have"),
    ],
)
def test_neighbours_that_nobody_wrote_are_corrupt(tmp_path, part, change, why):
    with pytest.raises(CorruptArchive, match=why) as caught:
        decode(forged(GOLDEN_ARCHIVE, tmp_path / "lies.bvae", change, part))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"flow": {"coding": "table-1"}}, "tables"),
        ({"flow": {"grid": None}}, "without a grid"),
        ({"flow": {"shape": [88]}}, "is not within"),
        ({"flow": {"shape": None}}, "shape"),
        ({"n": {"coding": "neighbours-1", "grid": {"kind": "integers", "parameters": {}}}}, "5 columns"),
        ({"profile": {"grid": {"kind": "pattern", "parameters": {"shift": 0}}}}, "stand alone without need"),
        ({"profile": {"predicted": True}}, "formula"),
        ({"profile": {"formula": "n", "predicted": True}}, "codings of their own"),
    ],
)
def test_columns_that_do_not_fit_their_neighbours_are_corrupt(tmp_path, columns, why):
    with pytest.raises(CorruptArchive, match=why):
        decode(forged(GOLDEN_ARCHIVE, tmp_path / "lies.bvae", **columns))
