"""Arrow arrays to bytes and back, as streams of Arrow's IPC format: `arrow-1`; see FORMAT.md."""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

FIELD: Final = "values"
MOST_BARE: Final = 1 << 22
"""The most values of an array in which they take no bytes, as nulls do: a few bytes could claim any number of them."""

_END: Final = b"\xff\xff\xff\xff\0\0\0\0"
_COMPRESSION, _DICTIONARY_DATA, _HEADER = 3, 1, 2
"""The places of fields in the tables of Arrow's `Message.fbs`."""
_ZSTD: Final = 1
"""The number of a codec there; LZ4, which is 0, need not be said."""


def lz4_block(data: bytes, level: int) -> bytes:
    """Bytes as a block of LZ4, without a frame: with its fast method below level 3, with the other one above."""
    import pyarrow as pa  # noqa: PLC0415

    compressed: bytes = pa.Codec("lz4_raw", compression_level=level).compress(data, asbytes=True)
    return compressed


def schema_of_array(values: "pa.Array") -> "pa.Schema":
    """The schema of one field that holds an array."""
    import pyarrow as pa  # noqa: PLC0415 - only where there are nested columns

    nullable = values.null_count > 0 or pa.types.is_null(values.type)
    return pa.schema([pa.field(FIELD, values.type, nullable=nullable)])


def encode_array(values: "pa.Array") -> bytes:
    """A stream of one record batch, with the array as its only column."""
    import pyarrow as pa  # noqa: PLC0415

    schema, sink = schema_of_array(values), pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V5, compression=None)
    with pa.ipc.new_stream(sink, schema, options=options) as stream:
        stream.write_batch(pa.record_batch([values], schema=schema))
    data: bytes = sink.getvalue().to_pybytes()
    return data


def decode_array(data: bytes, n_rows: int) -> "pa.Array":
    """The array (n_rows,) that `encode_array` was given. It takes no more memory than the bytes justify.

    Raises:
        ValueError: the bytes are not those of such an array.
    """
    import pyarrow as pa  # noqa: PLC0415

    try:
        _check_messages(data)
        with pa.ipc.open_stream(pa.BufferReader(data)) as stream:
            (batch,) = list(stream)
        if batch.schema.names != [FIELD] or batch.num_rows != n_rows:
            raise ValueError(f"{batch.num_rows} rows of {batch.schema.names} are not {n_rows} values")
        values = batch.column(0)
        values.validate()
        _check_lengths(values, max(MOST_BARE, 8 * len(data)))
        values.validate(full=True)
    # Types that others have registered are made by their own code, which may raise anything like these.
    except (pa.ArrowException, OSError, MemoryError, LookupError, TypeError, AttributeError, struct.error) as error:
        raise ValueError(f"not a nested column: {error}") from error
    return values


def _check_messages(data: bytes) -> None:
    """Check that a stream has a schema, perhaps dictionaries, one record batch and an end, none of it compressed."""
    import pyarrow as pa  # noqa: PLC0415

    source = pa.BufferReader(data)
    kinds = []
    for message in pa.ipc.MessageReader.open_stream(source):
        kinds.append(message.type)
        if message.metadata_version != pa.ipc.MetadataVersion.V5 or (len(kinds) > 1 and _is_compressed(message)):
            raise ValueError("a message of an Arrow stream is compressed, or of another version")
    if kinds[:1] != ["schema"] or kinds[-1:] != ["record batch"] or {*kinds[1:-1]} - {"dictionary"}:
        raise ValueError(f"an Arrow stream of {kinds[:8]}")
    if source.tell() != len(data) or not data.endswith(_END):
        raise ValueError(f"an Arrow stream of {source.tell()} bytes in {len(data)}, or one without an end")


def _is_compressed(message: "pa.ipc.Message") -> bool:
    """Whether the body of a record batch, or of a dictionary, is compressed; of what else there is in a stream it may
    say either.
    """
    return _compression(message)[1] != 0


def compression_of(message: "pa.ipc.Message") -> str | None:
    """How the body of a record batch is compressed: `lz4`, `zstd`, or None where it is not.

    Raises:
        struct.error: the message is damaged.
    """
    metadata, place = _compression(message)
    if not place:
        return None
    codec = _field(metadata, _table_at(metadata, place), 0)
    return "zstd" if codec and metadata[codec] == _ZSTD else "lz4"


def _compression(message: "pa.ipc.Message") -> tuple[bytes, int]:
    """The metadata of a record batch or dictionary, and where in it stands how its body is compressed, or 0."""
    metadata = message.metadata.to_pybytes()
    table = _table_at(metadata, _field(metadata, _table_at(metadata, 0), _HEADER))
    if message.type == "dictionary":
        table = _table_at(metadata, _field(metadata, table, _DICTIONARY_DATA))
    return metadata, _field(metadata, table, _COMPRESSION)


def _table_at(metadata: bytes, place: int) -> int:
    """Where the table of a flatbuffer begins to which the offset at a place leads."""
    (offset,) = struct.unpack_from("<I", metadata, place)
    return int(place + offset)


def _field(metadata: bytes, table: int, number: int) -> int:
    """The place of a field of a table; 0 where it has none."""
    (back,) = struct.unpack_from("<i", metadata, table)
    (n_bytes,) = struct.unpack_from("<H", metadata, table - back)
    if n_bytes < 6 + 2 * number:
        return 0
    (offset,) = struct.unpack_from("<H", metadata, table - back + 4 + 2 * number)
    return int(table + offset) if offset else 0


def _check_lengths(values: "pa.Array", most: int) -> None:
    """Check that no array in an array has more than `LARGEST` values."""
    if len(values) > most:
        raise ValueError(f"an Arrow array of {len(values)} values of {values.type}")
    for child in _children(values):
        _check_lengths(child, most)


def _children(values: "pa.Array") -> "list[pa.Array]":
    """The arrays in an array.

    Raises:
        ValueError: its type, a view or runs, may repeat values at will.
    """
    import pyarrow as pa  # noqa: PLC0415

    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return [values.storage]
    if pa.types.is_dictionary(kind):
        return [values.dictionary]
    if pa.types.is_struct(kind) or pa.types.is_union(kind):
        return [values.field(number) for number in range(kind.num_fields)]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [values.values]
    if pa.types.is_map(kind):
        return [values.keys, values.items]
    if kind.num_fields or kind in {pa.string_view(), pa.binary_view()}:
        raise ValueError(f"an Arrow array of {kind}, which is not supported")
    return []


def same_values(one: "pa.Array", other: "pa.Array") -> bool:
    """Whether arrays have one type and the same values, floats to the bit; what lies under a null does not count."""
    if one.type != other.type or len(one) != len(other):
        return False
    return all(a.equals(b) for a, b in zip(_plain_arrays(one), _plain_arrays(other), strict=True))


def _plain_arrays(values: "pa.Array") -> "Iterator[pa.Array]":
    """The lengths, nulls and values of an array as arrays without others in them, floats as their bit patterns."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        yield from _plain_arrays(values.storage)
    elif pa.types.is_dictionary(kind):
        yield from _plain_arrays(values.dictionary_decode())
    elif pa.types.is_floating(kind):
        yield values.view({16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[kind.bit_width])
    elif pa.types.is_map(kind):
        pairs = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        yield from _plain_arrays(values.cast(pa.list_(pairs)))
    elif pa.types.is_struct(kind):
        yield values.is_valid()
        for field in values.flatten():
            yield from _plain_arrays(field)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield pc.list_value_length(values)
        yield from _plain_arrays(values.flatten())
    else:
        yield values
