"""No cut and no changed byte goes unnoticed, to the last decoded value."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import baler_vae
from baler_vae.archive import container, parts
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.manifest import ArrayEntry, GridEntry
from baler_vae.entropy import plain
from baler_vae.errors import ArchiveError, CorruptArchive
from baler_vae.table.nested import nested_of
from baler_vae.table.table import LARGEST_ROWS

from .conftest import INPUTS, SMALL

GOLDEN = Path(__file__).parents[1] / "golden"
EXTRAS = ("nested", "extras")
"""Golden archives of nested columns, text and arrays, and of what lies besides columns."""
SECOND = ("latents", "distances", "images", "padded", "guards", "dither")
"""Those of format 2, of which fewer bytes are tried: cells under networks, convolutions, padded arrays, guarantees."""


def decode(path):
    with baler_vae.open(path) as archive:
        archive.check_sections()
        archive.extras()
        return archive.arrays(library="np")


@pytest.fixture
def whole(small_archives):
    """The path of an archive by name."""
    second = {name: GOLDEN / "second" / f"{name}.bvae" for name in SECOND}
    return {**small_archives, **second, **{name: GOLDEN / f"{name}.bvae" for name in EXTRAS}}


@pytest.mark.parametrize("kind", SMALL)
def test_the_small_archives_are_small_and_whole(small_archives, kind):
    assert small_archives[kind].stat().st_size < 6_000
    assert baler_vae.verify(small_archives[kind], against=small_archives[kind].parent / INPUTS[kind]).broken == ()
    with baler_vae.open(small_archives[kind]) as archive:
        info = archive.info()
    assert any(column.coding == "network-1" for column in info.columns) == (kind != "independent")


def some(n_places, every):
    """One in so many places, and all at both ends, where headers and the directory lie."""
    return sorted({*range(0, n_places, every), *range(min(100, n_places)), *range(max(0, n_places - 100), n_places)})


def rarer(kind, every):
    """One in how many bytes of an archive is tried."""
    return every * 9 if kind in SECOND and every > 1 else every


@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.full)])
@pytest.mark.parametrize("kind", [*SMALL, *EXTRAS, *SECOND])
def test_an_archive_cut_anywhere_is_refused(whole, tmp_path, kind, every):
    data = whole[kind].read_bytes()
    cut = tmp_path / "cut.bvae"
    for length in some(len(data), rarer(kind, every)):
        cut.write_bytes(data[:length])
        with pytest.raises(ArchiveError) as caught:
            decode(cut)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("mask", "every"), [(0x01, 7), *(pytest.param(mask, 1, marks=pytest.mark.full) for mask in (0x01, 0xFF))]
)
@pytest.mark.parametrize("kind", [*SMALL, *EXTRAS, *SECOND])
def test_an_archive_with_any_byte_changed_is_refused(whole, tmp_path, kind, mask, every):
    data = bytearray(whole[kind].read_bytes())
    changed = tmp_path / "changed.bvae"
    for place in some(len(data), rarer(kind, every)):
        data[place] ^= mask
        changed.write_bytes(data)
        with pytest.raises(ArchiveError) as caught:
            decode(changed)
        assert str(changed) in str(caught.value)
        assert "\n" not in str(caught.value)
        data[place] ^= mask


@pytest.mark.parametrize("every", [17, pytest.param(3, marks=pytest.mark.full)])
@pytest.mark.parametrize("kind", ["independent", "jagged", "nested"])
def test_a_column_alone_is_right_or_refused(whole, tmp_path, monkeypatch, kind, every):
    """Only the parts that a column needs are read, and checked: each flipped byte of their section changes nothing, or
    is noticed; those of what is read always are.
    """
    monkeypatch.setattr(container, "SMALL_SECTION", 0)
    monkeypatch.setattr(parts, "NEAR", 0)
    data = bytearray(whole[kind].read_bytes())
    changed = tmp_path / "changed.bvae"
    with baler_vae.open(whole[kind]) as archive:
        expected = alone(archive)
        n_groups = len(archive.schema.groups)
        members = [archive._file._members[f"groups/{number}/0"] for number in range(n_groups)]
        end_of_sizes = members[0].data_offset + 4 + 8 * (archive.engine._model(archive.schema.events.name).n_parts + 1)
    n_refused = dict.fromkeys(expected, 0)
    # The sizes of the parts byte by byte, the parts themselves at one in so many bytes.
    of_parts = range(end_of_sizes, members[-1].end, every)
    places = [*range(members[0].offset, end_of_sizes), *of_parts]
    for place in places:
        data[place] ^= 0x10
        changed.write_bytes(data)
        with baler_vae.open(changed) as archive:
            found = alone(archive)
        for name, values in found.items():
            assert values in (None, expected[name]), (name, place)
            n_refused[name] += values is None and place >= end_of_sizes
        if place < end_of_sizes:
            assert not any(found.values())
        assert any(values is None for values in found.values()), place
        data[place] ^= 0x10
    assert 0 < min(n_refused.values()) < 0.5 * len(of_parts)


def alone(archive):
    """The values of every column, read by itself, or None where that is refused."""
    found = {}
    for name in archive.keys():
        try:
            batch = archive.row_group(0, archive.schema.select([name]))
            found[name] = b"".join(as_bytes(array) for table in batch for array in table.arrays.values())
        except CorruptArchive:
            found[name] = None
    return found


def as_bytes(values):
    nested = nested_of(values)
    if nested is not None:
        return json.dumps(nested.values.to_pylist()).encode()
    return json.dumps(values.tolist()).encode() if values.dtype == object else values.tobytes()


def in_a_fresh_process(folder, script):
    """Runs a script under a cap of 3 GiB of addresses. There `lies(archive, **fields)` is the path of a copy whose
    manifest says what it is told to, digests right; `refused(path)` reads a file and gives the text of its error; and
    `peak()` is what the process has ever held in MiB, which `ru_maxrss` would take over from its parent.
    """
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell the peak of a process")
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(script), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))),
        },
    )
    assert done.returncode == 0, done.stderr


PRELUDE = """
import re, resource, sys
from pathlib import Path
from fuzz import _Unchecked, read
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.errors import ArchiveError, CorruptArchive
FOLDER = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

