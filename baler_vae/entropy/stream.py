"""Streams of codes: symbols as words of an entropy coder, and offsets as bits behind them.

Symbols are coded by asymmetric numeral systems (Duda 2009), the stream coder of constriction: what is encoded last is
decoded first.
"""

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.entropy.bits import leb128, pack_bits, read_leb128
from baler_vae.entropy.loading import FEW_ALONE, kernels_pay

_WORD_BYTES = 4
_ESCAPE_BITS = 64


def join_stream(words: NDArray[np.uint32], offsets: NDArray[np.uint64], widths: NDArray[np.uint8]) -> bytes:
    """The number of words (LEB128), the words (uint32, little-endian), the offsets (rows,) as bits."""
    word_bytes: bytes = words.astype("<u4").tobytes()
    return leb128(len(words)) + word_bytes + pack_bits(offsets, widths)


class StreamReader:
    """The words of a stream, and its codes once their symbols are known: `offsets` are the bits behind the words, with
    a word more, of which those up to `place` have been read.

    Raises:
        ValueError: the bytes are not those of a stream.
    """

    def __init__(self, data: bytes) -> None:
        n_words, start = read_leb128(data, 0) if data else (0, 0)
        stop = start + _WORD_BYTES * n_words
        if stop > len(data):
            raise ValueError(f"{n_words} words in {len(data)} bytes")
        self.words: NDArray[np.uint32] = np.frombuffer(data[start:stop], "<u4").astype(np.uint32)
        if n_words and not self.words[-1]:
            raise ValueError("the last word is zero")
        self._n_bytes, self._last = len(data) - stop, data[-1] if data else 0
        # One extra word: the bits of a number may span two.
        padded = data[stop:].ljust(8 * ((self._n_bytes + 7) // 8 + 1), b"\0")
        self.offsets: NDArray[np.uint64] = np.frombuffer(padded, "<u8").astype(np.uint64)
        self.place = 0

    def coder(self) -> NDArray[np.uint64]:
        """The state of a coder that has read nothing, and the number of words behind it, uint64 (2,)."""
        last = self.words[-2:].tolist()[::-1]
        state = sum(word << 32 * place for place, word in enumerate(reversed(last)))
        return np.array([state, len(self.words) - len(last)], np.uint64)

    def codes(self, symbols: NDArray[np.int32], alphabet: Alphabet) -> NDArray[np.int64]:
        """The codes int64 (rows,) of the next symbols, which are of an alphabet.

        Raises:
            ValueError: the bits of their offsets are missing.
        """
        codes = np.empty(len(symbols), np.int64)
        arguments = alphabet.starts, alphabet.shifts, symbols, self.offsets, self.place, codes
        if kernels_pay(len(symbols), FEW_ALONE):
            from baler_vae.entropy.kernels import read_codes  # noqa: PLC0415 - numba takes half a second to import

            self.advance(read_codes(*arguments))
        else:
            self.advance(read_few_codes(*arguments))
        return codes

    def advance(self, place: int) -> None:
        """Takes note that the bits of offsets were read up to a place, which is -1 where there were too few.

        Raises:
            ValueError: there were.
        """
        if place < 0:
            raise ValueError(f"{self._n_bytes} bytes of offsets are too few")
        self.place = place

    def finish(self, *, words_are_used: bool) -> None:
        """Check that everything has been read.

        Raises:
            ValueError: something is left over, or missing.
        """
        if not words_are_used:
            raise ValueError("words are left over")
        if (self.place + 7) // 8 != self._n_bytes:
            raise ValueError(f"{self._n_bytes} bytes of offsets for {self.place} bits")
        if self.place % 8 and self._last >> self.place % 8:
            raise ValueError("bits are left over")


def read_few_codes(
    starts: NDArray[np.int64],
    shifts: NDArray[np.uint8],
    symbols: NDArray[np.int32],
    words: NDArray[np.uint64],
    place: int,
    codes: NDArray[np.int64],
) -> int:
    """What `kernels.read_codes` does, without anything compiled."""
    widths = np.append(shifts, np.uint8(_ESCAPE_BITS))[symbols].astype(np.int64)
    ends = place + np.cumsum(widths)
    end = int(ends[-1]) if len(ends) else place
    if end > 64 * (len(words) - 1):
        return -1
    number, bit = np.divmod(ends - widths, 64)
    # Of a code without bits at the very end there is no next word.
    low, high = words[number], words[np.minimum(number + 1, len(words) - 1)]
    offsets = low >> bit.astype(np.uint64) | high << (63 - bit).astype(np.uint64) << np.uint64(1)
    kept = ~np.uint64(0) >> np.minimum(64 - widths, 63).astype(np.uint64)
    offsets = np.where(widths > 0, offsets & kept, np.uint64(0))
    codes[:] = np.append(starts, 0)[symbols] + offsets.astype(np.int64)
    return end
