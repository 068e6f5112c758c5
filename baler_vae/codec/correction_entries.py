"""What a manifest says of corrections."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from baler_vae.archive.manifest import CellEntry, ClassesEntry, CorrectionEntry, GuardEntry, TailEntry
from baler_vae.entropy.tables import FrequencyTable
from baler_vae.errors import UsageError
from baler_vae.guarantees.definitions import Guarantees
from baler_vae.kinematics.formula import parse_formula
from baler_vae.model.correction import Cell, ClassTables, Correction, Tail
from baler_vae.model.group import GroupModel


def guard_entry(model: GroupModel) -> GuardEntry | None:
    """What a manifest says of what keeps guarantees."""
    if not model.is_guarded:
        return None
    return GuardEntry(
        corrections=tuple(
            CorrectionEntry(
                formula=one.formula.text,
                cells={name: CellEntry(column=cell.column, row=cell.row) for name, cell in one.cells.items()},
                tails={name: TailEntry(formula=own.formula.text, first=own.first) for name, own in one.tails.items()},
                movable=one.movable,
                relative=one.relative,
                absolute=one.absolute,
                moves=_classes_entry(one.own),
                others=_classes_entry(one.others),
                n_mode_tables=len(one.modes),
                guarantee=one.promise,
            )
            for one in model.corrections
        ),
        patched=model.patched,
    )


def _classes_entry(tables: ClassTables) -> ClassesEntry:
    return ClassesEntry(n_tables=len(tables.tables), first=tables.first, fineness=tables.fineness)


def _class_tables(entry: ClassesEntry, rest: Iterator[FrequencyTable]) -> ClassTables:
    """Those of the next of the stored tables that an entry tells of."""
    return ClassTables(tuple(itertools.islice(rest, entry.n_tables)), entry.first, entry.fineness)


def promised_of(document: Mapping[str, Any] | None) -> Guarantees:
    """The guarantees of a manifest.

    Raises:
        ValueError: they are none that this version knows.
    """
    return Guarantees() if document is None else Guarantees.of_document(document)


def corrections_of(guard: GuardEntry, tables: Sequence[FrequencyTable]) -> tuple[Correction, ...]:
    """The corrections of a manifest, and their tables, one correction after the other.

    Raises:
        ValueError: what the manifest says of them does not go together.
    """
    if sum(entry.moves.n_tables + entry.others.n_tables + entry.n_mode_tables for entry in guard.corrections) != len(
        tables
    ):
        raise ValueError(f"{len(tables)} tables of corrections")
    if any(not (entry.relative or entry.absolute) for entry in guard.corrections):
        raise ValueError("a correction moves a quantity by steps of 0")
    rest, found = iter(tables), []
    for entry in guard.corrections:
        try:
            formula = parse_formula(entry.formula)
            tails = {name: Tail(parse_formula(tail.formula), tail.first) for name, tail in entry.tails.items()}
        except UsageError as error:
            raise ValueError(f"a correction: {error}") from error
        texts = (entry.formula, *(tail.formula for tail in entry.tails.values()))
        if texts != (formula.text, *(tail.formula.text for tail in tails.values())):
            raise ValueError("a correction has a formula that is not written as it should be")
        cells = {name: Cell(cell.column, cell.row) for name, cell in entry.cells.items()}
        found.append(
            Correction(
                formula=formula,
                cells=cells,
                tails=tails,
                movable=entry.movable,
                relative=entry.relative,
                absolute=entry.absolute,
                own=_class_tables(entry.moves, rest),
                others=_class_tables(entry.others, rest),
                modes=tuple(itertools.islice(rest, entry.n_mode_tables)),
                promise=entry.guarantee,
            )
        )
    return tuple(found)
