"""Writing HDF5: like the source if there are extras, otherwise in the layout of hepfile."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import h5py
import numpy as np
from h5py import h5f, h5p
from numpy.typing import NDArray

from baler_vae.hdf5.attributes import copy_attributes, copy_object, make_dataset, make_group, name_bytes, order_like
from baler_vae.hdf5.extras import FAILURES as EXTRAS_FAILURES
from baler_vae.hdf5.extras import MAGIC, OpenExtras, Template, corrupt, open_extras, require_parents, value_bytes_of
from baler_vae.hdf5.layout import FAILURES, chunk_rows, refuse_missing, write_anew
from baler_vae.hdf5.rows import empty_rows, write_rows
from baler_vae.hdf5.types import DatasetLayout, layout_of, reduced_type
from baler_vae.hdf5.walk import Entry
from baler_vae.source.arrays import restored_array
from baler_vae.source.patient import PatientFile
from baler_vae.source.source import STEP_BYTES, refuse_nested, writing
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.schema import Group, Schema
from baler_vae.table.table import Batch


def write_hdf5(
    path: Path,
    schema: Schema,
    batches: Iterable[Batch],
    *,
    extras: bytes = b"",
    n_rows: Mapping[str, int] | None = None,
) -> None:
    """Write HDF5. With the `extras` of its source a file is made as that was; so are datasets that cannot grow, where
    the numbers of rows of all groups (`n_rows`) are given or small. Without extras columns are datasets in the layout
    of hepfile, below the group that the source was read from; what was an n-dimensional dataset becomes one again.

    Raises:
        OutputError: a text is missing or holds NUL, or names cannot be paths in the same file.
        CorruptArchive: the extras are not those of such a source.
    """
    refuse_nested(schema, "HDF5")
    if extras.startswith(MAGIC):
        if n_rows is None:
            n_rows, batches = _counted(schema, batches)
        with open_extras(extras) as opened:
            _write_like(path, schema, batches, opened, n_rows)
    else:
        write_anew(path, schema, batches, extras)


def _counted(schema: Schema, batches: Iterable[Batch]) -> tuple[dict[str, int], Iterable[Batch]]:
    """The numbers of rows of all groups, where there are few enough to be held, or else none; and the same batches."""
    rest, held, n_bytes = iter(batches), [], 0
    for batch in rest:
        held.append(batch)
        n_bytes += sum(array.nbytes for table in batch for array in table.arrays.values())
        if n_bytes > STEP_BYTES:
            return {}, chain(held, rest)
    n_rows = dict.fromkeys((group.name for group in schema.groups), 0)
    for batch in held:
        for table in batch:
            n_rows[table.group.name] += table.n_rows
    return n_rows, held


def _write_like(
    path: Path, schema: Schema, batches: Iterable[Batch], extras: OpenExtras, n_rows: Mapping[str, int]
) -> None:
    """Writes a file as the source of the extras was; only the columns of the schema, where that has not all."""
    branches = {branch.name: branch for branch in branches_of(schema, masks=False)}
    arrays = [path for path, template in extras.templates.items() if template.is_array]
    if not arrays and not set(branches) <= extras.columns:
        raise corrupt(ValueError(f"no place for {', '.join(sorted(set(branches) - extras.columns)[:3])}"))
    whole = bool(arrays) or extras.columns <= set(branches)
    with PatientFile(path, "w+b") as patient, new_file(patient, extras.image) as file:
        with _guarded(patient):
            tables = _create_like(file, extras, branches, n_rows, whole=whole)
        if arrays:
            array = restored_array(schema, batches)
            with _guarded(patient):
                _write_array(file, arrays[0], extras.image[arrays[0]], array)
        else:
            for batch in batches:
                for table in tables:
                    with writing("an HDF5 file", *FAILURES):
                        table.append(batch)
                patient.check()
        with _guarded(patient):
            for table in tables:
                table.finish()
            for entry in extras.entries:
                if entry.item is not None and entry.path in file:
                    copy_attributes(entry.item, file[entry.path], file)
            _mark_indexes(file, extras)
    patient.check()


@contextmanager
def _guarded(patient: PatientFile) -> Iterator[None]:
    """A context in which failures are those of the disk, or else of the extras."""
    try:
        yield
    except EXTRAS_FAILURES as error:
        patient.check()
        raise corrupt(error) from error


@contextmanager
def new_file(patient: PatientFile, image: h5py.File) -> Iterator[h5py.File]:
    """A file that keeps the order of links and attributes where the image does, in the same form of the format."""
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, patient)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_libver_bounds(*image.id.get_access_plist().get_libver_bounds())
    properties = h5p.create(h5p.FILE_CREATE)
    order_like(properties, image["/"])
    with h5py.File(h5f.create(name_bytes(repr(patient)), h5f.ACC_TRUNC, properties, access)) as file:
        yield file


@dataclass
class _Table:
    """A dataset that is written step by step: the branches that its parts are, and its other fields as bytes."""

    dataset: h5py.Dataset
    layout: DatasetLayout
    branches: Mapping[tuple[str, ...], Branch]
    group: Group
    rest: h5py.Dataset | None
    n_rows: int | None
    n_written: int = 0

    def append(self, batch: Batch) -> None:
        n_rows = next(table.n_rows for table in batch if table.group.name == self.group.name)
        start, stop = self.n_written, self.n_written + n_rows
        rows = empty_rows(self.dataset, self.layout, n_rows)
        for part in self.layout.parts:
            branch = self.branches[part.fields]
            values = branch.values(batch)
            if branch.is_text:
                refuse_missing(branch, values)
            part.put(rows, values)
        if self.rest is not None:
            places = self.layout.rest_bytes()
            kept = self.rest[start:stop].reshape(*rows.shape, len(places))
            value_bytes_of(rows)[..., places] = kept
        if self.n_rows is None:
            self.dataset.resize(stop, axis=0)
        write_rows(self.dataset, self.layout, start, rows)
        self.n_written = stop

    def finish(self) -> None:
        """Raises ValueError unless all rows were written that the dataset was made for."""
        if self.n_rows not in {None, self.n_written}:
            raise ValueError(f"{self.n_written} rows of {self.dataset.name!r}, not {self.n_rows}")


def _create_like(
    file: h5py.File, extras: OpenExtras, branches: Mapping[str, Branch], n_rows: Mapping[str, int], *, whole: bool
) -> list[_Table]:
    """Makes all that is not written step by step, and the datasets that are."""
    rests = {template.rest for template in extras.templates.values() if template.rest}
    hidden = rests | {rest.rpartition("/")[0] for rest in rests}
    tables = []
    for entry in extras.entries:
        template = extras.templates.get(entry.path)
        if template is not None:
            own = {part.fields: branches[name] for name, part in template.parts.items() if name in branches}
            if own:
                require_parents_like(file, extras, entry.path)
                tables.append(_create_table(file, extras, entry, template, own, n_rows))
        elif whole and entry.path not in hidden and entry.path != "/":
            copy_entry(file, entry)
    return tables


def require_parents_like(file: h5py.File, extras: OpenExtras, path: str) -> None:
    """Makes the groups on the way to a path that are missing, as the image has them."""
    parent = path.rpartition("/")[0]
    if parent and parent not in file:
        require_parents_like(file, extras, parent)
        make_group(file, parent, extras.image[parent])


def copy_entry(file: h5py.File, entry: Entry) -> None:
    """Makes a group, a link, or what is kept whole."""
    if entry.is_soft:
        file.id.links.create_soft(name_bytes(entry.path), name_bytes(entry.target))
    elif entry.item is None:
        if entry.target in file:
            file.id.links.create_hard(name_bytes(entry.path), file.id, name_bytes(entry.target))
    elif isinstance(entry.item, h5py.Group):
        make_group(file, entry.path, entry.item)
    else:
        copy_object(entry.item, file, entry.path)


def _create_table(
    file: h5py.File,
    extras: OpenExtras,
    entry: Entry,
    template: Template,
    branches: Mapping[tuple[str, ...], Branch],
    n_rows: Mapping[str, int],
) -> _Table:
    """Makes the dataset of a template: of all its fields, or of those that there are columns for.

    Raises:
        ValueError: the columns are not what the template says.
    """
    groups = {branch.group.name: branch.group for branch in branches.values()}
    parts = {part.fields: part for part in template.layout.parts}
    for fields, branch in branches.items():
        if (parts[fields].dtype, parts[fields].shape) != (branch.dtype, branch.shape) or len(groups) > 1:
            raise ValueError(f"{branch.name!r} does not go into {entry.path!r}")
    group = next(iter(groups.values()))
    like, n = entry.item, n_rows.get(group.name)
    inside = like.shape[1:]
    as_it_was = len(branches) == len(template.layout.parts) and template.complete
    tid = None if as_it_was else reduced_type(like.id.get_type(), list(branches))
    most = _largest(like, template, n)
    chunks = (chunk_rows(like.dtype, inside), *inside) if n is None and not like.chunks else None
    dataset = make_dataset(
        file, entry.path, like, (n or 0, *inside), maxshape=(most, *like.maxshape[1:]), chunks=chunks, tid=tid
    )
    rest = extras.image[template.rest] if template.rest and as_it_was else None
    return _Table(dataset, layout_of(dataset, arrays=template.layout.arrays), branches, group, rest, n)


def _largest(like: h5py.Dataset, template: Template, n_rows: int | None) -> int | None:
    """The number of rows that a dataset may have at most."""
    if n_rows is None:
        return None
    if not like.chunks:
        return n_rows
    if template.is_fixed:
        return None if 0 < n_rows < like.chunks[0] else n_rows
    most = like.maxshape[0]
    return None if most is None or most < n_rows else int(most)


def _write_array(file: h5py.File, path: str, like: h5py.Dataset, array: NDArray[np.generic]) -> None:
    """Writes an n-dimensional dataset."""
    require_parents(file, path)
    fits = array.ndim == like.ndim and array.shape[1:] == like.shape[1:]
    maxshape = (None, *like.maxshape[1:]) if like.chunks and fits else array.shape
    if fits:
        make_dataset(file, path, like, array.shape, maxshape=maxshape)[...] = array
    else:
        file.create_dataset(path, data=array)


def _mark_indexes(file: h5py.File, extras: OpenExtras) -> None:
    """Marks the indexes that PyTables keeps of columns of floats, which may have changed within their bounds, as ones
    to be rebuilt: PyTables would find the wrong rows with them.
    """
    for path, template in extras.templates.items():
        folder, _, name = path.rpartition("/")
        for part in template.parts.values():
            index = file.get("/".join([folder, f"_i_{name}", *part.fields])) if part.dtype.kind == "f" else None
            if index is not None and "DIRTY" in index.attrs:
                index.attrs.modify("DIRTY", np.ones((), index.attrs["DIRTY"].dtype))
