"""The branches of the fields of an Arrow schema, and the fields of branches that come from elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from baler_vae.arrow.schema import tensor_shape
from baler_vae.source.grouping import Described, Jagged, describe, native
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.schema import NESTED, TEXT, Column, Schema


def described_field(name: str, own: pa.Field) -> Described:
    """The branch of a field of a type that is stored, as if none of its values were null."""
    said = {k.decode(errors="replace"): v.decode(errors="replace") for k, v in (own.metadata or {}).items()}
    has_lists = is_list(own.type)
    kind = own.type.value_type if has_lists else own.type
    shape: tuple[int, ...] = ()
    while pa.types.is_fixed_size_list(kind):
        kind, shape = kind.value_type, (*shape, kind.list_size)
    shape = tensor_shape(own) or shape
    dtype = _dtype(kind)
    column = Column(name, dtype or NESTED, said.get("title", ""), str(own.type))
    if dtype is None or (dtype == TEXT and (has_lists or shape)):
        return Described(replace(column, dtype=NESTED))
    if not has_lists:
        return describe(column, shape, jagged=False)
    found = describe(column, shape, jagged=True)
    if found.is_jagged:
        jagged = Jagged(column, collection=said.get("collection", ""), hint=said.get("counter", ""))
        return replace(found, column=jagged)
    return found


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is one of lists of any length."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _dtype(kind: pa.DataType) -> np.dtype[Any] | None:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return TEXT
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return native(np.dtype(kind.to_pandas_dtype()))
    return None


def is_nullable(own: pa.Field) -> bool:
    """Whether a value, or one in its lists, may be null."""
    kind, nullable = own.type, own.nullable
    while is_list(kind) or pa.types.is_fixed_size_list(kind):
        nullable = nullable or kind.value_field.nullable
        kind = kind.value_type
    return bool(nullable)


def written_branches(schema: Schema) -> list[Branch]:
    """The branches of a table but for implied counters."""
    implied = {group.counter for group in schema.groups[1:] if schema.events.column(str(group.counter)).implied}
    return [branch for branch in branches_of(schema) if branch.name not in implied]


def usual_fields(branches: Sequence[Branch], kinds: Mapping[str, pa.DataType]) -> pa.Schema:
    """The Arrow schema of branches without extras; `kinds` has the types of nested ones."""
    return pa.schema([_field(branch, kinds.get(branch.name)) for branch in branches])


def _field(branch: Branch, nested: pa.DataType | None) -> pa.Field:
    said = {"title": branch.title} if branch.title else {}
    if branch.is_nested:
        return pa.field(branch.name, nested, nullable=True, metadata=said or None)
    kind = pa.string() if branch.is_text else pa.from_numpy_dtype(branch.dtype)
    nullable = branch.is_text or branch.missing is not None
    for size in reversed(branch.shape):
        kind = pa.list_(pa.field("element", kind, nullable=False), size)
    if branch.group.counter is not None:
        kind, nullable = pa.list_(pa.field("element", kind, nullable=nullable)), False
        said |= {"collection": branch.group.name, "counter": branch.group.counter}
    return pa.field(branch.name, kind, nullable=nullable, metadata=said or None)
