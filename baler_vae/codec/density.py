"""A codec as a density: new rows of its columns, drawn by decoding random bits.

A codec gives every row a probability: that of each column's code under its table, or under what its network makes of
the columns before it, of the event, and of the objects before. A decoder that is fed with random bits draws from it:
event columns first, then each collection, as many objects as its counter says, rank by rank. What a formula predicts
is predicted from what was drawn, so that formulas hold.

Columns that have no probabilities, since they are kept as text or as numbers in their order, are taken from the rows
that a codec was trained on, where these are at hand: whole rows of all such columns of a group together. Otherwise
they are left out, and with them what a formula makes of them. A network that looks at such a column, at a number of
the event say, sees codes from anywhere in its ranges instead.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from baler_vae.codec.batches import assembled_batch, coded_batch
from baler_vae.codec.chance import Chance, Kept, Latents
from baler_vae.codec.codec import Codec
from baler_vae.codec.drawing import (
    Tally,
    Target,
    can_draw,
)
from baler_vae.codec.filling import fill_group
from baler_vae.codec.groups import known_rows
from baler_vae.codec.provenance import number_of
from baler_vae.codec.rows import Events
from baler_vae.entropy.alphabet import Alphabet
from baler_vae.errors import UsageError
from baler_vae.grid.codes import Codes
from baler_vae.model.coders import differences
from baler_vae.model.columns import Celled, Coded, Contextual, Free, Neighboured, Networked, Plain
from baler_vae.model.group import GroupModel
from baler_vae.scale.parallel import in_parallel
from baler_vae.table.schema import Column, Group, Schema
from baler_vae.table.table import ROW_GROUP_ROWS, Batch, Table

_NO_CHANCE: Final = "it is kept as values, which have no probabilities"
_NO_LATENTS: Final = "its latents have no probabilities"


@dataclass(frozen=True)
class Drawable:
    """What can be drawn from a codec: the `schema` of those columns; why others are `left_out`, by name; those that are
    `predicted`: what their formulas give, without the differences from it, which have no probabilities; and those that
    are taken `from_rows` that are at hand. Of columns that are left out but networks look at, `ranges` has those in
    which they see codes.
    """

    schema: Schema
    left_out: Mapping[str, str]
    predicted: tuple[str, ...] = ()
    from_rows: tuple[str, ...] = ()
    ranges: Mapping[str, Alphabet] = field(default_factory=dict)


def kept_rows(codec: Codec, batch: Batch) -> dict[str, Kept]:
    """The rows of a batch, by group, as those out of which values without probabilities are taken.

    Raises:
        SourceError: an event has too many rows.
        UsageError: the codec has no model for a group.
    """
    found = {}
    for coded in coded_batch(batch, codec):
        chosen = {
            name: column
            for name, column in coded.model.columns.items()
            if isinstance(column, Coded) and column.coder.table is None
        }
        own = {name: coded.codes[name] for name in chosen}
        if any(column.predicted for column in chosen.values()):
            rows = known_rows(coded)
            for name, column in chosen.items():
                predicted = rows.predicted_codes(name) if column.predicted else None
                if predicted is not None:
                    less = differences(own[name].codes, predicted, column.grid)
                    own[name] = Codes(less, own[name].restored, own[name].verbatim)
        values = {n: array for n, array in coded.values.items() if isinstance(coded.model.columns[n], Plain)}
        found[coded.group.name] = Kept(coded.n_rows, values, own)
    return found


def drawable(codec: Codec, *, kept: Collection[str] = (), latents: Collection[str] = ()) -> Drawable:
    """What can be drawn from a codec, where rows are at hand of the groups `kept`, and latents of the groups `latents`.

    Raises:
        UsageError: nothing can.
    """
    schema, left_out, predicted, from_rows = codec.schema, dict[str, str](), [], []
    ranges = _ranges(codec)
    for group in schema.groups:
        model = codec.models[group.name]
        for column in group.columns:
            own = model.columns[column.name]
            reason = _reason(column, model, has_rows=group.name in kept, has_latents=group.name in latents)
            if reason == _NO_CHANCE and isinstance(own, Coded) and own.predicted:
                predicted.append(column.name)
            elif reason:
                left_out[column.name] = reason
            elif isinstance(own, Plain) or (isinstance(own, Coded) and own.coder.table is None):
                from_rows.append(column.name)
        _leave_out_dependents(group, model, schema, left_out, ranges.keys())
    wanted = [name for name in schema.order if name not in left_out]
    if not wanted:
        name, reason = next(iter(left_out.items()))
        raise UsageError(
            "no column of the codec can be drawn",
            column=name,
            found=reason,
            way_out="Give rows from which such values are taken: --training FILE",
        )
    return Drawable(
        schema.only(wanted),
        left_out,
        tuple(name for name in predicted if name not in left_out),
        tuple(name for name in from_rows if name not in left_out),
        {name: alphabet for name, alphabet in ranges.items() if name in left_out},
    )


def _reason(  # noqa: C901, PLR0911  one for each kind of column
    column: Column, model: GroupModel, *, has_rows: bool, has_latents: bool
) -> str:
    """Why a column cannot be drawn; nothing where it can."""
    own = model.columns[column.name]
    no_latents = not has_latents and (not model.steps or any(coder.table is None for coder in model.latents))
    latents = range(len(model.columns), model.first_event_source)
    match own:
        case Free():
            return _NO_LATENTS if model.decoder is not None and no_latents else ""
        case Plain():
            if column.is_nested:
                return "it is nested"
            return "" if has_rows else _NO_CHANCE
        case Networked():
            if no_latents and model.sources_of(column.name) & set(latents):
                return _NO_LATENTS
            alphabet = own.conditional.alphabet
        case Contextual():
            alphabet = own.context.tables.alphabet
        case Neighboured():
            alphabet = own.neighbours.context.tables.alphabet
        case Celled():
            if no_latents and own.cells.sources & set(latents):
                return _NO_LATENTS
            alphabet = own.cells.network.alphabet
        case Coded():
            if own.coder.table is None:
                return "" if has_rows else _NO_CHANCE
            alphabet = own.coder.table.alphabet
    return "" if can_draw(alphabet, Target(column.name, own.grid, column.dtype)) else "no value of it has a code"


def _ranges(codec: Codec) -> dict[str, Alphabet]:
    """The ranges in which networks see the columns that have codes without probabilities, by name, where codes in them
    have values.
    """
    found = dict[str, Alphabet]()
    for group in codec.schema.groups:
        model = codec.models[group.name]
        sources = {source for name in group.names for source in model.sources_of(name)}
        for source in sources & model.views.keys():
            name = _name_of(source, model, codec.schema)
            if name is None:
                continue
            home, view = codec.schema.group_of(name), model.views[source]
            own = codec.models[home.name].columns[name]
            if not isinstance(own, Coded) or own.coder.table is not None or own.predicted:
                continue
            if can_draw(view, Target(name, own.grid, home.column(name).dtype)):
                found[name] = view
    return found


def _name_of(source: int, model: GroupModel, schema: Schema) -> str | None:
    """The column that a source of a group's networks is; None of a latent."""
    if source < len(model.columns):
        return model.names[source]
    first = model.first_event_source
    return None if source < first else schema.events.names[source - first]


