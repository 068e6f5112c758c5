"""The loops in which coding under networks spends its time, compiled: they run without the interpreter, on as many
threads as there are row groups at hand.

Floats of networks are whole numbers that no sum can round, so that neither the order in which a compiler adds them nor
fused operations change a bit.
"""

from typing import Any, Final, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled

UNROLLED: Final = 4
"""Weights handled at a time; the weights of every unit are padded with zeros to a multiple of it."""
PLACE: Final = -1
HINT: Final = -2
BLOCK: Final = 128
"""Rows handled at a time: their activations fit into the nearest cache."""
_TOTAL = 1 << 24
_WORD = np.uint64(1 << 32)
_WORD_BITS = np.uint64(32)
_TOTAL_BITS = np.uint64(24)

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Seen = tuple[Ints, Ints, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Ints]
"""What a network sees: the places int32 (sources, rows) of sources and `hint` (rows,) of a formula; from the layout
(rows,) the two rows before, ranks and remaining; and its inputs int32 (inputs, 4): source (or `PLACE`, `HINT`), lag,
symbol, number of ranges.
"""
PackedNetwork = tuple[Floats, Ints, Ints, Floats, Ints, Ints, NDArray[np.uint32]]
"""A network packed for the kernels: `weights` and `places` (n,) are the weights of one unit after the other that are
not zero, and which input of its layer each belongs to; `counts` (units,) how many a unit has, a multiple of `UNROLLED`;
`biases` (units,); `widths` (layers + 1,) and `shifts` (layers,) those of the layers; `masses` (256,) the weight of a
symbol by how far below the largest level it lies.
"""

_Word: TypeAlias = Any
"""A number of 64 bits without a sign."""

_i4, _i8, _f4 = numba.int32, numba.int64, numba.float32
_tuple_of: Any = numba.types.Tuple
_SEEN = _tuple_of((_i4[:, ::1], _i4[::1], _i8[::1], _i8[::1], _i8[::1], _i8[::1], _i4[:, ::1]))
PACKED = _tuple_of((_f4[::1], _i4[::1], _i4[::1], _f4[::1], _i4[::1], _i4[::1], numba.uint32[::1]))
LEVELS = numba.uint8[:, ::1]
_CODER = (numba.uint32[::1], numba.uint64[::1])


@compiled(numba.void(_SEEN, _i8, _i8, _f4[:, ::1]))
def see(seen: Seen, start: int, n: int, x: Floats) -> None:
    """Fills `x` (inputs, n or more) with what a network sees of the n rows from `start` on."""
    places, hint, before, before_that, ranks, remaining, inputs = seen
    for i in range(len(inputs)):
        source, lag, symbol, n_ranges = inputs[i, 0], inputs[i, 1], inputs[i, 2], inputs[i, 3]
        if source == PLACE:
            for r in range(n):
                if symbol >= 2:
                    x[i, r] = 256 if ranks[start + r] == symbol - 2 else 0
                else:
                    number = remaining[start + r] if symbol else ranks[start + r]
                    x[i, r] = (min(number, 16) << 5) - 256
            continue
        own = hint if source == HINT else places[source]
        for r in range(n):
            row = start + r
            if lag:
                row = before[row] if lag == 1 else before_that[row]
            if row < 0:
                x[i, r] = 0
            elif symbol >= 0:
                x[i, r] = 256 if own[row] >> 6 == symbol else 0
            else:
                x[i, r] = np.floor(np.float64(own[row] << 4) / n_ranges) - 512


