"""Awkward arrays as Arrow columns, and back: records are taken apart, lists of records too, so that every field is a
column of numbers or lists of numbers with a bound of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa

from baler_vae.errors import SourceError
from baler_vae.memory.shaping import shaped
from baler_vae.source.grouping import unique

UNNAMED = "values"
"""What the column of an array is called that has no fields."""

_DEEPEST = 64


@dataclass(frozen=True)
class Leaf:
    """A column of an awkward array: the names of the fields that lead to it, the form of its values, and the collection
    whose lists it shares with others; nothing where it shares none.
    """

    name: str
    steps: tuple[str, ...]
    form: Any
    collection: str = ""


@dataclass(frozen=True, eq=False)
class FormEntry:
    """How an awkward array was: its form; its columns are called after `name` and its fields, joined by `_`. With
    `as_objects` it was an array of numpy that held an array for each row. `attributes` are those that JSON can hold.
    """

    name: str
    form: Any
    names: tuple[str, ...]
    as_objects: bool = False
    attributes: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, name: str, array: ak.Array, *, as_objects: bool = False) -> "FormEntry":
        """That of an array.

        Raises:
            SourceError: Arrow has no type for a field.
        """
        form = array.layout.form
        _check_sizes(form, name)
        names: list[str] = []
        for leaf in _leaves(form, name):
            names.append(unique(leaf.name, names))
        plain = {key: value for key, value in array.attrs.items() if not key.startswith("@") and _is_plain(value)}
        entry = cls(name, form, tuple(names), as_objects, plain or None)
        entry.fields()
        return entry

    @cached_property
    def leaves(self) -> list[Leaf]:
        """The columns, in the order of the fields."""
        found = list(_leaves(self.form, self.name))
        return [replace(leaf, name=name) for leaf, name in zip(found, self.names, strict=True)]

    def renamed(self, names: Sequence[str]) -> "FormEntry":
        """The same array with other names of its columns."""
        return replace(self, names=tuple(names))

    def fields(self) -> list[pa.Field]:
        """The Arrow fields of the columns.

        Raises:
            SourceError: Arrow has no type for one.
        """
        return self._fields

    @cached_property
    def _fields(self) -> list[pa.Field]:
        return [_field(leaf) for leaf in self.leaves]

    def read(self, layout: Any, number: int, start: int, stop: int) -> pa.Array:  # noqa: ANN401
        """Some rows of a column."""
        leaf = self.leaves[number]
        for step in leaf.steps:
            layout = layout[step]
        piece = layout[start:stop]
        try:
            return _arrow(piece, leaf)
        except IndexError:  # of awkward, where all of a slice is missing
            return pa.array(ak.to_list(piece), self._fields[number].type)

    def restored(self, columns: Mapping[str, pa.Array], n_rows: int) -> dict[str, Any]:
        """The array under its name, without the fields that are missing; nothing where none is.

        Raises:
            ValueError, TypeError, LookupError: the columns are not those of the form.
        """
        found = iter([columns.get(name) for name in self.names])
        layout = _built(self.form, found, n_rows)
        if layout is None:
            return {}
        array = ak.Array(layout, attrs=dict(self.attributes) if self.attributes else None)
        return {self.name: _objects(array) if self.as_objects else array}

    def told(self) -> tuple[str, str]:
        """The name and the type, in which batches must agree."""
        return self.name, str(self.form.type)

    def document(self) -> dict[str, Any]:
        """The entry as plain values of JSON."""
        return {
            "form": self.form.to_dict(verbose=False),
            "name": self.name,
            "columns": list(self.names),
            "as_objects": self.as_objects,
            "attributes": self.attributes,
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "FormEntry":
        """What `document` was called on.

        Raises:
            ValueError, TypeError, LookupError: it is not of such an entry.
        """
        entry = cls(
            str(document["name"]),
            ak.forms.from_dict(document["form"]),
            tuple(map(str, document["columns"])),
            document["as_objects"] is True,
            document["attributes"],
        )
        _ = entry.leaves
        return entry


def _check_sizes(form: Any, name: str) -> None:  # noqa: ANN401  of awkward
    """Raise SourceError where lists have a size of zero: how many there are is lost in Arrow."""
    sizes = [form.size] if form.is_regular else form.inner_shape if form.is_numpy else []
    if 0 in sizes:
        what = "lists of the size zero are not supported"
        raise SourceError(what, column=name or None, found=str(form.type), way_out="Leave the field out")
    inner = form.contents if form.is_record or form.is_union else [getattr(form, "content", None)]
    for number, own in enumerate(inner):
        if own is not None:
            _check_sizes(own, form.fields[number] if form.is_record else name)


def _leaves(form: Any, name: str, steps: tuple[str, ...] = (), collection: str = "") -> Iterator[Leaf]:  # noqa: ANN401
    """The columns of a form. `collection` is the one in whose lists it is."""
    if len(steps) > _DEEPEST:
        raise ValueError("records are nested too deeply")
    form = _bare(form)
    if form.is_record and form.fields:
        for field in form.fields:
            inner = f"{name}_{field}" if name else field
            yield from _leaves(form.content(field), inner, (*steps, field), collection)
    elif _is_list_of_records(form) and not collection:
        for leaf in _leaves(form.content, name, steps, name or UNNAMED):
            yield replace(leaf, form=ak.forms.ListOffsetForm("i64", leaf.form))
    else:
        yield Leaf(name or UNNAMED, steps, form, collection)


def _bare(form: Any) -> Any:  # noqa: ANN401  of awkward
    """The form without an index that says nothing of the type."""
    while form.is_indexed and not form.is_option and form.parameter("__array__") != "categorical":
        form = form.content
    return form


def _is_list_of_records(form: Any) -> bool:  # noqa: ANN401  of awkward
    if not form.is_list or form.is_regular or form.parameter("__array__") is not None:
        return False
    content = _bare(form.content)
    return bool(content.is_record and content.fields)


def _field(leaf: Leaf) -> pa.Field:
    said = {"collection": leaf.collection, "counter": f"n{leaf.collection}"} if leaf.collection else None
    plain = ak.forms.from_dict(_without_categories(leaf.form.to_dict(verbose=False)))
    kind = _arrow(plain.length_zero_array(highlevel=False), leaf).type
    return pa.field(leaf.name, kind, nullable=bool(leaf.form.is_option or leaf.form.is_unknown), metadata=said)


def _without_categories(form: Any) -> Any:  # noqa: ANN401  of JSON
    """The document of a form, with what categories name in their place."""
    if not isinstance(form, dict):
        return form
    if form.get("class") == "IndexedArray":
        return _without_categories(form["content"])
    inner: dict[str, Any] = {}
    if "content" in form:
        inner["content"] = _without_categories(form["content"])
    if "contents" in form:
        inner["contents"] = [_without_categories(own) for own in form["contents"]]
    return form | inner


def _arrow(layout: Any, leaf: Leaf) -> pa.Array:  # noqa: ANN401  of awkward
    try:
        # Of a slice that is not packed awkward converts all that lies before it. Packed, categories are what they name.
        return ak.to_arrow(ak.to_packed(layout, highlevel=False), extensionarray=False)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        raise SourceError(
            f"Arrow has no type for its values: {str(error).splitlines()[0]}",
            column=leaf.name,
            found=str(leaf.form.type),
            way_out="Leave the field out, or split it into numbers",
        ) from error


def _built(form: Any, columns: Iterator[pa.Array | None], n_rows: int) -> Any:  # noqa: ANN401  of awkward
    """The layout of a form, of the next columns; None where none of them is there."""
    form = _bare(form)
    if form.is_record and form.fields:
        return _record(form, [_built(inner, columns, n_rows) for inner in form.contents], n_rows)
    if _is_list_of_records(form):
        lists: list[Any] = []
        record = _inside(form.content, columns, lists)
        if record is None:
            return None
        return ak.contents.ListOffsetArray(lists[0].offsets, record, parameters=form.parameters)
    column = next(columns)
    return None if column is None else shaped(_layout(column), form)


def _inside(form: Any, columns: Iterator[pa.Array | None], lists: list[Any]) -> Any:  # noqa: ANN401  of awkward
    """What is in lists that several columns share, which are noted."""
    form = _bare(form)
    if form.is_record and form.fields:
        contents = [_inside(inner, columns, lists) for inner in form.contents]
        return _record(form, contents, int(lists[0].offsets[-1]) if lists else 0)
    column = next(columns)
    if column is None:
        return None
    found = shaped(_layout(column), ak.forms.ListOffsetForm("i64", form))
    if lists and not np.array_equal(np.asarray(found.offsets.data), np.asarray(lists[0].offsets.data)):
        raise ValueError("lists of records whose fields have different lengths")
    lists.append(found)
    return found.content


def _record(form: Any, contents: Sequence[Any], n_rows: int) -> Any:  # noqa: ANN401  of awkward
    kept = [(name, content) for name, content in zip(form.fields, contents, strict=True) if content is not None]
    if not kept:
        return None
    names = None if form.is_tuple and len(kept) == len(contents) else [name for name, _ in kept]
    return ak.contents.RecordArray([own for _, own in kept], names, length=n_rows, parameters=form.parameters)


def _layout(column: pa.Array) -> Any:  # noqa: ANN401  of awkward
    # Of a slice awkward reads the bits that say what is missing from their beginning.
    plain = column.take(pa.array(np.arange(len(column)))) if column.offset else column
    return ak.from_arrow(plain, highlevel=False)


def _objects(array: ak.Array) -> np.ndarray[Any, Any]:
    """An array of objects, an array of numpy for each row."""
    rows = np.empty(len(array), object)
    for number, row in enumerate(array):
        rows[number] = ak.to_numpy(row)
    return rows


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(own) for key, own in value.items())
    return value is None or isinstance(value, str | int | float | bool)
