"""Parquet with zstd through pyarrow: dictionaries, or the streams of bytes split, whichever is smaller."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.rivals.by_length import TableFile, by_length
from benchmarks.rivals.signature import Columns

_LEVEL = 19


def _write(columns: Columns) -> bytes:
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    split = [name for name, values in columns.items() if values.dtype.kind in "fiu" and values.dtype.itemsize > 1]
    files = []
    for choice in ({}, {"use_dictionary": False, "column_encoding": dict.fromkeys(split, "BYTE_STREAM_SPLIT")}):
        out = io.BytesIO()
        pq.write_table(
            table,
            out,
            compression="zstd",
            compression_level=_LEVEL,
            row_group_size=max(1, table.num_rows),
            store_schema=False,
            **choice,
        )
        files.append(out.getvalue())
    return min(files, key=len)


def _read(data: bytes) -> Columns:
    table = pq.read_table(io.BytesIO(data))
    return {name: np.asarray(table[name].combine_chunks()) for name in table.column_names}


RIVALS = (by_length("Parquet (zstd)", "mantissa truncation, Parquet with zstd level 19", TableFile(_write, _read)),)
