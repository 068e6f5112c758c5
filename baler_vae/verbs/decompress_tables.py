"""All tables of an archive, restored into one file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from baler_vae.archive.storage import Place
from baler_vae.io.files import MODULES, suffix_of, write_file, write_tables
from baler_vae.progress import Progress, within
from baler_vae.reader.archive import Archive
from baler_vae.reader.collection import Collection
from baler_vae.reader.opening import open_archive
from baler_vae.scale.cluster import cluster
from baler_vae.source.source import Content
from baler_vae.table.lists import listed_columns
from baler_vae.table.schema import Schema
from baler_vae.verbs.globs import Globs
from baler_vae.verbs.restoring import RestoreRequest, extras_of, n_rows, restored_batches


def decompress_tables(archive: Place, output: str | Path, request: RestoreRequest, progress: Progress) -> None:
    """Writes all tables of an archive into one file. A glob of columns concerns every table in which it matches,
    `TABLE:GLOB` that one; tables without any such column are left out.

    Raises:
        OutputError: as `decompress`, or files of the format hold one table.
        UsageError: a glob matches in no table.
    """
    with open_archive(archive) as opened, cluster(request.workers, request.scheduler) as client:
        selected, wanted = _selected(opened, request.columns), MODULES.get(suffix_of(str(output)), "")
        contents = [
            Content(
                _for_format(selection, name, wanted),
                restored_batches(client, table, selection, within(progress, name)),
                extras_of(table, selection) if wanted == table.schema.origin.format else b"",
                n_rows(table),
            )
            for name, table, selection in selected
        ]
        if len(contents) == 1:
            only = contents[0]
            write_file(
                output,
                only.schema,
                only.batches,
                force=request.force,
                rntuple=request.rntuple,
                compression=request.compression,
                extras=only.extras,
                n_rows=only.n_rows,
            )
        else:
            write_tables(
                output, contents, force=request.force, rntuple=request.rntuple, compression=request.compression
            )


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


def _for_format(schema: Schema, name: str, wanted: Any) -> Schema:  # noqa: ANN401  the name of a format
    """The same columns as those of a table of this name in a file of another format."""
    if wanted == schema.origin.format:
        return replace(schema, origin=replace(schema.origin, name=name))
    return replace(schema, origin=replace(schema.origin, format=wanted, name=name, shape=()))
