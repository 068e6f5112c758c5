"""The values of branches and fields, in steps: every basket and cluster is decompressed once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from baler_vae.root import branches as root_branches
from baler_vae.root import fields as root_fields
from baler_vae.root.branches import FAILURES
from baler_vae.root.classes import open_file
from baler_vae.source.grouping import Described, Lists
from baler_vae.source.source import Ranges, in_steps, reading
from baler_vae.table.nested import Nested
from baler_vae.table.schema import NESTED, TEXT
from baler_vae.table.table import TEXT_BYTES

KIND = "a ROOT file"

WINDOW_BYTES = 256 << 20
"""About how many bytes of values are kept for the next steps, of the baskets or clusters that the last one ended in."""

Values = NDArray[np.generic] | Lists
"""The values of a branch in a step; the lengths and the values of its lists where it is jagged."""


def is_ntuple(tree: Any) -> bool:  # noqa: ANN401
    """Whether a tree is an RNTuple, or a branch is a field of one."""
    return isinstance(tree, uproot.behaviors.RNTuple.HasFields)


def bytes_by_branch(tree: Any) -> dict[str, float]:  # noqa: ANN401  a TTree or an RNTuple
    """About how many bytes an event takes in each branch or field; as many as a text where that is not known."""
    if is_ntuple(tree):
        found = root_fields.bytes_by_field(tree)
    else:
        branches = root_branches.branches_by_name(tree)
        found = {name: own[0].uncompressed_bytes / max(1, tree.num_entries) for name, own in branches.items()}
    return {name: float(n_bytes) or TEXT_BYTES for name, n_bytes in found.items()}


def read_events(
    path: str, tree: str, branches: Sequence[Described], step: int, ranges: Ranges | None = None
) -> Iterator[tuple[int, dict[str, Values]]]:
    """The first event and the values of some branches, at most `step` events at a time, of all events or of those of
    some ranges. A tree without events gives no values of each, once.

    Raises:
        SourceError: the file cannot be read; it names the branch.
    """
    with reading(path, KIND, FAILURES), open_file(path, tree) as opened:
        windows = _windows(opened, branches)
        if not opened.num_entries and ranges is None:
            yield 0, {branch.name: _joined([windows[branch.name].no_entries()], branch) for branch in branches}
        for start, stop in in_steps(opened.num_entries if branches else 0, step, ranges):
            found: dict[str, Values] = {}
            for branch in branches:
                with reading(path, KIND, FAILURES, column=branch.name):
                    found[branch.name] = _joined(windows[branch.name].pieces(start, stop), branch)
            yield start, found


@dataclass
class _Window:
    """The values of a branch or field from some event on up to the end of a basket or cluster, where `keeps` is true,
    or else of a step. `edges` (n + 1,) are the first events of its baskets or clusters, and the end; `apart` is true of
    what cannot be read of two at once.
    """

    leaf: Any
    edges: NDArray[np.int64]
    apart: bool = False
    keeps: bool = True
    first: int = 0
    last: int = 0
    values: Any = None

    def pieces(self, start: int, stop: int) -> list[ak.Array]:
        """The values of a range of events, as one array or a few."""
        found = []
        if self.first <= start < self.last:
            end = min(stop, self.last)
            found.append(self.values[start - self.first : end - self.first])
            start = end
        while start < stop:
            self.last = int(self.edges[np.searchsorted(self.edges, stop)]) if self.keeps else stop
            if self.apart:
                self.last = min(self.last, int(self.edges[np.searchsorted(self.edges, start, side="right")]))
            self.values = self._read(start, self.last)
            self.first = start
            found.append(self.values[: stop - start])
            start = self.last
        return found

    def _read(self, start: int, stop: int) -> ak.Array:
        # A cluster that uproot reads beyond the end is in its cache when its turn comes.
        if is_ntuple(self.leaf):
            return self.leaf.array(entry_start=start, entry_stop=stop)
        # At the end of a basket uproot looks for structs in the next one.
        beyond = isinstance(self.leaf.interpretation, uproot.AsStridedObjects) and stop < self.edges[-1]
        return self.leaf.array(entry_start=start, entry_stop=stop + beyond, array_cache=None)[: stop - start]

    def no_entries(self) -> ak.Array:
        """No values of its type."""
        return (root_fields if is_ntuple(self.leaf) else root_branches).no_entries(self.leaf)


def _windows(tree: Any, branches: Sequence[Described]) -> Mapping[str, _Window]:  # noqa: ANN401
    """A window on each branch; the smallest are kept from step to step, as far as the memory goes, but one alone always
    is: it is read whole in any case.
    """
    wanted = [branch.name for branch in branches]
    if is_ntuple(tree):
        clusters = np.array([cluster.num_first_entry for cluster in tree.ntuple.cluster_summaries], np.int64)
        edges = np.append(clusters, np.int64(tree.num_entries))
        fields = {field.name: field for field in tree.fields}
        windows = {name: _Window(fields[name], edges, root_fields.is_read_by_cluster(fields[name])) for name in wanted}
    else:
        named = root_branches.branches_by_name(tree)
        windows = {name: _Window(named[name][0], np.array(named[name][0].entry_offsets, np.int64)) for name in wanted}
    sizes = bytes_by_branch(tree)
    largest = {
        branch.name: float(np.diff(windows[branch.name].edges).max(initial=0)) * sizes[branch.name]
        for branch in branches
    }
    total = 0.0
    for name in sorted(largest, key=largest.__getitem__):
        total += largest[name]
        windows[name].keeps = len(largest) == 1 or total <= WINDOW_BYTES
    return windows


def _joined(pieces: Sequence[ak.Array], branch: Described) -> Values:
    """The values of a branch from consecutive pieces."""
    if branch.is_jagged:
        lists = [_lists(piece) for piece in pieces]
        return np.concatenate([counts for counts, _ in lists]), np.concatenate([values for _, values in lists])
    values = [_values(piece, branch.dtype) for piece in pieces]
    if branch.dtype == NESTED:
        joined: NDArray[np.generic] = Nested.joined(values)  # type: ignore[arg-type]  # they stand for arrays
        return joined
    return np.concatenate(values)


def _values(array: ak.Array, dtype: np.dtype[Any]) -> NDArray[np.generic]:
    if dtype == TEXT:
        return np.array(array.to_list(), TEXT)
    if dtype == NESTED:
        nested: Any = Nested.from_awkward(array)
        return nested  # type: ignore[no-any-return]  # it stands for an array
    return np.asarray(ak.to_numpy(array), dtype)


def _lists(array: ak.Array) -> Lists:
    values = ak.to_numpy(ak.flatten(array))
    return ak.to_numpy(ak.num(array)), np.asarray(values, values.dtype.newbyteorder("="))
