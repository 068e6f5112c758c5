"""Moves and patches: the last that happens to the columns of a row group before a user gets them.

The part of a correction in the section of its group is empty where nothing moves. Else it has two parts itself: the
modes of all items, 0 for those that do not move, one table after the other; and the codes (`model.correction.zigzag`)
of their moves, those of mode 0 before all others, one class after the other; those of a table in the order of the rows.

The first of the parts of patches is empty where there are none. Else it has the number of rows with patches (uint32),
and through pcodec how far each is behind the one before (int64, the first counts from 0). Then follows a part for each
column that may have patches, empty where it has none: the bit patterns in those rows less those of the values that
stood there, int64 modulo 2^64 through pcodec.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from baler_vae.archive.parts import pack_parts, unpack_parts
from baler_vae.codec.frames import Frame
from baler_vae.codec.rows import Arrays
from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.entropy.tables import FrequencyTable, decode_runs, encode_runs
from baler_vae.grid.numbers import bits_of, from_bits, pattern_dtype, to_dtype
from baler_vae.model.correction import MODES, Correction, Lever, unzigzag, zigzag
from baler_vae.model.group import GroupModel

_COUNT_BYTES = 4
_MOST_ITEMS = 1 << 16
_INT64 = np.dtype(np.int64)

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moves:
    """The move of each item of a correction, int64 (items,), and its mode, uint8 (items,)."""

    moves: Integers
    modes: NDArray[np.uint8]

    @classmethod
    def none(cls, n_items: int) -> "Moves":
        """Those of items that do not move."""
        return cls(np.zeros(n_items, np.int64), np.zeros(n_items, np.uint8))

    @property
    def moving(self) -> Integers:
        """The items that move, int64 (n,)."""
        return np.flatnonzero(self.moves)

    def only(self, items: Integers) -> "Moves":
        """Those of some items."""
        return Moves(self.moves[items], self.modes[items])

    def put(self, items: Integers, others: "Moves") -> None:
        """Takes over others for some items."""
        self.moves[items], self.modes[items] = others.moves, others.modes


@dataclass(frozen=True, eq=False)
class Classes:
    """The number of the table of each item of a correction: of its move, among those of the first mode or of others,
    and of its mode, int64 (items,) each; -1 where it is not known yet.
    """

    moves: Integers
    modes: Integers

    @classmethod
    def unknown(cls, n_items: int) -> "Classes":
        """Those of items of which nothing is known."""
        return cls(np.full(n_items, -1), np.full(n_items, -1))

    def only(self, items: Integers) -> "Classes":
        """Those of some items."""
        return Classes(self.moves[items], self.modes[items])

    def put(self, items: Integers, others: "Classes") -> None:
        """Takes over others for some items."""
        self.moves[items], self.modes[items] = others.moves, others.modes

    def forget(self, items: NDArray[np.bool_]) -> None:
        """Takes back what is known of some items."""
        self.moves[items], self.modes[items] = -1, -1

    def tell(self, items: Integers, correction: Correction, lever: Lever | None, modes: NDArray[np.uint8]) -> None:
        """Tells those of some items with their modes, by their lever where there are several classes."""
        self.moves[items] = 0 if lever is None else classes_of(correction, lever, modes)
        self.modes[items] = 0 if lever is None else correction.mode_classes(lever)


@dataclass(frozen=True, eq=False)
class Guarded:
    """What is stored beside the codes of a group: moves of its corrections, in their order, with the classes of their
    items, and by column the rows, int64 (n,) in rising order, that get other bit patterns, and how far these are from
    those that stood there.
    """

    moves: tuple[Moves, ...] = ()
    classes: tuple[Classes, ...] = ()
    patches: Mapping[str, tuple[Integers, Integers]] = field(default_factory=dict)


def classes_of(correction: Correction, lever: Lever, modes: NDArray[np.uint8]) -> Integers:
    """The class of each item's move, int64 (items,), among those of its mode."""
    classes = np.zeros(len(modes), np.int64)
    if len(correction.move_tables) == 2:
        return classes
    for mode in np.unique(modes).tolist():
        tables, own = correction.own if mode == 0 else correction.others, modes == mode
        if len(tables.tables) > 1:
            classes[own] = tables.classes(lever.only(own), mode)
    return classes


def encode_moves(found: Moves, correction: Correction, classes: Classes) -> bytes:
    """The part of a correction.

    Raises:
        ValueError: the class of an item is not known.
    """
    if not found.moves.any():
        return b""
    if np.any(classes.moves < 0) or np.any(classes.modes < 0):
        raise ValueError("the class of a move is not known")
    own = mode_runs(correction, classes.modes)
    modes = encode_runs([found.modes[items].astype(np.int64) for items in own], correction.modes)
    codes = zigzag(found.moves)
    moves = encode_runs(
        [codes[items] for items in move_runs(found.modes, correction, classes.moves)], correction.move_tables
    )
    return pack_parts([modes, moves])


