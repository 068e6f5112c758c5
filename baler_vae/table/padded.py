"""Padded collections: arrays with a slot for each of at most so many objects, padding behind the last of each row."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_CELLS = 1 << 24
"""The most cells of the array in each row of a column."""
MOST_COLUMNS = 1 << 16
"""The most elements of an array that are a column each."""

_Groups = Mapping[str, tuple[str | None, set[tuple[str, np.dtype[Any]]]]]
"""The counter, and the name and dtype of each column, of groups by name."""


@dataclass(frozen=True)
class PaddedArray:
    """An array of one `shape` (slots, ...) in every row of a source: the columns `features` of a collection, one for
    each place of its other axes in C order, hold what stands in the slots up to the last that is no padding.

    `padding` is the bit pattern of each feature in a slot that is, as an unsigned number of the width of `dtype`.
    `is_column` says that the source has it as one column with a shape; otherwise each of its elements is a column.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    features: tuple[str, ...]
    padding: tuple[int, ...]
    is_column: bool = True
    title: str = ""
    typename: str = ""

    def __post_init__(self) -> None:
        most = MOST_CELLS if self.is_column else MOST_COLUMNS
        if not self.shape or min(self.shape) < 1 or math.prod(self.shape) > most:
            raise ValueError(f"a padded array {self.name!r} of shape {self.shape[:4]}")
        if self.dtype.kind not in "fiub":
            raise ValueError(f"a padded array {self.name!r} of {self.dtype}")
        if not len(self.features) == len(self.padding) == math.prod(self.shape[1:]):
            raise ValueError(f"{len(self.features)} features of a padded array {self.name!r} of shape {self.shape[:4]}")
        if not all(0 <= bits < 1 << 8 * self.dtype.itemsize for bits in self.padding):
            raise ValueError(f"padding of the array {self.name!r} that is not of {self.dtype}")
        if self.dtype.kind == "b" and max(self.padding) > 1:
            raise ValueError(f"padding of the array {self.name!r} that is neither true nor false")

    @property
    def n_slots(self) -> int:
        """The number of slots in each row."""
        return self.shape[0]

    @property
    def n_cells(self) -> int:
        """The number of values in each row, padding among them."""
        return math.prod(self.shape)

    @property
    def bits(self) -> np.dtype[Any]:
        """The dtype of bit patterns."""
        return np.dtype(f"u{self.dtype.itemsize}")


@dataclass(frozen=True)
class PaddedCollection:
    """The collection `name`, whose objects `counter` counts, that was made of padded arrays of as many slots: the
    number of objects in a row is one more than the last slot in which any of the arrays holds other bits than padding.
    """

    name: str
    counter: str
    arrays: tuple[PaddedArray, ...]

    def __post_init__(self) -> None:
        if len({array.n_slots for array in self.arrays}) != 1:
            raise ValueError(f"the arrays of the collection {self.name!r} do not have as many slots each")
        names = [array.name for array in self.arrays]
        if len(set(names)) != len(names) or len(set(self.features)) != len(self.features):
            raise ValueError(f"two arrays or features of the collection {self.name!r} have one name")

    @property
    def n_slots(self) -> int:
        """The most objects in a row."""
        return self.arrays[0].n_slots

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of the collection where it is whole."""
        return tuple(feature for array in self.arrays for feature in array.features)

    @property
    def columns(self) -> tuple[tuple[str, np.dtype[Any]], ...]:
        """The name and the dtype of each feature."""
        return tuple((feature, array.dtype) for array in self.arrays for feature in array.features)

    def whole(self, names: Collection[str]) -> tuple[PaddedArray, ...]:
        """The arrays whose features all have one of these names."""
        return tuple(array for array in self.arrays if set(array.features) <= set(names))


def feature_names(name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """The features of a padded array of some shape (slots, ...), as numpy would write them: `jets[:,0]`, `jets[:,1]`;
    the name of the array itself where there is one.
    """
    if len(shape) == 1:
        return (name,)
    return tuple(f"{name}[:,{','.join(map(str, place))}]" for place in np.ndindex(*shape[1:]))


def padded_cells(collections: Iterable[PaddedCollection]) -> int:
    """The number of values in each row of the arrays of some collections, padding among them."""
    return sum(array.n_cells for collection in collections for array in collection.arrays)


def check_padded(
    padded: Sequence[PaddedCollection], groups: _Groups, counters: Collection[str], others: Collection[str]
) -> None:
    """Check that padded collections describe the groups of a schema, which may lack features, or all of them: each its
    own, with a counter that is one of the whole numbers `counters` of the events and counts nothing else. No column is
    one of those with another part.

    Raises:
        ValueError: they do not.
    """
    for made in padded:
        counter, columns = groups.get(made.name, (made.counter, set()))
        if made.counter not in counters:
            raise ValueError(f"there is no counter {made.counter!r} of the padded collection {made.name!r}")
        counted = [name for name, (own, _) in groups.items() if own == made.counter]
        if counter != made.counter or counted not in ([], [made.name]):
            raise ValueError(f"{made.counter!r} does not count the padded collection {made.name!r} alone")
        if not columns <= set(made.columns):
            raise ValueError(f"the columns of {made.name!r} are not those of its padded arrays")
        if {made.counter, *made.features} & set(others):
            raise ValueError(f"a column of the padded collection {made.name!r} has another part too")
    features = [name for made in padded for name in made.features]
    if len({made.counter for made in padded}) != len(padded) or len(set(features)) != len(features):
        raise ValueError("two padded collections, or features of them, have one name")
