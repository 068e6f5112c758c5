"""Sections in, sections out, and files that cannot be trusted."""

import json
import shutil
import subprocess
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.archive.container import (
    MANIFEST,
    MANIFEST_LIMIT,
    ArchiveFile,
    writing_archive,
)
from baler_vae.archive.manifest import FORMAT_VERSIONS, ColumnEntry, GroupEntry, Manifest, OriginEntry
from baler_vae.archive.parts import pack_parts, part_sizes, unpack_parts
from baler_vae.archive.zip import DEFLATED, STORED, Member, directory, local_header
from baler_vae.errors import (
    ArchiveError,
    CorruptArchive,
    OutputError,
    SourceError,
    TruncatedArchive,
    UnsupportedVersion,
)

SECTIONS = {"model/0": b"weights" * 9, "groups/0/0": bytes(range(64)), "groups/0/1": b""}
COLUMN = ColumnEntry(name="é", dtype="int32", bound="exact", coding="x")
MINIMAL = Manifest(
    kind="archive",
    writer="a test",
    origin=OriginEntry(format="root", name="Events", title="", shape=()),
    groups=(GroupEntry(name="events", counter=None, columns=(COLUMN,)),),
    order=("é",),
    row_groups=((3,), (0,)),
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.bvae"
    write(path)
    return path


def write(path, manifest=MINIMAL, sections=SECTIONS, **options):
    with writing_archive(path, **options) as archive:
        for name, data in sections.items():
            archive.add(name, data)
        archive.finish(manifest)


def read(path):
    with ArchiveFile(path) as archive:
        return archive.manifest, {name: archive.section(name) for name in archive.manifest.sections}


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.from_regex(r"(model|encoder|groups/[0-9])/[0-9]{1,9}", fullmatch=True), st.binary(max_size=99))
)
def test_any_sections_come_back(tmp_path_factory, sections):
    path = tmp_path_factory.mktemp("archive") / "a.bvae"
    write(path, sections=sections)
    manifest, found = read(path)
    assert found == sections
    assert {name: entry.n_bytes for name, entry in manifest.sections.items()} == dict(
        zip(sections, map(len, sections.values()), strict=True)
    )


def test_what_was_written_comes_back(path):
    manifest, sections = read(path)
    assert sections == SECTIONS
    assert manifest.model_copy(update={"sections": {}}) == MINIMAL


def test_same_sections_same_bytes(path, tmp_path):
    write(tmp_path / "b.bvae")
    assert (tmp_path / "b.bvae").read_bytes() == path.read_bytes()


def test_members_are_as_the_format_says(path):
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        text = archive.read(MANIFEST).decode()
        assert archive.testzip() is None
    assert [member.filename for member in members] == [*SECTIONS, MANIFEST]
    assert [member.compress_type for member in members] == [zipfile.ZIP_STORED] * 3 + [zipfile.ZIP_DEFLATED]
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    assert {(member.create_system, member.external_attr >> 16) for member in members} == {(3, 0o100644)}
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_unzip_finds_nothing_to_complain_of(path):
    unzip = shutil.which("unzip")
    if unzip is None:
        pytest.skip("unzip is not installed")
    done = subprocess.run([unzip, "-t", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No errors detected" in done.stdout


def test_a_finished_archive_can_be_read_before_it_takes_its_place(tmp_path):
    with writing_archive(tmp_path / "a.bvae") as archive:
        archive.add("model/0", b"x")
        archive.finish(MINIMAL)
        assert archive.path != tmp_path / "a.bvae"
        assert read(archive.path)[1] == {"model/0": b"x"}
    assert read(tmp_path / "a.bvae")[1] == {"model/0": b"x"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.bvae"]


def test_a_section_is_read_from_where_it_lies(tmp_path):
    """Not the whole file, however large."""
    path = tmp_path / "a.bvae"
    write(path, sections={"groups/0/0": bytes(32 << 20), "groups/0/1": b"little"})
    tracemalloc.start()
    try:
        with ArchiveFile(path) as archive:
            assert archive.section("groups/0/1") == b"little"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_failed_writer_leaves_nothing(tmp_path):
    def fail():
        with writing_archive(tmp_path / "a.bvae") as archive:
            archive.add("model/0", b"x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_kept(path):
    before = path.read_bytes()
    with pytest.raises(OutputError, match="--force"):
        write(path)
    assert path.read_bytes() == before
    write(path, sections={}, force=True)
    assert read(path)[1] == {}


def test_a_file_cut_anywhere_is_refused(path):
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ArchiveError):
            read(path)
    path.write_bytes(data[:-1])
    with pytest.raises(TruncatedArchive):
        read(path)


def test_no_flipped_byte_goes_unnoticed(path):
    data = bytearray(path.read_bytes())
    for place in range(len(data)):
        for mask in (0x01, 0x80, 0xFF):
            data[place] ^= mask
            path.write_bytes(data)
            with pytest.raises(ArchiveError) as caught:
                read(path)
            assert str(path) in str(caught.value)
            assert "\n" not in str(caught.value)
            data[place] ^= mask


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=8), st.integers(0, 8)), max_size=4))
def test_no_patch_changes_what_is_read(tmp_path_factory, patches):
    path = tmp_path_factory.mktemp("archive") / "a.bvae"
    write(path)
    expected = read(path)
    data = path.read_bytes()
    for where, new, n_replaced in patches:
        place = int(where * len(data))
        data = data[:place] + new + data[place + n_replaced :]
    path.write_bytes(data)
    try:
        assert read(path) == expected
    except ArchiveError:
        assert patches


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"\0" * 5000])
def test_foreign_files(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ArchiveError, match="not a baler-vae archive"):
        ArchiveFile(tmp_path / "x")


