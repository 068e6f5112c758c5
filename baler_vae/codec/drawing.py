"""Codes by chance: what comes out of a decoder that is fed with random bits.

A decoder of asymmetric numeral systems turns bits into symbols of the probabilities that it decodes with. Given bits
that are random, each symbol is drawn from the table that a network or a frequency table makes, and the place of the
code in its range is drawn uniformly.

Two things cannot be drawn so. The escape stands for any code outside of all ranges, which no table knows; a code may
stand for a value that is stored beside the codes, or for none at all. Where one comes up, the row draws its symbol
again, from the same table without what came up before.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.rows import Rows
from baler_vae.entropy.alphabet import Alphabet
from baler_vae.entropy.frequencies import frequencies
from baler_vae.entropy.lanes import FIRST_ALONE
from baler_vae.entropy.tables import FrequencyTable
from baler_vae.grid.codes import SPECIAL, is_special
from baler_vae.grid.grids import Grid, Integers, code_limit, grid_at, is_dithered
from baler_vae.grid.numbers import to_dtype
from baler_vae.model.cell_fields import Look
from baler_vae.model.cell_stream import draw_seen
from baler_vae.model.cells import Cells
from baler_vae.model.coders import differences, sums
from baler_vae.model.conditional import Conditional
from baler_vae.model.context import InContext, Sources, coded_in_context, draw_in_context, subtracted
from baler_vae.model.neighbours import Neighbours, draw_by_neighbours
from baler_vae.model.stream import draw_symbols

Codes = NDArray[np.int64]
Symbols = NDArray[np.int32]
_TRIES = 16
"""How often a code without a value is drawn again before one is taken that was seen."""
Again = Callable[[NDArray[np.intp]], Codes]
"""Draws other codes for some of the rows that it was made for, by their places among these."""


@dataclass
class Tally:
    """How many codes had to be drawn again, by column: because an escape came up, or a code without a value, or a
    difference that leads to a value `beyond` all that were seen.
    """

    escapes: dict[str, int] = field(default_factory=dict)
    valueless: dict[str, int] = field(default_factory=dict)
    beyond: dict[str, int] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Counts those of another too."""
        pairs = ((self.escapes, other.escapes), (self.valueless, other.valueless), (self.beyond, other.beyond))
        for own, more in pairs:
            for name, number in more.items():
                own[name] = own.get(name, 0) + number


