"""Codes under tables that a small context chooses: `context-1`.

A context is what up to four factors say: in which of a few classes lies the code of another column of the row, of the
object before, or of the events, or the place of the object in its event. The classes together give the number of a
context, and that the number of a table. What is coded may be the difference from another code: of the same row, of the
object before, or one that a formula predicts. All of it are integers, and one look-up each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.lanes import (
    LARGEST_BASE,
    Lanes,
    LaneTables,
    encode_lanes,
    lanes_of,
    random_lanes,
    read_lanes,
    reading_loops,
)
from baler_vae.model.layout import Layout

if TYPE_CHECKING:
    from baler_vae.entropy.lane_kernels import PackedFactor

Integers64 = NDArray[np.int64]

RANK: Final = -1
"""In place of a source: how many objects of the event come before."""
REMAINING: Final = -2
"""How many come behind."""
PREDICTED: Final = -3
"""What the formula of the column predicts, or the code that is subtracted."""
OWN: Final = -4
"""The column itself, in the object before."""

MOST_FACTORS: Final = 4
MOST_CLASSES: Final = 256
MOST_CONTEXTS: Final = 1 << 14
MOST_ALONE: Final = 8
"""The most codes that stand for themselves where others are differences."""
LARGEST_SHIFT: Final = 62
_MOST_PLACES = 1 << 13
_NONE = np.empty(0, np.int64)
_NO_FACTOR: "PackedFactor" = (0, 0, np.zeros(1, np.uint16), 0)


@dataclass(frozen=True, eq=False)
class Factor:
    """One part of a context: the code of a source, in the row or `lag` objects before, less what is subtracted from the
    column's own code where `relative` is true, lies in one of `n_classes`: how many of the `edges` (edges,), rising, it
    reaches, which count in units of 2^shift; the class after the last is that of rows that have no object before.

    Raises:
        ValueError: there is no such factor.
    """

    source: int
    edges: Integers64
    shift: int = 0
    lag: int = 0
    relative: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.edges) < MOST_CLASSES or not 0 <= self.shift <= LARGEST_SHIFT:
            raise ValueError(f"a factor of {len(self.edges)} edges in units of 2^{self.shift}")
        first, last = int(self.edges[0]), int(self.edges[-1])
        if np.any(np.diff(self.edges) <= 0) or last - first >= _MOST_PLACES:
            raise ValueError("the edges of a factor do not rise, or lie too far apart")
        limit = 1 << LARGEST_SHIFT - self.shift
        if not -limit <= first <= last <= limit:
            raise ValueError("an edge of a factor is too large")
        if self.source < OWN or self.lag not in (0, 1) or (self.source == OWN) > self.lag:
            raise ValueError(f"a factor of source {self.source}, {self.lag} objects before")
        if self.relative and (self.lag or self.source < 0):
            raise ValueError("only codes of the same row are looked at less another")
        if self.source in (RANK, REMAINING, PREDICTED) and self.lag:
            raise ValueError("places and predictions are those of the row")

    @property
    def n_classes(self) -> int:
        return len(self.edges) + 1 + self.lag

    def packed(self, step: int) -> "PackedFactor":
        """The factor as the kernels take it, where a class counts `step`."""
        first = int(self.edges[0]) - 1
        places = np.arange(first, int(self.edges[-1]) + 1)
        classes = np.searchsorted(self.edges, places, side="right")
        return self.shift, first, (classes * step).astype(np.uint16), (len(self.edges) + 1) * step


@dataclass(frozen=True, eq=False)
class InContext:
    """How the codes of a column are coded: the tables, the factors, and the table of each context, uint8 (contexts,),
    the last factor's classes counting singly.

    Where `base` is not None, the code of that source is subtracted, `lag` objects before; codes that stand `alone` are
    not changed by that, nor by what a formula predicts.

    Raises:
        ValueError: the parts do not go together.
    """

    tables: LaneTables
    factors: tuple[Factor, ...] = ()
    table_of: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(1, np.uint8))
    base: int | None = None
    lag: int = 0
    alone: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        n_contexts = prod(factor.n_classes for factor in self.factors)
        if len(self.factors) > MOST_FACTORS or n_contexts > MOST_CONTEXTS or self.table_of.shape != (n_contexts,):
            raise ValueError(f"{len(self.table_of)} tables for {n_contexts} contexts")
        if int(self.table_of.max()) >= len(self.tables.levels):
            raise ValueError("a context has a table that is missing")
        if sum(factor.source == OWN for factor in self.factors) > 1:
            raise ValueError("a context sees the object before twice")
        if len(self.alone) > MOST_ALONE or not all(abs(code) <= LARGEST_BASE for code in self.alone):
            raise ValueError(f"{len(self.alone)} codes stand alone")
        if self.base is None:
            possible = self.lag == 0
        else:
            possible = self.lag in (0, 1) and (self.base >= 0 or (self.base == OWN and self.lag == 1))
        if not possible:
            raise ValueError(f"codes are differences from source {self.base}, {self.lag} objects before")

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """What a class of each factor counts in the number of a context."""
        sizes = [factor.n_classes for factor in self.factors]
        return tuple(prod(sizes[number + 1 :]) for number in range(len(sizes)))

    @cached_property
    def packed(self) -> "tuple[PackedFactor, ...]":
        """The factors as the kernels take them."""
        return tuple(factor.packed(step) for factor, step in zip(self.factors, self.steps, strict=True))

    @property
    def sources(self) -> set[int]:
        """The columns, by number, whose codes are looked at."""
        looked_at = {factor.source for factor in self.factors} | ({self.base} if self.base is not None else set())
        return {source for source in looked_at if source >= 0}

    @property
    def looks_back(self) -> bool:
        """Whether objects before are looked at."""
        return bool(self.lag) or any(factor.lag for factor in self.factors)

    @property
    def subtracts(self) -> bool:
        return self.base is not None


class Sources:
    """The codes int64 (rows,) of sources, by number, of the rows of a layout, as contexts look at them."""

    def __init__(self, layout: Layout, known: Mapping[int, Integers64] | None = None) -> None:
        self.layout = layout
        self.codes: dict[int, Integers64] = dict(known or {})

    @property
    def previous(self) -> Integers64:
        """The place of the object before each row, -1 where there is none."""
        return self.layout.previous[0]


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of the rows of a column before its codes are: the `base` (rows,), if there is one, and the numbers
    of contexts uint16 (rows,), less what the code before says.
    """

    base: Integers64
    contexts: NDArray[np.uint16]
    own: "PackedFactor | None"


