"""Guarantees that would allow coarser bounds: what they might cost, and save."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from baler_vae.evaluation.advice import ColumnAdvice, Proposal
from baler_vae.evaluation.sensitivity import Sensitivity
from baler_vae.settings.evaluation import CutSettings, EvaluationSettings
from baler_vae.study.precision import PrecisionSearch, restored_values
from baler_vae.table.bounds import Bound

Values = NDArray[np.generic]
Floats = NDArray[np.float64]

_RELATIVE = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""The relative bounds of a quantity that are tried, the coarsest first."""
_LEAST_SAVING = 0.01
"""The part of the bytes that guarantees must save to be proposed: less is within what the estimate is good for."""
_VERBATIM_BITS = 64.0
"""What a row costs whose quantity no step mends."""
_PLACE_BITS = 16.0
"""What a row costs that would change sides of a cut: where it is, and a finer value."""


def proposals_for(
    search: PrecisionSearch,
    sensitivity: Sensitivity,
    settings: EvaluationSettings,
    advised: Sequence[ColumnAdvice],
    others: Sequence[str],
    part: float,
) -> tuple[Proposal, ...]:
    """The guarantees on all declared quantities and cuts under which the columns themselves may be coarser than
    `advised`, to which `search` is set; none where that would not save anything worth while.

    A quantity gets the coarsest relative bound by which it moves by less than `part` of its errors; one for which none
    does is not guaranteed. Bytes are estimated by each column on its own, and the misses on the sample.
    """
    before = sensitivity.values({})
    bounds = {own.name: _bound_of(own.name, before[own.name], sensitivity, part) for own in settings.quantities}
    guaranteed = {name: bound for name, bound in bounds.items() if bound is not None}
    if not guaranteed and not settings.cuts:
        return ()
    search.restart(frozenset([*guaranteed, *(cut.cut for cut in settings.cuts)]))
    columns, _ = search.advise()
    restored = search.restored()
    after = sensitivity.values(restored)
    bits = sum(
        repair_bits(before[name].astype(np.float64), after[name].astype(np.float64), bound)
        * sensitivity.rows_of(name)
        / max(1, len(before[name]))
        for name, bound in guaranteed.items()
    )
    bits += sum(_PLACE_BITS * (sides.n_in + sides.n_out) * grows for sides, grows in sensitivity.migrations(restored))
    plain_bytes = sum(column.n_bytes for column in advised)
    n_bytes = sum(column.n_bytes for column in columns) + bits / 8
    if n_bytes > (1 - _LEAST_SAVING) * plain_bytes:
        return ()
    guarantees = [_of_quantity(name, bound) for name, bound in guaranteed.items()] + [*map(_of_cut, settings.cuts)]
    return (
        Proposal(
            text=_sentence(guarantees, advised, columns, 1 - n_bytes / plain_bytes),
            bounds=(*others, *(f"{column.name}={column.bound}" for column in columns)),
            guarantees=tuple(guarantees),
            n_bytes=n_bytes,
            plain_bytes=plain_bytes,
        ),
    )


def repair_bits(before: Floats, after: Floats, bound: Bound) -> float:
    """The bits that a guarantee on a quantity takes for all rows, by its values (rows,) float64 before and after.

    Of each row a flag says whether it misses; one that does gets as many finer steps of one column as it misses by, and
    a bit for the side.
    """
    had, has = np.isfinite(before), np.isfinite(after)
    with np.errstate(all="ignore"):
        allowed = np.maximum(bound.relative * np.abs(before), bound.absolute)
        ratio = np.abs(after - before) / allowed
    missed = had & has & (ratio > 1)
    rate = (np.count_nonzero(missed) + np.count_nonzero(had != has)) / max(1, len(before))
    steps = np.minimum(np.log2(ratio[missed]) + 2, _VERBATIM_BITS)
    flags = 0.0 if rate in {0.0, 1.0} else -rate * np.log2(rate) - (1 - rate) * np.log2(1 - rate)
    return float(len(before) * flags + np.sum(steps) + _VERBATIM_BITS * np.count_nonzero(had != has))


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
