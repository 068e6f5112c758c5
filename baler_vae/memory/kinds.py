"""What an object is, told by the names of its type alone: nothing is imported to find out."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

Kind = Literal["dict", "numpy", "pandas", "awkward", "arrow", "root", "batches", "stream"]
"""`batches` are a list or tuple, which can be read again; `stream` is what can be read only once."""

_OWN: Final[dict[tuple[str, str], Kind]] = {
    ("pandas", "DataFrame"): "pandas",
    ("awkward", "Array"): "awkward",
    ("pyarrow", "Table"): "arrow",
    ("pyarrow", "RecordBatch"): "arrow",
    ("pyarrow", "RecordBatchReader"): "stream",
    ("numpy", "ndarray"): "numpy",
    ("uproot", "TTree"): "root",
    ("uproot", "RNTuple"): "root",
}
_PACKAGES: Final = frozenset(package for package, _ in _OWN) | {"polars"}
"""The packages whose objects are data, of whatever class: those that are not taken are refused by name."""
_READERS: Final = frozenset({"uproot", "baler_vae"})
"""The packages whose mappings are files and branches, not arrays."""


def is_data(thing: object) -> bool:
    """Whether an object is data in memory, and not a path, several paths or an open source."""
    return kind_of(thing) is not None or package_of(thing) in _PACKAGES


def kind_of(thing: object) -> Kind | None:
    """What kind of data an object is; None where it is none that is taken."""
    for own in type(thing).__mro__:
        found = _OWN.get((own.__module__.partition(".")[0], own.__name__))
        if found is not None:
            return found
    if isinstance(thing, list | tuple):
        return "batches" if thing and kind_of(thing[0]) not in {None, "batches", "stream", "root"} else None
    if isinstance(thing, Mapping):
        return None if package_of(thing) in _READERS else "dict"
    if hasattr(type(thing), "__arrow_c_stream__") and package_of(thing) not in {"pandas", "pyarrow"}:
        return "arrow"
    return "stream" if isinstance(thing, Iterator) and not is_file_object(thing) else None


def is_file_object(thing: object) -> bool:
    """Whether an object is a file that is open, or reads like one; trees of uproot, which do too, are data."""
    return callable(getattr(type(thing), "read", None)) and package_of(thing) not in _PACKAGES


def package_of(thing: object) -> str:
    """The package that an object's type comes from."""
    return type(thing).__module__.partition(".")[0]


def typename(thing: object) -> str:
    """The name of an object's type, with that of its package."""
    package = package_of(thing)
    return type(thing).__name__ if package == "builtins" else f"{package}.{type(thing).__name__}"
