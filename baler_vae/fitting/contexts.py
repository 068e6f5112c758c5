"""Choosing the context of a column: what is subtracted from its codes, the factors, and the tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import Alphabet, fit_alphabet
from baler_vae.entropy.lanes import FIRST_ALONE, LaneTables
from baler_vae.entropy.plain import encode_numbers
from baler_vae.fitting import policy
from baler_vae.fitting.clusters import clustered, entropy, levels_of
from baler_vae.grid.codes import is_special
from baler_vae.grid.grids import Grid
from baler_vae.model.context import OWN, PREDICTED, Factor, InContext

Integers64 = NDArray[np.int64]

_LARGEST_BASE = 1 << 61


Seen = dict[tuple[int, int, int], tuple[Integers64, int]]
"""The classes (rows of a sample,) of sources, by number and lag, and how many there are, by how many were wanted."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a context can look at: a source, in the row or an object before, and its codes (rows,) there; `missing` is
    true (rows,) where there is no object before.
    """

    source: int
    codes: Integers64
    lag: int = 0
    missing: NDArray[np.bool_] | None = None
    can_be_base: bool = False


@dataclass(frozen=True, eq=False)
class ContextFit:
    """How a column is coded in context, and about how many bits all of its rows take, and the model."""

    model: InContext
    bits: float
    model_bits: float


def fit_in_context(
    codes: Integers64,
    grid: Grid,
    looks: Sequence[Look],
    predicted: Integers64 | None,
    sample: Integers64,
    weight: float,
    seen: Seen | None = None,
) -> ContextFit:
    """The context that takes the fewest bits for codes (rows,) of a column, each of which stands for `weight` rows,
    chosen by the rows of a `sample`, by number. Codes that a formula `predicted` (rows,) are subtracted where given.
    Classes of looks are kept in `seen`, for the next columns.
    """
    holds = grid.holds_everything
    alone = () if holds else codes_alone(codes[sample])
    found = []
    for base in _bases(codes, looks, predicted, sample, alone, holds=holds):
        search = Search(codes, base, looks, sample, alone, len(codes) * weight / len(sample), holds=holds)
        search.seen = {} if seen is None else seen
        found.append((*search.choose(), base))
    _, factors, base = min(found, key=lambda each: each[0])
    coded = differences_from(codes, base, alone, holds=holds)
    draft = Draft(factors, None, 0, ())
    if base is not None:
        is_source = base.source != PREDICTED
        draft = Draft(factors, base.source if is_source else None, base.lag if is_source else 0, alone)
    return with_tables(
        draft, coded, [_values(look, base, relative=factor.relative) for look, factor in draft.looks], weight
    )


@dataclass(frozen=True, eq=False)
class Draft:
    """A context without tables."""

    looks: tuple[tuple[Look, Factor], ...]
    base: int | None
    lag: int
    alone: tuple[int, ...]


def codes_alone(codes: Integers64) -> tuple[int, ...]:
    """The codes that many rows share, as zero often is: they stand for themselves where others are differences."""
    distinct, counts = np.unique(codes, return_counts=True)
    ordinary = np.abs(distinct.astype(np.float64)) < _LARGEST_BASE
    often = ordinary & (counts >= policy.LEAST_ALONE * len(codes))
    if np.count_nonzero(often) > policy.MOST_ALONE:
        return ()
    return tuple(distinct[often].tolist())


def _bases(
    codes: Integers64,
    looks: Sequence[Look],
    predicted: Integers64 | None,
    sample: Integers64,
    alone: tuple[int, ...],
    *,
    holds: bool,
) -> list[Look | None]:
    """What may be subtracted: what a formula predicts, or nothing, and what takes the fewest bits alone."""
    if predicted is not None:
        return [Look(PREDICTED, predicted)]
    own = codes[sample]
    possible = [replace(look, codes=_base_codes(look)) for look in looks if look.can_be_base]
    some = [differences_from(own, _only(base, sample), alone, holds=holds) for base in possible]
    if not some:
        return [None]
    best = min(range(len(some)), key=lambda number: width_of(some[number]))
    saves = alone_bits(some[best]) < alone_bits(own) * (1 - policy.LEAST_BASE_SAVING)
    return [None, possible[best]] if saves else [None]


def width_of(coded: Integers64) -> float:
    """How widely what is coded (rows,) is spread, in bits: few of them are looked at."""
    few = coded[:: max(1, len(coded) // policy.ROWS_OF_WIDTHS)].astype(np.float64)
    return float(np.log2(1 + np.abs(few - np.median(few))).mean())


def alone_bits(coded: Integers64) -> float:
    """About the bits of what is coded (rows,) under one table."""
    alphabet = fit_alphabet(coded, range_bits=policy.CONTEXT_TABLE_RANGE_BITS, largest=policy.MOST_CONTEXT_RANGES)
    return _bits_under(alphabet, coded) + 1.0


def _bits_under(alphabet: Alphabet, coded: Integers64) -> float:
    """About the bits of what is coded (rows,) under one table of an alphabet."""
    counts = np.bincount(alphabet.split(coded)[0], minlength=alphabet.n_symbols)
    return float((counts * alphabet.widths).sum()) + entropy(counts[None, :])


def _base_codes(look: Look) -> Integers64:
    """The codes (rows,) of a look as they are subtracted."""
    limit = _LARGEST_BASE
    codes = np.where((look.codes > limit) | (look.codes < -limit), 0, look.codes)
    return codes if look.missing is None else np.where(look.missing, 0, codes)


def _only(look: Look, rows: Integers64) -> Look:
    missing = None if look.missing is None else look.missing[rows]
    return replace(look, codes=look.codes[rows], missing=missing)


def differences_from(codes: Integers64, base: Look | None, alone: tuple[int, ...], *, holds: bool) -> Integers64:
    """What is coded of codes (rows,), less those of a base (rows,), as `model.context` has it."""
    if base is None:
        return codes
    less = codes - base.codes
    if holds:
        return less
    less = np.where(is_special(codes), codes, less)
    for number, code in enumerate(alone):
        less[codes == code] = FIRST_ALONE + number
    return less


def _values(look: Look, base: Look | None, *, relative: bool = False) -> Integers64:
    """What a factor looks at, int64 (rows,)."""
    if look.source == PREDICTED and base is not None:
        return base.codes
    return look.codes - base.codes if relative and base is not None else look.codes


class Search:
    """The search for factors among looks, on a sample of rows, for one base; `seen` are classes that are known."""

    seen: Seen

    def __init__(
        self,
        codes: Integers64,
        base: Look | None,
        looks: Sequence[Look],
        sample: Integers64,
        alone: tuple[int, ...],
        weight: float,
        *,
        holds: bool,
    ) -> None:
        own_base = None if base is None else _only(base, sample)
        coded = differences_from(codes[sample], own_base, alone, holds=holds)
        alphabet = fit_alphabet(coded, range_bits=policy.CONTEXT_TABLE_RANGE_BITS, largest=policy.MOST_CONTEXT_RANGES)
        symbols = alphabet.split(coded)[0]
        self._offset_bits = float(alphabet.widths[symbols].sum(dtype=np.int64))
        self._symbols, self._n_symbols, self._weight = symbols.astype(np.int64), alphabet.n_symbols, weight
        self._looks: list[tuple[Look, bool, Integers64, NDArray[np.bool_] | None]] = []
        is_known = base is not None and base.source != OWN  # before the first row is
        for look in [*looks, Look(PREDICTED, base.codes)] if is_known and base is not None else looks:
            some = _only(look, sample)
            self._looks.append((look, False, _values(some, own_base), some.missing))
            if is_known and look.source >= 0 and not look.lag and look.can_be_base:
                self._looks.append((look, True, _values(some, own_base, relative=True), None))

    def choose(self) -> tuple[float, tuple[tuple[Look, Factor], ...]]:
        """The bits of all rows, and the factors with what they look at."""
        best = self._bits(np.zeros(len(self._symbols), np.int64), 1)
        chosen: list[int] = []
        sizes: tuple[int, ...]
        for sizes in policy.CLASSES_OF_FACTORS:
            tried: list[tuple[float, int]] = []
            kept = [self._classes(number, size) for number, size in zip(chosen, sizes, strict=False)]
            contexts, n_contexts = _joined(kept, len(self._symbols))
            for number in range(len(self._looks)):
                if number in chosen or self._is_second_own(number, chosen):
                    continue
                classes, n_classes = self._classes(number, sizes[-1])
                if n_classes > 1:
                    bits = self._bits(contexts * n_classes + classes, n_contexts * n_classes)
                    tried.append((bits, number))
            if not tried or min(tried)[0] >= best * (1 - policy.LEAST_FACTOR_SAVING):
                break
            best, number = min(tried)
            chosen.append(number)
        sizes = policy.CLASSES_OF_FACTORS[len(chosen) - 1] if chosen else (0,)
        factors = [self._factor(number, size) for number, size in zip(chosen, sizes, strict=False)]
        looks = [self._looks[number][0] for number in chosen]
        return best, tuple((look, factor) for look, factor in zip(looks, factors, strict=True) if factor is not None)

    def _is_second_own(self, number: int, chosen: Sequence[int]) -> bool:
        look = self._looks[number][0]
        return look.source == OWN and any(self._looks[other][0].source == OWN for other in chosen)

    def _factor(self, number: int, size: int) -> Factor | None:
        look, relative, values, missing = self._looks[number]
        known = values if missing is None else values[~missing]
        shift, edges = _edges(known, size)
        if not len(edges):
            return None
        return Factor(look.source, edges, shift, look.lag, relative)

    def _classes(self, number: int, size: int) -> tuple[Integers64, int]:
        """The classes (rows,) of a look, and how many there are."""
        look, relative = self._looks[number][:2]
        shared = look.source, look.lag, size
        is_shared = not relative and look.source not in (OWN, PREDICTED)
        if is_shared and shared in self.seen:
            return self.seen[shared]
        key = number, size
        if key not in self._cache:
            _, _, values, missing = self._looks[number]
            factor = self._factor(number, size)
            if factor is None:
                self._cache[key] = np.zeros(len(values), np.int64), 1
            else:
                self._cache[key] = classes_of(factor, values, missing), factor.n_classes
        if is_shared:
            self.seen[shared] = self._cache[key]
        return self._cache[key]

    @cached_property
    def _cache(self) -> dict[tuple[int, int], tuple[Integers64, int]]:
        return {}

    def _bits(self, contexts: Integers64, n_contexts: int) -> float:
        """About the bits of all rows under a table for each context, with the tables."""
        counts = _counts(contexts, n_contexts, self._symbols, self._n_symbols)
        cells, used = np.count_nonzero(counts), np.count_nonzero(counts.any(axis=1))
        # What is not known of a cell makes entropies too small (Miller 1955).
        bits = entropy(counts) + (cells - used) / (2 * np.log(2)) + self._offset_bits
        paid = min(int(cells), policy.MOST_CELLS_OF_TABLES)
        return float(bits * self._weight + paid * policy.BITS_OF_LEVEL)


def classes_of(factor: Factor, values: Integers64, missing: NDArray[np.bool_] | None) -> Integers64:
    """The classes int64 (rows,) of a factor for what it looks at (rows,)."""
    classes: Integers64 = np.searchsorted(factor.edges, values >> factor.shift, side="right")
    return classes if missing is None else np.where(missing, factor.n_classes - 1, classes)


def _edges(values: Integers64, size: int) -> tuple[int, Integers64]:
    """A shift, and at most about `size` edges in its units between classes of about equally many values (n,)."""
    none = 0, np.empty(0, np.int64)
    ordinary = values[np.abs(values.astype(np.float64)) < _LARGEST_BASE]
    if not len(ordinary):
        return none
    low, high = np.quantile(ordinary, (0.002, 0.998), method="nearest").tolist()
    shift = max(0, int(high - low).bit_length() - policy.BITS_OF_PLACES)
    places = np.sort(ordinary[(ordinary >= low) & (ordinary <= high)] >> shift)
    at = places[(np.arange(1, size) * len(places)) // size]
    often = at[1:][at[1:] == at[:-1]]  # of a place that fills a class, the next begins another
    edges = np.unique(np.concatenate((at, often + 1)))
    return shift, edges[(edges > places[0]) & (edges <= places[-1])]


def _joined(kept: Sequence[tuple[Integers64, int]], n_rows: int) -> tuple[Integers64, int]:
    contexts, n_contexts = np.zeros(n_rows, np.int64), 1
    for classes, n_classes in kept:
        contexts, n_contexts = contexts * n_classes + classes, n_contexts * n_classes
    return contexts, n_contexts


def _counts(contexts: Integers64, n_contexts: int, symbols: Integers64, n_symbols: int) -> Integers64:
    """How often each symbol stands in each context, int64 (contexts, symbols), of those of rows (rows,)."""
    return np.bincount(contexts * n_symbols + symbols, minlength=n_contexts * n_symbols).reshape(n_contexts, n_symbols)


def with_tables(draft: Draft, coded: Integers64, values: Sequence[Integers64], weight: float) -> ContextFit:
    """The context with the tables for what is coded (rows,)."""
    alphabet = alphabet_for(coded, weight)
    factors = [factor for _, factor in draft.looks]
    kept = [
        (classes_of(factor, own, look.missing), factor.n_classes)
        for (look, factor), own in zip(draft.looks, values, strict=True)
    ]
    contexts, n_contexts = _joined(kept, len(coded))
    symbols = alphabet.split(coded)[0].astype(np.int64)
    counts = _counts(contexts, n_contexts, symbols, alphabet.n_symbols).astype(np.float64)
    table_of = clustered(counts, weight)
    sums = np.zeros((int(table_of.max()) + 1, alphabet.n_symbols))
    np.add.at(sums, table_of, counts)
    tables = LaneTables(alphabet, levels_of(sums))
    model = InContext(tables, tuple(factors), table_of.astype(np.uint8), draft.base, draft.lag, draft.alone)
    model_bits = 8.0 * (len(encode_numbers(tables.levels.reshape(-1))) + len(encode_numbers(model.table_of)) + 40)
    bits = float((sums * tables.symbol_bits).sum()) * weight
    return ContextFit(model, bits + model_bits, model_bits)


def alphabet_for(coded: Integers64, weight: float) -> Alphabet:
    """The alphabet of what is coded (rows,): of few symbols, unless many say much more."""
    few = fit_alphabet(coded, range_bits=policy.CONTEXT_TABLE_RANGE_BITS / weight, largest=policy.MOST_CONTEXT_RANGES)
    if len(few.starts) < policy.MOST_CONTEXT_RANGES:
        return few
    many = fit_alphabet(coded, range_bits=policy.CONTEXT_TABLE_RANGE_BITS / weight)
    most = _bits_under(few, coded) * (1 - policy.LEAST_RANGES_SAVING)
    return many if _bits_under(many, coded) < most else few
