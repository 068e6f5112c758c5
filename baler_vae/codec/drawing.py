"""Codes by chance: what comes out of a decoder that is fed with random bits.

A decoder of asymmetric numeral systems turns bits into symbols of the probabilities that it decodes with. Given bits
that are random, each symbol is drawn from the table that a network or a frequency table makes, and the place of the
code in its range is drawn uniformly.

Two things cannot be drawn so. The escape stands for any code outside of all ranges, which no table knows; a code may
stand for a value that is stored beside the codes, or for none at all. Where one comes up, the row draws its symbol
again, from the same table without what came up before.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.rows import Rows
from baler_vae.entropy.alphabet import Alphabet
from baler_vae.entropy.frequencies import frequencies
from baler_vae.entropy.tables import FrequencyTable
from baler_vae.grid.codes import SPECIAL, is_special
from baler_vae.grid.grids import Grid
from baler_vae.grid.numbers import CODE_LIMIT, to_dtype
from baler_vae.model.conditional import Conditional
from baler_vae.model.stream import draw_symbols

Codes = NDArray[np.int64]
Symbols = NDArray[np.int32]
Again = Callable[[NDArray[np.intp], NDArray[np.bool_]], Symbols]
"""Draws the symbols of some rows, by number, again, but none of those that are barred, bool (symbols,)."""


@dataclass
class Tally:
    """How many symbols had to be drawn again, by column: because an escape came up, or a code without a value."""

    escapes: dict[str, int] = field(default_factory=dict)
    valueless: dict[str, int] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Counts those of another too."""
        for own, more in ((self.escapes, other.escapes), (self.valueless, other.valueless)):
            for name, number in more.items():
                own[name] = own.get(name, 0) + number


@dataclass(frozen=True, eq=False)
class Target:
    """The column whose codes are drawn: its name, its grid, the dtype of its values, and whether these are numbers of
    rows, of which there are never fewer than none.
    """

    name: str
    grid: Grid
    dtype: np.dtype[Any]
    counts: bool = False

    def lacks_value(self, codes: Codes) -> NDArray[np.bool_]:
        """Which codes (rows,) stand for no value that is known: those of verbatim values, and those that a grid does
        not have.
        """
        if self.grid.holds_everything:
            return np.zeros(len(codes), np.bool_)
        within: NDArray[np.bool_] = (codes > -CODE_LIMIT) & (codes < CODE_LIMIT)
        if self.dtype.kind == "f":
            within |= is_special(codes) & (codes > SPECIAL)
        return ~within

    def sensible(self, codes: Codes) -> Codes:
        """Codes (rows,) that add up from a prediction and a difference, those beyond the dtype moved to its limits."""
        if self.dtype.kind == "f":
            limits = np.finfo(self.dtype)
            lowest, highest = self.grid.quantise(np.array([limits.min, limits.max], self.dtype)).tolist()
        else:
            numbers = to_dtype(np.array([0.0 if self.counts else -np.inf, np.inf]), self.dtype)
            lowest, highest = self.grid.quantise(numbers).tolist()
            if highest < lowest:  # of uint64, whose codes are modulo 2^64
                return codes
        if not self.grid.holds_everything:
            lowest, highest = max(lowest, 1 - CODE_LIMIT), min(highest, CODE_LIMIT - 1)
            return np.where(is_special(codes), codes, np.clip(codes, lowest, highest))
        return np.clip(codes, lowest, highest)


def can_draw(alphabet: Alphabet, target: Target) -> bool:
    """Whether a range of an alphabet has a code with a value."""
    return not target.lacks_value(_lasts(alphabet)).all()


def drawn_from_table(
    table: FrequencyTable, target: Target, n_rows: int, generator: np.random.Generator, tally: Tally
) -> Codes:
    """Codes int64 (n_rows,) with the frequencies of a table."""
    weights = frequencies(table.levels)[None, :]

    def again(rows: NDArray[np.intp], barred: NDArray[np.bool_]) -> Symbols:
        return _weighted(np.where(barred, 0, weights), len(rows), generator)

    symbols = _weighted(weights, n_rows, generator)

    return _codes_of(symbols, table.alphabet, target, generator, tally, again)


