"""Few symbols for many codes: ranges of codes, and the place of a code in its range."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LARGEST_ALPHABET = 255
"""Maximum number of ranges: with the escape, 256 symbols."""

_MOST_DISTINCT = 1 << 18
"""If there are more distinct codes, they are sampled: their ranges are wide."""
_SIGN = np.uint64(1 << 63)
_ESCAPE_BITS = 64
_BISECTIONS = 4
"""Rounds of the search for the price of a range that gives at most `largest` ranges."""
_HIGHEST_PRICE = 2.0**20
"""How much dearer ranges become before they may hold more rows than asked for, by the factor `_MORE_IN_RANGE`."""
_MORE_IN_RANGE = 1.25


@dataclass(frozen=True)
class Alphabet:
    """Disjoint ranges [start, start + 2^shift) in rising order, each start a multiple of its width; the last symbol,
    after those of the ranges, is the escape: any other code, in 64 bits.

    `starts` int64 (ranges,), `shifts` uint8 (ranges,).
    """

    starts: NDArray[np.int64]
    shifts: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if not 1 <= len(self.starts) <= LARGEST_ALPHABET or len(self.starts) != len(self.shifts):
            raise ValueError(f"an alphabet of {len(self.starts)} ranges and {len(self.shifts)} widths")
        starts, shifts = self.starts.tolist(), self.shifts.tolist()
        ends = [start + (1 << shift) for start, shift in zip(starts, shifts, strict=True)]
        aligned = all(shift < 64 and not start % (1 << shift) for start, shift in zip(starts, shifts, strict=True))
        if not aligned or any(end > start for end, start in zip(ends, starts[1:], strict=False)):
            raise ValueError("the ranges of an alphabet overlap, or do not start at multiples of their widths")

    @property
    def n_symbols(self) -> int:
        return len(self.starts) + 1

    def same_as(self, other: "Alphabet") -> bool:
        """Whether two alphabets have the same ranges."""
        return np.array_equal(self.starts, other.starts) and np.array_equal(self.shifts, other.shifts)

    @property
    def widths(self) -> NDArray[np.uint8]:
        """The offset bits of each symbol (symbols,)."""
        return np.append(self.shifts, np.uint8(_ESCAPE_BITS))

    def split(self, codes: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
        """The symbols int32 and offsets uint64 of codes (rows,)."""
        from baler_vae.entropy.kernels import split_codes  # noqa: PLC0415 - numba takes half a second to import

        symbols, offsets = np.empty(len(codes), np.int32), np.empty(len(codes), np.uint64)
        split_codes(self.starts, self.shifts, codes, symbols, offsets)
        return symbols, offsets

    def positions(self, codes: NDArray[np.int64]) -> NDArray[np.int32]:
        """Where codes (rows,) lie among the ranges, int32 (rows,): 64 for each range below, and how far inside the
        own one in 64ths; codes below all ranges have 0, codes between ranges stand at the end of the range below.
        """
        places = np.empty(len(codes), np.int16)
        self.place(codes, places)
        return places.astype(np.int32)

    def place(self, codes: NDArray[np.int64], places: NDArray[np.int16]) -> None:
        """Fills in the positions (rows,) of codes (rows,)."""
        from baler_vae.entropy.kernels import place_codes  # noqa: PLC0415

        place_codes(self.starts, self.shifts, codes, places)


def fit_alphabet(
    codes: NDArray[np.int64], *, range_bits: float, largest: int = LARGEST_ALPHABET, most_in_range: float = 1.0
) -> Alphabet:
    """The alphabet that describes codes (rows,) with the fewest bits, when each range costs `range_bits` itself and
    there are no more than `largest`. A range of several codes holds at most the part `most_in_range` of the rows, or
    more where there would be too many ranges otherwise.

    Ranges are leaves of the binary tree over all codes. From the bottom up, a node becomes a leaf where that takes no
    more bits than its two branches (the optimal pruning of Breiman et al. 1984); regions without codes are left to
    the escape. More ranges than allowed raise the price of a range until they fit.
    """
    if not len(codes):
        return Alphabet(np.zeros(1, np.int64), np.zeros(1, np.uint8))
    distinct, masses = np.unique(codes, return_counts=True)
    if len(distinct) > _MOST_DISTINCT:
        # Taken from the sorted codes: at every k-th row a column with a period could lose one of its parts.
        distinct, masses = np.unique(np.sort(codes)[:: -(-len(codes) // _MOST_DISTINCT)], return_counts=True)
    tree, high, low = _tree_of(distinct, masses), range_bits, range_bits
    most = most_in_range
    alphabet = tree.pruned(high, most)
    while len(alphabet[0]) > largest:
        if most < 1 and high > _HIGHEST_PRICE * range_bits:
            high, most = range_bits, _MORE_IN_RANGE * most
        low, high = high, 2 * high
        alphabet = tree.pruned(high, most)
    for _ in range(_BISECTIONS if high > low else 0):
        middle = (low * high) ** 0.5
        trial = tree.pruned(middle, most)
        if len(trial[0]) > largest:
            low = middle
        else:
            high, alphabet = middle, trial
    return Alphabet(*alphabet)


@dataclass(frozen=True, eq=False)
class _Tree:
    """The binary tree over distinct codes (codes,) in rising order that have `masses` (codes,): `children`, `spans`,
    `shifts` and `together` of its nodes as `pruning` tells; `bits` (codes,) and `as_leaf` (nodes,) are those that all
    rows of a code, or of a node as one range, take without the range itself.
    """

    distinct: NDArray[np.int64]
    total: int
    children: NDArray[np.int64]
    spans: NDArray[np.int64]
    shifts: NDArray[np.uint8]
    together: NDArray[np.float64]
    bits: NDArray[np.float64]
    as_leaf: NDArray[np.float64]

    def pruned(self, range_bits: float, most: float) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Starts and shifts of the leaves, each of which costs `range_bits`, and has at most the part `most` of the
        mass where it has several codes.
        """
        from baler_vae.entropy.pruning import prune_branches  # noqa: PLC0415

        shifts, most_mass = np.empty(len(self.bits), np.uint8), most * self.total
        nodes = self.children, self.spans, self.shifts
        prune_branches(self.bits, self.as_leaf, range_bits, self.together, most_mass, *nodes, shifts)
        # An arithmetic shift there and back: the start of the range in which each code lies.
        starts = (self.distinct >> shifts) << shifts
        firsts = np.append(True, starts[1:] != starts[:-1])
        return starts[firsts], shifts[firsts]