@compiled(numba.void(PACKED, _f4[:, ::1], _f4[:, ::1], LEVELS))
def levels_of(network: PackedNetwork, x: Floats, y: Floats, levels: NDArray[np.uint8]) -> None:
    """Fills `levels` (symbols, a block of rows) with how far, at most 255, each symbol lies below the likeliest; the
    inputs of the network lie in `x`, which is overwritten as `y` is.
    """
    weights, places, counts, biases, widths, shifts, _ = network
    n_layers, weight, unit = len(shifts), 0, 0
    for layer in range(n_layers):
        half, scale = np.float32((1 << shifts[layer]) >> 1), np.float32(1 / (1 << shifts[layer]))
        for i in range(widths[layer + 1]):
            sums, bias = y[i], biases[unit]
            for r in range(BLOCK):
                sums[r] = half
            for w in range(weight, weight + counts[unit], UNROLLED):
                w0, w1, w2, w3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
                x0, x1, x2, x3 = x[places[w]], x[places[w + 1]], x[places[w + 2]], x[places[w + 3]]
                for r in range(BLOCK):
                    sums[r] += w0 * x0[r] + w1 * x1[r] + w2 * x2[r] + w3 * x3[r]
            weight += counts[unit]
            unit += 1
            for r in range(BLOCK):
                value = np.floor(sums[r] * scale) + bias
                if layer + 1 < n_layers:
                    value = min(max(value, np.float32(-1024)), np.float32(1023))
                    value = max(value, np.floor(value * np.float32(0.125)))
                sums[r] = value
        x, y = y, x
    largest = y[0]
    for r in range(BLOCK):
        largest[r] = x[0, r]
    for i in range(1, widths[n_layers]):
        for r in range(BLOCK):
            largest[r] = max(largest[r], x[i, r])
    for i in range(widths[n_layers]):
        for r in range(BLOCK):
            levels[i, r] = np.uint8(min(largest[r] - x[i, r], np.float32(255)))


_MASSES, _STATE = numba.uint32[::1], numba.uint64


@compiled(_tuple_of((_i8, _i8))(LEVELS, _i8, _MASSES, _i8))
def bounds_of(levels: NDArray[np.uint8], r: int, masses: NDArray[np.uint32], symbol: int) -> tuple[Any, Any]:
    """Where the quantiles of a symbol of row `r` begin and end, out of 2^24."""
    n_symbols = len(levels)
    total, below = np.uint32(0), np.uint32(0)
    for k in range(n_symbols):
        if k == symbol:
            below = total
        total += masses[levels[k, r]]
    scale = (_TOTAL - n_symbols) / total
    begin = symbol + np.int64(below * scale)
    end = np.int64(_TOTAL)
    if symbol + 1 < n_symbols:
        end = symbol + 1 + np.int64((below + masses[levels[symbol, r]]) * scale)
    return begin, end


