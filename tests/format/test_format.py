"""FORMAT.md against real files: a reader written from that page alone."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import baler_vae
from baler_vae.archive import container
from baler_vae.archive.document import DEEPEST, LARGEST_VALUES
from baler_vae.archive.manifest import ColumnEntry, GroupEntry, LatentsEntry, Manifest
from baler_vae.entropy import plain
from baler_vae.grid.grids import GRID_KINDS
from baler_vae.model import coders, conditional, networks
from baler_vae.table.table import LARGEST_ROWS, ROW_GROUP_BYTES, ROW_GROUP_ROWS, TEXT_BYTES

from .by_hand import Group, checked_parts_of, read_zip
from .conftest import SMALL

PAGE = Path(container.__file__).with_name("FORMAT.md").read_text("utf-8")


def test_the_container_is_what_the_page_says(small_archives):
    for path in small_archives.values():
        contents = read_zip(path.read_bytes())
        manifest = json.loads(contents.pop("manifest.json"))
        assert (manifest["format"], manifest["version"], manifest["kind"]) == ("baler-vae", 1, "archive")
        assert {name: (len(c), hashlib.sha256(c).hexdigest()) for name, c in contents.items()} == {
            name: (entry["n_bytes"], entry["sha256"]) for name, entry in manifest["sections"].items()
        }
        expected = []
        for number, group in enumerate(manifest["groups"]):
            latents = group["latents"]["codings"] if group["latents"] else []
            codings = {*latents, *(column["coding"] for column in group["columns"])}
            assert len(checked_parts_of(contents[f"groups/{number}/0"])) == len(latents) + len(group["columns"])
            expected += [f"tables/{number}"] * ("table-1" in codings)
            expected += [f"networks/{number}"] * ("network-1" in codings)
        assert list(contents) == [*expected, *(f"groups/{number}/0" for number in range(len(manifest["groups"])))]


@pytest.mark.parametrize("kind", SMALL)
def test_columns_are_what_the_page_says(small_archives, kind):
    """All columns of all groups, under tables and networks, by whole numbers of Python."""
    contents = read_zip(small_archives[kind].read_bytes())
    manifest = json.loads(contents["manifest.json"])
    with baler_vae.open(small_archives[kind]) as archive:
        back = archive.arrays(library="np")
    seen, counts = None, None
    for number, group in enumerate(manifest["groups"]):
        read = Group(contents, number, seen, counts)
        for place, column in enumerate(group["columns"]):
            values = back[column["name"]]
            expected = np.concatenate(values) if group["counter"] else values
            assert read.values(place).tobytes() == expected.tobytes(), column["name"]
        if len(manifest["groups"]) > 1 and not number:
            counts = back[manifest["groups"][1]["counter"]].tolist()
            seen = [seen_of_events(column, back[column["name"]]) for column in group["columns"]]
    codings = {column["coding"] for group in manifest["groups"] for column in group["columns"]}
    assert ("network-1" in codings) == (kind != "independent")
    if kind == "jagged":
        assert list(read.order) != sorted(read.order)
        assert any(source >= len(read.columns) for source in read.views)


def seen_of_events(column, values):
    """The codes of a column of the events that networks of objects see."""
    if column["grid"]["kind"] == "integers":
        return values.astype(np.int64).tolist()
    if column["grid"]["kind"] != "step":
        return None
    step = column["grid"]["parameters"]["step"]
    return [int(np.rint(float(value) / step)) if np.isfinite(value) else 0 for value in values]


@pytest.mark.parametrize("model", [Manifest, GroupEntry, ColumnEntry, LatentsEntry])
def test_the_page_names_every_key(model):
    assert {name for name in model.model_fields if f"`{name}`" not in PAGE} == set()


def test_the_page_names_every_coding_and_grid():
    codings = {plain.PCODEC, plain.TEXT, plain.RAW, coders.TABLE, coders.PCODEC_CODES, coders.NETWORK}
    assert {name for name in (*codings, *GRID_KINDS) if f"`{name}`" not in PAGE} == set()


def test_the_page_names_the_limits():
    assert f"reaches {ROW_GROUP_ROWS:,} rows" in PAGE
    assert f"reach {ROW_GROUP_BYTES >> 20} MiB (numbers by their dtype, a text {TEXT_BYTES} bytes and" in PAGE
    assert f"refuses more than 2^{LARGEST_ROWS.bit_length() - 1} rows" in PAGE
    assert f"at most 2^{LARGEST_VALUES.bit_length() - 1} commas and opening brackets" in PAGE
    assert LARGEST_ROWS.bit_count() == LARGEST_VALUES.bit_count() == 1
    assert f"no more than {DEEPEST} brackets" in PAGE


def test_the_page_names_the_limits_of_networks():
    assert f"at most {conditional.LARGEST_RANGES} ranges" in PAGE
    assert f"its inputs (1 to {conditional.LARGEST_INPUTS}) and of its layers (1 to {networks._MOST_LAYERS})" in PAGE
    assert f"(1 to {conditional.LARGEST_WIDTH:,}) and the shift" in PAGE
    assert f"a shift s (0 to {conditional.LARGEST_SHIFT})" in PAGE
    assert f"(uint32, at most 2^{networks.LARGEST_DESCRIBED.bit_length() - 1})" in PAGE
    assert f"(2^{networks.LARGEST_NUMBERS.bit_length() - 1} at most)" in PAGE
    assert f"reaches 2^{conditional._EXACT.bit_length() - 1}" in PAGE
    assert f"[-{conditional._LIMIT}, {conditional._LIMIT - 1}]" in PAGE
    assert networks._N_PARTS == 14
    assert PAGE.count("fourteen parts") == 2
