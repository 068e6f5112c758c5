"""Whether what an archive says of a group's columns can be: every column decodes from others that are there."""

from collections.abc import Collection, Sequence

from baler_vae.archive.manifest import GroupEntry
from baler_vae.entropy import plain
from baler_vae.kinematics.formula import Formula
from baler_vae.model.coders import CELLS, NEIGHBOURS, PCODEC_CODES, TABLE
from baler_vae.model.columns import Celled, Contextual, Neighboured, Networked, OnGrid
from baler_vae.model.conditional import FORMULA, Input
from baler_vae.model.context import OWN, PREDICTED, RANK, REMAINING
from baler_vae.model.correction import Correction
from baler_vae.model.group import GroupModel, own_view

_OF_ARRAYS = (TABLE, PCODEC_CODES, CELLS, NEIGHBOURS, plain.PCODEC, None)
"""The codings that the cells of arrays can have; those under `free` have none."""


_NO_NUMBERS = ("text", "nested")


def check_model(model: GroupModel, events: GroupEntry | None, left_over: Collection[int]) -> None:
    """Check that the columns of a group can be decoded; `events` are those that its rows belong to, `left_over` are
    the numbers of networks and contexts of no column.

    Raises:
        ValueError: a column depends on itself, or on what is missing or not a number.
    """
    if left_over:
        raise ValueError("networks and columns do not match")
    model.needed(model.names)
    names = () if events is None else tuple(column.name for column in events.columns)
    for name in model.event_columns(model.names, names):
        _check_event_column(name, events)
    for name, column in model.columns.items():
        if isinstance(column, OnGrid) and column.formula is not None:
            _check_formula(name, column.formula, model)
        if isinstance(column, Networked):
            for entry in column.conditional.inputs:
                if not _can_see(entry, column, model, events):
                    raise ValueError(f"the network of column {name!r} has an input that has no codes")
        if isinstance(column, Contextual):
            _check_context(name, column, model, events)
        if isinstance(column, Celled):
            _check_cells(name, column, model)


def check_arrays(model: GroupModel, entry: GroupEntry, events: GroupEntry) -> None:
    """Nothing, when columns of arrays have a coding of their own, and only such columns depend on their cells.

    Raises:
        ValueError: one has another coding or a formula, or a column depends on it.
    """
    arrays = {column.name for column in entry.columns if column.shape}
    for name in arrays:
        column = model.columns[name]
        if column.coding not in _OF_ARRAYS or (isinstance(column, OnGrid) and column.formula is not None):
            raise ValueError(f"column {name!r} holds arrays, which have codings of their own")
        if isinstance(column, Neighboured) and column.neighbours.context.alone and column.grid.holds_everything:
            raise ValueError(f"column {name!r} has codes that stand alone without need")
    celled = {name for name in arrays if isinstance(model.columns[name], Celled)}
    if any(isinstance(own, Celled | Neighboured) for name, own in model.columns.items() if name not in arrays):
        raise ValueError("a column without a shape is coded as cells")
    for name in celled:
        if {model.names[source] for source in model.sources_of(name) if source < len(model.columns)} & arrays:
            raise ValueError(f"column {name!r} depends on the cells of arrays")
    names = tuple(column.name for column in events.columns)
    arrays |= {column.name for column in events.columns if column.shape}
    for name in model.columns.keys() - celled:
        seen = model.parents(name) | (model.event_columns([name], names) if entry is not events else set())
        if seen & arrays:
            raise ValueError(f"column {name!r} depends on the cells of arrays")


def check_guard(model: GroupModel, number: int, groups: Sequence[GroupEntry], n_guarantees: int) -> None:
    """Check that what corrections of the group of that number read is there, and that only values on a grid change.

    Raises:
        ValueError: something is missing, or is not a number.
    """
    entry, events = groups[number], groups[0]
    if entry.guard is not None and not model.is_guarded:
        raise ValueError("nothing keeps the guarantees")
    scalar = {column.name for column in entry.columns if not column.shape and column.dtype not in _NO_NUMBERS}
    of_events = {column.name for column in events.columns if not column.shape and column.dtype not in _NO_NUMBERS}
    changing = {name for name in scalar if isinstance(model.columns[name], OnGrid)}
    changing -= {group.counter for group in groups}
    movable = changing - {*model.centred}
    if len(set(model.patched)) < len(model.patched) or not changing.issuperset(model.patched):
        raise ValueError("a column with patches is missing, or has no codes")
    for correction in model.corrections:
        _check_reads(correction, scalar, of_events, is_of_events=entry is events)
        moving = [correction.cells.get(name) for name in correction.movable]
        if len(set(moving)) < len(moving):
            raise ValueError("a correction moves a value twice")
        if correction.promise >= n_guarantees:
            raise ValueError("a correction keeps a guarantee that is not there")
        if any(cell is None or cell.column not in movable for cell in moving):
            raise ValueError("a correction moves a value that cannot move")


