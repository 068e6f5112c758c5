"""How many rows or events change sides of a cut."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.kinematics.grammar import Name
from baler_vae.kinematics.physics import row_formula
from baler_vae.settings.evaluation import CutSettings
from baler_vae.table.schema import Column, Group, Schema
from baler_vae.table.table import Batch, counts_of

_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
# Names in backquotes may contain any character.
_CUT = re.compile(r"(?P<formula>(?:`(?:[^`]|``)*`|[^`<>=!])*)(?P<sign>[<>=!]=|[<>])(?P<limit>.*)", re.DOTALL)
_LIMIT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True)
class Migration:
    """The `n` rows or events that a cut was applied to: how many passed before and after, how many passed before only
    (`n_out`) and after only (`n_in`). `at_least` is that of `CutSettings`.
    """

    cut: str
    at_least: int | None
    of: Literal["rows", "events"]
    n: int
    n_before: int
    n_after: int
    n_out: int
    n_in: int

    @property
    def percent(self) -> float:
        """How many changed sides, in per cent of those that passed before; infinite where there were none of these."""
        n_moved = self.n_out + self.n_in
        return 100 * n_moved / self.n_before if self.n_before else float("inf") if n_moved else 0.0


class CutCounter:
    """Counts what changes sides of a cut, batch by batch.

    A cut is a formula over the columns of one group of `schema` (and event-level ones), one of > >= < <= and a number;
    over integers and flags also == and !=. Where one column of integers is compared with a whole number, both are
    compared exactly, everything else in float64. NaN passes no cut.

    Raises:
        UsageError: the text is not a cut; a column is missing, or not numeric; `at_least` is asked of a cut on events;
            floats are compared by == or !=.
    """

    def __init__(self, cut: CutSettings, schema: Schema) -> None:
        found = _CUT.fullmatch(cut.cut)
        limit = found["limit"].strip() if found else ""
        if found is None or not _LIMIT.fullmatch(limit):
            raise UsageError(
                f"{cut.cut!r} is not a cut",
                way_out="A cut is a formula, one of > >= < <= == != and a number: abs(Jet_eta) < 2.4",
            )
        self.cut = cut
        self._passes = _OPERATORS[found["sign"]]
        self._formula = row_formula(found["formula"], schema)
        columns = [schema.group_of(name).column(name) for name in self._formula.formula.names]
        if found["sign"] in {"==", "!="}:
            _check_whole(cut.cut, columns)
        self._exact = isinstance(self._formula.formula.tree, Name) and columns[0].is_integer
        self._exact &= _WHOLE.fullmatch(limit) is not None
        self._limit: int | float = int(limit) if self._exact else float(limit)
        is_jagged = self._formula.group.counter is not None
        if cut.at_least is not None and not is_jagged:
            raise UsageError(
                f"the cut {cut.cut!r} is on events, which have no rows to count", way_out="Leave out at_least"
            )
        self._of: Literal["rows", "events"] = "rows"
        if cut.at_least is not None or (schema.is_jagged and not is_jagged):
            self._of = "events"
        self._counts = np.zeros(5, np.int64)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the cut reads."""
        return self._formula.formula.names

    @property
    def group(self) -> Group:
        """The group whose rows, or events, pass or do not."""
        return self._formula.group

    def add(self, before: Batch, after: Batch) -> None:
        """Counts the rows or events of two batches over the same events."""
        old, new = self.passed(before), self.passed(after)
        passed = (np.ones_like(old), old, new, old & ~new, new & ~old)
        self._counts += np.count_nonzero(passed, axis=1)

    def migration(self) -> Migration:
        """The counts so far."""
        return Migration(self.cut.cut, self.cut.at_least, self._of, *map(int, self._counts))

    def passed(self, batch: Batch) -> NDArray[np.bool_]:
        """Whether each row of the group, or each event, of a batch passes, bool (rows,) or (events,)."""
        rows = np.asarray(self._passes(self._values(batch), self._limit), np.bool_)
        if self.cut.at_least is None:
            return rows
        counts = counts_of(batch, self._formula.table(batch).group)
        events = np.repeat(np.arange(len(counts)), counts)
        return np.bincount(events[rows], minlength=len(counts)) >= self.cut.at_least

    def _values(self, batch: Batch) -> NDArray[Any]:
        """What is compared, (rows,)."""
        if not self._exact:
            return self._formula.evaluate(batch)
        values = self._formula.table(batch)[self._formula.formula.names[0]]
        return values.astype(np.int8) if values.dtype.kind == "b" else values


def _check_whole(text: str, columns: list[Column]) -> None:
    """Check that all columns of a cut are integers or flags."""
    for column in columns:
        if not column.is_integer:
            raise UsageError(
                f"the cut {text!r} compares floats for equality",
                column=column.name,
                way_out="Use >= and <, which do not depend on the last bit",
            )
