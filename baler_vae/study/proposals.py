"""Guarantees that would allow coarser bounds, and what they cost and save, measured by codecs that keep them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.batches import encode_batch
from baler_vae.errors import UsageError
from baler_vae.evaluation.advice import ColumnAdvice, Proposal
from baler_vae.evaluation.sensitivity import Sensitivity
from baler_vae.guarantees.definitions import Guarantees
from baler_vae.settings.evaluation import CutSettings, EvaluationSettings
from baler_vae.source.source import Source
from baler_vae.study.precision import PrecisionSearch, restored_values
from baler_vae.table.bounds import Bound, bound_of_text
from baler_vae.table.table import Batch, slice_events
from baler_vae.verbs.fit import fit_source
from baler_vae.verbs.request import AskedBound, FitRequest

Values = NDArray[np.generic]
Floats = NDArray[np.float64]

_RELATIVE = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""The relative bounds of a quantity that are tried, the coarsest first."""
_LEAST_SAVING = 0.01
"""The part of the bytes that guarantees must save to be proposed: less is within what the estimate is good for."""
_FINER = (0, 2, 4, 6)
"""By how many bits finer than the coarsest bounds columns are tried: moves of values that are too coarse cost more."""
_MEASURED_EVENTS = 1 << 15
"""The most events on which codecs with guarantees are measured."""

Asked = Sequence[Mapping[str, str | int]]
Measured = Callable[[Sequence[str], Asked], float]
"""The bytes that all rows take under bounds and guarantees, columns by themselves."""


def measuring(
    source: Source, request: FitRequest, batch: Batch, n_rows: Mapping[str, int], settings: EvaluationSettings
) -> Measured:
    """What measures bounds and guarantees on some events of a batch that stands for `n_rows` by group."""
    some = slice_events(batch, 0, min(batch[0].n_rows, _MEASURED_EVENTS))
    grows = [n_rows[table.group.name] / max(1, table.n_rows) for table in some]
    rows = min(request.settings.sample_rows, _MEASURED_EVENTS)
    alone = request.settings.model_copy(update={"kind": "independent", "sample_rows": rows, "objective": None})

    def measured(bounds: Sequence[str], guarantees: Asked) -> float:
        kept = Guarantees.of(guarantees, settings.quantities)
        asked = replace(request, bounds=tuple(map(AskedBound.parsed, bounds)), guarantees=kept, settings=alone)
        try:
            codec = fit_source(source, asked)
        except UsageError:  # nothing passes a cut, or a quantity has no value
            return math.inf
        sections = encode_batch(some, codec)
        return sum(len(section) * grow for section, grow in zip(sections, grows, strict=True))

    return measured


def proposals_for(
    search: PrecisionSearch,
    sensitivity: Sensitivity,
    settings: EvaluationSettings,
    advised: Sequence[ColumnAdvice],
    others: Sequence[str],
    part: float,
    measured: Measured,
) -> tuple[Proposal, ...]:
    """The guarantees on all declared quantities and cuts under which the columns themselves may be coarser than
    `advised`, to which `search` is set; none where that would not save anything worth while.

    A quantity gets the coarsest relative bound by which it moves by less than `part` of its errors; one for which none
    does is not guaranteed. Of the coarsest bounds under which nothing else moves, and somewhat finer ones, those are
    taken that take the fewest bytes with the guarantees, as `measured`.
    """
    before = sensitivity.values({})
    bounds = {own.name: _bound_of(own.name, before[own.name], sensitivity, part) for own in settings.quantities}
    guaranteed = {name: bound for name, bound in bounds.items() if bound is not None}
    if not guaranteed and not settings.cuts:
        return ()
    search.restart(frozenset([*guaranteed, *(cut.cut for cut in settings.cuts)]))
    columns, _ = search.advise()
    guarantees = [_of_quantity(name, bound) for name, bound in guaranteed.items()] + [*map(_of_cut, settings.cuts)]
    tried = []
    for bits in _FINER:
        found = tuple(replace(column, bound=_finer(column.bound, bits)) for column in columns)
        tried.append((measured(_texts(found, others), guarantees), found))
    n_bytes, chosen = min(tried, key=lambda one: one[0])
    plain_bytes = measured(_texts(advised, others), ())
    if not n_bytes <= (1 - _LEAST_SAVING) * plain_bytes:
        return ()
    return (
        Proposal(
            text=_sentence(guarantees, advised, chosen, 1 - n_bytes / plain_bytes),
            bounds=_texts(chosen, others),
            guarantees=tuple(guarantees),
            n_bytes=n_bytes,
            plain_bytes=plain_bytes,
        ),
    )


def _texts(columns: Sequence[ColumnAdvice], others: Sequence[str]) -> tuple[str, ...]:
    """Bounds as `compress` takes them."""
    return (*others, *(f"{column.name}={column.bound}" for column in columns))


def _finer(text: str, bits: int) -> str:
    """A bound with more bits of the mantissa, and a floor that is finer likewise; other bounds as they are."""
    bound = bound_of_text(text)
    if bound.kind != "bits" or not bits:
        return text
    return replace(bound, size=bound.size + bits, floor=bound.floor * 2.0**-bits).text


def _bound_of(name: str, values: Values, sensitivity: Sensitivity, part: float) -> Bound | None:
    """The coarsest relative bound of a quantity (rows,) by which nothing that is measured of it moves too far."""
    for relative in _RELATIVE:
        bound = Bound("rel", relative)
        moved = sensitivity.of({name: restored_values(values, bound)})
        if all(effect.in_errors <= part for effect in moved if effect.name == name):
            return bound
    return None


def _of_quantity(name: str, bound: Bound) -> dict[str, str | int]:
    """A guarantee on a quantity as a project states it."""
    return {"quantity": name, "bound": bound.text}


def _of_cut(cut: CutSettings) -> dict[str, str | int]:
    """A guarantee on a cut as a project states it."""
    return {"cut": cut.cut} if cut.at_least is None else {"cut": cut.cut, "at_least": cut.at_least}


def _sentence(
    guarantees: Sequence[Mapping[str, str | int]],
    advised: Sequence[ColumnAdvice],
    columns: Sequence[ColumnAdvice],
    saved: float,
) -> str:
    """What is guaranteed, with which other bounds than advised, and the part of the bytes that this saves."""
    wanted = [
        f"{own['quantity']} within {own['bound']}"
        if "quantity" in own
        else f"the cut {own['cut']}" + (f" for at least {own['at_least']}" if "at_least" in own else "")
        for own in guarantees
    ]
    named: dict[str, list[str]] = {}
    for before, after in zip(advised, columns, strict=True):
        if before.bound != after.bound:
            named.setdefault(after.bound, []).append(after.name)
    bounds = "; ".join(f"{', '.join(names)} under {bound}" for bound, names in named.items())
    return f"about {100 * saved:.0f} % less with guarantees on {', '.join(wanted)}: {bounds}"
