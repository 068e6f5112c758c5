"""Many files, each into one of its own."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from baler_vae.codec.codec import Codec
from baler_vae.errors import UsageError, listed
from baler_vae.guarantees.definitions import Asked, Declared
from baler_vae.io.chain import Specs, file_specs, open_sources
from baler_vae.io.files import ARCHIVE_SUFFIX, holds_tables, split_spec, stem_of, suffix_of
from baler_vae.output import check_output, check_writable, made_folder
from baler_vae.progress import Progress, silent, within
from baler_vae.reader.archive import Archive
from baler_vae.reader.archive_info import ArchiveInfo
from baler_vae.reader.collection import is_collection
from baler_vae.reader.opening import open_archive
from baler_vae.scale.cluster import Client, cluster, on_cluster
from baler_vae.scale.parallel import one_thread
from baler_vae.settings.model import ModelSettings
from baler_vae.source.dialect import Options
from baler_vae.verbs.compress import compress_files
from baler_vae.verbs.decompress import restore
from baler_vae.verbs.fit import fit_source
from baler_vae.verbs.naming import SUFFIXES
from baler_vae.verbs.request import FitRequest, Request, RunRequest
from baler_vae.verbs.restoring import RestoreRequest
from baler_vae.verbs.tables import file_name


def compress_each(
    sources: Specs,
    folder: str | Path,
    *,
    codec: Codec | str | Path | None = None,
    columns: str | Sequence[str] = (),
    bound: str | Sequence[str] = (),
    guarantees: Sequence[Asked] = (),
    quantities: Sequence[Declared] = (),
    skip_unreadable: bool = False,
    verify: bool = True,
    keep_history: bool = False,
    force: bool = False,
    resume: bool = False,
    workers: int | None = None,
    scheduler: str | Client | None = None,
    dialect: Options = None,
    settings: ModelSettings | None = None,
    progress: Progress = silent,
    **model: Any,
) -> list[ArchiveInfo]:
    """Writes an archive of every file into a folder, `<name>.bvae`, all with one codec, and returns what `compress`
    says of each. Without a `codec` one is fitted on the events of all files. Archives of that codec
    that are there already are left out with `resume`.

    Raises:
        UsageError: two files have one name.
        BalerError: as `fit` and `compress`.
    """
    request = Request.of(
        codec=codec,
        columns=columns,
        bound=bound,
        guarantees=guarantees,
        quantities=quantities,
        skip_unreadable=skip_unreadable,
        settings=settings,
        model=model,
        dialect=dialect,
        run=RunRequest(
            verify=verify,
            keep_history=keep_history,
            force=force,
            resume=resume,
            workers=workers,
            scheduler=scheduler,
        ),
    )
    return compress_into(sources, folder, request, progress)


def compress_into(
    sources: Specs, folder: str | Path, request: Request, progress: Progress = silent
) -> list[ArchiveInfo]:
    """What `compress_each` returns, after it did what a request asks for; the errors are the same."""
    specs, run = file_specs(sources), request.run
    outputs = _outputs(specs, folder, [ARCHIVE_SUFFIX] * len(specs))
    with _ready(folder):
        for output in outputs:
            check_output(output, force=run.force or run.resume)
        codec = request.codec
        if isinstance(codec, FitRequest):
            codec = fit_source(open_sources(specs, request.dialect), codec, within(progress, "fitting"))
        with cluster(run.workers, run.scheduler) as client:
            each = replace(request, codec=codec, run=replace(run, workers=None, scheduler=client))
            return [
                compress_files(spec, output, each, within(progress, f"file {number}/{len(specs)}"))
                for number, (spec, output) in enumerate(zip(specs, outputs, strict=True), 1)
                if not (run.resume and output.exists() and _is_of(codec, output))
            ]


def decompress_each(
    archives: Sequence[str | Path],
    folder: str | Path,
    *,
    to: str | None = None,
    columns: str | Sequence[str] = (),
    rntuple: bool = False,
    compression: str | None = None,
    force: bool = False,
    workers: int | None = None,
    scheduler: str | Client | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Restores every archive to a file of its own in a folder, in the format that it came from or `to` another one of
    `SUFFIXES`, and returns their paths. Each is one task for a worker. An archive of several tables becomes a file for
    each, `<name>_<table>`, where a file of the format holds one.

    Raises:
        UsageError: two archives have one name, or the format is unknown.
        BalerError: as `decompress`.
    """
    request = RestoreRequest.of(
        columns=columns,
        rntuple=rntuple,
        compression=compression,
        force=force,
        workers=workers,
        scheduler=scheduler,
    )
    return restore_into(archives, folder, request, to=to, progress=progress)


