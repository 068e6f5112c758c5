"""The rivals, one file each, behind one signature."""

from importlib import import_module
from importlib.util import find_spec

from benchmarks.rivals.signature import Rival

MODULES = ("pcodec", "sz3", "zfp", "zstd", "xz", "blosc", "openzl", "parquet", "root", "ancestor")
SHAPED = ("sz3", "zfp", "sperr", "fpzip")


def all_rivals() -> dict[str, Rival]:
    """Every rival by name, installed or not."""
    found = [rival for module in MODULES for rival in import_module(f"benchmarks.rivals.{module}").RIVALS]
    return {rival.name: rival for rival in found}


def rivals_in_dimensions() -> dict[str, Rival]:
    """Further rivals, for arrays with a shape, which see their axes: by the text `module:name`."""
    addresses = ((f"benchmarks.rivals.{module}", import_module(f"benchmarks.rivals.{module}")) for module in SHAPED)
    return {f"{address}:{rival.name}": rival for address, module in addresses for rival in module.IN_DIMENSIONS}


def address_of(name: str) -> str:
    """The text `module:name` by which `find_rival` finds a rival without importing the others."""
    if ":" in name:
        return name
    module = next(m for m in MODULES if name in (r.name for r in import_module(f"benchmarks.rivals.{m}").RIVALS))
    return f"benchmarks.rivals.{module}:{name}"


def find_rival(name: str) -> Rival:
    """The rival of a name, or of a text such as `mypackage.mymodule:MY_RIVAL`.

    Raises:
        LookupError: there is no such rival.
    """
    module, separator, attribute = name.partition(":")
    if separator:
        imported = import_module(module)
        known = (*getattr(imported, "RIVALS", ()), *getattr(imported, "IN_DIMENSIONS", ()))
        ours = {rival.name: rival for rival in known}
        rival = ours.get(attribute) or getattr(imported, attribute, None)
        if not isinstance(rival, Rival):
            raise LookupError(f"{name} is not a rival")
        return rival
    rivals = all_rivals()
    if name not in rivals:
        raise LookupError(f"there is no rival {name!r}, only {', '.join(rivals)}")
    return rivals[name]


def missing_packages(rival: Rival) -> list[str]:
    """What a rival needs and cannot be imported."""
    return [package for package in rival.needs if find_spec(package) is None]
