"""TTrees into files that uproot holds open: baskets as they come, then the record that says where they are.

uproot itself writes that record first, uncompressed, and again each time that there is no place for another basket, in
a time that rises with the square of the number of branches: of 1,500 branches and 40 events it takes twelve seconds
and two thirds of the file. Here it is written last, and compressed as ROOT does.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import uproot
from numpy.typing import NDArray

from baler_vae.root.compression import Setting
from baler_vae.root.directories import directory_of
from baler_vae.root.records import (
    FIRST_BIG,
    LETTERS,
    BranchRecord,
    basket_head_bytes,
    basket_record,
    string_of,
    tree_record,
)

_LARGEST_BASKET = (1 << 31) - 2
Values = NDArray[np.generic] | Sequence[bytes]
"""The values of a branch in some entries: numbers (values, *shape) in their order, or texts."""


@dataclass
class TreeWriter:
    """A TTree in a directory of a file, named and titled, to be closed when all its entries are written.

    `branches` have no baskets yet; a counter stands before what it counts.
    """

    directory: uproot.WritableDirectory
    name: str
    title: str
    branches: Sequence[BranchRecord]
    setting: Setting
    first_entries: list[int] = field(default_factory=lambda: [0])

    def extend(self, n_entries: int, values: Mapping[str, Values], counts: Mapping[str, NDArray[np.int64]]) -> None:
        """Write a basket of each branch, with its values by name; `counts` (entries,) says for each counter how many
        values each entry of a branch under it has.

        Raises:
            ValueError: a basket would have 2 GiB or more.
        """
        for branch in self.branches:
            self._write_basket(branch, n_entries, values[branch.name], counts.get(branch.counter))
        self.first_entries.append(self.first_entries[-1] + n_entries)

    def close(self) -> None:
        """Write the record of the tree."""
        record = tree_record(self.name, self.title, self.branches, self.first_entries, self.setting.code)
        data, sink = self.setting.compressed(record), self.directory.file.sink
        self.directory._cascading.add_object(sink, "TTree", self.name, self.title, data, len(record), big=True)  # noqa: SLF001

    def _write_basket(
        self, branch: BranchRecord, n_entries: int, values: Values, counts: NDArray[np.int64] | None
    ) -> None:
        cascade, file = self.directory._cascading, self.directory.file  # noqa: SLF001
        names = (branch.name, self.name)
        data, ends = _content(branch, values, counts)
        is_big = cascade.freesegments.data.end + len(data) + 8 * (n_entries + 1) >= FIRST_BIG
        head_bytes = basket_head_bytes(names, is_big=is_big)
        last = head_bytes + len(data)
        item_bytes = len(data) // max(1, n_entries)
        if ends is not None:
            starts = np.concatenate([[0], ends]) + head_bytes
            if branch.type == "str":
                starts[-1] = 0
            data += len(starts).to_bytes(4, "big") + starts.astype(">i4").tobytes()
            item_bytes = len(starts) + 1
            branch.offset_bytes = 4 * n_entries
        if len(data) > _LARGEST_BASKET:
            raise ValueError(f"branch {branch.name!r}: {len(data):,} bytes in a basket, which holds 2 GiB")
        stored = self.setting.compressed(data)
        place = cascade.freesegments.allocate(head_bytes + len(stored))
        basket = basket_record(
            names,
            stored,
            raw_bytes=len(data),
            numbers=(item_bytes, n_entries, last),
            places=(place, cascade.key.location),
            time=_time(),
            is_big=is_big,
        )
        file.sink.write(place, basket)
        branch.raw_bytes += head_bytes + len(data)
        branch.basket_bytes.append(len(basket))
        branch.places.append(place)


def tree_writer(
    file: uproot.WritableDirectory, path: str, title: str, branches: Sequence[BranchRecord], setting: Setting
) -> TreeWriter:
    """A new TTree in a file; what stands before the last `/` of its path are directories, which are made."""
    _describe_classes(file.file, {LETTERS[branch.type].upper() for branch in branches}, setting)
    directory, name = directory_of(file, path, title)
    return TreeWriter(directory, name, title, _ordered(branches), setting)


def _describe_classes(
    file: Any,  # noqa: ANN401  a WritableFile
    letters: Collection[str],
    setting: Setting,
) -> None:
    """Adds what ROOT says of the classes of a tree with leaves of some types, where the file does not say it yet, and
    compresses it with what is said of others. uproot would write it uncompressed, and of files of few entries most
    would be the place for it.
    """
    cascade, sink = file._cascading, file.sink  # noqa: SLF001
    streamers = cascade.streamers
    n_known = len(streamers._rawstreamers)  # noqa: SLF001
    raw = {own[-2:]: own for model in _models(letters) for own in model.class_rawstreamers}
    made = [uproot.writing._cascade.RawStreamerInfo(*own) for own in raw.values()]  # noqa: SLF001
    streamers.update_streamers(sink, made, flush=False)
    known = streamers._rawstreamers  # noqa: SLF001
    if len(known) == n_known:
        return
    header, key, free = streamers.header, streamers.key, streamers.freesegments
    header.data_bytes, header.num_entries = streamers.num_bytes, len(known)
    content = header.serialize() + b"".join(own.serialize() for own in known)
    data = setting.compressed(content)
    before = key.location, key.location + key.allocation + streamers.allocation
    key.location = key.seek_location = free.allocate(key.num_bytes + len(data))
    free.release(*before)
    streamers._allocation = len(data)  # noqa: SLF001
    key.uncompressed_bytes, key.compressed_bytes = len(content), len(data)
    key.write(sink)
    sink.write(key.location + key.num_bytes, data)
    cascade.fileheader.info_location, cascade.fileheader.info_num_bytes = key.location, key.num_bytes + len(data)


def _models(letters: Collection[str]) -> Sequence[Any]:
    """The classes of uproot that know how ROOT describes those of which a tree with leaves of some types is made."""
    leaves = [getattr(uproot.models.TLeaf, f"Model_TLeaf{letter}_v1") for letter in sorted(letters)]
    return (*leaves, uproot.models.TBranch.Model_TBranch_v13, uproot.models.TTree.Model_TTree_v20)


def _ordered(branches: Sequence[BranchRecord]) -> list[BranchRecord]:
    """The branches, with each counter before the first one that it counts."""
    named = {branch.name: branch for branch in branches}
    found: dict[str, BranchRecord] = {}
    for branch in branches:
        if branch.counter:
            found.setdefault(branch.counter, named[branch.counter])
        found.setdefault(branch.name, branch)
    return list(found.values())


def _content(
    branch: BranchRecord, values: Values, counts: NDArray[np.int64] | None
) -> tuple[bytes, NDArray[np.int64] | None]:
    """The bytes of values, and where those of each entry end, where that is stored; the branch learns the largest."""
    if branch.type == "str":
        texts = [string_of(text) for text in values]
        branch.largest = max([branch.largest, *map(len, texts)])
        return b"".join(texts), np.cumsum([len(text) for text in texts], dtype=np.int64)
    numbers = np.asarray(values, np.dtype(branch.type).newbyteorder(">"))
    if branch.is_counter and numbers.size:
        branch.largest = max(branch.largest, int(numbers.max()))
    item_bytes = numbers.itemsize * int(np.prod(branch.shape, dtype=np.int64))
    return numbers.tobytes(), None if counts is None else np.cumsum(counts) * item_bytes


def _time() -> int:
    """Now, as ROOT's TDatime counts it."""
    now = datetime.now()  # noqa: DTZ005 - ROOT keeps the local time
    time = now.hour << 12 | now.minute << 6 | now.second
    return (now.year - 1995) << 26 | now.month << 22 | now.day << 17 | time