def test_a_foreign_zip_a_folder_and_a_missing_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as foreign:
        foreign.writestr("hello.txt", "hello")
    with pytest.raises(ArchiveError, match="not a baler-vae archive"):
        ArchiveFile(tmp_path / "x.zip")
    with pytest.raises(SourceError, match="directory"):
        ArchiveFile(tmp_path)
    with pytest.raises(SourceError, match="does not exist"):
        ArchiveFile(tmp_path / "none")


def forge(path, manifest, sections=None, **changes):
    """Writes an archive around a manifest (bytes, or a document) that says what it likes; `changes` are of the fields
    of its member.
    """
    text = manifest if isinstance(manifest, bytes) else canonical(manifest)
    members, data = [], b""
    for name, content in [*(SECTIONS if sections is None else sections).items(), (MANIFEST, text)]:
        stored, method = (deflated(content), DEFLATED) if name == MANIFEST else (content, STORED)
        fields = {"method": method, "crc": zlib.crc32(content), "stored_bytes": len(stored), "n_bytes": len(content)}
        fields["stored_crc"] = zlib.crc32(stored) if method == DEFLATED else 0
        member = Member(name, **{**fields, **(changes if name == MANIFEST else {})}, offset=len(data))
        members.append(member)
        data += local_header(member) + stored
    path.write_bytes(data + directory(members))


def test_other_deflated_bytes_of_the_same_manifest_are_refused(path):
    """Another level of deflate says the same in other bytes; a digest of content alone would not tell."""
    with ArchiveFile(path) as archive:
        kept = archive._members[MANIFEST].stored_crc
    forge(path, document_of(path), stored_crc=kept ^ 1)
    with pytest.raises(CorruptArchive, match="digest"):
        ArchiveFile(path)


def canonical(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def deflated(data):
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflate.compress(data) + deflate.flush()


def document_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(MANIFEST))


def test_forging_alone_breaks_nothing(path):
    before = path.read_bytes()
    forge(path, document_of(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{}", "not a baler-vae archive"),
        (b"[]", "not a baler-vae archive"),
        (b"null", "not a baler-vae archive"),
        (b"{", "JSON"),
        (b"[" * 99_999, "JSON"),
        (b'{"a":NaN}', "JSON: NaN"),
        (b'{"a":-Infinity}', "JSON: -Infinity"),
        (b"\xff", "JSON"),
        (b"1" * 5_000, "JSON"),
    ],
)
def test_manifests_that_are_none(path, text, words):
    forge(path, text)
    with pytest.raises(ArchiveError, match=words):
        read(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b",", b", ", 1),
        lambda text: text + b"\n",
        lambda text: b" " + text,
        lambda text: text.replace("é".encode(), b"\\u00e9", 1),
        lambda text: text.replace(b'"kind":"archive"', b'"kind":"codec","kind":"archive"'),
        lambda text: text.replace(b'"implied":false,"name":"\xc3\xa9"', b'"name":"\xc3\xa9","implied":false'),
    ],
)
def test_a_manifest_is_written_in_one_way(path, change):
    text = canonical(document_of(path))
    assert change(text) != text
    forge(path, change(text))
    with pytest.raises(CorruptArchive, match="not in canonical form"):
        read(path)


