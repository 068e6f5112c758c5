"""What a sweep measures of a codec: the rate of its latents, what its rows lose, and how real its samples look."""

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.codec import Codec
from baler_vae.errors import MissingExtra, UsageError
from baler_vae.explore.encoding import EncodedRows, encode_rows
from baler_vae.explore.latent_draws import LatentSource
from baler_vae.explore.opening import all_rows
from baler_vae.explore.sampling import sample
from baler_vae.measures.classifier import classifier_auc
from baler_vae.measures.information import entropy_of_codes
from baler_vae.reader.archive_info import ArchiveInfo
from baler_vae.source.source import Source
from baler_vae.table.schema import Group
from baler_vae.table.table import Batch, Table, counts_of
from baler_vae.verbs.in_memory import source_of


def rate_of(codec: Codec, source: Source, info: ArchiveInfo) -> float | None:
    """Bits per row of the latents of all groups that have any: of a Gaussian posterior KL / ln 2, under noise
    0.5 log2(1 + SNR) of each latent, of latents that are rounded and of categories the entropy of their codes; of
    others what they take in the archive. None where no group has latents.

    Raises:
        UsageError: a group has no rows whose values are all finite.
    """
    groups = [name for name, model in codec.models.items() if model.n_latents and model.encoder is not None]
    rows = [encode_rows(codec, source, name) for name in groups]
    rates = [_information(own) for own in rows]
    n_rows = sum(len(own.row) for own in rows)
    if not n_rows:
        return None
    known = [len(own.row) * rate for own, rate in zip(rows, rates, strict=True) if rate is not None]
    return math.fsum(known) / n_rows if len(known) == len(rows) else 8 * info.bytes.latents / n_rows


def _information(rows: EncodedRows) -> float | None:
    """The bits that the latents of some rows tell of one, as `explore latents` has them."""
    rates = [latent.rate for latent in rows.information]
    for start, stop in pairwise(rows.n_continuous + np.cumsum([0, *rows.posterior.categories])):
        rates.append(entropy_of_codes(rows.means[:, start:stop].argmax(axis=1)))
    known = [rate for rate in rates if rate is not None]
    return math.fsum(known) if len(known) == len(rates) else None


def distortions(rows: Batch, back: Batch) -> dict[str, float]:
    """The mean squared error of each float column of rows that came back, in units of the variance of the column; NaN
    for one that is constant. Values that are not finite before or after do not count.
    """
    found = {}
    for table, other in zip(rows, back, strict=True):
        for name, values in float_columns(table).items():
            restored = np.asarray(other[name], np.float64)
            known = np.isfinite(values) & np.isfinite(restored)
            variance = float(values[known].var()) if known.any() else 0.0
            error = float(np.square(restored[known] - values[known]).mean()) if known.any() else math.nan
            found[name] = error / variance if variance else math.nan
    return found


def mean_of(values: Iterable[float]) -> float:
    """The mean of the values that are finite; NaN without any."""
    known = [value for value in values if math.isfinite(value)]
    return math.fsum(known) / len(known) if known else math.nan


def float_columns(table: Table) -> dict[str, NDArray[np.float64]]:
    """The columns of floats of a table, one number a row, float64 (rows,)."""
    return {
        column.name: np.asarray(table[column.name], np.float64)
        for column in table.group.columns
        if column.is_float and column.is_scalar
    }


def sample_auc(codec: Codec, rows: Batch, training: Source, n: int, source: LatentSource | None, seed: int) -> float:
    """The AUC with which boosted trees tell rows of a batch from samples of the codec, of the group with the most
    float columns: 0.5 where they cannot. Of both at most `n` events are looked at.

    Raises:
        UsageError: no float column can be drawn, the latents cannot come from that source, or there are too few rows.
        MissingExtra: scikit-learn is not installed.
    """
    drawn = sample(codec, min(n, max(1, rows[0].n_rows)), source=source, training=training, seed=seed)
    opened = source_of(drawn.data, "samples")
    if opened is None:
        raise ValueError("samples that are no data")
    samples = all_rows(opened, opened.schema)
    group, names = _judged(rows, {name: values for table in samples for name, values in table.arrays.items()})
    own = next(table for table in rows if table.group.name == group.name)
    other = next(table for table in samples if names[0] in table.arrays)
    numbers = _events(rows, group), _events(samples, other.group)
    few = numbers[0] < n
    try:
        found = classifier_auc(
            _stacked(own, names)[few],
            _stacked(other, names),
            groups=(numbers[0][few], numbers[1]),
            seed=seed,
        )
    except ModuleNotFoundError as error:
        raise MissingExtra("a classifier of samples", "explore", str(error.name)) from error
    return found.value


def _judged(rows: Batch, drawn: dict[str, Any]) -> tuple[Group, list[str]]:
    """The group of which most float columns were drawn, and these."""
    found = [(table.group, [name for name in float_columns(table) if name in drawn]) for table in rows]
    group, names = max(found, key=lambda own: len(own[1]))
    if not names:
        raise UsageError("no float column can be drawn from the codec", way_out="Leave sample_auc out of `measures`")
    return group, names


def _stacked(table: Table, names: list[str]) -> NDArray[np.float64]:
    """Columns float64 (rows, columns)."""
    return np.stack([np.asarray(table[name], np.float64) for name in names], axis=1)


def _events(batch: Batch, group: Group) -> NDArray[np.int64]:
    """The number of the event of each row of a group, int64 (rows,)."""
    events = np.arange(batch[0].n_rows)
    return events if group.counter is None else np.repeat(events, counts_of(batch, group))
