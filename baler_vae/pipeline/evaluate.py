"""Comparing two files or archives."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from baler_vae.archive.storage import is_url
from baler_vae.errors import MissingExtra, UsageError, nearest
from baler_vae.io.files import open_source
from baler_vae.io.source import Source
from baler_vae.kinematics.physics import Quantity, quantities_of
from baler_vae.pipeline.reading import ARCHIVE_SUFFIX, Archive
from baler_vae.project import EvaluationSettings
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, concatenate

if TYPE_CHECKING:
    from baler_vae.evaluation.evaluate import Evaluation


def evaluate(
    original: str | Path,
    restored: str | Path,
    *,
    settings: EvaluationSettings | None = None,
    sizes: Mapping[str, Any] | None = None,
) -> "Evaluation":
    """What became of each column that `restored` holds; both are archives or files of any known format.

    `sizes` is what `archive_sizes` gives; it is known without being told where `restored` is an archive.

    Raises:
        SourceError: a file cannot be read.
        ArchiveError: an archive is damaged.
        UsageError: a column is missing in the original, or the numbers of rows differ.
        MissingExtra: the packages for evaluation are not installed.
    """
    try:
        from baler_vae.evaluation.cuts import CutCounter  # noqa: PLC0415  an extra
        from baler_vae.evaluation.evaluate import evaluate_tables  # noqa: PLC0415
        from baler_vae.evaluation.peaks import Peak  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra("an evaluation", "report", str(error.name)) from error
    settings = settings or EvaluationSettings()
    with _opened(original) as before, _opened(restored) as after:
        missing = [name for name in after.schema.order if name not in before.schema.order]
        if missing:
            raise UsageError(
                f"is not in the original: {nearest(missing[0], before.schema.order)}",
                path=after.path,
                column=missing[0],
                way_out="Name the file that was compressed, and the same tree or group in both (file.h5:muons)",
            )
        compared = {column.name for column in after.schema.columns if not column.is_nested}
        if not compared:
            raise UsageError("holds no numbers and no text to be compared", path=after.path)
        peaks = None
        if settings.peaks is not None:
            peaks = [Peak(peak.column, peak.window, peak.bins) for peak in settings.peaks]
        if sizes is None and _is_archive(restored):
            with Archive(restored) as archive:
                sizes = archive_sizes(archive.info())
        schemas = [source.schema.only(compared) for source in (before, after)]
        derived = [quantities_of(_quantities(settings), schema) for schema in schemas]
        cuts = [CutCounter(cut, derived[0].schema) for cut in settings.cuts]
        original_batch, restored_batch = (
            made.extend(_read(source, schema))
            for made, source, schema in zip(derived, (before, after), schemas, strict=True)
        )
        found = evaluate_tables(original_batch, restored_batch, angles=settings.angles, peaks=peaks, sizes=sizes)
        for counter in cuts:
            counter.add(original_batch, restored_batch)
        return replace(found, cuts=tuple(counter.migration() for counter in cuts))


def _quantities(settings: EvaluationSettings) -> list[Quantity]:
    return [Quantity(**quantity.model_dump()) for quantity in settings.quantities]


def archive_sizes(info: Mapping[str, Any]) -> dict[str, Any]:
    """The sizes of an archive in bytes, from what `info` says of it: the original's, the whole and its parts, and what
    each kind of model would take.
    """
    parts = {f"{name}_bytes": n_bytes for name, n_bytes in info["bytes"].items()}
    compared = [group for group in info["groups"] if len(group["candidate_bytes"]) > 1]
    return {
        "original_bytes": info["original_bytes"],
        "archive_bytes": info["archive_bytes"],
        **parts,
        "candidates": [
            {
                "group": group["name"],
                "kind": group["kind"],
                "bytes": group["candidate_bytes"],
                "fitted_bytes": group["fitted_bytes"],
            }
            for group in compared
        ],
    }


def _is_archive(spec: str | Path) -> bool:
    path = urlsplit(str(spec)).path if is_url(spec) else spec
    return Path(path).suffix.lower() == ARCHIVE_SUFFIX


@contextmanager
def _opened(spec: str | Path) -> Iterator[Source]:
    if _is_archive(spec):
        with Archive(spec) as archive:
            yield archive.as_source()
    else:
        yield open_source(spec)


def _read(source: Source, schema: Schema) -> Batch:
    return concatenate(list(source.read(schema)), schema)
