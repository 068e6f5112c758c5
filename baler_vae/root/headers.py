"""The header of an RNTuple that is written: its fields, their columns, and the fields that show what others hold.

Source: ROOT, tree/ntuple/doc/BinaryFormatSpecification.md (1.0), "Field Description" and "Alias columns".
"""

import struct
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import awkward as ak
import uproot
from uproot.writing import _cascadentuple as own

from baler_vae.table.projected import ProjectedCollection

SPLIT = {
    **{plain: plain + 0x0C for plain in range(0x05, 0x0B)},  # 16, 32 and 64 bits, with and without sign
    **{plain: plain + 0x0C for plain in range(0x0C, 0x10)},  # float32, float64, offsets of 32 and 64 bits
}
"""The type of columns whose bytes are split, by that of those whose are not."""

_NUMBERS = tuple(f"ROOT::RNTupleCardinality<std::uint{bits}_t>" for bits in (64, 32))
"""What ROOT calls fields that say how many values others have."""
_VECTOR, _ROOT_VECTOR = "std::vector<", "ROOT::VecOps::RVec<"


@dataclass(frozen=True)
class _Projected:
    """The record of a field that shows what another one, `source`, holds."""

    record: Any
    source: int

    def serialize(self) -> bytes:
        self.record.flags |= uproot.const.RNTupleFieldFlags.PROJECTED
        return bytes(self.record.serialize()) + struct.pack("<I", self.source)


@dataclass(frozen=True)
class _Alias:
    """A column of a field that is the same as one which has values."""

    column: int
    field: int

    def serialize(self) -> bytes:
        return struct.pack("<II", self.column, self.field)


class Header(own.NTuple_Header):  # type: ignore[misc]  # uproot is not typed
    """A header whose columns are split where they can be, and some of whose fields are projections.

    Fields are those of a form of awkward; `typenames` are what some of them were called before. `types` are those of
    columns before they were split, and `fields` the names of those that have values.
    """

    def __init__(
        self,
        name: str,
        description: str,
        form: Any,  # noqa: ANN401  of awkward
        collections: Iterable[ProjectedCollection],
        typenames: Mapping[str, str],
    ) -> None:
        collections = tuple(collections)
        self._collections = {made.name for made in collections}
        self._forms = dict(zip(form.fields, form.contents, strict=True))
        self._sources = {b: (made.name, field) for made in collections for field, b in made.members}
        self._counters = {made.counter: made.name for made in collections if made.counter}
        self._typenames = typenames
        self._places: dict[str, tuple[int, int]] = {}
        self._members: dict[str, dict[str, tuple[int, int]]] = {}
        self._aliases: list[_Alias] = []
        self._envelope = b""
        self._ak_node_count = 0
        projected = self._sources.keys() | self._counters.keys()
        self.fields = [field for field in form.fields if field not in projected]
        super().__init__(
            None, name, description, ak.forms.RecordForm([self._forms[f] for f in self.fields], self.fields)
        )

    def generate_field_col_records(self) -> None:
        """Make the records of fields, columns and aliases."""
        packed = dict(zip(self._akform.fields, self._akform.contents, strict=True))
        for name, form in self._forms.items():
            if name in self._counters:
                self._add_counter(name, str(form.parameters.get("__doc__", "")))
            elif name in self._sources:
                self._add_projection(name, own._to_packed_form(form))  # noqa: SLF001
            else:
                self._places[name] = len(self._field_records), len(self._column_records)
                self._add(name, packed[name])
                if name in self._collections:
                    self._members[name] = self._members_of(*self._places[name])
        self.types = tuple(record.type_num for record in self._column_records)
        for record in self._column_records:
            record.type_num = SPLIT.get(record.type_num, record.type_num)

    def serialize(self) -> bytes:
        """The envelope of the header."""
        if not self._envelope:
            self.generate_field_col_records()
            texts = (self._name, self._ntuple_description, f"Uproot {uproot.__version__}")
            lists: tuple[list[Any], ...] = (self._field_records, self._column_records, self._aliases, [])
            parts = chain(map(own._serialize_string, texts), map(own._serialize_rntuple_list_frame, lists))  # noqa: SLF001
            payload = bytes(8) + b"".join(parts)  # without flags of features
            kind = uproot.const.RNTupleEnvelopeType.HEADER
            data = own._serialize_envelope_header(kind, 8 + len(payload) + 8) + payload  # noqa: SLF001
            self._checksum = own.xxhash.xxh3_64_intdigest(data)
            self._envelope = data + struct.pack("<Q", self._checksum)
        return self._envelope

    def _add(self, name: str, form: Any) -> None:  # noqa: ANN401
        """Add a field, and what is inside it."""
        first = len(self._field_records)
        self._build_field_col_records(form, field_name=name)
        made = self._field_records[first:]
        for record in made[1:]:  # uproot gives the description of a field to what is inside it, too
            if record.field_description == made[0].field_description:
                record.field_description = ""
        if self._typenames.get(name) == made[0].type_name.replace(_VECTOR, _ROOT_VECTOR):
            for record in made:
                record.type_name = record.type_name.replace(_VECTOR, _ROOT_VECTOR)

    def _members_of(self, lists: int, column: int) -> dict[str, tuple[int, int]]:
        """The number of the field, and of the first column, of each member of the records in the last field, by name;
        `lists` and `column` are those of that field.
        """
        fields = [record.field_id for record in self._column_records]
        inside = enumerate(self._field_records[lists + 2 :], lists + 2)
        members = ((number, record) for number, record in inside if record.parent_field_id == lists + 1)
        return {record.field_name: (number, bisect_left(fields, number, column)) for number, record in members}

    def _add_projection(self, name: str, form: Any) -> None:  # noqa: ANN401
        """Add a field of lists that a member of records shows: the lists are theirs, the values those of the member."""
        collection, member = self._sources[name]
        lists, list_column = self._places[collection]
        field, column = self._members[collection][member]
        first, n_columns, n_nodes = len(self._field_records), len(self._column_records), self._ak_node_count
        self._add(name, form)
        columns = self._column_records[n_columns:]
        del self._column_records[n_columns:], self._column_keys[n_columns:]
        self._ak_node_count = n_nodes
        sources = (lists, *range(field, field + len(self._field_records)))
        self._field_records[first:] = map(_Projected, self._field_records[first:], sources)
        values = (list_column, *range(column, column + len(columns)))
        self._aliases += [_Alias(source, one.field_id) for source, one in zip(values, columns, strict=False)]

    def _add_counter(self, name: str, description: str) -> None:
        """Add a field that says how many records there are."""
        lists, list_column = self._places[self._counters[name]]
        number, known = len(self._field_records), self._typenames.get(name)
        typename = known if known in _NUMBERS else _NUMBERS[0]
        role = uproot.const.RNTupleFieldRole.LEAF
        record = own.NTuple_Field_Description(number, role, name, typename, field_description=description)
        self._field_records.append(_Projected(record, lists))
        self._aliases.append(_Alias(list_column, number))
