"""Symbols by asymmetric numeral systems, and offsets as bits behind them: the stream that every table shares.

The coder is the stream coder of constriction (Duda 2009): what is encoded last is decoded first.
"""

from collections.abc import Callable
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.entropy.bits import BitReader, pack_bits

_WORD_BYTES = 4
_CHUNK_ROWS = 8_192
"""Rows whose tables are in memory at once."""

_FAMILY = constriction.stream.model.Categorical(perfect=False)

Weights = NDArray[np.float64]
Tables = Callable[[int, int], Weights]
"""The weights (rows, symbols) of the rows from a first one up to, not including, a last one: whole numbers, positive or
zero, in every row not all zero, with a sum below 2^53.
"""


class SymbolWriter:
    """Takes symbols from the last one to the first one."""

    def __init__(self) -> None:
        self._coder = constriction.stream.stack.AnsCoder()

    def put(self, symbols: NDArray[np.int32], model: Any, *weights: Weights) -> None:  # noqa: ANN401  of constriction
        """Takes symbols (rows,) that come before those taken so far."""
        self._coder.encode_reverse(symbols, model, *weights)

    def finish(self, offsets: NDArray[np.uint64], widths: NDArray[np.uint8]) -> bytes:
        """The number of words (LEB128), the words (uint32, little-endian), the offsets (rows,) as bits."""
        words = self._coder.get_compressed()
        word_bytes: bytes = words.astype("<u4").tobytes()
        return _leb128(len(words)) + word_bytes + pack_bits(offsets, widths)


class CodeReader:
    """Gives back codes in the order of their rows, some rows at a time.

    Raises:
        ValueError: the bytes are not those of a stream.
    """

    def __init__(self, data: bytes, alphabet: Alphabet) -> None:
        n_words, start = _read_leb128(data) if data else (0, 0)
        stop = start + _WORD_BYTES * n_words
        if stop > len(data):
            raise ValueError(f"{n_words} words in {len(data)} bytes")
        words = np.frombuffer(data[start:stop], "<u4").astype(np.uint32)
        if n_words and not words[-1]:
            raise ValueError("the last word is zero")
        self._coder = constriction.stream.stack.AnsCoder(words)
        self._offsets = BitReader(data[stop:])
        self._alphabet = alphabet

    def symbols(self, model: Any, *parameters: Any) -> NDArray[np.int32]:  # noqa: ANN401  of constriction
        """The next symbols: as many as there are rows of parameters, or as the one parameter says."""
        symbols: NDArray[np.int32] = self._coder.decode(model, *parameters)
        return symbols

    def codes(self, symbols: NDArray[np.int32]) -> NDArray[np.int64]:
        """The codes int64 (rows,) of the next symbols.

        Raises:
            ValueError: the bits of their offsets are missing.
        """
        return self._alphabet.join(symbols, self._offsets.read(self._alphabet.widths[symbols]))

    def finish(self) -> None:
        """Nothing, when all is read.

        Raises:
            ValueError: something is left over.
        """
        if not self._coder.is_empty():
            raise ValueError("words are left over")
        self._offsets.finish()


def encode_conditional(codes: NDArray[np.int64], alphabet: Alphabet, tables: Tables) -> bytes:
    """The bytes of codes (rows,), each under a table of its own; without rows there are no bytes."""
    if not len(codes):
        return b""
    symbols, offsets = alphabet.split(codes)
    writer = SymbolWriter()
    for start in reversed(range(0, len(codes), _CHUNK_ROWS)):
        stop = min(start + _CHUNK_ROWS, len(codes))
        writer.put(symbols[start:stop], _FAMILY, tables(start, stop))
    return writer.finish(offsets, alphabet.widths[symbols])


def decode_conditional(reader: CodeReader, tables: Tables, start: int, stop: int) -> NDArray[np.int64]:
    """The codes int64 (stop - start,) of the next rows of a stream, which have the numbers from `start` on.

    Raises:
        ValueError: the bytes are not those of such codes.
    """
    symbols = np.empty(stop - start, np.int32)
    for first in range(start, stop, _CHUNK_ROWS):
        last = min(first + _CHUNK_ROWS, stop)
        symbols[first - start : last - start] = reader.symbols(_FAMILY, tables(first, last))
    return reader.codes(symbols)


def _leb128(number: int) -> bytes:
    """A number in groups of seven bits, the lowest first; all but the last have the highest bit set."""
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


def _read_leb128(data: bytes) -> tuple[int, int]:
    """The number at the start of the bytes, and where it ends."""
    number = 0
    for place, group in enumerate(data[:5]):
        number |= (group & 127) << 7 * place
        if group < 128:
            if place and not group:
                raise ValueError("a number is longer than it need be")
            return number, place + 1
    raise ValueError("a number does not end")
