"""Integer codes under tables of their own: `table-1`.

A code becomes a symbol and an offset. Symbols are coded by asymmetric numeral systems (Duda 2009, in the stream coder
of constriction) under an integer frequency table, one table per context; offsets follow as plain bits.
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
from baler_vae.entropy.stream import CodeReader, SymbolWriter

LARGEST_CONTEXTS = 256

_RANGE_BITS = 12.0
_LEVEL_BITS = 5.0
"""About what a range takes in stored tables: once, and per context."""
_PRIOR_ROWS = 2.0
_SHARED_BYTES = 80
_LARGEST_TABLES = 1 << 16
_LARGEST_LEVELS = 1 << 24
_INT64 = np.dtype(np.int64)
_UINT8 = np.dtype(np.uint8)


@dataclass(frozen=True)
class ColumnTable:
    """An alphabet, and the level of each symbol in each context: uint8 (contexts, symbols)."""

    alphabet: Alphabet
    levels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.levels.ndim != 2 or self.levels.shape[1] != self.alphabet.n_symbols:
            raise ValueError(f"levels of shape {self.levels.shape} for {self.alphabet.n_symbols} symbols")
        if not 1 <= len(self.levels) <= LARGEST_CONTEXTS:
            raise ValueError(f"{len(self.levels)} contexts")


def fit_table(
    codes: NDArray[np.int64], contexts: NDArray[np.integer[Any]] | None = None, n_contexts: int = 1
) -> ColumnTable:
    """The table of codes (rows,), each in one of `n_contexts` contexts (rows,)."""
    alphabet = fit_alphabet(codes, range_bits=_RANGE_BITS + _LEVEL_BITS * n_contexts)
    counts = _counts(codes, contexts, alphabet, n_contexts)
    overall = counts.sum(axis=0) + 0.5
    return ColumnTable(alphabet, levels_of(counts + _PRIOR_ROWS * overall / overall.sum()))


def table_bits(codes: NDArray[np.int64], contexts: NDArray[np.integer[Any]] | None, table: ColumnTable) -> float:
    """About how many bits `encode_codes` takes."""
    counts = _counts(codes, contexts, table.alphabet, len(table.levels))
    symbol_bits = TOTAL_BITS - np.log2(frequencies(table.levels))
    return float((counts * (symbol_bits + table.alphabet.widths)).sum())


def _counts(
    codes: NDArray[np.int64], contexts: NDArray[np.integer[Any]] | None, alphabet: Alphabet, n_contexts: int
) -> NDArray[np.int64]:
    """How often each symbol occurs in each context, int64 (contexts, symbols)."""
    symbols = alphabet.split(codes)[0].astype(np.int64)
    if contexts is not None:
        symbols += contexts.astype(np.int64) * alphabet.n_symbols
    return np.bincount(symbols, minlength=n_contexts * alphabet.n_symbols).reshape(n_contexts, -1)


def encode_codes(codes: NDArray[np.int64], contexts: NDArray[np.integer[Any]] | None, table: ColumnTable) -> bytes:
    """The bytes of codes (rows,): the number of words (LEB128), the words (uint32, little-endian), the offsets as bits.

    Rows are taken context by context, in their order within each; without rows there are no bytes.
    """
    if not len(codes):
        return b""
    order, ends = _by_context(contexts, len(table.levels), len(codes))
    symbols, offsets = table.alphabet.split(codes[order])
    writer = SymbolWriter()
    models = _models(table)
    for context in reversed(range(len(models))):
        writer.put(symbols[ends[context] : ends[context + 1]], models[context])
    return writer.finish(offsets, table.alphabet.widths[symbols])


def decode_codes(
    data: bytes, contexts: NDArray[np.integer[Any]] | None, table: ColumnTable, n_rows: int
) -> NDArray[np.int64]:
    """The codes int64 (rows,) that `encode_codes` was given, for the same contexts.

    Raises:
        ValueError: the bytes are not those of such codes.
    """
    if not n_rows:
        if data:
            raise ValueError(f"{len(data)} bytes for no rows")
        return np.empty(0, np.int64)
    order, ends = _by_context(contexts, len(table.levels), n_rows)
    reader = CodeReader(data, table.alphabet)
    models = _models(table)
    symbols = np.concatenate(
        [reader.symbols(model, ends[context + 1] - ends[context]) for context, model in enumerate(models)]
    )
    codes = np.empty(n_rows, np.int64)
    codes[order] = reader.codes(symbols)
    reader.finish()
    return codes


def _models(table: ColumnTable) -> list[Any]:
    """One model per context. For f - 1 in place of the frequencies f constriction gives each symbol exactly f / 2^24:
    it keeps 1 / 2^24 for each, and what it shares out beyond that has the sum 2^24 - n.
    """
    return [
        constriction.stream.model.Categorical((row - 1).astype(np.float64), perfect=False)
        for row in frequencies(table.levels)
    ]


def _by_context(
    contexts: NDArray[np.integer[Any]] | None, n_contexts: int, n_rows: int
) -> tuple[NDArray[np.intp] | slice, list[int]]:
    """The rows context by context, and where each context begins and ends among them."""
    if contexts is None:
        if n_contexts != 1:
            raise ValueError(f"no contexts for a table of {n_contexts}")
        return slice(None), [0, n_rows]
    if len(contexts) != n_rows or contexts.min(initial=0) < 0 or contexts.max(initial=0) >= n_contexts:
        raise ValueError(f"{len(contexts)} contexts that do not fit {n_rows} rows and a table of {n_contexts}")
    counts = np.bincount(contexts, minlength=n_contexts)
    return np.argsort(contexts, kind="stable"), [0, *np.cumsum(counts).tolist()]


def encode_tables(tables: Sequence[ColumnTable]) -> list[bytes]:
    """Four parts for all tables together: their number (uint32) with ranges and contexts of each; the shifts; the gap
    from the end of one range to the start of the next (the first counts from 0, all modulo 2^64); the levels context by
    context, each less the one before (modulo 256).
    """
    sizes = np.array([(len(table.alphabet.starts), len(table.levels)) for table in tables], np.int64)
    return [
        len(tables).to_bytes(4, "little") + encode_numbers(sizes.ravel()),
        encode_numbers(np.concatenate([table.alphabet.shifts for table in tables])),
        encode_numbers(np.concatenate([_gaps(table.alphabet) for table in tables])),
        encode_numbers(np.concatenate([_level_steps(table.levels) for table in tables])),
    ]


def table_bytes(tables: Sequence[ColumnTable]) -> int:
    """About what tables take, beside what all tables of a group share."""
    return max(0, sum(map(len, encode_tables(tables))) - _SHARED_BYTES)


def decode_tables(parts: Sequence[bytes]) -> tuple[ColumnTable, ...]:
    """The tables that `encode_tables` was given.

    Raises:
        ValueError: the parts are not those of tables.
    """
    if len(parts) != 4 or len(parts[0]) < 4:
        raise ValueError(f"{len(parts)} parts are not those of tables")
    n_tables = int.from_bytes(parts[0][:4], "little")
    if n_tables > _LARGEST_TABLES:
        raise ValueError(f"{n_tables} tables")
    sizes = decode_numbers(parts[0][4:], _INT64, 2 * n_tables).astype(np.int64).reshape(-1, 2)
    n_ranges, n_contexts = sizes.T
    if np.any(sizes < 1) or np.any(n_ranges > LARGEST_ALPHABET) or np.any(n_contexts > LARGEST_CONTEXTS):
        raise ValueError("a table has an impossible size")
    n_levels = (n_ranges + 1) * n_contexts
    if n_levels.sum() > _LARGEST_LEVELS:
        raise ValueError(f"{n_levels.sum()} levels")
    shifts = decode_numbers(parts[1], _UINT8, int(n_ranges.sum())).astype(np.uint8)
    gaps = decode_numbers(parts[2], _INT64, int(n_ranges.sum())).astype(np.int64)
    steps = decode_numbers(parts[3], _UINT8, int(n_levels.sum())).astype(np.uint8)
    if np.any(shifts > 63):
        raise ValueError("a range of an alphabet is too wide")
    tables = []
    for own_shifts, own_gaps, own_steps, rows in zip(
        np.split(shifts, np.cumsum(n_ranges)[:-1]),
        np.split(gaps, np.cumsum(n_ranges)[:-1]),
        np.split(steps, np.cumsum(n_levels)[:-1]),
        n_contexts.tolist(),
        strict=True,
    ):
        levels = np.cumsum(own_steps.reshape(rows, -1), axis=0, dtype=np.uint8)
        tables.append(ColumnTable(Alphabet(_starts(own_gaps, own_shifts), own_shifts), levels))
    return tuple(tables)


def _gaps(alphabet: Alphabet) -> NDArray[np.int64]:
    ends = alphabet.starts + (np.int64(1) << alphabet.shifts.astype(np.int64))
    gaps: NDArray[np.int64] = alphabet.starts - np.append(np.int64(0), ends[:-1])
    return gaps


def _starts(gaps: NDArray[np.int64], shifts: NDArray[np.uint8]) -> NDArray[np.int64]:
    widths = np.int64(1) << shifts.astype(np.int64)
    starts: NDArray[np.int64] = np.cumsum(gaps + np.append(np.int64(0), widths[:-1]))
    return starts


def _level_steps(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    steps: NDArray[np.uint8] = np.diff(levels, axis=0, prepend=np.uint8(0)).ravel()
    return steps