def lies(path, **fields):
    with ArchiveFile(path) as archive:
        sections = {name: archive.section(name) for name in archive.manifest.sections}
        content = {key: value for key, value in archive.manifest.to_document().items() if key != "sections"}
    with writing_archive(FOLDER / "lies.bvae", force=True) as writer:
        for name, data in sections.items():
            writer.add(name, data)
        writer.finish(_Unchecked({**content, **fields}))
    return FOLDER / "lies.bvae"

def refused(path):
    try:
        read(path)
    except ArchiveError as error:
        assert chr(10) not in str(error), error
        return str(error)
    raise SystemExit(f"{path} was read")

"""


def test_the_peak_is_that_of_the_process(tmp_path):
    """It is small in a child of a process that once held much, and it grows."""
    held = b"x" * (512 << 20)
    del held
    script = """
    before = peak()
    assert before < 400, before
    held = b"x" * (300 << 20)
    assert peak() > before + 250, peak()
    try:
        held = b"x" * (4 << 30)
    except MemoryError:
        pass
    else:
        raise SystemExit("there is no cap")
    """
    in_a_fresh_process(tmp_path, script)


def test_rows_that_are_not_there_take_little_memory(small_archives, jagged_archive, tmp_path):
    """Manifests with right digests that claim rows are refused, whatever the columns of so many rows would take."""
    script = f"""
    before = peak()
    for n_rows in (501, {LARGEST_ROWS}, {LARGEST_ROWS + 1}, 2**31, 2**63 - 1, 2**63):
        for path in {[str(small_archives[kind]) for kind in SMALL]!r}:
            if "jagged" in path:
                continue
            text = refused(lies(path, row_groups=[[n_rows]]))
            assert ("possible number" in text) == ({LARGEST_ROWS} < n_rows < 2**63), text
            assert ("less than 9223372036854775808" in text) == (n_rows >= 2**63), text
        for rows in ([80, n_rows], [n_rows, n_rows], [n_rows, 0]):
            text = refused(lies({str(jagged_archive)!r}, row_groups=[rows]))
            assert ("possible number" in text) == ({LARGEST_ROWS} < n_rows < 2**63), text
            assert ("less than 9223372036854775808" in text) == (n_rows >= 2**63), text
    assert peak() - before < 600, peak() - before
    """
    in_a_fresh_process(tmp_path, script)


def test_damage_takes_little_memory(small_archives, jagged_archive, tmp_path):
    """Cuts, changed bytes, and changed bytes of a section under the right digest."""
    script = f"""
    before = peak()
    target = FOLDER / "damaged.bvae"
    for path in {[str(small_archives[kind]) for kind in SMALL]!r}:
        data = Path(path).read_bytes()
        for place in range(0, len(data), 11):
            target.write_bytes(data[:place])
            refused(target)
            target.write_bytes(data[:place] + bytes([data[place] ^ 0x80]) + data[place + 1 :])
            refused(target)
    with ArchiveFile({str(jagged_archive)!r}) as archive:
        sections = {{name: archive.section(name) for name in archive.manifest.sections}}
        manifest = archive.manifest
    for name, data in sections.items():
        for place in range(0, len(data), 1 + len(data) // 40):
            with writing_archive(target, force=True) as writer:
                for other, content in sections.items():
                    changed = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
                    writer.add(other, changed if other == name else content)
                writer.finish(manifest)
            try:
                read(target)
            except ArchiveError:
                pass
    assert peak() - before < 200, peak() - before
    """
    in_a_fresh_process(tmp_path, script)


def test_a_small_file_of_a_large_document_takes_little_memory(tmp_path):
    """Manifests of 64 MiB that deflate to a few kilobytes, as deep, or as full of values, as such a text can be."""
    script = """
    import zlib
    from baler_vae.archive.container import MANIFEST_LIMIT
    from baler_vae.archive.document import LARGEST_VALUES
    from baler_vae.archive.zip import DEFLATED, Member, directory, local_header
    before = peak()
    whole = MANIFEST_LIMIT - 2
    documents = [
        b"[" * whole,
        b'{"a":' * (whole // 5),
        b'{"format":"baler-vae","version":1,"a":[' + b"{}," * (LARGEST_VALUES // 2 - 8) + b"0]}",
        b'{"format":"baler-vae","version":1,"settings":{"a":[' + b'{"b":[]},' * (LARGEST_VALUES // 3 - 8) + b"0]}}",
        b'"' + rb'\"' * (whole // 2),
    ]
    for text in documents:
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        stored = deflate.compress(text) + deflate.flush()
        member = Member("manifest.json", DEFLATED, zlib.crc32(text), len(stored), len(text), 0, zlib.crc32(stored))
        path = FOLDER / "large.bvae"
        path.write_bytes(local_header(member) + stored + directory((member,)))
        assert path.stat().st_size < 200_000
        refused(path)
    assert peak() - before < 1_000, peak() - before
    """
    in_a_fresh_process(tmp_path, script)


def test_extras_that_are_no_frame_are_corrupt(tmp_path):
    for number, data in enumerate((b"", b"no frame", plain.encode_bytes(b"twice") * 2)):
        with ArchiveFile(GOLDEN / "extras.bvae") as archive, writing_archive(tmp_path / f"{number}.bvae") as writer:
            for name in archive.manifest.sections:
                writer.add(name, data if name == "extras" else archive.section(name))
            writer.finish(archive.manifest)
        with pytest.raises(CorruptArchive, match="extras"):
            decode(tmp_path / f"{number}.bvae")


@pytest.mark.parametrize(
    ("names", "shape", "why"),
    [
        (("deep[0]", "deep[1]"), (2,), "not numbers"),
        (("event[0]", "event[1]"), (2,), "one group"),
        (("grid[0]", "grid[1]"), (3,), "one group"),
        (("x[0]",), (2**20,), "an array"),
    ],
)
def test_arrays_that_cannot_be_are_corrupt(tmp_path, names, shape, why):
    """A manifest in which columns are called like the elements of an array that they cannot make up."""
    with ArchiveFile(GOLDEN / "nested.bvae") as archive:
        manifest = archive.manifest
        renamed = {"deep": names[0], ("triggers" if len(names) > 1 else ""): names[-1]}
        groups = tuple(
            group.model_copy(
                update={
                    "columns": tuple(
                        column.model_copy(update={"name": renamed.get(column.name, column.name)})
                        for column in group.columns
                    )
                }
            )
            for group in manifest.groups
        )
        changed = {
            "groups": groups,
            "order": tuple(renamed.get(name, name) for name in manifest.order),
            "arrays": (ArrayEntry(name=names[0].partition("[")[0], shape=shape),),
        }
        with writing_archive(tmp_path / "lies.bvae") as writer:
            for name in manifest.sections:
                writer.add(name, archive.section(name))
            writer.finish(manifest.model_copy(update=changed))
    with pytest.raises(CorruptArchive, match=why):
        decode(tmp_path / "lies.bvae")


@pytest.mark.parametrize("kind", ["pattern", "integers"])
def test_grids_of_other_dtypes_are_corrupt(small_archives, tmp_path, kind):
    """Patterns of integers, integers of floats."""
    with ArchiveFile(small_archives["independent"]) as archive:
        manifest = archive.manifest
        (group,) = manifest.groups
        dtype = "int64" if kind == "pattern" else "float32"
        grid = GridEntry(kind=kind, parameters={"shift": 3} if kind == "pattern" else {})
        columns = tuple(
            column.model_copy(update={"grid": grid}) if column.grid and column.dtype == dtype else column
            for column in group.columns
        )
        assert columns != group.columns
        with writing_archive(tmp_path / "lies.bvae") as writer:
            for name in manifest.sections:
                writer.add(name, archive.section(name))
            writer.finish(manifest.model_copy(update={"groups": (group.model_copy(update={"columns": columns}),)}))
    with pytest.raises(CorruptArchive, match=f"a grid '{kind}' for {dtype}"):
        decode(tmp_path / "lies.bvae")
