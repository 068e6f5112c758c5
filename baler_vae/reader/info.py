"""What an archive holds, and what takes its bytes."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import numpy as np

from baler_vae.archive.collection import CollectionFile
from baler_vae.archive.container import ArchiveFile
from baler_vae.archive.manifest import ColumnEntry, GroupEntry, GuardEntry, Manifest
from baler_vae.codec.manifests import guarantees_of, repeating, section_name
from baler_vae.codec.provenance import fits_of, settings_of
from baler_vae.codec.report import GroupInfo
from baler_vae.codec.sections import (
    cells_section,
    contexts_section,
    corrections_section,
    decoder_section,
    networks_section,
    tables_section,
)
from baler_vae.grid.grids import describe_grid, grid_of
from baler_vae.model.coders import CELLS, NETWORK
from baler_vae.reader.archive_info import ArchiveInfo, CollectionInfo, ColumnInfo, GuaranteeInfo, PartBytes
from baler_vae.settings.kinds import kind_of_stored
from baler_vae.table.schema import kind_text

_OF_MODELS = (decoder_section, tables_section, networks_section, cells_section, contexts_section)


def describe_archive(archive: ArchiveFile) -> ArchiveInfo:
    """What an archive of one table holds; of the rows only indices are read.

    Raises:
        CorruptArchive: an index is damaged.
    """
    manifest = archive.manifest
    settings = repeating(manifest)
    whole = settings.get("whole_numbers", ())
    sizes = {"model": 0, "latents": 0, "codes": 0, "guarantees": 0}
    moves: dict[int, int] = {}
    shared = {"tables": 0, "patches": 0}
    columns: dict[str, ColumnInfo] = {}
    for number, group in enumerate(manifest.groups):
        sizes["model"] += _model_bytes(manifest, number)
        latents = group.latents
        first = 0 if latents is None else len(latents.codings) * (2 if latents.keeps_log_variance else 1)
        behind = first + sum(column.coding is not None for column in group.columns)
        guard = group.guard or GuardEntry()
        first_patch = behind + len(guard.corrections)
        n_parts = first_patch + (1 + len(guard.patched) if guard.patched else 0)
        n_bytes = np.zeros(n_parts, np.int64)
        for row_group in range(len(manifest.row_groups)):
            n_bytes += archive.checked_part_sizes(section_name(number, row_group), n_parts)
        sizes["latents"] += int(n_bytes[:first].sum())
        sizes["codes"] += int(n_bytes[first:behind].sum())
        shared["tables"] += _section_bytes(manifest, corrections_section(number))
        shared["patches"] += int(n_bytes[first_patch:].sum())
        for correction, own in zip(guard.corrections, n_bytes[behind:first_patch].tolist(), strict=True):
            moves[correction.guarantee] = moves.get(correction.guarantee, 0) + own
        columns |= _columns(group, n_bytes[first:behind].tolist(), whole)
    sizes["guarantees"] = sum(moves.values()) + sum(shared.values())
    kept = guarantees_of(manifest)
    rows = {
        group.name: sum(counts[number] for counts in manifest.row_groups)
        for number, group in enumerate(manifest.groups)
    }
    return ArchiveInfo(
        path=str(archive.path),
        writer=manifest.writer,
        format_version=manifest.version,
        model_kind=_kind(max(manifest.groups, key=lambda group: rows[group.name]), manifest),
        n_rows=rows,
        original_bytes=sum(column.original_bytes for column in columns.values()),
        archive_bytes=archive.n_bytes,
        bytes=PartBytes(**sizes, metadata=archive.n_bytes - sum(sizes.values())),
        columns=tuple(columns[name] for name in manifest.order),
        groups=tuple(_described(group, number, manifest) for number, group in enumerate(manifest.groups)),
        guarantees=tuple(
            GuaranteeInfo(text=one.text, definitions=kept.definitions(one), moves_bytes=moves.get(number, 0))
            for number, one in enumerate(kept.promised)
        ),
        shared_bytes=shared if kept else {},
        settings=settings,
    )


def describe_collection(file: CollectionFile, tables: Mapping[str, ArchiveInfo]) -> CollectionInfo:
    """What an archive of several tables holds, from what is told of each of them."""
    manifest, found = file.manifest, tables.values()
    parts = {
        name: sum(getattr(table.bytes, name) for table in found) for name in ("model", "latents", "codes", "guarantees")
    }
    return CollectionInfo(
        path=str(file.path),
        writer=manifest.writer,
        format_version=manifest.version,
        model_kind=max(found, key=lambda table: table.archive_bytes).model_kind,
        n_rows={table.name: table.n_events for table in manifest.tables},
        original_bytes=sum(table.original_bytes for table in found),
        archive_bytes=file.n_bytes,
        bytes=PartBytes(**parts, metadata=file.n_bytes - sum(parts.values())),
        columns=tuple(
            replace(column, name=f"{name}:{column.name}", group=f"{name}:{column.group}")
            for name, table in tables.items()
            for column in table.columns
        ),
        groups=tuple(
            replace(group, name=f"{name}:{group.name}") for name, table in tables.items() for group in table.groups
        ),
        settings=settings_of(manifest),
        guarantees=tuple(
            replace(one, text=f"{name}: {one.text}") for name, table in tables.items() for one in table.guarantees
        ),
        shared_bytes=_added(table.shared_bytes for table in found),
        left_out=dict(manifest.left_out),
        tables=tables,
    )


def _model_bytes(manifest: Manifest, number: int) -> int:
    """The bytes of all that a group's model takes."""
    return sum(_section_bytes(manifest, section(number)) for section in _OF_MODELS)


def _section_bytes(manifest: Manifest, name: str) -> int:
    """The bytes of a section, 0 where there is none."""
    return manifest.sections[name].n_bytes if name in manifest.sections else 0


def _added(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Numbers by name, those of one name added up."""
    found: dict[str, int] = {}
    for part in parts:
        found |= {name: found.get(name, 0) + n_bytes for name, n_bytes in part.items()}
    return found


def _kind(group: GroupEntry, manifest: Manifest) -> str:
    """The kind of the networks that a group has, `independent` where it has none."""
    said = fits_of(manifest).get(group.name, {}).get("kind")  # whatever a damaged archive says
    networks = any(column.coding in (NETWORK, CELLS) for column in group.columns)
    return kind_of_stored(networks=networks, latents=group.latents is not None, said=said)


def _described(group: GroupEntry, number: int, manifest: Manifest) -> GroupInfo:
    """What is told of a group."""
    fit = fits_of(manifest).get(group.name, {})
    return GroupInfo.of_fit(group.name, fit, kind=_kind(group, manifest), model_bytes=_model_bytes(manifest, number))


def _columns(group: GroupEntry, own_bytes: Iterable[int], whole: Collection[str]) -> dict[str, ColumnInfo]:
    """What is told of each column of a group, by name."""
    sizes = iter(own_bytes)

    def described(column: ColumnEntry) -> ColumnInfo:
        grid = None if column.grid is None else describe_grid(grid_of(column.grid.kind, column.grid.parameters))
        return ColumnInfo(
            name=column.name,
            group=group.name,
            dtype=kind_text(column.dtype, column.shape),
            typename=column.typename,
            title=column.title,
            bound=column.bound,
            whole_numbers=column.name in whole,
            grid=grid,
            coding=column.coding,
            formula=column.formula,
            predicted=column.predicted,
            original_bytes=column.original_bytes,
            bytes=None if column.coding is None else next(sizes, 0),
        )

    return {column.name: described(column) for column in group.columns}
