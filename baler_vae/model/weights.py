"""Networks and transforms to bytes and back.

The weights of a stored network are multiples of a power of two, so that what was evaluated is what is stored.
"""

import json
import math
import struct
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from baler_vae.entropy.plain import decode_numbers, decode_raw, encode_numbers, encode_raw
from baler_vae.entropy.tables import decode_tables, encode_tables
from baler_vae.model.coders import Coder
from baler_vae.model.group import Decoder, Encoder
from baler_vae.model.network import Dense, Network, check_exact, common_exponent
from baler_vae.model.transform import Transform, TransformKind

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
        n_levels = min(2 ** (bits - 1) - 1, 2**_SUM_BITS // (layer.weights.shape[1] + 1))
        step = 2.0 ** math.ceil(math.log2(largest / n_levels)) if largest else 1.0
        weights = np.rint(layer.weights.astype(np.float64) / step) * step + 0.0  # no negative zeros
        layers.append(Dense(weights.astype(np.float32), layer.bias))
    return tuple(layers)


def encode_network(network: Network) -> list[bytes]:
    """Three parts per layer: its shape and the exponent of its step, its weights as integers, its bias.

    Raises:
        ValueError: its sums would not be exact; `round_weights` comes first.
    """
    check_exact(network)
    parts = []
    for layer in network:
        exponent = common_exponent(layer.weights)
        levels = np.ldexp(layer.weights.astype(np.float64), -exponent)
        parts += [
            struct.pack("<IIi", *layer.weights.shape, exponent),
            encode_numbers(levels.astype(np.int64).ravel()),
            encode_raw(layer.bias),
        ]
    return parts


def decode_network(parts: list[bytes]) -> Network:
    """The network of the parts that `encode_network` made.

    Raises:
        ValueError: the parts are not those of a network.
    """
    if not parts or len(parts) % 3:
        raise ValueError(f"{len(parts)} parts are not those of a network")
    layers: list[Dense] = []
    for i in range(0, len(parts), 3):
        try:
            n_outputs, n_inputs, exponent = struct.unpack("<IIi", parts[i])
        except struct.error as error:
            raise ValueError(f"the shape of layer {i // 3} is damaged: {error}") from error
        if layers and len(layers[-1].bias) != n_inputs:
            raise ValueError(f"layer {i // 3} takes {n_inputs} inputs after a layer of {len(layers[-1].bias)}")
        levels = decode_numbers(parts[i + 1], _INT64, n_outputs * n_inputs).astype(np.float64)
        with np.errstate(over="ignore"):
            exact = np.ldexp(levels, exponent)
            weights = exact.astype(np.float32)
        if not np.all(np.isfinite(weights) & (weights == exact)):
            raise ValueError(f"the weights of layer {i // 3} are not float32 numbers")
        bias = decode_raw(parts[i + 2], _FLOAT32, n_outputs).astype(np.float32)
        if not np.all(np.isfinite(bias)):
            raise ValueError(f"a bias of layer {i // 3} is not finite")
        layers.append(Dense(weights.reshape(n_outputs, n_inputs), bias))
    check_exact(tuple(layers))
    return tuple(layers)


def _encode_serving(columns: Sequence[str], transforms: Sequence[Transform], network: Network) -> list[bytes]:
    """A header, the knots of each column's transform, then the network."""
    header = {
        "columns": columns,
        "transforms": [[transform.kind, len(transform.values)] for transform in transforms],
    }
    return [
        json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        *(encode_numbers(np.concatenate([t.values, t.scores])) for t in transforms),
        *encode_network(network),
    ]


def _decode_serving(parts: list[bytes]) -> tuple[tuple[str, ...], tuple[Transform, ...], Network]:
    if not parts:
        raise ValueError("the header of a network is missing")
    columns, transforms = _read_header(parts[0])
    n_columns = len(columns)
    if len(parts) < 1 + n_columns:
        raise ValueError(f"{len(parts)} parts are too few for {n_columns} columns")
    network = decode_network(parts[1 + n_columns :])
    knots = [
        decode_numbers(part, np.dtype(np.float64), 2 * n_knots).astype(np.float64)
        for (_, n_knots), part in zip(transforms, parts[1 : 1 + n_columns], strict=True)
    ]
    found = tuple(Transform(kind, k[:n], k[n:]) for (kind, n), k in zip(transforms, knots, strict=True))
    return columns, found, network


def encode_decoder(decoder: Decoder) -> list[bytes]:
    """The parts of a decoder."""
    return _encode_serving(decoder.columns, decoder.transforms, decoder.network)


def decode_decoder(parts: list[bytes]) -> Decoder:
    """The decoder of the parts that `encode_decoder` made.

    Raises:
        ValueError: the parts are not those of a decoder.
    """
    decoder = Decoder(*_decode_serving(parts))
    if len(decoder.network[-1].bias) != len(decoder.columns):
        raise ValueError(f"a network of {len(decoder.network[-1].bias)} outputs for {len(decoder.columns)} columns")
    return decoder


def encode_encoder(encoder: Encoder) -> list[bytes]:
    """The number of latents, then the same parts as for a decoder."""
    serving = _encode_serving(encoder.columns, encoder.transforms, encoder.network)
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
    columns, transforms, network = _decode_serving(parts[1:])
    n_outputs, n_continuous = len(network[-1].bias), n_latents - sum(categories)
    if n_outputs not in (n_latents, n_latents + n_continuous) or network[0].weights.shape[1] != len(columns):
        raise ValueError(f"a network of {n_outputs} outputs for {n_latents} latents")
    if n_continuous < 0:
        raise ValueError(f"{n_latents} latents are too few for categories {list(categories)}")
    return Encoder(columns, transforms, n_latents, network, categories)


def _read_header(part: bytes) -> tuple[tuple[str, ...], list[tuple[TransformKind, int]]]:
    try:
        header: Any = json.loads(part.decode("utf-8", "surrogatepass"))
        columns = tuple(str(name) for name in header["columns"])
        transforms = [(kind, int(n_knots)) for kind, n_knots in header["transforms"]]
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"the header of a network is damaged: {error}") from error
    if len(columns) != len(transforms) or not columns:
        raise ValueError(f"{len(transforms)} transforms for {len(columns)} columns")
    unknown = [kind for kind, _ in transforms if kind not in get_args(TransformKind)]
    if unknown:
        raise ValueError(f"unknown transform {unknown[0]!r}")
    return columns, transforms


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
