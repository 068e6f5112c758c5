"""Rivals that store tables: the columns of each length are one table, with truncated mantissas."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from baler_vae.entropy.plain import decode_text, encode_text
from baler_vae.table.schema import TEXT
from benchmarks.rivals.by_column import truncated
from benchmarks.rivals.frame import pack, unpack
from benchmarks.rivals.signature import Bounds, Columns, Rival, Values


@dataclass(frozen=True)
class TableFile:
    """A file format for tables of numbers: columns of equal length to bytes and back, the dtypes included.

    One that is `shaped` is given arrays (rows, *shape) as they are, others all cells, row after row.
    """

    write: Callable[[Columns], bytes]
    read: Callable[[bytes], Columns]
    shaped: bool = False


def by_length(name: str, what: str, file: TableFile, needs: tuple[str, ...] = ()) -> Rival:
    """The rival that writes one file for each length of columns.

    Names in the files are numbers, so that no format has to know every character; text is stored as our archives store
    it.
    """

    def compress(columns: Columns, bounds: Bounds) -> bytes:
        tables: dict[int, dict[str, Values]] = {}
        header, streams = [], []
        for number, (column, values) in enumerate(columns.items()):
            kind = "text" if values.dtype == TEXT else values.dtype.str
            header.append([column, kind, len(values) if values.ndim == 1 else list(values.shape)])
            if kind == "text":
                streams.append(encode_text(values))
            elif values.size:
                cells = values if file.shaped else values.reshape(-1)
                tables.setdefault(len(cells), {})[f"c{number}"] = truncated(cells, bounds[column])
        return pack(header, [*streams, *map(file.write, tables.values())])

    def decompress(data: bytes) -> Columns:
        header, streams = unpack(data)
        n_texts = sum(kind == "text" for _, kind, _ in header)
        texts = iter(streams[:n_texts])
        tables = [file.read(stream) for stream in streams[n_texts:]]
        numbers = {column: values for table in tables for column, values in table.items()}
        columns: dict[str, Values] = {}
        for number, (column, kind, shape) in enumerate(header):
            if kind == "text":
                columns[column] = decode_text(next(texts), shape)
            elif np.prod(shape):
                columns[column] = numbers[f"c{number}"].astype(kind, copy=False).reshape(shape)
            else:
                columns[column] = np.empty(shape, kind)
        return columns

    return Rival(name, what, compress, decompress, needs)
