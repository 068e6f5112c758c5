"""How many bits each column needs so that the physics does not move."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from baler_vae.codec.encoding import typed_bytes
from baler_vae.errors import MissingExtra, SourceError, UsageError
from baler_vae.evaluation.advice import Advice
from baler_vae.fitting.rows import fit_independent_column
from baler_vae.fitting.sampling import read_sample
from baler_vae.io.chain import Specs, open_sources
from baler_vae.progress import ShownProgress, callback, shows_progress, silent, within
from baler_vae.settings.checking import check_settings
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.settings.model import ModelSettings
from baler_vae.source.dialect import Options
from baler_vae.source.source import Source
from baler_vae.table.bounds import ColumnLimits, assign_rules, resolve_bound
from baler_vae.table.schema import Column, Schema
from baler_vae.verbs.fit import fit_source
from baler_vae.verbs.request import AskedBound, FitRequest

DEFAULT_PART = 0.01
"""Of a statistical error: one per cent adds 0.005 % to it in quadrature."""
SAMPLE_ROWS = 1 << 19
"""The most rows of the largest group on which effects are measured, unless more are asked for."""
_FITTED_ROWS = 1 << 15
"""The rows of the sample that tells the size of an archive."""


@shows_progress
@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def advise(
    source: Specs | Source,
    *,
    columns: str | Sequence[str] = (),
    bound: str | Sequence[str] = (),
    dialect: Options = None,
    settings: EvaluationSettings | None = None,
    model: ModelSettings | str | None = None,
    part: float = DEFAULT_PART,
    sample_rows: int = SAMPLE_ROWS,
    fitted: bool = True,
    share: bool = True,
    progress: ShownProgress = silent,
) -> Advice:
    """Find the coarsest bound of each float column at which the physics moves by less than part of its errors.

    Examined are the mean and width of each column, and the peaks, quantities and cuts that the settings declare: first
    with each column rounded separately, then with all of them at once. The fit of a peak to bins moves with each row
    that changes bins, which takes more bits than an unbinned fit.

    Columns of one meaning share a bound and are rounded together: the components of a momentum, ``px``, ``py`` and
    ``pz``, and one quantity of all objects that differ in a number only, ``pt1`` and ``pt2``. Where the settings
    declare anything, columns that none of it uses are not examined: they keep the default bound. Guarantees on declared
    quantities and cuts are proposed, with coarser bounds, where that is estimated to take fewer bytes.

    Parameters
    ----------
    source : str, Path, sequence of these, or Source
        A file, a glob, or several files of the same columns.
    columns : str or sequence of str
        Names or globs of the columns; all of them by default.
    bound : str or sequence of str
        The bounds of columns that are not floats, as for `compress`.
    dialect : DialectOptions or Mapping[str, str], optional
        How the file is written, where it is text.
    settings : EvaluationSettings, optional
        The peaks, quantities and cuts to examine.
    model : ModelSettings or str, optional
        The model to estimate the size of the archive with, or only its kind.
    part : float
        The part of a statistical error by which anything may move, between 0 and 1.
    sample_rows : int
        Measure on a sample of about this many rows if there are more.
    fitted : bool
        Whether to fit a codec to a sample, to estimate the size of the archive.
    share : bool
        Whether columns of one meaning share a bound; otherwise each column has its own.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).

    Returns
    -------
    Advice
        The advised bounds, with effects in statistical errors and sizes in bytes.

    Raises
    ------
    SourceError
        The file cannot be read.
    UsageError
        A column or a setting is wrong, or there are no float columns.
    MissingExtra
        The packages for evaluation are not installed, or PyTorch is not and a fit needs it.
    """
    try:
        from baler_vae.evaluation.sensitivity import Sensitivity  # noqa: PLC0415  an extra
        from baler_vae.study.precision import PrecisionSearch  # noqa: PLC0415
        from baler_vae.study.proposals import measuring, proposals_for  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra("advice", "report", str(error.name)) from error
    progress = callback(progress)
    if not 0 < part < 1:
        raise UsageError(f"a part of {part:g} of the statistical error", expected="a number between 0 and 1")
    described = check_settings(ModelSettings, {"kind": model}) if isinstance(model, str) else model
    request = FitRequest.of(columns=columns, bound=bound, settings=described)
    source = source if isinstance(source, Source) else open_sources(source, dialect)
    request = request.listed_for(source)
    schema = source.select(request.columns)
    if not any(map(_is_advised, schema.columns)):
        raise UsageError("has no float columns to advise on", path=source.path, way_out="Compress it as it is: exactly")
    others = _bounds_of_others(schema, request.bounds)
    asked = assign_rules(schema, [rule for bound in others for rule in bound.rules])
    rules = {column.name: None if _is_advised(column) else asked[column.name] for column in schema.columns}
    sample = read_sample(source, schema, rules, sample_rows=sample_rows, seed=request.settings.seed, progress=progress)
    if not max(sample.n_rows.values()):
        raise SourceError("holds no rows to advise on", path=source.path)
    sensitivity = Sensitivity(schema, sample.batch, settings or EvaluationSettings(), sample.n_rows)
    tried = within(progress, "trying bounds")
    search = PrecisionSearch(sample.batch, sample.limits, sample.n_rows, sensitivity, part, tried, share=share)
    advised, joint = search.advise()
    declared = settings or EvaluationSettings()
    measured = measuring(source, request, sample.batch, sample.n_rows, declared)
    texts = [bound.text for bound in others]
    proposals = proposals_for(search, sensitivity, declared, advised, texts, part, measured)

    grows = {table.group.name: sample.n_rows[table.group.name] / max(1, table.n_rows) for table in sample.batch}
    other_bits = sum(
        fit_independent_column(
            table[column.name],
            column,
            resolve_bound(rules[column.name], column, sample.limits.get(column.name, ColumnLimits())),
        ).bits
        * grows[table.group.name]
        for table in sample.batch
        for column in table.group.columns
        if not _is_advised(column)
    )
    fitted_bytes = fitted_rows = None
    if fitted:
        bounds = (*others, *(AskedBound.parsed(f"{column.name}={column.bound}") for column in advised))
        smaller = replace(request, bounds=bounds, settings=_smaller(request.settings))
        codec = fit_source(source, smaller, within(progress, "fitting"))
        fitted_bytes = float(sum(found["fitted_bytes"] for found in codec.fits.values()))
        fitted_rows = max(found.get("sample_rows", found["rows"]) for found in codec.fits.values())
    return Advice(
        part=part,
        n_rows=dict(sample.n_rows),
        n_sampled={table.group.name: table.n_rows for table in sample.batch},
        columns=advised,
        joint=joint,
        skipped=sensitivity.skipped,
        others=tuple(bound.text for bound in others),
        original_bytes=sum(
            grows[table.group.name] * typed_bytes(values) for table in sample.batch for values in table.arrays.values()
        ),
        other_bytes=other_bits / 8,
        fitted_bytes=fitted_bytes,
        fitted_rows=fitted_rows,
        proposals=proposals,
    )


def _smaller(settings: ModelSettings) -> ModelSettings:
    """The settings of a fit that only tells a size; what `auto` may find is smaller still. All columns keep a bound in
    it, which no objective is about.
    """
    kind = "autoregressive" if settings.kind == "auto" else settings.kind
    rows = min(settings.sample_rows, _FITTED_ROWS)
    return settings.model_copy(update={"kind": kind, "sample_rows": rows, "objective": None})


def _is_advised(column: Column) -> bool:
    """Whether a column is one of floats, of which each row holds one."""
    return column.is_float and column.is_scalar


def _bounds_of_others(schema: Schema, bounds: Sequence[AskedBound]) -> tuple[AskedBound, ...]:
    """Those bounds, of one rule each, that decide on another column than `_is_advised`: they stay as they are."""
    assigned = assign_rules(schema, [rule for bound in bounds for rule in bound.rules])
    deciding = [assigned[column.name] for column in schema.columns if not _is_advised(column)]
    return tuple(bound for bound in bounds if any(bound.rules[0] is rule for rule in deciding))
