"""What an archive holds, and what takes its bytes."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from baler_vae.archive.container import ArchiveFile
from baler_vae.archive.manifest import ColumnEntry, GroupEntry, Manifest
from baler_vae.codec.manifests import section_name
from baler_vae.codec.provenance import fits_of, number_of, settings_of, whole_numbers
from baler_vae.codec.sections import decoder_section, networks_section, tables_section
from baler_vae.grid.grids import describe_grid, grid_of
from baler_vae.model.coders import NETWORK
from baler_vae.settings.kinds import NAMES, kind_of_stored
from baler_vae.table.schema import kind_text


def describe_archive(archive: ArchiveFile) -> dict[str, Any]:
    """A document of plain values; of the rows only indices are read.

    Keys: `path`, `writer`, `format_version`, `model_kind` (of the group with most rows); `n_rows` by group;
    `original_bytes` (of the values in their own dtypes), `archive_bytes`, `ratio`; `bytes` of `model`, `latents`,
    `codes` and `metadata` (all else); `columns`, a list of `name`, `group`, `dtype`, `typename`, `title`, `bound`,
    `whole_numbers` (whether it is exact because its floats are whole numbers only), `grid`, `coding`, `formula` (what
    its codes are predicted by), `predicted` (whether only differences from that are stored), `original_bytes` and
    `bytes` (None for columns that share the latents of their group); `groups`, a list of
    `name`, `kind`, `model_bytes` and, where a fit tells, `fitted_bytes` (about what all rows took under it),
    `candidate_bytes` by kind and `order_bytes` by order of the columns (both as a sample told them), `pays_from_rows`
    (the rows from which on its networks take fewer bytes than they save), `formulas_saved_bytes` and `sample` (`rows`,
    `of_rows` and `chunks` where it was fitted on some rows of a file, else None); `settings`, which repeat the run.

    Raises:
        CorruptArchive: an index is damaged.
    """
    manifest = archive.manifest
    settings = settings_of(manifest)
    whole = settings.get("whole_numbers", ())
    sizes = {"model": 0, "latents": 0, "codes": 0}
    columns: dict[str, dict[str, Any]] = {}
    for number, group in enumerate(manifest.groups):
        sizes["model"] += _model_bytes(manifest, number)
        latents = group.latents
        first = 0 if latents is None else len(latents.codings) * (2 if latents.keeps_log_variance else 1)
        n_parts = first + sum(column.coding is not None for column in group.columns)
        n_bytes = np.zeros(n_parts, np.int64)
        for row_group in range(len(manifest.row_groups)):
            n_bytes += archive.checked_part_sizes(section_name(number, row_group), n_parts)
        sizes["latents"] += int(n_bytes[:first].sum())
        sizes["codes"] += int(n_bytes[first:].sum())
        columns |= _columns(group, n_bytes[first:].tolist(), whole)
    rows = {
        group.name: sum(counts[number] for counts in manifest.row_groups)
        for number, group in enumerate(manifest.groups)
    }
    original_bytes = sum(column["original_bytes"] for column in columns.values())
    return {
        "path": str(archive.path),
        "writer": manifest.writer,
        "format_version": manifest.version,
        "model_kind": _kind(max(manifest.groups, key=lambda group: rows[group.name]), manifest),
        "n_rows": rows,
        "original_bytes": original_bytes,
        "archive_bytes": archive.n_bytes,
        "ratio": original_bytes / archive.n_bytes,
        "bytes": {**sizes, "metadata": archive.n_bytes - sum(sizes.values())},
        "columns": [columns[name] for name in manifest.order],
        "groups": [_described(group, number, manifest) for number, group in enumerate(manifest.groups)],
        "settings": settings,
    }


def _model_bytes(manifest: Manifest, number: int) -> int:
    """The bytes of all that a group's model takes."""
    names = (decoder_section(number), tables_section(number), networks_section(number))
    return sum(manifest.sections[name].n_bytes for name in names if name in manifest.sections)


def _kind(group: GroupEntry, manifest: Manifest) -> str:
    """The kind of the networks that a group has, `independent` where it has none."""
    said = fits_of(manifest).get(group.name, {}).get("kind")  # whatever a damaged archive says
    networks = any(column.coding == NETWORK for column in group.columns)
    return kind_of_stored(networks=networks, latents=group.latents is not None, said=said)


def _described(group: GroupEntry, number: int, manifest: Manifest) -> dict[str, Any]:
    """What `groups` says of a group."""
    fit = fits_of(manifest).get(group.name, {})
    return {
        "name": group.name,
        "kind": _kind(group, manifest),
        "model_bytes": _model_bytes(manifest, number),
        "fitted_bytes": whole_numbers(fit).get("fitted_bytes"),
        "candidate_bytes": whole_numbers(fit.get("candidate_bytes"), NAMES),
        "order_bytes": whole_numbers(fit.get("order_bytes")),
        "pays_from_rows": pays_from_rows(fit),
        "formulas_saved_bytes": whole_numbers(fit.get("formulas_saved_bytes")),
        "sample": _sample(fit),
    }


def _sample(fit: Mapping[str, Any]) -> dict[str, int] | None:
    """How many of how many rows a group was fitted on, in how many chunks; None where that was all."""
    names = {"rows": "sample_rows", "of_rows": "rows", "chunks": "sample_chunks"}
    numbers = whole_numbers(fit)
    return {name: numbers[key] for name, key in names.items()} if set(names.values()) <= set(numbers) else None


def pays_from_rows(fit: Mapping[str, Any]) -> int | None:
    """The rows from which on the networks of a fit save more than they take; None where they never do, or there are
    none.
    """
    model_bytes, own, alone = (number_of(fit, n) for n in ("model_bytes", "bits_per_row", "independent_bits_per_row"))
    if not model_bytes or own is None or alone is None or alone <= own:
        return None
    rows = 8 * model_bytes / (alone - own)
    return math.ceil(rows) if math.isfinite(rows) else None


def _columns(group: GroupEntry, own_bytes: Iterable[int], whole: Collection[str]) -> dict[str, dict[str, Any]]:
    sizes = iter(own_bytes)

    def described(column: ColumnEntry) -> dict[str, Any]:
        return {
            "name": column.name,
            "group": group.name,
            "dtype": kind_text(column.dtype, column.shape),
            "typename": column.typename,
            "title": column.title,
            "bound": column.bound,
            "whole_numbers": column.name in whole,
            "grid": None if column.grid is None else describe_grid(grid_of(column.grid.kind, column.grid.parameters)),
            "coding": column.coding,
            "formula": column.formula,
            "predicted": column.predicted,
            "original_bytes": column.original_bytes,
            "bytes": None if column.coding is None else next(sizes, 0),
        }

    return {column.name: described(column) for column in group.columns}
