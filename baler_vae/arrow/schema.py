"""Arrow schemas as extras: names, types and metadata of a Parquet or Arrow file, which its columns do not determine."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from baler_vae.errors import CorruptArchive
from baler_vae.source.documents import VERSION, read_document
from baler_vae.source.grouping import unique

UNNAMED = "values"
"""What a column without a name is called, as awkward writes an array that is not a record."""

_EXTENSION, _EXTENSION_METADATA = b"ARROW:extension:name", b"ARROW:extension:metadata"
_TENSOR = b"arrow.fixed_shape_tensor"
_PANDAS, _AWKWARD = b"pandas", b"awkward_array_metadata"
_DEEPEST = 64
DOCUMENT_FAILURES = (
    pa.ArrowException,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RecursionError,
    OverflowError,
)
"""What is raised for bytes that are no schema, or no document of a library: types that others have registered are made
by their own code, which may raise anything like these.
"""

_OPTIONS = {"stream", "compression"}
"""What `feather` stores in addition to the schema."""


@dataclass(frozen=True, eq=False)
class ArrowExtras:
    """The schema of a file as it shall be written again, and what the format wants to know beside it (`options`)."""

    schema: pa.Schema
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """A line of JSON with the version and the options, then the schema as a message of Arrow's IPC format."""
        head = json.dumps({"version": VERSION, **self.options}, sort_keys=True, separators=(",", ":"))
        data: bytes = head.encode() + b"\n" + self.schema.serialize().to_pybytes()
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> "ArrowExtras":
        """What `to_bytes` was called on.

        Raises:
            CorruptArchive: the bytes are not those of such a document.
        """
        head, _, rest = data.partition(b"\n")
        try:
            options, schema = read_document(head, _OPTIONS), plain_schema(pa.ipc.read_schema(pa.BufferReader(rest)))
        except DOCUMENT_FAILURES as error:
            raise CorruptArchive(f"the schema of the source cannot be read: {error}", section="extras") from error
        return cls(schema, options)

    def of_columns(self, names: Collection[str]) -> pa.Schema:
        """The schema of some of the columns, which have the names of `column_names`; what pandas and awkward say of the
        others is left out.
        """
        kept = [own for own, name in zip(self.schema, column_names(self.schema), strict=True) if name in names]
        metadata = dict(self.schema.metadata or {})
        if len(kept) < len(self.schema):
            gone = {own.name for own in self.schema} - {own.name for own in kept}
            metadata = {key: _without(gone, key, value) for key, value in metadata.items()}
        return pa.schema(kept, metadata or None)


