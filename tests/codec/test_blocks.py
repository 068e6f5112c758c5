"""Blocks: what `Codec.encode` gives comes back through `Codec.decode`, and nothing else does."""

import hashlib
import io
import json
import struct
import tracemalloc
import zlib
from dataclasses import replace

import awkward as ak
import numpy as np
import pyarrow as pa
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.archive import block
from baler_vae.archive.block import Block, Description
from baler_vae.archive.container import ArchiveFile
from baler_vae.archive.manifest import OriginEntry
from baler_vae.codec.codec import Codec
from baler_vae.entropy import plain
from baler_vae.errors import (
    ArchiveError,
    CorruptArchive,
    SourceError,
    TruncatedArchive,
    UnsupportedVersion,
    UsageError,
)
from baler_vae.grid.judge import keeps_bound
from baler_vae.io.files import open_source
from baler_vae.memory.opening import open_data
from baler_vae.table import table
from tests import strategies as shared
from tests.codec.test_networks import TINY
from tests.codec.test_networks import write as write_events
from tests.memory import strategies
from tests.memory.test_laws import SUPPRESSED, assert_same
from tests.memory.test_opening import EXACT, FRAME, JETS

KINDS = {
    "frame": FRAME,
    "jets": JETS,
    "dict": {
        "x": np.arange(5, dtype=np.float32),
        "m": np.arange(10).reshape(5, 2),
        "s": np.array(["a", "b"] * 2 + [""]),
    },
    "array": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "arrow": pa.Table.from_pandas(FRAME),
}


@pytest.fixture(scope="module")
def codecs():
    return {name: baler_vae.fit(data, **EXACT) for name, data in KINDS.items()}


@pytest.fixture(scope="module")
def small(codecs):
    """The codec of some jets, and their block."""
    return codecs["jets"], codecs["jets"].encode(JETS)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_comes_back(codecs, name):
    codec, data = codecs[name], KINDS[name]
    found = codec.decode(codec.encode(data))
    assert_same(found, data)
    assert codec.encode(found) == codec.encode(data)


@pytest.mark.parametrize("kind", ["dicts", "frames", "awkward_arrays", "tables"])
def test_what_comes_back_is_what_was_encoded(kind):
    @settings(max_examples=5, deadline=None, suppress_health_check=SUPPRESSED)
    @given(getattr(strategies, kind)())
    def law(data):
        codec = baler_vae.fit(data, **EXACT)
        encoded = codec.encode(data)
        found = codec.decode(encoded)
        assert_same(found, data)
        again = codec.encode(found)
        assert_same(codec.decode(again), data)
        assert codec.encode(codec.decode(again)) == again  # forms and widths of strings have settled

    law()


@settings(max_examples=25, deadline=None, suppress_health_check=[*SUPPRESSED, HealthCheck.filter_too_much])
@given(
    st.sampled_from(["f4", "f8"]).flatmap(
        lambda dtype: shared.columns(np.dtype(dtype), 40, shared.any_or_usual_values)
    ),
    shared.bounds(st.floats(1e-3, 10.0), st.floats(1e-4, 0.5)),
)
def test_every_value_keeps_its_bound_and_stays(values, bound):
    """Of data that the codec has never seen, too: what is restored is on the grid, and is encoded as what it was."""
    values = np.resize(values, 40) if len(values) else np.zeros(40)
    codec = baler_vae.fit({"x": np.linspace(0, 1, 50, dtype=values.dtype)}, kind="independent", bound=str(bound))
    encoded = codec.encode({"x": values})
    found = codec.decode(encoded)["x"]
    assert keeps_bound(values, found, bound).all()
    assert codec.encode({"x": found}) == encoded


