"""The tables that the neighbours of cells choose, to bytes and back: those of all columns of a group together."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.model.cells import LARGEST_STEP, Offset
from baler_vae.model.context import MOST_FACTORS
from baler_vae.model.context_parts import Numbers, decode_contexts, encode_contexts
from baler_vae.model.neighbours import LARGEST_TAP_SHIFT, LARGEST_TAP_WEIGHT, MOST_TAPS, Neighbours, Weighted

_COUNT = struct.Struct("<I")
_OWN_PARTS = 2
_MOST_DESCRIBED: Final = 1 << 20


def encode_neighbours(models: Mapping[int, Neighbours]) -> list[bytes]:
    """The parts of some columns, by number: a description, the marks, and the parts of their contexts."""
    description = list[int]()
    for column, own in models.items():
        description += [column, int(own.mirrored), own.shift, len(own.sums)]
        for weighted in (own.taps, *own.sums):
            description.append(len(weighted.offsets))
            for offset, weight in zip(weighted.offsets, weighted.weights.tolist(), strict=True):
                description += [weight, *offset]
    return [
        _COUNT.pack(len(description)) + encode_numbers(np.array(description, np.int64)),
        encode_numbers(np.concatenate([own.marks for own in models.values()])),
        *encode_contexts({column: own.context for column, own in models.items()}),
    ]


def decode_neighbours(parts: Sequence[bytes], shapes: Mapping[int, tuple[int, ...]]) -> dict[int, Neighbours]:
    """What `encode_neighbours` was given, of columns whose arrays have some shapes, by number.

    Raises:
        ValueError: the parts are not those of such columns.
    """
    if len(parts) < _OWN_PARTS or len(parts[0]) < _COUNT.size:
        raise ValueError(f"{len(parts)} parts are not those of tables that neighbours choose")
    (n_described,) = _COUNT.unpack_from(parts[0])
    if n_described > _MOST_DESCRIBED:
        raise ValueError(f"tables that neighbours choose are described by {n_described} numbers")
    described = Numbers(decode_numbers(parts[0][_COUNT.size :], np.dtype(np.int64), n_described))
    contexts = decode_contexts(parts[_OWN_PARTS:])
    if contexts.keys() != shapes.keys():
        raise ValueError(f"tables of {len(contexts)} columns that neighbours choose for {len(shapes)}")
    own = [_Described.read(described, shapes) for _ in contexts]
    described.finish()
    n_symbols = {column: context.tables.alphabet.n_symbols for column, context in contexts.items()}
    marks = Numbers(decode_numbers(parts[1], np.dtype(np.uint8), sum(n_symbols.values())))
    if [one.column for one in own] != [*contexts]:
        raise ValueError("the tables that neighbours choose do not belong to their columns")
    return {
        one.column: Neighbours(
            shape=shapes[one.column],
            context=contexts[one.column],
            marks=marks.take(n_symbols[one.column]).astype(np.uint8),
            taps=one.taps,
            shift=one.shift,
            mirrored=one.mirrored,
            sums=one.sums,
        )
        for one in own
    }


@dataclass(frozen=True)
class _Described:
    """What the next numbers of a description say of a column."""

    column: int
    mirrored: bool
    shift: int
    taps: Weighted
    sums: tuple[Weighted, ...]

    @classmethod
    def read(cls, described: Numbers, shapes: Mapping[int, tuple[int, ...]]) -> "_Described":
        column = described.count(0, _MOST_DESCRIBED)
        if column not in shapes:
            raise ValueError(f"neighbours choose tables for column {column}, which is not coded so")
        mirrored, shift = bool(described.count(0, 1)), described.count(0, LARGEST_TAP_SHIFT)
        n_sums, n_axes = described.count(0, MOST_FACTORS), len(shapes[column])
        taps, *sums = (_weighted(described, n_axes) for _ in range(1 + n_sums))
        return cls(column, mirrored, shift, taps, tuple(sums))


def _weighted(described: Numbers, n_axes: int) -> Weighted:
    weights, offsets = list[int](), list[Offset]()
    for _ in range(described.count(0, MOST_TAPS)):
        weights.append(described.count(-LARGEST_TAP_WEIGHT, LARGEST_TAP_WEIGHT))
        offsets.append(tuple(described.count(-LARGEST_STEP, LARGEST_STEP) for _ in range(1 + n_axes)))
    return Weighted(tuple(offsets), np.array(weights, np.int64))
