"""Symbols to the words of a coder and back, under the tables that a network gives row by row."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled, inlined
from baler_vae.entropy.kernels import RANGES, Ranges, bits_at, place_codes, place_within
from baler_vae.entropy.vectors import number_at
from baler_vae.model.kernels.layers import BLOCK, PACKED, Ints, PackedNetwork, levels_of, room_for
from baler_vae.model.kernels.seeing import SEEN, Seen, Shorts, see
from baler_vae.model.kernels.tables import LANES, sum_weights

Words = NDArray[np.uint32]
State = NDArray[np.uint64]
Codes = NDArray[np.int64]

_i4, _i8, _u8 = numba.int32, numba.int64, numba.uint64
_CODER = (numba.uint32[::1], numba.uint64[::1])

_TOTAL = 1 << 24
_TOTAL_BITS = np.uint64(24)
_QUANTILE = np.uint64(_TOTAL - 1)
_WORD = np.uint64(1 << 32)
_WORD_BITS = np.uint64(32)
_INVERSE_BITS = 38
_STEP = 8
"""Symbols among which one is sought at a time."""
_FEW = 64
"""As many symbols as networks mostly have."""
_BEYOND = np.int32((1 << 31) - 1)


@compiled(_i4[::1](_i8))
def _room_for_sums(n_symbols: int) -> Ints:
    """Room for the sums of weights before each symbol, and for some more, which are never reached."""
    sums = np.empty((max(n_symbols, _FEW) + 1 + _STEP) * LANES, np.int32)
    sums[(n_symbols + 1) * LANES :] = _BEYOND
    return sums


@inlined
def _begin_of(sums: Ints, symbol: int, r: int, n_symbols: int, scale: float) -> int:
    """Where the quantiles of a symbol of row r begin, out of 2^24."""
    if symbol == n_symbols:
        return _TOTAL
    return symbol + int(number_at(sums, symbol * LANES + r) * scale)


@inlined
def _count_below(sums: Ints, r: int, n_symbols: int, limit: int) -> int:
    """The last symbol of row r before which the sum of weights is not above a limit."""
    # Written out, it is compiled without branches, of which none could be foreseen.
    step: int = number_at(sums, 8 * LANES + r) <= limit
    step += number_at(sums, 16 * LANES + r) <= limit
    step += number_at(sums, 24 * LANES + r) <= limit
    step += number_at(sums, 32 * LANES + r) <= limit
    step += number_at(sums, 40 * LANES + r) <= limit
    step += number_at(sums, 48 * LANES + r) <= limit
    step += number_at(sums, 56 * LANES + r) <= limit
    for k in range(_FEW, n_symbols, _STEP):
        step += number_at(sums, k * LANES + r) <= limit
    first = step * _STEP
    place = first * LANES + r
    found = first
    found += number_at(sums, place + LANES) <= limit
    found += number_at(sums, place + 2 * LANES) <= limit
    found += number_at(sums, place + 3 * LANES) <= limit
    found += number_at(sums, place + 4 * LANES) <= limit
    found += number_at(sums, place + 5 * LANES) <= limit
    found += number_at(sums, place + 6 * LANES) <= limit
    found += number_at(sums, place + 7 * LANES) <= limit
    return int(min(found, n_symbols - 1))


@compiled(_i8(SEEN, PACKED, *_CODER, RANGES, numba.uint64[::1], _i8, _i8, _i8[::1], numba.int16[::1]))
def decode_codes(
    seen: Seen,
    network: PackedNetwork,
    words: Words,
    coder: State,
    ranges: Ranges,
    bits: NDArray[np.uint64],
    place: int,
    start: int,
    codes: Codes,
    shown: Shorts,
) -> int:
    """Fills `codes` (rows,) with those of the rows from `start` on, and, where it has them, the rows of `shown` with
    the places of these among the ranges.

    `coder` (2,) is the state and the number of `words` left, which are taken from the last one on. Behind symbols the
    offsets lie in `bits` from `place` on; the place behind the last is returned, -1 where there are not so many bits.
    The last word of `bits` is none of them.
    """
    widths, (starts, shifts) = network[4], ranges
    x, y, n_symbols = room_for(widths), room_for(widths), int(widths[-1])
    sums, found = _room_for_sums(n_symbols), np.empty(1, np.int16)
    state, left, n_bits = coder[0], coder[1], 64 * (len(bits) - 1)
    for first in range(0, len(codes), BLOCK):
        n = min(BLOCK, len(codes) - first)
        see(seen, start + first, n, x)
        levels = levels_of(network, x, y)
        for some in range(0, n, LANES):
            sum_weights(levels, n_symbols, some, sums)
            for r in range(min(LANES, n - some)):
                total, row = number_at(sums, n_symbols * LANES + r), first + some + r
                scale = (_TOTAL - n_symbols) / total
                inverse = np.uint64(total * ((1 << _INVERSE_BITS) / (_TOTAL - n_symbols)))
                quantile = state & _QUANTILE
                sought: Any = np.int64(quantile)
                limit: Any = np.int64((quantile * inverse) >> np.uint64(_INVERSE_BITS))
                symbol = _count_below(sums, r, n_symbols, limit)
                # Nearly right: the sums do not tell of the one quantile that each symbol has in any case.
                begin = _begin_of(sums, symbol, r, n_symbols, scale)
                while sought < begin:
                    symbol -= 1
                    begin = _begin_of(sums, symbol, r, n_symbols, scale)
                end = _begin_of(sums, symbol + 1, r, n_symbols, scale)
                while sought >= end:
                    symbol += 1
                    begin, end = end, _begin_of(sums, symbol + 1, r, n_symbols, scale)
                state = np.uint64(end - begin) * (state >> _TOTAL_BITS) + np.uint64(sought - begin)
                if state < _WORD and left:
                    left -= np.uint64(1)
                    state = state << _WORD_BITS | np.uint64(words[left])
                is_escape = symbol == len(starts)
                width: Any = np.int64(64 if is_escape else shifts[symbol])
                if place + width > n_bits:
                    return -1
                offset = bits_at(bits, place, width)
                place += width
                codes[row] = np.int64(offset) if is_escape else starts[symbol] + np.int64(offset)
                if len(shown):
                    if is_escape:
                        place_codes(starts, shifts, codes[row : row + 1], found)
                        shown[row] = found[0]
                    else:
                        shown[row] = symbol << 6 | place_within(offset, width)
    coder[0], coder[1] = state, left
    return place


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
        levels = levels_of(network, x, y)
        for some in range(0, n, LANES):
            sum_weights(levels, n_symbols, some, sums)
            for r in range(min(LANES, n - some)):
                row = first + some + r
                symbol, scale = int(symbols[row]), (_TOTAL - n_symbols) / number_at(sums, n_symbols * LANES + r)
                begins[row] = _begin_of(sums, symbol, r, n_symbols, scale)
                ends[row] = _begin_of(sums, symbol + 1, r, n_symbols, scale)


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
        levels = levels_of(network, x, y)
        for some in range(0, n, LANES):
            sum_weights(levels, n_symbols, some, sums)
            for r in range(min(LANES, n - some)):
                for k in range(n_symbols):
                    weight = number_at(sums, (k + 1) * LANES + r) - number_at(sums, k * LANES + r)
                    found[first + some + r, k] = weight