def test_networks_and_latents(tmp_path):
    """The values are those of an archive under the same codec; what is restored stays where a bound is kept."""
    path = tmp_path / "in.parquet"
    write_events(path, 900)
    codec = baler_vae.fit(path, bound=["bits:6", "eta=abs:0.01"], kind="vae", **TINY)
    source = open_source(path)
    found = codec.decode(codec.encode(source))
    baler_vae.compress(path, tmp_path / "a.bvae", codec=codec)
    assert bits(found) == bits(baler_vae.decompress(tmp_path / "a.bvae"))
    assert bits(codec.decode(codec.encode(found))) == bits(found)
    loaded = Codec.from_bytes(codec.to_bytes())
    assert loaded.encode(source) == codec.encode(source)
    assert bits(loaded.decode(codec.encode(source))) == bits(found)


def bits(table):
    """The buffers of an Arrow table, NaN and all, as one file."""
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return file.getvalue()


def test_many_row_groups(monkeypatch):
    monkeypatch.setattr(table, "ROW_GROUP_ROWS", 7)
    monkeypatch.setattr(table.row_groups, "__defaults__", (7, table.ROW_GROUP_BYTES))
    jets = ak.Array({"Jet_pt": ak.unflatten(np.arange(60.0), [3, 0, 5, 12] * 3), "n": np.arange(12)})
    codec = baler_vae.fit(jets, **EXACT)
    encoded = codec.encode(jets)
    assert len(Block.from_bytes(encoded, codec.identity, 2).n_rows) > 3
    assert codec.decode(encoded).to_list() == jets.to_list()
    assert codec.encode([jets[:5], jets[5:]]) == encoded
    assert codec.encode(iter([jets[:5], jets[5:]])) == encoded


def test_no_rows_keep_their_types():
    for data in (JETS[:0], FRAME[:0], ak.Array([[[1.5]], []])[:0], {"x": np.empty((0, 3))}):
        codec = baler_vae.fit(data, **EXACT)
        found = codec.decode(codec.encode(data))
        assert type(found) is type(data)
        assert len(found) == len(data)
        if isinstance(data, ak.Array):
            assert found.type == data.type


@pytest.mark.parametrize("suffix", ["root", "parquet", "csv", "npz", "h5"])
def test_sources_of_files(write, tmp_path, suffix, jets):
    """What comes back of them is what `decompress` gives, also of a codec for another format."""
    columns = ["event", "met*"] if suffix in {"csv", "npz"} else ()
    baler_vae.compress(jets, tmp_path / "a.bvae", columns=columns, **EXACT)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / f"b.{suffix}", force=True)
    baler_vae.compress(tmp_path / f"b.{suffix}", tmp_path / "b.bvae", **EXACT)
    expected = baler_vae.decompress(tmp_path / "b.bvae")
    source = open_source(tmp_path / f"b.{suffix}")
    codec = baler_vae.fit(tmp_path / f"b.{suffix}", **EXACT)
    found = codec.decode(codec.encode(source))
    assert type(found) is type(expected)
    if isinstance(found, ak.Array):
        assert (found.type, found.to_list()) == (expected.type, expected.to_list())
    elif isinstance(found, dict):
        assert list(found) == list(expected)
        assert all(str(ak.to_list(found[name])) == str(ak.to_list(expected[name])) for name in found)  # NaN too
    else:
        assert found.equals(expected)


def test_a_codec_of_a_file_encodes_what_is_in_memory(tmp_path):
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("Events", {"x": np.arange(5.0), "n": np.arange(5)}, title="of a file")
    codec = baler_vae.fit(tmp_path / "a.root", **EXACT)
    data = {"n": np.arange(3), "x": np.arange(3.0), "other": np.zeros(3)}
    found = codec.decode(codec.encode(data))
    assert list(found) == ["n", "x"]
    assert all(np.array_equal(found[name], data[name]) for name in found)
    with uproot.open(tmp_path / "a.root") as file:
        assert codec.decode(codec.encode(file["Events"])).to_list() == file["Events"].arrays().to_list()


