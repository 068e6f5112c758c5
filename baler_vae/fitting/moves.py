"""The tables of the moves that keep a quantity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.correcting import Moves
from baler_vae.entropy.tables import FrequencyTable, fit_table, table_bits, table_bytes
from baler_vae.fitting.policy import CLASS_BITS, LEAST_CLASS_ITEMS
from baler_vae.model.correction import MODES, MOST_MODE_TABLES, NOTHING, ClassTables, Lever, zigzag

Integers = NDArray[np.int64]

_MOST_CLASSES = 256
_LOWEST = -(1 << 15)
_FINENESSES = (1, 2, 3)


@dataclass(frozen=True)
class Tabled:
    """Tables of moves in the first mode and in others, and of modes, and about the bits that all of them take."""

    own: ClassTables
    others: ClassTables
    modes: tuple[FrequencyTable, ...]
    bits: float


def tabled_moves(found: Moves, lever: Lever) -> Tabled:
    """The tables of the moves of items with some lever: by class, where that saves more than `CLASS_BITS` an item."""
    codes, modes = zigzag(found.moves), found.modes.astype(np.int64)
    first = modes == 0
    single = _tabled(_single(codes[first]), _single(codes[~first]), _fitted([modes]))
    by_ratio = np.minimum(lever.ratios(), MOST_MODE_TABLES - 1)
    several = _tabled(
        _by_class(codes, modes, lever, [0]),
        _by_class(codes, modes, lever, list(range(1, len(MODES)))),
        _fitted([modes[by_ratio == number] for number in range(MOST_MODE_TABLES)]),
    )
    return several if single.bits - several.bits > CLASS_BITS * len(codes) else single


def _tabled(
    own: tuple[ClassTables, float], others: tuple[ClassTables, float], modes: tuple[tuple[FrequencyTable, ...], float]
) -> Tabled:
    return Tabled(own[0], others[0], modes[0], own[1] + others[1] + modes[1])


def _single(codes: Integers) -> tuple[ClassTables, float]:
    """One table of codes (items,), and the bits that it and they take."""
    tables, bits = _fitted([codes])
    return ClassTables(tables), bits


def _by_class(codes: Integers, modes: Integers, lever: Lever, own: Sequence[int]) -> tuple[ClassTables, float]:
    """The tables of those codes (items,) that have one of some modes (items,), by the class of the items, and the bits
    that these and they take; what takes the fewest.
    """
    items = [np.flatnonzero(modes == mode) for mode in own]
    levers, chosen = [lever.only(some) for some in items], codes[np.concatenate(items)]
    tried = [_single(chosen)]
    for fineness in _FINENESSES:
        octaves = np.concatenate([one.octaves(mode, fineness) for one, mode in zip(levers, own, strict=True)])
        order = np.sort(octaves[octaves > NOTHING])
        if len(order) < 2 * LEAST_CLASS_ITEMS:
            break
        first, last = int(order[LEAST_CLASS_ITEMS]), int(order[-LEAST_CLASS_ITEMS])
        if _LOWEST < first < last < first + _MOST_CLASSES:
            classes = np.clip(octaves, first, last) - first
            tables, bits = _fitted([chosen[classes == number] for number in range(last - first + 1)])
            tried.append((ClassTables(tables, first, fineness), bits))
    return min(tried, key=lambda one: one[1])


def _fitted(codes: Sequence[Integers]) -> tuple[tuple[FrequencyTable, ...], float]:
    """A table for each of some codes (items,), and the bits that these and the tables take."""
    tables = tuple(map(fit_table, codes))
    bits = sum(table_bits(own, table) for own, table in zip(codes, tables, strict=True))
    return tables, bits + 8 * table_bytes(tables)
