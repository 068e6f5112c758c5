"""The tables in context of a group to bytes and back: all of them together."""

import struct
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.lanes import MOST_TABLES, LaneTables
from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.entropy.tables import decode_alphabets, encode_alphabets
from baler_vae.model.context import MOST_ALONE, MOST_CLASSES, MOST_CONTEXTS, MOST_FACTORS, OWN, Factor, InContext

_COUNT = struct.Struct("<I")
_INT64, _UINT8 = np.dtype(np.int64), np.dtype(np.uint8)
_ALPHABET_PARTS = 3
_N_PARTS = 2 + _ALPHABET_PARTS + 2
_NO_BASE = OWN - 1
_MOST_DESCRIBED: Final = 1 << 20
_MOST_LEVELS: Final = 1 << 26


def encode_contexts(contexts: Mapping[int, InContext]) -> list[bytes]:
    """The parts of the contexts of some columns, by number: a description, its edges, the alphabets, the table of each
    context, and the levels.
    """
    description, edges = [len(contexts)], list[NDArray[np.int64]]()
    for column, own in contexts.items():
        base = _NO_BASE if own.base is None else own.base
        description += [column, base, own.lag, len(own.tables.levels), len(own.alone), len(own.factors), *own.alone]
        for factor in own.factors:
            description += [factor.source, factor.lag, int(factor.relative), factor.shift, len(factor.edges)]
            edges.append(np.diff(factor.edges, prepend=0))
    models = contexts.values()
    return [
        _COUNT.pack(len(description)) + encode_numbers(np.array(description, np.int64)),
        encode_numbers(np.concatenate([np.empty(0, np.int64), *edges])),
        *encode_alphabets([own.tables.alphabet for own in models]),
        encode_numbers(np.concatenate([own.table_of for own in models])),
        encode_numbers(np.concatenate([_differing(own.tables.levels) for own in models])),
    ]


def decode_contexts(parts: Sequence[bytes]) -> dict[int, InContext]:
    """The contexts that `encode_contexts` was given.

    Raises:
        ValueError: the parts are not those of contexts.
    """
    if len(parts) != _N_PARTS or len(parts[0]) < _COUNT.size:
        raise ValueError(f"{len(parts)} parts are not those of tables in context")
    (n_described,) = _COUNT.unpack_from(parts[0])
    if n_described > _MOST_DESCRIBED:
        raise ValueError(f"tables in context are described by {n_described} numbers")
    described = Numbers(_decoded(parts[0][_COUNT.size :], _INT64, n_described))
    shapes = [_Shape(described) for _ in range(described.count(0, n_described))]
    described.finish()
    edges = Numbers(_decoded(parts[1], _INT64, sum(shape.n_edges for shape in shapes)))
    alphabets = decode_alphabets(parts[2 : 2 + _ALPHABET_PARTS])
    if len(alphabets) != len(shapes) or len({shape.column for shape in shapes}) != len(shapes):
        raise ValueError(f"{len(alphabets)} alphabets for {len(shapes)} columns with tables in context")
    sizes = [shape.n_tables * alphabet.n_symbols for shape, alphabet in zip(shapes, alphabets, strict=True)]
    if sum(sizes) > _MOST_LEVELS:
        raise ValueError(f"tables of {sum(sizes)} levels")
    tables = Numbers(_decoded(parts[-2], _UINT8, sum(shape.n_contexts for shape in shapes)))
    levels = Numbers(_decoded(parts[-1], _UINT8, sum(sizes)))
    found = {}
    for shape, alphabet, size in zip(shapes, alphabets, sizes, strict=True):
        own = _levels(levels.take(size).reshape(shape.n_tables, -1))
        factors = tuple(
            Factor(source, np.cumsum(edges.take(n_edges)), shift, lag, relative)
            for source, lag, relative, shift, n_edges in shape.factors
        )
        table_of = tables.take(shape.n_contexts)
        found[shape.column] = InContext(
            LaneTables(alphabet, own), factors, table_of, shape.base, shape.lag, shape.alone
        )
    return found


def _differing(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The levels of each table less those of the table before it, modulo 256, one table behind the other."""
    differing: NDArray[np.uint8] = np.diff(levels, axis=0, prepend=np.uint8(0))
    return differing.reshape(-1)


def _levels(differing: NDArray[np.uint8]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.cumsum(differing, axis=0, dtype=np.uint8)
    return levels


class Numbers:
    """Gives numbers in their order."""

    def __init__(self, numbers: NDArray[Any]) -> None:
        self._numbers, self._next = numbers, 0

    def take(self, n_numbers: int) -> NDArray[Any]:
        """The next numbers.

        Raises:
            ValueError: there are not so many.
        """
        self._next += n_numbers
        if self._next > len(self._numbers):
            raise ValueError("the description of tables in context is too short")
        return self._numbers[self._next - n_numbers : self._next]

    def count(self, least: int, most: int) -> int:
        """The next number.

        Raises:
            ValueError: it does not lie within limits, or is missing.
        """
        number = int(self.take(1)[0])
        if not least <= number <= most:
            raise ValueError(f"tables in context are described by {number}, which is not within {least} and {most}")
        return number

    def finish(self) -> None:
        if self._next != len(self._numbers):
            raise ValueError("the description of tables in context does not add up")


class _Shape:
    """What the next numbers of a description say of a column."""

    def __init__(self, described: Numbers) -> None:
        self.column = described.count(0, _MOST_DESCRIBED)
        base = described.count(_NO_BASE, _MOST_DESCRIBED)
        self.base = None if base == _NO_BASE else base
        self.lag = described.count(0, 1)
        self.n_tables = described.count(1, MOST_TABLES)
        n_alone, n_factors = described.count(0, MOST_ALONE), described.count(0, MOST_FACTORS)
        self.alone = tuple(described.take(n_alone).tolist())
        self.factors = [_factor(described) for _ in range(n_factors)]
        self.n_edges = sum(n_edges for *_, n_edges in self.factors)
        self.n_contexts = prod(n_edges + 1 + lag for _, lag, _, _, n_edges in self.factors)
        if self.n_contexts > MOST_CONTEXTS:
            raise ValueError(f"a column of {self.n_contexts} contexts")


def _factor(described: Numbers) -> tuple[int, int, bool, int, int]:
    """Source, lag, whether it is relative, shift, and the number of edges of a factor."""
    source, lag = described.count(OWN, _MOST_DESCRIBED), described.count(0, 1)
    relative, shift = bool(described.count(0, 1)), described.count(0, 62)
    return source, lag, relative, shift, described.count(1, MOST_CLASSES - 1)


def _decoded(data: bytes, dtype: np.dtype[Any], n_numbers: int) -> NDArray[Any]:
    return decode_numbers(data, dtype, n_numbers).astype(dtype, copy=False)
