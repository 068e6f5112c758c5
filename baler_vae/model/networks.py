"""The networks of codes to bytes and back.

All numbers of all networks of a group are coded together: few tables serve many small networks.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.entropy.tables import (
    decode_alphabets,
    decode_codes,
    decode_tables,
    encode_alphabets,
    encode_codes,
    encode_tables,
    fit_table,
)
from baler_vae.model.conditional import (
    LARGEST_INPUTS,
    LARGEST_RANGES,
    LARGEST_WIDTH,
    Conditional,
    Input,
    IntegerLayer,
)

_INT64 = np.dtype(np.int64)
_KINDS = 4
"""Weights of first, of middle and of last layers, and biases: each kind has a table."""
_MOST_LAYERS = 4
LARGEST_NUMBERS: Final = 1 << 24
"""The most weights and biases of the networks of one group."""
LARGEST_DESCRIBED: Final = 1 << 20
"""The most inputs of the networks of one group, and numbers that describe their layers."""
_ALPHABET_PARTS = 3
_TABLE_PARTS = 4
_N_PARTS = 3 + _ALPHABET_PARTS + _TABLE_PARTS + _KINDS
_COUNT = struct.Struct("<I")

Numbers = NDArray[np.int64]


def encode_networks(networks: Mapping[int, Conditional], views: Mapping[int, Alphabet]) -> list[bytes]:
    """The parts of the networks of some columns, by number, and of the views of some sources: a description, the
    alphabets, the tables of weights and biases, and these themselves.
    """
    description = [len(networks), len(views)]
    for column, network in networks.items():
        description += [column, len(network.inputs), len(network.layers)]
        for layer in network.layers:
            description += [len(layer.bias), layer.shift]
    inputs = [entry for network in networks.values() for entry in network.inputs]
    fields = [[entry.source for entry in inputs], [entry.lag for entry in inputs], [entry.symbol for entry in inputs]]
    kinds = _by_kind(networks.values())
    tables = [fit_table(numbers) for numbers in kinds]
    return [
        _COUNT.pack(len(description)) + encode_numbers(np.array(description, np.int64)),
        encode_numbers(np.array(list(views), np.int64)),
        encode_numbers(np.array(fields, np.int64).ravel()),
        *encode_alphabets([*(network.alphabet for network in networks.values()), *views.values()]),
        *encode_tables(tables),
        *(encode_codes(numbers, table) for numbers, table in zip(kinds, tables, strict=True)),
    ]


def decode_networks(parts: Sequence[bytes]) -> tuple[dict[int, Conditional], dict[int, Alphabet]]:
    """The networks and the views that `encode_networks` was given.

    Raises:
        ValueError: the parts are not those of networks.
    """
    if len(parts) != _N_PARTS:
        raise ValueError(f"{len(parts)} parts are not those of networks")
    shapes, n_views = _read_description(parts[0])
    n_inputs = sum(shape.n_inputs for shape in shapes)
    if n_inputs > LARGEST_DESCRIBED:
        raise ValueError(f"networks of {n_inputs} inputs")
    sources = _numbers(parts[1], n_views).tolist()
    fields = _numbers(parts[2], 3 * n_inputs).reshape(3, -1)
    inputs = iter([Input(*entry) for entry in zip(*fields.tolist(), strict=True)])
    alphabets = decode_alphabets(parts[3 : 3 + _ALPHABET_PARTS])
    if len(alphabets) != len(shapes) + n_views or len({*sources}) != n_views or min(sources, default=0) < 0:
        raise ValueError(f"{len(alphabets)} alphabets for {len(shapes)} networks and {n_views} views")
    first = 3 + _ALPHABET_PARTS
    tables = decode_tables(parts[first : first + _TABLE_PARTS])
    sizes = [sum(shape.sizes[kind] for shape in shapes) for kind in range(_KINDS)]
    if len(tables) != _KINDS or sum(sizes) > LARGEST_NUMBERS:
        raise ValueError(f"{len(tables)} tables for networks of {sum(sizes)} numbers")
    coded = zip(parts[first + _TABLE_PARTS :], tables, sizes, strict=True)
    numbers = [_Numbers(decode_codes(data, table, size)) for data, table, size in coded]
    networks: dict[int, Conditional] = {}
    for shape, alphabet in zip(shapes, alphabets, strict=False):
        if shape.column in networks or len(alphabet.starts) > LARGEST_RANGES:
            raise ValueError(f"column {shape.column} has two networks, or one of too many symbols")
        entries = tuple(next(inputs) for _ in range(shape.n_inputs))
        networks[shape.column] = Conditional(alphabet, entries, shape.layers(numbers))
    return networks, dict(zip(sources, alphabets[len(shapes) :], strict=True))


@dataclass(frozen=True)
class _Shape:
    """The column of a network, the number of its inputs, and outputs and shift of its layers."""

    column: int
    n_inputs: int
    outputs: tuple[tuple[int, int], ...]

    @property
    def sizes(self) -> list[int]:
        """How many numbers of each kind it has."""
        sizes, n_inputs = [0] * _KINDS, self.n_inputs
        for number, (width, _) in enumerate(self.outputs):
            sizes[_kind(number, len(self.outputs))] += width * n_inputs
            sizes[-1] += width
            n_inputs = width
        return sizes

    def layers(self, numbers: Sequence["_Numbers"]) -> tuple[IntegerLayer, ...]:
        """The layers, out of the next numbers of each kind."""
        found, n_inputs = [], self.n_inputs
        for number, (width, shift) in enumerate(self.outputs):
            weights = numbers[_kind(number, len(self.outputs))].take(width * n_inputs, np.dtype(np.int16))
            bias = numbers[-1].take(width, np.dtype(np.int32))
            found.append(IntegerLayer(weights.reshape(width, n_inputs), bias, shift))
            n_inputs = width
        return tuple(found)


class _Numbers:
    """Gives numbers of one kind in their order."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers, self._next = numbers, 0

    def take(self, n_numbers: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        wide = self._numbers[self._next : self._next + n_numbers]
        self._next += n_numbers
        narrow = wide.astype(dtype)
        if np.any(narrow != wide):
            raise ValueError(f"a number of a network does not fit into {dtype}")
        return narrow


def _read_description(data: bytes) -> tuple[list[_Shape], int]:
    """The shapes of all networks, and the number of views."""
    if len(data) < _COUNT.size:
        raise ValueError("the description of networks is missing")
    (n_numbers,) = _COUNT.unpack_from(data)
    if n_numbers > LARGEST_DESCRIBED:
        raise ValueError(f"networks are described by {n_numbers} numbers")
    described = iter(_numbers(data[_COUNT.size :], n_numbers).tolist())
    try:
        n_networks, n_views = next(described), next(described)
        shapes = []
        for _ in range(n_networks):
            column, n_inputs, n_layers = next(described), next(described), next(described)
            if not 1 <= n_layers <= _MOST_LAYERS or not 1 <= n_inputs <= LARGEST_INPUTS or column < 0:
                raise ValueError(f"a network of {n_inputs} inputs and {n_layers} layers")
            outputs = tuple((next(described), next(described)) for _ in range(n_layers))
            if not all(1 <= width <= LARGEST_WIDTH for width, _ in outputs):
                raise ValueError("a layer has an impossible width")
            shapes.append(_Shape(column, n_inputs, outputs))
    except (StopIteration, RuntimeError) as error:
        raise ValueError("the description of networks is too short") from error
    if next(described, None) is not None or not 0 <= n_views <= LARGEST_DESCRIBED:
        raise ValueError("the description of networks does not add up")
    return shapes, n_views


def _numbers(data: bytes, n_numbers: int) -> Numbers:
    return decode_numbers(data, _INT64, n_numbers).astype(np.int64, copy=False)


def _by_kind(networks: Iterable[Conditional]) -> list[Numbers]:
    """All numbers of all networks, by kind."""
    kinds: list[list[NDArray[Any]]] = [[] for _ in range(_KINDS)]
    for network in networks:
        for number, layer in enumerate(network.layers):
            kinds[_kind(number, len(network.layers))].append(layer.weights.ravel())
            kinds[-1].append(layer.bias)
    return [np.concatenate([np.empty(0, np.int64), *arrays]).astype(np.int64) for arrays in kinds]


def _kind(number: int, n_layers: int) -> int:
    return 2 if number == n_layers - 1 else min(number, 1)
