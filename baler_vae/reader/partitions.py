"""Row groups as the partitions of a dask-awkward array."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import awkward as ak
from dask.base import tokenize
from dask_awkward.lib.io.columnar import ColumnProjectionMixin
from dask_awkward.lib.io.io import from_awkward, from_map
from dask_awkward.lib.unproject_layout import unproject_layout

from baler_vae.archive.storage import is_url
from baler_vae.reader.archive import Archive
from baler_vae.reader.libraries import as_records
from baler_vae.table.schema import Schema, as_tuple
from baler_vae.table.table import empty_batch, slice_events


def partitioned(path: str | Path, columns: str | Sequence[str]) -> Any:  # noqa: ANN401  an `Array` of dask-awkward
    """The array that `baler_vae.dask` gives."""
    place = str(path if is_url(path) else Path(path).absolute())  # a task may run in another folder
    with Archive(place) as archive:
        selection = archive.schema.select(as_tuple(columns))
        n_events = [rows[0] for rows in archive.manifest.row_groups]
        sections = {name: entry.sha256 for name, entry in archive.manifest.sections.items()}
        nested = [column.name for column in selection.columns if column.is_nested]
        first = archive.row_group(0, selection) if nested and n_events else empty_batch(selection)
    empty = as_records(slice_events(first, 0, 0), selection, optional_text=True)
    if not n_events:
        return from_awkward(empty, npartitions=1)
    return from_map(
        RowGroupReader(place, selection, empty.layout.form),
        list(enumerate(n_events)),
        divisions=tuple(accumulate(n_events, initial=0)),
        label="baler-vae",
        token=tokenize(place, selection.order, sections),
    )


class RowGroupReader(ColumnProjectionMixin):
    """Reads the columns of a selection from a row group, told by its number and its events. `original` is the form
    before columns that nobody touches were left out: they stay, without values.
    """

    use_optimization = True
    behavior: dict[str, Any] | None = None
    attrs: dict[str, Any] | None = None

    def __init__(
        self, path: str, selection: Schema | None, form: ak.forms.Form, original: ak.forms.Form | None = None
    ) -> None:
        self.path, self.selection, self.form, self.original = path, selection, form, original

    def __call__(self, row_group: tuple[int, int]) -> ak.Array:
        number, n_events = row_group
        layout = ak.contents.RecordArray([], [], length=n_events)
        if self.selection is not None:
            with Archive(self.path) as archive:
                batch = archive.row_group(number, self.selection)
            layout = as_records(batch, self.selection, optional_text=True).layout
        return ak.Array(unproject_layout(self.original, layout))

    def project_columns(self, columns: frozenset[str]) -> "RowGroupReader":
        """The reader of those columns alone; that of none needs only the number of events."""
        names = [name for name in self.form.fields if name in columns]
        selection = self.selection.select(names) if names and self.selection is not None else None
        return RowGroupReader(self.path, selection, self.form.select_columns(names), self.original or self.form)
