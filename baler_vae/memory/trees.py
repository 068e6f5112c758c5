"""Trees of uproot that are open."""

from pathlib import Path
from typing import Any

from baler_vae.errors import UsageError
from baler_vae.root.files import open_root
from baler_vae.source.source import Source

_WAY_OUT = "Pass tree.arrays(), or an iterable of batches: tree.iterate()"


def open_tree(tree: Any) -> Source:  # noqa: ANN401  a TTree or an RNTuple of uproot
    """The source of the file that a TTree or RNTuple was opened from, which is read anew.

    Raises:
        UsageError: the file is an object in memory.
        SourceError: the file cannot be read any more.
    """
    path = str(tree.file.file_path)
    if "://" not in path and not Path(path).is_file():
        what = f"the tree {tree.name!r} is not in a file that can be reopened"
        raise UsageError(what, found=path, way_out=_WAY_OUT)
    return open_root(path, str(tree.object_path).rpartition(":/")[2].strip("/"))
