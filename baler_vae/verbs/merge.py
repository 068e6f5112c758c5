"""Archives of one codec to one archive, without decoding them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from baler_vae.archive.container import ArchiveFile, ArchiveWriter, writing_archive
from baler_vae.archive.manifest import ColumnEntry, GroupEntry, Manifest
from baler_vae.codec.manifests import EXTRAS, HISTORY, section_name
from baler_vae.codec.sections import check_entries
from baler_vae.entropy import plain
from baler_vae.errors import CorruptArchive, UsageError
from baler_vae.io.files import extras_have_rows
from baler_vae.progress import ShownProgress, callback, shows_progress, silent
from baler_vae.reader.archive import Archive, open_one
from baler_vae.reader.archive_info import ArchiveInfo
from baler_vae.reader.collection import is_collection
from baler_vae.source.dialect import Dialect
from baler_vae.verbs.merge_tables import merge_tables
from baler_vae.verbs.naming import check_archive_name

_OF_THE_FIRST = (EXTRAS, HISTORY)
"""Sections in which archives of one codec may differ: those of the first are kept."""


@shows_progress
def merge(
    archives: Sequence[str | Path], output: str | Path, *, force: bool = False, progress: ShownProgress = silent
) -> ArchiveInfo:
    """Merge archives that were compressed with one codec: the same columns, bounds, guarantees and models. Row groups
    are copied as they are, every one checked against its digest.

    Parameters
    ----------
    archives : sequence of str or Path
        The archives, whose events follow each other in this order. Archives of several tables are merged table by
        table.
    output : str or Path
        Where to.
    force : bool
        Overwrite the output.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).

    Returns
    -------
    ArchiveInfo or CollectionInfo
        What the merged archive holds. Titles, origin and settings, and what lies besides the columns, are those of the
        first.

    Raises
    ------
    SourceError
        There is no such file.
    ArchiveError
        One of them is not an archive, or is damaged.
    UsageError
        There is none, or one was compressed with another codec.
    OutputError
        The output exists and `force` is false, or it cannot be written.
    """
    progress = callback(progress)
    check_archive_name(output)
    if not archives:
        raise UsageError("no archives to merge", way_out="Name archives made with the same codec")
    if any(map(is_collection, archives)):
        return merge_tables(merge, archives, output, force=force, progress=progress)
    with writing_archive(output, force=force) as writer:
        merged = _Merged(writer)
        progress("merging, archives", 0, len(archives))
        for done, path in enumerate(archives, start=1):
            with open_one(path) as archive:
                merged.add(archive)
            progress("merging, archives", done, len(archives))
        writer.finish(merged.manifest())
        with Archive(writer.path) as written:  # before it takes its place: what cannot be read never does
            info = written.info()
    return replace(info, path=str(output))


class _Merged:
    """The archives added so far."""

    def __init__(self, writer: ArchiveWriter) -> None:
        self._writer = writer
        self._first: Manifest | None = None
        self._encoding = ""
        self._row_groups: list[tuple[int, ...]] = []
        self._original_bytes: list[list[int]] = []

    def add(self, archive: ArchiveFile) -> None:
        """Copies the row groups of one more archive; of the first one all sections."""
        manifest = archive.manifest
        if manifest.kind != "archive":
            raise UsageError("is a codec, not an archive", path=archive.path)
        check_entries(archive)
        self._check_extras(archive)
        self._check_encoding(archive)
        if self._first is None:
            self._first = manifest
            for name in _shared_sections(manifest):
                self._writer.add(name, archive.section(name))
        elif _what_is_shared(manifest) != _what_is_shared(self._first):
            raise UsageError(
                "was compressed with a different codec from the archives before it",
                path=archive.path,
                way_out="Fit one codec (`baler-vae fit`), and compress all files with it (--codec)",
            )
        for row_group in range(len(manifest.row_groups)):
            for number in range(len(manifest.groups)):
                data = archive.section(section_name(number, row_group))
                self._writer.add(section_name(number, len(self._row_groups) + row_group), data)
        self._row_groups += manifest.row_groups
        self._original_bytes.append([column.original_bytes for column in _columns(manifest)])

    @staticmethod
    def _check_extras(archive: ArchiveFile) -> None:
        """Raises UsageError where something besides the columns belongs to the rows, and is not merged with them."""
        if EXTRAS not in archive.manifest.sections:
            return
        try:
            has_rows = extras_have_rows(archive.manifest.origin.format, plain.decode_bytes(archive.section(EXTRAS)))
        except ValueError as error:
            raise CorruptArchive(str(error), path=archive.path, section=EXTRAS) from error
        if has_rows:
            raise UsageError(
                "has compound fields that are not columns, which cannot be merged",
                path=archive.path,
                way_out="Compress the files together instead: baler-vae compress FILE...",
            )

    def _check_encoding(self, archive: ArchiveFile) -> None:
        """Raises UsageError where text could not be written as the first archive was, which may lack its letters."""
        if archive.manifest.origin.format != "csv":
            return
        data = archive.section(EXTRAS) if EXTRAS in archive.manifest.sections else b""
        try:
            encoding = Dialect.from_bytes(plain.decode_bytes(data) if data else b"").encoding
        except ValueError as error:
            raise CorruptArchive(str(error), path=archive.path, section=EXTRAS) from error
        self._encoding = self._encoding or encoding
        if encoding != self._encoding and not self._encoding.startswith("utf"):
            raise UsageError(
                "is text in a different encoding from the first archive",
                path=archive.path,
                found=encoding,
                expected=self._encoding,
                way_out="Name one in UTF-8 first, or compress the files together: baler-vae compress FILE...",
            )

    def manifest(self) -> Manifest:
        """The manifest of all."""
        if self._first is None:
            raise ValueError("no archive was added")
        totals = iter([sum(sizes) for sizes in zip(*self._original_bytes, strict=True)])
        groups = tuple(
            group.model_copy(
                update={
                    "columns": tuple(
                        column.model_copy(update={"original_bytes": next(totals)}) for column in group.columns
                    )
                }
            )
            for group in self._first.groups
        )
        return self._first.model_copy(update={"groups": groups, "row_groups": tuple(self._row_groups)})


def _columns(manifest: Manifest) -> list[ColumnEntry]:
    return [column for group in manifest.groups for column in group.columns]


def _shared_sections(manifest: Manifest) -> list[str]:
    """The sections that hold no rows."""
    return [name for name in manifest.sections if not name.startswith("groups/")]


def _what_is_shared(manifest: Manifest) -> object:
    """What archives of one codec have in common: columns, but for their titles and sizes, guarantees and models; of
    nested columns the type too, which all row groups share.
    """

    def group(entry: GroupEntry) -> object:
        columns = [column.model_dump(exclude={"title", "typename", "original_bytes"}) for column in entry.columns]
        types = [column.typename for column in entry.columns if column.dtype == "nested"]
        return entry.name, entry.counter, entry.latents, columns, types, entry.guard

    arrays = [(array.name, array.shape) for array in manifest.arrays]
    masks = [(mask.values, mask.missing) for mask in manifest.masks]
    padded = [made.model_dump(exclude={"arrays": {"__all__": {"title", "typename"}}}) for made in manifest.padded]
    models = {name: manifest.sections[name] for name in _shared_sections(manifest) if name not in _OF_THE_FIRST}
    return [group(entry) for entry in manifest.groups], arrays, masks, padded, manifest.guarantees, models
