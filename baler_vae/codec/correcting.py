"""Moves and patches: the last that happens to the columns of a row group before a user gets them.

The part of a correction in the section of its group is empty where nothing moves. Else it has parts itself: the modes
of all items, 0 for those that do not move; for each class the codes (`model.correction.zigzag`) of the moves of its
items of mode 0, under the table of the class; and the codes of the moves of other modes; all in the order of the table.

The first of the parts of patches is empty where there are none. Else it has the number of rows with patches (uint32),
and through pcodec how far each is behind the one before (int64, the first counts from 0). Then follows a part for each
column that may have patches, empty where it has none: the bit patterns in those rows less those of the values that
stood there, int64 modulo 2^64 through pcodec.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from baler_vae.archive.parts import pack_parts, unpack_parts
from baler_vae.codec.frames import Frame
from baler_vae.codec.rows import Arrays
from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.entropy.tables import decode_codes, encode_codes
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

    @property
    def moving(self) -> Integers:
        """The items that move, int64 (n,)."""
        return np.flatnonzero(self.moves)

    def only(self, items: Integers) -> "Moves":
        """Those of some items."""
        return Moves(self.moves[items], self.modes[items])


@dataclass(frozen=True, eq=False)
class Guarded:
    """What is stored beside the codes of a group: moves of its corrections, in their order, with the classes of their
    items, int64 (items,), and by column the rows, int64 (n,) in rising order, that get other bit patterns, and how far
    these are from those that stood there.
    """

    moves: tuple[Moves, ...] = ()
    classes: tuple[Integers, ...] = ()
    patches: Mapping[str, tuple[Integers, Integers]] = field(default_factory=dict)


def encode_moves(found: Moves, correction: Correction, classes: Integers) -> bytes:
    """The part of a correction; `classes` int64 (items,)."""
    if not found.moves.any():
        return b""
    codes, own = zigzag(found.moves), found.modes == 0
    parts = [encode_codes(codes[own & (classes == number)], table) for number, table in enumerate(correction.tables)]
    modes = encode_codes(found.modes.astype(np.int64), correction.modes)
    return pack_parts([modes, *parts, encode_codes(codes[~own], correction.others)])


def decode_moves(data: bytes, correction: Correction, classes: Integers) -> Moves:
    """The moves that `encode_moves` was given.

    Raises:
        ValueError: the bytes are not those of such moves.
    """
    parts = unpack_parts(data)
    if len(parts) != len(correction.tables) + 2:
        raise ValueError(f"{len(parts)} parts of a correction with {len(correction.tables)} classes")
    modes = decode_codes(parts[0], correction.modes, len(classes))
    if np.any(modes < 0) or np.any(modes >= len(MODES)):
        raise ValueError("a mode of moves does not exist")
    codes = np.zeros(len(classes), np.int64)
    streams = [(modes == 0) & (classes == number) for number in range(len(correction.tables))]
    tables = (*correction.tables, correction.others)
    for own, table, part in zip([*streams, modes > 0], tables, parts[1:], strict=True):
        codes[own] = decode_codes(part, table, int(np.count_nonzero(own)))
    if np.any(codes < 0):
        raise ValueError("a move does not exist")
    return Moves(unzigzag(codes), modes.astype(np.uint8))


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
    classes = np.zeros(frame.n_items(correction), np.int64)
    for items in _pieces(np.arange(len(classes))) if len(correction.tables) > 1 else ():
        classes[items] = correction.classes(lever_of(frame, correction, items))
    found = decode_moves(data, correction, classes)
    for items in _pieces(found.moving):
        lever = lever_of(frame, correction, items)
        frame = replace(frame, arrays=apply_moves(frame, correction, lever, items, found.only(items)))
    return dict(frame.arrays)


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
