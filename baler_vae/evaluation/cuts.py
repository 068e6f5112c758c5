"""How many rows or events change sides of a cut."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from baler_vae.kinematics.selection import selection_of
from baler_vae.settings.evaluation import CutSettings
from baler_vae.table.schema import Group, Schema
from baler_vae.table.table import Batch


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
    """Counts what changes sides of a cut (`kinematics.selection`), batch by batch.

    Raises:
        UsageError: the text is not a cut; a column is missing, or not numeric; `at_least` is asked of a cut on events;
            floats are compared by == or !=.
    """

    def __init__(self, cut: CutSettings, schema: Schema) -> None:
        self.cut = cut
        self._selection = selection_of(cut.cut, schema, at_least=cut.at_least)
        of_events = self._selection.home.counter is None and (schema.is_jagged or cut.at_least is not None)
        self._of: Literal["rows", "events"] = "events" if of_events else "rows"
        self._counts = np.zeros(5, np.int64)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the cut reads."""
        return self._selection.names

    @property
    def group(self) -> Group:
        """The group whose rows, or events, pass or do not."""
        return self._selection.home

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
        return self._selection.passed(batch)