@compiled(_tuple_of((_STATE, _STATE))(_i8, _i8, numba.uint32[::1], _STATE, _STATE))
def push(begin: int, end: int, words: NDArray[np.uint32], state: _Word, n_words: _Word) -> tuple[_Word, _Word]:
    """The state of a coder and the number of its words with one more symbol, whose quantiles begin and end there."""
    size = np.uint64(end - begin)
    if state >> np.uint64(40) >= size:
        words[n_words] = np.uint32(state & np.uint64(0xFFFFFFFF))
        n_words += np.uint64(1)
        state >>= _WORD_BITS
    return (state // size) << _TOTAL_BITS | (np.uint64(begin) + state % size), n_words


@compiled(_tuple_of((_i8, _STATE, _STATE))(LEVELS, _i8, _MASSES, numba.uint32[::1], _STATE, _STATE))
def pop(
    levels: NDArray[np.uint8],
    r: int,
    masses: NDArray[np.uint32],
    words: NDArray[np.uint32],
    state: _Word,
    left: _Word,
) -> tuple[int, Any, Any]:
    """The symbol of row `r`, the state of a coder without it, and the number of words that are left."""
    n_symbols = len(levels)
    total = np.uint32(0)
    for k in range(n_symbols):
        total += masses[levels[k, r]]
    scale = (_TOTAL - n_symbols) / total
    quantile = np.int64(state & np.uint64(_TOTAL - 1))
    symbol, begin, end, below = 0, np.int64(0), np.int64(_TOTAL), np.uint32(0)
    for k in range(1, n_symbols):
        below += masses[levels[k - 1, r]]
        end = k + np.int64(below * scale)
        if quantile < end:
            break
        symbol, begin, end = k, end, np.int64(_TOTAL)
    state = np.uint64(end - begin) * (state >> _TOTAL_BITS) + np.uint64(quantile - begin)
    if state < _WORD and left:
        left -= np.uint64(1)
        state = state << _WORD_BITS | np.uint64(words[left])
    return symbol, state, left


@compiled(_i4(_i4[::1]))
def widest(widths: Ints) -> int:
    """The largest of the widths of layers."""
    largest = 0
    for width in widths:
        largest = max(largest, width)
    return largest


@compiled(numba.void(PACKED, _f4[:, ::1], numba.float64[:, ::1]))
def weigh(network: PackedNetwork, inputs: Floats, found: NDArray[np.float64]) -> None:
    """Fills `found` (rows, symbols) with the weights of all symbols for `inputs` (inputs, rows)."""
    widths, masses = network[4], network[6]
    width = widest(widths)
    x, y = np.zeros((width, BLOCK), np.float32), np.zeros((width, BLOCK), np.float32)
    levels = np.empty((widths[-1], BLOCK), np.uint8)
    for first in range(0, inputs.shape[1], BLOCK):
        n = min(BLOCK, inputs.shape[1] - first)
        for i in range(widths[0]):
            for r in range(n):
                x[i, r] = inputs[i, first + r]
        levels_of(network, x, y, levels)
        for r in range(n):
            for k in range(widths[-1]):
                found[first + r, k] = masses[levels[k, r]]


@compiled(numba.void(_SEEN, PACKED, *_CODER, _i8, _i4[::1]))
def decode_symbols(
    seen: Seen, network: PackedNetwork, words: NDArray[np.uint32], coder: NDArray[np.uint64], start: int, symbols: Ints
) -> None:
    """Fills `symbols` (rows,) with those of the rows from `start` on; `coder` (2,) is the state and the number of
    `words` left, which are taken from the last one on.
    """
    widths, masses = network[4], network[6]
    width = widest(widths)
    x, y = np.zeros((width, BLOCK), np.float32), np.zeros((width, BLOCK), np.float32)
    n_symbols = widths[-1]
    levels = np.empty((n_symbols, BLOCK), np.uint8)
    state, left = coder[0], coder[1]
    for first in range(0, len(symbols), BLOCK):
        n = min(BLOCK, len(symbols) - first)
        see(seen, start + first, n, x)
        levels_of(network, x, y, levels)
        for r in range(n):
            symbols[first + r], state, left = pop(levels, r, masses, words, state, left)
    coder[0], coder[1] = state, left


@compiled(numba.void(_SEEN, PACKED, *_CODER, _i4[::1]))
def encode_symbols(
    seen: Seen, network: PackedNetwork, words: NDArray[np.uint32], coder: NDArray[np.uint64], symbols: Ints
) -> None:
    """Puts the symbols (rows,) of all rows behind the words so far, the last one first; `coder` (2,) is the state and
    the number of `words`, of which there must be room for as many as there are rows.
    """
    widths, masses = network[4], network[6]
    width = widest(widths)
    x, y = np.zeros((width, BLOCK), np.float32), np.zeros((width, BLOCK), np.float32)
    n_symbols = widths[-1]
    levels = np.empty((n_symbols, BLOCK), np.uint8)
    state, n_words = coder[0], coder[1]
    for block in range((len(symbols) - 1) // BLOCK, -1, -1):
        first = block * BLOCK
        n = min(BLOCK, len(symbols) - first)
        see(seen, first, n, x)
        levels_of(network, x, y, levels)
        for r in range(n - 1, -1, -1):
            begin, end = bounds_of(levels, r, masses, symbols[first + r])
            state, n_words = push(begin, end, words, state, n_words)
    coder[0], coder[1] = state, n_words


@compiled(numba.void(_SEEN, PACKED, _i4[::1], numba.float64[::1]))
def symbol_bits(seen: Seen, network: PackedNetwork, symbols: Ints, bits: NDArray[np.float64]) -> None:
    """Fills `bits` (rows,) with what the symbols (rows,) of all rows take: -log2 of the probabilities with which
    `encode_symbols` codes them.
    """
    widths, masses = network[4], network[6]
    width = widest(widths)
    x, y = np.zeros((width, BLOCK), np.float32), np.zeros((width, BLOCK), np.float32)
    n_symbols = widths[-1]
    levels = np.empty((n_symbols, BLOCK), np.uint8)
    for first in range(0, len(symbols), BLOCK):
        n = min(BLOCK, len(symbols) - first)
        see(seen, first, n, x)
        levels_of(network, x, y, levels)
        for r in range(n):
            begin, end = bounds_of(levels, r, masses, symbols[first + r])
            bits[first + r] = np.log2(_TOTAL / (end - begin))
