"""RNTuples into files that uproot holds open: pages as they come, then header, page lists and footer, as ROOT writes
them: compressed, numbers of several bytes split, offsets as differences, the pages of a cluster under one key.

uproot knows the types and writes the records; by itself it splits and compresses nothing but whole pages, each under a
key of its own. Source: ROOT, tree/ntuple/doc/BinaryFormatSpecification.md (1.0).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray
from uproot.writing import _cascadentuple as own

from baler_vae.root.compression import Setting
from baler_vae.root.directories import directory_of
from baler_vae.root.headers import SPLIT, Header
from baler_vae.table.projected import ProjectedCollection

_WITH_SIGN, _OFFSETS = {0x05, 0x07, 0x09}, {0x0E, 0x0F}


@dataclass
class NTupleWriter:
    """An RNTuple in a directory of a file, to be closed when all its entries are written: its header, what it knows of
    each column, and the records of the clusters that are there.
    """

    directory: uproot.WritableDirectory
    header: Header
    setting: Setting
    n_elements: list[int]
    n_entries: int = 0
    groups: list[Any] = field(default_factory=list)

    def extend(self, arrays: Mapping[str, ak.Array]) -> None:
        """Write a cluster of some entries, a page of each column: `arrays` of all fields that have values. Pages of the
        same bytes, as those of the lengths of lists often are, are written once.

        Raises:
            ValueError: the arrays have other types than those of which the header was made.
        """
        layout = own._to_packed(ak.Array({name: arrays[name] for name in self.header.fields}).layout)  # noqa: SLF001
        form = self.header._akform  # noqa: SLF001
        if layout.form != form or _names(layout.form) != _names(form):
            raise ValueError(f"the types of the entries are {layout.form.type}, not {form.type}")
        buffers = ak.to_buffers(layout)[2]
        pages: list[bytes] = []
        counts: list[int] = []
        for key, kind in zip(self.header._column_keys, self.header.types, strict=True):  # noqa: SLF001
            elements = _elements(key, buffers)
            counts.append(len(elements))
            pages.append(self.setting.compressed(_page(elements, kind)))
        starts: dict[bytes, int] = {}
        n_bytes = 0
        for page in pages:
            if page not in starts:
                starts[page] = n_bytes
                n_bytes += len(page)
        place = self._add_blob(tuple(starts), n_bytes) if any(counts) else 0
        columns = []
        for number, (page, count) in enumerate(zip(pages, counts, strict=True)):
            where = own.NTuple_Locator(len(page), place + starts[page])
            listed = [own.NTuple_PageDescription(count, where)] if count else []
            columns.append(own.NTuple_ColumnPageListDescription(listed, self.n_elements[number], self.setting.code))
            self.n_elements[number] += count
        cluster = own.NTuple_ClusterSummary(self.n_entries, len(layout))
        link = self._add_envelope(own.NTuple_PageListEnvelope(self.header._checksum, [cluster], [columns]).serialize())  # noqa: SLF001
        self.groups.append(own.NTuple_ClusterGroupRecord(self.n_entries, len(layout), 1, link))
        self.n_entries += len(layout)

    def close(self) -> None:
        """Write header, footer and what points to them."""
        header = self._add_envelope(self.header.serialize())
        footer_record = own.NTuple_Footer(None, self.header._checksum)  # noqa: SLF001
        footer_record.cluster_group_record_frames.extend(self.groups)
        footer = self._add_envelope(footer_record.serialize())
        places = [number for link in (header, footer) for number in _place_of(link)]
        anchor = own.NTuple_Anchor(None, *uproot.const.rntuple_version_for_writing, *places, 0).serialize()
        name = self.header._name  # noqa: SLF001
        cascade, sink = self.directory._cascading, self.directory.file.sink  # noqa: SLF001
        cascade.add_object(sink, "ROOT::RNTuple", name, name, anchor, len(anchor), big=False)

    def _add_envelope(self, data: bytes) -> Any:  # noqa: ANN401  a link of uproot's
        """Where an envelope is, after it was written."""
        stored = self.setting.compressed(data)
        return own.NTuple_EnvLink(len(data), own.NTuple_Locator(len(stored), self._add_blob([stored], len(data))))

    def _add_blob(self, parts: Sequence[bytes], raw_bytes: int) -> int:
        """The place of some bytes in the file, after they were written one after the other behind a key."""
        free, sink = self.directory._cascading.freesegments, self.directory.file.sink  # noqa: SLF001
        make_key = own.RBlob_Key
        n_bytes = sum(map(len, parts))
        size = make_key(0, raw_bytes, n_bytes, big=True).num_bytes
        key = make_key(free.allocate(size + n_bytes), raw_bytes, n_bytes, big=True)
        key.write(sink)
        first = place = int(key.location + size)
        for part in parts:
            sink.write(place, part)
            place += len(part)
        return first


def ntuple_writer(
    file: uproot.WritableDirectory,
    path: str,
    description: str,
    types: Mapping[str, Any],
    setting: Setting,
    *,
    collections: Sequence[ProjectedCollection] = (),
    typenames: Mapping[str, str] = MappingProxyType({}),
) -> NTupleWriter:
    """A new RNTuple in a file, with fields of some awkward types; what stands before the last `/` of its path are
    directories, which are made. `typenames` are what fields were called before, where that may be the same type.

    Fields that are projections of `collections`, whose fields stand before them, are described, but have no values.

    Raises:
        ValueError: an RNTuple has no such type.
    """
    directory, name = directory_of(file, path, path)
    form = uproot.writing.writable._type_specification_to_awkward_form(dict(types))  # noqa: SLF001
    header = Header(name, description, form, collections, typenames)
    return NTupleWriter(directory, header, setting, [0] * len(header.types))


def _names(form: Any) -> list[Any]:  # noqa: ANN401  a form of awkward
    """The names of fields at all levels, in their order, which forms do not mind when they are compared."""
    inside = getattr(form, "contents", None) or filter(None, [getattr(form, "content", None)])
    return [getattr(form, "fields", []), *map(_names, inside)]


def _place_of(link: Any) -> tuple[int, int, int]:  # noqa: ANN401  a link of uproot's
    """Where an envelope is, its bytes there, and those that they become."""
    return link.locator.offset, link.locator.num_bytes, link.uncomp_size


def _elements(key: str, buffers: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """The elements of a column: values (n,), where each list ends, how many values there were so far where some are
    missing, or the alternative that each one is and its place there.
    """
    node, _, part = key.partition("-")
    if part == "offsets":
        return buffers[key][1:]
    if part == "index":
        return np.cumsum(buffers[key] >= 0, dtype=buffers[key].dtype)
    if part == "switch":
        switches = np.zeros(len(buffers[f"{node}-tags"]), [("index", "<i8"), ("tag", "<i4")])
        switches["index"], switches["tag"] = buffers[f"{node}-index"], buffers[f"{node}-tags"] + 1
        return switches
    return buffers[key].reshape(-1)


def _page(elements: NDArray[Any], kind: int) -> bytes:
    """The bytes of elements (n,) in a column of a type that is not split: little-endian, and split where that is so."""
    if elements.dtype == np.bool_:
        return np.packbits(elements, bitorder="little").tobytes()
    if kind not in SPLIT:
        return elements.tobytes()
    if kind in _OFFSETS:
        elements = np.diff(elements, prepend=elements.dtype.type(0))
    elif kind in _WITH_SIGN:  # the sign is the lowest bit
        elements = elements << 1 ^ elements >> (8 * elements.itemsize - 1)
    cells = np.ascontiguousarray(elements.astype(elements.dtype.newbyteorder("<"), copy=False))
    return cells.view(np.uint8).reshape(-1, cells.itemsize).T.tobytes()
