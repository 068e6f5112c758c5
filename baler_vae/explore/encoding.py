"""The rows of a group and their latents."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.codec import Codec
from baler_vae.codec.filling import decode_free_columns
from baler_vae.codec.groups import latents_of
from baler_vae.codec.observations import posterior_of_codec
from baler_vae.errors import UsageError, located, nearest
from baler_vae.explore.opening import all_rows, check_encoder, with_nan_for_missing
from baler_vae.measures.information import LatentInformation, latent_information, noise_variance_of
from baler_vae.model.group import GroupModel
from baler_vae.source.source import Source
from baler_vae.table.schema import Group, Schema
from baler_vae.table.table import Batch, counts_of

Values = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Posterior:
    """What kind of latents an encoder gives: `kind` as in the settings, `snr` the ratio of powers under noise, and how
    many `categories` each categorical latent has, behind the others.
    """

    kind: str
    snr: float | None = None
    categories: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class EncodedRows:
    """Rows of a group whose columns are finite, and their latents.

    `values` are the columns (rows,) that the encoder sees and those that were asked for besides; `event` and `row`
    int64 (rows,) number events and the rows of the group; `means` float32 (rows, k) and `log_variances` float32
    (rows, continuous latents) or (rows, 0) are those of the posterior, `probabilities` float64 (rows, categories) those
    of each categorical latent; `n_left_out` other rows have a value that is not finite. `batch` is what was read, with
    all rows. What is missing is NaN, in float64.
    """

    group: Group
    model: GroupModel
    posterior: Posterior
    values: Values
    event: NDArray[np.int64]
    row: NDArray[np.int64]
    means: NDArray[np.float32]
    log_variances: NDArray[np.float32]
    probabilities: tuple[NDArray[np.float64], ...]
    n_left_out: int
    batch: Batch

    @property
    def n_continuous(self) -> int:
        """The latents before those of categories."""
        return int(self.means.shape[1]) - sum(self.posterior.categories)

    @cached_property
    def noise_variance(self) -> float | None:
        """The variance of the noise that the posterior adds to each latent; None where it adds none of that kind."""
        snr = self.posterior.snr
        return None if snr is None else noise_variance_of(self.means[:, : self.n_continuous], snr)

    @cached_property
    def information(self) -> tuple[LatentInformation, ...]:
        """What each latent before those of categories tells of a row."""
        n = self.n_continuous
        steps = self.model.steps if self.posterior.kind == "point" else ()
        return latent_information(
            self.means[:, :n], self.log_variances[:, :n], noise_variance=self.noise_variance, steps=steps
        )

    @property
    def encoded(self) -> Values:
        """The columns that the encoder sees."""
        return {name: self.values[name] for name in encoder_columns(self.model)}


def encoder_columns(model: GroupModel) -> tuple[str, ...]:
    """The columns that the encoder of a model sees."""
    return () if model.encoder is None else model.encoder.columns


def groups_with_latents(codec: Codec, given: Any, wanted: str | None, *, encoder: bool = True) -> tuple[str, ...]:  # noqa: ANN401
    """The wanted group of a codec, or all of those with latents; with an `encoder` unless that is false.

    Raises:
        UsageError: there is no such group, or none with latents, or no encoder.
    """
    names = [group.name for group in codec.schema.groups]
    path = None if isinstance(given, Codec) else given
    if wanted is not None and wanted not in names:
        raise UsageError(f"there is no group {wanted!r}: {nearest(wanted, names)}", path=path)
    found = [wanted] if wanted is not None else [name for name in names if codec.models[name].n_latents]
    if not found:
        raise UsageError(
            "has no latents" if path is not None else "a codec without latents",
            path=path,
            way_out="Fit one that has: baler-vae fit --model vae, or --model ae",
        )
    for name in found:
        if encoder or not codec.models[name].n_latents:
            check_encoder(codec, name, given)
    return tuple(found)


def only_group(codec: Codec, given: Any, wanted: str | None, *, encoder: bool = True) -> str:  # noqa: ANN401
    """The one group with latents, or the wanted one.

    Raises:
        UsageError: as `groups_with_latents`, or there are several.
    """
    found = groups_with_latents(codec, given, wanted, encoder=encoder)
    if len(found) > 1:
        raise UsageError(f"several groups have latents: {', '.join(found)}", way_out="Choose one with --group")
    return found[0]


def posterior_of(codec: Codec, group: str) -> Posterior:
    """What a codec says of the latents of a group."""
    model, said = codec.models[group], posterior_of_codec(codec, group)
    if said is not None:
        is_noisy = said.kind == "noisy"
        return Posterior(said.kind, said.ratio if is_noisy else None, said.categories if said.kind == "joint" else ())
    is_plain = model.encoder is None or model.encoder.network[-1].n_outputs == model.n_latents
    return Posterior("point" if is_plain else "gaussian")


def encode_rows(
    codec: Codec, source: Source, name: str, extra: Sequence[str] = (), *, selected: Iterable[str] = ()
) -> EncodedRows:
    """The rows of a group and their latents, with `extra` columns of the group or of the events; columns that are
    `selected` are read besides.

    Raises:
        UsageError: the source lacks a column, has it in another group or as something else, or an extra column is no
            number, or of another collection; values are too far from those of the fit.
        SourceError: it cannot be read.
    """
    model, wanted = codec.models[name], codec.schema.groups[codec.schema.group_number(name)]
    columns = encoder_columns(model)
    group = _group_in(source.schema, wanted, columns, source.path)
    for column in extra:
        _check_extra(source.schema, group, column, source.path)
    schema = source.schema.only({*columns, *extra, *selected})
    batch = with_nan_for_missing(all_rows(source, schema), schema)
    table = next(table for table in batch if table.group.name == group.name)
    event = np.arange(batch[0].n_rows)
    if group.counter is not None:
        event = np.repeat(event, counts_of(batch, group))
    finite = np.ones(table.n_rows, np.bool_)
    for column in columns:
        finite &= np.isfinite(table[column].astype(np.float64))
    values = {column: table[column][finite] for column in columns}
    for column in extra:
        if column in table.arrays:
            values[column] = table[column][finite]
        else:
            values[column] = batch[0][column][event[finite]]
    if not finite.any():
        raise UsageError(
            f"holds no rows of {name} whose values are all finite", path=source.path, rows=f"{len(finite):,} rows"
        )
    seen = {column: values[column] for column in columns}
    with located(path=source.path):
        means, log_variances = latents_of(seen, model, bounded=model.decoder is None, group=name)
    encoder = model.encoder
    return EncodedRows(
        group=group,
        model=model,
        posterior=posterior_of(codec, name),
        values=values,
        event=event[finite].astype(np.int64),
        row=np.flatnonzero(finite).astype(np.int64),
        means=means,
        log_variances=log_variances,
        probabilities=encoder.probabilities(encoder.scores(seen)) if encoder is not None else (),
        n_left_out=int(np.count_nonzero(~finite)),
        batch=batch,
    )


def decoded(codec: Codec, group: str, latents: NDArray[np.floating[Any]]) -> dict[str, NDArray[np.generic]]:
    """The columns of a group that latents (rows, k) decode to, (rows,) each, in their units and dtypes.

    Raises:
        UsageError: no column is what the latents give: all of them keep a bound.
    """
    model = codec.models[group]
    if model.decoder is None:
        raise UsageError(
            f"no column of {group} is decoded from latents: all keep a bound, which latents alone cannot",
            way_out="Fit a codec with --bound free",
        )
    schema_group = codec.schema.groups[codec.schema.group_number(group)]
    return dict(decode_free_columns(model.decoder, latents.astype(np.float32), schema_group))


def codec_name(given: Any) -> str:  # noqa: ANN401  a codec or a path
    """What a codec is called in results."""
    return repr(given) if isinstance(given, Codec) else Path(given).name


def _group_in(schema: Schema, wanted: Group, columns: Sequence[str], path: str) -> Group:
    """The group of a schema that has the columns of an encoder."""
    missing = [name for name in columns if name not in schema.order]
    if missing:
        raise UsageError(
            f"does not hold columns that the codec was fitted on: {', '.join(missing[:8])}"
            + (f" and {len(missing) - 8:,} more" if len(missing) > 8 else ""),
            path=path,
            way_out="Name a file with the same columns, or fit a codec on this one",
        )
    homes = {schema.group_of(name).name: schema.group_of(name) for name in columns}
    group = next(iter(homes.values()))
    if len(homes) > 1 or (group.counter is None) != (wanted.counter is None):
        raise UsageError(
            f"the columns of {wanted.name} form other groups here than in the codec: {', '.join(homes)}", path=path
        )
    for name in columns:
        if not group.column(name).is_scalar:
            raise UsageError("is not a number here", path=path, column=name, found=group.column(name).kind)
    return group


def _check_extra(schema: Schema, group: Group, name: str, path: str) -> None:
    if name not in schema.order:
        raise UsageError(f"there is no column {name!r}: {nearest(name, schema.order)}", path=path, column=name)
    home = schema.group_of(name)
    if home.name not in {group.name, schema.events.name}:
        raise UsageError(
            f"is a column of {home.name}, which has other rows than {group.name}",
            path=path,
            column=name,
            way_out="Name one of the events" if group.counter is None else f"Name one of {group.name} or of the events",
        )
    if not home.column(name).is_scalar:
        raise UsageError(
            "cannot colour points: it is not a number, an integer or a flag",
            path=path,
            column=name,
            found=home.column(name).kind,
        )