def decode_modes(data: bytes, correction: Correction, classes: Integers) -> NDArray[np.uint8]:
    """The modes, uint8 (items,), that `encode_moves` was given; `classes`, int64 (items,), are those of modes.

    Raises:
        ValueError: the bytes are not those of such modes.
    """
    modes = _decoded(data, correction.modes, mode_runs(correction, classes), len(classes))
    if np.any(modes < 0) or np.any(modes >= len(MODES)):
        raise ValueError("a mode of moves does not exist")
    return modes.astype(np.uint8)


def decode_moves(data: bytes, correction: Correction, modes: NDArray[np.uint8], classes: Integers) -> Moves:
    """The moves that `encode_moves` was given; `classes`, int64 (items,), are those of moves.

    Raises:
        ValueError: the bytes are not those of such moves.
    """
    codes = _decoded(data, correction.move_tables, move_runs(modes, correction, classes), len(classes))
    if np.any(codes < 0):
        raise ValueError("a move does not exist")
    return Moves(unzigzag(codes), modes)


def mode_runs(correction: Correction, classes: Integers) -> list[Integers]:
    """The items, int64 (n,), of each table of modes; `classes`, int64 (items,), are those of modes."""
    return _runs(classes, len(correction.modes))


def move_runs(modes: NDArray[np.uint8], correction: Correction, classes: Integers) -> list[Integers]:
    """The items, int64 (n,), of each table of moves."""
    numbers = np.where(modes == 0, classes, classes + len(correction.own.tables))
    return _runs(numbers, len(correction.move_tables))


def _runs(numbers: Integers, n_tables: int) -> list[Integers]:
    """The items, int64 (n,), of each of so many tables; `numbers`, int64 (items,), are those of tables."""
    order = np.argsort(numbers.astype(np.int16), kind="stable")  # of short integers a radix sort
    return np.split(order, np.cumsum(np.bincount(numbers, minlength=n_tables))[:-1])


def _decoded(data: bytes, tables: Sequence[FrequencyTable], runs: Sequence[Integers], n_items: int) -> Integers:
    """The codes, int64 (items,), of runs of items."""
    codes = np.zeros(n_items, np.int64)
    for items, found in zip(runs, decode_runs(data, tables, [len(own) for own in runs]), strict=True):
        codes[items] = found
    return codes


def encode_patches(patches: Mapping[str, tuple[Integers, Integers]], names: Sequence[str]) -> list[bytes]:
    """The parts of patches: rows and differences by column, of the columns that may have some."""
    if not patches:
        return [b""] * (1 + len(names))
    rows = np.unique(np.concatenate([own for own, _ in patches.values()]))
    parts = [len(rows).to_bytes(_COUNT_BYTES, "little") + encode_numbers(np.diff(rows, prepend=0))]
    for name in names:
        differences = np.zeros(len(rows), np.int64)
        if name in patches:
            own, differing = patches[name]
            differences[np.searchsorted(rows, own)] = differing
        parts.append(encode_numbers(differences) if name in patches else b"")
    return parts


def decode_patched_rows(data: bytes, n_rows: int) -> Integers:
    """The rows with patches, int64 (n,), of a group of so many rows.

    Raises:
        ValueError: the bytes are not those of such rows.
    """
    if not data:
        return np.empty(0, np.int64)
    n_patched = int.from_bytes(data[:_COUNT_BYTES], "little")
    if not 0 < n_patched <= n_rows:
        raise ValueError(f"{n_patched} rows with patches of {n_rows} rows")
    steps = decode_numbers(data[_COUNT_BYTES:], _INT64, n_patched).astype(np.int64)
    if np.any(steps[1:] < 1) or steps[0] < 0 or np.any(steps > n_rows) or steps.sum() >= n_rows:
        raise ValueError("a row with a patch does not exist")
    return np.cumsum(steps)


def decode_patches(data: bytes, n_patched: int) -> Integers:
    """The differences of a column in the rows with patches, int64 (n,).

    Raises:
        ValueError: the bytes are not those of so many patches.
    """
    if not data:
        return np.zeros(n_patched, np.int64)
    if not n_patched:
        raise ValueError("patches without rows")
    return decode_numbers(data, _INT64, n_patched).astype(np.int64)


def patched(values: NDArray[np.generic], differences: Integers) -> NDArray[np.generic]:
    """Values (n,) whose bit patterns are changed by differences (n,), modulo those of the dtype."""
    bits = bits_of(values) + differences.view(np.uint64)
    width = pattern_dtype(values.dtype)
    return from_bits(bits.astype(width).astype(np.uint64), values.dtype)


def differences_of(values: NDArray[np.generic], wanted: NDArray[np.generic]) -> Integers:
    """What `patched` makes wanted values (n,) of values (n,) by."""
    found: Integers = (bits_of(wanted) - bits_of(values)).view(np.int64)
    return found


def guarded_parts(guarded: Guarded, model: GroupModel) -> list[bytes]:
    """The parts of a group behind those of its columns."""
    own = zip(guarded.moves, model.corrections, guarded.classes, strict=True)
    moves = [encode_moves(found, correction, numbers) for found, correction, numbers in own]
    return [*moves, *(encode_patches(guarded.patches, model.patched) if model.patched else ())]


