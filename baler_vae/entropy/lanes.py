"""Integer codes under several tables, one of which is chosen for each: the streams of `context-1`.

A code becomes a symbol and an offset, as under `table-1`. Symbols are coded by asymmetric numeral systems (Duda 2009)
with states of 32 bits and words of 16; tables have few slots, so that a reader looks a symbol up. Many rows are coded
in four lanes, runs of rows with a state each.
"""

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.entropy.bits import leb128, read_leb128
from baler_vae.entropy.frequencies import root_of_two_to
from baler_vae.entropy.loading import FEW_IN_CONTEXT, kernels_pay

if TYPE_CHECKING:
    from baler_vae.entropy.lane_kernels import PackedAlphabet, PackedTables

Integers64 = NDArray[np.int64]

MOST_TABLES: Final = 64
LARGEST_LEVEL: Final = 63
LEVELS_PER_OCTAVE: Final = 4
LANES: Final = 4
"""The lanes of many rows: their states do not depend on each other, so that a core works on all at once."""
LEAST_STATE: Final = 1 << 16
"""A state lies in [2^16, 2^32); each word has 16 bits."""
FIRST_ALONE: Final = -(1 << 63) + 16
"""What is coded for the first code that stands alone; the others follow."""
SPECIAL_LIMIT: Final = -(1 << 63) + 4
"""Codes up to it stand for values that no grid holds; nothing is subtracted from them."""
LARGEST_BASE: Final = 1 << 61
"""A code beyond it, to either side, counts as 0 where it is subtracted."""

_FEW_SYMBOLS = 64
"""Symbols up to which a table has 2^12 slots; with more it has 2^14."""
_FEW_SLOTS, _MANY_SLOTS = 12, 14
_ROWS_OF_LANES = 2_048
"""Rows below which there is one lane."""
_MOST_PLACES = 1 << 14
"""Places of the table that finds symbols; codes that lie further apart are searched."""
_NEAR = 256
"""Rows in which most lanes find where an event begins."""
_STATE_BYTES = 4
_WORD_BYTES = 2
_WEIGHTS = np.array([root_of_two_to(16 * 24 - 4 * level) for level in range(LARGEST_LEVEL + 1)], np.int64)
"""floor(2^(24 - level / 4))."""


