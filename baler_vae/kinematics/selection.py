"""Which rows, or events, pass a cut."""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.kinematics.formula import Formula
from baler_vae.kinematics.grammar import Name, Negative, Node, Number, names_of, print_tree
from baler_vae.kinematics.selection_grammar import Comparison, Cut, Every, Flag, Not, Some, Value, parse_cut
from baler_vae.table.schema import Group, Schema
from baler_vae.table.table import Batch, counts_of

Passed = NDArray[np.bool_]

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True)
class Selection:
    """A cut on the rows of a group of a schema, or on events; made by `selection_of`.

    `home` is the group whose rows pass or do not, the events where it reads no column of a collection but in counts.
    `inner` are those cuts on the rows of collections whose counts it reads; `names` are the columns that it reads,
    `own_names` those that it reads not only in counts.
    """

    text: str
    home: Group
    inner: tuple["Selection", ...]
    names: tuple[str, ...]
    own_names: tuple[str, ...]
    _cut: "_Bound"

    def passed(self, batch: Batch) -> Passed:
        """Whether each row of the home passes, bool (rows,). A comparison with NaN is false.

        The batch holds at least the columns that are read, and the counters of their collections.
        """
        return self._cut.passed(batch)


def selection_of(text: str, schema: Schema, *, at_least: int | None = None) -> Selection:
    """A cut over the columns of one collection, and of the events; with `at_least` the events in which so many rows
    pass it.

    Whole numbers are compared exactly with columns of integers, everything else in float64.

    Raises:
        UsageError: the text is not a cut; a column is missing or holds no numbers; columns are of two collections;
            floats are compared by == or !=; `at_least` is asked of a cut on events.
    """
    found = _Binder(text, schema).selection(parse_cut(text))
    if at_least is None:
        return found
    if found.home.counter is None:
        raise UsageError(f"the cut {text!r} is on events, which have no rows to count", way_out="Leave out at_least")
    events = schema.events
    counted = _Compared((_Number(None, (("n", found),), True), _Number(at_least, (), True)), (">=",), events, events)
    return Selection(text, events, (found,), found.names, (), counted)


def count_passed(selection: Selection, batch: Batch) -> NDArray[np.int64]:
    """How many rows of each event pass a cut on the rows of a collection, int64 (events,)."""
    counts = counts_of(batch, selection.home)
    events = np.repeat(np.arange(len(counts)), counts)
    return np.bincount(events[selection.passed(batch)], minlength=len(counts))


@dataclass(frozen=True)
class _Number:
    """What is compared: `what` is a whole number, the name of a column of whole numbers, a formula, or None for a
    count alone. `counts` are cuts by the names under which their counts are read; `is_whole` tells whether it only has
    whole values.
    """

    what: int | str | Formula | None
    counts: tuple[tuple[str, Selection], ...]
    is_whole: bool


class _Bound:
    """A part of a cut whose columns are known. `home` is its group."""

    home: Group

    def passed(self, batch: Batch) -> Passed:
        raise NotImplementedError


@dataclass(frozen=True)
class _Joined(_Bound):
    """Parts that are joined by logic."""

    parts: tuple[_Bound, ...]
    join: Callable[[Any, Any], Any] | None
    home: Group
    events: Group

    def passed(self, batch: Batch) -> Passed:
        found = [_in_rows(part.passed(batch), part.home, self.home, batch) for part in self.parts]
        return ~found[0] if self.join is None else reduce(self.join, found)


@dataclass(frozen=True)
class _Compared(_Bound):
    """Numbers, each compared with the next."""

    numbers: tuple[_Number, ...]
    signs: tuple[str, ...]
    home: Group
    events: Group

    def passed(self, batch: Batch) -> Passed:
        values = [self._values(number, batch) for number in self.numbers]
        passed: Passed = np.ones(self._n_rows(batch), np.bool_)
        for sign, first, second in zip(self.signs, values[:-1], values[1:], strict=True):
            passed &= np.asarray(_OPERATORS[sign](first, second), np.bool_)
        return passed

    def _n_rows(self, batch: Batch) -> int:
        return batch[0].n_rows if self.home.counter is None else int(counts_of(batch, self.home).sum())

    def _values(self, number: _Number, batch: Batch) -> Any:  # noqa: ANN401  an array or a number
        """What is compared, (rows,), or one number for all rows."""
        arrays = {name: count_passed(cut, batch) for name, cut in number.counts}
        match number.what:
            case None:
                return _in_rows(arrays[number.counts[0][0]], self.events, self.home, batch)
            case int(whole):
                return whole
            case str(name):
                values = _column(name, batch, self.home)
                return values.astype(np.int8) if values.dtype.kind == "b" else values
            case formula if not formula.names:
                return formula.evaluate({"": np.zeros(1)})[0]
            case formula:
                counted = {name: _in_rows(array, self.events, self.home, batch) for name, array in arrays.items()}
                read = {name: _column(name, batch, self.home) for name in formula.names if name not in counted}
                return formula.evaluate(read | counted)


