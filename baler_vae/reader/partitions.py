"""Row groups as the partitions of a dask-awkward array."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import awkward as ak
from dask.base import tokenize
from dask_awkward.lib.io.columnar import ColumnProjectionMixin
from dask_awkward.lib.io.io import from_awkward, from_map
from dask_awkward.lib.unproject_layout import unproject_layout

from baler_vae.errors import UsageError
from baler_vae.memory.libraries import as_awkward, as_records
from baler_vae.reader.archive import Archive
from baler_vae.reader.opening import open as open_archive
from baler_vae.reader.places import Places, places_of
from baler_vae.reader.selection import Selection, selected
from baler_vae.table.branches import Branch
from baler_vae.table.schema import as_tuple
from baler_vae.table.table import Batch

_RowGroup = tuple[str | bytes, int, int]
"""An archive, the number of a row group in it, and the events of that."""


def partitioned(places: Places, columns: str | Sequence[str]) -> Any:  # noqa: ANN401  an `Array` of dask-awkward
    """The array that `baler_vae.dask` gives."""
    with open_archive(list(places_of(places))) as chain:
        selection = selected(chain, as_tuple(columns) or None)
        if selection.is_computed:
            raise UsageError("a lazy array holds columns as they are", way_out="Compute them from the array")
        row_groups: list[_RowGroup] = []
        for archive in chain.archives:
            place = archive.reopened_from
            row_groups += [(place, number, rows[0]) for number, rows in enumerate(archive.manifest.row_groups)]
        digests = [archive.manifest_digest for archive in chain.archives]
        names = [branch.name for branch in selection.branches]
        form = _records(chain.typed_empty(selection.schema), selection).layout.form
    if not row_groups:
        return from_awkward(ak.Array(form.length_zero_array()), npartitions=1)
    return from_map(
        RowGroupReader(names, form),
        row_groups,
        divisions=tuple(accumulate((n_events for *_, n_events in row_groups), initial=0)),
        label="baler-vae",
        token=tokenize([place for place, *_ in row_groups], names, digests),
    )


def _records(batch: Batch, selection: Selection) -> ak.Array:
    """A record for each event, of a form that does not depend on the values."""
    branches: Sequence[Branch] = selection.branches
    return as_records({branch.name: as_awkward(branch, batch, optional_text=True) for branch in branches})


class RowGroupReader(ColumnProjectionMixin):
    """Reads columns from a row group. `original` is the form before columns that nobody touches were left out: they
    stay, without values.
    """

    use_optimization = True
    behavior: dict[str, Any] | None = None
    attrs: dict[str, Any] | None = None

    def __init__(self, names: Sequence[str], form: ak.forms.Form, original: ak.forms.Form | None = None) -> None:
        self.names, self.form, self.original = list(names), form, original

    def __call__(self, row_group: _RowGroup) -> ak.Array:
        place, number, n_events = row_group
        layout = ak.contents.RecordArray([], [], length=n_events)
        if self.names:
            with Archive(place) as archive:
                selection = selected(archive, self.names)
                layout = _records(archive.row_group(number, selection.schema), selection).layout
        return ak.Array(unproject_layout(self.original, layout))

    def project_columns(self, columns: frozenset[str]) -> "RowGroupReader":
        """The reader of those columns alone; that of none needs only the number of events."""
        names = [name for name in self.names if name in columns]
        return RowGroupReader(names, self.form.select_columns(names), self.original or self.form)
