"""Whether what is compressed can become a file again, tried before any work is done."""

import errno
import re
from collections.abc import Iterator
from typing import NamedTuple

from baler_vae.errors import BalerError, OutputError, SourceError
from baler_vae.io.files import write_file
from baler_vae.paths import temporary_folder
from baler_vae.source.source import Source
from baler_vae.table.schema import Format, Schema
from baler_vae.table.table import Batch

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_N_EVENTS = 256
"""The events that are written to try a format: types and names decide, and these show in few."""


_TREE_TYPES = frozenset({"bool", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))})
_TREE_TYPES |= {"float32", "float64"}
_NAME = re.compile(r"\w+", re.ASCII)


class _Trial(NamedTuple):
    """A way to write a file: its suffix, whether as an RNTuple, and what a user would ask for."""

    suffix: str
    rntuple: bool
    option: str


_TREE = _Trial(".root", False, "-o NAME.root")
_NTUPLE = _Trial(".root", True, "-o NAME.root --rntuple")
_OWN: dict[Format, _Trial] = {
    "csv": _Trial(".csv", False, "-o NAME.csv"),
    "parquet": _Trial(".parquet", False, "-o NAME.parquet"),
    "hdf5": _Trial(".h5", False, "-o NAME.h5"),
    "npz": _Trial(".npz", False, "-o NAME.npz"),
    "npy": _Trial(".npy", False, "-o NAME.npy"),
    "feather": _Trial(".feather", False, "-o NAME.feather"),
}
_OTHERS = (_OWN["parquet"], _NTUPLE, _OWN["hdf5"], _OWN["npz"], _OWN["csv"])
"""The formats that are tried where that of the source will not do, those first that hold most."""


def check_restorable(source: Source, schema: Schema, extras: bytes) -> str:
    """What to tell a user where the format of a source cannot take back the columns of `schema`: why, and which format
    can. Nothing where it can.

    Raises:
        SourceError: no format can take back all these columns together, or the file cannot be read.
    """
    if schema.origin.format == "memory":
        return ""  # it comes back as an object
    if _is_as_in_a_tree(schema):
        return ""
    first = _first_batch(source, schema)
    own = _NTUPLE if schema.origin.rntuple else _OWN.get(schema.origin.format, _TREE)
    refusal = _refusal(own, schema, first, extras)
    if refusal is None:
        return ""
    reason = refusal.what + (f" (column {refusal.column!r})" if refusal.column else "")
    for other in _OTHERS:
        if other != own and _refusal(other, schema, first, b"") is None:
            return f"{own.suffix} cannot hold all of this: {reason}; restore it with: decompress {other.option}"
    raise SourceError(
        f"no format can hold these columns together: {reason}",
        path=source.path,
        way_out="Choose fewer columns with --columns, in several archives if necessary",
    )


def _is_as_in_a_tree(schema: Schema) -> bool:
    """Whether columns come from a TTree whose branches are written as they were: flags, integers and floats, one number
    or one list under a counter in each event, and with names of letters, digits and underscores. Nothing else has to be
    tried, which takes seconds where branches are hundreds.
    """
    origin = schema.origin
    if origin.format != "root" or origin.rntuple or schema.arrays or schema.masks or schema.padded:
        return False
    return all(
        column.is_scalar and column.dtype.name in _TREE_TYPES and not column.implied and _NAME.fullmatch(column.name)
        for column in schema.columns
    )


def _first_batch(source: Source, schema: Schema) -> Batch:
    events = [(0, min(_N_EVENTS, source.n_events))] if source.n_events else []
    batches: Iterator[Batch] = source.read(schema, events)
    return next((batch for batch in batches if batch[0].n_rows), None) or source.typed_empty(schema)


def _refusal(trial: _Trial, schema: Schema, batch: Batch, extras: bytes) -> BalerError | None:
    """Why a format does not take a batch; None where it does."""
    with temporary_folder() as folder:
        try:
            write_file(folder / f"trial{trial.suffix}", schema, [batch], rntuple=trial.rntuple, extras=extras)
        except OutputError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL:
                raise  # that says nothing of the format
            return error
    return None
