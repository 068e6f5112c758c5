"""The record of a TTree to the byte: TTree 20, TBranch 13 and TLeaf 2 of ROOT, and the baskets before it.

All numbers are big-endian. Source: ROOT, io/doc/TFile (`ttree.md`, `TBasket`, `dobject.md`), and the files it writes.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

_COUNTED = 0x40000000
"""The bit that sets the number of bytes of an object apart from a version."""
_NEW_CLASS = 0xFFFFFFFF
_REFERENCES_FROM = 2
"""What ROOT adds to the place of an object where another refers to it."""

_OBJECT, _MUST_CLEAN_UP, _BRANCH_BITS = 0x03000000, 0x8, 0x00400000
_LINE_FILL_MARKER = bytes.fromhex("40000008 0002 025a00010001 40000006 0002 000003e9 4000000a 0002 000100013f800000")
_FILL = bytes.fromhex("40000006 0002 000003e9")
_IO_FEATURES = bytes.fromhex("40000007 0000 1aa12f10 00")
_EMPTY_ARRAY = bytes.fromhex("40000015 0003 0001 00000000 03000000 00 00000000 00000000")

_LEAF = struct.Struct(">iii??")
_BRANCH_START, _BRANCH_END = struct.Struct(">iiiiq"), struct.Struct(">iiiqqqq")
_TREE = struct.Struct(">qqqqqdiiiiiqqqqqq")
_SMALL_KEY, _BIG_KEY, _BASKET = struct.Struct(">ihiIhhii"), struct.Struct(">ihiIhhqq"), struct.Struct(">HiiiiB")
_BIG_VERSION = 1000
"""What is added to the version of a key with places of eight bytes."""
FIRST_BIG = 2_000_000_000
"""The first place that keys with places of four bytes do not reach."""
_BASKET_BYTES, _OFFSETS_BYTES, _LEAST_CAPACITY = 32_000, 1_000, 10

LETTERS = {
    **{
        f"{sign}int{bits}": letter.lower() if sign else letter
        for bits, letter in ((8, "B"), (16, "S"), (32, "I"), (64, "L"))
        for sign in ("", "u")
    },
    "bool": "O",
    "float32": "F",
    "float64": "D",
    "str": "C",
}
"""What ROOT calls the types of leaves in titles, by the name of their dtype."""

_LIMITS = {"O": "??", "B": "bb", "S": "hh", "I": "ii", "L": "qq", "F": "ff", "D": "dd", "C": "ii"}
"""The types of the least and the largest value of a leaf."""


@dataclass(kw_only=True)
class BranchRecord:
    """A branch of one leaf: its name and title, the type and shape of its values (`str` for text), the name of the
    branch that counts them where it is jagged; whether it counts others; the largest value of a counter, or the most
    bytes of a text; and where its baskets are: bytes of each on disk, its place, and the entries in it.
    """

    name: str
    title: str
    type: str
    shape: tuple[int, ...] = ()
    counter: str = ""
    is_counter: bool = False
    largest: int = 0
    offset_bytes: int = 0
    raw_bytes: int = 0
    basket_bytes: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    @property
    def has_offsets(self) -> bool:
        """Whether its baskets say where each entry begins."""
        return bool(self.counter) or self.type == "str"

    @property
    def leaf_title(self) -> str:
        """The name of its leaf with what is in an entry: `Jet_cov[nJet][2]`."""
        return self.name + (f"[{self.counter}]" if self.counter else "") + "".join(f"[{n}]" for n in self.shape)


def tree_record(
    name: str, title: str, branches: Sequence[BranchRecord], first_entries: Sequence[int], compression: int
) -> bytes:
    """The record of a tree, uncompressed, behind a key with places of eight bytes.

    `first_entries` are those of all baskets and, last, the number of entries; `compression` is the code of ROOT.
    A counter stands before what it counts.
    """
    n_entries, before = first_entries[-1], _BIG_KEY.size + len(_string("TTree") + _string(name) + _string(title))
    named = _named(name, title, _MUST_CLEAN_UP)
    stored = sum(sum(branch.basket_bytes) for branch in branches)
    numbers = _TREE.pack(
        *(n_entries, sum(branch.raw_bytes for branch in branches), stored, 0, 0, 1.0, 0, 25, 0, _OFFSETS_BYTES, 0),
        *(10**12, 10**12, 0, -300_000_000, -30_000_000, 1_000_000),
    )
    start = named + _LINE_FILL_MARKER + numbers + b"\0\0" + _IO_FEATURES
    inside = _array_head(len(branches))
    place = before + 6 + len(start) + 6 + len(inside)
    references: dict[str, int] = {}
    parts = [inside]
    for branch in branches:
        record, leaf = _branch(branch, first_entries, compression, references)
        references[branch.name] = place + leaf + _REFERENCES_FROM
        parts.append(record)
        place += len(record)
    leaves = _array_head(len(branches)) + struct.pack(f">{len(branches)}I", *references.values())
    return _counted(20, start, _counted(3, *parts), _counted(3, leaves), b"\0" * 28)


def _branch(
    branch: BranchRecord, first_entries: Sequence[int], compression: int, references: Mapping[str, int]
) -> tuple[bytes, int]:
    """The record of a branch, and where in it its leaf is."""
    n_baskets = len(branch.places)
    capacity = max(_LEAST_CAPACITY, n_baskets + 1)
    named = _named(branch.name, branch.title, _BRANCH_BITS)
    offset_bytes = (branch.offset_bytes or _OFFSETS_BYTES) if branch.has_offsets else 0
    start = named + _FILL + _BRANCH_START.pack(compression, _BASKET_BYTES, offset_bytes, n_baskets, first_entries[-1])
    numbers = (0, capacity, 0, first_entries[-1], 0, branch.raw_bytes, sum(branch.basket_bytes))
    start += _IO_FEATURES + _BRANCH_END.pack(*numbers) + _EMPTY_ARRAY
    inside = _array_head(1)
    baskets = b"".join(
        b"\1" + np.array([*values, *[0] * (capacity - len(values))], dtype).tobytes()
        for values, dtype in ((branch.basket_bytes, ">i4"), (first_entries, ">i8"), (branch.places, ">i8"))
    )
    leaves = _counted(3, inside, _leaf(branch, references.get(branch.counter, 0)))
    record = _any("TBranch", _counted(13, start, leaves, _EMPTY_ARRAY, baskets, b"\0"))
    return record, 8 + len("TBranch") + 1 + 6 + len(start) + 6 + len(inside)


def _leaf(branch: BranchRecord, reference: int) -> bytes:
    letter = LETTERS[branch.type]
    upper = letter.upper()
    is_text, is_ranged = upper == "C", branch.is_counter or upper == "C"
    n_values = int(np.prod(branch.shape, dtype=np.int64))
    item_bytes = 1 if is_text else np.dtype(branch.type).itemsize
    length = max(1, branch.largest) if is_text else n_values
    general = _counted(
        2,
        _named(branch.name, branch.leaf_title, 0),
        _LEAF.pack(length, item_bytes, 0, branch.is_counter, letter != upper),
        struct.pack(">I", reference),
    )
    largest = np.int64(branch.largest if is_ranged else 0)
    if branch.is_counter:  # a counter without sign is stored as that of its size with one
        largest = largest.astype(np.dtype(branch.type)).view(f"i{np.dtype(branch.type).itemsize}")
    limits = struct.pack(f">{_LIMITS[upper]}", 0, largest.item())
    return _any(f"TLeaf{upper}", _counted(1, general, limits))


def basket_head_bytes(names: tuple[str, str], *, is_big: bool) -> int:
    """The bytes before the data of a basket, by the names of its branch and tree."""
    return (_BIG_KEY if is_big else _SMALL_KEY).size + len(_basket_texts(*names)) + _BASKET.size


def basket_record(
    names: tuple[str, str],
    data: bytes,
    *,
    raw_bytes: int,
    numbers: tuple[int, int, int],
    places: tuple[int, int],
    time: int,
    is_big: bool,
) -> bytes:
    """A basket: a key, with places of eight bytes where `is_big`, a header, and data, which had `raw_bytes` before they
    were compressed.

    `names` are those of branch and tree; `numbers` the bytes of an entry, or the size of the array of offsets where
    there is one, the number of entries, and where the last entry ends, counted from the key; `places` those of the
    basket and of its directory; `time` is ROOT's code for when.
    """
    texts, key = _basket_texts(*names), _BIG_KEY if is_big else _SMALL_KEY
    size = key.size + len(texts) + _BASKET.size
    head = key.pack(size + len(data), 4 + _BIG_VERSION * is_big, raw_bytes, time, size, 0, *places)
    return head + texts + _BASKET.pack(3, _BASKET_BYTES, *numbers, 0) + data


def _basket_texts(branch: str, tree: str) -> bytes:
    """The strings in the key of a basket."""
    return _string("TBasket") + _string(branch) + _string(tree)


def string_of(content: bytes) -> bytes:
    """A string as ROOT writes it: the number of its bytes, which takes five where there are 255 or more, and they."""
    return (bytes([len(content)]) if len(content) < 255 else struct.pack(">BI", 255, len(content))) + content


def _string(text: str) -> bytes:
    return string_of(text.encode(errors="surrogateescape"))


def _counted(version: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">IH", (len(content) + 2) | _COUNTED, version) + content


def _any(name: str, content: bytes) -> bytes:
    """An object behind the name of its class."""
    text = name.encode() + b"\0"
    return struct.pack(">II", (len(text) + len(content) + 4) | _COUNTED, _NEW_CLASS) + text + content


def _object(bits: int) -> bytes:
    return struct.pack(">HII", 1, 0, _OBJECT | bits)


def _array_head(n_objects: int) -> bytes:
    """What a TObjArray has before its objects: no name, their number, and that the first is 0."""
    return _object(0) + b"\0" + struct.pack(">ii", n_objects, 0)


def _named(name: str, title: str, bits: int) -> bytes:
    return _counted(1, _object(bits), _string(name), _string(title))
