"""The classes by which uproot reads objects, which all files of a process share."""

from typing import Any

import uproot

_OWN: dict[Any, dict[int, Any]] = {
    kind: dict(kind.known_versions)
    for kind in uproot.classes.values()
    if isinstance(getattr(kind, "known_versions", None), dict)
}


def open_file(path: str, name: str | None = None) -> Any:  # noqa: ANN401  of uproot
    """A ROOT file, or what it calls by a name, open under the classes that uproot came with. Where a damaged file
    cannot be read with them, uproot puts those in their place that the file describes, for every later file too.
    """
    _restore_classes()
    return uproot.open({path: name})


def _restore_classes() -> None:
    for kind, versions in _OWN.items():
        for version, model in versions.items():
            if kind.known_versions.get(version) is not model:
                kind.known_versions[version] = model
