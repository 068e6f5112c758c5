"""FORMAT.md against real files: a reader written from that page alone."""

import hashlib
import io
import json
import re
from pathlib import Path
from typing import get_args

import h5py
import numpy as np
import pytest

import baler_vae
from baler_vae.archive import container
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.document import DEEPEST, LARGEST_VALUES
from baler_vae.archive.manifest import (
    ArrayEntry,
    CellEntry,
    ColumnEntry,
    CorrectionEntry,
    GridEntry,
    GroupEntry,
    GuardEntry,
    LatentsEntry,
    Manifest,
    MaskEntry,
    OriginEntry,
    PaddedArrayEntry,
    PaddedEntry,
    ProjectedEntry,
    SectionEntry,
    TailEntry,
)
from baler_vae.codec import manifests
from baler_vae.codec import sections as models
from baler_vae.entropy import plain
from baler_vae.grid.grids import GRID_KINDS
from baler_vae.model import coders, conditional, networks, transform
from baler_vae.table import arrow, schema
from baler_vae.table.nested import nested_of
from baler_vae.table.table import LARGEST_ROWS, ROW_GROUP_BYTES, ROW_GROUP_ROWS, TEXT_BYTES

from ..golden.digest import digests, extras
from .by_hand import Group, checked_parts_of, frame_of, read_zip
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


GOLDEN = Path(__file__).parents[1] / "golden"


def test_nested_columns_text_and_arrays_are_what_the_page_says():
    """Every column of every coding without a network, decoded without a line of ours."""
    contents = read_zip((GOLDEN / "nested.bvae").read_bytes())
    manifest = json.loads(contents["manifest.json"])
    assert manifest["origin"]["rntuple"] is True
    events, jets = Group(contents, 0), Group(contents, 1)
    found = {column["name"]: events.values(place) for place, column in enumerate(events.columns)}
    found |= {column["name"]: jets.values(place) for place, column in enumerate(jets.columns)}
    assert {column["coding"] for column in events.columns} >= {"arrow-1", "text-1", "pcodec-1", "table-1"}
    with baler_vae.open(GOLDEN / "nested.bvae") as archive:
        for batch in archive.batches(archive.schema):
            for table in batch:
                for name, values in table.arrays.items():
                    nested = nested_of(values)
                    expected = values.tolist() if nested is None else nested.values.to_pylist()
                    assert list(found[name]) == expected, name
    for array in manifest["arrays"]:
        names = [array["name"] + "".join(f"[{i}]" for i in place) for place in np.ndindex(*array["shape"])]
        homes = [[c["dtype"] for c in group["columns"] if c["name"] in names] for group in manifest["groups"]]
        assert sorted(map(len, homes)) == [0, len(names)]
        assert len({dtype for home in homes for dtype in home}) == 1


def test_extras_are_what_the_page_says():
    contents = read_zip((GOLDEN / "extras.bvae").read_bytes())
    assert list(contents) == ["tables/0", "extras", "groups/0/0", "manifest.json"]
    with h5py.File(io.BytesIO(frame_of(contents["extras"]))) as file:
        assert file["calibration/gain"][()].tolist() == np.linspace(0.9, 1.1, 7).astype(np.float32).tolist()
        assert file["pt"].shape is None
        assert dict(file["pt"].attrs) == {"unit": "GeV"}


def test_a_history_in_an_archive_changes_nothing(tmp_path):
    """Sections that say nothing of the rows, `history` and names that nobody knows, are passed over."""
    for name in ("nested", "extras"):
        with ArchiveFile(GOLDEN / f"{name}.bvae") as archive, writing_archive(tmp_path / f"{name}.bvae") as writer:
            sections = list(archive.manifest.sections)
            for section in sections[: sections.index("extras" if "extras" in sections else "groups/0/0")]:
                writer.add(section, archive.section(section))
            writer.add("history", b'{"events":[{"number":1,"training_loss":NaN}]}')
            for section in sections[len(writer._entries) - 1 :]:
                writer.add(section, archive.section(section))
            if name == "extras":
                writer.add("notes/of-later", b"whatever")
            writer.finish(archive.manifest)
        before, after = GOLDEN / f"{name}.bvae", tmp_path / f"{name}.bvae"
        assert baler_vae.verify(after).n_sections == baler_vae.verify(before).n_sections + 1 + (name == "extras")
        assert digests(after) == digests(before)
        assert extras(after) == extras(before)
    for pair in (
        [GOLDEN / "nested.bvae", tmp_path / "nested.bvae"],
        [tmp_path / "nested.bvae", GOLDEN / "nested.bvae"],
    ):
        merged = baler_vae.merge(pair, tmp_path / "merged.bvae", force=True)
        assert merged.n_rows["events"] == 80