def column_names(schema: pa.Schema) -> list[str]:
    """What the columns of a schema are called: as the fields are, `values` where one has no name."""
    names = [own.name for own in schema]
    if names.count("") == 1:
        names[names.index("")] = unique(UNNAMED, names)
    return names


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The same schema with the storage of types that others have registered, which stay named in the metadata: it is
    the same whether they are registered or not.
    """
    return pa.schema([_plain_field(own) for own in schema], schema.metadata)


def plain_type(kind: pa.DataType, depth: int = 0) -> pa.DataType:
    """The type without those that others have registered, whose storage stands for them.

    Raises:
        ValueError: it is too deep.
    """
    if depth > _DEEPEST:
        raise ValueError(f"a type nested more than {_DEEPEST} levels deep")
    if isinstance(kind, pa.ExtensionType | pa.FixedShapeTensorType):
        return plain_type(kind.storage_type, depth + 1)
    return _with_children(kind, [_plain_field(own, depth + 1) for own in _children(kind)])


def _plain_field(own: pa.Field, depth: int = 0) -> pa.Field:
    metadata = dict(own.metadata or {})
    if isinstance(own.type, pa.ExtensionType):
        name, said = own.type.extension_name.encode(), own.type.__arrow_ext_serialize__()
    elif isinstance(own.type, pa.FixedShapeTensorType):
        name, said = _TENSOR, _tensor_metadata(own.type)
    else:
        name, said = metadata.pop(_EXTENSION, b""), metadata.pop(_EXTENSION_METADATA, b"")
    if name:
        metadata |= {_EXTENSION: name, _EXTENSION_METADATA: said}
    return pa.field(own.name, plain_type(own.type, depth), own.nullable, metadata or None)


def _tensor_metadata(kind: pa.FixedShapeTensorType) -> bytes:
    """What Arrow says of a type of tensors in the metadata of a field; pyarrow does not give it."""
    said = {"shape": kind.shape, "dim_names": kind.dim_names, "permutation": kind.permutation}
    return json.dumps({key: value for key, value in said.items() if value is not None}, separators=(",", ":")).encode()


def tensor_shape(own: pa.Field) -> tuple[int, ...] | None:
    """The shape of the tensor in each row of a field that stores them as flat lists; None of other fields."""
    metadata = own.metadata or {}
    if metadata.get(_EXTENSION) != _TENSOR or not pa.types.is_fixed_size_list(own.type):
        return None
    try:
        shape = tuple(json.loads(metadata.get(_EXTENSION_METADATA, b""))["shape"])
    except (ValueError, LookupError, TypeError):
        return None
    is_sized = all(type(size) is int and size > 0 for size in shape)
    return shape if is_sized and math.prod(shape) == own.type.list_size else None


def stored_type(kind: pa.DataType) -> pa.DataType:
    """The plain type that values are kept in: strings and bytes in place of views of them. No field in it names a type
    that others may have registered, of which decoding would make another than was kept.
    """
    kind = plain_type(kind)
    if kind == pa.string_view():
        return pa.string()
    if kind == pa.binary_view():
        return pa.binary()
    return _with_children(kind, [_stored_field(own) for own in _children(kind)])


def _stored_field(own: pa.Field) -> pa.Field:
    metadata = dict(own.metadata or {})
    kept = {key: said for key, said in metadata.items() if key not in {_EXTENSION, _EXTENSION_METADATA}}
    return pa.field(own.name, stored_type(own.type), own.nullable, kept or None)


def is_kept(kind: pa.DataType) -> bool:
    """Whether values of a type that is stored can be kept: not runs, nor views of lists, which may repeat values."""
    if pa.types.is_run_end_encoded(kind) or pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return False
    if pa.types.is_dictionary(kind):
        return kind.value_type == stored_type(kind.value_type) and is_kept(kind.value_type)
    return all(is_kept(own.type) for own in _children(kind))


def has_usual_names(kind: pa.DataType) -> bool:
    """Whether the values of all lists in a type are called as Parquet wants them to be."""
    if isinstance(kind, pa.ListType | pa.LargeListType) and kind.value_field.name != "element":
        return False
    return all(has_usual_names(own.type) for own in _children(kind))


def _children(kind: pa.DataType) -> Sequence[pa.Field]:
    """The fields in a type of lists, records or maps; those of other types are not looked into."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [kind.value_field]
    if pa.types.is_map(kind):
        return [kind.key_field, kind.item_field]
    if pa.types.is_struct(kind) or pa.types.is_union(kind):
        return [kind.field(number) for number in range(kind.num_fields)]
    return []


def _with_children(kind: pa.DataType, fields: Sequence[pa.Field]) -> pa.DataType:
    if pa.types.is_union(kind):
        return pa.union(fields, kind.mode, kind.type_codes)
    if pa.types.is_struct(kind):
        return pa.struct(fields)
    if pa.types.is_map(kind):
        return pa.map_(*fields, keys_sorted=kind.keys_sorted)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(fields[0], kind.list_size)
    if fields:
        return pa.large_list(fields[0]) if pa.types.is_large_list(kind) else pa.list_(fields[0])
    return kind


def _without(gone: Collection[str], key: bytes, value: bytes) -> bytes:
    """What pandas or awkward say in the metadata of a schema, without what they say of columns that are gone."""
    if key not in {_PANDAS, _AWKWARD}:
        return value
    try:
        said = json.loads(value)
        if key == _AWKWARD:
            said = {name: one for name, one in said.items() if name not in gone}
        else:
            said["columns"] = [one for one in said["columns"] if one.get("field_name", one["name"]) not in gone]
            said["index_columns"] = [one for one in said["index_columns"] if isinstance(one, dict) or one not in gone]
    except (ValueError, LookupError, TypeError, AttributeError):
        return value
    return json.dumps(said).encode()
