"""Integer codes under one table: `table-1`.

A code becomes a symbol and an offset. Symbols are coded under an integer frequency table; offsets follow as plain bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import LARGEST_ALPHABET, Alphabet, fit_alphabet
from baler_vae.entropy.frequencies import TOTAL_BITS, frequencies, levels_of
from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.entropy.stream import StreamReader, join_stream

_RANGE_BITS = 17.0
"""The approximate cost in bits of a range in a stored table."""
_PRIOR_ROWS = 2.0
"""The weight, in rows, of the common distribution that is added to the counts. Chosen by hand; not measured."""
_SHARED_BYTES = 80
"""About the bytes of a section of tables that all tables of a group share."""
_LARGEST_ALPHABETS = 1 << 16
_CHUNK_ROWS = 1 << 18
"""Rows decoded at a time: the working memory is many times the size of the codes."""
_INT64 = np.dtype(np.int64)
_UINT8 = np.dtype(np.uint8)


@dataclass(frozen=True)
class FrequencyTable:
    """An alphabet, and the level of each symbol: uint8 (symbols,)."""

    alphabet: Alphabet
    levels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.levels.shape != (self.alphabet.n_symbols,):
            raise ValueError(f"levels of shape {self.levels.shape} for {self.alphabet.n_symbols} symbols")


def fit_table(codes: NDArray[np.int64]) -> FrequencyTable:
    """The table of codes (rows,)."""
    alphabet = fit_alphabet(codes, range_bits=_RANGE_BITS)
    counts = _counts(codes, alphabet)
    overall = counts + 0.5
    return FrequencyTable(alphabet, levels_of(counts + _PRIOR_ROWS * overall / overall.sum()))


def code_bits(codes: NDArray[np.int64], table: FrequencyTable) -> NDArray[np.float64]:
    """The bits, float64 (rows,), that each of codes (rows,) takes: symbol and offset."""
    symbol_bits: NDArray[np.float64] = TOTAL_BITS - np.log2(frequencies(table.levels))
    return (symbol_bits + table.alphabet.widths.astype(np.float64))[table.alphabet.split(codes)[0]]


def table_bits(codes: NDArray[np.int64], table: FrequencyTable) -> float:
    """The estimated number of bits that `encode_codes` takes."""
    symbol_bits = TOTAL_BITS - np.log2(frequencies(table.levels))
    return float((_counts(codes, table.alphabet) * (symbol_bits + table.alphabet.widths)).sum())


def _counts(codes: NDArray[np.int64], alphabet: Alphabet) -> NDArray[np.int64]:
    """How often each symbol occurs, int64 (symbols,)."""
    return np.bincount(alphabet.split(codes)[0], minlength=alphabet.n_symbols)


def encode_codes(codes: NDArray[np.int64], table: FrequencyTable) -> bytes:
    """The bytes of codes (rows,): the number of words (LEB128), the words (uint32, little-endian), the offsets as bits;
    without rows there are no bytes.
    """
    return encode_runs([codes], [table])


def encode_runs(codes: Sequence[NDArray[np.int64]], tables: Sequence[FrequencyTable]) -> bytes:
    """The same of several runs of codes (rows,), each under its own table, one after the other in one stream."""
    coder = constriction.stream.stack.AnsCoder()
    split = [table.alphabet.split(own) for own, table in zip(codes, tables, strict=True)]
    for (symbols, _), table in zip(reversed(split), reversed(tables), strict=True):
        if len(symbols):
            coder.encode_reverse(symbols, _model(table))
    if not any(len(own) for own in codes):
        return b""
    widths = [table.alphabet.widths[symbols] for (symbols, _), table in zip(split, tables, strict=True)]
    return join_stream(coder.get_compressed(), np.concatenate([own for _, own in split]), np.concatenate(widths))


def decode_codes(data: bytes, table: FrequencyTable, n_rows: int) -> NDArray[np.int64]:
    """The codes int64 (rows,) that `encode_codes` was given.

    Raises:
        ValueError: the bytes are not those of such codes.
    """
    return decode_runs(data, [table], [n_rows])[0]


def decode_runs(data: bytes, tables: Sequence[FrequencyTable], n_rows: Sequence[int]) -> list[NDArray[np.int64]]:
    """The codes of runs, int64 (rows,) each, that `encode_runs` was given.

    Raises:
        ValueError: the bytes are not those of such codes.
    """
    found = [np.empty(own, np.int64) for own in n_rows]
    if not any(n_rows):
        if data:
            raise ValueError(f"{len(data)} bytes for no rows")
        return found
    reader = StreamReader(data)
    coder = constriction.stream.stack.AnsCoder(reader.words)
    for codes, table in zip(found, tables, strict=True):
        model = _model(table) if len(codes) else None
        for start in range(0, len(codes), _CHUNK_ROWS):
            chunk = codes[start : start + _CHUNK_ROWS]
            chunk[:] = reader.codes(coder.decode(model, len(chunk)), table.alphabet)
    reader.finish(words_are_used=coder.is_empty())
    return found


def _model(table: FrequencyTable) -> Any:  # noqa: ANN401  of constriction
    """For f - 1 in place of the frequencies f constriction gives each symbol exactly f / 2^24: it keeps 1 / 2^24 for
    each, and what it shares out beyond that has the sum 2^24 - n.
    """
    probabilities = (frequencies(table.levels) - 1).astype(np.float64)
    return constriction.stream.model.Categorical(probabilities, perfect=False)


def encode_alphabets(alphabets: Sequence[Alphabet]) -> list[bytes]:
    """Three parts for all alphabets together: their number (uint32) with the ranges of each (int64); the shifts; the
    gap from the end of one range to the start of the next (the first counts from 0, all modulo 2^64).
    """
    sizes = np.array([len(alphabet.starts) for alphabet in alphabets], np.int64)
    return [
        len(alphabets).to_bytes(4, "little") + encode_numbers(sizes),
        encode_numbers(_joined([alphabet.shifts for alphabet in alphabets], _UINT8)),
        encode_numbers(_joined([_gaps(alphabet) for alphabet in alphabets], _INT64)),
    ]


def encode_tables(tables: Sequence[FrequencyTable]) -> list[bytes]:
    """Four parts for all tables together: their alphabets, and the levels one table after the other."""
    return [
        *encode_alphabets([table.alphabet for table in tables]),
        encode_numbers(_joined([table.levels for table in tables], _UINT8)),
    ]


def table_bytes(tables: Sequence[FrequencyTable]) -> int:
    """The estimated bits of tables, without what all tables of a group share."""
    return max(0, sum(map(len, encode_tables(tables))) - _SHARED_BYTES)


def decode_alphabets(parts: Sequence[bytes]) -> tuple[Alphabet, ...]:
    """The alphabets that `encode_alphabets` was given.

    Raises:
        ValueError: the parts are not those of alphabets.
    """
    if len(parts) != 3 or len(parts[0]) < 4:
        raise ValueError(f"{len(parts)} parts are not those of alphabets")
    n_alphabets = int.from_bytes(parts[0][:4], "little")
    if n_alphabets > _LARGEST_ALPHABETS:
        raise ValueError(f"{n_alphabets} alphabets")
    n_ranges = decode_numbers(parts[0][4:], _INT64, n_alphabets).astype(np.int64)
    if np.any(n_ranges < 1) or np.any(n_ranges > LARGEST_ALPHABET):
        raise ValueError("an alphabet has an impossible size")
    shifts = decode_numbers(parts[1], _UINT8, int(n_ranges.sum())).astype(np.uint8)
    gaps = decode_numbers(parts[2], _INT64, int(n_ranges.sum())).astype(np.int64)
    if np.any(shifts > 63):
        raise ValueError("a range of an alphabet is too wide")
    ends = np.cumsum(n_ranges)[:-1]
    split = zip(np.split(gaps, ends), np.split(shifts, ends), strict=True) if n_alphabets else ()
    return tuple(Alphabet(_starts(own_gaps, own_shifts), own_shifts) for own_gaps, own_shifts in split)


def decode_tables(parts: Sequence[bytes]) -> tuple[FrequencyTable, ...]:
    """The tables that `encode_tables` was given.

    Raises:
        ValueError: the parts are not those of tables.
    """
    if len(parts) != 4:
        raise ValueError(f"{len(parts)} parts are not those of tables")
    alphabets = decode_alphabets(parts[:3])
    n_levels = np.array([alphabet.n_symbols for alphabet in alphabets], np.int64)
    levels = decode_numbers(parts[3], _UINT8, int(n_levels.sum())).astype(np.uint8)
    split = np.split(levels, np.cumsum(n_levels)[:-1]) if alphabets else []
    return tuple(FrequencyTable(alphabet, own) for alphabet, own in zip(alphabets, split, strict=True))


def _joined(arrays: Sequence[NDArray[Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype)


def _gaps(alphabet: Alphabet) -> NDArray[np.int64]:
    ends = alphabet.starts + (np.int64(1) << alphabet.shifts.astype(np.int64))
    gaps: NDArray[np.int64] = alphabet.starts - np.append(np.int64(0), ends[:-1])
    return gaps


def _starts(gaps: NDArray[np.int64], shifts: NDArray[np.uint8]) -> NDArray[np.int64]:
    widths = np.int64(1) << shifts.astype(np.int64)
    starts: NDArray[np.int64] = np.cumsum(gaps + np.append(np.int64(0), widths[:-1]))
    return starts
