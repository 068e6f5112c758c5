"""Sections in, sections out, and files that cannot be trusted."""

import json
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.archive.container import MANIFEST, ArchiveFile, pack_parts, part_sizes, unpack_parts, writing_archive
from baler_vae.archive.manifest import FORMAT_VERSION, ColumnEntry, GroupEntry, Manifest, OriginEntry
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
@given(st.dictionaries(st.from_regex(r"(model|encoder|groups/[0-9])/[0-9]+", fullmatch=True), st.binary(max_size=99)))
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
    assert [member.filename for member in members] == [*SECTIONS, MANIFEST]
    assert [member.compress_type for member in members] == [zipfile.ZIP_STORED] * 3 + [zipfile.ZIP_DEFLATED]
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    assert {(member.create_system, member.external_attr >> 16) for member in members} == {(3, 0o644)}
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


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


def test_no_flipped_byte_changes_what_is_read(path):
    data = bytearray(path.read_bytes())
    expected = read(path)
    n_refused = 0
    for place in range(len(data)):
        for mask in (0x01, 0x80, 0xFF):
            data[place] ^= mask
            path.write_bytes(data)
            try:
                found = read(path)
            except ArchiveError:
                n_refused += 1
            else:  # dates and attributes of the ZIP directory mean nothing to a reader
                assert found == expected, place
            data[place] ^= mask
    assert n_refused > 1.5 * len(data)


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
    with pytest.raises(ArchiveError, match="not an archive of baler-vae"):
        ArchiveFile(tmp_path / "x")


def test_a_foreign_zip_a_folder_and_a_missing_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as foreign:
        foreign.writestr("hello.txt", "hello")
    with pytest.raises(ArchiveError, match="ZIP file but not an archive"):
        ArchiveFile(tmp_path / "x.zip")
    for content, words in (("{}", "not an archive"), ("[]", "not an archive"), ("{", "JSON"), ("[" * 99_999, "JSON")):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as foreign:
            foreign.writestr(MANIFEST, content)
        with pytest.raises(ArchiveError, match=words):
            ArchiveFile(tmp_path / "x.zip")
    with pytest.raises(SourceError, match="directory"):
        ArchiveFile(tmp_path)
    with pytest.raises(SourceError, match="no such file"):
        ArchiveFile(tmp_path / "none")


def rewrite(path, change=lambda _: None, extra=(), methods=None):
    """Writes the archive again with a changed manifest and other methods of compression, its digests untouched."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members[MANIFEST])
    change(manifest)
    members[MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in [*members.items(), *extra]:
            archive.writestr(name, data, (methods or {}).get(name, zipfile.ZIP_STORED))


def test_another_version_is_named(path):
    rewrite(path, lambda m: m.update(version=FORMAT_VERSION + 1, surprise=True))
    with pytest.raises(UnsupportedVersion, match=r"found format 1, expected format 0.*'a test'"):
        read(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(surprise=1), "surprise"),
        (lambda m: m.pop("order"), "order"),
        (lambda m: m.update(kind="model"), "kind"),
        (lambda m: m["groups"][0]["columns"][0].update(dtype="complex128"), "groups.0.columns.0.dtype"),
        (lambda m: m["groups"][0]["columns"][0].update(dtype="int32\n"), "groups.0.columns.0.dtype"),
        (lambda m: m["groups"][0]["columns"][0].pop("bound"), "groups.0.columns.0.bound"),
        (lambda m: m["groups"][0].update(latents={"coding": "x", "n_latents": -1}), "groups.0.latents.n_latents"),
        (lambda m: m["origin"].update(shape=[2, -3]), "origin.shape.1"),
        (lambda m: m["row_groups"][0].__setitem__(0, -1), "row_groups.0.0"),
        (lambda m: m["sections"]["model/0"].update(n_bytes=-5), "n_bytes"),
        (lambda m: m["sections"]["model/0"].update(n_bytes=10), "larger than 10 bytes"),
        (lambda m: m["sections"].pop("model/0"), "not those that the manifest lists"),
        (lambda m: m["sections"].update({"../x": {"n_bytes": 1, "sha256": ""}}), "not those that the manifest lists"),
        (lambda m: m["sections"]["model/0"].update(sha256="0" * 64), "digest"),
    ],
)
def test_manifests_that_lie(path, change, words):
    rewrite(path, change)
    with pytest.raises(CorruptArchive, match=words):
        read(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["extra", "model/0", "../../etc/x"])
def test_members_that_nobody_listed(path, name):
    rewrite(path, extra=[(name, b"x")])
    with pytest.raises(CorruptArchive, match="not those that the manifest lists"):
        read(path)


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("model/0", zipfile.ZIP_DEFLATED),
        ("model/0", zipfile.ZIP_BZIP2),
        ("groups/0/1", zipfile.ZIP_LZMA),
        (MANIFEST, zipfile.ZIP_BZIP2),
        (MANIFEST, zipfile.ZIP_LZMA),
    ],
)
def test_members_that_are_compressed_otherwise(path, name, method):
    rewrite(path, methods={name: method})
    with pytest.raises(CorruptArchive, match=f"section {name}: is not compressed as it should be"):
        read(path)


def refused_in_little_memory(path, words):
    tracemalloc.start()
    try:
        with pytest.raises(CorruptArchive, match=words):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_manifest_that_unpacks_to_more_than_it_says(path):
    size, said = 32 << 20, 64 << 10
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, b"0" * size)
    path.write_bytes(path.read_bytes().replace(size.to_bytes(4, "little"), said.to_bytes(4, "little")))
    refused_in_little_memory(path, "Bad CRC-32")


def test_a_section_that_claims_more_bytes_than_the_file_has(path):
    size, said = len(SECTIONS["model/0"]), 2**32 - 2
    rewrite(path, lambda m: m["sections"]["model/0"].update(n_bytes=said))
    path.write_bytes(path.read_bytes().replace(size.to_bytes(4, "little"), said.to_bytes(4, "little")))
    refused_in_little_memory(path, "model/0: is larger than")


def test_a_manifest_that_claims_to_be_endless(path):
    size, said = 12_345, 2**32 - 2
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, b" " * size)
    path.write_bytes(path.read_bytes().replace(size.to_bytes(4, "little"), said.to_bytes(4, "little")))
    refused_in_little_memory(path, f"{MANIFEST}: is larger than")


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
