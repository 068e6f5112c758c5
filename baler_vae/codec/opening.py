"""What must hold of the manifest of an archive before anything is read by it."""

import math
from collections.abc import Sequence

from baler_vae.archive.manifest import Manifest
from baler_vae.codec.manifests import schema_of
from baler_vae.errors import CorruptArchive, UsageError
from baler_vae.table.schema import Schema
from baler_vae.table.table import LARGEST_CELLS, LARGEST_ROWS


def archive_schema(manifest: Manifest) -> Schema:
    """The schema of an archive.

    Raises:
        UsageError: it is a codec.
        CorruptArchive: it does not hang together.
    """
    if manifest.kind != "archive":
        raise UsageError("is a codec, not an archive", way_out="Give what `baler-vae compress` wrote")
    return schema_of(manifest)


def check_row_groups(manifest: Manifest) -> None:
    """Check that the numbers of rows are plausible, before memory is allocated for them."""
    n_cells = sum(math.prod(column.shape) for column in manifest.groups[0].columns if column.shape)
    n_cells += sum(math.prod(array.shape) for made in manifest.padded for array in made.arrays)
    check_rows(manifest.row_groups, len(manifest.groups), n_cells, "manifest.json")


def check_rows(row_groups: Sequence[Sequence[int]], n_groups: int, n_cells: int, section: str | None) -> None:
    """Check the numbers of rows of `n_groups` groups in each row group, where the arrays in a row of the first have so
    many cells.

    Raises:
        CorruptArchive: they are none that a writer makes; it names the section that says so.
    """
    for number, rows in enumerate(row_groups):
        if n_cells and rows and (rows[0] - 1) * n_cells >= LARGEST_CELLS:
            raise CorruptArchive(
                f"row group {number} goes on after the row that filled it",
                section=section,
                found=f"{rows[0]} rows of {n_cells} cells in arrays",
                expected=f"fewer than {LARGEST_CELLS} cells before the last row",
            )
        if len(rows) != n_groups or max(rows) > LARGEST_ROWS:
            raise CorruptArchive(
                f"row group {number} has an impossible number of rows",
                section=section,
                found=str(rows[:8]),
                expected=f"{n_groups} numbers up to {LARGEST_ROWS}",
            )
