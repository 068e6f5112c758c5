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
        lasts = [int(start) + (1 << int(shift)) - 1 for start, shift in zip(self.starts, self.shifts, strict=True)]
        aligned = all(
            shift < 64 and int(start) % (1 << int(shift)) == 0
            for start, shift in zip(self.starts, self.shifts, strict=True)
        )
        if not aligned or any(last >= int(start) for last, start in zip(lasts, self.starts[1:], strict=False)):
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
    high, low = range_bits, range_bits
    most = most_in_range
    alphabet = _prune(distinct, masses, high, most)
    while len(alphabet[0]) > largest:
        if most < 1 and high > _HIGHEST_PRICE * range_bits:
            high, most = range_bits, _MORE_IN_RANGE * most
        low, high = high, 2 * high
        alphabet = _prune(distinct, masses, high, most)
    for _ in range(_BISECTIONS if high > low else 0):
        middle = (low * high) ** 0.5
        trial = _prune(distinct, masses, middle, most)
        if len(trial[0]) > largest:
            low = middle
        else:
            high, alphabet = middle, trial
    return Alphabet(*alphabet)


def _prune(
    distinct: NDArray[np.int64], masses: NDArray[np.int64], range_bits: float, most: float
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Starts and shifts of the leaves for distinct codes (codes,) in rising order and their masses (codes,)."""
    total = masses.sum()
    keys = distinct.view(np.uint64) ^ _SIGN
    # Neighbours meet in the node that leaves out all bits up to the highest in which they differ.
    meets = _bit_lengths(keys[1:] ^ keys[:-1])
    ends, mass = np.arange(1, len(keys) + 1), masses.astype(np.float64)
    bits = mass * np.log2(total / mass) + range_bits
    shifts = np.zeros(len(keys), np.uint8)
    for shift in np.flatnonzero(np.bincount(meets, minlength=_ESCAPE_BITS)[:_ESCAPE_BITS]).tolist():
        meeting = meets == shift
        left = meeting.nonzero()[0]
        right = left + 1
        together = mass[left] + mass[right]
        as_leaf = together * (np.log2(total / together) + shift) + range_bits
        branches = bits[left] + bits[right]
        allowed = together <= most * total
        merged = left[(as_leaf <= branches) & allowed]
        if len(merged):
            marks = np.zeros(len(keys) + 1, np.int8)  # 1 where a new leaf begins, -1 where one ends
            marks[np.where(merged, ends[merged - 1], 0)] += 1
            marks[ends[merged + 1]] -= 1
            shifts[np.cumsum(marks[:-1], dtype=np.int8) > 0] = shift
        mass[left] = together
        bits[left] = np.where(allowed, np.minimum(as_leaf, branches), branches)
        ends[left] = ends[right]
        kept = np.ones(len(mass), bool)
        kept[right] = False
        ends, mass, bits = ends[kept], mass[kept], bits[kept]
        meets = meets[~meeting]
    # An arithmetic shift there and back: the start of the range in which each code lies.
    starts, where = np.unique((distinct >> shifts) << shifts, return_index=True)
    return starts, shifts[where]


def _bit_lengths(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The number of bits that each value (n,) takes."""
    high = values >> np.uint64(32)
    is_large = high > 0
    # Whole numbers below 2^53 are exact in float64.
    exponents = np.frexp(np.where(is_large, high, values).astype(np.float64))[1]
    return (exponents + np.where(is_large, 32, 0)).astype(np.uint8)
