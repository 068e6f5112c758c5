"""Archives whose nested columns hold whatever they are told to, under the right CRC-32 and digests."""

import struct

import pyarrow as pa
import zstandard

from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.parts import pack_checked_parts, unpack_checked_parts
from baler_vae.entropy import plain

SECTION = "groups/0/0"


def stream(*arrays, names=("values",), n_batches=1, compression=None, version=pa.ipc.MetadataVersion.V5):
    """An Arrow stream of columns, the same record batch so many times."""
    sink = pa.BufferOutputStream()
    schema = pa.schema([pa.field(name, array.type) for name, array in zip(names, arrays, strict=True)])
    options = pa.ipc.IpcWriteOptions(compression=compression, metadata_version=version)
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        for _ in range(n_batches):
            writer.write_batch(pa.record_batch(list(arrays), schema=schema))
    return sink.getvalue().to_pybytes()


def write(original, forge, target):
    """Writes a copy of an archive of one row group, in which each nested column is what `forge` makes of its Arrow
    array: a stream, or a frame that is taken as it is.
    """
    with ArchiveFile(original) as archive:
        manifest = archive.manifest
        sections = {name: archive.section(name) for name in manifest.sections}
    columns = manifest.groups[0].columns
    parts = unpack_checked_parts(sections[SECTION], len(columns))
    for number, column in enumerate(columns):
        if column.coding == plain.ARROW:
            with pa.ipc.open_stream(plain.decode_bytes(parts[number])) as reader:
                made = forge(reader.read_next_batch().column(0))
            is_frame = made.startswith(zstandard.FRAME_HEADER)
            parts[number] = made if is_frame else plain.encode_bytes(made)
    sections[SECTION] = pack_checked_parts(parts)
    with writing_archive(target, force=True) as writer:
        for name, data in sections.items():
            writer.add(name, data)
        writer.finish(manifest)


def patched(array, old, new):
    """The stream of an array with some bytes of it changed, which must be there."""
    data = stream(array)
    if old not in data:
        raise ValueError(f"{old!r} is not in the stream")
    return data.replace(old, new)


def offsets(n_rows, last):
    """Lists of nulls whose offsets end at a number."""
    ends = pa.array([0] * n_rows + [last], pa.int64())
    return pa.LargeListArray.from_buffers(pa.large_list(pa.null()), n_rows, [None, ends.buffers()[1]], children=[NULLS])


NULLS = pa.nulls(40 << 20)
COUNTS = pa.array(range(40))
FORGED = {
    "nothing": lambda _: b"",
    "no frame": lambda _: zstandard.FRAME_HEADER + b"\xff" * 20,
    "a frame that claims much": lambda _: zstandard.FRAME_HEADER + b"\xe0" + struct.pack("<Q", 2**50) + b"\0" * 40,
    "cut": lambda values: stream(values)[:-40],
    "without an end": lambda values: stream(values)[:-8],
    "cut in its schema": lambda values: stream(values)[:100],
    "followed by bytes": lambda values: stream(values) + b"\0" * 8,
    "two streams": lambda values: 2 * stream(values),
    "two batches": lambda values: stream(values, n_batches=2),
    "two half batches": lambda values: stream(values[:20], n_batches=2),
    "no batch": lambda values: stream(values, n_batches=0),
    "too few rows": lambda values: stream(values[:-1]),
    "too many rows": lambda values: stream(pa.concat_arrays([values, values])),
    "another name": lambda values: stream(values, names=("other",)),
    "two fields": lambda values: stream(values, values, names=("values", "values")),
    "metadata V4": lambda values: stream(values, version=pa.ipc.MetadataVersion.V4),
    "compressed": lambda values: stream(values, compression="zstd"),
    "much, compressed": lambda _: stream(pa.array([[0] * (1 << 18)] * 40), compression="zstd"),
    "a dictionary, compressed": lambda _: stream(pa.array(["a" * 999] * 40).dictionary_encode(), compression="zstd"),
    "nulls without number": lambda _: stream(offsets(40, 40 << 20)),
    "wide empty lists": lambda _: stream(pa.FixedSizeListArray.from_arrays(NULLS, 1 << 20)),
    "views of strings": lambda _: stream(pa.array(["a"] * 40, pa.string_view())),
    "views of lists": lambda _: stream(pa.array([[1]] * 40, pa.list_view(pa.int64()))),
    "runs": lambda _: stream(pa.RunEndEncodedArray.from_arrays(pa.array([40], pa.int32()), pa.array(["a"]))),
    "a buffer too short": lambda _: patched(COUNTS, struct.pack("<qq", 0, 320), struct.pack("<qq", 0, 16)),
    "a buffer beyond the body": lambda _: patched(COUNTS, struct.pack("<qq", 0, 320), struct.pack("<qq", 2**40, 320)),
    "a buffer of much": lambda _: patched(COUNTS, struct.pack("<qq", 0, 320), struct.pack("<qq", 0, 2**50)),
    "a body of much": lambda _: patched(
        COUNTS, struct.pack("<q", 320) + b"\0" * 4, struct.pack("<q", 2**50) + b"\0" * 4
    ),
    "offsets that fall": lambda _: patched(
        pa.array([[9, 9, 9]] * 40), struct.pack("<3i", 6, 9, 12), struct.pack("<3i", 6, 99, 12)
    ),
    "offsets beyond the values": lambda _: patched(
        pa.array([[9, 9, 9]] * 40), struct.pack("<2i", 117, 120), struct.pack("<2i", 117, 2**31 - 1)
    ),
    "offsets below zero": lambda _: patched(
        pa.array([[9, 9, 9]] * 40), struct.pack("<3i", 0, 3, 6), struct.pack("<3i", -(2**31), 3, 6)
    ),
    "strings that are no UTF-8": lambda _: patched(pa.array(["word"] * 40), b"word", b"w\xff\xff\xff"),
    "an index beyond its dictionary": lambda _: patched(
        pa.array(["a", "b"] * 20).dictionary_encode(), struct.pack("<3i", 0, 1, 0), struct.pack("<3i", 0, 7, 0)
    ),
}
