"""Fitting a codec to a file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import MissingExtra, SourceError
from baler_vae.io.files import open_source
from baler_vae.io.source import Source
from baler_vae.pipeline.codec import Codec
from baler_vae.progress import Progress, silent
from baler_vae.project import ModelSettings, check_settings
from baler_vae.table.bounds import Bound, assign_bounds, parse_bound
from baler_vae.table.schema import match_columns
from baler_vae.table.table import Batch, Table, concatenate

if TYPE_CHECKING:
    from baler_vae.learn.training import Epoch
    from baler_vae.model.group import GroupModel

STEP_EVENTS = 65_536
"""Events that are read at once."""


def fit(
    source: str | Path | Source,
    *,
    columns: Sequence[str] = (),
    bound: str | Sequence[str] = "free",
    settings: ModelSettings | None = None,
    progress: Progress = silent,
    **model: Any,
) -> Codec:
    """The codec of the columns that match `columns` (all of them by default).

    `bound` is one text such as `free` or `Jet_eta=exact`, or several of them. The model is described by `settings`, or
    by the same names as keywords: `fit("jets.root:Events", kind="vae", latent=4)`.

    Raises:
        SourceError: the file cannot be read, or holds NaN or infinities under `free`.
        UsageError: a column, a bound or a setting is wrong.
        MissingExtra: PyTorch is not installed.
    """
    settings = settings or check_settings(ModelSettings, model)
    source = source if isinstance(source, Source) else open_source(source)
    schema = source.select(columns)
    rules = (bound,) if isinstance(bound, str) else tuple(bound)
    bounds = assign_bounds(schema, [parse_bound(text) for text in rules])
    for pattern in (*settings.weights, *settings.transforms):
        match_columns(pattern, schema.order)

    batch = concatenate(list(source.batches(schema, STEP_EVENTS)), schema)
    check_finite(batch, bounds, source.path)
    models, history = {}, {}
    for table in batch:
        free = {name: table[name] for name in table.group.names if bounds[name] == "free"}
        if free and table.n_rows:
            models[table.group.name], epochs = _fit_group(free, settings, _prefixed(progress, table.group.name))
            history[table.group.name] = tuple(asdict(epoch) for epoch in epochs)
    repeat = {"columns": list(columns), "bound": list(rules), "model": settings.model_dump(exclude_defaults=True)}
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
    """Nothing, when every value under `free` is finite; `first_rows` is the number of the first row by group.

    Raises:
        SourceError: NaN or infinities would be lost; it names the first such column and row.
    """
    for table in batch:
        for name in table.group.names:
            if bounds[name] == "free":
                _check_column(table, name, path, (first_rows or {}).get(table.group.name, 0))


def _check_column(table: Table, name: str, path: str, first_row: int) -> None:
    wrong = np.flatnonzero(~np.isfinite(table[name].astype(np.float64)))
    if len(wrong):
        raise SourceError(
            f"{len(wrong)} values are NaN or infinite, which the bound `free` cannot keep",
            path=path,
            column=name,
            rows=f"first in row {first_row + int(wrong[0])} of {table.group.name}",
            way_out=f"Keep the column exactly with --bound '{name}=exact', or leave it out",
        )
