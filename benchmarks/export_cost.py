"""What it costs that networks are whole numbers: bits of codes under the archive's tables and under real numbers.

`python -m benchmarks.export_cost FILE[:TREE] BOUND [--kind KIND] [--columns GLOB,...]` fits once. The same weights are
then used without rounding of activations, logits and probabilities, in float64.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.batches import coded_batch
from baler_vae.codec.codec import Codec
from baler_vae.codec.groups import known_rows
from baler_vae.codec.rows import Rows
from baler_vae.io.files import open_source
from baler_vae.model.coders import differences
from baler_vae.model.columns import Networked
from baler_vae.model.conditional import ACTIVATION_BITS, LEVELS_PER_OCTAVE, Conditional
from baler_vae.table.table import Batch, concatenate
from baler_vae.verbs.fit import fit

_LIMIT = 2.0**ACTIVATION_BITS
_CHUNK_ROWS = 65_536


def real_bits(network: Conditional, inputs: NDArray[np.float32], symbols: NDArray[np.int32]) -> float:
    """The bits of symbols (rows,) under a network in real numbers, for inputs (rows, inputs)."""
    x = inputs.astype(np.float64)
    for number, layer in enumerate(network.layers):
        if number:
            x = np.clip(x, -_LIMIT, _LIMIT)
            x = np.maximum(x, x / 8)
        x = x @ layer.weights.T.astype(np.float64) * 2.0**-layer.shift + layer.bias
    octaves = x / LEVELS_PER_OCTAVE
    octaves -= octaves.max(axis=1, keepdims=True)
    own = np.take_along_axis(octaves, symbols[:, None].astype(np.intp), 1)[:, 0]
    return float((np.log2(np.exp2(octaves).sum(axis=1)) - own).sum())


def exact_bits(network: Conditional, inputs: NDArray[np.float32], symbols: NDArray[np.int32]) -> float:
    """The bits of symbols (rows,) under the tables of an archive, for inputs (rows, inputs)."""
    weights = network.tables(inputs)
    n_symbols = weights.shape[1]
    left = np.cumsum(weights, axis=1) - weights
    total = weights.sum(axis=1, keepdims=True)
    starts = np.floor(left * ((2.0**24 - n_symbols) / total)) + np.arange(n_symbols)
    frequencies = np.diff(starts, axis=1, append=2.0**24)
    own = np.take_along_axis(frequencies, symbols[:, None].astype(np.intp), 1)[:, 0]
    return float((24 - np.log2(own)).sum())


def cost(codec: Codec, batch: Batch) -> tuple[float, float, float]:
    """Bits of symbols under exact and under real networks, and bits of offsets, of all columns with networks."""
    exact = real = offsets = 0.0
    for table in coded_batch(batch, codec):
        rows = known_rows(table)
        for name, column in table.model.columns.items():
            if not isinstance(column, Networked):
                continue
            coded = _coded(name, column, rows, table.codes[name].codes)
            symbols, _ = column.conditional.alphabet.split(coded)
            offsets += float(column.conditional.alphabet.widths[symbols].astype(np.int64).sum())
            for start in range(0, len(symbols), _CHUNK_ROWS):
                stop = min(start + _CHUNK_ROWS, len(symbols))
                network = column.conditional
                inputs = rows.sources.inputs(network.inputs, network.alphabet, start, stop)
                exact += exact_bits(column.conditional, inputs, symbols[start:stop])
                real += real_bits(column.conditional, inputs, symbols[start:stop])
    return exact, real, offsets


def _coded(name: str, column: Networked, rows: Rows, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The codes (rows,) of a column, or what a formula leaves of them."""
    predicted = rows.predict(name, 0, rows.layout.n_rows)
    if predicted is None or not column.predicted:
        return codes
    return differences(codes, predicted, column.grid)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fits, counts and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("bound")
    parser.add_argument("--kind", default="autoregressive")
    parser.add_argument("--columns", default="")
    asked = parser.parse_args(arguments)
    columns = asked.columns.split(",") if asked.columns else ()
    codec = fit(asked.source, columns=columns, bound=asked.bound, kind=asked.kind)
    source = open_source(asked.source)
    batch = concatenate(list(source.read(codec.schema)), codec.schema)
    exact, real, offsets = cost(codec, batch)
    print(
        f"{asked.source} {asked.kind} {asked.bound}: {(exact + offsets) / 8:,.0f} bytes in whole numbers, "
        f"{(real + offsets) / 8:,.0f} in real ones: {100 * (exact - real) / (real + offsets):+.3f} %"
    )


if __name__ == "__main__":
    main()