@dataclass(frozen=True, eq=False)
class Target:
    """The column whose codes are drawn: its name, its grid, the dtype of its values, whether these are numbers of rows,
    of which there are never fewer than none, and the ranges in which its codes were `seen`, where these are known.
    """

    name: str
    grid: Grid
    dtype: np.dtype[Any]
    counts: bool = False
    seen: Alphabet | None = None

    def lacks_value(self, codes: Codes) -> NDArray[np.bool_]:
        """Which codes (rows,) stand for no value that is known: those of verbatim values, and those that a grid does
        not have.
        """
        if self.grid.holds_everything:
            return np.zeros(len(codes), np.bool_)
        limit = code_limit(self.grid)
        within: NDArray[np.bool_] = (codes > -limit) & (codes < limit)
        if self.dtype.kind == "f":
            within |= is_special(codes) & (codes > SPECIAL)
        return ~within

    def sensible(self, codes: Codes) -> Codes:
        """Codes (rows,) that add up from a prediction and a difference, those beyond the dtype moved to its limits."""
        lowest, highest = self._limits
        if highest < lowest:  # of 64 bits without a sign, whose codes are modulo 2^64
            return codes
        return np.where(self._special(codes), codes, np.clip(codes, lowest, highest))

    def is_strange(self, codes: Codes) -> NDArray[np.bool_]:
        """Which codes (rows,) that add up lie outside of what was `seen`; none, where that is not known."""
        if self.seen is None:
            return np.zeros(len(codes), np.bool_)
        strange: NDArray[np.bool_] = self.seen.split(codes)[0] == len(self.seen.starts)
        return strange & ~self._special(codes)

    def nearest_seen(self, codes: Codes) -> Codes:
        """The nearest codes (rows,) in the ranges that were `seen`."""
        if self.seen is None:
            return codes
        starts, lasts = self.seen.starts, _lasts(self.seen)
        above = np.searchsorted(starts, codes, "right")  # the first range that starts above a code
        below = np.maximum(above - 1, 0)
        low = np.clip(codes, starts[below], lasts[below])
        high = starts[np.minimum(above, len(starts) - 1)]
        # Of two codes without a sign in common the distance may need 64 bits.
        is_nearer = (high > codes) & (_distance(codes, high) < _distance(low, codes))
        return np.where(is_nearer, high, low)

    def stands_alone(self, codes: Codes) -> NDArray[np.bool_]:
        """Which codes (rows,) that were `seen` have a range of their own."""
        if self.seen is None:
            return np.zeros(len(codes), np.bool_)
        alone: NDArray[np.bool_] = np.append(self.seen.shifts == 0, False)[self.seen.split(codes)[0]]
        return alone

    @cached_property
    def _limits(self) -> tuple[int, int]:
        """The lowest and the highest code of a finite value; of one in all rows, where the grid depends on them."""
        grid, limit = grid_at(self.grid, None, 2), code_limit(self.grid)
        if self.dtype.kind != "f":
            numbers = to_dtype(np.array([0.0 if self.counts else -np.inf, np.inf]), self.dtype)
            lowest, highest = grid.quantise(numbers).tolist()
        else:
            limits = np.finfo(self.dtype)
            lowest, highest = grid.quantise(np.array([limits.min, limits.max], self.dtype)).tolist()
            at_limits = np.isfinite(grid.dequantise(np.array([lowest, highest]), self.dtype)) & ~is_dithered(self.grid)
            lowest, highest = lowest + int(not at_limits[0]), highest - int(not at_limits[1])
        if not self.grid.holds_everything:
            lowest, highest = max(lowest, 1 - limit), min(highest, limit - 1)
        return lowest, highest

    def _special(self, codes: Codes) -> NDArray[np.bool_]:
        return np.zeros(len(codes), np.bool_) if self.grid.holds_everything else is_special(codes)


def can_draw(alphabet: Alphabet, target: Target) -> bool:
    """Whether a range of an alphabet has a code with a value."""
    return not target.lacks_value(_lasts(alphabet)).all()


class TableDrawer:
    """Draws codes with the frequencies of a table."""

    def __init__(self, table: FrequencyTable, target: Target, generator: np.random.Generator, tally: Tally) -> None:
        self._alphabet, self._target, self._generator, self._tally = table.alphabet, target, generator, tally
        self._weights = frequencies(table.levels)[None, :]

    def read(self, start: int, stop: int) -> Codes:
        """Codes int64 (stop - start,)."""
        symbols = _weighted(self._weights, stop - start, self._generator)
        return _codes_of(symbols, self._alphabet, self._target, self._generator, self._tally, self.again)

    @property
    def alphabet(self) -> Alphabet:
        """The ranges from which codes are drawn."""
        return self._alphabet

    def again(self, rows: NDArray[np.intp]) -> Again:  # noqa: ARG002  all have the same table
        """Draws other codes for some rows, by number."""
        return _redrawing(self._weights, self._alphabet, self._target, self._generator)


