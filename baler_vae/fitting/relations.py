"""Which formula each column of a group follows, if any: the one that saves most bits."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.rows import random_rows
from baler_vae.entropy.tables import fit_table, table_bits
from baler_vae.errors import UsageError, nearest
from baler_vae.fitting import policy
from baler_vae.grid.codes import predicted_codes
from baler_vae.grid.grids import Grid
from baler_vae.grid.numbers import Integers64
from baler_vae.kinematics.find import Relation, find_relations
from baler_vae.kinematics.formula import Formula, parse_formula
from baler_vae.model.coders import differences
from baler_vae.table.schema import matches

NONE = "none"
"""In place of a formula: no formula may predict these columns."""

Saving = tuple[float, float, Relation]
"""The bits that a relation saves on the sample, the part of the column's bits that this is, and the relation."""


@dataclass(frozen=True)
class Numeric:
    """A column of numbers with a grid: its values (rows,) as a reader gets them, and their codes (rows,). `rows` int64
    (rows,) are the numbers of the rows in their table, from 0 on where they are None.
    """

    values: NDArray[np.generic]
    codes: Integers64
    grid: Grid
    rows: Integers64 | None = None

    def only(self, chosen: NDArray[np.bool_] | Integers64) -> "Numeric":
        """Some of the rows."""
        rows = np.arange(len(self.codes)) if self.rows is None else self.rows
        return Numeric(self.values[chosen], self.codes[chosen], self.grid, rows[chosen])

    def predicted_by(self, formula: Formula, arrays: Mapping[str, NDArray[np.generic]]) -> Integers64:
        """The codes (rows,) that a formula predicts from arrays (rows,)."""
        return predicted_codes(formula.evaluate(arrays), self.grid, self.values.dtype, self.rows)


def choose_relations(
    columns: Mapping[str, Numeric],
    others: Mapping[str, NDArray[np.generic]],
    declared: Mapping[str, str] | None = None,
    seed: int = 0,
    sought: Collection[str] | None = None,
) -> dict[str, Formula]:
    """The formula of each column that follows one, by name; they read columns of the group and `others`, values (rows,)
    of the events repeated for each row, of which only those that are `sought` are tried where it is given.

    A relation is confirmed by the bits that differences from its predictions take on a sample. Where columns could
    follow from each other, the one that saves most does; of the columns of one and the same relation the last one, if
    it saves nearly as much, because ntuples mostly hold what is derived behind what it is derived from. What a user
    declared, formulas by column or `none` by glob, comes first.

    Raises
    ------
    UsageError
        A declared text is not a formula, reads what is missing, or leads back to its own column.
    """
    n_rows = len(next(iter(columns.values())).codes) if columns else 0
    if n_rows == 0:
        return {}
    rows = random_rows(n_rows, policy.FORMULA_ROWS, seed)
    sample = {name: column.only(rows) for name, column in columns.items()}
    arrays = {
        **{name: column.values for name, column in sample.items()},
        **{name: values[rows] for name, values in others.items() if sought is None or name in sought},
    }
    chosen = _declared(columns, others, declared or {})
    forbidden = {
        name for name in columns for glob, text in (declared or {}).items() if text == NONE and matches(name, glob)
    }
    found: list[Saving] = []
    for target, relations in groupby(find_relations(arrays, columns.keys() - forbidden), lambda each: each.target):
        codes = sample[target].codes
        independent_bits = table_bits(codes, fit_table(codes))
        for relation in relations if independent_bits > 0 else ():
            predicted = sample[target].predicted_by(relation.formula, arrays)
            saving = independent_bits - difference_bits(codes, predicted, sample[target].grid)
            found.append((saving, saving / independent_bits, relation))
    for _, part, relation in _ranked(found, list(columns)):
        if part < policy.LEAST_HINT_SAVING or relation.target in chosen:
            continue
        if not _leads_back(relation.formula, relation.target, chosen):
            chosen[relation.target] = relation.formula
    return chosen


def _declared(
    columns: Mapping[str, Numeric], others: Mapping[str, NDArray[np.generic]], declared: Mapping[str, str]
) -> dict[str, Formula]:
    """The declared formulas of the columns."""
    chosen: dict[str, Formula] = {}
    for name, text in declared.items():
        if text == NONE or name not in columns:
            continue
        formula = parse_formula(text)
        known = [*columns, *others]
        for read in formula.names:
            if read not in known:
                raise UsageError(
                    f"its formula reads {read!r}, which is not a column with codes: {nearest(read, known)}",
                    column=name,
                )
        if not formula.names or _leads_back(formula, name, chosen):
            raise UsageError("its formula depends on itself, or reads no column", column=name, found=formula.text)
        chosen[name] = formula
    return chosen


def _ranked(found: Sequence[Saving], names: Sequence[str]) -> list[Saving]:
    """Relations, the best first: by what they save, where all that hold between the same columns count as the best of
    them if they save nearly as much; of those the one with the last target comes first.
    """
    best: dict[frozenset[str], float] = {}
    for saving, _, relation in found:
        members = _members(relation)
        best[members] = max(best.get(members, -math.inf), saving)

    def rank(entry: Saving) -> tuple[float, float]:
        saving, _, relation = entry
        most = best[_members(relation)]
        return (most if saving >= policy.NEARLY_AS_MUCH * most else saving, names.index(relation.target))

    return sorted(found, key=rank, reverse=True)


def _members(relation: Relation) -> frozenset[str]:
    return frozenset((relation.target, *relation.formula.names))


def difference_bits(codes: Integers64, predicted: Integers64, grid: Grid) -> float:
    """What the differences of codes (rows,) from predicted ones (rows,) take under a table of their own."""
    differing = differences(codes, predicted, grid)
    return table_bits(differing, fit_table(differing))


def _leads_back(formula: Formula, target: str, chosen: Mapping[str, Formula]) -> bool:
    """Whether what a formula reads follows, in the end, from the target."""
    waiting: list[str] = list(formula.names)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name == target:
            return True
        if name not in seen and name in chosen:
            seen.add(name)
            waiting += chosen[name].names
    return False


def parents_of(names: Sequence[str], followed: Mapping[str, Formula]) -> dict[str, set[str]]:
    """For each column the columns of its group that its formula reads."""
    read = {name: set(followed[name].names) if name in followed else set() for name in names}
    return {name: own & set(names) for name, own in read.items()}
