"""Where values of an RNTuple may be missing: its fields have their types before the first entry is written."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np

from baler_vae.errors import OutputError

Place = tuple[str, ...]
"""A level in the values of a branch: `()` is the values themselves, `("[]", "x")` the field `x` in lists of records."""

IN_LISTS, IN_UNIONS = "[]", "|"


@dataclass
class OptionalPlaces:
    """The `places` where values of the branch of this name may be missing."""

    name: str
    places: set[Place] = field(default_factory=set)

    def learn(self, array: ak.Array, *, declared: bool) -> None:
        """Adds the places where values are missing in an array; with `declared` also those where its type lets them be,
        but for the alternatives of a union.
        """
        found: set[Place] = set()
        _rebuilt(ak.to_layout(array), (), self.places, found, declared=declared)
        self.places |= found

    def applied(self, array: ak.Array) -> ak.Array:
        """The same values, as options by index, the only ones that uproot writes right, in all places and no others.

        Raises:
            OutputError: a value is missing in another place.
        """
        found: set[Place] = set()
        layout = _rebuilt(ak.to_layout(array), (), self.places, found, declared=False)
        if found - self.places:
            raise OutputError(
                "the type of an RNTuple field is set by its first entries, in which nothing is missing",
                column=self.name,
                found="missing values later on",
                way_out="Write .parquet instead, or choose columns without it",
            )
        return ak.Array(layout)


def _rebuilt(layout: Any, place: Place, places: Collection[Place], found: set[Place], *, declared: bool) -> Any:  # noqa: ANN401
    """The layout with options in some places only, what else is missing noted in `found`."""
    if not layout.is_option:
        content = _inside(layout, place, places, found, declared=declared)
        index = np.arange(len(layout))
    else:
        indexed = layout.to_IndexedOptionArray64()
        missing = np.asarray(indexed.index.data) < 0
        if missing.any() or (declared and place[-1:] != (IN_UNIONS,)):
            found.add(place)
        content = _inside(indexed.project(), place, places, found, declared=declared)
        index = np.where(missing, -1, np.cumsum(~missing) - 1)
    if place in places or place in found:
        return ak.contents.IndexedOptionArray(ak.index.Index64(index), content)
    return content


def _inside(layout: Any, place: Place, places: Collection[Place], found: set[Place], *, declared: bool) -> Any:  # noqa: ANN401
    """The layout, no option itself, with what is in it rebuilt."""

    def rebuilt(content: Any, step: str) -> Any:  # noqa: ANN401
        return _rebuilt(content, (*place, step), places, found, declared=declared)

    if layout.is_indexed:
        return _inside(layout.project(), place, places, found, declared=declared)
    if layout.parameter("__array__") in {"string", "bytestring"} or layout.is_numpy or layout.is_unknown:
        return layout
    own: Any
    if layout.is_regular:
        own = ak.contents.RegularArray(rebuilt(layout.content, IN_LISTS), layout.size, len(layout))
    elif layout.is_list:
        lists = layout.to_ListOffsetArray64(True)
        content = lists.content[: lists.offsets[-1]]
        own = ak.contents.ListOffsetArray(lists.offsets, rebuilt(content, IN_LISTS))
    elif layout.is_record:
        names = layout.fields
        contents = [rebuilt(layout.content(name), name) for name in names]
        numbered = bool(names) and names == list(map(str, range(len(names))))  # Arrow has no tuples
        own = ak.contents.RecordArray(contents, None if numbered else names, length=len(layout))
    else:
        contents = [rebuilt(content, IN_UNIONS) for content in layout.contents]
        own = ak.contents.UnionArray(layout.tags, layout.index, contents)
    return own
