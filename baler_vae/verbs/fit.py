"""Fitting a codec to a file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from baler_vae.codec.codec import Codec
from baler_vae.codec.rows import events_of
from baler_vae.errors import UsageError, did_you_mean
from baler_vae.fitting.choosing import fit_group_model
from baler_vae.fitting.sampling import Sample, read_sample
from baler_vae.io.chain import open_sources
from baler_vae.model.group import GroupModel
from baler_vae.progress import ShownProgress, callback, shows_progress, silent, within
from baler_vae.settings.checking import check_settings
from baler_vae.settings.model import ModelSettings
from baler_vae.source.dialect import DialectOptions, Options
from baler_vae.table.bounds import Bound, BoundRule, ColumnLimits, assign_rules, parse_bound, resolve_bound
from baler_vae.table.lists import listed_bounds, listed_columns
from baler_vae.table.schema import as_tuple, match_columns
from baler_vae.verbs.in_memory import source_of

_ARGUMENTS = (
    "columns",
    "bound",
    "dialect",
    "codec",
    "skip_unreadable",
    "keep_history",
    "workers",
    "scheduler",
    "verify",
)
"""What `fit` and `compress` take beside the settings of a model, whose names come as keywords too."""
_OF_TEXT = tuple(option.name for option in fields(DialectOptions))


@shows_progress
@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def fit(
    source: Any,  # noqa: ANN401  files, data or an open source
    *,
    columns: str | Sequence[str] = (),
    bound: str | Sequence[str] = (),
    skip_unreadable: bool = False,
    dialect: Options = None,
    settings: ModelSettings | None = None,
    progress: ShownProgress = silent,
    **model: Any,
) -> Codec:
    """The codec of the columns that match `columns` (all of them by default), one glob or several. `source` is a file,
    or several, data in memory (see `open_data`), or an open source.

    `bound` is one text such as `bits:10` or `Jet_eta=abs:1e-4`, or several of them; float columns that none names get
    `bits:12` with a floor, all others are exact. With `skip_unreadable` columns that cannot be read are left out; the
    settings of the codec name them. A `dialect` such as `{"separator": ";"}` says how text is written, where that
    cannot be found out (see `DialectOptions`). The model is described by `settings`, or by the same names as keywords:
    `fit("jets.root:Events", kind="vae", latent=4)`; `model="vae"` is the same as `kind`.

    A file of more than `sample_rows` rows is not held in memory: one pass over it gives what bounds need to know, and
    the model is fitted on a sample (see `read_sample`), of which `fits` tells.

    Raises:
        SourceError: the file cannot be read, or holds NaN or infinities under `free`.
        UsageError: a column, a bound or a setting is wrong.
        MissingExtra: PyTorch is not installed.
    """
    progress, settings = callback(progress), settings_of(settings, model)
    memory = source_of(source)
    if memory is not None and dialect:
        raise UsageError("only delimited text has a dialect", path=memory.path, way_out="Leave the dialect out")
    source = open_sources(source, dialect) if memory is None else memory
    patterns = listed_columns(as_tuple(columns), [*source.schema.order, *source.unsupported])
    rules = listed_bounds(as_tuple(bound), source.schema.order)
    schema = source.select(patterns, skip_unreadable=skip_unreadable)
    assigned = assign_rules(schema, [parse_bound(text) for text in rules])
    _check_free(assigned, settings)
    for pattern in (*settings.weights, *settings.transforms):
        match_columns(pattern, [column.name for column in schema.columns if column.is_float])
    for pattern in settings.formulas:
        match_columns(pattern, [column.name for column in schema.columns if column.is_number])

    sample = read_sample(
        source, schema, assigned, sample_rows=settings.sample_rows, seed=settings.seed, progress=progress
    )
    batch, limits = sample.batch, sample.limits
    bounds = {
        column.name: resolve_bound(assigned[column.name], column, limits.get(column.name, ColumnLimits()))
        for group in schema.groups
        for column in group.columns
    }
    if settings.latents == "float64" and all(bound.kind != "free" for bound in bounds.values()):
        raise UsageError(
            'latents are kept as "float64" under the bound `free` only', way_out="Leave them rounded, or ask for `free`"
        )
    models: dict[str, GroupModel] = {}
    history: dict[str, tuple[Mapping[str, float], ...]] = {}
    fits: dict[str, Any] = {}
    for number, table in enumerate(batch, 1):
        name = table.group.name
        told = within(progress, f"{number}/{len(batch)} groups: {name}") if len(batch) > 1 else progress
        events = None if table is batch[0] else events_of(batch, table.group, models[batch[0].group.name], bounds)
        chosen = fit_group_model(table, bounds, settings, source.path, told, events, n_rows=sample.n_rows[name])
        models[name], fits[name] = chosen.fit.model, chosen.summary(sample.n_rows[name]) | _sampled(sample, name)
        if chosen.fit.history:
            history[name] = tuple(asdict(epoch) for epoch in chosen.fit.history)
        if chosen.fit.network_history:
            history[f"{name}, networks"] = chosen.fit.network_history
    repeat: dict[str, Any] = {
        "columns": list(patterns),
        "bound": list(rules),
        "model": settings.described(),
    }
    if skip_unreadable:
        repeat["skipped"] = source.skipped(patterns)
    whole = [name for name in schema.order if name in limits and limits[name].whole]
    remarkable = {
        "whole_numbers": [name for name in whole if assigned[name] is None],
        "rounded_whole_numbers": [n for n in whole if _is_rounded(assigned[n], bounds[n], limits[n])],
    }
    repeat |= {key: names for key, names in remarkable.items() if names}
    return Codec(schema, bounds, models, history, repeat, fits)


def _is_rounded(rule: BoundRule | None, bound: Bound, limits: ColumnLimits) -> bool:
    """Whether a bound that was not meant for one column alone lets whole numbers become others."""
    if rule is None or rule.names_a_column or bound.kind == "free":
        return False
    largest = max(-limits.minimum, limits.maximum)
    return max(bound.absolute, bound.relative * largest) >= 0.5


def settings_of(settings: ModelSettings | None, model: Mapping[str, Any]) -> ModelSettings:
    """The settings of a model, or what keywords say of it: `model`, as the command line has it, is the kind.

    Raises:
        UsageError: both are given, or a keyword is unknown or has a wrong value.
    """
    if settings is not None and model:
        raise UsageError("the model is described twice", way_out="Give settings, or keywords such as kind and latent")
    if "model" in model:
        if "kind" in model:
            raise UsageError("the kind of model is given twice", way_out="Give kind or model, which mean the same")
        model = {"kind" if name == "model" else name: value for name, value in model.items()}
    for name in model:
        if name in _OF_TEXT:
            way_out = f'Write dialect={{"{name}": ...}}'
            raise UsageError(f"there is no setting {name!r}: it is one of how text is written", way_out=way_out)
        meant = did_you_mean(name, [*_ARGUMENTS, *ModelSettings.model_fields])
        if meant is not None and name not in ModelSettings.model_fields:
            raise UsageError(f"there is no setting {name!r}", way_out=meant)
    return settings or check_settings(ModelSettings, dict(model))


def _check_free(assigned: Mapping[str, BoundRule | None], settings: ModelSettings) -> None:
    """Nothing, unless columns are to be what a network gives that no model of this kind has.

    Raises:
        UsageError: they are.
    """
    free = [name for name, rule in assigned.items() if rule is not None and rule.kind == "free"]
    if free and settings.kind in {"independent", "autoregressive"}:
        raise UsageError(
            f"under the bound `free` values are what an autoencoder gives, which the model {settings.kind!r} has not",
            column=free[0],
            way_out="Choose the model vae or ae, or a bound such as bits:10",
        )


def _sampled(sample: Sample, name: str) -> dict[str, int]:
    """What `fits` says of the rows that a group was fitted on, where they are not all."""
    (table,) = (table for table in sample.batch if table.group.name == name)
    return {"sample_rows": table.n_rows, "sample_chunks": sample.n_chunks} if sample.n_chunks else {}
