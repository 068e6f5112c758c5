"""Learned compression for the columns of high-energy-physics ntuples.

The verbs are `advise`, `fit`, `compress`, `decompress`, `merge`, `open`, `evaluate` and `verify`; each does what the
command of the same name does. `dumps` and `loads` are `compress` and `decompress` with bytes in place of files. `dask`
gives an archive as a lazy array. What they need is imported when one is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baler_vae.errors import (
        ArchiveError,
        BalerError,
        BoundBroken,
        CorruptArchive,
        MissingExtra,
        OutputError,
        SourceError,
        ToleranceFailed,
        TruncatedArchive,
        UnsupportedVersion,
        UsageError,
    )
    from baler_vae.reader.collection import open
    from baler_vae.reader.lazy import dask
    from baler_vae.study.advise import advise
    from baler_vae.verbs.compress import compress
    from baler_vae.verbs.decompress import decompress
    from baler_vae.verbs.evaluate import evaluate
    from baler_vae.verbs.fit import fit
    from baler_vae.verbs.in_memory import dumps, loads
    from baler_vae.verbs.merge import merge
    from baler_vae.verbs.verify import verify
    from baler_vae.version import __version__

__all__ = [
    "ArchiveError",
    "BalerError",
    "BoundBroken",
    "CorruptArchive",
    "MissingExtra",
    "OutputError",
    "SourceError",
    "ToleranceFailed",
    "TruncatedArchive",
    "UnsupportedVersion",
    "UsageError",
    "__version__",
    "advise",
    "compress",
    "dask",
    "decompress",
    "dumps",
    "evaluate",
    "fit",
    "loads",
    "merge",
    "open",
    "verify",
]

_HOMES = {
    "__version__": "baler_vae.version",
    "advise": "baler_vae.study.advise",
    "compress": "baler_vae.verbs.compress",
    "dask": "baler_vae.reader.lazy",
    "decompress": "baler_vae.verbs.decompress",
    "dumps": "baler_vae.verbs.in_memory",
    "evaluate": "baler_vae.verbs.evaluate",
    "fit": "baler_vae.verbs.fit",
    "loads": "baler_vae.verbs.in_memory",
    "merge": "baler_vae.verbs.merge",
    "open": "baler_vae.reader.collection",
    "verify": "baler_vae.verbs.verify",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'baler_vae' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES.get(name, "baler_vae.errors")), name)
    return value


def __dir__() -> list[str]:
    return __all__
