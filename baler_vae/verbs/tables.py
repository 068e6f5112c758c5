"""What becomes of files and archives of several tables: each table goes the way of an archive of its own."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from baler_vae.archive.collection_manifest import CollectionManifest, TableEntry, table_section
from baler_vae.archive.container import ArchiveWriter
from baler_vae.archive.manifest import FIRST_FORMAT
from baler_vae.codec.manifests import WRITER
from baler_vae.errors import OutputError, UsageError, listed
from baler_vae.io.chain import Specs, file_specs
from baler_vae.io.files import (
    ARCHIVE_SUFFIX,
    MODULES,
    WITH_WHOLE_FILES,
    is_archive,
    split_spec,
    suffix_of,
    tables_of,
    write_file,
    write_tables,
)
from baler_vae.io.sizes import bytes_on_disk
from baler_vae.output import replacing
from baler_vae.progress import Progress, within
from baler_vae.reader.archive import Archive
from baler_vae.reader.collection import Collection
from baler_vae.reader.opening import open_archive
from baler_vae.scale.cluster import Client, cluster
from baler_vae.settings.model import ModelSettings
from baler_vae.source.source import Content, Tables
from baler_vae.table.lists import listed_columns
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch
from baler_vae.verbs.planning import Globs, Plan, Planned, in_table, plan_tables
from baler_vae.verbs.resuming import describe_request, finished_before, unfinished

if TYPE_CHECKING:
    from baler_vae.verbs.verify import Verification

Compress = Callable[..., dict[str, Any]]


def compress_tables(
    compress: Compress,
    specs: Sequence[str],
    tables: Tables,
    output: Path,
    *,
    columns: tuple[str, ...],
    bound: tuple[str, ...],
    skip_unreadable: bool,
    settings: ModelSettings,
    keep_history: bool,
    force: bool,
    resume: bool,
    workers: int | None,
    scheduler: str | Client | None,
    progress: Progress,
    verify: bool,
) -> dict[str, Any]:
    """Writes the archive of several tables, each of which `compress` makes an archive first, in the folder
    `<output>.part/tables`; what is there already is not made again. Where one table only is left, it is the archive of
    that. Gives what `info` says of it, `notes` and `warnings`.

    Raises:
        BalerError: as `compress`; a table that cannot be read is named.
    """
    asked: dict[str, Any] = {"columns": columns, "bound": bound, "skip_unreadable": skip_unreadable}
    planned = plan_tables(specs, tables, settings=settings, **asked)
    plans = planned.tables
    same: dict[str, Any] = {"skip_unreadable": skip_unreadable, "keep_history": keep_history, "verify": verify}
    notes: list[str] = []
    warnings = left_out_remark(planned.left_out)
    if len(plans) == 1:
        options = {**same, "force": force, "resume": resume, "workers": workers, "scheduler": scheduler}
        info = _compress(compress, plans[0], specs, output, progress=progress, **options)
        return info | {"warnings": warnings + info["warnings"]}
    request = describe_request(specs, **asked, keep_history=keep_history, model=settings, codec=None)
    request["tables"] = [plan.name for plan in plans]
    if resume and finished_before(output, request):
        return _info(output) | _told(specs, planned, [], warnings)
    with (
        unfinished(output, request, force=force, resume=resume) as work,
        cluster(workers, scheduler) as client,
    ):
        work.tables.mkdir(exist_ok=True)
        paths = [work.tables / f"{number}{ARCHIVE_SUFFIX}" for number in range(len(plans))]
        for number, (plan, path) in enumerate(zip(plans, paths, strict=True), start=1):
            if path.exists():
                continue
            told = within(progress, f"{plan.name} ({number} of {len(plans)})")
            try:
                info = _compress(compress, plan, specs, path, progress=told, resume=True, scheduler=client, **same)
            except OutputError as error:
                error.path = str(output)
                raise
            notes += [f"{plan.name}: {note}" for note in info["notes"]]
            warnings += [f"{plan.name}: {warning}" for warning in info["warnings"]]
        repeat = {"columns": list(columns), "bound": list(bound), "model": settings.described()}
        write_collection(work.archive, dict(zip(request["tables"], paths, strict=True)), planned.left_out, repeat)
        work.wrote()
    return _info(output) | _told(specs, planned, notes, warnings)


def _told(specs: Sequence[str], planned: Planned, notes: list[str], warnings: list[str]) -> dict[str, Any]:
    """What is said of files beside what their archive knows."""
    return {
        "source_bytes": bytes_on_disk(specs),
        "source_columns": planned.n_columns,
        "notes": notes,
        "warnings": warnings,
    }


def _compress(
    compress: Compress,
    plan: Plan,
    specs: Sequence[str],
    path: Path,
    **options: Any,
) -> dict[str, Any]:
    with in_table(plan.name, specs):
        return compress(plan.specs, path, columns=plan.columns, bound=plan.bound, settings=plan.settings, **options)


def left_out_remark(left_out: Mapping[str, str]) -> list[str]:
    """One sentence on tables and objects of a file that are not in its archive, where there are some."""
    return [f"left out: {listed([f'{name} ({why})' for name, why in left_out.items()])}"] if left_out else []


def write_collection(
    path: Path, tables: Mapping[str, Path], left_out: Mapping[str, str], settings: Mapping[str, Any]
) -> None:
    """Writes an archive of archives, given by the names of their tables."""
    entries = []
    with closing(ArchiveWriter(path)) as writer:
        for number, (name, table) in enumerate(tables.items()):
            with Archive(table) as archive:
                origin = archive.schema.origin
                entries.append(
                    TableEntry(name=name, title=origin.title, format=origin.format, n_events=archive.num_entries)
                )
            writer.add_file(table_section(number), table)
        writer.finish(
            CollectionManifest(writer=WRITER, tables=tuple(entries), left_out=dict(left_out), settings=dict(settings))
        )


def decompress_tables(
    batches: Callable[[Client | None, Archive, Schema, Progress], Iterator[Batch]],
    archive: str | Path,
    output: str | Path,
    *,
    columns: tuple[str, ...],
    rntuple: bool,
    force: bool,
    workers: int | None,
    scheduler: str | Client | None,
    progress: Progress,
) -> None:
    """Writes all tables of an archive into one file, `batches` giving those of each. Globs of columns mean what they
    mean in `plan_tables`; tables without any such column are left out.

    Raises:
        OutputError: as `decompress`, or files of the format hold one table.
        UsageError: a glob matches in no table.
    """
    with open_archive(archive) as opened, cluster(workers, scheduler) as client:
        selected, wanted = _selected(opened, columns), MODULES.get(suffix_of(str(output)), "")
        contents = [
            Content(
                _for_format(selection, name, wanted),
                batches(client, table, selection, within(progress, name)),
                _extras(table, selection) if wanted == table.schema.origin.format else b"",
                n_rows(table),
            )
            for name, table, selection in selected
        ]
        if len(contents) == 1:
            only = contents[0]
            write_file(
                output, only.schema, only.batches, force=force, rntuple=rntuple, extras=only.extras, n_rows=only.n_rows
            )
        else:
            write_tables(output, contents, force=force, rntuple=rntuple)


def _selected(collection: Collection, columns: Sequence[str]) -> list[tuple[str, Archive, Schema]]:
    """The tables that have some of the columns that are asked for, with the schema of those."""
    tables = collection.items()
    names = [column for _, table in tables for column in table.schema.order]
    globs = Globs(listed_columns(columns, names), collection.keys())
    found = []
    for name, table in tables:
        own = tuple(globs.within(name, table.schema.order).values())
        if own or not columns:
            found.append((name, table, table.schema.select(own)))
    globs.check()
    return found


def _extras(table: Archive, selection: Schema) -> bytes:
    """What goes beside some columns of a table, or all."""
    return table.extras() if selection == table.schema or not with_whole_files(table) else b""


def with_whole_files(archive: Archive) -> bool:
    """Whether what the archive has beside its columns goes with all of them only."""
    return archive.schema.origin.format in WITH_WHOLE_FILES and archive.manifest.version == FIRST_FORMAT


def n_rows(archive: Archive) -> dict[str, int]:
    """The number of rows of every group."""
    names = [group.name for group in archive.schema.groups]
    rows = archive.manifest.row_groups
    return {name: sum(counts[number] for counts in rows) for number, name in enumerate(names)}


def _for_format(schema: Schema, name: str, wanted: Any) -> Schema:  # noqa: ANN401  the name of a format
    """The same columns as those of a table of this name in a file of another format."""
    if wanted == schema.origin.format:
        return replace(schema, origin=replace(schema.origin, name=name))
    return replace(schema, origin=replace(schema.origin, format=wanted, name=name, shape=()))


def verify_tables(
    verify: "Callable[..., Verification]", archive: str | Path, against: Specs | None, progress: Progress
) -> "Verification":
    """What `verify` finds of every table, its columns named `TABLE:COLUMN`, its groups `TABLE` and `TABLE:GROUP`.

    Raises:
        BalerError: as `verify`.
    """
    specs = None if against is None else file_specs(against)
    for spec in specs or ():
        if split_spec(spec)[1]:
            raise UsageError(
                "names one table, and the archive holds several", path=spec, way_out=f"Name it in both: {archive}:NAME"
            )
    with open_archive(archive) as opened:
        opened.check_sections()
        found = {}
        for name in opened:
            originals = None if specs is None else [f"{spec}:{name}" for spec in specs]
            with in_table(name, specs or ()):
                found[name] = verify(f"{opened.path}:{name}", against=originals, progress=within(progress, name))
        return replace(
            found[next(iter(opened))],
            path=str(opened.path),
            n_sections=len(opened.manifest.sections) + sum(done.n_sections for done in found.values()),
            n_bytes=opened.n_bytes,
            n_rows={
                f"{name}:{group}" if number else name: rows
                for name, done in found.items()
                for number, (group, rows) in enumerate(done.n_rows.items())
            },
            columns=tuple(
                replace(check, name=f"{name}:{check.name}", group=f"{name}:{check.group}")
                for name, done in found.items()
                for check in done.columns
            ),
        )


def merge_tables(
    merge: Callable[..., dict[str, Any]],
    archives: Sequence[str | Path],
    output: str | Path,
    *,
    force: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Merges archives of the same tables, table by table, and gives what `info` says of the result. What is left out
    and the settings are those of the first.

    Raises:
        UsageError: one has other tables, or one table, or was compressed with another codec.
        BalerError: as `merge`.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(open_archive(path)) for path in archives]
        for each in opened:
            if not isinstance(each, Collection) or each.keys() != opened[0].keys():
                raise UsageError(
                    "does not hold the same tables as the archives before",
                    path=each.path,
                    found=listed(each.keys()) if isinstance(each, Collection) else "one table",
                    expected=listed(opened[0].keys()) if isinstance(opened[0], Collection) else "one table",
                )
        first = opened[0].manifest
    with (
        replacing(output, force=force) as part,
        TemporaryDirectory(prefix=f".{Path(output).name}.", suffix=".part", dir=Path(output).parent) as folder,
    ):
        paths = {}
        for number, name in enumerate(first.names):
            paths[name] = Path(folder) / f"{number}{ARCHIVE_SUFFIX}"
            merge([f"{path}:{name}" for path in archives], paths[name], progress=within(progress, name))
        write_collection(part, paths, first.left_out, first.settings)
    return _info(output)


def _info(path: str | Path) -> dict[str, Any]:
    """What `info` says of an archive of one table or of several."""
    with open_archive(path) as archive:
        found: dict[str, Any] = archive.info()
        return found


def tables_in(spec: str | Path) -> list[str]:
    """The names of the tables of a file or an archive; one without a name where one is named in `spec` already, or the
    only one has none.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        ArchiveError: an archive is damaged.
        UsageError: the suffix is unknown.
    """
    place, inner = split_spec(spec)
    if inner:
        return [""]
    if not is_archive(place):
        return list(tables_of(place).names)
    with open_archive(place) as opened:
        return opened.keys() if isinstance(opened, Collection) else [opened.schema.origin.name]


def file_name(table: str) -> str:
    """The name of a table as a part of the name of a file, whatever characters it has."""
    return re.sub(r"[^\w.-]+", "_", table)[:100]