def _in_rows(values: NDArray[Any], own: Group, home: Group, batch: Batch) -> NDArray[Any]:
    """Values of events (events,) as those of the rows (rows,) of a home; those of its own rows as they are."""
    return values if own.name == home.name or home.counter is None else np.repeat(values, counts_of(batch, home))


def _column(name: str, batch: Batch, home: Group) -> NDArray[np.generic]:
    """A column of a home, or of its events, (rows,)."""
    if name in batch[0].arrays and name not in home.names:
        return np.repeat(batch[0][name], counts_of(batch, home))
    return next(table.arrays[name] for table in batch if name in table.arrays)


class _Binder:
    """Finds the columns of the parts of a cut."""

    def __init__(self, text: str, schema: Schema) -> None:
        self._text, self._schema = text, schema

    def selection(self, cut: Cut) -> Selection:
        names, inner = list[str](), list[Selection]()
        bound = self._bound(cut, names, inner)
        every = (*names, *(name for own in inner for name in own.names))
        return Selection(
            self._text, bound.home, tuple(inner), tuple(dict.fromkeys(every)), tuple(dict.fromkeys(names)), bound
        )

    def _bound(self, cut: Cut, names: list[str], inner: list[Selection]) -> _Bound:
        match cut:
            case Flag(name):
                if not self._group(name.name).column(name.name).dtype == np.bool_:
                    raise UsageError(
                        f"{self._text!r} is not a cut: it compares a column that does not hold flags with nothing",
                        column=name.name,
                        way_out=f"Compare it: {print_tree(name)} > 0",
                    )
                names.append(name.name)
                home = self._group(name.name)
                return _Compared(
                    (_Number(name.name, (), True), _Number(0, (), True)), ("!=",), home, self._schema.events
                )
            case Comparison(operands, signs):
                numbers = tuple(self._number(value, names, inner) for value in operands)
                if {"==", "!="} & set(signs):
                    self._check_whole(operands, numbers)
                read = [name for value in operands for name in _names(value)]
                if not read and not any(number.counts for number in numbers):
                    raise UsageError(f"the cut {self._text!r} compares numbers alone, and reads no column")
                return _Compared(numbers, signs, self._home(map(self._group, read)), self._schema.events)
            case Not(part):
                found = self._bound(part, names, inner)
                return _Joined((found,), None, found.home, self._schema.events)
            case Every(cuts) | Some(cuts):
                parts = tuple(self._bound(part, names, inner) for part in cuts)
                join = operator.and_ if isinstance(cut, Every) else operator.or_
                return _Joined(parts, join, self._home(part.home for part in parts), self._schema.events)

    def _number(self, value: Value, names: list[str], inner: list[Selection]) -> _Number:
        counts = []
        for name, cut in value.counts:
            counted = self.selection(cut)
            if counted.home.counter is None:
                raise UsageError(
                    f"the cut {self._text!r} counts what passes a cut on events",
                    way_out="count(CUT) is of the objects of a collection; join cuts on events by &",
                )
            counts.append((name, counted))
            inner.append(counted)
        read = _names(value)
        names += read
        columns = [self._group(name).column(name) for name in read]
        for column in columns:
            if not column.is_scalar:
                raise UsageError(f"the cut {self._text!r} reads a column that holds no numbers", column=column.name)
        whole = _whole_number(value.tree)
        is_whole = whole is not None or all(column.is_integer for column in columns)
        if whole is not None:
            return _Number(whole, (), is_whole)
        if isinstance(value.tree, Name) and (counts or columns[0].is_integer):
            return _Number(None if counts else value.tree.name, tuple(counts), is_whole)
        formula = Formula(self._text, names_of(value.tree), value.tree)
        return _Number(formula, tuple(counts), is_whole)

    def _group(self, name: str) -> Group:
        return self._schema.group_of(name)

    def _home(self, groups: Iterable[Group]) -> Group:
        """The group of whose rows a part is.

        Raises:
            UsageError: there are two collections.
        """
        jagged = {group.name: group for group in groups if group.counter is not None}
        if len(jagged) > 1:
            first, second = list(jagged)[:2]
            raise UsageError(
                f"the cut {self._text!r} is on rows of the collections {first!r} and {second!r} at once",
                way_out="Ask for numbers of objects: count(CUT) >= 1",
            )
        return next(iter(jagged.values()), self._schema.events)

    def _check_whole(self, operands: tuple[Value, ...], numbers: tuple[_Number, ...]) -> None:
        for value, number in zip(operands, numbers, strict=True):
            if not number.is_whole:
                floats = [name for name in _names(value) if not self._group(name).column(name).is_integer]
                raise UsageError(
                    f"the cut {self._text!r} compares floats for equality",
                    column=floats[0] if floats else None,
                    way_out="Use >= and <, which do not depend on the last bit",
                )


def _names(value: Value) -> list[str]:
    """The columns that a formula reads, without its counts."""
    counts = {name for name, _ in value.counts}
    return [name for name in names_of(value.tree) if name not in counts]


def _whole_number(node: Node) -> int | None:
    """A number that is whole, or None."""
    match node:
        case Number(value) if value == int(value):
            return int(value)
        case Negative(Number(value)) if value == int(value):
            return -int(value)
    return None
