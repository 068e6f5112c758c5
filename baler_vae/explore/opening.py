"""What the laboratory looks at: a codec or an archive, and rows of any source."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from baler_vae.codec.codec import Codec
from baler_vae.errors import UsageError
from baler_vae.io.chain import open_sources
from baler_vae.io.files import is_archive
from baler_vae.reader.archive import Archive
from baler_vae.source.dialect import Options
from baler_vae.source.source import Source
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, Table, concatenate
from baler_vae.verbs.in_memory import source_of

CODEC_SUFFIX = ".bvmodel"


def opened_codec(given: Codec | str | Path) -> Codec:
    """The codec that is given, that a file holds, or that an archive was written with; the last has no encoders.

    Raises:
        SourceError: there is no such file.
        ArchiveError: it is damaged, or neither a codec nor an archive.
    """
    if isinstance(given, Codec):
        return given
    return Codec.of_archive(given) if is_archive(given) else Codec.load(given)


@contextmanager
def opened_rows(given: Any, dialect: Options = None, name: str = "data") -> Iterator[Source]:  # noqa: ANN401
    """A context with the source of rows: files, globs, an archive, data in memory (which errors call by a name), or a
    source that is open.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        UsageError: it is none of these.
    """
    if isinstance(given, str | Path) and is_archive(given):
        with Archive(given) as archive:
            yield archive.as_source()
    elif (memory := source_of(given, name)) is not None:
        yield memory
    else:
        yield open_sources(given, dialect)


def all_rows(source: Source, schema: Schema) -> Batch:
    """All rows of a source that a schema selects, in memory.

    Raises:
        SourceError: they cannot be read.
    """
    return concatenate(list(source.read(schema)), schema)


def with_nan_for_missing(batch: Batch, schema: Schema) -> Batch:
    """The rows of a batch, whose columns of numbers that can lack values are float64 and NaN where they do: what stands
    there otherwise is 0, and no value. What says where is left out.
    """
    masks = {mask.values: mask.missing for mask in schema.masks}
    found = []
    for table in batch:
        own = {name: masks[name] for name in table.group.names if name in masks and table.group.column(name).is_scalar}
        arrays = {name: array for name, array in table.arrays.items() if name not in own.values()}
        for name, missing in own.items():
            arrays[name] = np.where(table[missing].astype(np.bool_), np.nan, table[name].astype(np.float64))
        columns = tuple(replace(table.group.column(name), dtype=array.dtype) for name, array in arrays.items())
        found.append(Table(replace(table.group, columns=columns), arrays))
    return tuple(found)


def check_seed(seed: object) -> None:
    """Raise UsageError unless a seed is a whole number that is not negative."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise UsageError(f"invalid seed {seed!r}", expected="a whole number, not negative")


def check_encoder(codec: Codec, group: str, given: Any) -> None:  # noqa: ANN401
    """Raise UsageError unless a group of a codec has an encoder, which latents of rows need."""
    model = codec.models[group]
    if model.encoder is not None and model.n_latents:
        return
    what = f"the model of {group} has no latents"
    way_out = "Fit one that has: baler-vae fit --model vae, or --model ae"
    if model.n_latents:
        what = f"the encoder of {group} is not there: an archive holds none"
        way_out = f"Name the codec itself ({CODEC_SUFFIX}), which `baler-vae fit` wrote"
    raise UsageError(what, path=None if isinstance(given, Codec) else given, way_out=way_out)
