"""What an archive holds, and what takes its bytes."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from baler_vae.archive.container import ArchiveFile
from baler_vae.archive.manifest import ColumnEntry, GroupEntry, Manifest
from baler_vae.grid.grids import describe_grid, grid_of
from baler_vae.pipeline.manifests import section_name
from baler_vae.pipeline.models import decoder_section, tables_section


def describe_archive(archive: ArchiveFile) -> dict[str, Any]:
    """A document of plain values.

    Keys: `path`, `writer`, `format_version`, `model_kind` (None without a model); `n_rows` by group; `original_bytes`
    (of the values in their own dtypes), `archive_bytes`, `ratio`; `bytes` of `model`, `latents`, `codes` (columns that
    no model serves) and `metadata` (all else); `columns`, a list of `name`, `group`, `dtype`, `title`, `bound`,
    `original_bytes` and `bytes` (None for columns that share the latents of their group); `settings`, which repeat the
    run.

    Raises:
        CorruptArchive: a section is damaged.
    """
    manifest = archive.manifest
    sizes = {"model": 0, "latents": 0, "codes": 0}
    columns: dict[str, dict[str, Any]] = {}
    for number, group in enumerate(manifest.groups):
        own = [manifest.sections.get(name) for name in (decoder_section(number), tables_section(number))]
        sizes["model"] += sum(section.n_bytes for section in own if section is not None)
        n_bytes = np.zeros(0, np.int64)
        for row_group in range(len(manifest.row_groups)):
            found = np.array([len(part) for part in archive.parts(section_name(number, row_group))])
            n_bytes = found + n_bytes if len(n_bytes) else found
        latents = group.latents
        first = 0 if latents is None else len(latents.codings) * (2 if latents.keeps_log_variance else 1)
        sizes["latents"] += int(n_bytes[:first].sum())
        sizes["codes"] += int(n_bytes[first:].sum())
        columns |= _columns(group, n_bytes[first:].tolist())
    original_bytes = sum(column["original_bytes"] for column in columns.values())
    return {
        "path": str(archive.path),
        "writer": manifest.writer,
        "format_version": manifest.version,
        "model_kind": _model_kind(manifest),
        "n_rows": {
            group.name: sum(rows[number] for rows in manifest.row_groups)
            for number, group in enumerate(manifest.groups)
        },
        "original_bytes": original_bytes,
        "archive_bytes": archive.n_bytes,
        "ratio": original_bytes / archive.n_bytes,
        "bytes": {**sizes, "metadata": archive.n_bytes - sum(sizes.values())},
        "columns": [columns[name] for name in manifest.order],
        "settings": manifest.settings,
    }


def _model_kind(manifest: Manifest) -> str:
    """The kind of network that gives or predicts columns, or `independent` where none does."""
    if all(group.latents is None for group in manifest.groups):
        return "independent"
    settings = manifest.settings.get("model")
    return str(settings.get("kind", "vae")) if isinstance(settings, dict) else "vae"


def _columns(group: GroupEntry, own_bytes: Iterable[int]) -> dict[str, dict[str, Any]]:
    sizes = iter(own_bytes)

    def described(column: ColumnEntry) -> dict[str, Any]:
        return {
            "name": column.name,
            "group": group.name,
            "dtype": column.dtype,
            "title": column.title,
            "bound": column.bound,
            "grid": None if column.grid is None else describe_grid(grid_of(column.grid.kind, column.grid.parameters)),
            "coding": column.coding,
            "predicted": column.predicted,
            "original_bytes": column.original_bytes,
            "bytes": None if column.coding is None else next(sizes, 0),
        }

    return {column.name: described(column) for column in group.columns}