@pytest.mark.parametrize("version", [max(FORMAT_VERSIONS) + 1, 0, -1, 2**70, True, 1.0, "1", None, [1]])
def test_another_version_is_named(path, version):
    forge(path, {**document_of(path), "version": version, "surprise": True})
    with pytest.raises(UnsupportedVersion, match=r"found format .*, expected format 1.*'a test'"):
        read(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(surprise=1), "surprise"),
        (lambda m: m.pop("order"), "order"),
        (lambda m: m.pop("settings"), "lacks required keys"),
        (lambda m: m["groups"][0]["columns"][0].update(implied=0), "lacks required keys"),
        (lambda m: m.update(kind="model"), "kind"),
        (lambda m: m["groups"][0]["columns"][0].update(dtype="complex128"), "groups.0.columns.0.dtype"),
        (lambda m: m["groups"][0]["columns"][0].update(dtype="int32\n"), "groups.0.columns.0.dtype"),
        (lambda m: m["groups"][0]["columns"][0].pop("bound"), "groups.0.columns.0.bound"),
        (lambda m: m["groups"][0]["columns"][0].update(grid={"kind": 3}), "groups.0.columns.0.grid.kind"),
        (lambda m: m["groups"][0].update(latents={"codings": "x", "steps": []}), "groups.0.latents.codings"),
        (lambda m: m["origin"].update(shape=[2, -3]), "origin.shape.1"),
        (lambda m: m["row_groups"][0].__setitem__(0, -1), "row_groups.0.0"),
        (lambda m: m["sections"]["model/0"].update(n_bytes=-5), "n_bytes"),
        (lambda m: m["sections"]["model/0"].update(n_bytes=10), "do not match the manifest"),
        (lambda m: m["sections"].pop("model/0"), "do not match the manifest"),
        (lambda m: m["sections"].update({"../x": {"n_bytes": 1, "sha256": ""}}), "do not match the manifest"),
        (lambda m: m["sections"]["model/0"].update(sha256="0" * 64), "digest"),
    ],
)
def test_manifests_that_lie(path, change, words):
    document = document_of(path)
    change(document)
    forge(path, document)
    with pytest.raises(CorruptArchive, match=words):
        read(path)


def test_members_that_nobody_listed(path):
    forge(path, document_of(path), {**SECTIONS, "model/1": b"x"})
    with pytest.raises(CorruptArchive, match="do not match the manifest"):
        read(path)


@pytest.mark.parametrize("name", ["../../etc/x", "/etc/x", "model//0", "Model/0", "a b", "", "model/0/"])
def test_names_that_no_member_has(path, name):
    forge(path, document_of(path), {name: b"x", **SECTIONS})
    with pytest.raises(CorruptArchive, match="is not a valid member name"):
        read(path)


def refused_in_little_memory(path, words):
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match=words):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("said", "words"),
    [(64 << 10, "digest"), (MANIFEST_LIMIT + 1, "larger than"), (2**32 - 2, "larger than"), (2**60, "larger")],
)
def test_a_manifest_that_unpacks_to_more_than_it_says(path, said, words):
    forge(path, b"0" * (32 << 20), n_bytes=said)
    refused_in_little_memory(path, words)


def test_a_manifest_followed_by_something(path):
    text = canonical(document_of(path))
    data = path.read_bytes()
    forge(path, text, stored_bytes=len(deflated(text)) + 1)
    assert len(path.read_bytes()) == len(data)
    with pytest.raises(CorruptArchive):
        read(path)
    forge(path, text, method=STORED)
    with pytest.raises(CorruptArchive, match="not deflated"):
        read(path)


def test_a_section_that_is_not_there(path):
    with ArchiveFile(path) as archive, pytest.raises(CorruptArchive, match="section model/7: is missing"):
        archive.section("model/7")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=20), max_size=6))
def test_parts_come_back(parts):
    packed = pack_parts(parts)
    assert unpack_parts(packed) == parts
    assert part_sizes(packed) == tuple(map(len, parts))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=60) | st.tuples(st.lists(st.binary(max_size=5), max_size=5), st.binary(max_size=3)))
def test_bytes_that_are_no_parts(drawn):
    data = drawn if isinstance(drawn, bytes) else pack_parts(drawn[0]) + drawn[1]

    try:
        parts = unpack_parts(data)
    except ValueError:
        return
    assert pack_parts(parts) == data


@pytest.mark.parametrize(
    "data", [b"\xff\xff\xff\xff", b"\x01\0\0\0" + b"\xff" * 8, b"\x02\0\0\0" + b"\0" * 12, b"", b"\0\0\0"]
)
def test_hostile_indices(data):
    with pytest.raises(ValueError, match=r"index|fill"):
        unpack_parts(data)