def drawn_from_ranges(alphabet: Alphabet, n_rows: int, generator: np.random.Generator) -> Codes:
    """Codes int64 (n_rows,) from anywhere in the ranges of an alphabet, each code as often as any other."""
    sizes = np.exp2(alphabet.shifts.astype(np.float64))
    symbols = generator.choice(len(sizes), n_rows, p=sizes / sizes.sum()).astype(np.int32)
    return _within_ranges(symbols, alphabet, generator)


class ConditionalDrawer:
    """Draws the codes of a column under its network, some rows at a time, in the order of the layout."""

    def __init__(
        self, network: Conditional, target: Target, rows: Rows, generator: np.random.Generator, tally: Tally
    ) -> None:
        self._network, self._target, self._rows = network, target, rows
        self._generator, self._tally = generator, tally
        self._seen = rows.sources.seen(network)

    def read(self, start: int, stop: int) -> Codes:
        """Codes int64 (stop - start,) of the rows from `start` on."""
        network, generator = self._network, self._generator
        symbols = draw_symbols(self._seen, network, start, stop - start, generator)

        def again(rows: NDArray[np.intp], barred: NDArray[np.bool_]) -> Symbols:
            own = [self._rows.sources.inputs(network.inputs, network.alphabet, start + r, start + r + 1) for r in rows]
            weights = network.tables(np.concatenate(own))
            return _weighted(np.where(barred, 0.0, weights), len(rows), generator)

        return _codes_of(symbols, network.alphabet, self._target, generator, self._tally, again)


def _codes_of(
    symbols: Symbols, alphabet: Alphabet, target: Target, generator: np.random.Generator, tally: Tally, again: Again
) -> Codes:
    """The codes (rows,) of symbols (rows,), each somewhere in its range; what cannot be drawn is drawn `again`."""
    n_ranges = len(alphabet.starts)
    bad = np.flatnonzero(symbols == n_ranges)
    _count(tally.escapes, target.name, len(bad))
    never = np.append(target.lacks_value(alphabet.starts) & target.lacks_value(_lasts(alphabet)), True)
    if len(bad):
        symbols[bad] = again(bad, never)
    codes = _within_ranges(symbols, alphabet, generator)
    bad = np.flatnonzero(target.lacks_value(codes))
    _count(tally.valueless, target.name, len(bad))
    while len(bad):
        codes[bad] = _within_ranges(again(bad, never), alphabet, generator)
        bad = bad[target.lacks_value(codes[bad])]
    return codes


def _within_ranges(symbols: Symbols, alphabet: Alphabet, generator: np.random.Generator) -> Codes:
    """The codes (rows,) of symbols (rows,) that are ranges, each anywhere in its own."""
    offsets = generator.integers(0, 1 << 64, len(symbols), np.uint64)
    # Where a range is one code a shift by 64 leaves nothing: it is one by 63 and one more.
    offsets = offsets >> (np.uint64(63) - alphabet.shifts.astype(np.uint64))[symbols] >> np.uint64(1)
    codes: Codes = alphabet.starts[symbols] + offsets.view(np.int64)
    return codes


def _weighted(weights: NDArray[np.generic], n_rows: int, generator: np.random.Generator) -> Symbols:
    """Symbols int32 (n_rows,) by chance, with the weights (rows or 1, symbols) of each row, which are whole numbers."""
    ends = np.cumsum(weights.astype(np.int64), axis=1)
    if len(ends) == 1:
        symbols = np.searchsorted(ends[0], generator.integers(0, ends[0, -1], n_rows), "right")
    else:
        symbols = np.argmax(ends > generator.integers(0, ends[:, -1])[:, None], axis=1)
    return symbols.astype(np.int32)


def _lasts(alphabet: Alphabet) -> Codes:
    """The last code of each range, int64 (ranges,)."""
    lasts: Codes = alphabet.starts + ((np.int64(1) << alphabet.shifts.astype(np.int64)) - 1)
    return lasts


def _count(numbers: dict[str, int], name: str, n_more: int) -> None:
    if n_more:
        numbers[name] = numbers.get(name, 0) + n_more
