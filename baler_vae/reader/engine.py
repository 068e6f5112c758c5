"""The decoding engine of an open archive: row groups in, batches out. What users ask for is `archive`'s affair."""

from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from baler_vae.archive.container import ArchiveFile
from baler_vae.codec.batches import check_types, decode_parts
from baler_vae.codec.manifests import section_name
from baler_vae.codec.opening import archive_schema, check_row_groups
from baler_vae.codec.sections import check_entries, read_model
from baler_vae.entropy.loading import load_kernels
from baler_vae.errors import located
from baler_vae.model.columns import Contextual
from baler_vae.model.group import GroupModel
from baler_vae.scale.parallel import in_parallel
from baler_vae.table.schema import Group, Schema
from baler_vae.table.table import Batch, slice_events


class Engine:
    """Decodes the row groups of an open file, several at once; the models of its groups are read when first needed.

    Threads may share it.

    Raises:
        UsageError: the file is a codec.
        CorruptArchive: its manifest is inconsistent.
    """

    def __init__(self, file: ArchiveFile) -> None:
        self.file = file
        self.path: str | Path = file.path
        self.manifest = file.manifest
        with located(path=self.path):
            self.schema: Schema = archive_schema(self.manifest)
            check_entries(file)
            check_row_groups(self.manifest)
        n_events = [rows[0] for rows in self.manifest.row_groups]
        self.offsets = tuple(accumulate(n_events, initial=0))
        """Where each row group begins, in events, and the end of the last one."""
        self._models: dict[str, GroupModel] = {}
        self._types: dict[str, Any] = {}

    @property
    def num_entries(self) -> int:
        return self.offsets[-1]

    def batches(self, selection: Schema, start: int, stop: int) -> Iterator[Batch]:
        """The row groups that overlap the events from `start` to `stop`, cut to them.

        Raises:
            CorruptArchive: a section is damaged.
        """
        self.file.check_open()
        wanted = [n for n, first in enumerate(self.offsets[:-1]) if first < stop and self.offsets[n + 1] > start]
        if not self.num_entries:  # a row group without events tells the types of nested columns
            wanted = list(range(len(self.offsets) - 1))
        if wanted:  # before there are threads, each of which would read the models
            load_kernels(sum(self._n_in_context(group, wanted) for group in selection.groups))
        batches = in_parallel(lambda number: self.row_group(number, selection), wanted)
        for number, batch in zip(wanted, batches, strict=True):
            first, end = self.offsets[number : number + 2]
            yield slice_events(batch, max(start - first, 0), min(stop, end) - first)

    def row_group(self, row_group: int, selection: Schema) -> Batch:
        """All events of one row group, told by its number.

        Raises:
            CorruptArchive: a section is damaged.
        """
        models = {group.name: self._model(group.name) for group in (self.schema.events, *selection.groups)}

        def parts(number: int, wanted: Collection[int]) -> dict[int, bytes]:
            n_parts = models[self.schema.groups[number].name].n_parts
            return self.file.checked_parts(section_name(number, row_group), wanted, n_parts)

        with located(path=self.path):
            n_rows = self.manifest.row_groups[row_group]
            batch = decode_parts(parts, models, self.schema, selection, n_rows, row_group=row_group)
            for table in batch:
                check_types(table, self._types, section_name(self.schema.group_number(table.group.name), row_group))
        return batch

    def _n_in_context(self, group: Group, row_groups: Iterable[int]) -> int:
        """How many codes under tables in context are read for the columns of a group."""
        number, model = self.schema.group_number(group.name), self._model(group.name)
        n_columns = sum(isinstance(model.columns[name], Contextual) for name in model.closure(group.names))
        return n_columns * sum(self.manifest.row_groups[row_group][number] for row_group in row_groups)

    def _model(self, name: str) -> GroupModel:
        """The model of a group."""
        if name not in self._models:
            self._models[name] = read_model(self.file, self.schema.group_number(name))
        return self._models[name]
