"""FORMAT.md against real files: a reader written from that page alone."""

import hashlib
import json
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pcodec import standalone

import baler_vae
from baler_vae.archive import container
from baler_vae.archive.document import DEEPEST, LARGEST_VALUES
from baler_vae.archive.manifest import ColumnEntry, GroupEntry, LatentsEntry, Manifest
from baler_vae.entropy import plain
from baler_vae.grid.grids import GRID_KINDS
from baler_vae.model import coders
from baler_vae.table.table import LARGEST_ROWS, ROW_GROUP_ROWS

PAGE = Path(container.__file__).with_name("FORMAT.md").read_text("utf-8")


def read_zip(data):
    """The contents of all members, by name."""
    signature, *zeros, count, twice, n_directory, start, comment = struct.unpack("<4s4H2IH", data[-22:])
    assert (signature, zeros, comment) == (b"PK\5\6", [0, 0], 0)
    assert count == twice
    contents, place, expected = {}, start, 0
    for _ in range(count):
        fields = struct.unpack("<4s6H3I5H2I", data[place : place + 46])
        assert fields[:4] == (b"PK\1\2", 768 + 20, 20, 0)
        method, (crc, stored, size, n_name, n_extra) = fields[4], fields[7:12]
        assert fields[5:7] == (0, 33)
        assert fields[12:16] == (0, 0, 0, 0x81A40000)
        assert fields[16] == expected
        name = data[place + 46 : place + 46 + n_name]
        assert n_extra == 0
        place += 46 + n_name
        header = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, method, 0, 33, crc, stored, size, n_name, 0) + name
        assert data[expected : expected + len(header)] == header
        first = expected + len(header)
        content = data[first : first + stored]
        expected = first + stored
        if method == 8:
            content = zlib.decompress(content, -15)
        assert (zlib.crc32(content), len(content)) == (crc, size)
        contents[name.decode()] = content
    assert (expected, place + 22) == (start, len(data))
    assert place - start == n_directory
    return contents


def parts_of(section):
    (n_parts,) = struct.unpack_from("<I", section)
    sizes = struct.unpack_from(f"<{n_parts}Q", section, 4)
    ends = np.cumsum([4 + 8 * n_parts, *sizes]).tolist()
    assert ends[-1] == len(section)
    return [section[start:end] for start, end in pairwise(ends)]


def test_the_container_is_what_the_page_says(small_archives):
    for path in small_archives.values():
        contents = read_zip(path.read_bytes())
        manifest = json.loads(contents.pop("manifest.json"))
        assert (manifest["format"], manifest["version"], manifest["kind"]) == ("baler-vae", 0, "archive")
        assert {name: (len(c), hashlib.sha256(c).hexdigest()) for name, c in contents.items()} == {
            name: (entry["n_bytes"], entry["sha256"]) for name, entry in manifest["sections"].items()
        }
        (group,) = manifest["groups"]
        n_latents = len(group["latents"]["codings"]) if group["latents"] else 0
        assert len(parts_of(contents["groups/0/0"])) == n_latents + len(group["columns"])
        expected = ["model/0"] * bool(group["latents"]) + ["tables/0", "groups/0/0"]
        assert list(contents) == expected


def numbers(data, dtype):
    return standalone.simple_decompress(data).astype(dtype)


def test_a_column_is_what_the_page_says(small_archives):
    """A column on a grid of steps under a table, by whole numbers of Python."""
    contents = read_zip(small_archives["independent"].read_bytes())
    manifest = json.loads(contents["manifest.json"])
    columns = manifest["groups"][0]["columns"]
    place = [column["name"] for column in columns].index("y")
    assert columns[place]["coding"] == "table-1"
    assert columns[place]["grid"]["kind"] == "step"
    _, sizes, shifts, gaps, levels = parts_of(contents["tables/0"])
    n_ranges, n_contexts = numbers(sizes[4:], np.int64).reshape(-1, 2).T
    number = [column["coding"] for column in columns[:place]].count("table-1")
    assert set(n_contexts) == {1}
    first, last = sum(n_ranges[:number]), sum(n_ranges[: number + 1])
    shifts = numbers(shifts, np.uint8)[first:last].tolist()
    levels = numbers(levels, np.uint8)[first + number : last + number + 1].tolist()
    starts, end = [], 0
    for gap, shift in zip(numbers(gaps, np.int64)[first:last].tolist(), shifts, strict=True):
        starts.append(end + gap)
        end = starts[-1] + 2**shift
    weights = [root_of_two(16 * 30 - level % -16) >> -(level // -16) for level in levels]
    frequencies = [1 + weight * (2**24 - len(weights)) // sum(weights) for weight in weights]
    frequencies[levels.index(min(levels))] += 2**24 - sum(frequencies)

    part = parts_of(contents["groups/0/0"])[place]
    (n_verbatim,) = struct.unpack_from("<I", part)
    stream = part[4 + n_verbatim :]
    assert stream[0] < 128
    words = list(struct.unpack_from(f"<{stream[0]}I", stream, 1))
    bits = int.from_bytes(stream[1 + 4 * stream[0] :], "little")
    state, codes = 0, []
    while words and state < 2**32:
        state = state * 2**32 + words.pop()
    for _ in range(500):
        quantile, symbol = state % 2**24, 0
        while quantile >= frequencies[symbol]:
            quantile -= frequencies[symbol]
            symbol += 1
        state = frequencies[symbol] * (state // 2**24) + quantile
        if state < 2**32 and words:
            state = state * 2**32 + words.pop()
        width = shifts[symbol] if symbol < len(shifts) else 64
        start = starts[symbol] if symbol < len(starts) else 0
        codes.append(start + bits % 2**width)
        bits >>= width
    assert (state, bits, words) == (0, 0, [])
    step = columns[place]["grid"]["parameters"]["step"]
    values = [np.float32(code * step) for code in codes if code < 2**63]
    with baler_vae.open(small_archives["independent"]) as archive:
        back = archive.arrays("y", library="np")["y"]
    assert np.array_equal(values, back[np.isfinite(back)][: len(values)])


def root_of_two(sixteenths):
    """floor(2^(sixteenths / 16)), by bisection."""
    low, high = 0, 1 << sixteenths // 16 + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**16 <= 1 << sixteenths else (low, middle)
    return low


@pytest.mark.parametrize("model", [Manifest, GroupEntry, ColumnEntry, LatentsEntry])
def test_the_page_names_every_key(model):
    assert {name for name in model.model_fields if f"`{name}`" not in PAGE} == set()


def test_the_page_names_every_coding_and_grid():
    codings = {plain.PCODEC, plain.TEXT, plain.RAW, coders.TABLE, coders.PCODEC_CODES}
    assert {name for name in (*codings, *GRID_KINDS) if f"`{name}`" not in PAGE} == set()


def test_the_page_names_the_limits():
    assert f"reaches {ROW_GROUP_ROWS:,} rows" in PAGE
    assert f"refuses more than 2^{LARGEST_ROWS.bit_length() - 1} rows" in PAGE
    assert f"at most 2^{LARGEST_VALUES.bit_length() - 1} commas and opening brackets" in PAGE
    assert LARGEST_ROWS.bit_count() == LARGEST_VALUES.bit_count() == 1
    assert f"no more than {DEEPEST} brackets" in PAGE