@dataclass(frozen=True)
class LaneTables:
    """An alphabet, and the levels of its symbols in each table, uint8 (tables, symbols): by how many quarters of an
    octave they are less likely than the likeliest, at most 63.

    Raises:
        ValueError: levels and alphabet do not go together.
    """

    alphabet: Alphabet
    levels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        n_tables = len(self.levels)
        if not 1 <= n_tables <= MOST_TABLES or self.levels.shape != (n_tables, self.alphabet.n_symbols):
            raise ValueError(f"levels of shape {self.levels.shape} for {self.alphabet.n_symbols} symbols")
        if self.levels.max() > LARGEST_LEVEL:
            raise ValueError("a level of a table is too large")

    @property
    def slot_bits(self) -> int:
        """log2 of the sum of the frequencies of a table."""
        return _FEW_SLOTS if self.alphabet.n_symbols <= _FEW_SYMBOLS else _MANY_SLOTS

    @cached_property
    def frequencies(self) -> Integers64:
        """The frequencies int64 (tables, symbols): each at least 1, the sum of a table 2^slot_bits.

        Each is 1 + floor(w (2^slot_bits - n) / sum(w)) with w = floor(2^(24 - level / 4)) and n symbols; what is left
        goes to the first symbol of the least level.
        """
        total, n_symbols = 1 << self.slot_bits, self.levels.shape[1]
        weights = _WEIGHTS[self.levels]
        found: Integers64 = 1 + weights * (total - n_symbols) // weights.sum(axis=1, keepdims=True)
        found[np.arange(len(found)), self.levels.argmin(axis=1)] += total - found.sum(axis=1)
        return found

    @cached_property
    def symbol_bits(self) -> NDArray[np.float64]:
        """The bits of each symbol of each table, with those of its offset, float64 (tables, symbols)."""
        bits: NDArray[np.float64] = self.slot_bits - np.log2(self.frequencies) + self.alphabet.widths
        return bits

    @cached_property
    def packed(self) -> "PackedTables":
        """The tables as the kernels take them."""
        return self._packed(self.frequencies)

    @cached_property
    def without_escape(self) -> "PackedTables":
        """The same, but the likeliest symbol of each table stands for the escape, too."""
        frequencies = self.frequencies.copy()
        frequencies[np.arange(len(frequencies)), frequencies[:, :-1].argmax(axis=1)] += frequencies[:, -1]
        frequencies[:, -1] = 0
        return self._packed(frequencies)

    def _packed(self, frequencies: Integers64) -> "PackedTables":
        n_symbols = frequencies.shape[1]
        firsts = np.cumsum(frequencies, axis=1) - frequencies
        symbols = np.tile(np.arange(n_symbols, dtype=np.uint8), len(frequencies))
        return (
            np.repeat(symbols, frequencies.reshape(-1)),
            frequencies.astype(np.uint32).reshape(-1),
            firsts.astype(np.uint32).reshape(-1),
            n_symbols,
            self.slot_bits,
        )

    @cached_property
    def packed_alphabet(self) -> "PackedAlphabet":
        """The alphabet as the kernels take it."""
        starts, shifts = self.alphabet.starts, self.alphabet.shifts
        low, high = 0, len(starts) - 1
        bounds = [(int(start), int(start) + (1 << int(width))) for start, width in zip(starts, shifts, strict=True)]
        shift = int(shifts.min())
        # Ranges far from most others are searched.
        while bounds[high][1] - bounds[low][0] > _MOST_PLACES << shift:
            from_low = bounds[low + 1][0] - bounds[low][0]
            from_high = bounds[high][1] - bounds[high - 1][1]
            low, high = (low + 1, high) if from_low > from_high else (low, high - 1)
            shift = int(shifts[low : high + 1].min())
        first = bounds[low][0] >> shift
        places = starts[low] + (np.arange((bounds[high][1] >> shift) - first) << np.int64(shift))
        symbols = (np.searchsorted(starts, places, side="right") - 1).astype(np.uint8)
        return starts, shifts, shift, first, symbols


def lanes_of(n_rows: int, previous: Integers64) -> Integers64:
    """Where the lanes of rows begin, and the last one ends, int64 (lanes + 1,): equally long runs, that begin at the
    next row without a `previous` one (rows,) each, which is -1 then.
    """
    n_lanes = LANES if n_rows >= _ROWS_OF_LANES else 1
    starts = [0]
    for lane in range(1, n_lanes):
        at = n_rows * lane // n_lanes
        near = previous[at : at + _NEAR] < 0
        behind = near if near.any() else previous[at:] < 0
        starts.append(at + int(np.argmax(behind)) if behind.any() else n_rows)
    return np.array([*starts, n_rows], np.int64)


