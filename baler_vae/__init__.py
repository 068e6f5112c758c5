"""Learned compression for the columns of high-energy-physics ntuples.

The verbs are `advise`, `fit`, `compress`, `decompress`, `merge`, `open`, `evaluate` and `verify`; each does what the
command of the same name does. `dask` gives an archive as a lazy array. What they need is imported when one is first
used.
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
    from baler_vae.pipeline.advise import advise
    from baler_vae.pipeline.collection import open
    from baler_vae.pipeline.compress import compress
    from baler_vae.pipeline.decompress import decompress
    from baler_vae.pipeline.evaluate import evaluate
    from baler_vae.pipeline.fit import fit
    from baler_vae.pipeline.lazy import dask
    from baler_vae.pipeline.merge import merge
    from baler_vae.pipeline.verify import verify

__version__ = "0.1.0"

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
    "evaluate",
    "fit",
    "merge",
    "open",
    "verify",
]

_HOMES = {
    "advise": "baler_vae.pipeline.advise",
    "compress": "baler_vae.pipeline.compress",
    "dask": "baler_vae.pipeline.lazy",
    "decompress": "baler_vae.pipeline.decompress",
    "evaluate": "baler_vae.pipeline.evaluate",
    "fit": "baler_vae.pipeline.fit",
    "merge": "baler_vae.pipeline.merge",
    "open": "baler_vae.pipeline.collection",
    "verify": "baler_vae.pipeline.verify",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'baler_vae' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES.get(name, "baler_vae.errors")), name)
    return value


def __dir__() -> list[str]:
    return __all__
