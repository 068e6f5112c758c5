"""The types of the fields of an RNTuple, from its header, without reading all values."""

from typing import Any

import awkward as ak
import numpy as np

from baler_vae.root.branches import FAILURES, UNREADABLE, Numbers
from baler_vae.source.grouping import Described, describe, native
from baler_vae.table.nested import Nested
from baler_vae.table.schema import NESTED, TEXT, Column


def describe_fields(ntuple: Any) -> tuple[list[Described], dict[str, str]]:  # noqa: ANN401  an RNTuple
    """The fields of an RNTuple in its order, and those that cannot be read as columns, with the reason."""
    described: list[Described] = []
    unsupported: dict[str, str] = {}
    for field in ntuple.fields:
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
    """About how many bytes an entry of each field takes in memory, by the number of values in its pages."""
    parents = [record.parent_field_id for record in ntuple.field_records]
    taken = np.zeros(len(ntuple.column_records))
    for columns in ntuple.page_link_list:
        for number, column in enumerate(columns):
            taken[number] += sum(page.num_elements for page in column.pages)
    by_field: dict[int, float] = {}
    for n_values, record in zip(taken, ntuple.column_records, strict=True):
        field = record.field_id
        while parents[field] != field:
            field = parents[field]
        by_field[field] = by_field.get(field, 0.0) + float(n_values) * max(1.0, record.nbits / 8)
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
