"""The rows of an input as a codec sees them, and the scores that follow."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.batches import coded_batch
from baler_vae.codec.codec import Codec
from baler_vae.codec.filling import decode_free_columns
from baler_vae.codec.finite import LARGEST
from baler_vae.codec.groups import known_rows, quantise_latents
from baler_vae.codec.lengths import MOVES, Lengths, add_moves, check_has_encoder, lengths_of
from baler_vae.codec.observations import observation_variances
from baler_vae.evaluation.residuals import half_widths
from baler_vae.grid.uniform import UniformGrid
from baler_vae.measures.cells import as_matrix
from baler_vae.measures.likelihood import Cloud, negative_elbo
from baler_vae.measures.scores import EVENT
from baler_vae.model.group import GroupModel, scores_of
from baler_vae.model.network import LARGEST_ACTIVATION, apply_network
from baler_vae.model.transform import Transform
from baler_vae.table.table import Batch, Table, counts_of

_LEAST_VARIANCE: Final = 1e-12
"""Of scores, whose variance is about 1: constants that a decoder gives exactly would be infinitely sharp."""

Floats = NDArray[np.float64]
Levels = dict[str, dict[str, Floats]]
"""By level and score, float64 (rows,)."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Rows of a group as its model sees them, in the order of the table.

    `bits` by column, and key of `codec.lengths`, float64 (rows,); `wrong` bool (rows,) where a value that a network
    needs is not finite or beyond its reach; `latents` and `log_variances` float32 (rows, k) and (rows, k) or (rows, 0),
    where there is an encoder;
    where there is a decoder the `values` of its columns and the `restored` ones, float64 (rows, columns), and `scores`
    float32 (rows, columns), the values as the network has them. Where columns are arrays, each cell of them is one
    there, and `cells` are the numbers of cells of the columns.
    """

    bits: Mapping[str, Floats]
    wrong: NDArray[np.bool_]
    latents: NDArray[np.float32] | None = None
    log_variances: NDArray[np.float32] | None = None
    values: Floats | None = None
    restored: Floats | None = None
    scores: NDArray[np.float32] | None = None
    cells: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class SeenRows:
    """All rows of an input: by group `seen`, and by collection the `counts` int64 (events,)."""

    n_events: int
    seen: Mapping[str, Seen]
    counts: Mapping[str, NDArray[np.int64]]

    def events_of(self, group: str) -> NDArray[np.int64]:
        """The event of each row of a collection, int64 (rows,)."""
        return np.repeat(np.arange(self.n_events), self.counts[group])

    def leading(self, group: str, n: int | None) -> NDArray[np.bool_]:
        """Which rows of a collection are among the first n of their event, bool (rows,); all where n is None."""
        counts = self.counts[group]
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return place < n if n is not None else np.ones(len(place), np.bool_)


@dataclass(frozen=True, eq=False)
class Reference:
    """What the scores of a group are measured by: the `cloud` of its latents; for the columns of a decoder half the
    `widths` of their central 68.27 %, in their units, and the `variances` of the residuals as the network has them,
    float64 (columns,) each; and by column the mean and the standard deviation of its `bits`, where these vary.
    """

    cloud: Cloud | None
    widths: Floats
    variances: Floats
    bits: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def has_directions(self) -> bool:
        """Whether latents vary, so that a distance has a unit."""
        return self.cloud is not None and self.cloud.whitening.shape[1] > 0


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def seen_rows(codec: Codec, batches: Iterable[Batch]) -> SeenRows:
    """All rows of batches, which have the groups of the codec's schema.

    Raises:
        UsageError: the codec has no model for a group, or its latents need an encoder which is not there.
        SourceError: an event has too many rows.
    """
    for name, model in codec.models.items():
        check_has_encoder(name, model)
    found: dict[str, list[Seen]] = {group.name: [] for group in codec.schema.groups}
    counts: dict[str, list[NDArray[np.int64]]] = {group.name: [] for group in codec.schema.groups[1:]}
    for batch in batches:
        for name, seen in _seen(codec, batch).items():
            found[name].append(seen)
        for table in batch[1:]:
            counts[table.group.name].append(counts_of(batch, table.group))
    first = found[codec.schema.events.name]
    return SeenRows(
        sum(len(one.wrong) for one in first),
        {name: _joined(parts) for name, parts in found.items()},
        {name: np.concatenate(parts) for name, parts in counts.items()},
    )


def _seen(codec: Codec, batch: Batch) -> dict[str, Seen]:
    cleaned = [_cleaned(table, codec.models[table.group.name]) for table in batch]
    wrong = {table.group.name: rows for table, rows in cleaned}
    found: dict[str, Seen] = {}
    lengths: Lengths = {}
    for coded, table in zip(coded_batch(tuple(table for table, _ in cleaned), codec), batch, strict=True):
        rows, model, name = known_rows(coded), coded.model, coded.group.name
        lengths[name] = lengths_of(coded, rows)
        add_moves(lengths, coded)
        found[name] = Seen({}, wrong[name])
        if rows.latents is None:
            continue
        latents, log_variances = (coded.layout.restore(array) for array in rows.latents)
        found[name] = replace(found[name], latents=latents, log_variances=log_variances)
        if model.decoder is not None:
            own = cleaned[list(found).index(name)][0]
            restored = decode_free_columns(model.decoder, _rounded(latents, model), table.group)
            names = model.decoder.columns
            found[name] = replace(
                found[name],
                values=as_matrix({column: own[column] for column in names}),
                restored=as_matrix({column: restored[column] for column in names}),
                cells=model.decoder.cells if any(model.decoder.shapes) else (),
                scores=scores_of(names, _transforms(model, names), own.arrays, model.decoder.shapes),
            )
    return {name: replace(one, bits=lengths[name]) for name, one in found.items()}


def _cleaned(table: Table, model: GroupModel) -> tuple[Table, NDArray[np.bool_]]:
    """A table whose columns under `free` hold nothing that a network cannot take, and the rows (rows,) that did."""
    wrong = np.zeros(table.n_rows, np.bool_)
    if model.decoder is None:
        return table, wrong
    arrays, centres = dict(table.arrays), {}
    names = model.decoder.columns
    for name, transform in zip(names, _transforms(model, names), strict=True):
        values = arrays[name].astype(np.float64).reshape(table.n_rows, -1)  # (rows, cells)
        finite = np.abs(values) <= LARGEST
        scores = transform.forward(np.where(finite, values, 0.0))
        wrong |= ~(finite & (np.abs(scores) < LARGEST_ACTIVATION)).all(axis=1)
        centres[name] = transform.inverse(np.zeros(1))[0]
    for name, centre in centres.items():
        arrays[name] = arrays[name].copy()
        arrays[name][wrong] = centre
    return Table(table.group, arrays), wrong


def _transforms(model: GroupModel, names: tuple[str, ...]) -> tuple[Transform, ...]:
    """How columns become the scores that an encoder sees."""
    if model.encoder is None:
        raise ValueError("a group without an encoder sees no scores")
    found = dict(zip(model.encoder.columns, model.encoder.transforms, strict=True))
    return tuple(found[name] for name in names)


def decoded_scores(model: GroupModel, latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scores float32 (rows, scores), as an encoder would see them, of what is decoded from latents (rows, k): those
    of each column behind those of the columns before it.
    """
    if model.decoder is None:
        raise ValueError("a group without a decoder has no scores")
    decoder = model.decoder
    outputs: NDArray[np.float32] = apply_network(decoder.network, latents)
    inward = _transforms(model, decoder.columns)
    for inner, outer, place in zip(inward, decoder.transforms, decoder.places, strict=True):
        # Outputs of networks that were trained on cross entropy are logits of the scores.
        if not (np.array_equal(inner.values, outer.values) and np.array_equal(inner.scores, outer.scores)):
            outputs[:, place] = inner.forward(outer.inverse(outputs[:, place]))
    return np.hstack([outputs[:, place] for place in decoder.places]) if any(decoder.shapes) else outputs


