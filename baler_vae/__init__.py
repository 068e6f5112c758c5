"""Learned compression for the columns of high-energy-physics ntuples.

The verbs are `advise`, `fit`, `compress`, `decompress`, `merge`, `open`, `evaluate`, `compare` and `verify`; each does
what the command of the same name does. What they give is a frozen value with attributes, `to_dict()`, `to_pandas()` and
a table for notebooks. `dumps` and `loads` are `compress` and `decompress` with bytes in place of files, and
`dask` gives an archive as a lazy array. What they need is imported when one is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baler_vae.codec.codec import Codec
    from baler_vae.codec.report import FitReport
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
        UnknownName,
        UnsupportedVersion,
        UsageError,
    )
    from baler_vae.evaluation.advice import Advice
    from baler_vae.evaluation.comparison import Comparison
    from baler_vae.reader.archive import Archive
    from baler_vae.reader.archive_info import ArchiveInfo, CollectionInfo
    from baler_vae.reader.collection import Collection
    from baler_vae.reader.files import concatenate, iterate
    from baler_vae.reader.lazy import dask
    from baler_vae.reader.opening import open
    from baler_vae.settings.evaluation import (
        CutSettings,
        EvaluationSettings,
        HistogramSettings,
        PeakSettings,
        QuantitySettings,
        ToleranceSettings,
    )
    from baler_vae.settings.model import ModelSettings
    from baler_vae.source.dialect import DialectOptions
    from baler_vae.study.advise import advise
    from baler_vae.study.compare import compare
    from baler_vae.table.bounds import Bound
    from baler_vae.verbs.compress import compress
    from baler_vae.verbs.decompress import decompress
    from baler_vae.verbs.evaluate import evaluate
    from baler_vae.verbs.evaluation import Evaluation
    from baler_vae.verbs.fit import fit
    from baler_vae.verbs.in_memory import dumps, loads
    from baler_vae.verbs.merge import merge
    from baler_vae.verbs.verification import Verification
    from baler_vae.verbs.verify import verify
    from baler_vae.version import __version__

__all__ = [
    "Advice",
    "Archive",
    "ArchiveError",
    "ArchiveInfo",
    "BalerError",
    "Bound",
    "BoundBroken",
    "Codec",
    "Collection",
    "CollectionInfo",
    "Comparison",
    "CorruptArchive",
    "CutSettings",
    "DialectOptions",
    "Evaluation",
    "EvaluationSettings",
    "FitReport",
    "HistogramSettings",
    "MissingExtra",
    "ModelSettings",
    "OutputError",
    "PeakSettings",
    "QuantitySettings",
    "SourceError",
    "ToleranceFailed",
    "ToleranceSettings",
    "TruncatedArchive",
    "UnknownName",
    "UnsupportedVersion",
    "UsageError",
    "Verification",
    "__version__",
    "advise",
    "compare",
    "compress",
    "concatenate",
    "dask",
    "decompress",
    "dumps",
    "evaluate",
    "fit",
    "iterate",
    "loads",
    "merge",
    "open",
    "verify",
]

_HOMES = {
    "Advice": "baler_vae.evaluation.advice",
    "Archive": "baler_vae.reader.archive",
    "ArchiveInfo": "baler_vae.reader.archive_info",
    "Bound": "baler_vae.table.bounds",
    "Codec": "baler_vae.codec.codec",
    "Collection": "baler_vae.reader.collection",
    "CollectionInfo": "baler_vae.reader.archive_info",
    "Comparison": "baler_vae.evaluation.comparison",
    "CutSettings": "baler_vae.settings.evaluation",
    "DialectOptions": "baler_vae.source.dialect",
    "Evaluation": "baler_vae.verbs.evaluation",
    "EvaluationSettings": "baler_vae.settings.evaluation",
    "FitReport": "baler_vae.codec.report",
    "HistogramSettings": "baler_vae.settings.evaluation",
    "ModelSettings": "baler_vae.settings.model",
    "PeakSettings": "baler_vae.settings.evaluation",
    "QuantitySettings": "baler_vae.settings.evaluation",
    "ToleranceSettings": "baler_vae.settings.evaluation",
    "Verification": "baler_vae.verbs.verification",
    "__version__": "baler_vae.version",
    "advise": "baler_vae.study.advise",
    "compare": "baler_vae.study.compare",
    "compress": "baler_vae.verbs.compress",
    "concatenate": "baler_vae.reader.files",
    "dask": "baler_vae.reader.lazy",
    "decompress": "baler_vae.verbs.decompress",
    "dumps": "baler_vae.verbs.in_memory",
    "evaluate": "baler_vae.verbs.evaluate",
    "fit": "baler_vae.verbs.fit",
    "iterate": "baler_vae.reader.files",
    "loads": "baler_vae.verbs.in_memory",
    "merge": "baler_vae.verbs.merge",
    "open": "baler_vae.reader.opening",
    "verify": "baler_vae.verbs.verify",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'baler_vae' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES.get(name, "baler_vae.errors")), name)
    return value


def __dir__() -> list[str]:
    return __all__
