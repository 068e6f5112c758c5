"""Projected fields of RNTuples: those that show the members of lists of records, or count them, hold no values of their
own. They are read as jagged columns, the records are not, and both are written as they were.

This is what ROOT's RNTupleImporter makes of a TTree: `_collection0` with the records, and `nJet`, `Jet_pt`, `Jet_eta`
by projection.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import awkward as ak
import numpy as np
import uproot

from baler_vae.source.grouping import Described, Jagged
from baler_vae.table.branches import Branch
from baler_vae.table.projected import ProjectedCollection
from baler_vae.table.schema import NESTED, Column

_ROLES, _FLAGS = uproot.const.RNTupleFieldRole, uproot.const.RNTupleFieldFlags
_CARDINALITY = "ROOT::RNTupleCardinality<"


def projected_collections(ntuple: Any) -> tuple[ProjectedCollection, ...]:  # noqa: ANN401  an RNTuple
    """The fields of an RNTuple with lists of records of which each member is also a list by projection; the first
    projection of a member, or of the number of records, is the one.
    """
    records = ntuple.field_records
    children: dict[int, list[int]] = {}
    for number, record in enumerate(records):
        if record.parent_field_id != number:
            children.setdefault(record.parent_field_id, []).append(number)
    tops = [number for number, record in enumerate(records) if record.parent_field_id == number]
    shown: dict[int, dict[int, int]] = {}
    counted: dict[int, int] = {}
    for top in (number for number in tops if records[number].flags & _FLAGS.PROJECTED):
        source, inside = records[top].source_field_id, children.get(top, [])
        if records[top].type_name.startswith(_CARDINALITY):
            counted.setdefault(source, top)
        elif records[top].struct_role == _ROLES.COLLECTION and len(inside) == 1:
            shown.setdefault(source, {}).setdefault(records[inside[0]].source_field_id, top)
    found = []
    for place, top in enumerate(tops):
        inside = children.get(top, [])
        if records[top].struct_role != _ROLES.COLLECTION or records[top].flags & _FLAGS.PROJECTED or len(inside) != 1:
            continue
        members, own = children.get(inside[0], []), shown.get(top, {})
        if records[inside[0]].struct_role == _ROLES.RECORD and members and own.keys() == set(members):
            pairs = tuple((records[member].field_name, records[own[member]].field_name) for member in members)
            counter = records[counted[top]].field_name if top in counted else ""
            found.append(ProjectedCollection(records[top].field_name, pairs, counter, records[top].field_desc, place))
    return tuple(found)


def readable(
    collections: Sequence[ProjectedCollection], described: Sequence[Described]
) -> tuple[ProjectedCollection, ...]:
    """Those whose members are all columns, at least one of them jagged, under a column of whole numbers where there is
    a counter.
    """
    jagged = {branch.name for branch in described if branch.is_jagged}
    lists = jagged | {branch.name for branch in described if branch.dtype == NESTED}
    whole = {b.name for b in described if isinstance(b.column, Column) and b.dtype.kind in "iu" and not b.row_shape}
    return tuple(
        made
        for made in collections
        if set(made.branches) <= lists and jagged & set(made.branches) and (not made.counter or made.counter in whole)
    )


def with_collections(described: Sequence[Described], collections: Sequence[ProjectedCollection]) -> list[Described]:
    """The branches with what is known of the collections: those of one have its counter, or are at least together."""
    home = {branch: made for made in collections for branch in made.branches}

    def known(branch: Described) -> Described:
        made = home.get(branch.name)
        if made is None or not isinstance(branch.column, Jagged):
            return branch
        name = "" if made.counter else made.name.lstrip("_") or made.name
        return replace(branch, column=replace(branch.column, counter=made.counter, collection=name))

    return [known(branch) for branch in described]


def restored_collections(
    collections: Sequence[ProjectedCollection], branches: Sequence[Branch], names: Mapping[str, str]
) -> tuple[ProjectedCollection, ...]:
    """The collections that some branches, whose fields have other names, suffice to write: those of which all members
    are there, jagged ones under one counter. The names are those of fields.
    """
    by_name = {branch.name: branch for branch in branches}
    found = []
    for made in collections:
        own = [by_name[name] for name in made.branches if name in by_name and by_name[name].missing is None]
        own = [branch for branch in own if branch.is_jagged or branch.is_nested]
        counters = {branch.group.counter for branch in own if branch.is_jagged}
        if len(own) < len(made.members) or len(counters) != 1 or made.name in names.values():
            continue
        is_counted = made.counter in counters and made.counter in by_name
        members = tuple((field, names[branch]) for field, branch in made.members)
        found.append(replace(made, members=members, counter=names[made.counter] if is_counted else ""))
    return tuple(found)


def order_of_fields(fields: Sequence[str], collections: Sequence[ProjectedCollection]) -> list[str]:
    """The names of fields with those of collections, each at its place or, if that is further in front, before the
    first of its projections.
    """
    order = list(fields)
    for made in sorted(collections, key=lambda made: made.place):
        order.insert(min(made.place, *map(order.index, made.projections)), made.name)
    return order


def records_of(collection: ProjectedCollection, lists: Callable[[str], ak.Array]) -> ak.Array:
    """The records of a collection, from the lists of each member by the name of its field.

    Raises:
        ValueError: the lists of two members are not as long as each other, or one has none.
    """
    layouts = [ak.to_layout(lists(name)) for name in collection.branches]
    if not all(layout.is_list for layout in layouts):
        raise ValueError(f"members of {collection.name!r} are no lists")
    layouts = [layout.to_ListOffsetArray64(True) for layout in layouts]
    offsets = layouts[0].offsets
    if not all(np.array_equal(layout.offsets.data, offsets.data) for layout in layouts):
        raise ValueError(f"the members of {collection.name!r} have lists of other lengths")
    contents = [layout.content[: offsets[-1]] for layout in layouts]
    record = ak.contents.RecordArray(contents, [field for field, _ in collection.members], length=int(offsets[-1]))
    array = ak.Array(ak.contents.ListOffsetArray(offsets, record))
    return ak.with_parameter(array, "__doc__", collection.title) if collection.title else array
