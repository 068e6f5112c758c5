"""One table on its way to an archive."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import MappingProxyType
from typing import BinaryIO, cast

from baler_vae.archive.container import ArchiveWriter
from baler_vae.archive.storage import Place, name_of
from baler_vae.codec.codec import Codec
from baler_vae.codec.digests import Watch, digest_of_source
from baler_vae.codec.fitness import Fitness
from baler_vae.codec.manifests import EXTRAS
from baler_vae.io.files import WITH_WHOLE_FILES
from baler_vae.io.sizes import bytes_on_disk
from baler_vae.output import copy_to_object
from baler_vae.progress import Progress, silent, within
from baler_vae.reader.archive import Archive
from baler_vae.reader.archive_info import ArchiveInfo, SourceInfo
from baler_vae.scale.cluster import cluster
from baler_vae.source.keeping import keeping
from baler_vae.source.matching import described_as
from baler_vae.source.source import Source, summary
from baler_vae.table.padding import without_collections
from baler_vae.table.schema import Schema
from baler_vae.verbs.fit import fit_source
from baler_vae.verbs.remarks import extras_remark, guarantees_remark, left_out_remark, rounded_remark
from baler_vae.verbs.request import FitRequest, Request
from baler_vae.verbs.restorable import check_restorable
from baler_vae.verbs.resuming import Unfinished, check_same, finished_before, unfinished
from baler_vae.verbs.row_groups import encoded_row_groups, verify_on_cluster
from baler_vae.verbs.verify import verify_bounds
from baler_vae.verbs.writing import write_archive

_NOTHING: Mapping[str, str] = MappingProxyType({})
_SPOOLED_BYTES = 64 << 20
"""Bytes of an archive on its way to a file object beyond which it goes through a temporary file."""


def compress_table(
    specs: Sequence[str],
    opened: Source,
    output: Path,
    request: Request,
    progress: Progress = silent,
    *,
    left_out: Mapping[str, str] = _NOTHING,
) -> ArchiveInfo:
    """What `compress` returns, after the archive of one table of some files, `opened` as one source, was written.
    `left_out` says what else the files hold; the errors are those of `compress`.
    """
    run = request.run
    steps = _steps(progress, fits=request.fit is not None, verifies=run.verify)
    request = request.listed_for(opened)
    described = request.described(specs)
    if run.resume and specs and finished_before(output, described):  # of data in memory only digests tell
        with Archive(output) as written:
            return replace(written.info(), source=_told(specs, opened, []))
    with (
        unfinished(output, described, force=run.force, resume=run.resume) as work,
        cluster(run.workers, run.scheduler) as client,
    ):
        kept = work.load_codec()
        codec = request.codec
        known = codec if kept is None or request.fit is None else kept[0]
        opened = keeping(opened.as_in(known.schema) if isinstance(known, Codec) else opened)
        extras, hint = _prepared(opened, known)
        if isinstance(codec, FitRequest):
            codec = _fitted(work, opened, codec, kept, steps[0])
        schema = codec.match(opened)
        with (
            work.writing(len(schema.groups), opened.path) as (writer, digests),
            closing(
                encoded_row_groups(client, specs, opened, schema, codec, digests.n_kept, judges=request.fit is None)
            ) as row_groups,
        ):
            digests.check(hashlib.sha256(extras).hexdigest())
            fitness = write_archive(
                writer,
                schema,
                codec,
                digests.checked(row_groups),
                n_events=opened.n_events,
                extras=extras,
                keep_history=run.keep_history,
                progress=steps[1],
            )
        if run.verify and client is None:
            verify_bounds(work.archive, opened, progress=steps[2])
        elif run.verify:
            verify_on_cluster(client, work.archive, specs, opened, steps[2])
        work.check_own()
        info, warnings = _read_back(work.archive, output, opened, request, codec, fitness)
    return replace(info, source=_told(specs, opened, [*left_out_remark(left_out), hint, *warnings]))


def compress_stream(
    specs: Sequence[str],
    opened: Source,
    output: BinaryIO,
    request: Request,
    progress: Progress = silent,
    *,
    left_out: Mapping[str, str] = _NOTHING,
) -> ArchiveInfo:
    """What `compress` returns, after the archive of a source was written to a file object, and verified before: it is
    kept in memory until then, or in a temporary file where it is large. The errors are those of `compress`.
    """
    run, request = request.run, request.listed_for(opened)
    steps = _steps(progress, fits=request.fit is not None, verifies=run.verify)
    codec = request.codec
    opened = keeping(opened.as_in(codec.schema) if isinstance(codec, Codec) else opened)
    extras, hint = _prepared(opened, codec)
    codec = fit_source(opened, codec, steps[0]) if isinstance(codec, FitRequest) else codec
    schema = codec.match(opened)
    with SpooledTemporaryFile(_SPOOLED_BYTES) as spool, cluster(run.workers, run.scheduler) as client:
        file = cast("BinaryIO", spool)
        with closing(
            encoded_row_groups(client, specs, opened, schema, codec, 0, judges=request.fit is None)
        ) as row_groups:
            fitness = write_archive(
                ArchiveWriter(file),
                schema,
                codec,
                row_groups,
                n_events=opened.n_events,
                extras=extras,
                keep_history=run.keep_history,
                progress=steps[1],
            )
        if run.verify:
            verify_bounds(file, opened, progress=steps[2])
        info, warnings = _read_back(file, name_of(output), opened, request, codec, fitness)
        spool.seek(0)
        copy_to_object(file, output, name_of(output))
    return replace(info, source=_told(specs, opened, [*left_out_remark(left_out), hint, *warnings]))


def _prepared(opened: Source, asked: Codec | FitRequest) -> tuple[bytes, str]:
    """What a source holds besides the columns that a codec has, or is to have, and what a user is told where the file's
    own format cannot take all of it back.

    Raises:
        SourceError: no format can take back all these columns together, or the file cannot be read.
    """
    wanted, is_whole = _wanted(opened, asked)
    extras = opened.extras() if is_whole or opened.schema.origin.format not in WITH_WHOLE_FILES else b""
    return extras, check_restorable(opened, wanted, extras)


def _read_back(
    place: Place, path: str | Path, opened: Source, request: Request, codec: Codec, fitness: Sequence[Fitness]
) -> tuple[ArchiveInfo, list[str]]:
    """What `info` says of an archive before it takes its place at a path, since what cannot be read never does, and
    what a user is told of it.
    """
    with Archive(place) as written:
        info = replace(written.info(), path=str(path))
        return info, list(_remarks(written, info, opened, request, codec, fitness))


def _remarks(
    written: Archive, info: ArchiveInfo, opened: Source, request: Request, codec: Codec, fitness: Sequence[Fitness]
) -> Iterator[str]:
    """What a user is told of an archive and its source; some of it may be nothing."""
    if request.fit is None or request.fit.skip_unreadable:
        yield from left_out_columns(opened, codec)
    if request.fit is None:
        yield from (text for found in fitness for text in found.warnings)
    raw = sum(entry.n_bytes for name, entry in written.manifest.sections.items() if name == EXTRAS)
    yield extras_remark(opened, raw, written.n_bytes)
    yield rounded_remark(_rounded(codec))
    yield guarantees_remark(info, [name for model in codec.models.values() for name in model.patched])


def _told(specs: Sequence[str], source: Source, warnings: Sequence[str]) -> SourceInfo:
    """What is said of a source beside what its archive knows."""
    return SourceInfo(
        bytes=bytes_on_disk(specs) if specs else None,
        n_columns=len(source.schema.order) - len(source.schema.masks) + len(source.unsupported),
        notes=source.notes,
        warnings=tuple(text for text in warnings if text),
    )


def _wanted(source: Source, asked: Codec | FitRequest) -> tuple[Schema, bool]:
    """The schema of the columns of a source that a codec has, or is to have, and whether they are all that it holds."""
    if isinstance(asked, Codec):
        return asked.match(source), not asked.settings.get("columns")
    return source.select(asked.columns, skip_unreadable=asked.skip_unreadable), not asked.columns


def _rounded(codec: Codec) -> dict[str, str]:
    """The bounds of columns of whole numbers that the fit found to be rounded, by name."""
    names = codec.settings.get("rounded_whole_numbers", ())
    return {name: str(codec.bounds[name]) for name in names if name in codec.bounds}


def _steps(progress: Progress, *, fits: bool, verifies: bool) -> tuple[Progress, Progress, Progress]:
    """The callbacks of a fit, of the compression and of its verification, each told as one step of all."""
    names = [name for name, is_done in (("fitting", fits), ("compressing", True), ("verifying", verifies)) if is_done]
    told = {name: within(progress, f"{number}/{len(names)} {name}") for number, name in enumerate(names, 1)}
    return told.get("fitting", silent), told["compressing"], told.get("verifying", silent)


def _fitted(
    work: Unfinished, source: Source, request: FitRequest, kept: tuple[Codec, str] | None, progress: Progress
) -> Codec:
    """The codec that an interrupted run fitted on a source, if there is one and the source is still the same; else a
    new one.
    """
    if kept is None:
        watch = Watch(source)
        codec = fit_source(watch.watched(), request, progress)
        work.save_codec(codec, watch.digest)
        return codec
    codec, digest = kept
    check_same(source.path, digest, digest_of_source(source, codec.match(source), progress))
    return codec


def left_out_columns(source: Source, codec: Codec) -> list[str]:
    """One sentence for the columns of a source that its archive lacks, where they were not left out by name."""
    patterns = codec.settings.get("columns", ())
    reasons = source.skipped(patterns)
    if not patterns:
        wanted = without_collections(codec.schema, whole=True)
        order = described_as(source.arrays.schema, wanted).order
        reasons |= {name: "not in the codec" for name in order if name not in wanted.order}
    return [f"left out: {summary(reasons)}"] if reasons else []
