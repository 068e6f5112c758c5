"""How strange rows and events are to a codec."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.codec import Codec
from baler_vae.errors import SourceError, UsageError, located
from baler_vae.explore.opening import all_rows, check_seed, opened_codec, opened_rows, with_nan_for_missing
from baler_vae.explore.rating import (
    Floats,
    Reference,
    SeenRows,
    levels_of,
    reference_of,
    row_scores,
    seen_rows,
    with_variances,
)
from baler_vae.explore.score_file import Scored, check_score_file, write_scores
from baler_vae.explore.score_notes import notes_of
from baler_vae.measures.roc import N_BOOTSTRAPS, Roc, roc_of
from baler_vae.measures.scores import EVENT, TITLES, Profile, Scores, profile_of, summary_of
from baler_vae.output import owning
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent
from baler_vae.source.dialect import Options
from baler_vae.source.source import Source
from baler_vae.table.schema import Schema, as_tuple
from baler_vae.table.table import Batch, row_groups

N_SAMPLES: Final = 16
"""Importance samples of each row, unless others are asked for."""


@shows_progress
def score(
    codec: Codec | str | Path,
    data: Any,  # noqa: ANN401  paths, a source or data
    output: str | Path | None = None,
    *,
    against: Any = None,  # noqa: ANN401
    label: str | None = None,
    by: str | None = None,
    training: Any = None,  # noqa: ANN401
    keep: str | Sequence[str] = (),
    n_objects: int | None = None,
    n_samples: int = N_SAMPLES,
    n_bootstraps: int = N_BOOTSTRAPS,
    seed: int = 0,
    dialect: Options = None,
    force: bool = False,
    progress: ShownProgress = silent,
) -> Scores:
    """Score rows and events under a codec, and tell how well the scores find a signal.

    Scores are ``bits``, the exact length of the code of a row, minus log2 of its probability; ``standard_bits``, the
    sum over columns of their bits less the mean of these, in units of their deviation; and where the codec has columns
    under ``free``, and so an encoder and a decoder, ``squared_error``, the squares of what the restored values
    miss in units of the columns' widths, summed over columns; ``negative_elbo``, minus the bound on the log-likelihood
    of the row in nats, of a VAE; and wherever there are latents ``mahalanobis``, their distance from the mean in units
    of their covariance. Each is higher for stranger rows. The score of an event is the sum over its own columns and
    its objects, and there is the mean over objects beside it.

    Parameters
    ----------
    codec : Codec, str or Path
        The codec, its file (.bvmodel), or an archive (.bvae) whose codec has no latents.
    data : str, Path, sequence of these, data in memory, or Source
        The rows to score, with the columns of the codec.
    output : str or Path, optional
        Where to write scores: ROOT, Parquet, HDF5 and so on hold events and their objects, CSV without lists the
        events alone.
    against : str, Path, sequence of these, data in memory, or Source, optional
        More rows, which count as signal; those of `data` are then background.
    label : str, optional
        A column of `data`, of booleans or 0 and 1, that is true for signal; of the events or of one collection.
    by : str, optional
        A column of numbers of `data`, such as the run, along which mean scores are told.
    training : str, Path, sequence of these, data in memory, or Source, optional
        The rows whose latents have the mean and covariance, whose residuals the widths and variances, and whose bits
        the means and deviations that scores are measured by; those of `data` by default.
    keep : str or sequence of str
        Names or globs of columns of the input to write beside the scores.
    n_objects : int, optional
        The objects of each collection, from the first, that count in the scores of an event; all by default.
    n_samples : int
        Importance samples for each row of the bound; with one it is the ELBO.
    n_bootstraps : int
        Bootstraps for the errors of ROC curves.
    seed : int
        The seed of samples and bootstraps.
    dialect : DialectOptions or Mapping[str, str], optional
        How files are written, where they are text.
    force : bool
        Overwrite the output.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).

    Returns
    -------
    Scores
        The scores, their summaries, ROC curves and profiles.

    Raises
    ------
    SourceError
        A file cannot be read, or has no rows.
    UsageError
        The codec has other columns, or needs an encoder that an archive does not hold; the label is no column, has
        other values than 0 and 1 or one class only; or options contradict each other.
    OutputError
        The output exists and `force` is false, or cannot be written.
    """
    progress = callback(progress)
    check_seed(seed)
    if against is not None and label is not None:
        raise UsageError("--label and --against are mutually exclusive", way_out="Leave out one of the two")
    if n_samples < 1 or n_bootstraps < 2:
        raise UsageError(
            f"{n_samples} importance samples and {n_bootstraps} bootstraps", expected="at least 1 and at least 2"
        )
    if n_objects is not None and n_objects < 1:
        raise UsageError(f"{n_objects} objects of an event", expected="at least 1")
    path = None if output is None else check_score_file(output, force=force)
    with nullcontext() if path is None else owning(path, force=force):
        opened = opened_codec(codec)
        beside = _Beside(label, by, as_tuple(keep))
        inputs = [_read(opened, data, beside, dialect, "data", progress)]
        if against is not None:
            inputs.append(_read(opened, against, beside.like(inputs[0]), dialect, "against", progress))
        references = inputs[0].rows
        if training is not None:
            references = _read(opened, training, _Beside(), dialect, "training", progress).rows
        progress("scoring", 0, 1)
        measured = {name: _reference(references, name, opened) for name in opened.models}
        generator = np.random.default_rng(seed)
        scored = [_scored(opened, own, measured, n_objects, n_samples, generator) for own in inputs]
        levels = {level: _joined([one.levels[level] for one in scored]) for level in scored[0].levels}
        labels = _labels(opened, inputs, label)
        result = Scores(
            n_events=sum(own.rows.n_events for own in inputs),
            levels=levels,
            column_bits=_column_bits(inputs[0].rows),
            summaries=tuple(
                summary_of(level, name, values) for level, own in levels.items() for name, values in own.items()
            ),
            label="the second input" if against is not None else label or "",
            labels=labels,
            rocs=_rocs(inputs, levels, labels, n_bootstraps, seed, progress),
            profiles=() if by is None else _profiles(inputs, levels, by),
            seed=seed,
            notes=notes_of(
                opened,
                [own.rows for own in inputs],
                measured,
                is_training=training is not None,
                n_objects=n_objects,
                n_samples=n_samples,
            ),
        )
        if path is not None:
            write_scores(path, opened.schema, scored, force=force)
    return result


@dataclass(frozen=True)
class _Beside:
    """What is read of an input beside the columns of the codec: the label, the column along which scores go, globs of
    what is kept, or, of a second input, the `schema` of what was read of the first.
    """

    label: str | None = None
    by: str | None = None
    keep: tuple[str, ...] = ()
    schema: Schema | None = None

    def like(self, first: "_Input") -> "_Beside":
        return replace(self, schema=None if first.beside is None else first.beside)

    def selected(self, source: Source) -> Schema | None:
        """The schema of these columns; None where there are none.

        Raises:
            UsageError: there is no such column.
        """
        if self.schema is not None:
            return source.match(self.schema, "the first input", "Give inputs with the same columns")
        names = {name for name in (self.label, self.by) if name is not None}
        for name in names:
            source.schema.group_of(name)
        names |= set(source.select(self.keep).order) if self.keep else set()
        return source.schema.only(names) if names else None


@dataclass(frozen=True, eq=False)
class _Input:
    """An input: its rows as the codec sees them, and the schema and values of what is beside them, if anything is."""

    rows: SeenRows
    beside: Schema | None
    values: Batch


def _read(codec: Codec, given: Any, beside: _Beside, dialect: Options, name: str, progress: Progress) -> _Input:  # noqa: ANN401
    with opened_rows(given, dialect, name) as opened:
        source = opened.as_in(codec.schema)
        schema = codec.match(source)
        selected = beside.selected(source)
        if not source.n_events:
            raise SourceError("holds no events to score", path=source.path)
        n_events = source.n_events
        values = () if selected is None else with_nan_for_missing(all_rows(source, selected), selected)
        with located(path=source.path):  # what is wrong with these columns is told before the work
            if beside.label is not None:
                _as_label(beside.label, _values(values, beside.label))
            if beside.by is not None:
                _along(beside.by, _values(values, beside.by))

        def told() -> Iterator[Batch]:
            done = 0
            for batch in row_groups(source.read(schema), schema):
                yield batch
                done += batch[0].n_rows
                progress(f"reading {name}", done, n_events)

        with located(path=source.path):
            rows = seen_rows(codec, told())
        return _Input(rows, selected, values)


def _reference(rows: SeenRows, name: str, codec: Codec) -> Reference:
    seen = rows.seen[name]
    return with_variances(reference_of(seen), seen, codec, name)


def _scored(
    codec: Codec,
    own: _Input,
    references: Mapping[str, Reference],
    n_objects: int | None,
    n_samples: int,
    generator: np.random.Generator,
) -> Scored:
    scores = {
        name: row_scores(seen, references[name], codec.models[name], n_samples=n_samples, generator=generator)
        for name, seen in own.rows.seen.items()
    }
    return Scored(own.rows, levels_of(own.rows, scores, n_objects), own.values)


def _joined(parts: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _column_bits(rows: SeenRows) -> dict[str, dict[str, float]]:
    """The mean bits of a row that has scores, by group and column."""
    return {
        group: {
            name: float(bits[~seen.wrong].mean()) if not seen.wrong.all() else np.nan
            for name, bits in seen.bits.items()
        }
        for group, seen in rows.seen.items()
    }


def _level_of(own: _Input, column: str) -> str:
    """The level of a column that stands beside: `event`, or its group.

    Raises:
        UsageError: it is of a collection that the codec does not have.
    """
    if own.beside is None or own.beside.group_of(column).counter is None:
        return EVENT
    group = own.beside.group_of(column).name
    if group not in own.rows.counts:
        raise UsageError(
            f"column {column!r} is of {group}, of which the codec has no columns",
            way_out="Name a column of the events, or of one of its collections",
        )
    return group


def _values(batch: Batch, column: str) -> NDArray[np.generic]:
    return next(table[column] for table in batch if column in table.group.names)


def _labels(codec: Codec, inputs: Sequence[_Input], label: str | None) -> dict[str, NDArray[np.bool_]]:
    """By level which rows are signal: none where nothing is told apart; where events are, their objects are as well.

    Raises:
        UsageError: the label has other values than 0 and 1, or one class.
    """
    collections = [group.name for group in codec.schema.groups[1:]]
    if len(inputs) > 1:
        is_second = [np.full(own.rows.n_events, number > 0) for number, own in enumerate(inputs)]
    elif label is not None:
        (own,) = inputs
        level, found = _level_of(own, label), _as_label(label, _values(own.values, label))
        if level != EVENT:
            return {level: found}
        is_second = [found]
    else:
        return {}
    return {
        EVENT: np.concatenate(is_second),
        **{
            group: np.concatenate(
                [values[own.rows.events_of(group)] for values, own in zip(is_second, inputs, strict=True)]
            )
            for group in collections
        },
    }


def _as_label(label: str, values: NDArray[np.generic]) -> NDArray[np.bool_]:
    numbers = values.astype(np.float64) if values.dtype.kind in "biuf" and values.ndim == 1 else None
    if numbers is None or not np.isin(numbers, (0.0, 1.0)).all():
        wrong = "no numbers" if numbers is None else f"{numbers[~np.isin(numbers, (0.0, 1.0))][0]:g}"
        wrong = "NaN, or no value" if wrong == "nan" else wrong
        raise UsageError("is no label", column=label, found=wrong, expected="booleans, or 0 and 1")
    found: NDArray[np.bool_] = numbers == 1
    if found.all() or not found.any():
        raise UsageError(
            "holds one class only, so that there is nothing to tell apart",
            column=label,
            found=f"{len(found):,} times {int(found.any())}",
            expected="both 0 and 1",
        )
    return found


def _rocs(
    inputs: Sequence[_Input],
    levels: Mapping[str, Mapping[str, Floats]],
    labels: Mapping[str, NDArray[np.bool_]],
    n_bootstraps: int,
    seed: int,
    progress: Progress,
) -> dict[str, dict[str, Roc]]:
    """By level and score how well it tells signal from background; the rows of an event are drawn together."""
    found: dict[str, dict[str, Roc]] = {}
    for level, is_signal in labels.items():
        events, first = [], 0
        for own in inputs:
            numbers = np.arange(own.rows.n_events) if level == EVENT else own.rows.events_of(level)
            events.append(numbers + first)
            first += own.rows.n_events
        numbers = np.concatenate(events)
        found[level] = {}
        for place, (name, values) in enumerate(levels[level].items()):
            progress(f"ROC curves by {level}", place, len(levels[level]))
            background, signal = np.isfinite(values) & ~is_signal, np.isfinite(values) & is_signal
            if background.any() and signal.any():
                groups = numbers[background], numbers[signal]
                found[level][name] = roc_of(
                    values[background], values[signal], groups, seed=seed, n_bootstraps=n_bootstraps
                )
    return found


def _along(by: str, values: NDArray[np.generic]) -> NDArray[np.generic]:
    if values.dtype.kind not in "biuf" or values.ndim != 1:
        raise UsageError("holds no numbers along which a score could be told", column=by)
    return values


def _profiles(inputs: Sequence[_Input], levels: Mapping[str, Mapping[str, Floats]], by: str) -> tuple[Profile, ...]:
    """The mean of each score along a column."""
    along = np.concatenate([_along(by, _values(own.values, by)) for own in inputs])
    own = levels[_level_of(inputs[0], by)]
    return tuple(profile_of(name, own[name], by, along) for name in TITLES if name in own)