def corrected(frame: Frame, parts: Mapping[int, bytes], names: Collection[str]) -> Arrays:
    """The columns of a frame after the corrections and patches in the parts of a section, by number; `names` are those
    that are wanted.

    Raises:
        ValueError: the parts are not those of such rows.
    """
    model, arrays = frame.model, dict(frame.arrays)
    first = model.first_guard_part
    needed = model.corrections_of(names)
    for number, correction in enumerate(model.corrections):
        if number in needed and (data := parts[first + number]):
            arrays = _moved(replace(frame, arrays=arrays), correction, data)
    first += len(model.corrections)
    wanted = {number: name for number, name in enumerate(model.patched, first + 1) if name in names}
    rows = decode_patched_rows(parts[first], frame.n_rows) if wanted else np.empty(0, np.int64)
    for number, name in wanted.items():
        differences = decode_patches(parts[number], len(rows))
        if differences.any():
            arrays[name] = arrays[name].copy()
            arrays[name][rows] = patched(arrays[name][rows], differences)
    return arrays


def _moved(frame: Frame, correction: Correction, data: bytes) -> Arrays:
    """The columns of a frame after the moves of a correction."""
    parts = unpack_parts(data)
    if len(parts) != 2:
        raise ValueError(f"{len(parts)} parts of a correction")
    n_items = frame.n_items(correction)
    levers = _Levers(frame, correction, _pieces(np.arange(n_items)))
    nothing = np.zeros(n_items, np.int64)
    classes = levers.joined(lambda lever, _: correction.mode_classes(lever)) if len(correction.modes) > 1 else nothing
    modes = decode_modes(parts[0], correction, classes)
    classes = (
        levers.joined(lambda lever, items: classes_of(correction, lever, modes[items]))
        if len(correction.move_tables) > 2
        else nothing
    )
    found = decode_moves(parts[1], correction, modes, classes)
    for items in _pieces(found.moving):
        lever = levers.of(items)
        frame = replace(frame, arrays=apply_moves(frame, correction, lever, items, found.only(items)))
    return dict(frame.arrays)


class _Levers:
    """The levers of a correction's items, some at a time; those of few items are computed only once."""

    def __init__(self, frame: Frame, correction: Correction, pieces: Sequence[Integers]) -> None:
        self._frame, self._correction, self._pieces = frame, correction, pieces
        self._whole: Lever | None = None

    def joined(self, number: Callable[[Lever, Integers], Integers]) -> Integers:
        """A number of each item, int64 (items,), which its lever tells."""
        return np.concatenate([number(self._piece(items), items) for items in self._pieces])

    def of(self, items: Integers) -> Lever:
        """Those of some items."""
        return self._whole.only(items) if self._whole is not None else lever_of(self._frame, self._correction, items)

    def _piece(self, items: Integers) -> Lever:
        lever = self._whole or lever_of(self._frame, self._correction, items)
        if len(self._pieces) == 1:
            self._whole = lever
        return lever


def _pieces(items: Integers) -> list[Integers]:
    """Items a few at a time, so that all that is computed of them takes little memory."""
    return [items[start : start + _MOST_ITEMS] for start in range(0, len(items), _MOST_ITEMS)]


def lever_of(frame: Frame, correction: Correction, items: Integers) -> Lever:
    """How the quantity of some items depends on what may move."""
    return correction.lever(frame.values(correction, items), frame.widths(correction, items))


def apply_moves(frame: Frame, correction: Correction, lever: Lever, items: Integers, found: Moves) -> Arrays:
    """The columns of a frame after the moves of some items."""
    arrays = dict(frame.arrays)
    shares = shares_of(lever, found)
    for place, name in enumerate(correction.movable):
        cell = correction.cells[name]
        rows = frame.places(cell, items)
        moves = (shares[place] != 0) & (rows >= 0)
        if moves.any():
            own = arrays[cell.column].copy()
            own[rows[moves]] = moved_values(own[rows[moves]], shares[place, moves], lever.widths[place, moves])
            arrays[cell.column] = own
    return arrays


def shares_of(lever: Lever, found: Moves) -> NDArray[np.float64]:
    """By how many steps of its grid each value moves, float64 (movable, items)."""
    moves = found.moves.astype(np.float64)
    shares = lever.shares(0, np.where(found.modes == 0, moves, 0.0))
    for mode in np.unique(found.modes[found.modes > 0]).tolist():
        own = found.modes == mode
        shares[:, own] = lever.only(own).shares(mode, moves[own])
    return shares


def moved_values(
    values: NDArray[np.generic], shares: NDArray[np.float64], widths: NDArray[np.float64]
) -> NDArray[np.generic]:
    """Values (n,) after moves by shares (n,) of steps of the grid (n,)."""
    with np.errstate(all="ignore"):
        return to_dtype(values.astype(np.float64) + shares * widths, values.dtype)