def test_what_does_not_fit_is_refused():
    codec = baler_vae.fit({"x": np.arange(3.0)}, **EXACT)
    with pytest.raises(UsageError, match="lacks"):
        codec.encode({"y": np.arange(3.0)})
    with pytest.raises(UsageError, match="different dtype"):
        codec.encode({"x": np.arange(3)})
    with pytest.raises(UsageError, match="cannot compress data of the type str"):
        codec.encode("a.root")
    with pytest.raises(UsageError, match="str is not bytes"):
        codec.decode("a.bvae")


def test_under_free_what_is_not_finite_is_named():
    x = np.random.default_rng(0).normal(size=400)
    codec = baler_vae.fit({"x": x, "y": 2 * x}, bound="free", kind="ae", **TINY)
    with pytest.raises(SourceError, match="first in row 3"):
        codec.encode({"x": np.array([0.0, 1, 2, np.nan]), "y": np.zeros(4)})
    encoded = codec.encode({"x": x, "y": 2 * x})
    assert codec.decode(encoded)["x"].shape == (400,)


def test_another_codec_is_refused(codecs):
    other = baler_vae.fit(FRAME.assign(x=[1.0, 2.0, 4.0]), **EXACT)
    encoded = codecs["frame"].encode(FRAME)
    with pytest.raises(UsageError, match="encoded with another codec"):
        other.decode(encoded)
    with pytest.raises(UsageError, match="encoded with another codec"):
        codecs["jets"].decode(encoded)
    same = replace(codecs["frame"], settings={}, fits={}, history={})
    assert same != codecs["frame"]
    assert same.decode(encoded).equals(FRAME)


def test_archives_are_told_from_blocks(codecs):
    with pytest.raises(ArchiveError, match=r"baler_vae\.loads"):
        codecs["frame"].decode(baler_vae.dumps(FRAME, codec=codecs["frame"]))
    with pytest.raises(ArchiveError, match="not a block"):
        codecs["frame"].decode(b"anything else")
    encoded = codecs["frame"].encode(FRAME)
    assert len(encoded) < len(baler_vae.dumps(FRAME, codec=codecs["frame"])) / 2
    with pytest.raises(ArchiveError):
        baler_vae.loads(encoded)


@pytest.mark.parametrize("name", ["jets", "frame"])
def test_a_block_cut_anywhere_is_refused(codecs, name):
    codec, encoded = codecs[name], codecs[name].encode(KINDS[name])
    for length in range(len(encoded)):
        with pytest.raises(TruncatedArchive):
            codec.decode(encoded[:length])


@pytest.mark.parametrize("mask", [0x01, 0xFF])
@pytest.mark.parametrize("name", ["jets", "frame"])
def test_a_block_with_any_byte_changed_is_refused(codecs, name, mask):
    codec, encoded = codecs[name], bytearray(codecs[name].encode(KINDS[name]))
    for place in range(len(encoded)):
        encoded[place] ^= mask
        with pytest.raises(ArchiveError) as caught:
            codec.decode(bytes(encoded))
        assert "\n" not in str(caught.value)
        encoded[place] ^= mask
    for more in (b"\0", encoded):
        with pytest.raises(CorruptArchive):
            codec.decode(bytes(encoded + more))


def forged(data):
    """A block whose CRC-32 is right again."""
    body = bytes(data)[:-4]
    return body + struct.pack("<I", zlib.crc32(body))


@settings(max_examples=300, deadline=None, suppress_health_check=SUPPRESSED)
@given(st.data())
def test_forged_bytes_are_refused_or_give_an_object(small, data):
    """Even if whoever changed them knows CRC-32: there is an object, or an `ArchiveError`, and no other failure."""
    codec, encoded = small
    changed = bytearray(encoded)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(28, len(changed) - 5))
        changed[place] = data.draw(st.integers(0, 255))
    n_cut, told = data.draw(st.integers(0, 8)), ""
    try:
        codec.decode(forged(changed[: len(changed) - n_cut]))
    except ArchiveError as error:
        told = str(error)
    assert "\n" not in told


