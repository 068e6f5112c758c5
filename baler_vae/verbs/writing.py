"""The sections of an archive, written in the order of its rows, wherever they go."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from baler_vae.archive.collection_manifest import CollectionManifest, TableEntry, table_section
from baler_vae.archive.container import ArchiveWriter
from baler_vae.archive.manifest import Manifest
from baler_vae.codec.codec import Codec
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
    padded_entries,
    section_name,
)
from baler_vae.codec.provenance import number_of
from baler_vae.codec.sections import write_model
from baler_vae.entropy import plain
from baler_vae.progress import Progress, silent
from baler_vae.reader.archive import Archive
from baler_vae.table.schema import Schema


def write_archive(
    writer: ArchiveWriter,
    schema: Schema,
    codec: Codec,
    row_groups: Iterable[EncodedRowGroup],
    *,
    n_events: int,
    extras: bytes = b"",
    keep_history: bool = False,
    progress: Progress = silent,
) -> tuple[Fitness, ...]:
    """How well a codec fits each group that has rows, if row groups tell, after the archive of these rows was written
    whole: models, what lies besides the columns, row groups as they come, the manifest. `schema` is that of the codec's
    columns in the source, which has `n_events` events. Sections of row groups that the writer has already are only
    taken note of.
    """
    progress("events", 0, n_events)
    sections = _RowGroupWriter(writer, schema, codec)
    if keep_history:
        writer.add(HISTORY, codec.history_bytes())
    sections.write_extras(extras)
    for encoded in row_groups:
        sections.write(encoded)
        progress("events", sections.n_events, n_events)
    writer.finish(sections.manifest())
    return tuple(sections.fitness())


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


class _RowGroupWriter:
    """The sections of an archive, row group by row group, and what the manifest must say of them."""

    def __init__(self, archive: ArchiveWriter, schema: Schema, codec: Codec) -> None:
        self._archive = archive
        self._schema = schema
        self._codec = codec
        self._original_bytes = dict.fromkeys(schema.order, 0)
        self._row_groups: list[tuple[int, ...]] = []
        self._bits = dict.fromkeys((group.name for group in schema.groups), 0)
        self._independent_bits: tuple[float | None, ...] = ()
        self._has_extras = False
        for number, group in enumerate(schema.groups):
            write_model(archive, number, codec.models[group.name])

    def write_extras(self, extras: bytes) -> None:
        """Writes what the file holds besides its columns."""
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
        self._independent_bits = self._independent_bits or encoded.independent_bits
        self._row_groups.append(encoded.n_rows)

    def fitness(self) -> list[Fitness]:
        """How well the codec fits each group that has rows, where that was judged: columns by themselves are by the
        first rows.
        """
        if not self._independent_bits:
            return []
        n_rows = [sum(rows) for rows in zip(*self._row_groups, strict=True)]
        found = []
        for group, independent_bits, rows in zip(self._schema.groups, self._independent_bits, n_rows, strict=True):
            if independent_bits is not None:
                fitted = number_of(self._codec.fits.get(group.name, {}), "bits_per_row")
                found.append(Fitness(group.name, self._bits[group.name] / rows, fitted, independent_bits))
        return found

    def manifest(self) -> Manifest:
        return Manifest(
            kind="archive",
            version=format_version(
                self._schema,
                self._codec.bounds,
                self._codec.models,
                has_extras=self._has_extras,
                has_guarantees=bool(self._codec.guarantees),
            ),
            writer=WRITER,
            origin=origin_entry(self._schema.origin),
            groups=group_entries(self._schema, self._codec.models, self._codec.bounds, self._original_bytes),
            order=self._schema.order,
            arrays=array_entries(self._schema),
            masks=mask_entries(self._schema),
            padded=padded_entries(self._schema),
            guarantees=self._codec.guarantees.described(),
            row_groups=tuple(self._row_groups),
            settings=dict(self._codec.settings),
            fits=dict(self._codec.fits),
        )
