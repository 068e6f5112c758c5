"""OpenZL, the smallest of several graphs for each column: of codes on our integer grid, and of truncated floats."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.rivals.by_column import Coder, on_grid, truncating
from benchmarks.rivals.signature import Values

_LEVEL = 9


def _graphs(values: Values) -> Iterator[Callable[[Any], Any]]:
    """Graphs for numeric input, each a function of the compressor that it is built in."""
    from openzl.ext import graphs, nodes

    yield graphs.Compress()
    yield graphs.FieldLz()
    yield lambda compressor: nodes.DeltaInt()(compressor, graphs.FieldLz()(compressor))
    yield lambda compressor: nodes.RangePack()(compressor, graphs.FieldLz()(compressor))
    yield lambda compressor: nodes.ConvertNumToStructLE()(
        compressor, nodes.TransposeSplit()(compressor, graphs.Entropy()(compressor))
    )
    yield lambda compressor: nodes.TokenizeNumeric(sort=True)(
        compressor,
        nodes.DeltaInt()(compressor, graphs.FieldLz()(compressor)),
        graphs.Compress()(compressor),
    )
    if values.dtype == np.float32:
        yield lambda compressor: nodes.Float32Deconstruct()(
            compressor, graphs.Compress()(compressor), graphs.Compress()(compressor)
        )


def _encode(values: Values) -> bytes:
    from openzl import ext

    numbers = np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
    frames = []
    for graph in _graphs(values):
        compressor = ext.Compressor()
        compressor.set_parameter(ext.CParam.FormatVersion, ext.MAX_FORMAT_VERSION)
        compressor.set_parameter(ext.CParam.CompressionLevel, _LEVEL)
        compressor.select_starting_graph(graph(compressor))
        context = ext.CCtx()
        context.ref_compressor(compressor)
        frames.append(context.compress([ext.Input(ext.Type.Numeric, numbers)]))
    return min(frames, key=len)


def _decode(data: bytes, dtype: np.dtype[Any], n_rows: int) -> Values:
    from openzl import ext

    (output,) = ext.DCtx().decompress(data)
    return np.frombuffer(output.content.as_bytes(), dtype, n_rows)


CODER = Coder(_encode, _decode)

RIVALS = (
    on_grid("grid + OpenZL", "our integer grid, the smallest of OpenZL's graphs, level 9", CODER, ("openzl",)),
    truncating("truncation + OpenZL", "mantissa truncation, the smallest of OpenZL's graphs", CODER, ("openzl",)),
)
