"""Tables in context in real files, read by whole numbers of Python from FORMAT.md alone; and files that lie."""

import json

import numpy as np
import pytest
from pcodec import standalone

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.archive.manifest import OriginEntry
from baler_vae.archive.parts import pack_parts, unpack_parts
from baler_vae.entropy.plain import encode_numbers
from baler_vae.errors import CorruptArchive
from tests.codec.test_odd_manifests import saying
from tests.golden.digest import digests

from ..contexts import awkward_jets
from .by_hand import read_zip
from .contexts_by_hand import collection
from .grids_by_hand import code_of
from .test_damage import GOLDEN, decode
from .test_hostile_guards import lie


@pytest.fixture(scope="module")
def archive():
    return baler_vae.compress(awkward_jets(n_events=3000), bound=["bits:9", "Jet_n=exact"], effort="fast")


def test_streams_and_tables_are_what_the_page_says(archive):
    contents = read_zip(archive)
    manifest = json.loads(contents["manifest.json"])
    assert manifest["version"] == 2
    with baler_vae.open(archive) as opened:
        (batch,) = opened.batches(opened.schema)
    events, objects = batch
    columns = manifest["groups"][1]["columns"]
    assert sum(column["coding"] == "context-1" for column in columns) >= 5
    assert any(column["predicted"] for column in columns)
    assert any("centred" in column["grid"]["kind"] for column in columns)
    grids = {column["name"]: column["grid"] for column in manifest["groups"][0]["columns"]}
    codes = {
        number: [code_of(value, grids[name], values.dtype) for value in values]
        for number, (name, values) in enumerate(events.arrays.items())
    }
    found = collection(contents, manifest, 1, codes, events["nJet"].tolist())
    for name, values in objects.arrays.items():
        assert found[name].tobytes() == values.tobytes(), name


ORIGIN = OriginEntry(format="parquet", name="", title="", shape=(880,))
GOLDEN_ARCHIVE = GOLDEN / "second" / "contexts.bvae"


def forged(path, target, change=None, **columns):
    """A copy of the golden archive in which the description of contexts is what `change` makes of its numbers, and
    columns of jets have other entries.
    """
    with ArchiveFile(path) as file:
        parts = unpack_parts(file.section("contexts/1"))
    numbers = standalone.simple_decompress(parts[0][4:]).tolist()
    numbers = numbers if change is None else change(numbers)
    parts[0] = len(numbers).to_bytes(4, "little") + encode_numbers(np.array(numbers, np.int64))

    def of_jets(content):
        for column in content["groups"][1]["columns"]:
            column.update(columns.get(column["name"], {}))

    return lie(path, target, of_jets, contexts_1=pack_parts(parts))


def put(place, *values):
    return lambda numbers: [*numbers[:place], *values, *numbers[place + len(values) :]]


def test_what_is_changed_is_what_was_there(tmp_path):
    assert digests(forged(GOLDEN_ARCHIVE, tmp_path / "same.bvae")) == digests(GOLDEN_ARCHIVE)
    with ArchiveFile(GOLDEN_ARCHIVE) as file:
        numbers = standalone.simple_decompress(unpack_parts(file.section("contexts/1"))[0][4:]).tolist()
    # Six columns; pt (0) under its own code before and the number of jets behind.
    assert numbers[:8] == [6, 0, -5, 0, 10, 0, 2, -4]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (put(0, 5), "does not add up"),
        (put(1, 2), "6 alphabets for 6 columns"),  # one column has two then
        (put(2, 4, 1), "depend on each other|does not hold"),
        (put(2, 99), "does not exist"),
        (put(2, -3), "differences from source"),
        (put(2, -4), "differences from source"),
        (put(9, 1), "codes of the same row"),
        (put(12, 99), "has an input that does not exist"),
        (put(12, 3), "depend on each other"),
        (put(12, -3), "prediction that is not there"),
        (put(12, -4), "factor"),
        (lambda numbers: numbers[:-1], "too short"),
        (lambda _: [], "too short"),
    ],
)
def test_contexts_that_nobody_wrote_are_corrupt(tmp_path, change, why):
    with pytest.raises(CorruptArchive, match=why) as caught:
        decode(forged(GOLDEN_ARCHIVE, tmp_path / "lies.bvae", change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"Jet_hadEnergy": {"predicted": False}}, "two predictions, or from none"),
        ({"Jet_hadEnergy": {"formula": None, "predicted": False}}, "prediction that is not there"),
        ({"Jet_mass": {"formula": "Jet_pt", "predicted": True}}, "two predictions"),
        ({"Jet_eta": {"coding": "context-1"}}, "tables"),
        ({"Jet_mass": {"coding": "table-1"}}, "tables"),
        ({"Jet_mass": {"grid": None}}, "without a grid"),
    ],
)
def test_columns_that_do_not_fit_their_contexts_are_corrupt(tmp_path, columns, why):
    with pytest.raises(CorruptArchive, match=why):
        decode(forged(GOLDEN_ARCHIVE, tmp_path / "lies.bvae", **columns))


def test_the_first_format_has_no_tables_in_context(tmp_path):
    path = saying(GOLDEN_ARCHIVE, tmp_path / "lies.bvae", version=1, origin=ORIGIN)
    with pytest.raises(CorruptArchive, match="tables in context, which format 1 does not know"):
        decode(path)