def _known(model: InContext, sources: Sources, predicted: Integers64 | None, own: Integers64 | None) -> _Known:
    """What is known of rows; `predicted` (rows,) are codes of a formula, `own` (rows,) those of the column itself,
    where they are known already.
    """
    previous, base = sources.previous, _base(model, sources, predicted, own)
    loops = reading_loops(sources.layout.n_rows)
    contexts = np.zeros(sources.layout.n_rows, np.uint16)
    of_own = None
    for factor, packed in zip(model.factors, model.packed, strict=True):
        if factor.source == OWN and own is None:
            of_own = packed
            continue
        less = base if factor.relative else _NONE
        looked_at = _looked_at(factor, sources, base, own)
        loops.add_factor(contexts, looked_at, previous if factor.lag else _NONE, less, packed)
    return _Known(base, contexts, of_own)


def _base(model: InContext, sources: Sources, predicted: Integers64 | None, own: Integers64 | None) -> Integers64:
    """What is subtracted from codes (rows,), int64 (rows,), or (0,) where nothing is known of that."""
    codes = own if model.base == OWN else None if model.base is None else sources.codes[model.base]
    if codes is None:
        return _NONE if predicted is None else predicted
    n_rows = sources.layout.n_rows
    base = np.empty(n_rows, np.int64)
    reading_loops(n_rows).fill_base(base, codes, sources.previous if model.lag else _NONE)
    return base


def _looked_at(factor: Factor, sources: Sources, base: Integers64, own: Integers64 | None) -> Integers64:
    if factor.source == RANK:
        return sources.layout.ranks
    if factor.source == REMAINING:
        return sources.layout.remaining
    if factor.source == PREDICTED:
        return base
    if factor.source == OWN and own is not None:
        return own
    return sources.codes[factor.source]


