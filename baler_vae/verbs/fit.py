"""Fitting a codec to a file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from baler_vae.codec.codec import Codec
from baler_vae.codec.coded import CodedTable, coded_table
from baler_vae.errors import UsageError, listed, located
from baler_vae.fitting.choosing import fit_group_model, tries_networks, with_fine_ranges
from baler_vae.fitting.guards import guarded_models, held_columns, resolved_guarantees
from baler_vae.fitting.policy import FAST_SAMPLE_ROWS, MANY_COLUMNS
from baler_vae.fitting.sampling import FitSample, read_sample
from baler_vae.guarantees.definitions import Asked, Declared
from baler_vae.guarantees.promises import Promises
from baler_vae.io.chain import open_sources
from baler_vae.model.group import GroupModel
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent, within
from baler_vae.settings.kinds import AUTO, can_give_free
from baler_vae.settings.model import ModelSettings
from baler_vae.source.dialect import Options
from baler_vae.source.source import Source
from baler_vae.table.bounds import Bound, BoundRule, ColumnLimits, assign_rules, resolve_bound
from baler_vae.table.schema import Schema, match_columns
from baler_vae.table.table import Batch, counts_of
from baler_vae.verbs.in_memory import source_of
from baler_vae.verbs.request import FitRequest


@shows_progress
def fit(
    source: Any,  # noqa: ANN401  files, data or an open source
    *,
    columns: str | Sequence[str] = (),
    bound: str | Sequence[str] = (),
    guarantees: Sequence[Asked] = (),
    quantities: Sequence[Declared] = (),
    skip_unreadable: bool = False,
    dialect: Options = None,
    settings: ModelSettings | None = None,
    progress: ShownProgress = silent,
    **model: Any,
) -> Codec:
    """Fit a codec: find a grid for each column, formulas and a model for each group of columns.

    Parameters
    ----------
    source : str, Path, sequence of those, data in memory, or Source
        What to fit on; see `compress`. Of a file of several tables, one must be named behind a colon.
    columns : str or sequence of str
        Names or globs of the columns; all by default.
    bound : str or sequence of str
        ``bits:10``, ``Jet_eta=abs:1e-4`` and so on; see `compress`.
    guarantees : sequence of GuaranteeSettings, dict or str
        What is guaranteed beyond bounds; see `compress`.
    quantities : sequence of QuantitySettings or dict
        Quantities that guarantees name.
    skip_unreadable : bool
        Leave out columns that cannot be read; the settings of the codec name them.
    dialect : DialectOptions or dict, optional
        How text is written, where that cannot be found out: ``{"separator": ";"}``.
    settings : ModelSettings, optional
        The model.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).
    **model
        The settings of the model by their names, ``kind="vae", latent=4``; ``model`` is the same as ``kind``.

    Returns
    -------
    Codec
        The codec, which `compress` takes, and `Codec.encode`.

    Raises
    ------
    SourceError
        The file cannot be read, or holds NaN or infinities under ``free``.
    UsageError
        A column, a bound or a setting is wrong.
    MissingExtra
        PyTorch is not installed.

    Notes
    -----
    A file of more than `sample_rows` rows is not held in memory: one pass over it gives what bounds need to know, and
    the model is fitted on a sample, of which `Codec.fits` tells.
    """
    request = FitRequest.of(
        columns=columns,
        bound=bound,
        guarantees=guarantees,
        quantities=quantities,
        skip_unreadable=skip_unreadable,
        settings=settings,
        model=model,
    )
    memory = source_of(source)
    if memory is not None and dialect:
        raise UsageError("only delimited text has a dialect", path=memory.path, way_out="Leave the dialect out")
    return fit_source(open_sources(source, dialect) if memory is None else memory, request, callback(progress))


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def fit_source(source: Source, request: FitRequest, progress: Progress = silent) -> Codec:
    """The codec of a source; the errors are those of `fit`."""
    request = request.listed_for(source)
    settings = request.settings
    schema = source.select(request.columns, skip_unreadable=request.skip_unreadable)
    assigned = assign_rules(schema, request.rules)
    _check_free(assigned, settings)
    for pattern in (*settings.weights, *settings.transforms):
        match_columns(pattern, [column.name for column in schema.columns if column.is_float])
    for pattern in settings.formulas:
        match_columns(pattern, [column.name for column in schema.columns if column.is_scalar])
    with located(path=source.path):
        check_guaranteed(request, source, schema)

    n_most = _sample_rows(settings)
    sample = read_sample(source, schema, assigned, sample_rows=n_most, seed=settings.seed, progress=progress)
    batch, limits = sample.batch, sample.limits
    bounds = {
        column.name: resolve_bound(assigned[column.name], column, limits.get(column.name, ColumnLimits()))
        for group in schema.groups
        for column in group.columns
    }
    if settings.latents == "float64" and all(bound.kind != "free" for bound in bounds.values()):
        raise UsageError(
            'latents can be "float64" only under the bound `free`', way_out="Leave them rounded, or ask for `free`"
        )
    with located(path=source.path):
        guarantees = resolved_guarantees(request.guarantees, batch, schema, bounds)
    held = held_columns(guarantees, schema)
    many_columns = _many_columns(batch, settings, progress)
    models: dict[str, GroupModel] = {}
    coded_events: CodedTable | None = None
    padded = {made.name for made in schema.padded}
    history: dict[str, tuple[Mapping[str, float], ...]] = {}
    fits: dict[str, Any] = {}
    for number, table in enumerate(batch, 1):
        name = table.group.name
        told = within(progress, f"{number}/{len(batch)} groups: {name}") if len(batch) > 1 else progress
        events = None if coded_events is None else coded_events.as_events(counts_of(batch, table.group))
        own = with_fine_ranges(settings) if name in padded else settings
        with located(path=source.path):
            chosen = fit_group_model(
                table, bounds, own, told, events, n_rows=sample.n_rows[name], many_columns=many_columns, held=held
            )
        models[name], fits[name] = chosen.fit.model, chosen.summary(sample.n_rows[name]) | _sampled(sample, name)
        if chosen.fit.history:
            history[name] = tuple(epoch.stored() for epoch in chosen.fit.history)
        if chosen.fit.network_history:
            history[f"{name}, networks"] = chosen.fit.network_history
        if table is batch[0] and len(batch) > 1:
            coded_events = coded_table(table, models[name], bounds)
    if guarantees:
        with located(path=source.path):
            models = guarded_models(models, guarantees, batch, schema, bounds)
    repeat = request.described()
    if request.skip_unreadable:
        repeat["skipped"] = source.skipped(request.columns)
    whole = [name for name in schema.order if name in limits and limits[name].whole]
    remarkable = {
        "whole_numbers": [name for name in whole if (rule := assigned[name]) is None or rule.is_default],
        "rounded_whole_numbers": [n for n in whole if _is_rounded(assigned[n], bounds[n], limits[n])],
    }
    repeat |= {key: names for key, names in remarkable.items() if names}
    schema = replace(schema, origin=schema.origin.of_any_file())
    return Codec(schema, bounds, models, history, repeat, fits, guarantees)


def _many_columns(batch: Batch, settings: ModelSettings, progress: Progress) -> int:
    """The number of columns in all groups where they are more than `MANY_COLUMNS`, otherwise 0. What `auto` will try
    then is told.
    """
    n_columns = sum(len(table.group.columns) for table in batch)
    if n_columns <= MANY_COLUMNS:
        return 0
    if settings.kind == AUTO:
        large = [table.group.name for table in batch if tries_networks(table, settings)]
        networks = f"networks without latents in {listed(large)}" if large else "no networks"
        progress(f"{n_columns:,} columns: formulas and tables in context, {networks}", 0, 1)
    return n_columns


def _sample_rows(settings: ModelSettings) -> int:
    """The rows of the largest group beyond which a model is fitted on a sample."""
    return min(settings.sample_rows, FAST_SAMPLE_ROWS) if settings.effort == "fast" else settings.sample_rows


def _is_rounded(rule: BoundRule | None, bound: Bound, limits: ColumnLimits) -> bool:
    """Whether a bound that was not meant for one column alone lets whole numbers become others."""
    if rule is None or rule.is_default or rule.names_a_column or bound.kind == "free":
        return False
    largest = max(-limits.minimum, limits.maximum)
    return max(bound.absolute, bound.relative * largest) >= 0.5


def check_guaranteed(request: FitRequest, source: Source, schema: Schema) -> None:
    """Check that guarantees read columns that are kept.

    Raises:
        UsageError: one reads a column that is not there, was left out, or is not numeric.
    """
    for one in request.guarantees.promised:
        own = request.guarantees.only([one]).exactly()
        try:
            Promises(own, schema)
        except UsageError as error:
            error.what = f"the guarantee {one.text!r}: {error.what}"
            if error.column in source.schema.order and error.column not in schema.order:
                error.way_out = "Keep the column (--columns), or leave out the guarantee"
            raise


def _check_free(assigned: Mapping[str, BoundRule | None], settings: ModelSettings) -> None:
    """Check that the model has an autoencoder where columns are `free`, and that columns are where it has an objective.

    Raises:
        UsageError: it has none, or there are none.
    """
    settings.check()  # whoever changed them
    free = [name for name, rule in assigned.items() if rule is not None and rule.kind == "free"]
    if free and settings.effort == "fast":
        raise UsageError(
            "under the bound `free` values come from an autoencoder, which the effort fast does not train",
            column=free[0],
            way_out="Leave out the effort, or choose a bound such as bits:10",
        )
    if free and not can_give_free(settings.kind):
        raise UsageError(
            f"under the bound `free` values come from an autoencoder, which the model {settings.kind!r} lacks",
            column=free[0],
            way_out="Choose the model vae or ae, or a bound such as bits:10",
        )
    if settings.objective is not None and not free:
        raise UsageError(
            "an objective is about columns under the bound `free`, and there are none",
            way_out='Set bound = ["free"], or leave out [model.objective]',
        )


def _sampled(sample: FitSample, name: str) -> dict[str, int]:
    """What `fits` says of the rows that a group was fitted on, where they are not all."""
    (table,) = (table for table in sample.batch if table.group.name == name)
    return {"sample_rows": table.n_rows, "sample_chunks": sample.n_chunks} if sample.n_chunks else {}
