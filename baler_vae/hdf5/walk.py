"""The objects of an HDF5 file, each once, whatever links lead to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from posixpath import normpath
from typing import Any

import h5py
from h5py import h5o

from baler_vae.hdf5.attributes import filters_of, has_filter
from baler_vae.hdf5.rows import raw_files
from baler_vae.hdf5.types import bytes_of


@dataclass(frozen=True)
class Entry:
    """A group, dataset or named type, at the path that leads to it first; or a link, where `item` is None: a soft one,
    or one more name of what is at `target`.

    `name` is what columns are called after. Where a dataset holds objects, `counter` is the path of the dataset that
    counts them and `collection` the name of their group.
    """

    path: str
    name: str
    item: Any = None
    target: str = ""
    is_soft: bool = False
    counter: str = ""
    collection: str = ""

    @property
    def is_dataset(self) -> bool:
        return isinstance(self.item, h5py.Dataset)


@dataclass
class Walk:
    """A walk through a file. `refused` gets the names of links that lead nowhere, each with the reason."""

    file: h5py.File
    base: str
    """The path of the group or dataset that was opened, `/` for all."""
    refused: dict[str, str] = field(default_factory=dict)
    strict: bool = False
    """Whether nothing may lead out of the file."""
    first_paths: dict[tuple[int, int], str] = field(default_factory=dict)

    def entries(self) -> list[Entry]:
        """All that lies at and below the opened place, in the order of the file."""
        place = self.file[self.base]
        name = self.base.rpartition("/")[2]
        if isinstance(place, h5py.Dataset):
            self._is_new(place, self.base)
            return [Entry(self.base, name, place)]
        self._is_new(place, self.base)
        found = [Entry(self.base, name, place), *self._below(place, self.base, name, "", "", "")]
        if self.strict:
            return found
        return [replace(entry, counter=self._first_path(entry.counter)) if entry.counter else entry for entry in found]

    def _below(
        self, group: h5py.Group, path: str, own: str, prefix: str, counter: str, collection: str
    ) -> Iterator[Entry]:
        """The entries below a group; `own` is the name of the opened place, for a collection without folder."""
        counted_by = text_attribute(group, "counter")
        if counted_by:
            counter = "/" + counted_by.strip("/")
            collection = prefix.strip("/") or own
            prefix = "" if "full_names" in group.attrs else prefix
        for key in group:
            place = f"{path.rstrip('/')}/{key}"
            name = printable(prefix + key)
            link = group.get(key, getlink=True)
            if self.strict and not isinstance(link, h5py.HardLink | h5py.SoftLink):
                raise ValueError(f"{place!r} is a link to another file")
            item = None if self.strict and isinstance(link, h5py.SoftLink) else _opened(group, key)
            if isinstance(link, h5py.SoftLink) and self._stays(item, path, link.path):
                yield Entry(place, name, target=link.path, is_soft=True)
            elif item is None:
                self.refused[name] = _dangling(link)
            elif not self._is_new(item, place):
                yield Entry(place, name, target=self.first_paths[_address(item)])
            elif isinstance(item, h5py.Group):
                yield Entry(place, name, item)
                yield from self._below(item, place, own, f"{prefix}{key}/", counter, collection)
            elif isinstance(item, h5py.Dataset):
                is_object = bool(counter) and place != counter
                own_counter, own_collection = (counter, printable(collection)) if is_object else ("", "")
                yield Entry(place, name, item, counter=own_counter, collection=own_collection)
            else:
                yield Entry(place, name, item)

    def _stays(self, item: Any, path: str, target: str) -> bool:  # noqa: ANN401
        """Whether a soft link in the group at `path` leads to what is walked through anyway, or nowhere."""
        if item is None:
            return True
        place = normpath(target if target.startswith("/") else f"{path}/{target}")
        inside = self.base in {"/", place} or place.startswith(f"{self.base}/")
        return inside and _address(item)[0] == _address(self.file)[0]

    def _is_new(self, item: Any, path: str) -> bool:  # noqa: ANN401
        return self.first_paths.setdefault(_address(item), path) == path

    def _first_path(self, path: str) -> str:
        item = _opened(self.file, path)
        return path if item is None else self.first_paths.get(_address(item), path)


def _opened(group: h5py.Group, key: str) -> Any:  # noqa: ANN401
    """What a link leads to, or None."""
    try:
        return group.get(key)
    except (OSError, RuntimeError, ValueError):
        return None


def _address(item: Any) -> tuple[int, int]:  # noqa: ANN401
    info = h5o.get_info(item.id)
    return int(info.fileno), int(info.addr)


def _dangling(link: Any) -> str:  # noqa: ANN401
    if isinstance(link, h5py.ExternalLink):
        return f"a link to {link.path!r} in the file {link.filename!r}, which cannot be opened"
    return "an object that cannot be opened"


def unreadable(dataset: h5py.Dataset) -> str:
    """The reason why the values of a dataset cannot be read (a missing filter or file), or nothing."""
    for code, name in filters_of(dataset):
        if not has_filter(code):
            return f"it needs the HDF5 filter {code} ({name}), which pip install 'baler-vae[hdf5]' may provide"
    folder = Path(dataset.file.filename).parent
    n_bytes = bytes_of(dataset)
    for raw in raw_files(dataset):
        if not raw.path.is_file():
            return f"its values are in the file {str(raw.path)!r}, which does not exist"
        if raw.path.stat().st_size < raw.offset + min(raw.size, n_bytes):
            return f"its values are in the file {str(raw.path)!r}, which is too short"
        n_bytes -= min(raw.size, n_bytes)
    return _unreadable_sources(dataset, folder)


def _unreadable_sources(dataset: h5py.Dataset, folder: Path) -> str:
    """Why the values of a virtual dataset, which would be fill values then, are not those of its sources."""
    if not dataset.is_virtual:
        return ""
    for source in dataset.virtual_sources():
        if "%b" in source.file_name or "%b" in source.dset_name:
            continue
        own = source.file_name == "."
        path = Path(dataset.file.filename if own else source.file_name)
        found = next((place for place in (path, folder / path) if place.is_file()), None)
        if found is None:
            return f"its values are in the file {source.file_name!r}, which does not exist"
        with h5py.File(found) as file:
            other = _opened(file, source.dset_name)
            if not isinstance(other, h5py.Dataset):
                return f"its values are in {source.dset_name!r} of {source.file_name!r}, which does not exist"
            if _is_short(source, other):
                return f"its values are in {source.dset_name!r} of {source.file_name!r}, which is too short"
    return ""


def _is_short(source: Any, dataset: h5py.Dataset) -> bool:  # noqa: ANN401
    """Whether a dataset has fewer values than a virtual one takes from it."""
    if not source.src_space.shape:
        return bool(dataset.size < source.vspace.get_select_npoints())
    try:
        _, last = source.src_space.get_select_bounds()
    except (RuntimeError, ValueError):  # without an end
        return False
    return any(end >= length for end, length in zip(last, dataset.shape, strict=False))


def text_attribute(owner: Any, name: str) -> str:  # noqa: ANN401
    """The text in an attribute; empty if there is none, or it is not text."""
    try:
        value = owner.attrs.get(name, "")
    except (OSError, TypeError, ValueError, RuntimeError):
        return ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    return printable(value) if isinstance(value, str) else ""


def printable(name: str) -> str:
    """A name with what is not a character escaped."""
    return name.encode("utf-8", "backslashreplace").decode()
