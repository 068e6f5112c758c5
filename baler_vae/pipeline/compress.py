"""Compressing a file."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.archive.container import ArchiveWriter
from baler_vae.archive.manifest import Manifest
from baler_vae.archive.parts import pack_checked_parts
from baler_vae.entropy import plain
from baler_vae.errors import SourceError, UsageError
from baler_vae.io.files import open_source
from baler_vae.io.source import Source
from baler_vae.output import check_output
from baler_vae.pipeline.codec import Codec
from baler_vae.pipeline.finite import check_finite
from baler_vae.pipeline.fit import fit, settings_of
from baler_vae.pipeline.fitness import Fitness, independent_bits
from baler_vae.pipeline.groups import encode_group
from baler_vae.pipeline.manifests import EXTRAS, WRITER, array_entries, group_entries, origin_entry, section_name
from baler_vae.pipeline.models import write_model
from baler_vae.pipeline.parallel import in_parallel
from baler_vae.pipeline.reading import Archive
from baler_vae.pipeline.resuming import describe_request, unfinished
from baler_vae.pipeline.rows import events_of
from baler_vae.pipeline.verify import verify_bounds
from baler_vae.progress import Progress, silent
from baler_vae.project import ModelSettings
from baler_vae.table.schema import TEXT, Schema, several
from baler_vae.table.table import LARGEST_ROWS, Batch, Table, row_groups

_JUDGED_ROWS = 16_384
"""Rows that tell what columns by themselves would take."""


def compress(
    source: str | Path,
    output: str | Path,
    *,
    codec: Codec | str | Path | None = None,
    columns: str | Sequence[str] = (),
    bound: str | Sequence[str] = (),
    skip_unreadable: bool = False,
    verify: bool = True,
    force: bool = False,
    resume: bool = False,
    settings: ModelSettings | None = None,
    progress: Progress = silent,
    **model: Any,
) -> dict[str, Any]:
    """Writes the archive of a file, and returns what `info` says of it, and `warnings`.

    Without a `codec` one is fitted first, as `fit` does with the same arguments. With one, its columns and bounds hold,
    and the warnings say where it does not fit this file well: the archive is right all the same, only larger. They also
    name columns of the file that are left out because they cannot be read, or are not those of the codec. What a whole
    HDF5 file holds beside its columns is kept too.
    With `verify` the archive is decoded and every value compared before it takes its place.

    Until then it grows in the folder `<output>.part` beside it. A run that is killed or interrupted leaves that behind,
    and the same call with `resume` goes on from there to the same bytes; without one to resume it begins anew.

    Raises:
        SourceError: the file cannot be read, or holds NaN, infinities or values beyond 1e150 under `free`.
        UsageError: a column, a bound or a setting is wrong, the codec does not fit the file, or the run to be resumed
            was another.
        OutputError: the archive exists and `force` is false, a run before was broken off and neither `resume` nor
            `force` is true, or the archive cannot be written.
        BoundBroken: the archive would not give back what its bounds promise; nothing is left.
        MissingExtra: a codec must be fitted and PyTorch is not installed.
    """
    output = check_output(output, force=force)
    opened = open_source(source)
    if codec is not None and (columns or model or bound or settings):
        raise UsageError("a codec has its own columns, bounds and model", way_out="Leave them out, or the codec")
    stored = codec if codec is None or isinstance(codec, Codec) else Codec.load(codec)
    request: dict[str, Any] = {
        "columns": several(columns),
        "bound": several(bound),
        "skip_unreadable": skip_unreadable,
    }
    settings = settings_of(settings, model)
    described = describe_request(source, **request, model=settings, codec=stored)
    with unfinished(output, described, force=force, resume=resume) as work:
        used = work.load_codec()
        if used is None:
            used = stored or fit(opened, **request, settings=settings, progress=progress)
            used.save(work.codec)
        schema = used.match(opened)
        with work.writing(len(schema.groups)) as (archive, n_kept):
            writer = _RowGroupWriter(archive, schema, used, opened.path, n_kept)
            if not used.settings.get("columns"):
                writer.write_extras(opened.extras())
            batches = writer.checked(row_groups(opened.read(schema), schema))
            for number, batch, sections in in_parallel(writer.encode, enumerate(batches)):
                writer.write(number, batch, sections)
                progress("compressing", writer.n_events, opened.n_events)
            archive.finish(writer.manifest())
        if verify:
            verify_bounds(work.archive, opened, progress=progress)
    with Archive(output) as written:
        warnings = left_out(opened, used) if stored or skip_unreadable else []
        warnings += [text for fitness in writer.fitness() for text in fitness.warnings] if stored else []
        return written.info() | {"warnings": warnings}


def left_out(source: Source, codec: Codec) -> list[str]:
    """One sentence for the columns of a source that its archive lacks, where they were not left out by name."""
    patterns = codec.settings.get("columns", ())
    reasons = dict.fromkeys(source.skipped(patterns), "unreadable")
    if not patterns:
        reasons |= {name: "not in the codec" for name in source.schema.order if name not in codec.schema.order}
    named = [f"{name} ({why})" for name, why in reasons.items()]
    more = f" and {len(named) - 8} more" if len(named) > 8 else ""
    return [f"left out: {', '.join(named[:8])}{more}"] if named else []


class _RowGroupWriter:
    """The sections of an archive, row group by row group, and what the manifest must say of them; the first `n_kept`
    row groups are there already.
    """

    def __init__(self, archive: ArchiveWriter, schema: Schema, codec: Codec, path: str, n_kept: int) -> None:
        self._archive = archive
        self._schema = schema
        self._codec = codec
        self._path = path
        self._n_kept = n_kept
        self._original_bytes = dict.fromkeys(schema.order, 0)
        self._row_groups: list[tuple[int, ...]] = []
        self._bits = dict.fromkeys((group.name for group in schema.groups), 0)
        self._first: Batch = ()
        for number, group in enumerate(schema.groups):
            write_model(archive, number, codec.models[group.name])

    def write_extras(self, extras: bytes) -> None:
        """Writes what the file holds beside its columns."""
        if extras:
            self._archive.add(EXTRAS, plain.encode_bytes(extras))

    @property
    def n_events(self) -> int:
        return sum(rows[0] for rows in self._row_groups)

    def checked(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The row groups, each when no value in it would be lost."""
        first_rows = dict.fromkeys((group.name for group in self._schema.groups), 0)
        for batch in batches:
            check_finite(batch, self._codec.bounds, self._path, first_rows)
            first_rows = {table.group.name: first_rows[table.group.name] + table.n_rows for table in batch}
            yield batch

    def encode(self, numbered: tuple[int, Batch]) -> tuple[int, Batch, list[bytes]]:
        """The number of a row group, the row group, and the sections of its groups where they are not there yet."""
        number, batch = numbered
        kept = number < self._n_kept
        return number, batch, [] if kept else [pack_checked_parts(self._parts(table, batch)) for table in batch]

    def write(self, row_group: int, batch: Batch, sections: Sequence[bytes]) -> None:
        """Writes the sections of the next row group, or takes note of those that are there."""
        for number, table in enumerate(batch):
            name = section_name(number, row_group)
            if sections:
                self._archive.add(name, sections[number])
                n_bytes = len(sections[number])
            else:
                n_bytes = self._archive.keep(name).n_bytes
            self._bits[table.group.name] += 8 * n_bytes
            for column in table.group.columns:
                self._original_bytes[column.name] += _typed_bytes(table[column.name])
        if not self._row_groups:
            self._first = tuple(table.rows(0, _JUDGED_ROWS) for table in batch)
        self._row_groups.append(tuple(table.n_rows for table in batch))

    def fitness(self) -> list[Fitness]:
        """How well the codec fits each group that has rows; columns by themselves are judged by the first rows."""
        n_rows = [sum(rows) for rows in zip(*self._row_groups, strict=True)]
        found = []
        for table, rows in zip(self._first, n_rows, strict=True):
            name, model = table.group.name, self._codec.models[table.group.name]
            if table.n_rows and not any(column.coding is None for column in model.columns.values()):
                fitted = self._codec.fits.get(name, {}).get("bits_per_row")
                alone = independent_bits(table, model, self._codec.bounds) / table.n_rows
                own = self._bits[name] / rows
                found.append(Fitness(name, own, fitted if isinstance(fitted, int | float) else None, alone))
        return found

    def _parts(self, table: Table, batch: Batch) -> list[bytes]:
        model = self._codec.models[table.group.name]
        if table.n_rows > LARGEST_ROWS:
            raise SourceError(
                f"an event holds {table.n_rows:,} rows of {table.group.name}",
                path=self._path,
                expected=f"at most {LARGEST_ROWS:,}",
                way_out="Leave its columns out with --columns",
            )
        if table.n_rows and model.decoder is None and any(c.coding is None for c in model.columns.values()):
            raise UsageError(
                f"the codec has no model for {table.group.name!r}: there were no rows when it was fitted",
                path=self._path,
                way_out="Fit a codec on this file",
            )
        bounds, of_events = self._codec.bounds, self._codec.models[batch[0].group.name]
        seen = model.event_columns(model.names, () if table is batch[0] else of_events.names)
        events = events_of(batch, table.group, of_events, bounds, seen)
        return encode_group(table, model, bounds, self._path, events)

    def manifest(self) -> Manifest:
        return Manifest(
            kind="archive",
            writer=WRITER,
            origin=origin_entry(self._schema.origin),
            groups=group_entries(self._schema, self._codec.models, self._codec.bounds, self._original_bytes),
            order=self._schema.order,
            arrays=array_entries(self._schema),
            row_groups=tuple(self._row_groups),
            settings=dict(self._codec.settings),
            fits=dict(self._codec.fits),
        )


def _typed_bytes(values: NDArray[np.generic]) -> int:
    """The size of an array (rows,) in its own dtype; for text, of its UTF-8; for nested values, of Arrow's buffers."""
    if values.dtype == TEXT:
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in values.tolist() if text is not None)
    return int(values.nbytes)