def _check_reads(correction: Correction, own: set[str], of_events: set[str], *, is_of_events: bool) -> None:
    """Check that what a correction reads is there: columns of its group, or of the events."""
    in_rows = {cell.column for cell in correction.cells.values() if cell.row is not None}
    in_rows = in_rows.union(*(tail.formula.names for tail in correction.tails.values()))
    if set(correction.formula.names) != correction.cells.keys() | correction.tails.keys():
        raise ValueError("the formula of a correction reads what is missing")
    if correction.cells.keys() & correction.tails.keys() or not correction.columns <= own | of_events:
        raise ValueError("a correction reads a column that is missing, or holds no numbers")
    if not all(tail.formula.names for tail in correction.tails.values()):
        raise ValueError("a correction sums what is the same in all rows")
    if not in_rows <= own or (is_of_events and correction.is_of_events):
        raise ValueError("a correction reads rows of an event that are not there")
    itself = {cell.column for cell in correction.cells.values() if cell.row is None}
    if not is_of_events and correction.is_of_events and itself & own:
        raise ValueError("a correction reads rows of an event and rows at once")


def _check_event_column(name: str, events: GroupEntry | None) -> None:
    found = [column for column in (() if events is None else events.columns) if column.name == name]
    if not found or found[0].grid is None:
        raise ValueError(f"columns depend on {name!r}, which is missing or has no codes")


def _check_formula(name: str, formula: Formula, model: GroupModel) -> None:
    read = formula.names
    kept = [model.columns[other].coding for other in read if other in model.columns]
    if not read or {plain.TEXT, plain.ARROW} & set(kept) or None in kept or name in read:
        raise ValueError(f"the formula of column {name!r} reads a column that it must not")


def _check_cells(name: str, column: Celled, model: GroupModel) -> None:
    """Check that what the network of cells of a column sees is there: arrays of the same shape, and numbers."""
    for source in column.cells.sources:
        if source >= model.first_event_source or not _has_codes(model, source):
            raise ValueError(f"the network of column {name!r} has an input that has no codes")
    for number in column.cells.others:
        other = model.columns[model.names[number]] if 0 <= number < len(model.columns) else None
        if not isinstance(other, Celled) or other.cells.shape != column.cells.shape:
            raise ValueError(f"the network of column {name!r} sees cells that do not exist")


def _check_context(name: str, column: Contextual, model: GroupModel, events: GroupEntry | None) -> None:
    """Check that what the context of a column looks at is there."""
    context = column.context
    if column.predicted is not (column.formula is not None) or (column.predicted and context.subtracts):
        raise ValueError(f"column {name!r} is stored as differences from two predictions, or from none")
    if context.alone and (column.grid.holds_everything or not (column.predicted or context.subtracts)):
        raise ValueError(f"column {name!r} has codes that stand alone without need")
    predicts = column.predicted or (context.subtracts and context.base != OWN)
    if not predicts and any(factor.source == PREDICTED or factor.relative for factor in context.factors):
        raise ValueError(f"the context of column {name!r} looks at a prediction that is not there")
    places = context.looks_back or any(factor.source in (RANK, REMAINING) for factor in context.factors)
    if places and events is None:
        raise ValueError(f"the context of column {name!r} looks at objects of events that are not there")
    for source in context.sources:
        of_group = source < len(model.columns)
        if source < model.first_event_source and not (of_group and _is_coded(model, source)):
            raise ValueError(f"the context of column {name!r} looks at what has no codes")
    if model.looks_back:
        raise ValueError(f"the context of column {name!r} is beside networks that look back")


def _is_coded(model: GroupModel, number: int) -> bool:
    """Whether a column of the group has a code in each row."""
    column = model.columns[model.names[number]]
    return isinstance(column, OnGrid) and not isinstance(column, Celled)


def _can_see(entry: Input, column: Networked, model: GroupModel, events: GroupEntry | None) -> bool:
    """Whether an input of a column's network is there."""
    source = entry.source
    if source == FORMULA:
        return column.formula is not None and not column.predicted
    if source < 0:
        return events is not None
    if source >= model.first_event_source:
        return source in model.views
    return _has_codes(model, source)


def _has_codes(model: GroupModel, source: int) -> bool:
    """Whether a column or latent has a code in each row, and a view."""
    has_codes = _is_coded(model, source) if source < len(model.columns) else bool(model.steps)
    return has_codes and (source in model.views or own_view(model, source) is not None)
