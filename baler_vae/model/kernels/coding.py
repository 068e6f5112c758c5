"""Symbols to the words of a coder and back, under the tables that a network gives row by row."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled, inlined
from baler_vae.entropy.vectors import number_at
from baler_vae.model.kernels.layers import BLOCK, PACKED, Ints, PackedNetwork, levels_of, room_for
from baler_vae.model.kernels.seeing import SEEN, Seen, see
from baler_vae.model.kernels.tables import STRIDE, sum_weights

Words = NDArray[np.uint32]
State = NDArray[np.uint64]

_i4, _i8, _u8 = numba.int32, numba.int64, numba.uint64
_tuple_of: Any = numba.types.Tuple
_CODER = (numba.uint32[::1], numba.uint64[::1])

_TOTAL = 1 << 24
_TOTAL_BITS = np.uint64(24)
_QUANTILE = np.uint64(_TOTAL - 1)
_WORD = np.uint64(1 << 32)
_WORD_BITS = np.uint64(32)
_INVERSE_BITS = 38
_STEP = 8
"""Symbols among which one is sought at a time."""
_BEYOND = np.int32((1 << 31) - 1)


@compiled(_i4[::1](_i8))
def _room_for_sums(n_symbols: int) -> Ints:
    """Room for the sums of weights before each symbol, and of more symbols up to a whole number of steps, that are
    never reached.
    """
    return np.full((n_symbols + 1 + _STEP) * STRIDE, _BEYOND, np.int32)


@inlined
def _begin_of(sums: Ints, symbol: int, r: int, n_symbols: int, scale: float) -> int:
    """Where the quantiles of a symbol of row r begin, out of 2^24."""
    if symbol == n_symbols:
        return _TOTAL
    return symbol + int(number_at(sums, symbol * STRIDE + r) * scale)


@inlined
def _count_below(sums: Ints, r: int, n_symbols: int, limit: int) -> int:
    """The last symbol of row r before which the sum of weights is not above a limit."""
    step: int = 0
    for k in range(_STEP, n_symbols, _STEP):
        step += number_at(sums, k * STRIDE + r) <= limit
    first = step * _STEP
    place = first * STRIDE + r
    found = first
    found += number_at(sums, place + STRIDE) <= limit
    found += number_at(sums, place + 2 * STRIDE) <= limit
    found += number_at(sums, place + 3 * STRIDE) <= limit
    found += number_at(sums, place + 4 * STRIDE) <= limit
    found += number_at(sums, place + 5 * STRIDE) <= limit
    found += number_at(sums, place + 6 * STRIDE) <= limit
    found += number_at(sums, place + 7 * STRIDE) <= limit
    return int(min(found, n_symbols - 1))


@compiled(numba.void(SEEN, PACKED, *_CODER, _i8, _i4[::1]))
def decode_symbols(seen: Seen, network: PackedNetwork, words: Words, coder: State, start: int, symbols: Ints) -> None:
    """Fills `symbols` (rows,) with those of the rows from `start` on; `coder` (2,) is the state and the number of
    `words` left, which are taken from the last one on.
    """
    widths = network[4]
    x, y, n_symbols = room_for(widths), room_for(widths), int(widths[-1])
    sums = _room_for_sums(n_symbols)
    scales, inverses = np.empty(BLOCK), np.empty(BLOCK, np.uint64)
    state, left = coder[0], coder[1]
    for first in range(0, len(symbols), BLOCK):
        n = min(BLOCK, len(symbols) - first)
        see(seen, start + first, n, x)
        sum_weights(levels_of(network, x, y), n_symbols, n, sums)
        totals = sums[n_symbols * STRIDE : n_symbols * STRIDE + n]
        for r in range(n):
            scales[r] = (_TOTAL - n_symbols) / totals[r]
            inverses[r] = np.uint64(np.float64(totals[r]) * ((1 << _INVERSE_BITS) / (_TOTAL - n_symbols)))
        for r in range(n):
            quantile = state & _QUANTILE
            sought, scale = int(quantile), scales[r]
            symbol = _count_below(sums, r, n_symbols, int((quantile * inverses[r]) >> np.uint64(_INVERSE_BITS)))
            # Nearly right: the sums do not tell of the one quantile that each symbol has in any case.
            begin = _begin_of(sums, symbol, r, n_symbols, scale)
            while sought < begin:
                symbol -= 1
                begin = _begin_of(sums, symbol, r, n_symbols, scale)
            end = _begin_of(sums, symbol + 1, r, n_symbols, scale)
            while sought >= end:
                symbol += 1
                begin, end = end, _begin_of(sums, symbol + 1, r, n_symbols, scale)
            symbols[first + r] = symbol
            state = np.uint64(end - begin) * (state >> _TOTAL_BITS) + np.uint64(sought - begin)
            if state < _WORD and left:
                left -= np.uint64(1)
                state = state << _WORD_BITS | np.uint64(words[left])
    coder[0], coder[1] = state, left


@compiled(numba.void(SEEN, PACKED, _i4[::1], _i4[::1], _i4[::1]))
def bound_symbols(seen: Seen, network: PackedNetwork, symbols: Ints, begins: Ints, ends: Ints) -> None:
    """Fills `begins` and `ends` (rows,) with where the quantiles of the symbols (rows,) of all rows begin and end, out
    of 2^24.
    """
    widths = network[4]
    x, y, n_symbols = room_for(widths), room_for(widths), int(widths[-1])
    sums = _room_for_sums(n_symbols)
    for first in range(0, len(symbols), BLOCK):
        n = min(BLOCK, len(symbols) - first)
        see(seen, first, n, x)
        sum_weights(levels_of(network, x, y), n_symbols, n, sums)
        for r in range(n):
            symbol = int(symbols[first + r])
            scale = (_TOTAL - n_symbols) / number_at(sums, n_symbols * STRIDE + r)
            begins[first + r] = _begin_of(sums, symbol, r, n_symbols, scale)
            ends[first + r] = _begin_of(sums, symbol + 1, r, n_symbols, scale)


@compiled(numba.void(_i4[::1], _i4[::1], *_CODER))
def push_all(begins: Ints, ends: Ints, words: Words, coder: State) -> None:
    """Puts the symbols of quantiles (rows,) behind the words so far, the last one first; `coder` (2,) is the state and
    the number of `words`, of which there must be room for as many as there are rows.
    """
    state, n_words = coder[0], coder[1]
    for row in range(len(begins) - 1, -1, -1):
        size = np.uint64(ends[row] - begins[row])
        if state >> np.uint64(40) >= size:
            words[n_words] = np.uint32(state & np.uint64(0xFFFFFFFF))
            n_words += np.uint64(1)
            state >>= _WORD_BITS
        state = (state // size) << _TOTAL_BITS | (np.uint64(begins[row]) + state % size)
    coder[0], coder[1] = state, n_words


@compiled(numba.void(SEEN, PACKED, numba.float64[:, ::1]))
def weigh(seen: Seen, network: PackedNetwork, found: NDArray[np.float64]) -> None:
    """Fills `found` (rows, symbols) with the weights of all symbols of all rows."""
    widths = network[4]
    x, y, n_symbols = room_for(widths), room_for(widths), int(widths[-1])
    sums = _room_for_sums(n_symbols)
    for first in range(0, len(found), BLOCK):
        n = min(BLOCK, len(found) - first)
        see(seen, first, n, x)
        sum_weights(levels_of(network, x, y), n_symbols, n, sums)
        for r in range(n):
            for k in range(n_symbols):
                found[first + r, k] = sums[(k + 1) * STRIDE + r] - sums[k * STRIDE + r]
