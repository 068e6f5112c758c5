"""ROOT files with LZMA and with ZSTD, one TTree for the columns of each length: through uproot, or as ROOT writes them,
whose files have compressed records and are smaller where there are many branches.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import uproot

from baler_vae.root.compression import Setting
from baler_vae.root.records import BranchRecord
from baler_vae.root.trees import tree_writer
from benchmarks.rivals.by_length import TableFile, by_length
from benchmarks.rivals.signature import Columns, NotApplicableError, Rival

_KNOWN = "?bBhHiIlLqQfd"


def _rival(name: str, what: str, compression: Any, *, as_root: str = "") -> Rival:
    def write(columns: Columns) -> bytes:
        unknown = [values.dtype for values in columns.values() if values.dtype.char not in _KNOWN]
        if unknown:
            raise NotApplicableError(f"a TTree has no {unknown[0]}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.root"
            with uproot.recreate(path, compression=compression) as file:
                if as_root:
                    _write_as_root(file, columns, as_root)
                else:
                    dtypes = {name: np.dtype((cells.dtype, cells.shape[1:])) for name, cells in columns.items()}
                    file.mktree("t", dtypes)
                    file["t"].extend(dict(columns))
            return path.read_bytes()

    def read(data: bytes) -> Columns:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.root"
            path.write_bytes(data)
            with uproot.open(path) as file:
                return {column: np.asarray(values) for column, values in file["t"].arrays(library="np").items()}

    return by_length(name, what, TableFile(write, read, shaped=True))


def _write_as_root(file: uproot.WritableDirectory, columns: Columns, setting: str) -> None:
    """Writes a tree of one basket for each branch, as ROOT compresses and describes it."""
    branches = [
        BranchRecord(name=name, title=name, type=cells.dtype.name, shape=cells.shape[1:])
        for name, cells in columns.items()
    ]
    tree = tree_writer(file, "t", "", branches, Setting(setting))
    tree.extend(len(next(iter(columns.values()))), columns, {})
    tree.close()


RIVALS = (
    _rival("ROOT (LZMA)", "mantissa truncation, TTree with LZMA level 9", uproot.LZMA(9)),
    _rival("ROOT (ZSTD)", "mantissa truncation, TTree with ZSTD level 9", uproot.ZSTD(9)),
)
ZSTD_FILE = _rival(
    "ROOT file (zstd)", "mantissa truncation, TTree as ROOT writes it with 505", uproot.ZSTD(5), as_root="zstd:5"
)
LZMA_FILE = _rival(
    "ROOT file (LZMA)", "mantissa truncation, TTree as ROOT writes it with 209", uproot.LZMA(9), as_root="lzma:9"
)
