"""Codes under the network of their column: `network-1`.

The coder is that of `entropy.stream`; called from Python, constriction would hold the interpreter lock
longer than everything else takes.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.stream import StreamReader, join_stream
from baler_vae.model.conditional import Conditional, Context

if TYPE_CHECKING:
    from baler_vae.model.kernels.seeing import Seen

_TOTAL_BITS = 24

Bounds = NDArray[np.int32]


def encode_conditional(codes: NDArray[np.int64], network: Conditional, sources: Context) -> bytes:
    """The bytes of the codes (rows,) of all rows; without rows there are no bytes."""
    if not len(codes):
        return b""
    symbols, offsets = network.alphabet.split(codes)
    words = words_of(*_symbol_bounds(symbols, network, sources))
    return join_stream(words, offsets, network.alphabet.widths[symbols])


def symbol_bounds(seen: "Seen", network: Conditional, symbols: NDArray[np.int32]) -> tuple[Bounds, Bounds]:
    """Where the quantiles of the symbols (rows,) of all rows begin and end, int32 (rows,), out of 2^24, in the tables
    that the network makes of what each has `seen`.
    """
    from baler_vae.model.kernels.coding import bound_symbols  # noqa: PLC0415 - numba takes half a second to import

    begins, ends = np.empty(len(symbols), np.int32), np.empty(len(symbols), np.int32)
    bound_symbols(seen, network.packed, symbols, begins, ends)
    return begins, ends


def words_of(begins: Bounds, ends: Bounds) -> NDArray[np.uint32]:
    """The words of symbols whose quantiles begin and end there (rows,)."""
    from baler_vae.model.kernels.coding import push_all  # noqa: PLC0415

    words, coder = np.empty(len(begins) + 2, np.uint32), np.zeros(2, np.uint64)
    push_all(begins, ends, words, coder)
    state, n_words = coder.tolist()
    last = [state & 0xFFFFFFFF, state >> 32]
    last = last if last[1] else last[:1] if last[0] else []
    words[n_words : n_words + len(last)] = last
    return words[: n_words + len(last)]


def conditional_bits(codes: NDArray[np.int64], network: Conditional, sources: Context) -> NDArray[np.float64]:
    """The bits, float64 (rows,), that each of the codes (rows,) of all rows takes: symbol and offset."""
    symbols, _ = network.alphabet.split(codes)
    return bits_between(*_symbol_bounds(symbols, network, sources)) + network.alphabet.widths[symbols]


def _symbol_bounds(symbols: NDArray[np.int32], network: Conditional, sources: Context) -> tuple[Bounds, Bounds]:
    seen = sources.seen(network)
    sources.look_back(len(symbols))
    return symbol_bounds(seen, network, symbols)


def bits_between(begins: Bounds, ends: Bounds) -> NDArray[np.float64]:
    """The bits, float64 (rows,), of symbols whose quantiles begin and end there (rows,)."""
    bits: NDArray[np.float64] = _TOTAL_BITS - np.log2((ends - begins).astype(np.float64))
    return bits


class ConditionalReader:
    """Gives back the codes that `encode_conditional` was given in the order of their rows, some rows at a time.

    Raises:
        ValueError: the bytes are not those of a stream.
    """

    def __init__(self, data: bytes, network: Conditional, sources: Context) -> None:
        self._stream = StreamReader(data)
        self._network, self._sources, self._seen = network, sources, sources.seen(network)
        self._coder = self._stream.coder()

    def read(self, start: int, stop: int) -> NDArray[np.int64]:
        """The codes int64 (stop - start,) of the next rows, which have the numbers from `start` on.

        Raises:
            ValueError: the bytes are not those of such codes.
        """
        from baler_vae.model.kernels.coding import decode_symbols  # noqa: PLC0415

        self._sources.look_back(stop)
        symbols = np.empty(stop - start, np.int32)
        decode_symbols(self._seen, self._network.packed, self._stream.words, self._coder, start, symbols)
        return self._stream.codes(symbols, self._network.alphabet)

    def finish(self) -> None:
        """Check that everything has been read.

        Raises:
            ValueError: something is left over.
        """
        self._stream.finish(words_are_used=not self._coder.any())


def draw_symbols(
    seen: "Seen", network: Conditional, start: int, n_rows: int, generator: np.random.Generator
) -> NDArray[np.int32]:
    """Symbols int32 (n_rows,) by chance for the rows from `start` on, from the table that the network makes of what
    each has `seen`: those that random bits decode to.
    """
    from baler_vae.model.kernels.coding import decode_symbols  # noqa: PLC0415

    symbols, (words, coder) = np.empty(n_rows, np.int32), random_coder(n_rows, generator)
    decode_symbols(seen, network.packed, words, coder, start, symbols)
    return symbols


def random_coder(n_symbols: int, generator: np.random.Generator) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Random words for so many symbols, and the state of a coder with their number, uint64 (2,)."""
    # A symbol takes one word at most; the state of a coder lies between 2^32 and 2^64.
    words = generator.integers(0, 1 << 32, n_symbols, np.uint32)
    return words, np.array([generator.integers(1 << 32, 1 << 64, dtype=np.uint64), n_symbols], np.uint64)