def drawn_from_ranges(alphabet: Alphabet, target: Target, n_rows: int, generator: np.random.Generator) -> Codes:
    """Codes int64 (n_rows,) that have a value, from anywhere in the ranges of an alphabet that `can_draw`, each code as
    often as any other.
    """
    barred = target.lacks_value(alphabet.starts) & target.lacks_value(_lasts(alphabet))
    sizes = np.where(barred, 0.0, np.exp2(alphabet.shifts.astype(np.float64)))
    codes, left = np.empty(n_rows, np.int64), np.arange(n_rows)
    while len(left):
        symbols = generator.choice(len(sizes), len(left), p=sizes / sizes.sum()).astype(np.int32)
        codes[left] = _within_ranges(symbols, alphabet, generator)
        left = left[target.lacks_value(codes[left])]
    return codes


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
        self._rows.sources.look_back(stop)
        symbols = draw_symbols(self._seen, self._network, start, stop - start, self._generator)

        def again(rows: NDArray[np.intp]) -> Again:
            return self.again(start + rows)

        return _codes_of(symbols, self._network.alphabet, self._target, self._generator, self._tally, again)

    @property
    def alphabet(self) -> Alphabet:
        """The ranges from which codes are drawn."""
        return self._network.alphabet

    def again(self, rows: NDArray[np.intp]) -> Again:
        """Draws other codes for some rows, by number in rising order."""
        network, first = self._network, int(rows[0])
        inputs = self._rows.sources.inputs(network.inputs, network.alphabet, first, int(rows[-1]) + 1)
        weights = network.tables(inputs[rows - first])
        return _redrawing(weights, network.alphabet, self._target, self._generator)


class ContextDrawer:
    """Draws the codes of a column under tables in context, all rows at once."""

    shows: Final = False

    def __init__(
        self, context: InContext, target: Target, looked_at: Sources, generator: np.random.Generator, tally: Tally
    ) -> None:
        self._context, self._target, self._looked_at = context, target, looked_at
        self._generator, self._tally = generator, tally

    def read(self, start: int, stop: int, predicted: Codes | None) -> Codes:  # noqa: ARG002  they are all rows
        """Codes int64 (rows,), which have a value that was seen."""
        context, looked_at, target = self._context, self._looked_at, self._target
        holds, alphabet = target.grid.holds_everything, context.tables.alphabet
        codes = draw_in_context(context, looked_at, predicted, self._generator, holds_everything=holds)
        coded, chosen = coded_in_context(codes, context, looked_at, predicted, holds_everything=holds)
        escaped = alphabet.split(coded)[0] == len(alphabet.starts)
        base = subtracted(codes, context, looked_at, predicted)
        codes = target.sensible(codes)
        wrong = target.lacks_value(codes) | target.is_strange(codes)
        count_redrawn(self._tally.escapes, target.name, int(escaped.sum()))
        count_redrawn(self._tally.beyond, target.name, int((wrong & ~escaped).sum()))
        left = np.flatnonzero(escaped | wrong)
        weights = context.tables.frequencies.copy()
        weights[:, -1] = 0
        for _ in range(_TRIES):
            if not len(left):
                break
            drawn = _within_ranges(
                _weighted(weights[chosen[left]], len(left), self._generator), alphabet, self._generator
            )
            codes[left] = target.sensible(_added(drawn, base, left, context, holds_everything=holds))
            left = left[target.lacks_value(codes[left]) | target.is_strange(codes[left])]
        codes[left] = target.nearest_seen(target.sensible(np.zeros(len(left), np.int64)))
        return codes

    def verbatim(self, n_values: int) -> NDArray[np.uint64]:  # noqa: ARG002
        """None: no code is drawn that stands for one."""
        return np.empty(0, np.uint64)

    def finish(self) -> None:
        """Nothing is left: as much is drawn as is asked for."""


def _added(coded: Codes, base: Codes, rows: NDArray[np.intp], context: InContext, *, holds_everything: bool) -> Codes:
    """The codes (rows,) of what is coded in some rows, by number, of all that differ from a base."""
    codes = coded + base[rows] if len(base) else coded
    if holds_everything:
        return codes
    for number, code in enumerate(context.alone):
        codes = np.where(coded == FIRST_ALONE + number, code, codes)
    return np.where(is_special(coded), coded, codes)


