"""Fitting a codec to a file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import MissingExtra, SourceError, UsageError
from baler_vae.io.files import open_source
from baler_vae.io.source import Source
from baler_vae.pipeline.codec import Codec
from baler_vae.progress import Progress, silent
from baler_vae.project import ModelSettings, check_settings
from baler_vae.table.bounds import Bound, assign_bounds, parse_bound
from baler_vae.table.schema import match_columns, several
from baler_vae.table.table import Batch, Table, concatenate

if TYPE_CHECKING:
    from baler_vae.learn.training import Epoch
    from baler_vae.model.group import GroupModel

STEP_EVENTS = 65_536
"""Events that are read at once."""

LARGEST = 1e150
"""The largest absolute value under `free`: the square of its multiples has a place in float64."""


def fit(
    source: str | Path | Source,
    *,
    columns: str | Sequence[str] = (),
    bound: str | Sequence[str] = "free",
    settings: ModelSettings | None = None,
    progress: Progress = silent,
    **model: Any,
) -> Codec:
    """The codec of the columns that match `columns` (all of them by default), one glob or several.

    `bound` is one text such as `free` or `Jet_eta=exact`, or several of them. The model is described by `settings`, or
    by the same names as keywords: `fit("jets.root:Events", kind="vae", latent=4)`.

    Raises:
        SourceError: the file cannot be read, or holds NaN or infinities under `free`.
        UsageError: a column, a bound or a setting is wrong.
        MissingExtra: PyTorch is not installed.
    """
    if settings is not None and model:
        raise UsageError("the model is described twice", way_out="Give settings, or keywords such as kind and latent")
    settings = settings or check_settings(ModelSettings, model)
    source = source if isinstance(source, Source) else open_source(source)
    patterns, rules = several(columns), several(bound)
    schema = source.select(patterns)
    bounds = assign_bounds(schema, [parse_bound(text) for text in rules])
    for pattern in (*settings.weights, *settings.transforms):
        match_columns(pattern, [name for name in schema.order if bounds[name] == "free"])

    batch = concatenate(list(source.batches(schema, STEP_EVENTS)), schema)
    check_finite(batch, bounds, source.path)
    models, history = {}, {}
    for table in batch:
        free = {name: table[name] for name in table.group.names if bounds[name] == "free"}
        if free and table.n_rows:
            models[table.group.name], epochs = _fit_group(free, settings, _prefixed(progress, table.group.name))
            history[table.group.name] = tuple(asdict(epoch) for epoch in epochs)
    repeat = {"columns": list(patterns), "bound": list(rules), "model": settings.model_dump(mode="json")}
    return Codec(schema, bounds, models, history, repeat)


def _fit_group(
    free: Mapping[str, NDArray[np.generic]], settings: ModelSettings, progress: Progress
) -> "tuple[GroupModel, tuple[Epoch, ...]]":
    try:
        from baler_vae.learn.fit import fit_group  # noqa: PLC0415  PyTorch is needed here and nowhere else
    except ModuleNotFoundError as error:
        raise MissingExtra("fitting a model", "train", str(error.name)) from error
    return fit_group(free, settings, progress)


def _prefixed(progress: Progress, name: str) -> Progress:
    return lambda what, done, total: progress(f"{name}: {what}", done, total)


def check_finite(
    batch: Batch, bounds: Mapping[str, Bound], path: str, first_rows: Mapping[str, int] | None = None
) -> None:
    """Nothing, when a network can take every value under `free`; `first_rows` is the number of the first row by group.

    Raises:
        SourceError: NaN, infinities or values beyond `LARGEST` would be lost; it names the first such column and row.
    """
    for table in batch:
        for name in table.group.names:
            if bounds[name] == "free":
                _check_column(table, name, path, (first_rows or {}).get(table.group.name, 0))


def _check_column(table: Table, name: str, path: str, first_row: int) -> None:
    wrong = np.flatnonzero(~(np.abs(table[name].astype(np.float64)) <= LARGEST))
    if len(wrong):
        raise SourceError(
            f"{len(wrong)} values are NaN, infinite or beyond {LARGEST:g}, which the bound `free` cannot keep",
            path=path,
            column=name,
            rows=f"first in row {first_row + int(wrong[0])} of {table.group.name}",
            way_out=f"Keep the column exactly with --bound '{name}=exact', or leave it out",
        )