def restore_into(
    archives: Sequence[str | Path],
    folder: str | Path,
    request: RestoreRequest,
    *,
    to: str | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """The paths that `decompress_each` returns, after it did what a request asks for; the errors are the same."""
    if to is not None and to not in SUFFIXES:
        raise UsageError(f"unknown file format {to!r}", expected=f"one of {', '.join(SUFFIXES)}")
    names = [name for archive in archives for name in _restored_alone(str(archive), to)]
    outputs = _outputs(names, folder, [SUFFIXES[to or _format_of(name)] for name in names])
    alone = replace(request, workers=None, scheduler=None)
    tasks = [(name, output, alone) for name, output in zip(names, outputs, strict=True)]
    with _ready(folder), cluster(request.workers, request.scheduler) as client:
        done = on_cluster(client, _restored_on_worker, tasks) if client else (_restored(*task) for task in tasks)
        for number, output in enumerate(done, start=1):
            progress(f"restoring files ({output.name})", number, len(tasks))
    return outputs


def _is_of(codec: Codec, output: Path) -> bool:
    """Whether an archive was written with a codec, told by what its fit says of itself."""
    with Archive(output) as archive:
        found = archive.manifest.settings, archive.manifest.fits, archive.manifest.guarantees
    own = codec.settings, codec.fits, codec.guarantees.described()
    return json.dumps(found, sort_keys=True) == json.dumps(own, sort_keys=True)


def _restored(archive: str, output: Path, request: RestoreRequest) -> Path:
    """The path of a file, after an archive was restored to it."""
    restore(archive, output, request)
    return output


def _restored_on_worker(archive: str, output: Path, request: RestoreRequest) -> Path:
    with one_thread():
        return _restored(archive, output, request)


def _format_of(archive: str) -> str:
    """The format that an archive came from, or Parquet for data that were in no file."""
    with open_archive(archive) as opened:
        found = opened.schema.origin.format if isinstance(opened, Archive) else opened.manifest.tables[0].format
        return "parquet" if found == "memory" else str(found)


def _restored_alone(archive: str, to: str | None) -> list[str]:
    """An archive, or its tables where a file of the format would hold but one of them."""
    if not is_collection(archive) or holds_tables(f"file{SUFFIXES[to or _format_of(archive)]}"):
        return [archive]
    with open_archive(archive) as opened:
        return [f"{archive}:{name}" for name in opened]


def _stem(spec: str) -> str:
    """The name of a file without its suffix, with that of a table of an archive."""
    place, inner = split_spec(spec)
    stem = stem_of(place)
    return f"{stem}_{file_name(inner)}" if inner and suffix_of(place) == ARCHIVE_SUFFIX else stem


@contextmanager
def _ready(folder: str | Path) -> Iterator[None]:
    """A context with a folder that can be written to; where it is made for a block that fails, it goes again."""
    with made_folder(Path(folder)):
        check_writable(Path(folder))
        yield


def _outputs(specs: Sequence[str], folder: str | Path, suffixes: Sequence[str]) -> list[Path]:
    """The path of the output of each file in a folder."""
    folder = Path(folder)
    stems = [_stem(spec) for spec in specs]
    twice = sorted(stem for stem, times in Counter(stems).items() if times > 1)
    if twice:
        raise UsageError(
            f"several files would get the same name: {listed(twice)}",
            path=folder,
            way_out="Compress them in several runs, to several folders",
        )
    return [folder / f"{stem}{suffix}" for stem, suffix in zip(stems, suffixes, strict=True)]
