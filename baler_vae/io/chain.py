"""Many files as one source."""

import glob
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from baler_vae.errors import SourceError, UsageError
from baler_vae.io.files import extras_differences, open_source, open_table, split_spec
from baler_vae.paths import exists
from baler_vae.source.dialect import DialectOptions, Options, dialect_options, joined_dialects
from baler_vae.source.matching import other_shapes
from baler_vae.source.padding import with_collections
from baler_vae.source.source import Ranges, Source
from baler_vae.table.schema import Schema, array_of
from baler_vae.table.table import Batch, Table, empty_batch

Specs = str | Path | Sequence[str | Path]

_SAY_HOW_WRITTEN = frozenset({"csv", "parquet", "feather"})
"""The formats whose extras only say how a file was written: those of the first file serve for all."""

_WAY_OUT = "Choose columns that all files have with --columns, or leave the file out"


def file_specs(specs: Specs) -> tuple[str, ...]:
    """The files that one text or several stand for: a glob in the path (`runs/*.root:Events`) for those that match it,
    in the order of their names.

    Raises:
        SourceError: a glob matches nothing.
    """
    found: list[str] = []
    for spec in [specs] if isinstance(specs, str | Path) else specs:
        path, inner = split_spec(spec)
        if exists(path) or "://" in path or not glob.has_magic(path):
            found.append(str(spec))
            continue
        matched = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - a path may be absolute
        if not matched:
            raise SourceError("no file matches", path=path)
        found += [f"{name}:{inner}" if inner else name for name in matched]
    return tuple(found)


def open_sources(specs: Specs, dialect: Options = None) -> Source:
    """The source of all events of several files, one file after the other; titles and origin are those of the first one
    with events. Columns that it lacks, and what is not a column where that differs, are unsupported; of
    several texts the first says how they are written. A `dialect` says that for the user.

    Raises:
        SourceError: there is no such file, or one cannot be read.
        UsageError: a suffix or an option of the dialect is wrong; when reading, a file lacks a column of the first, or
            it has a different dtype.
    """
    names = file_specs(specs)
    told = dialect_options(dialect)
    if len(names) == 1:
        return open_source(names[0], told)
    sources = [open_table(name, told) for name in names]
    if not sources:
        raise SourceError("no file is named", way_out="Name one or more")
    return with_collections(_chained(sources, told))


def _chained(sources: Sequence[Source], told: DialectOptions | None) -> Source:
    """The source of the events of two or more."""
    first = next((source for source in sources if source.n_events), sources[0])
    unsupported = {name: why for source in sources for name, why in source.unsupported.items()}
    schema = first.schema.optional({mask.values for source in sources for mask in source.schema.masks})
    schema = schema.nested({c.name for source in sources for c in source.schema.events.columns if c.is_nested})
    for source in sources:
        masks = {mask.missing for mask in source.schema.masks if mask.values in schema.order}
        shapes = {name: kinds for name, *kinds in other_shapes(source.schema, schema)}
        unsupported |= {
            name: f"{found} in {source.path}, {expected} in {first.path}" for name, (found, expected) in shapes.items()
        }
        own = [name for name in source.schema.order if not {name, array_of(name)} & set(shapes)]
        others = [name for name in own if name not in schema.order and name not in masks]
        unsupported |= dict.fromkeys(others, f"in {source.path}, not in {first.path}")
    extras, remark = _joined_extras(first, sources)
    differing = _differing(first, [s for s in sources if s.schema.origin.format not in _SAY_HOW_WRITTEN])
    if differing:
        unsupported["what is not a column"] = f"differs between the files: {', '.join(differing)}"

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        start = 0
        for source in sources:
            stop = start + source.n_events
            inside = [(max(a, start) - start, min(b, stop) - start) for a, b in ranges or ()]
            wanted = None if ranges is None else [(a, b) for a, b in inside if a < b]
            if wanted is None or wanted:
                own = source.match(selection, "the first file", _WAY_OUT)
                _check_types(own, selection, source.path)
                for batch in source.read_in_steps(own, step, wanted):
                    tables = zip(selection.groups, batch, strict=True)
                    yield tuple(Table(group, table.arrays) for group, table in tables)
            start = stop

    def empty(selection: Schema) -> Batch:
        own = first.match(selection, "the first file", _WAY_OUT)
        batch = empty_batch(selection) if own.order != selection.order else first.empty(own)
        return tuple(Table(group, table.arrays) for group, table in zip(selection.groups, batch, strict=True))

    return Source(
        f"{first.path} and {len(sources) - 1} more",
        schema,
        sum(source.n_events for source in sources),
        batches,
        unsupported,
        {name: max(source.event_bytes.get(name, 0.0) for source in sources) for name in first.event_bytes},
        extras,
        first.extra_bytes,
        tuple(dict.fromkeys([*(note for source in sources for note in source.notes), *filter(None, [remark])])),
        empty,
        told,
        partial(_earlier, sources, told) if any(source.earlier is not None for source in sources) else None,
    )


def _earlier(sources: Sequence[Source], told: DialectOptions | None) -> Source:
    """The source of the events of several as earlier versions read them."""
    return _chained([source if source.earlier is None else source.earlier() for source in sources], told)


def _joined_extras(first: Source, sources: Sequence[Source]) -> tuple[Callable[[], bytes], str]:
    """The extras of the first source, or of texts the dialect of all; and a sentence if that loses something."""
    if any(source.schema.origin.format != "csv" for source in sources):
        return first.extras, ""
    joined, remark = joined_dialects([first.extras(), *(own.extras() for own in sources if own is not first)])
    return partial(bytes, joined), remark


def _differing(first: Source, sources: Sequence[Source]) -> list[str]:
    """The names of what is not a column of some source, but not of the first, or not as there."""
    expected = first.extras()
    found: dict[str, None] = {}
    for source in sources:
        others = b"" if source is first else source.extras()
        if bool(others) != bool(expected) and source is not first:
            return ["only some files have any"]
        found |= dict.fromkeys(extras_differences(first.schema.origin, expected, others))
    return list(found)


def _check_types(own: Schema, wanted: Schema, path: str) -> None:
    """Check that nested columns have the types of the first file: one column has one type."""
    types = {column.name: column.typename for column in wanted.columns if column.is_nested}
    for column in own.columns:
        if column.is_nested and column.typename != types[column.name]:
            raise UsageError(
                "the first file has a different type",
                path=path,
                column=column.name,
                found=column.typename,
                expected=types[column.name],
                way_out=_WAY_OUT,
            )
