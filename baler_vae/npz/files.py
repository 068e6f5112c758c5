"""The files of an npz archive: which can be read as arrays, and which are kept unchanged."""

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from baler_vae.errors import SourceError
from baler_vae.npz.layout import Raw, checked_name, read_npy
from baler_vae.source.array_columns import as_text, is_text
from baler_vae.source.source import reading

Arrays = Mapping[str, NDArray[np.generic]]

KIND = "an npz archive"
FAILURES = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)

NAMES = ("names", "columns", "feature_names")
"""The arrays that may name the columns of another."""

_MOST_BYTES = 64 << 20
"""The most bytes of files that are kept besides the columns."""


@dataclass(frozen=True, eq=False)
class NpzFiles:
    """The files of an archive: where each is, how large it is, the arrays that can be read, and why others cannot."""

    path: str
    places: Mapping[str, str]
    sizes: Mapping[str, int]
    arrays: Arrays
    refused: Mapping[str, str]

    def raw(self, name: str) -> Raw:
        """The bytes of a file."""
        with reading(self.path, KIND, *FAILURES), zipfile.ZipFile(self.path) as archive:
            return Raw(self.places[name], archive.read(self.places[name]))

    def split(self, names: Iterable[str]) -> tuple[dict[str, int], dict[str, str]]:
        """The extras: files that are not columns, with their sizes; and those that are too large,
        each with the reason.
        """
        kept: dict[str, int] = {}
        large: dict[str, str] = {}
        for name in sorted(names, key=lambda name: (self.sizes[name], name)):
            if sum(kept.values()) + self.sizes[name] <= _MOST_BYTES:
                kept[name] = self.sizes[name]
            else:
                large[name] = f"of a different length from the table, and {self.sizes[name]:,} bytes"
        return kept, large


def read_files(path: str) -> NpzFiles:
    """The files of an archive, all arrays of it that can be read in memory.

    Raises:
        SourceError: it is not an npz archive, is damaged, or two arrays have the same name.
    """
    with reading(path, KIND, *FAILURES):
        return _read_files(path)


def _read_files(path: str) -> NpzFiles:
    if not zipfile.is_zipfile(path):
        is_array = Path(path).read_bytes()[: len(npy.MAGIC_PREFIX)] == npy.MAGIC_PREFIX
        raise SourceError("is not an npz archive", path=path, found="a single array" if is_array else "")
    places: dict[str, str] = {}
    sizes: dict[str, int] = {}
    arrays: dict[str, NDArray[np.generic]] = {}
    refused: dict[str, str] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if info.is_dir():
                continue
            if name in places:
                raise SourceError(f"two arrays are named {name!r}", path=path, way_out="Rename one of them")
            places[name], sizes[name] = info.filename, info.file_size
            with archive.open(info) as stream:
                is_array = stream.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX
                stream.seek(0)
                try:
                    arrays |= {name: read_npy(stream)} if is_array else {}
                    checked_name(info.filename)
                except ValueError as error:
                    refused[name] = str(error)
                    arrays.pop(name, None)
    return NpzFiles(path, places, sizes, arrays, refused)


def names_of(arrays: Arrays, keys: Iterable[str]) -> tuple[dict[str, list[str]], frozenset[str]]:
    """The names of the columns of those arrays of two or more axes of which there are as many as names, and the arrays
    that hold them.
    """
    found: dict[str, list[str]] = {}
    naming = set()
    for name in NAMES:
        words: list[str] = as_text(arrays[name].ravel()).tolist() if name in arrays and is_text(arrays[name]) else []
        fitting = [key for key in keys if arrays[key].ndim > 1 and arrays[key].shape[-1] == len(words)]
        if fitting and all(word is not None for word in words):
            naming.add(name)
            found |= {key: words for key in fitting if key not in found}
    return found, frozenset(naming)