def _rounded(latents: NDArray[np.float32], model: GroupModel) -> NDArray[np.float32]:
    """Latents (rows, k) as a reader of an archive gets them."""
    if not model.steps:
        return latents
    codes = quantise_latents(latents, model.steps)
    steps = zip(model.steps, codes, strict=True)
    return np.stack([UniformGrid(step).dequantise(code) for step, code in steps], axis=1).astype(np.float32)


def _joined(parts: list[Seen]) -> Seen:
    if len(parts) == 1:
        return parts[0]

    def join(name: str) -> NDArray[np.generic] | None:
        arrays = [getattr(part, name) for part in parts]
        return None if not arrays or arrays[0] is None else np.concatenate(arrays)

    names = ("latents", "log_variances", "values", "restored", "scores")
    bits = {name: np.concatenate([part.bits[name] for part in parts]) for name in (parts[0].bits if parts else ())}
    wrong = np.concatenate([part.wrong for part in parts]) if parts else np.zeros(0, np.bool_)
    cells = parts[0].cells if parts else ()
    return Seen(bits, wrong, cells=cells, **{name: join(name) for name in names})  # type: ignore[arg-type]


def reference_of(seen: Seen) -> Reference:
    """What scores are measured by, as these rows tell."""
    used = ~seen.wrong
    cloud = None if seen.latents is None else Cloud.of(seen.latents[used])
    widths = np.empty(0)
    if seen.values is not None:
        ends = np.cumsum((0, *seen.cells)) if seen.cells else np.arange(seen.values.shape[1] + 1)
        own = [_width(seen.values[used, start:stop]) for start, stop in pairwise(ends)]
        widths = np.repeat(own, np.diff(ends))
    of_columns = {name: own[used] for name, own in seen.bits.items() if name != MOVES}
    varying = {name: own for name, own in of_columns.items() if used.any() and np.ptp(own)}
    bits = {name: (float(own.mean()), float(own.std())) for name, own in varying.items()}
    return Reference(cloud, widths, np.empty(0), bits)