FORGERIES = {
    "as many rows as there can be": {"n_rows": ((1 << 22, 1 << 22),)},
    "more rows than there can be": {"n_rows": ((2**32 - 1, 2**32 - 1),)},
    "no events among others": {"n_rows": ((0, 0), (2, 1)), "sections": 2},
    "one row group of many": {"n_rows": ((2, 1),) * 3},
    "one section only": {"sections": 0.5},
    "columns in another order": {"description": Description(order=("met",))},
    "a column that is not there": {"description": Description(columns={"pt": block.LabelsEntry()})},
    "extras that are none": {"extras": plain.encode_bytes(b"{}")},
    "extras that are no frame": {"extras": b"abc"},
    "extras of a terabyte": {"extras": b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 40) + b"\x01\x00\x00"},
    "nothing": {"n_rows": (), "sections": 0, "extras": b""},
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_blocks(small, name):
    codec, encoded = small
    changes = dict(FORGERIES[name])
    whole = Block.from_bytes(encoded, codec.identity, 2)
    if "sections" in changes:
        changes["sections"] = (whole.sections * 2)[: int(2 * changes["sections"])]
    data = replace(whole, **changes).to_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError):
            codec.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_a_source_that_is_described_otherwise_gives_another_object(small):
    codec, encoded = small
    whole = Block.from_bytes(encoded, codec.identity, 2)
    origin = OriginEntry(format="npz", name="", title="", shape=(3, 4))
    found = codec.decode(replace(whole, description=Description(origin=origin), extras=b"").to_bytes())
    assert found["met"].tolist() == [3.0, 4.0]


def test_other_versions_are_refused(small):
    codec, encoded = small
    with pytest.raises(UnsupportedVersion):
        codec.decode(forged(encoded[:8] + struct.pack("<I", 3) + encoded[12:]))


def test_any_bytes_like_object_is_decoded(small):
    codec, encoded = small
    for data in (bytearray(encoded), memoryview(encoded), memoryview(io.BytesIO(encoded).getbuffer())):
        assert codec.decode(data).to_list() == JETS.to_list()


def test_bytes_are_those_of_the_specification(codecs):
    """FORMAT.md, "Blocks", read by hand."""
    codec = codecs["frame"]
    encoded = codec.encode(FRAME)
    magic, version, identity, n_parts = struct.unpack_from("<8sI16sI", encoded)
    sizes = struct.unpack_from(f"<{n_parts}Q", encoded, 32)
    ends = [32 + 8 * n_parts + sum(sizes[: number + 1]) for number in range(n_parts)]
    counts, description, extras, section = (encoded[end - size : end] for end, size in zip(ends, sizes, strict=True))
    assert (magic, version, ends[-1]) == (b"\x89BVB\r\n\x1a\n", 2, len(encoded) - 4)
    assert encoded[-4:] == struct.pack("<I", zlib.crc32(encoded[:-4]))
    assert (counts, description) == (struct.pack("<I", 3), b"")
    assert plain.decode_bytes(extras) == open_data(FRAME).extras()
    with ArchiveFile(baler_vae.dumps(FRAME, codec=codec)) as archive:
        assert section == archive.section("groups/0/0")
    with ArchiveFile(codec.to_bytes()) as file:
        document = file.manifest.model_dump(mode="json")
    told = {key: document[key] for key in ("groups", "arrays", "masks", "order", "origin")}
    names = [name for name in document["sections"] if name.startswith(("model/", "tables/", "networks/"))]
    told["sections"] = {name: document["sections"][name]["sha256"] for name in names}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).digest()[:16] == identity


def test_what_differs_from_the_codec_is_described(codecs):
    codec = codecs["frame"]
    encoded = codec.encode({"event": [3, 2, 1], "s": np.array(["a", None, "c"], object), "x": [1.0, 2.0, 3.0]})
    described = Block.from_bytes(encoded, codec.identity, 1).description
    assert described.order == ("event", "s", "x")
    assert Description.from_bytes(described.to_bytes()) == described