def drawn_by_neighbours(
    neighbours: Neighbours, target: Target, n_rows: int, generator: np.random.Generator, tally: Tally
) -> Codes:
    """Codes int64 (rows * cells,) of arrays under the tables of their neighbours; what leads beyond the values of the
    column is moved to them, and what has no value is the code 0 or the nearest.
    """
    holds = target.grid.holds_everything
    codes = target.sensible(draw_by_neighbours(neighbours, n_rows, generator, holds_everything=holds))
    lacking = target.lacks_value(codes)
    count_redrawn(tally.valueless, target.name, int(lacking.sum()))
    return np.where(lacking, target.sensible(np.zeros(1, np.int64)), codes)


class CellDrawer:
    """Draws the codes of the cells of arrays under their network, in the order in which they are coded."""

    def __init__(self, cells: Cells, target: Target, generator: np.random.Generator, tally: Tally) -> None:
        self._network, self._target, self._generator, self._tally = cells.network, target, generator, tally

    def read(self, look: Look) -> Codes:
        """What is coded, int64 (n,), of the next cells; what leads beyond the values of the column is moved to them."""
        symbols, plain = draw_seen(look, self._network, self._generator), self._target
        if look.base is not None:  # any difference may be drawn
            plain = replace(plain, grid=Integers(), dtype=np.dtype(np.int64))

        def again(items: NDArray[np.intp]) -> Again:
            weights = self._network.tables(look.inputs[:, items].T)
            return _redrawing(weights, self._network.alphabet, plain, self._generator)

        coded = _codes_of(symbols, self._network.alphabet, plain, self._generator, self._tally, again)
        if look.base is None:
            return coded
        codes = self._target.sensible(sums(coded, look.base, self._target.grid))
        lacking = self._target.lacks_value(codes)
        count_redrawn(self._tally.beyond, self._target.name, int(lacking.sum()))
        return differences(np.where(lacking, look.base, codes), look.base, self._target.grid)

    def verbatim(self, n_values: int) -> NDArray[np.uint64]:  # noqa: ARG002
        """None: no code is drawn that stands for one."""
        return np.empty(0, np.uint64)

    def finish(self) -> None:
        """Nothing is left: as much is drawn as is asked for."""


def _redrawing(
    weights: NDArray[np.generic], alphabet: Alphabet, target: Target, generator: np.random.Generator
) -> Again:
    """Draws codes of the rows whose weights (rows or 1, symbols) are given, none that has no value."""
    barred = np.append(target.lacks_value(alphabet.starts) & target.lacks_value(_lasts(alphabet)), True)
    allowed = np.where(barred, 0, weights)

    def again(chosen: NDArray[np.intp]) -> Codes:
        codes = np.empty(len(chosen), np.int64)
        left = np.arange(len(chosen))
        while len(left):
            own = allowed if len(allowed) == 1 else allowed[chosen[left]]
            codes[left] = _within_ranges(_weighted(own, len(left), generator), alphabet, generator)
            left = left[target.lacks_value(codes[left])]
        return codes

    return again


def _codes_of(
    symbols: Symbols,
    alphabet: Alphabet,
    target: Target,
    generator: np.random.Generator,
    tally: Tally,
    again: Callable[[NDArray[np.intp]], Again],
) -> Codes:
    """The codes (rows,) of symbols (rows,), each somewhere in its range; what cannot be drawn is drawn `again`."""
    escaped = symbols == len(alphabet.starts)
    codes = _within_ranges(np.where(escaped, 0, symbols), alphabet, generator)
    valueless = target.lacks_value(codes) & ~escaped
    count_redrawn(tally.escapes, target.name, int(escaped.sum()))
    count_redrawn(tally.valueless, target.name, int(valueless.sum()))
    rows = np.flatnonzero(escaped | valueless)
    if len(rows):
        codes[rows] = again(rows)(np.arange(len(rows)))
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


def _distance(low: Codes, high: Codes) -> NDArray[np.uint64]:
    """How far codes (rows,) are below others, where they are."""
    distance: NDArray[np.uint64] = high.view(np.uint64) - low.view(np.uint64)
    return distance


def count_redrawn(numbers: dict[str, int], name: str, n_more: int) -> None:
    """Counts so many more for a column, if any."""
    if n_more:
        numbers[name] = numbers.get(name, 0) + n_more
