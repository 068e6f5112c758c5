"""Arrays in rows: the page against real files, and manifests that lie about shapes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import baler_vae
from baler_vae.archive import container
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.errors import ArchiveError, CorruptArchive
from baler_vae.table.padded import MOST_CELLS
from baler_vae.table.schema import MOST_AXES
from baler_vae.table.table import CELL_BYTES, LARGEST_CELLS, ROW_GROUP_BYTES

from .by_hand import Group, read_zip
from .fuzz import _Unchecked
from .test_damage import decode, in_a_fresh_process

PAGE = re.sub(r"\s+", " ", Path(container.__file__).with_name("FORMAT.md").read_text("utf-8"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An archive of arrays under every coding that they can have, besides columns of values."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("arrays")
    image = np.round(rng.normal(size=(6, 20, 15)), 2)
    image[2, 3, 4:8] = np.nan, np.inf, -np.inf, -0.0
    image[5, 0, 0] = 1e300
    arrays = {
        "x": np.arange(6),
        "image": image,
        "steps": np.cumsum(rng.integers(0, 3, (6, 300, 1)), axis=1) + 1_000_000 * np.arange(6)[:, None, None],
        "noise": rng.integers(0, 1 << 60, (6, 4, 65)),
    }
    np.savez(folder / "a.npz", **arrays)
    baler_vae.compress(folder / "a.npz", folder / "a.bvae", kind="independent", bound=["exact", "image=abs:0.01"])
    return folder / "a.bvae"


def lie(path, target, **changes):
    """A copy of an archive whose manifest says something else of its columns (by name) or of all."""
    columns = {name: said for name, said in changes.items() if isinstance(said, dict)}
    with ArchiveFile(path) as file, writing_archive(target, force=True) as writer:
        content = {key: value for key, value in file.manifest.to_document().items() if key != "sections"}
        for group in content["groups"]:
            group["columns"] = [{**column, **columns.get(column["name"], {})} for column in group["columns"]]
        content |= {name: said for name, said in changes.items() if name not in columns}
        for name in file.manifest.sections:
            writer.add(name, file.section(name))
        writer.finish(_Unchecked(content))
    return target


def test_arrays_are_what_the_page_says(archive):
    contents = read_zip(archive.read_bytes())
    manifest = json.loads(contents["manifest.json"])
    assert manifest["version"] == 2
    shapes = {column["name"]: column.get("shape") for column in manifest["groups"][0]["columns"]}
    assert shapes == {"x": None, "image": [20, 15], "steps": [300, 1], "noise": [4, 65]}
    codings = {column["name"]: column["coding"] for column in manifest["groups"][0]["columns"]}
    assert {"table-1", "pcodec-codes-1"} <= set(codings.values())
    read = Group(contents, 0)
    with baler_vae.open(archive) as opened:
        back = opened.arrays(library="np")
    for place, column in enumerate(read.columns):
        assert read.values(place).tobytes() == back[column["name"]].tobytes(), column["name"]


def test_the_page_tells_the_limits():
    assert (MOST_AXES, MOST_CELLS, LARGEST_CELLS) == (31, 2**24, 2**23)
    assert CELL_BYTES == 32
    assert ROW_GROUP_BYTES // CELL_BYTES <= LARGEST_CELLS
    for text in ("1 to 31 numbers", "at most 2^24 cells", "come to 2^23", "a cell counts 32 bytes"):
        assert text in PAGE


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ([0], "cannot have the shape"),
        ([20, 0], "cannot have the shape"),
        ([1] * 65, "cannot have the shape"),
        ([1] * (MOST_AXES + 1), "cannot have the shape"),
        ([2**32, 2**32], "cannot have the shape"),
        ([2**62] * 31, "cannot have the shape"),
        ([MOST_CELLS + 1], "cannot have the shape"),
        ([-20, -15], "greater than or equal to 0"),
        ([2**63], "less than 9223372036854775808"),
        ([20.0, 15.5], "integer"),
        (["20", "15"], "lacks required keys"),
        ("20", "valid"),
        (None, "valid"),
        ([], "lacks required keys"),
        ([20, 16], "does not hold"),
        ([19, 15], "does not hold"),
    ],
)
@pytest.mark.parametrize("name", ["image", "noise"])
def test_shapes_that_cannot_be_are_corrupt(archive, tmp_path, name, shape, why):
    if name == "noise" and why == "does not hold":
        shape = [4, shape[1] + 51]
    with pytest.raises(CorruptArchive, match=why):
        decode(lie(archive, tmp_path / "lies.bvae", **{name: {"shape": shape}}))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": 1}, "lacks required keys|masks"),
        ({"image": {"coding": None, "grid": None}}, "3 tables instead of 2"),
        ({"image": {"formula": "x"}}, "codings of their own"),
        ({"image": {"coding": "text-1", "grid": None, "dtype": "text"}}, "cannot have the shape"),
        ({"image": {"coding": "arrow-1", "grid": None, "dtype": "nested"}}, "cannot have the shape"),
        ({"image": {"coding": "network-1"}}, "networks|codings of their own|tables|parts"),
        ({"x": {"formula": "image", "predicted": True}}, "depends on the cells"),
        ({"masks": [{"values": "image", "missing": "x"}]}, "missing"),
        ({"row_groups": [[7]]}, "does not hold"),
        ({"row_groups": [[5]]}, "does not hold"),
    ],
)
def test_what_hangs_on_arrays_is_corrupt(archive, tmp_path, changes, why):
    with pytest.raises(CorruptArchive, match=why):
        decode(lie(archive, tmp_path / "lies.bvae", **changes))


def test_events_whose_arrays_objects_depend_on_are_corrupt(jagged_archive, tmp_path):
    """Columns of events that objects see, or count by, as arrays of one cell."""
    with ArchiveFile(jagged_archive) as file:
        names = [column.name for column in file.manifest.groups[0].columns]
    for name in names:
        changes = {"version": 2, "masks": [], name: {"shape": [1]}}
        with pytest.raises(ArchiveError):
            decode(lie(jagged_archive, tmp_path / "lies.bvae", **changes))
    with pytest.raises(CorruptArchive, match="only events"):
        decode(lie(jagged_archive, tmp_path / "lies.bvae", version=2, masks=[], pt={"shape": [1]}))


def test_cells_that_are_not_there_take_little_memory(archive, tmp_path):
    script = f"""
    from tests.format.test_shapes import lie
    before = peak()
    path = Path({str(archive)!r})
    shapes = [[{MOST_CELLS}], [{MOST_CELLS // 4}, 4], [2**62, 4], [2**32, 2**32], [4096, 4095, 1]]
    for shape in shapes:
        for rows in (1, 2, 6, 1 << 22, 1 << 62):
            for name in ("image", "steps", "noise"):
                refused(lie(path, FOLDER / "lies.bvae", row_groups=[[rows]], **{{name: {{"shape": shape}}}}))
    for rows in (28_000, 1 << 22):
        assert "goes on after" in refused(lie(path, FOLDER / "lies.bvae", row_groups=[[rows]]))
    assert peak() - before < 900, peak() - before
    """
    in_a_fresh_process(tmp_path, script)
