"""Fitting a codec to a file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from baler_vae.errors import SourceError, UsageError
from baler_vae.io.files import open_source
from baler_vae.io.source import Source
from baler_vae.model.group import GroupModel
from baler_vae.pipeline.choosing import fit_group_model
from baler_vae.pipeline.codec import Codec
from baler_vae.pipeline.fitting import LARGEST
from baler_vae.pipeline.rows import events_of
from baler_vae.progress import Progress, silent
from baler_vae.project import ModelSettings, check_settings
from baler_vae.table.bounds import Bound, ColumnLimits, assign_rules, column_limits, parse_bound, resolve_bound
from baler_vae.table.schema import Column, match_columns, several
from baler_vae.table.table import Batch, Table, concatenate

STEP_EVENTS = 65_536
"""Events that are read at once."""


def fit(
    source: str | Path | Source,
    *,
    columns: str | Sequence[str] = (),
    bound: str | Sequence[str] = (),
    skip_unreadable: bool = False,
    settings: ModelSettings | None = None,
    progress: Progress = silent,
    **model: Any,
) -> Codec:
    """The codec of the columns that match `columns` (all of them by default), one glob or several.

    `bound` is one text such as `bits:10` or `Jet_eta=abs:1e-4`, or several of them; float columns that none names get
    `bits:12` with a floor, all others are exact. With `skip_unreadable` columns that cannot be read are left out; the
    settings of the codec name them. The model is described by `settings`, or
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
    schema = source.select(patterns, skip_unreadable=skip_unreadable)
    assigned = assign_rules(schema, [parse_bound(text) for text in rules])
    for pattern in (*settings.weights, *settings.transforms):
        match_columns(pattern, [column.name for column in schema.columns if column.is_float])
    for pattern in settings.formulas:
        match_columns(pattern, [column.name for column in schema.columns if column.is_number])

    batch = concatenate(list(source.batches(schema, STEP_EVENTS)), schema)
    bounds = {
        column.name: resolve_bound(assigned[column.name], column, _limits(table, column))
        for table in batch
        for column in table.group.columns
    }
    check_finite(batch, bounds, source.path)
    if settings.latents == "float64" and all(bound.kind != "free" for bound in bounds.values()):
        raise UsageError(
            'latents are kept as "float64" under the bound `free` only', way_out="Leave them rounded, or ask for `free`"
        )
    models: dict[str, GroupModel] = {}
    history: dict[str, tuple[dict[str, float], ...]] = {}
    fits: dict[str, Any] = {}
    for table in batch:
        name = table.group.name
        events = None if table is batch[0] else events_of(batch, table.group, models[batch[0].group.name], bounds)
        chosen = fit_group_model(table, bounds, settings, source.path, _prefixed(progress, name), events)
        models[name], fits[name] = chosen.fit.model, chosen.summary(table.n_rows)
        if chosen.fit.history:
            history[name] = tuple(asdict(epoch) for epoch in chosen.fit.history)
    repeat: dict[str, Any] = {
        "columns": list(patterns),
        "bound": list(rules),
        "model": settings.model_dump(mode="json"),
    }
    if skip_unreadable:
        repeat["skipped"] = source.skipped(patterns)
    return Codec(schema, bounds, models, history, repeat, fits)


def _limits(table: Table, column: Column) -> ColumnLimits:
    return column_limits(table[column.name]) if column.is_number else ColumnLimits()


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
            if bounds[name].kind == "free":
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
