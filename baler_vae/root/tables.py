"""ROOT files of several trees."""

from collections.abc import Iterable
from pathlib import Path

from baler_vae.root.branches import FAILURES
from baler_vae.root.classes import open_file
from baler_vae.root.files import NTUPLES, TREES
from baler_vae.root.writing import add_table, recreated
from baler_vae.source.source import Content, Tables, reading

_DIRECTORIES = frozenset({"TDirectory", "TDirectoryFile"})


def tables_root(path: str) -> Tables:
    """The TTrees and RNTuples of a file, whatever directories they are in, each in its newest cycle; histograms and
    other objects, and older cycles, are left out.

    Raises:
        SourceError: it is not a ROOT file, or damaged.
    """
    with reading(path, "a ROOT file", FAILURES), open_file(path) as file:
        classes: dict[str, str] = file.classnames(recursive=True)
        newest: dict[str, int] = {}
        for key, kind in classes.items():
            if kind in TREES | NTUPLES:
                name, _, cycle = key.rpartition(";")
                newest[name] = max(newest.get(name, 0), int(cycle))
    names: list[str] = []
    left_out: dict[str, str] = {}
    for key, kind in classes.items():
        name, _, cycle = key.rpartition(";")
        if kind in TREES | NTUPLES:
            if int(cycle) == newest[name]:
                names.append(name)
            else:
                left_out[key] = f"an older cycle of {name}"
        elif kind not in _DIRECTORIES:
            left_out[name if name not in newest else key] = kind
    return Tables(tuple(names), left_out)


def write_tables_root(path: Path, contents: Iterable[Content], *, rntuple: bool = False, compression: str = "") -> None:
    """Write a TTree for each table; an RNTuple where one was read, or for all of them with `rntuple`. Each is
    compressed as its source was, unless a setting is given.

    Raises:
        OutputError: as for `write_root`.
    """
    with recreated(path) as file:
        for content in contents:
            add_table(file, content.schema, content.batches, rntuple=rntuple, compression=compression)