ENTRIES = [Manifest, OriginEntry, ArrayEntry, GroupEntry, ColumnEntry, GridEntry, LatentsEntry, SectionEntry]
ENTRIES += [MaskEntry, PaddedEntry, PaddedArrayEntry, GuardEntry, CorrectionEntry, CellEntry, TailEntry]
ENTRIES += [ProjectedEntry]


@pytest.mark.parametrize("model", ENTRIES)
def test_the_page_names_every_key(model):
    assert {name for name in model.model_fields if f"`{name}`" not in PAGE} == set()


def test_the_page_names_every_coding_and_grid():
    codings = {*get_args(plain.Coding), *get_args(coders.CodesCoding), coders.NETWORK, coders.CELLS}
    codings |= {coders.CONTEXT, coders.NEIGHBOURS}
    assert len(codings) == 10
    assert {name for name in (*codings, *GRID_KINDS) if f"`{name}`" not in PAGE} == set()
    for coding in codings:  # a row of the table of codings
        assert f"| `{coding}` |" in PAGE


def test_the_page_names_every_section():
    makers = (
        models.decoder_section,
        models.tables_section,
        models.networks_section,
        models.cells_section,
        models.contexts_section,
        models.neighbours_section,
        models.corrections_section,
        models.encoder_section,
    )
    patterns = [re.sub("7", "G", make(7)) for make in makers]
    patterns += [manifests.section_name(7, 8).replace("7", "G").replace("8", "R"), manifests.EXTRAS, manifests.HISTORY]
    for pattern in patterns:  # a row of the table of members
        assert f"| `{pattern}` |" in PAGE
    for path in GOLDEN.glob("*.bvae"):
        with ArchiveFile(path) as archive:
            found = [re.sub(r"^(\w+)/\d+$", r"\1/G", name) for name in archive.manifest.sections]
        assert {re.sub(r"^groups/\d+/\d+$", "groups/G/R", name) for name in found} <= set(patterns)


def test_the_page_names_every_dtype_and_transform():
    kinds = get_args(transform.TransformKind)
    assert {name for name in (*kinds, *models._KEPT_AS) if f"`{name}`" not in PAGE} == set()
    assert {name for name in get_args(schema.Format) if f"`{name}`" not in PAGE} == set()


def test_the_page_names_the_limits():
    assert f"reaches {ROW_GROUP_ROWS:,} rows" in PAGE
    assert f"reach {ROW_GROUP_BYTES >> 20} MiB (numbers by their dtype, a text {TEXT_BYTES} bytes and" in PAGE
    assert f"refuses more than 2^{LARGEST_ROWS.bit_length() - 1} rows" in PAGE
    assert f"at most 2^{LARGEST_VALUES.bit_length() - 1} commas and opening brackets" in PAGE
    assert f"a nested value {TEXT_BYTES} bytes and 8 for each" in PAGE
    assert f"at most {schema.MOST_COLUMNS:,} elements" in PAGE
    assert f"more than 2^{plain._ZSTD_RATIO.bit_length() - 1} times" in PAGE
    assert f"more than 2^{arrow.MOST_BARE.bit_length() - 1} values" in PAGE
    assert plain._ZSTD_RATIO.bit_count() == arrow.MOST_BARE.bit_count() == 1
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
    assert PAGE.count("fourteen parts") == 3
