"""How the bytes of ROOT files are compressed: an algorithm and a level, as users write them (`zstd:5`), and as files
have them (505).
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import uproot

from baler_vae.errors import UsageError
from baler_vae.table.arrow import lz4_block

ROOT_COMPRESSION = "zstd:5"
"""The setting of files whose source has none or does not say: ROOT's own for RNTuples and for what is kept."""
NONE = "none"

_ALGORITHMS = {"zlib": (1, 9, 1), "lzma": (2, 9, 7), "lz4": (4, 12, 4), "zstd": (5, 22, 5)}
"""ROOT's code of each algorithm, its largest level, and the one that ROOT takes by itself."""
_NAMES = {code: (name, largest) for name, (code, largest, _) in _ALGORITHMS.items()}
_OF_LEVELS = 100

_SAME_LEVELS = 5
"""The levels of zstandard above which ROOT takes twice as high ones. It does so for the others too, but that saves no
more than 1 % (jets, nanoAOD), and takes twice the time."""
_SMALL_BYTES = 1 << 16
"""Where no setting is stored, a basket of fewer bytes is written with `zlib:1` if that takes less, as it often does in
jagged branches: uproot's HZZ file, of a ROOT that named no algorithm, becomes 0.96 times as large as it was, with
`zstd:5` alone 1.08 times."""


def check_compression(text: str) -> str:
    """A setting in full: `zstd` is `zstd:5`.

    Raises:
        UsageError: there is no such algorithm or level.
    """
    name, colon, number = text.strip().lower().partition(":")
    if name == NONE and not colon:
        return NONE
    code, largest, usual = _ALGORITHMS.get(name, (0, 0, 0))
    if not code or (colon and not (re.fullmatch("[0-9]{1,2}", number) and 1 <= int(number) <= largest)):
        levels = [f"{name}:1 to {name}:{most}" for name, (_, most, _) in _ALGORITHMS.items()]
        raise UsageError(f"invalid compression {text!r}", expected=f"{', '.join(levels)}, or none")
    return f"{name}:{int(number) if colon else usual}"


@dataclass(frozen=True)
class Setting:
    """A setting in full; that of `ROOT_COMPRESSION` where the text is empty."""

    text: str = ""

    @property
    def compression(self) -> uproot.compression.Compression | None:
        """What uproot, and the header of a file, call it; None is `none`."""
        text = self.text or ROOT_COMPRESSION
        if text == NONE:
            return None
        name, _, level = text.partition(":")
        return uproot.compression.Compression.from_code_pair(_ALGORITHMS[name][0], int(level))

    @property
    def code(self) -> int:
        """What ROOT calls it: 505."""
        return 0 if self.compression is None else int(self.compression.code)

    def compressed(self, data: bytes) -> bytes:
        """Blocks with ROOT's headers, or the data themselves where these are not larger."""
        coder = self.compression
        if isinstance(coder, uproot.compression.ZSTD) and coder.level > _SAME_LEVELS:
            coder = uproot.compression.ZSTD(min(2 * coder.level, _ALGORITHMS["zstd"][1]))
        elif isinstance(coder, uproot.compression.LZ4):
            coder = _Lz4(coder.level)
        found = bytes(uproot.compression.compress(data, coder))
        if not self.text and len(data) < _SMALL_BYTES:
            found = min(found, bytes(uproot.compression.compress(data, uproot.compression.ZLIB(1))), key=len)
        return found


class _Lz4(uproot.compression.LZ4):  # type: ignore[misc]  # uproot is not typed
    """LZ4 with its levels: the library that uproot calls has one, and makes files an eighth larger than ROOT's."""

    def compress(self, data: bytes) -> bytes:
        return lz4_block(data, self.level)


def compression_in(tree: Any, file_code: int) -> str:  # noqa: ANN401  a TTree or an RNTuple
    """The setting under which most bytes of a tree were written, in a file with a code of its own. Nothing where it is
    `ROOT_COMPRESSION`, and where files do not say: those of ROOT 5 may name a level, but no algorithm.
    """
    if isinstance(tree, uproot.behaviors.RNTuple.HasFields):
        stored = Counter[int]()
        for columns in tree.page_link_list:
            for column in columns:
                stored[column.compression_settings or 0] += sum(page.locator.num_bytes for page in column.pages)
        code, is_smaller = max(stored, key=stored.__getitem__, default=file_code), False
    else:
        stored = Counter[int]()
        raw = 0
        for _, branch in tree.iteritems(recursive=True):
            if not branch.branches:
                stored[max(0, branch.member("fCompress"))] += branch.member("fZipBytes")
                raw += branch.member("fTotBytes")
        code = max(stored, key=stored.__getitem__, default=file_code) or file_code  # uproot says it of the file only
        is_smaller = stored.total() < raw
    algorithm, level = divmod(max(0, code), _OF_LEVELS)
    if level == 0:
        return "" if is_smaller else NONE
    if algorithm not in _NAMES:
        return ""
    name, largest = _NAMES[algorithm]
    found = f"{name}:{min(level, largest)}"
    return "" if found == ROOT_COMPRESSION else found
