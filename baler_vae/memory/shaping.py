"""Awkward arrays in the type that they had before Arrow held them."""

from typing import Any

import awkward as ak
import numpy as np

_TEXTS = {"string": "char", "bytestring": "byte"}


def shaped(layout: Any, form: Any) -> Any:  # noqa: ANN401  of awkward
    """The values of a layout with the type of a form: options where it has them, its names of records, its parameters,
    its unions, tuples and categories.

    Raises:
        ValueError: they are values of another type.
    """
    if form.is_option:
        return _option(layout, form)
    if layout.is_option:
        indexed = layout.to_IndexedOptionArray64()
        layout = indexed.project()
        if len(layout) < len(indexed):
            return _refused(indexed, form)
    if form.is_indexed:
        values = shaped(layout, form.content)
        return _categories(values, form) if form.parameter("__array__") == "categorical" else values
    if layout.is_indexed:
        layout = layout.project()
    return _shaped(layout, form)


def _shaped(layout: Any, form: Any) -> Any:  # noqa: ANN401, PLR0911  of awkward, a case for each kind of layout
    """That of neither an option nor an index."""
    if form.is_unknown:
        return ak.contents.EmptyArray() if len(layout) == 0 else _refused(layout, form)
    if form.is_numpy:
        return _numbers(layout, form)
    if form.is_regular and layout.is_regular:
        content = shaped(layout.content[: len(layout) * form.size], form.content)
        return ak.contents.RegularArray(content, form.size, len(layout), parameters=form.parameters)
    if form.is_list and layout.is_list:
        lists = layout.to_ListOffsetArray64(start_at_zero=True)
        content = lists.content[: int(lists.offsets[-1])]
        kind = _TEXTS.get(str(form.parameter("__array__")))
        if kind is not None:
            content = ak.contents.NumpyArray(content.data, parameters={"__array__": kind})
        else:
            content = shaped(content, form.content)
        return ak.contents.ListOffsetArray(lists.offsets, content, parameters=form.parameters)
    if form.is_record and layout.is_record:
        contents = [shaped(layout.content(name), form.content(name)) for name in form.fields]
        names = None if form.is_tuple else form.fields
        return ak.contents.RecordArray(contents, names, length=len(layout), parameters=form.parameters)
    if form.is_union and layout.is_union and len(form.contents) == len(layout.contents):
        pairs = zip(layout.contents, form.contents, strict=True)
        contents = [shaped(content, own) for content, own in pairs]
        return ak.contents.UnionArray(layout.tags, layout.index, contents, parameters=form.parameters)
    return _refused(layout, form)


def _numbers(layout: Any, form: Any) -> Any:  # noqa: ANN401  of awkward
    if form.inner_shape:
        return shaped(layout, form.to_RegularForm())
    if layout.is_unknown:
        return form.length_zero_array(highlevel=False)
    if not layout.is_numpy or layout.form.primitive != form.primitive:
        return _refused(layout, form)
    return ak.contents.NumpyArray(layout.data, parameters=form.parameters)


def _option(layout: Any, form: Any) -> Any:  # noqa: ANN401  of awkward
    if not layout.is_option:
        return ak.contents.UnmaskedArray(shaped(layout, form.content), parameters=form.parameters)
    indexed = layout.to_IndexedOptionArray64()
    missing = np.asarray(indexed.index.data) < 0
    content = shaped(indexed.project(), form.content)
    index = np.where(missing, -1, np.cumsum(~missing) - 1)
    if content.is_indexed:  # categories: an option of them is one index
        inner = np.asarray(content.index.data)
        index = np.where(missing, -1, inner[index] if len(inner) else -1)
        return ak.contents.IndexedOptionArray(ak.index.Index64(index), content.content, parameters=content.parameters)
    return ak.contents.IndexedOptionArray(ak.index.Index64(index), content, parameters=form.parameters)


def _categories(values: Any, form: Any) -> Any:  # noqa: ANN401  of awkward
    """Values as an index into those that differ, in the order in which they come."""
    words = ak.to_list(values)
    places: dict[Any, int] = {}
    index = np.array([places.setdefault(word, len(places)) for word in words], np.int64)
    firsts = np.unique(index, return_index=True)[1]
    return ak.contents.IndexedArray(ak.index.Index64(index), values[firsts], parameters=form.parameters)


def _refused(layout: Any, form: Any) -> Any:  # noqa: ANN401  of awkward
    raise ValueError(f"values of the type {layout.form.type}, not {form.type}")
