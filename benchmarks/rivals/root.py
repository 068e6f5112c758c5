"""ROOT files with LZMA and with ZSTD through uproot, one TTree for the columns of each length."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import uproot

from benchmarks.rivals.by_length import TableFile, by_length
from benchmarks.rivals.signature import Columns, NotApplicableError, Rival

_KNOWN = "?bBhHiIlLqQfd"


def _rival(name: str, what: str, compression: Any) -> Rival:
    def write(columns: Columns) -> bytes:
        unknown = [values.dtype for values in columns.values() if values.dtype.char not in _KNOWN]
        if unknown:
            raise NotApplicableError(f"a TTree has no {unknown[0]}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.root"
            with uproot.recreate(path, compression=compression) as file:
                file.mktree("t", {name: np.dtype((cells.dtype, cells.shape[1:])) for name, cells in columns.items()})
                file["t"].extend(dict(columns))
            return path.read_bytes()

    def read(data: bytes) -> Columns:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.root"
            path.write_bytes(data)
            with uproot.open(path) as file:
                return {column: np.asarray(values) for column, values in file["t"].arrays(library="np").items()}

    return by_length(name, what, TableFile(write, read, shaped=True))


RIVALS = (
    _rival("ROOT (LZMA)", "mantissa truncation, TTree with LZMA level 9", uproot.LZMA(9)),
    _rival("ROOT (ZSTD)", "mantissa truncation, TTree with ZSTD level 9", uproot.ZSTD(9)),
)
