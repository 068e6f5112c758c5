"""The types of the branches of a TTree, from the file's metadata, without reading all values."""

from collections import Counter
from typing import Any

import awkward as ak
import numpy as np
import uproot

from baler_vae.source.grouping import Described, describe, native
from baler_vae.table.nested import Nested
from baler_vae.table.schema import NESTED, TEXT, Column

# On damaged bytes uproot raises whatever its parts run into.
FAILURES = Exception

UNREADABLE = "not a type that uproot can read as arrays"
"""Why a branch or a field is left out of whose type uproot or Arrow make no array."""

_VECTOR_HEADER, _BY_MEMBER = 10, 0x40
"""The bytes before the objects of a `std::vector`: their size, a version, their number. A bit of the version says that
they are written member by member."""

Numbers = tuple[np.dtype[Any], tuple[int, ...]]
"""The dtype of numbers, and the shape of the array that each row holds."""


def branches_by_name(tree: uproot.TTree) -> dict[str, list[Any]]:
    """The branches of a tree that have none below them, by the name of their column, in the order of the tree: their
    own name, or their path where several have that. More than one where they even share the path.
    """
    leaves = [(key, branch) for key, branch in tree.iteritems(recursive=True) if not branch.branches]
    times = Counter(branch.name for _, branch in leaves)
    named: dict[str, list[Any]] = {}
    for number, (key, branch) in enumerate(leaves):
        name = branch.name if times[branch.name] == 1 else key
        named.setdefault(name if name.strip() else f"(branch {number + 1} without a name)", []).append(branch)
    return named


def describe_branches(tree: uproot.TTree) -> tuple[list[Described], dict[str, str]]:
    """The branches of a tree in its order, and those that cannot be read as columns, with the reason."""
    described: list[Described] = []
    unsupported: dict[str, str] = {}
    named = branches_by_name(tree)
    integers = {name for name, own in named.items() if not _obstacle(own, tree) and _is_integer(own[0])}
    for name, own in named.items():
        why = _obstacle(own, tree)
        found = None if why else _describe(name, own[0], integers)
        if found is not None:
            described.append(found)
        else:
            unsupported[name] = why or f"{UNREADABLE}: {own[0].typename}"
    return described, unsupported


def _obstacle(own: list[Any], tree: uproot.TTree) -> str:
    """Why branches cannot be a column, whatever their type: their name, or their number of entries; or else nothing."""
    if len(own) > 1:
        return f"{len(own)} branches have this name"
    if not own[0].name.strip():
        return "no name"
    n_entries, expected = int(own[0].num_entries), int(tree.num_entries)
    if n_entries == expected:
        return ""
    lost = f", {n_entries - expected:,} of which would be lost" if n_entries > expected else ""
    return f"length differs from the tree's: {n_entries:,} entries instead of {expected:,}{lost}"


def _describe(name: str, branch: Any, integers: set[str]) -> Described | None:  # noqa: ANN401  a TBranch
    """What a branch holds; None where uproot cannot tell, or cannot read it."""
    try:
        values = branch.interpretation
        is_jagged = isinstance(values, uproot.AsJagged)
        number = _numbers(values.content if is_jagged else values)
        counts = branch.count_branch if is_jagged else None  # which takes uproot long to find
        counter = "" if counts is None else counts.name
        if number is not None:
            column = Column(name, number[0], branch.title, branch.typename)
            return describe(column, number[1], jagged=is_jagged, counter=counter if counter in integers else "")
        if isinstance(values, uproot.AsStrings):
            return Described(Column(name, TEXT, branch.title, branch.typename))
        if branch.num_entries and not _is_laid_out(branch):
            return None
        # What a form promises, as of members written one by one, need not be what can be read.
        with np.errstate(all="ignore"):  # uproot divides by the size of empty structs
            values = branch.array(entry_stop=1, array_cache=None) if branch.num_entries else no_entries(branch)
        Nested.from_awkward(values)
    except FAILURES:
        return None
    return Described(Column(name, NESTED, branch.title, branch.typename))


def _is_laid_out(branch: Any) -> bool:  # noqa: ANN401  a TBranch
    """Whether the objects in the first basket of a branch have the sizes of uproot's struct for them. It does not look
    itself, and makes other numbers of objects with empty structs in them or written member by member.
    """
    values = branch.interpretation
    is_jagged = isinstance(values, uproot.AsJagged)
    struct = values.content if is_jagged else values
    if not isinstance(struct, uproot.AsStridedObjects):
        return True
    basket, size = branch.basket(0), struct.from_dtype.itemsize
    data = np.asarray(basket.data).view(np.uint8)
    if basket.byte_offsets is None:
        return bool(len(data) == basket.num_entries * size)
    starts, sizes = np.asarray(basket.byte_offsets[:-1], np.int64), np.diff(basket.byte_offsets)
    if not is_jagged:
        return bool(np.all(sizes == size))
    if values.header_bytes < _VECTOR_HEADER:
        return bool(size > 0 and not np.any((sizes - values.header_bytes) % size))
    counts = np.zeros(len(starts), np.int64)
    for place in range(_VECTOR_HEADER - 4, _VECTOR_HEADER):  # the last four bytes of the header
        counts = counts << 8 | data[starts + place]
    by_member = data[starts + 4] & _BY_MEMBER
    return bool(np.all(sizes == _VECTOR_HEADER + counts * size) and not by_member.any())


def no_entries(branch: Any) -> ak.Array:  # noqa: ANN401  a TBranch
    """An array of a branch's type without any entry: uproot reads it with members that it hides elsewhere."""

    def shown(layout: Any, **_: object) -> Any:  # noqa: ANN401  layouts of awkward
        hidden = layout.is_record and not layout.is_tuple and any(name.startswith("@") for name in layout.fields)
        return layout[[name for name in layout.fields if not name.startswith("@")]] if hidden else None

    form = branch.interpretation.awkward_form(branch.file)
    return ak.transform(shown, ak.Array(form.length_zero_array(highlevel=False)))


def _is_integer(branch: Any) -> bool:  # noqa: ANN401  a TBranch
    try:
        number = _numbers(branch.interpretation)
    except FAILURES:
        return False
    return number is not None and number[0].kind in "iu" and not number[1]


def _numbers(values: Any) -> Numbers | None:  # noqa: ANN401  an interpretation
    """The numbers that an interpretation gives; None where it gives others."""
    truncated = uproot.interpretation.numerical.TruncatedNumerical
    if not isinstance(values, uproot.AsDtype | truncated) or isinstance(values, uproot.AsStridedObjects):
        return None
    base, shape = np.dtype(values.to_dtype).base, np.dtype(values.to_dtype).shape
    dtype = native(base)
    return None if dtype is None else (dtype, shape)
