"""Awkward arrays whose columns are decoded when they are first touched."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.reader.libraries import as_awkward
from baler_vae.reader.selection import Selection
from baler_vae.table.branches import Branch
from baler_vae.table.table import Batch, offsets_from_counts

if TYPE_CHECKING:
    from baler_vae.reader.face import Face

_LEAST_AWKWARD = (2, 8)
"""The first version of awkward that has virtual arrays."""


@dataclass(frozen=True)
class Accessed:
    """A buffer of a column that was decoded."""

    branch: str
    buffer_key: str


def check_virtual(selection: Selection, library: str, how: object) -> None:
    """Raise UsageError unless what is asked for can be a virtual array."""
    version = tuple(int(part) for part in ak.__version__.split(".")[:2])
    if version < _LEAST_AWKWARD:
        raise UsageError("virtual arrays need awkward 2.8 or later", found=ak.__version__)
    if library != "ak" or how is not None:
        raise UsageError('virtual arrays are awkward\'s, and without "how"', found=f"library={library!r}, how={how!r}")
    if selection.is_computed:
        raise UsageError(
            "a virtual array holds columns as they are",
            found="a cut or an expression",
            way_out="Compute them from the array that you get",
        )


def virtual_arrays(
    face: "Face", selection: Selection, start: int, stop: int, access_log: list[Any] | None = None
) -> ak.Array:
    """An awkward array of one record for each event from `start` to `stop`. A column is decoded when a value of it is
    asked for, the lengths of its lists alone where only these are.
    """
    counts = _Counts(face, start, stop)
    columns = {
        branch.name: _Column(face, branch, start, stop, counts, access_log).array() for branch in selection.branches
    }
    return ak.zip(columns, depth_limit=1)


class _Counts:
    """The offsets of the lists of collections, decoded once for all their columns."""

    def __init__(self, face: "Face", start: int, stop: int) -> None:
        self.face, self.start, self.stop = face, start, stop
        self._lock = Lock()
        self._offsets: dict[str, NDArray[np.int64]] = {}

    def offsets(self, branch: Branch) -> NDArray[np.int64]:
        """Where the lists of a jagged branch begin, and the end, int64 (events + 1,)."""
        counter = str(branch.group.counter)
        with self._lock:
            if counter not in self._offsets:
                batch = self.face.batch(self.face.schema.only({counter}), self.start, self.stop)
                self._offsets[counter] = offsets_from_counts(batch[0][counter].astype(np.int64))
            return self._offsets[counter]


class _Column:
    """One column as a virtual array; its buffers are decoded together, and each is handed out once."""

    def __init__(
        self,
        face: "Face",
        branch: Branch,
        start: int,
        stop: int,
        counts: _Counts,
        access_log: list[Any] | None,
    ) -> None:
        self.face, self.branch, self.start, self.stop = face, branch, start, stop
        self.counts, self.access_log = counts, access_log
        self.schema = face.schema.only({column.name for column in branch.columns})
        self._keys = f"{branch.name}.{{id}}"
        self._lock = Lock()
        self._buffers: dict[str, Any] = {}

    def array(self) -> ak.Array:
        """The array, of which nothing is decoded yet."""
        form = self._layout(self.face.typed_empty(self.schema)).form_with_key(self._keys)
        lists, keys = self._lists(form), form.expected_from_buffers()
        container: dict[str, Callable[[], Any]] = {key: partial(self._buffer, key, form) for key in keys}
        if lists is not None:
            container[lists] = partial(self._offsets, lists)
        return ak.from_buffers(form, self.stop - self.start, container)

    def _offsets(self, key: str) -> NDArray[np.int64]:
        self._note(key)
        return self.counts.offsets(self.branch)

    def _buffer(self, key: str, form: ak.forms.Form) -> Any:  # noqa: ANN401  a buffer of awkward
        with self._lock:
            if key not in self._buffers:
                batch = self.face.batch(self.schema, self.start, self.stop)
                self._buffers = self._decoded(batch, form)
            self._note(key)
            return self._buffers.pop(key)

    def _decoded(self, batch: Batch, form: ak.forms.Form) -> dict[str, Any]:
        """The buffers of the values by key, without those of the lists' lengths."""
        found, _, buffers = ak.to_buffers(self._layout(batch), form_key=self._keys)
        if found != form:
            raise ValueError(f"column {self.branch.name!r} has the form {found}, not {form}")
        return {key: buffer for key, buffer in buffers.items() if key != self._lists(form)}

    def _layout(self, batch: Batch) -> ak.contents.Content:
        """The values of a batch, in a form that does not depend on them."""
        layout = as_awkward(self.branch, batch, optional_text=True).layout
        return _canonical(layout) if self.branch.is_nested else layout

    def _lists(self, form: ak.forms.Form) -> str | None:
        """The key of what tells the lengths of the lists; None where there are none."""
        return next(iter(form.expected_from_buffers())) if self.branch.is_jagged else None

    def _note(self, key: str) -> None:
        if self.access_log is not None:
            self.access_log.append(Accessed(self.branch.name, key))


def _canonical(layout: ak.contents.Content) -> ak.contents.Content:
    """The same values with every option an index: Arrow has a mask only where something is missing."""
    if layout.is_option:
        indexed = layout.to_IndexedOptionArray64()
        return indexed.copy(content=_canonical(indexed.content))
    if layout.is_record:
        return layout.copy(contents=[_canonical(content) for content in layout.contents])
    if layout.is_list and layout.parameter("__array__") is None:
        return layout.copy(content=_canonical(layout.content))
    return layout
