"""The rows that a codec was fitted on, as far as new rows are made from them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from baler_vae.codec.batches import coded_batch
from baler_vae.codec.chance import Kept
from baler_vae.codec.codec import Codec
from baler_vae.codec.density import kept_rows
from baler_vae.codec.finite import check_finite
from baler_vae.codec.groups import known_rows, stored_latents
from baler_vae.codec.manifests import section_name
from baler_vae.codec.rows import Latents
from baler_vae.errors import SourceError, located
from baler_vae.explore.opening import check_encoder, opened_rows
from baler_vae.reader.archive import Archive
from baler_vae.source.dialect import Options
from baler_vae.source.source import Source
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, concatenate

TRAINING_ROWS = 1 << 20
"""About the most training rows of the largest group that new rows are made from."""


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Training rows: the `batch` itself, and by group those out of which values are `kept`, and means and log-variances
    of their `latents`.
    """

    batch: Batch = ()
    kept: Mapping[str, Kept] = field(default_factory=dict)
    latents: Mapping[str, Latents] = field(default_factory=dict)


def read_training_rows(codec: Codec, given: Any, dialect: Options, encoded: Collection[str]) -> TrainingRows:  # noqa: ANN401
    """About the first million rows of what is given, with the latents of the groups `encoded`.

    Raises:
        UsageError: the codec does not fit them, or has no encoder for a group.
        SourceError: they cannot be read, there are none, or a network cannot take them.
    """
    for name in encoded:
        check_encoder(codec, name, given)
    with opened_rows(given, dialect, "training rows") as opened:
        source = opened.as_in(codec.schema)
        schema = codec.match(source)
        batch = _first_rows(source, schema)
        if not batch[0].n_rows:
            raise SourceError("holds no training rows", path=source.path)
        with located(path=source.path):
            if encoded:
                check_finite(batch, codec.bounds)
            latents = {}
            for coded in coded_batch(batch, codec):
                found = known_rows(coded).latents if coded.group.name in encoded else None
                if found is not None:
                    latents[coded.group.name] = found
            return TrainingRows(batch, kept_rows(codec, batch), latents)


def latents_of_archive(codec: Codec, path: str, groups: Collection[str]) -> dict[str, Latents]:
    """Means and log-variances of the latents that an archive holds of some groups; log-variances where they are kept.

    Raises:
        CorruptArchive: it is damaged.
    """
    found: dict[str, Latents] = {}
    with Archive(path) as archive:
        for name in groups:
            model, number = codec.models[name], codec.schema.group_number(name)
            parts = []
            for row_group, n_rows in enumerate(archive.manifest.row_groups):
                wanted = range(model.n_latent_parts)
                data = archive.engine.file.checked_parts(section_name(number, row_group), wanted, model.n_parts)
                parts.append(stored_latents(data, model, n_rows[number]))
            means, log_variances = zip(*parts, strict=True)
            found[name] = np.concatenate(means), np.concatenate(log_variances)
    return found


def _first_rows(source: Source, schema: Schema) -> Batch:
    batches: list[Batch] = []
    n_rows = np.zeros(len(schema.groups), np.int64)
    for batch in source.read(schema):
        batches.append(batch)
        n_rows += [table.n_rows for table in batch]
        if n_rows.max() >= TRAINING_ROWS:
            break
    return concatenate(batches, schema)
