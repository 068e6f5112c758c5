"""Several archives of one file, or several ways to compress it, side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from baler_vae.errors import MissingExtra, UsageError
from baler_vae.pipeline.compress import compress
from baler_vae.pipeline.evaluate import evaluate
from baler_vae.pipeline.reading import ARCHIVE_SUFFIX, Archive
from baler_vae.progress import Progress, silent
from baler_vae.project import EvaluationSettings, ModelSettings
from baler_vae.table.schema import several

if TYPE_CHECKING:
    from baler_vae.evaluation.comparison import Compared
    from baler_vae.evaluation.evaluate import Evaluation


def archives_of(places: Sequence[str | Path]) -> list[str]:
    """The archives at some paths, each a file or a folder of them, by name.

    Raises:
        UsageError: a folder holds none.
    """
    found: list[str] = []
    for place in places:
        folder = Path(place)
        if "://" in str(place) or not folder.is_dir():
            found.append(str(place))
            continue
        inside = sorted(str(path) for path in folder.glob(f"*{ARCHIVE_SUFFIX}") if path.is_file())
        if not inside:
            raise UsageError(f"holds no {ARCHIVE_SUFFIX} files", path=folder)
        found += inside
    return list(dict.fromkeys(found))


def compare_archives(
    places: Sequence[str | Path],
    against: str | Path,
    *,
    settings: EvaluationSettings | None = None,
    progress: Progress = silent,
) -> "Iterator[Compared]":
    """Each archive, or archive of a folder, against the file that they were made of.

    Raises:
        SourceError: a file cannot be read.
        ArchiveError: an archive is damaged.
        UsageError: a folder holds no archive, or an archive is not one of this file.
        MissingExtra: the packages for evaluation are not installed.
    """
    archives = archives_of(places)
    for number, place in enumerate(archives):
        progress(f"comparing {Path(place).name}", number, len(archives))
        yield _compared(place, against, settings)


def compare_ways(
    against: str | Path,
    *,
    bounds: Sequence[str],
    models: Sequence[str] = ("independent",),
    columns: str | Sequence[str] = (),
    settings: EvaluationSettings | None = None,
    model: ModelSettings | None = None,
    progress: Progress = silent,
) -> "Iterator[Compared]":
    """What each kind of model makes of a file under each bound, through archives in a temporary folder. A text of
    `bounds` may hold several, separated by semicolons; `model` says all but the kind.

    Raises:
        SourceError: the file cannot be read.
        UsageError: a bound, a kind or a column is wrong.
        MissingExtra: the packages for evaluation or training are not installed.
    """
    base = model or ModelSettings()
    for kind in models:
        chosen = ModelSettings.model_validate({**base.model_dump(exclude_defaults=True), "kind": kind})
        for text in bounds:
            name = f"{kind}, {text}"
            with TemporaryDirectory() as folder:
                archive = Path(folder) / f"archive{ARCHIVE_SUFFIX}"
                compress(
                    against,
                    archive,
                    columns=several(columns),
                    bound=[own.strip() for own in text.split(";")],
                    settings=chosen,
                    progress=lambda what, done, total, name=name: progress(f"{name}: {what}", done, total),
                )
                yield replace(_compared(archive, against, settings), name=name, bound=text, model=kind)


def _compared(place: str | Path, against: str | Path, settings: EvaluationSettings | None) -> "Compared":
    evaluation = evaluate(against, place, settings=settings)
    with Archive(place) as archive:
        info = archive.info()
    return compared(info, evaluation)


def compared(info: Mapping[str, Any], evaluation: "Evaluation") -> "Compared":
    """What `info` and an evaluation say of an archive."""
    try:
        from baler_vae.evaluation.comparison import Compared, ComparedColumn, ComparedPeak  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra("a comparison", "report", str(error.name)) from error
