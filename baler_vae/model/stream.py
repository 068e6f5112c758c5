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
    from baler_vae.entropy.kernels import Ranges
    from baler_vae.model.kernels.seeing import Seen

_TOTAL_BITS = 24
_NOTHING = np.empty(0, np.int16)

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
    """Gives back the codes that `encode_conditional` was given in the order of their rows, some rows at a time. Where
    a `source` is seen among the ranges in which they are coded, it `shows` them as those of the source.

    Raises:
        ValueError: the bytes are not those of a stream.
    """

    def __init__(self, data: bytes, network: Conditional, sources: Context, source: int | None = None) -> None:
        self._stream = StreamReader(data)
        self._network, self._sources, self._seen = network, sources, sources.seen(network)
        self._coder, self._source = self._stream.coder(), source
        self._shown = None if source is None else sources.shown_in(source, network.alphabet)
        self.shows = self._shown is not None

    def read(self, start: int, stop: int) -> NDArray[np.int64]:
        """The codes int64 (stop - start,) of the next rows, which have the numbers from `start` on.

        Raises:
            ValueError: the bytes are not those of such codes.
        """
        self._sources.look_back(stop)
        codes, stream = np.empty(stop - start, np.int64), self._stream
        shown = None if self._shown is None else self._shown[start:stop]
        place = _decoded(
            self._seen, self._network, stream.words, self._coder, stream.offsets, stream.place, start, codes, shown
        )
        stream.advance(place)
        if self._source is not None:
            self._sources.forget(self._source, start)
        return codes

    def finish(self) -> None:
        """Check that everything has been read.

        Raises:
            ValueError: something is left over.
        """
        self._stream.finish(words_are_used=not self._coder.any())


def decode_given(
    inputs: NDArray[np.float32], network: Conditional, stream: StreamReader, coder: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """The next codes int64 (rows,) of a stream, whose network is given its `inputs` float32 (inputs, rows).

    Raises:
        ValueError: there are no such codes.
    """
    from baler_vae.model.kernels.seeing import seen_as  # noqa: PLC0415 - numba takes half a second to import

    codes = np.empty(inputs.shape[1], np.int64)
    place = _decoded(seen_as(inputs), network, stream.words, coder, stream.offsets, stream.place, 0, codes)
    stream.advance(place)
    return codes


def draw_symbols(
    seen: "Seen", network: Conditional, start: int, n_rows: int, generator: np.random.Generator
) -> NDArray[np.int32]:
    """Symbols int32 (n_rows,) by chance for the rows from `start` on, from the table that the network makes of what
    each has `seen`: those that random bits decode to.
    """
    symbols, (words, coder) = np.empty(n_rows, np.int64), random_coder(n_rows, generator)
    # Ranges of one code each: the code of a symbol is its own number, without offsets.
    each = np.arange(network.alphabet.n_symbols), np.zeros(network.alphabet.n_symbols, np.uint8)
    _decoded(seen, network, words, coder, np.zeros(1, np.uint64), 0, start, symbols, ranges=each)
    return symbols.astype(np.int32)


def _decoded(
    seen: "Seen",
    network: Conditional,
    words: NDArray[np.uint32],
    coder: NDArray[np.uint64],
    offsets: NDArray[np.uint64],
    place: int,
    start: int,
    codes: NDArray[np.int64],
    shown: NDArray[np.int16] | None = None,
    ranges: "Ranges | None" = None,
) -> int:
    """What `kernels.decode_codes` does and returns."""
    from baler_vae.model.kernels.coding import decode_codes  # noqa: PLC0415

    own = (network.alphabet.starts, network.alphabet.shifts) if ranges is None else ranges
    shown = _NOTHING if shown is None else shown
    return decode_codes(seen, network.packed, words, coder, own, offsets, place, start, codes, shown)


def random_coder(n_symbols: int, generator: np.random.Generator) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Random words for so many symbols, and the state of a coder with their number, uint64 (2,)."""
    # A symbol takes one word at most; the state of a coder lies between 2^32 and 2^64.
    words = generator.integers(0, 1 << 32, n_symbols, np.uint32)
    return words, np.array([generator.integers(1 << 32, 1 << 64, dtype=np.uint64), n_symbols], np.uint64)
