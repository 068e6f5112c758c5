"""The sizes of files."""

from collections.abc import Sequence
from pathlib import Path

from baler_vae.io.files import split_spec


def bytes_on_disk(specs: Sequence[str]) -> int | None:
    """The bytes of the files that some texts name, each file counted once, whatever is named in it; None if a server
    does not report it.
    """
    paths = dict.fromkeys(split_spec(spec)[0] for spec in specs)
    sizes = [_bytes_behind(path) if "://" in path else Path(path).stat().st_size for path in paths]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _bytes_behind(url: str) -> int | None:
    """The size of a file as reported by a server, or None."""
    from fsspec.core import url_to_fs  # noqa: PLC0415 - only for URLs

    try:
        files, name = url_to_fs(url)
        size = files.size(name)
    except (OSError, ValueError, ImportError):
        return None
    return None if size is None else int(size)
