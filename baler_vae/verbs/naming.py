"""Names of archives and codecs, told apart from those of tables."""

from collections.abc import Mapping
from pathlib import Path

from baler_vae.errors import UsageError
from baler_vae.io.files import ARCHIVE_SUFFIX, COMPRESSIONS, MODULES

CODEC_SUFFIX = ".bvmodel"
SUFFIXES: Mapping[str, str] = {
    "root": ".root",
    "csv": ".csv",
    "parquet": ".parquet",
    "hdf5": ".h5",
    "npz": ".npz",
    "npy": ".npy",
    "feather": ".feather",
}
"""The suffix of each format."""


def check_archive_name(path: str | Path) -> None:
    """Check that an archive does not have the name of a table or a codec.

    Raises:
        UsageError: it would; the text says which verb writes such a file.
    """
    _check(path, "an archive", ARCHIVE_SUFFIX, CODEC_SUFFIX, "a codec is fitted with `baler-vae fit`")


def check_codec_name(path: str | Path) -> None:
    """Check that a codec does not have the name of a table or an archive.

    Raises:
        UsageError: it would; the text says which verb writes such a file.
    """
    _check(path, "a codec", CODEC_SUFFIX, ARCHIVE_SUFFIX, "an archive is made with `baler-vae compress`")


def check_table_name(path: str | Path) -> None:
    """Check that a restored table does not have the name of an archive or a codec.

    Raises:
        UsageError: it would; the text says which verb writes such a file.
    """
    suffix = Path(path).suffix.lower()
    if suffix in {ARCHIVE_SUFFIX, CODEC_SUFFIX}:
        verb = "compress" if suffix == ARCHIVE_SUFFIX else "fit"
        raise UsageError(
            f"has the suffix of {'an archive' if suffix == ARCHIVE_SUFFIX else 'a codec'}, not of a table",
            path=path,
            expected=f"one of {', '.join(MODULES)}",
            way_out=f"Such files are written by `baler-vae {verb}`",
        )


def _check(path: str | Path, what: str, own: str, other: str, how_the_other_is_made: str) -> None:
    suffix, stem = Path(path).suffix.lower(), Path(path).name.partition(".")[0]
    if suffix in MODULES or (suffix in COMPRESSIONS and Path(Path(path).stem).suffix.lower() in MODULES):
        raise UsageError(
            f"has the suffix of a table, not of {what}",
            path=path,
            expected=own,
            way_out=f"Name it {stem}{own}; to restore a table from an archive: "
            f"baler-vae decompress ARCHIVE{ARCHIVE_SUFFIX} -o {Path(path).name}",
        )
    if suffix == other:
        raise UsageError(
            f"has the suffix of a different kind of file, not of {what}",
            path=path,
            expected=own,
            way_out=f"Name it {stem}{own}; {how_the_other_is_made}",
        )
