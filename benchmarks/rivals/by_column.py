"""Rivals that take one column after the other: as it is, on our integer grid, or with truncated mantissas."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from baler_vae.entropy.plain import decode_text, encode_text
from baler_vae.grid.choose import choose_grid
from baler_vae.grid.codes import SPECIAL, Codes, dequantise_column, is_special, quantise_column
from baler_vae.grid.grids import grid_of, grid_parameters
from baler_vae.grid.numbers import Integers64, is_finite
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import TEXT
from benchmarks.rivals.frame import pack, unpack
from benchmarks.rivals.signature import Bounds, Columns, Rival, Values


@dataclass(frozen=True)
class Coder:
    """A lossless coder of numeric arrays: values (rows,) to bytes, and back for a dtype and a number of rows."""

    encode: Callable[[Values], bytes]
    decode: Callable[[bytes, np.dtype[Any], int], Values]


@dataclass(frozen=True)
class ColumnCoder:
    """A coder of columns under a bound: the bytes, and plain values that `decode` needs beside them.

    One that is `shaped` is given arrays (rows, *shape) as they are, and may give them back in any shape; others are
    given all cells, row after row.
    """

    encode: Callable[[Values, Bound], tuple[bytes, Any]]
    decode: Callable[[bytes, Any, np.dtype[Any], int], Values]
    shaped: bool = False


def by_column(name: str, what: str, coder: ColumnCoder, needs: tuple[str, ...] = ()) -> Rival:
    """The rival that stores column by column; text, which few coders know, is stored as our archives store it."""

    def compress(columns: Columns, bounds: Bounds) -> bytes:
        header, streams = [], []
        for column, values in columns.items():
            stream, said = b"", None
            if values.dtype == TEXT:
                stream = encode_text(values)
            elif values.size:
                stream, said = coder.encode(values if coder.shaped else values.reshape(-1), bounds[column])
            shape = len(values) if values.ndim == 1 else list(values.shape)
            header.append([column, values.dtype.str if values.dtype != TEXT else "text", shape, said])
            streams.append(stream)
        return pack(header, streams)

    def decompress(data: bytes) -> Columns:
        header, streams = unpack(data)
        columns: dict[str, Values] = {}
        for (column, kind, shape, said), stream in zip(header, streams, strict=True):
            n_values = int(np.prod(shape))
            if kind == "text":
                columns[column] = decode_text(stream, n_values)
            elif n_values:
                columns[column] = coder.decode(stream, said, np.dtype(kind), n_values).reshape(shape)
            else:
                columns[column] = np.empty(shape, kind)
        return columns

    return Rival(name, what, compress, decompress, needs)


def on_grid(name: str, what: str, coder: Coder, needs: tuple[str, ...] = ()) -> Rival:
    """The rival that codes each column's integers on the grid that costs it least, in the narrowest integers."""

    def cost(codes: Codes) -> float:
        return 8.0 * (len(coder.encode(narrowed(codes.codes)[0])) + codes.verbatim.nbytes)

    def encode(values: Values, bound: Bound) -> tuple[bytes, Any]:
        grid = choose_grid(values, bound, cost=cost)
        codes = quantise_column(values, grid, bound)
        narrow, least, first_special = narrowed(codes.codes)
        stream = coder.encode(narrow) + codes.verbatim.tobytes()
        said = [grid.kind, grid_parameters(grid), narrow.dtype.str, least, first_special, len(codes.verbatim)]
        return stream, said

    def decode(stream: bytes, said: Any, dtype: np.dtype[Any], n_rows: int) -> Values:
        kind, parameters, narrow, least, first_special, n_verbatim = said
        end = len(stream) - 8 * n_verbatim
        codes = widened(coder.decode(stream[:end], np.dtype(narrow), n_rows), least, first_special)
        return dequantise_column(codes, np.frombuffer(stream[end:], np.uint64), grid_of(kind, parameters), dtype)

    return by_column(name, what, ColumnCoder(encode, decode), needs)


def truncating(name: str, what: str, coder: Coder, needs: tuple[str, ...] = ()) -> Rival:
    """The rival that rounds each float's mantissa to as few bits as its bound allows, and codes the floats."""

    def encode(values: Values, bound: Bound) -> tuple[bytes, Any]:
        return coder.encode(truncated(values, bound)), None

    def decode(stream: bytes, _said: Any, dtype: np.dtype[Any], n_rows: int) -> Values:
        return coder.decode(stream, dtype, n_rows)

    return by_column(name, what, ColumnCoder(encode, decode), needs)


def narrowed(codes: Integers64) -> tuple[Values, int, int]:
    """Codes (rows,) less the least ordinary one in the narrowest unsigned integers, that least code, and the number
    from which special codes are counted there.
    """
    special = is_special(codes)
    ordinary = codes[~special]
    least, most = (int(ordinary.min()), int(ordinary.max())) if len(ordinary) else (0, 0)
    first = most - least + 1
    largest = first + 4 if special.any() else first - 1
    if largest >= 1 << 63:
        return codes.view(np.uint64), 0, 1 << 64
    shifted = np.where(special, codes - SPECIAL + first, codes - least)
    return shifted.astype(np.min_scalar_type(largest)), least, first


def widened(narrow: Values, least: int, first_special: int) -> Integers64:
    """The codes (rows,) that `narrowed` was given."""
    if first_special == 1 << 64:
        return narrow.view(np.int64)
    shifted = narrow.astype(np.int64)
    codes: Integers64 = np.where(shifted >= first_special, shifted - first_special + SPECIAL, shifted + least)
    return codes


def truncated(values: Values, bound: Bound) -> Values:
    """Floats (rows,) rounded to the multiple of a power of two, value by value the largest that a bound allows."""
    if values.dtype.kind != "f" or bound.kind == "exact":
        return values
    x = values.astype(np.float64)
    with np.errstate(all="ignore"):
        allowed = np.maximum(bound.relative * np.abs(x), bound.absolute)
        exponents = np.frexp(2 * allowed)[1] - 1
        rounded = np.ldexp(np.rint(np.ldexp(x, -exponents)), exponents).astype(values.dtype)
    return np.where(is_finite(values) & is_finite(rounded) & (allowed > 0), rounded, values)
