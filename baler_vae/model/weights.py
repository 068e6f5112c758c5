"""Networks and transforms to bytes and back.

The weights of a stored network are multiples of a power of two, so that what was evaluated is what is stored.
"""

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.plain import decode_numbers, decode_raw, encode_numbers, encode_raw
from baler_vae.entropy.tables import decode_tables, encode_tables
from baler_vae.model.coders import Coder
from baler_vae.model.convolution import Convolution
from baler_vae.model.convolution_parts import Described, description_of, whole
from baler_vae.model.group import Decoder, Encoder, Shapes, cells_of, is_convolutional
from baler_vae.model.network import Dense, Layer, Network, chained, check_exact, common_exponent
from baler_vae.model.transform import Transform, TransformKind
from baler_vae.table.schema import is_possible_shape

_FLOAT32 = np.dtype(np.float32)
_INT64 = np.dtype(np.int64)
_SUM_BITS = 25
"""Of the sum of a layer's absolute weights, in units of their step: what `check_exact` allows."""


def round_weights(network: Network, bits: int) -> Network:
    """The network with the weights of each layer rounded to multiples of the least power of two that needs no more
    than `bits` bits, the sign included; fewer for a layer so wide that its sums would not be exact.
    """
    layers = []
    for layer in network:
        largest = float(np.abs(layer.weights).max(initial=0.0))
        n_levels = min(2 ** (bits - 1) - 1, 2**_SUM_BITS // (math.prod(layer.weights.shape[1:]) + 1))
        step = 2.0 ** math.ceil(math.log2(largest / n_levels)) if largest else 1.0
        weights = np.rint(layer.weights.astype(np.float64) / step) * step + 0.0  # no negative zeros
        layers.append(with_weights(layer, weights.astype(np.float32)))
    return tuple(layers)


def with_weights(layer: Layer, weights: NDArray[np.float32]) -> Layer:
    """The layer with other weights."""
    return replace(layer, weights=weights) if isinstance(layer, Convolution) else Dense(weights, layer.bias)


def encode_network(network: Network) -> list[bytes]:
    """Three parts per layer: its shape and the exponent of its step, its weights as integers, its bias. The shape of a
    convolution is that of its matrix; what it normalises with follows, gains and shifts.

    Raises:
        ValueError: its sums would not be exact; `round_weights` comes first.
    """
    check_exact(network)
    parts = []
    for layer in network:
        exponent = common_exponent(layer.weights)
        levels = np.ldexp(layer.weights.astype(np.float64), -exponent)
        parts += [
            struct.pack("<IIi", len(layer.bias), math.prod(layer.weights.shape[1:]), exponent),
            encode_numbers(levels.astype(np.int64).ravel()),
            encode_raw(layer.bias),
        ]
        if isinstance(layer, Convolution) and layer.normalisation is not None:
            parts += [encode_raw(layer.normalisation.gain), encode_raw(layer.normalisation.shift)]
    return parts


def decode_network(parts: list[bytes], described: Sequence[Described | None] | None = None) -> Network:
    """The network of the parts that `encode_network` made, and of what is known of each layer that is a convolution; by
    default none is.

    Raises:
        ValueError: the parts are not those of a network.
    """
    if described is None:
        described = [None] * (len(parts) // 3)
    sizes = [3 if one is None else one.n_parts for one in described]
    if not parts or len(parts) != sum(sizes):
        raise ValueError(f"{len(parts)} parts are not those of a network")
    layers: list[Layer] = []
    for number, (one, end) in enumerate(zip(described, accumulate(sizes), strict=True)):
        own = parts[end - sizes[number] : end]
        weights, bias = _decode_layer(own, number, layers[-1].n_outputs if layers and one is None else None)
        layers.append(Dense(weights, bias) if one is None else one.layer(weights, bias, own[3:]))
    network = chained(layers)
    check_exact(network)
    return network


def _decode_layer(
    parts: list[bytes], number: int, expected: int | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The weights (outputs, inputs) and the bias (outputs,) of a layer that takes so many inputs, if that is known."""
    try:
        n_outputs, n_inputs, exponent = struct.unpack("<IIi", parts[0])
    except struct.error as error:
        raise ValueError(f"the shape of layer {number} is damaged: {error}") from error
    if expected not in (None, n_inputs):
        raise ValueError(f"layer {number} takes {n_inputs} inputs after a layer of {expected}")
    levels = decode_numbers(parts[1], _INT64, n_outputs * n_inputs).astype(np.float64)
    with np.errstate(over="ignore"):
        exact = np.ldexp(levels, exponent)
        weights = exact.astype(np.float32)
    if not np.all(np.isfinite(weights) & (weights == exact)):
        raise ValueError(f"the weights of layer {number} are not float32 numbers")
    bias = decode_raw(parts[2], _FLOAT32, n_outputs).astype(np.float32)
    if not np.all(np.isfinite(bias)):
        raise ValueError(f"a bias of layer {number} is not finite")
    return weights.reshape(n_outputs, n_inputs), bias


def _encode_serving(
    columns: Sequence[str], transforms: Sequence[Transform], network: Network, shapes: Shapes
) -> list[bytes]:
    """A header, the knots of each column's transform, then the network."""
    header: dict[str, Any] = {
        "columns": columns,
        "transforms": [[transform.kind, len(transform.values)] for transform in transforms],
    }
    if any(shapes):
        header["shapes"] = shapes
    if is_convolutional(network):
        header["layers"] = [description_of(layer) if isinstance(layer, Convolution) else None for layer in network]
    return [
        json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        *(encode_numbers(np.concatenate([t.values, t.scores])) for t in transforms),
        *encode_network(network),
    ]


@dataclass(frozen=True)
class _Serving:
    """What decoders and encoders have in common."""

    columns: tuple[str, ...]
    transforms: tuple[Transform, ...]
    network: Network
    shapes: Shapes

    def check_scores(self, n_scores: int, what: str) -> None:
        """Raise ValueError unless the network gives, or takes, as many scores as the columns have."""
        shapes = set(self.shapes) or {()}
        if is_convolutional(self.network) and (len(shapes) > 1 or () in shapes):
            raise ValueError(f"a network of convolutions for {len(self.columns)} columns of shapes {sorted(shapes)}")
        if n_scores != sum(cells_of(len(self.columns), self.shapes)):
            raise ValueError(f"a network of {n_scores} {what} for {len(self.columns)} columns of shapes {shapes}")


def _decode_serving(parts: list[bytes]) -> _Serving:
    if not parts:
        raise ValueError("the header of a network is missing")
    columns, transforms, shapes, layers = _read_header(parts[0])
    n_columns = len(columns)
    if len(parts) < 1 + n_columns:
        raise ValueError(f"{len(parts)} parts are too few for {n_columns} columns")
    network = decode_network(parts[1 + n_columns :], layers)
    knots = [
        decode_numbers(part, np.dtype(np.float64), 2 * n_knots).astype(np.float64)
        for (_, n_knots), part in zip(transforms, parts[1 : 1 + n_columns], strict=True)
    ]
    found = tuple(Transform(kind, k[:n], k[n:]) for (kind, n), k in zip(transforms, knots, strict=True))
    return _Serving(columns, found, network, shapes)


def encode_decoder(decoder: Decoder) -> list[bytes]:
    """The parts of a decoder."""
    return _encode_serving(decoder.columns, decoder.transforms, decoder.network, decoder.shapes)


def decode_decoder(parts: list[bytes]) -> Decoder:
    """The decoder of the parts that `encode_decoder` made.

    Raises:
        ValueError: the parts are not those of a decoder.
    """
    serving = _decode_serving(parts)
    serving.check_scores(serving.network[-1].n_outputs, "outputs")
    return Decoder(serving.columns, serving.transforms, serving.network, serving.shapes)


def encode_encoder(encoder: Encoder) -> list[bytes]:
    """The number of latents, then the same parts as for a decoder."""
    serving = _encode_serving(encoder.columns, encoder.transforms, encoder.network, encoder.shapes)
    return [struct.pack("<I", encoder.n_latents), *serving]


def decode_encoder(parts: list[bytes], categories: tuple[int, ...] = ()) -> Encoder:
    """The encoder of the parts that `encode_encoder` made, and of what is known of its categorical latents.

    Raises:
        ValueError: the parts are not those of an encoder.
    """
    try:
        (n_latents,) = struct.unpack("<I", parts[0])
    except (IndexError, struct.error) as error:
        raise ValueError(f"the number of latents is damaged: {error}") from error
    serving = _decode_serving(parts[1:])
    n_outputs, n_continuous = serving.network[-1].n_outputs, n_latents - sum(categories)
    if n_outputs not in (n_latents, n_latents + n_continuous):
        raise ValueError(f"a network of {n_outputs} outputs for {n_latents} latents")
    if n_continuous < 0:
        raise ValueError(f"{n_latents} latents are too few for categories {list(categories)}")
    serving.check_scores(serving.network[0].n_inputs, "inputs")
    return Encoder(serving.columns, serving.transforms, n_latents, serving.network, categories, serving.shapes)


def _read_header(
    part: bytes,
) -> tuple[tuple[str, ...], list[tuple[TransformKind, int]], Shapes, list[Described | None] | None]:
    try:
        header: Any = json.loads(part.decode("utf-8", "surrogatepass"))
        columns = tuple(str(name) for name in header["columns"])
        transforms = [(kind, int(n_knots)) for kind, n_knots in header["transforms"]]
        shapes = tuple(tuple(map(whole, shape)) for shape in header.get("shapes", ()))
        layers = header.get("layers")
        described = None if layers is None else [None if one is None else Described.of(one) for one in layers]
    except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"the header of a network is damaged: {error}") from error
    if len(columns) != len(transforms) or not columns:
        raise ValueError(f"{len(transforms)} transforms for {len(columns)} columns")
    if shapes and (len(shapes) != len(columns) or not all(not shape or is_possible_shape(shape) for shape in shapes)):
        raise ValueError(f"{len(shapes)} shapes for {len(columns)} columns, such as {shapes[0][:4]}")
    unknown = [kind for kind, _ in transforms if kind not in get_args(TransformKind)]
    if unknown:
        raise ValueError(f"unknown transform {unknown[0]!r}")
    return columns, transforms, shapes, described


def encode_coders(coders: Sequence[Coder]) -> list[bytes]:
    """The tables of the coders that have one."""
    tables = [coder.table for coder in coders if coder.table is not None]
    return encode_tables(tables) if tables else []


def decode_coders(parts: list[bytes], have_tables: Sequence[bool]) -> tuple[Coder, ...]:
    """The coders that `encode_coders` was given, of which it is known whether each has a table.

    Raises:
        ValueError: the parts are not those of such coders.
    """
    if bool(parts) != any(have_tables):
        raise ValueError(f"{len(parts)} parts for {sum(have_tables)} tables")
    tables = decode_tables(parts) if parts else ()
    if len(tables) != sum(have_tables):
        raise ValueError(f"{len(tables)} tables instead of {sum(have_tables)}")
    rest = iter(tables)
    return tuple(Coder(next(rest) if has_table else None) for has_table in have_tables)