def _width(values: Floats) -> float:
    """Half the width of the central 68.27 % of values (rows, 1), 0 where they have none; of all cells of arrays (rows,
    cells) together, or their standard deviation where that is zero: most cells of sparse images are the same.
    """
    return half_widths(values.reshape(-1))[0] or (float(values.std()) if values.shape[1] > 1 and values.size else 0.0)


def with_variances(reference: Reference, seen: Seen, codec: Codec, group: str) -> Reference:
    """The same with the variances that the objective learnt; where it learnt none, with the mean squares of what the
    decoder, from the means of the latents, leaves of the scores of these rows.
    """
    model = codec.models[group]
    if seen.scores is None or seen.latents is None or model.decoder is None:
        return reference
    learnt = observation_variances(codec, group)
    if learnt is not None:
        variances = np.array([learnt[name] for name in model.decoder.columns])
        return replace(reference, variances=np.repeat(variances, model.decoder.cells))
    used = ~seen.wrong
    residuals = (seen.scores - decoded_scores(model, seen.latents))[used].astype(np.float64)
    variances = np.mean(residuals**2, axis=0) if used.any() else np.ones(seen.scores.shape[1])
    return replace(reference, variances=np.maximum(variances, _LEAST_VARIANCE))


def has_elbo(seen: Seen) -> bool:
    """Whether the rows of a group have a posterior that is normal, and scores that it tells of."""
    return (
        seen.scores is not None
        and seen.latents is not None
        and seen.log_variances is not None
        and seen.log_variances.shape == seen.latents.shape
    )


def row_scores(
    seen: Seen, reference: Reference, model: GroupModel, *, n_samples: int, generator: np.random.Generator
) -> dict[str, Floats]:
    """The scores of rows by name, float64 (rows,), NaN where a network cannot take a row.

    `standard_bits` is the sum over columns of their bits less the mean of these, in units of their standard deviation;
    `squared_error` that in units of their widths; columns without a deviation or width are left out. There is no
    `squared_error` where no column has a width, and no `mahalanobis` where latents do not vary. The square of the
    latter adds up over rows as the others do.
    """
    found: dict[str, Floats] = {}
    if seen.bits:
        found["bits"] = np.sum(list(seen.bits.values()), axis=0)
    if reference.bits:
        moved = [(seen.bits[name] - mean) / deviation for name, (mean, deviation) in reference.bits.items()]
        found["standard_bits"] = np.sum(moved, axis=0)
    if seen.values is not None and seen.restored is not None:
        kept = reference.widths > 0
        if kept.any():
            missed = (seen.values - seen.restored)[:, kept] / reference.widths[kept]
            found["squared_error"] = np.sum(missed**2, axis=1)
    if model.decoder is not None and has_elbo(seen):
        found["negative_elbo"] = negative_elbo(
            seen.scores,  # type: ignore[arg-type]  # they are there
            seen.latents,  # type: ignore[arg-type]
            seen.log_variances,  # type: ignore[arg-type]
            lambda latents: decoded_scores(model, latents),
            reference.variances,
            n_samples=n_samples,
            generator=generator,
        )
    if reference.cloud is not None and reference.has_directions and seen.latents is not None:
        found["mahalanobis"] = np.sqrt(reference.cloud.squared_distances(seen.latents))
    return {name: np.where(seen.wrong, np.nan, values) for name, values in found.items()}


def levels_of(rows: SeenRows, scores: Mapping[str, Mapping[str, Floats]], n_objects: int | None = None) -> Levels:
    """The scores of whole events, from those of the rows of each group, and those of the rows of collections.

    The score of an event is the sum over all groups that have it (of the Mahalanobis distance the root of the sum of
    squares); beside it stand the part of each group, where several have it, and the mean over the rows of a collection.
    Of a collection the first `n_objects` rows of an event count, or all.
    """
    (first, *others) = rows.seen
    events: dict[str, Floats] = {}
    names = list(dict.fromkeys(name for own in scores.values() for name in own))
    counted = {group: rows.leading(group, n_objects) for group in others}
    for name in names:
        power = 2.0 if name == "mahalanobis" else 1.0
        parts = {first: scores[first][name] ** power} if name in scores[first] else {}
        means = {}
        for group in others:
            if name in scores[group]:
                own = counted[group]
                events_of, values = rows.events_of(group)[own], scores[group][name][own]
                parts[group] = np.bincount(events_of, values**power, rows.n_events).astype(np.float64)
                with np.errstate(invalid="ignore"):
                    means[group] = parts[group] / np.bincount(events_of, minlength=rows.n_events)
        events[name] = np.sum(list(parts.values()), axis=0) ** (1 / power)
        shown = parts if len(parts) > 1 else {}
        events |= {f"{name}_{group}": own ** (1 / power) for group, own in shown.items()}
        events |= {f"{name}_{group}_mean": own ** (1 / power) for group, own in means.items()}
    return {EVENT: events, **{group: dict(scores[group]) for group in others}}
