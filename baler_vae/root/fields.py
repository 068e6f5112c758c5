"""The types of the fields of an RNTuple, from its header, without reading all values."""

from collections.abc import Collection
from typing import Any

import awkward as ak
import numpy as np

from baler_vae.root.branches import FAILURES, UNREADABLE, Numbers
from baler_vae.source.grouping import Described, describe, native
from baler_vae.table.nested import Nested
from baler_vae.table.schema import NESTED, TEXT, Column


def describe_fields(
    ntuple: Any,  # noqa: ANN401  an RNTuple
    hidden: Collection[str] = (),
) -> tuple[list[Described], dict[str, str]]:
    """The fields of an RNTuple in its order, but for hidden ones, and those that cannot be read as columns, with the
    reason.
    """
    described: list[Described] = []
    unsupported: dict[str, str] = {}
    for field in (field for field in ntuple.fields if field.name not in hidden):
        found = _describe(field)
        if found is not None:
            described.append(found)
        else:
            unsupported[field.name] = f"{UNREADABLE}: {field.typename or 'unknown'}"
    return described, unsupported


def _describe(field: Any) -> Described | None:  # noqa: ANN401  a field
    """What a field holds; None where uproot cannot tell, or cannot read it."""
    title, typename = str(getattr(field, "description", "") or ""), str(field.typename or "")
    try:
        kind = form_of(field).type
        is_jagged = isinstance(kind, ak.types.ListType) and "__array__" not in kind.parameters
        found = _numbers(kind.content if is_jagged else kind)
        if found is not None:
            return describe(Column(field.name, found[0], title, typename), found[1], jagged=is_jagged)
        if isinstance(kind, ak.types.ListType) and kind.parameters.get("__array__") == "string":
            return Described(Column(field.name, TEXT, title, typename))
        Nested.from_awkward(field.array(entry_stop=1) if field.num_entries else no_entries(field))
    except FAILURES:
        return None
    return Described(Column(field.name, NESTED, title, typename))


def form_of(field: Any) -> ak.forms.Form:  # noqa: ANN401  a field
    """The form of a field's values."""
    form, _ = field.to_akform()
    return form.contents[0]


def is_read_by_cluster(field: Any) -> bool:  # noqa: ANN401  a field
    """Whether uproot reads a field right in one cluster only: of variants it takes the values of the first."""
    return "union[" in str(form_of(field).type)


def no_entries(field: Any) -> ak.Array:  # noqa: ANN401  a field
    """An array of a field's type without any entry."""
    return ak.Array(form_of(field).length_zero_array(highlevel=False))


def bytes_by_field(ntuple: Any) -> dict[str, float]:  # noqa: ANN401  an RNTuple
    """About how many bytes an entry of each field takes in memory, by the number of values in its pages, or in
    those of which it is a projection.
    """
    parents = [record.parent_field_id for record in ntuple.field_records]
    taken = np.zeros(len(ntuple.column_records))
    for columns in ntuple.page_link_list:
        for number, column in enumerate(columns):
            taken[number] += sum(page.num_elements for page in column.pages)
    by_field: dict[int, float] = {}
    sizes = [float(n) * max(1.0, own.nbits / 8) for n, own in zip(taken, ntuple.column_records, strict=True)]
    own = [(record.field_id, size) for record, size in zip(ntuple.column_records, sizes, strict=True)]
    for field, size in own + [(record.field_id, sizes[record.physical_id]) for record in ntuple.alias_column_records]:
        top = field
        while parents[top] != top:
            top = parents[top]
        by_field[top] = by_field.get(top, 0.0) + size
    n_entries = max(1, int(ntuple.num_entries))
    return {field.name: by_field.get(field.field_id, 0.0) / n_entries for field in ntuple.fields}


def _numbers(kind: Any) -> Numbers | None:  # noqa: ANN401  an awkward type
    """The numbers of an awkward type; None if it is a different type."""
    shape: tuple[int, ...] = ()
    while isinstance(kind, ak.types.RegularType) and "__array__" not in kind.parameters:
        kind, shape = kind.content, (*shape, kind.size)
    if not isinstance(kind, ak.types.NumpyType) or kind.parameters:
        return None
    dtype = native(np.dtype(kind.primitive))
    return None if dtype is None else (dtype, shape)