def encode_lanes(coded: Integers64, chosen: NDArray[np.uint8], tables: LaneTables, starts: Integers64) -> bytes:
    """The bytes of what is `coded` (rows,) under the tables `chosen` (rows,), in lanes that begin at `starts`: by lane
    the numbers of words and bits (LEB128), by lane the state (uint32), the words (uint16) and the offsets as bits.
    """
    from baler_vae.entropy import lane_kernels as kernels  # noqa: PLC0415

    n_rows, n_lanes = len(coded), len(starts) - 1
    symbols, words = np.empty(n_rows, np.uint8), np.empty(n_rows, np.uint16)
    bits = np.empty(n_rows + 1, np.uint64)  # none has more than 64
    states, first_words, n_bits = np.empty(n_lanes, np.uint32), np.empty(n_lanes, np.int64), np.empty(n_lanes, np.int64)
    all_bits = kernels.split_lanes(coded, tables.packed_alphabet, starts, symbols, bits, n_bits)
    kernels.encode_lanes(symbols, chosen, tables.packed, starts, words, first_words, states)
    counts = zip((starts[1:] - first_words).tolist(), n_bits.tolist(), strict=True)
    lanes = zip(first_words.tolist(), starts[1:].tolist(), strict=True)
    return b"".join(
        (
            *(leb128(number) for pair in counts for number in pair),
            states.astype("<u4", copy=False).tobytes(),
            *(words[first:end].astype("<u2", copy=False).tobytes() for first, end in lanes),
            bits[: all_bits // 64 + 1].astype("<u8", copy=False).tobytes()[: (all_bits + 7) // 8],
        )
    )


@dataclass(eq=False)
class Lanes:
    """What a kernel reads of lanes: all words uint16 and the bits uint64, with an extra word; where the lanes stand
    (lanes,) in both, where each ends, and their states.
    """

    words: NDArray[np.uint16]
    bits: NDArray[np.uint64]
    states: NDArray[np.uint32]
    word_ends: Integers64
    bit_ends: Integers64
    word_places: Integers64
    bit_places: Integers64

    @property
    def limits(self) -> Integers64:
        """The numbers of words and of bits, int64 (2,)."""
        return np.array([self.word_ends[-1], self.bit_ends[-1]], np.int64)

    def finish(self) -> None:
        """Check that everything has been read.

        Raises:
            ValueError: something is left over, or was read twice.
        """
        if np.any(self.word_places != self.word_ends) or np.any(self.bit_places != self.bit_ends):
            raise ValueError("the words or bits of a lane are not all used")
        if np.any(self.states != LEAST_STATE):
            raise ValueError("a lane does not end where it began")


def read_lanes(data: bytes, starts: Integers64) -> Lanes:
    """The lanes of rows, which begin at `starts`, that `encode_lanes` made.

    Raises:
        ValueError: the bytes are not those of such lanes.
    """
    n_lanes, place, numbers = len(starts) - 1, 0, []
    for _ in range(2 * n_lanes):
        number, place = read_leb128(data, place)
        numbers.append(number)
    n_words, n_bits = np.array(numbers, np.int64).reshape(n_lanes, 2).T
    n_rows = np.diff(starts)
    if np.any(n_words > n_rows) or np.any(n_bits > 64 * n_rows):
        raise ValueError("a lane has more words or bits than its rows need")
    words_at, all_bits = place + _STATE_BYTES * n_lanes, int(n_bits.sum())
    bits_at = words_at + _WORD_BYTES * int(n_words.sum())
    if bits_at + (all_bits + 7) // 8 != len(data):
        raise ValueError(f"{len(data)} bytes for lanes of {int(n_words.sum())} words and {all_bits} bits")
    if all_bits % 8 and data[-1] >> all_bits % 8:
        raise ValueError("bits are left over")
    # One extra word: the bits of a number may span two.
    padded = data[bits_at:].ljust(8 * ((all_bits + 63) // 64 + 1), b"\0")
    word_ends, bit_ends = np.cumsum(n_words), np.cumsum(n_bits)
    return Lanes(
        words=np.frombuffer(data[words_at:bits_at], "<u2").astype(np.uint16),
        bits=np.frombuffer(padded, "<u8").astype(np.uint64),
        states=np.frombuffer(data[place:words_at], "<u4").astype(np.uint32),
        word_ends=word_ends,
        bit_ends=bit_ends,
        word_places=word_ends - n_words,
        bit_places=bit_ends - n_bits,
    )


def reading_loops(n_codes: int) -> ModuleType:
    """What reads so many codes: `lane_kernels`, or `few_lanes` where they are few, with loops of the same names."""
    if kernels_pay(n_codes, FEW_IN_CONTEXT):
        from baler_vae.entropy import lane_kernels  # noqa: PLC0415 - numba takes long to import

        return lane_kernels
    from baler_vae.entropy import few_lanes  # noqa: PLC0415 - which imports this module

    return few_lanes


def random_lanes(starts: Integers64, generator: np.random.Generator) -> Lanes:
    """Lanes of random words and bits, as many as rows may need, which begin at `starts`."""
    n_rows = int(starts[-1])
    return Lanes(
        words=generator.integers(0, 1 << 16, n_rows, np.uint16),
        bits=generator.integers(0, 1 << 64, n_rows + 1, np.uint64),
        states=generator.integers(LEAST_STATE, 1 << 32, len(starts) - 1, np.uint32),
        word_ends=starts[1:],
        bit_ends=64 * starts[1:],
        word_places=starts[:-1].copy(),
        bit_places=64 * starts[:-1],
    )