def _leave_out_dependents(
    group: Group, model: GroupModel, schema: Schema, left_out: dict[str, str], seen: Collection[str]
) -> None:
    """Leaves out the columns of a group that depend on those that are left out; networks can do without the values of
    those that are `seen` in ranges.
    """
    if group.counter in left_out:
        left_out |= dict.fromkeys(group.names, f"its counter {group.counter} is left out")
    needed = {name: set(formula.names) if (formula := model.formula(name)) else set[str]() for name in group.names}
    for name in group.names:
        sources = {_name_of(source, model, schema) for source in model.sources_of(name)}
        needed[name] |= {source for source in sources if source is not None and source not in seen}
    for mask in schema.masks:
        if mask.values in needed:
            needed[mask.values].add(mask.missing)
            needed[mask.missing].add(mask.values)
    changed = True
    while changed:
        changed = False
        for name in group.names:
            missing = sorted(needed[name] & left_out.keys())
            if missing and name not in left_out:
                left_out[name] = f"it depends on {missing[0]}, which is left out"
                changed = True


def sample_batches(
    codec: Codec,
    n_events: int,
    generator: np.random.Generator,
    *,
    latents: Mapping[str, Latents] | None = None,
    kept: Mapping[str, Kept] | None = None,
    tally: Tally | None = None,
) -> Iterator[Batch]:
    """New events of the columns of `drawable`, in batches of about as many rows as a row group has, in a few threads;
    the same generator gives the same values. `latents` are drawn by group where they do not come from their own tables;
    `kept` has the rows, by group, out of which values without probabilities are taken; a `tally` counts what was drawn
    again.

    Raises:
        UsageError: no column can be drawn.
    """
    rows_of = [name for name, rows in (kept or {}).items() if rows.n_rows]
    found = drawable(codec, kept=rows_of, latents=(latents or {}).keys())

    def draw(task: tuple[int, np.random.Generator]) -> tuple[Batch, Tally]:
        n_rows, own = task
        drawn = Tally()
        return _drawn_batch(codec, found, n_rows, own, latents or {}, kept or {}, drawn), drawn

    for batch, drawn in in_parallel(draw, _tasks(codec, n_events, generator)):
        if tally is not None:
            tally.add(drawn)
        yield batch


def _tasks(codec: Codec, n_events: int, generator: np.random.Generator) -> Iterator[tuple[int, np.random.Generator]]:
    """The number of events of each batch, with a generator for it."""
    n_events_fitted, *others = [number_of(codec.fits.get(g.name, {}), "rows") or 0.0 for g in codec.schema.groups]
    rows_of_event = max(others, default=0.0) / max(1.0, n_events_fitted)
    at_once = max(1, round(ROW_GROUP_ROWS / max(1.0, rows_of_event)))
    for start in range(0, n_events, at_once):
        yield min(at_once, n_events - start), generator.spawn(1)[0]


def _drawn_batch(
    codec: Codec,
    found: Drawable,
    n_events: int,
    generator: np.random.Generator,
    latents: Mapping[str, Latents],
    kept: Mapping[str, Kept],
    tally: Tally,
) -> Batch:
    counters = {group.counter for group in codec.schema.groups}

    def drawn(number: int, wanted: Group, events: Events | None) -> Table:
        group = codec.schema.groups[number]
        model = codec.models[group.name]
        n_rows = n_events if events is None else int(events.counts.sum())
        own = kept.get(group.name)
        rows = None if own is None or not own.n_rows else generator.integers(0, own.n_rows, n_rows)
        supply = Chance(model, counters, found.ranges, generator, latents.get(group.name), own, rows, tally)
        return Table(wanted, fill_group(supply, model, group, wanted, n_rows, events))

    return assembled_batch(drawn, codec.models, codec.schema, found.schema)
