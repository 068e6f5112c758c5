"""Compressing a file."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from baler_vae.archive.container import ArchiveWriter
from baler_vae.archive.manifest import Manifest
from baler_vae.codec.codec import Codec
from baler_vae.codec.digests import Watch, digest_of_source
from baler_vae.codec.encoding import EncodedRowGroup
from baler_vae.codec.fitness import Fitness
from baler_vae.codec.manifests import (
    EXTRAS,
    HISTORY,
    WRITER,
    array_entries,
    format_version,
    group_entries,
    mask_entries,
    origin_entry,
    section_name,
)
from baler_vae.codec.provenance import number_of
from baler_vae.codec.sections import write_model
from baler_vae.entropy import plain
from baler_vae.errors import UsageError
from baler_vae.io.chain import file_specs, open_sources
from baler_vae.io.files import WITH_WHOLE_FILES
from baler_vae.io.sizes import bytes_on_disk
from baler_vae.output import check_output
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent, within
from baler_vae.reader.archive import Archive
from baler_vae.scale.cluster import Client, cluster
from baler_vae.settings.model import ModelSettings
from baler_vae.source.dialect import Options
from baler_vae.source.source import Source, summary
from baler_vae.table.lists import listed_bounds, listed_columns
from baler_vae.table.schema import Schema, as_tuple
from baler_vae.verbs.fit import fit, settings_of
from baler_vae.verbs.in_memory import source_of
from baler_vae.verbs.naming import check_archive_name
from baler_vae.verbs.planning import shared_tables
from baler_vae.verbs.remarks import beside_remark, rounded_remark
from baler_vae.verbs.restorable import check_restorable
from baler_vae.verbs.resuming import Unfinished, check_same, describe_request, finished_before, unfinished
from baler_vae.verbs.row_groups import encoded_row_groups, verify_on_cluster
from baler_vae.verbs.tables import compress_tables, left_out_remark
from baler_vae.verbs.verify import verify_bounds


@shows_progress
@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def compress(
    source: Any,  # noqa: ANN401  files or data
    output: str | Path,
    *,
    codec: Codec | str | Path | None = None,
    columns: str | Sequence[str] = (),
    bound: str | Sequence[str] = (),
    skip_unreadable: bool = False,
    verify: bool = True,
    keep_history: bool = False,
    force: bool = False,
    resume: bool = False,
    workers: int | None = None,
    scheduler: str | Client | None = None,
    dialect: Options = None,
    settings: ModelSettings | None = None,
    progress: ShownProgress = silent,
    **model: Any,
) -> dict[str, Any]:
    """Writes the archive of a file, or of all events of several files, one after the other, and returns what `info`
    says of it, `notes` on how the file was understood, and `warnings`. A file may be a glob. In place of files there
    may be data in memory (see `open_data`), or a `Source`.

    Without a `codec` one is fitted first, as `fit` does with the same arguments. With one, its columns and bounds hold,
    and the warnings say where it does not fit this file well: the archive is right all the same, only larger. They also
    name columns of the file that are left out because they cannot be read, or are not those of the codec. What a whole
    HDF5 file holds beside its columns is kept too, and a warning names what takes bytes there. Another one tells where
    the file's own format cannot take back what was compressed, and which can.

    Of a file of several tables, of which none is named behind a colon, all are compressed, each with a codec of its
    own, and the archive is a `Collection`; several files must have the same tables. A glob of columns concerns every
    table in which it matches, `TABLE:GLOB` that one; tables without any such column are left out, and so are, with
    `skip_unreadable`, those that cannot be read.

    A `dialect` is that of `fit`; how text was written is kept, and comes back.

    With `verify` the archive is decoded and every value compared before it takes its place. With `keep_history` it
    holds the history of the training, which the page of an evaluation shows.

    With so many local `workers`, or with the `scheduler` of a Dask cluster (its address, or a client) that sees the
    same files, those encode and verify the row groups; the bytes are the same.

    Until then it grows in the folder `<output>.part` beside it. A run that is killed or interrupted leaves that behind,
    and the same call with `resume` goes on from there to the same bytes; without one to resume it begins anew. What is
    read again must be what was read before. One run at a time may write an output.

    Raises:
        SourceError: the file cannot be read, holds NaN, infinities or values beyond 1e150 under `free`, or columns that
            no format could take back together.
        UsageError: a column, a bound or a setting is wrong, the codec does not fit the file, or the run to be resumed
            was another, or read what is no longer there.
        OutputError: the archive exists and `force` is false, another run is writing it, a run before was interrupted
            and neither `resume` nor `force` is true, or the archive cannot be written.
        BoundBroken: the archive would not give back what its bounds promise; nothing is left.
        MissingExtra: a codec must be fitted and PyTorch is not installed.
    """
    output, progress = check_output(output, force=force or resume), callback(progress)
    check_archive_name(output)
    steps = _steps(progress, fits=codec is None, verifies=verify)
    memory = _memory(source, dialect=dialect, workers=workers, scheduler=scheduler)
    specs = file_specs(source) if memory is None else ()
    tables = shared_tables(specs)
    if len(tables.names) > 1 and codec is None and not dialect:
        return compress_tables(
            compress,
            specs,
            tables,
            output,
            columns=as_tuple(columns),
            bound=as_tuple(bound),
            skip_unreadable=skip_unreadable,
            settings=settings_of(settings, model),
            keep_history=keep_history,
            force=force,
            resume=resume,
            workers=workers,
            scheduler=scheduler,
            progress=progress,
            verify=verify,
        )
    opened = open_sources(specs, dialect) if memory is None else memory
    _check_alone(codec, columns, model, bound, settings)
    stored = codec if codec is None or isinstance(codec, Codec) else Codec.load(codec)
    request: dict[str, Any] = {
        "columns": listed_columns(as_tuple(columns), [*opened.schema.order, *opened.unsupported]),
        "bound": listed_bounds(as_tuple(bound), opened.schema.order),
        "skip_unreadable": skip_unreadable,
    }
    settings = settings_of(settings, model)
    described = describe_request(specs, **request, keep_history=keep_history, model=settings, codec=stored)
    described |= {"dialect": opened.dialect.given()} if opened.dialect else {}
    if resume and specs and finished_before(output, described):  # of data in memory only their digests tell
        with Archive(output) as written:
            return written.info() | _told(specs, opened, [])
    with (
        unfinished(output, described, force=force, resume=resume) as work,
        cluster(workers, scheduler) as client,
    ):
        kept = work.load_codec()
        known = stored or (kept and kept[0])
        is_whole = not (known.settings.get("columns") if known else request["columns"])
        extras = opened.extras() if is_whole or opened.schema.origin.format not in WITH_WHOLE_FILES else b""
        wanted = known.match(opened) if known else opened.select(request["columns"], skip_unreadable=skip_unreadable)
        hint = check_restorable(opened, wanted, extras)
        used = stored or _fitted(work, opened, kept, steps[0], request | {"settings": settings})
        schema = used.match(opened)
        steps[1]("events", 0, opened.n_events)
        with work.writing(len(schema.groups), opened.path) as (archive, digests):
            writer = _RowGroupWriter(archive, schema, used)
            if keep_history:
                archive.add(HISTORY, used.history_bytes())
            digests.check(hashlib.sha256(extras).hexdigest())
            writer.write_extras(extras)
            for encoded in encoded_row_groups(client, specs, opened, schema, used, digests.n_kept):
                digests.check(encoded.digest)
                writer.write(encoded)
                steps[1]("events", writer.n_events, opened.n_events)
            digests.check_end()
            archive.finish(writer.manifest())
        if verify and client is None:
            verify_bounds(work.archive, opened, progress=steps[2])
        elif verify:
            verify_on_cluster(client, work.archive, specs, opened, steps[2])
        work.check_own()
        with Archive(work.archive) as written:  # before it takes its place: what cannot be read never does
            info = written.info() | {"path": str(output)}
        warnings = left_out_remark(tables.left_out)
        warnings += left_out(opened, used) if stored or skip_unreadable else []
        warnings += [text for fitness in writer.fitness() for text in fitness.warnings] if stored else []
        raw = sum(entry.n_bytes for name, entry in written.manifest.sections.items() if name == EXTRAS)
        warnings += [hint, beside_remark(opened, raw, written.n_bytes), rounded_remark(_rounded(used))]
    return info | _told(specs, opened, warnings)


def _memory(data: Any, **options: object) -> Source | None:  # noqa: ANN401  files or data
    """The source of data in memory; None of files.

    Raises:
        UsageError: an option is given that only files have.
    """
    memory = source_of(data)
    given = [name for name, value in options.items() if value]
    if memory is not None and given:
        raise UsageError(
            f"{given[0]} is for files, not for data in memory",
            path=memory.path,
            way_out="Leave it out, or write the data to a file first",
        )
    return memory


def _check_alone(codec: object, *others: object) -> None:
    """Raise UsageError where a codec is given together with what it has of its own."""
    if codec is not None and any(others):
        raise UsageError("a codec has its own columns, bounds and model", way_out="Leave them out, or the codec")


def _told(specs: Sequence[str], source: Source, warnings: Sequence[str]) -> dict[str, Any]:
    """What is said of a source beside what its archive knows."""
    return {
        "source_bytes": bytes_on_disk(specs) if specs else None,
        "source_columns": len(source.schema.order) - len(source.schema.masks) + len(source.unsupported),
        "notes": list(source.notes),
        "warnings": [text for text in warnings if text],
    }


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
    work: Unfinished, source: Source, kept: tuple[Codec, str] | None, progress: Progress, fitting: Mapping[str, Any]
) -> Codec:
    """The codec that an interrupted run fitted on a source, if there is one and the source is still the same; else a
    new one.
    """
    if kept is None:
        watch = Watch(source)
        codec = fit(watch.watched(), progress=progress, **fitting)
        work.save_codec(codec, watch.digest)
        return codec
    codec, digest = kept
    check_same(source.path, digest, digest_of_source(source, codec.match(source), progress))
    return codec


def left_out(source: Source, codec: Codec) -> list[str]:
    """One sentence for the columns of a source that its archive lacks, where they were not left out by name."""
    patterns = codec.settings.get("columns", ())
    reasons = source.skipped(patterns)
    if not patterns:
        reasons |= {name: "not in the codec" for name in source.schema.order if name not in codec.schema.order}
    return [f"left out: {summary(reasons)}"] if reasons else []


class _RowGroupWriter:
    """The sections of an archive, row group by row group, and what the manifest must say of them."""

    def __init__(self, archive: ArchiveWriter, schema: Schema, codec: Codec) -> None:
        self._archive = archive
        self._schema = schema
        self._codec = codec
        self._original_bytes = dict.fromkeys(schema.order, 0)
        self._row_groups: list[tuple[int, ...]] = []
        self._bits = dict.fromkeys((group.name for group in schema.groups), 0)
        self._alone: tuple[float | None, ...] = ()
        self._has_extras = False
        for number, group in enumerate(schema.groups):
            write_model(archive, number, codec.models[group.name])

    def write_extras(self, extras: bytes) -> None:
        """Writes what the file holds beside its columns."""
        self._has_extras = bool(extras)
        if extras:
            self._archive.add(EXTRAS, plain.encode_bytes(extras))

    @property
    def n_events(self) -> int:
        return sum(rows[0] for rows in self._row_groups)

    def write(self, encoded: EncodedRowGroup) -> None:
        """Writes the sections of the next row group, or takes note of those that are there."""
        row_group = len(self._row_groups)
        for number, group in enumerate(self._schema.groups):
            name = section_name(number, row_group)
            if encoded.sections:
                self._archive.add(name, encoded.sections[number])
                n_bytes = len(encoded.sections[number])
            else:
                n_bytes = self._archive.keep(name).n_bytes
            self._bits[group.name] += 8 * n_bytes
        for name, n_bytes in encoded.original_bytes.items():
            self._original_bytes[name] += n_bytes
        self._alone = self._alone or encoded.alone
        self._row_groups.append(encoded.n_rows)

    def fitness(self) -> list[Fitness]:
        """How well the codec fits each group that has rows; columns by themselves are judged by the first rows."""
        if not self._row_groups:
            return []
        n_rows = [sum(rows) for rows in zip(*self._row_groups, strict=True)]
        found = []
        for group, alone, rows in zip(self._schema.groups, self._alone, n_rows, strict=True):
            if alone is not None:
                fitted = number_of(self._codec.fits.get(group.name, {}), "bits_per_row")
                found.append(Fitness(group.name, self._bits[group.name] / rows, fitted, alone))
        return found

    def manifest(self) -> Manifest:
        return Manifest(
            kind="archive",
            version=format_version(self._schema, has_extras=self._has_extras),
            writer=WRITER,
            origin=origin_entry(self._schema.origin),
            groups=group_entries(self._schema, self._codec.models, self._codec.bounds, self._original_bytes),
            order=self._schema.order,
            arrays=array_entries(self._schema),
            masks=mask_entries(self._schema),
            row_groups=tuple(self._row_groups),
            settings=dict(self._codec.settings),
            fits=dict(self._codec.fits),
        )