def _coded(codes: Integers64, model: InContext, base: Integers64, *, holds_everything: bool) -> Integers64:
    """What is coded of codes (rows,)."""
    from baler_vae.entropy.lane_kernels import subtract_base  # noqa: PLC0415 - numba takes long to import

    if not len(base):
        return codes
    coded = codes.copy()
    subtract_base(coded, base, holds_everything, np.array(model.alone, np.int64))
    return coded


def coded_in_context(
    codes: Integers64, model: InContext, sources: Sources, predicted: Integers64 | None, *, holds_everything: bool
) -> tuple[Integers64, NDArray[np.uint8]]:
    """What is coded of codes (rows,), int64 (rows,), and the table of each row, uint8 (rows,)."""
    known = _known(model, sources, predicted, codes)
    coded = _coded(codes, model, known.base, holds_everything=holds_everything)
    return coded, model.table_of[known.contexts]


def subtracted(codes: Integers64, model: InContext, sources: Sources, predicted: Integers64 | None) -> Integers64:
    """What is subtracted from codes (rows,), int64 (rows,), or (0,) where nothing is."""
    return _base(model, sources, predicted, codes)


def encode_in_context(
    codes: Integers64, model: InContext, sources: Sources, predicted: Integers64 | None, *, holds_everything: bool
) -> bytes:
    """The bytes of codes (rows,), from which a formula's `predicted` ones (rows,) are subtracted where they are given;
    without rows there are no bytes.
    """
    if not len(codes):
        return b""
    coded, chosen = coded_in_context(codes, model, sources, predicted, holds_everything=holds_everything)
    return encode_lanes(coded, chosen, model.tables, lanes_of(len(codes), sources.previous))


def decode_in_context(
    data: bytes, model: InContext, sources: Sources, predicted: Integers64 | None, *, holds_everything: bool
) -> Integers64:
    """The codes int64 (rows,) that `encode_in_context` was given.

    Raises:
        ValueError: the bytes are not those of such codes.
    """
    n_rows = sources.layout.n_rows
    if not n_rows:
        if data:
            raise ValueError(f"{len(data)} bytes for no rows")
        return np.empty(0, np.int64)
    starts = lanes_of(n_rows, sources.previous)
    lanes = read_lanes(data, starts)
    codes = _decoded(lanes, starts, model, sources, predicted, holds_everything=holds_everything)
    lanes.finish()
    return codes


def draw_in_context(
    model: InContext,
    sources: Sources,
    predicted: Integers64 | None,
    generator: np.random.Generator,
    *,
    holds_everything: bool,
) -> Integers64:
    """Codes int64 (rows,) by chance, each from the table of its context: those that random bits decode to."""
    n_rows = sources.layout.n_rows
    if not n_rows:
        return np.empty(0, np.int64)
    starts = lanes_of(n_rows, sources.previous)
    return _decoded(
        random_lanes(starts, generator), starts, model, sources, predicted, holds_everything=holds_everything
    )


def _decoded(
    lanes: Lanes,
    starts: Integers64,
    model: InContext,
    sources: Sources,
    predicted: Integers64 | None,
    *,
    holds_everything: bool,
) -> Integers64:
    known = _known(model, sources, predicted, None)
    n_rows = sources.layout.n_rows
    codes = np.empty(n_rows, np.int64)
    done = reading_loops(n_rows).decode_lanes(
        codes,
        known.contexts,
        model.table_of,
        model.tables.packed_alphabet,
        model.tables.packed,
        starts,
        lanes.words,
        lanes.word_places,
        lanes.bits,
        lanes.states,
        lanes.bit_places,
        lanes.limits,
        sources.previous,
        known.base,
        holds_everything,
        model.base == OWN,
        known.own is not None,
        _NO_FACTOR if known.own is None else known.own,
        np.array(model.alone, np.int64),
    )
    if done < 0:
        raise ValueError("the words or bits of a lane are too few")
    return codes


def context_bits(
    codes: Integers64, model: InContext, sources: Sources, predicted: Integers64 | None, *, holds_everything: bool
) -> NDArray[np.float64]:
    """The bits, float64 (rows,), that each of the codes (rows,) takes: symbol and offset."""
    coded, chosen = coded_in_context(codes, model, sources, predicted, holds_everything=holds_everything)
    bits: NDArray[np.float64] = model.tables.symbol_bits[chosen, model.tables.alphabet.split(coded)[0]]
    return bits
