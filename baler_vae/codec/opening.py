"""What must hold of the manifest of an archive before anything is read by it."""

from baler_vae.archive.manifest import Manifest
from baler_vae.codec.manifests import schema_of
from baler_vae.errors import CorruptArchive, UsageError
from baler_vae.table.schema import Schema
from baler_vae.table.table import LARGEST_ROWS


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
    """Nothing, when the numbers of rows are such as a writer makes: memory is taken by them."""
    for number, rows in enumerate(manifest.row_groups):
        if len(rows) != len(manifest.groups) or max(rows) > LARGEST_ROWS:
            raise CorruptArchive(
                f"row group {number} does not have a possible number of rows for each group",
                section="manifest.json",
                found=str(rows[:8]),
                expected=f"{len(manifest.groups)} numbers up to {LARGEST_ROWS}",
            )
