"""Files of hundreds of columns: for which of them networks are worth a training."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy import plain
from baler_vae.fitting import policy
from baler_vae.fitting.conditionals import Target
from baler_vae.fitting.parents import ContextColumn, Parents, view_of
from baler_vae.fitting.rows import GroupRows
from baler_vae.model.coders import pcodec_bits
from baler_vae.model.columns import Coded, ColumnModel, Plain


def seen_of_events(rows: GroupRows) -> set[str]:
    """The columns of the events that networks of a group may see: in such a file the first and the last that are
    numbers and vary.
    """
    if not rows.many_columns or rows.events is None:
        return set(rows.others)
    arrays = rows.events.arrays
    varying = [n for n in rows.sought_of_events if len(arrays[n]) and (arrays[n] != arrays[n][0]).any()]
    half = policy.MOST_EVENT_COLUMNS // 2
    return set(varying if len(varying) <= 2 * half else [*varying[:half], *varying[-half:]])


def promising(
    targets: Sequence[Target], context: Mapping[int, ContextColumn], rows: GroupRows, parents: Parents
) -> list[Target]:
    """The columns of which their formula, or a parent or the rank of the object alone, tells enough in all rows to pay
    for a network.
    """
    return [target for target in targets if target.hint is not None or _is_promising(target, context, rows, parents)]


def _is_promising(target: Target, context: Mapping[int, ContextColumn], rows: GroupRows, parents: Parents) -> bool:
    own = context.get(target.number)
    alphabet = own.view if own is not None and target.coded is own.codes else view_of(target.coded)
    if alphabet.n_symbols < 3:
        return False
    found = [*parents.information(alphabet, target.coded, target.number, target.before).values()]
    if rows.events is not None:
        found.append(parents.information_of_ranks(alphabet, target.coded))
    return max(found, default=0.0) * rows.n_all > policy.LEAST_PROMISE


def rank_bits(rows: GroupRows, columns: Mapping[str, ColumnModel]) -> dict[str, float]:
    """By how many bits columns take more, by name, where the objects of a group are coded rank by rank: those that
    pcodec codes, which sees the order of the rows.
    """
    if rows.events is None:
        return {}
    more = {}
    for name, kept in rows.independent.items():
        column = columns[name]
        if isinstance(column, Coded) and column.coder.table is None and name in rows.numeric and not column.predicted:
            ordered: NDArray[np.generic] = rows.numeric[name].codes
            own = kept.on_grid_bits
        elif isinstance(column, Plain) and column.coding == plain.PCODEC:
            ordered, own = rows.table[name], kept.bits
        else:
            continue
        more[name] = pcodec_bits(np.ascontiguousarray(ordered)) * rows.weight - own
    return more