def _tree_of(distinct: NDArray[np.int64], counts: NDArray[np.int64]) -> _Tree:
    """The tree over distinct codes (codes,) that so many rows (codes,) have."""
    from baler_vae.entropy.pruning import join_branches  # noqa: PLC0415 - numba takes half a second to import

    # Neighbours meet in the node that leaves out all bits up to the highest in which they differ.
    keys = distinct.view(np.uint64) ^ _SIGN
    meets, masses, n_most = _bit_lengths(keys[1:] ^ keys[:-1]), counts.astype(np.float64), max(0, len(distinct) - 1)
    children, spans = np.empty(2 * n_most, np.int64), np.empty(2 * n_most, np.int64)
    shifts, together = np.empty(n_most, np.uint8), np.empty(n_most)
    n = join_branches(meets, masses, children, spans, shifts, together)
    total, shifts, together = int(counts.sum()), shifts[:n], together[:n]
    as_leaf = together * (np.log2(total / together) + shifts)
    bits = masses * np.log2(total / masses)
    return _Tree(distinct, total, children, spans, shifts, together, bits, as_leaf)


def _bit_lengths(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The number of bits that each value (n,) takes."""
    high = values >> np.uint64(32)
    is_large = high > 0
    # Whole numbers below 2^53 are exact in float64.
    exponents = np.frexp(np.where(is_large, high, values).astype(np.float64))[1]
    return (exponents + np.where(is_large, 32, 0)).astype(np.uint8)
