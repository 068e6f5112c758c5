"""What it costs that the decoder is exact: archives' bytes against the same network in plain float32.

`python benchmarks/export_cost.py FILE[:TREE] KIND BOUND [COLUMN...]` fits once, then counts latents and codes with the
rounded weights and exact sums of the archive, and with the weights and the arithmetic of the training.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import baler_vae.learn.fit as learn
from baler_vae.grid.codes import Codes, dequantise_column, predicted_codes, quantise_column
from baler_vae.io.files import open_source
from baler_vae.learn.fit import Fitted
from baler_vae.model.coders import differences, fit_coder, fit_predicted_coder
from baler_vae.model.group import GroupModel
from baler_vae.model.network import LEAKY_SLOPE, Network, apply_network
from baler_vae.model.weights import encode_decoder
from baler_vae.pipeline.codec import Codec
from baler_vae.pipeline.fit import STEP_EVENTS, fit
from baler_vae.pipeline.groups import latents_of, quantise_latents, round_latents
from baler_vae.table.table import Table, concatenate


def fit_and_keep(spec: str, **settings: Any) -> tuple[list[Fitted], Codec]:
    """What was trained, and the codec of a file."""
    kept: list[Fitted] = []
    original = learn.fit_group

    def keeping(*arguments: Any) -> Any:
        fitted, history = original(*arguments)
        kept.append(fitted)
        return fitted, history

    learn.fit_group = keeping
    try:
        codec = fit(spec, keep_network=True, **settings)
    finally:
        learn.fit_group = original
    return kept, codec


def in_float32(network: Network, latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outputs (rows, outputs) as PyTorch on a CPU would give them."""
    x = latents
    for number, layer in enumerate(network):
        if number:
            x = np.maximum(x, x * LEAKY_SLOPE)
        x = x @ layer.weights.T + layer.bias
    return x


def data_bytes(table: Table, model: GroupModel, codes: dict[str, Codes], scores: NDArray[np.float32]) -> float:
    """What the codes of the predicted columns take, given the decoder's scores (rows, columns)."""
    assert model.decoder is not None
    total = 0.0
    for j, (name, transform) in enumerate(zip(model.decoder.columns, model.decoder.transforms, strict=True)):
        column = model.columns[name]
        if column.grid is None or name not in codes:
            continue
        alone = fit_coder(codes[name].codes)[1]
        predictions = predicted_codes(transform.inverse(scores[:, j]), column.grid, table[name].dtype)
        differing = differences(codes[name].codes, predictions, column.grid)
        total += min(alone, fit_predicted_coder(differing, predictions)[1]) / 8
    return total


def main(spec: str, kind: str, bound: str, columns: Sequence[str]) -> None:
    """Fits, counts and prints."""
    fitted, codec = fit_and_keep(spec, kind=kind, bound=bound, columns=columns, latent=4 if kind == "vae" else None)
    source = open_source(spec)
    batch = concatenate(list(source.batches(codec.schema, STEP_EVENTS)), codec.schema)
    networks = iter(fitted)
    for table in batch:
        model = codec.models[table.group.name]
        if model.decoder is None:
            continue
        trained = next(networks).trained
        codes = {
            name: quantise_column(table[name], column.grid, codec.bounds[name])
            for name, column in model.columns.items()
            if column.grid is not None
        }
        restored = {name: dequantise_column(codes[name], model.columns[name].grid, table[name].dtype) for name in codes}
        means = latents_of({**table.arrays, **restored}, table, model, spec)[0]
        latents = round_latents(means, model.steps)
        latent_bytes = sum(fit_coder(code)[1] for code in quantise_latents(means, model.steps)) / 8
        weights = sum(map(len, encode_decoder(model.decoder)))
        exact = data_bytes(table, model, codes, apply_network(model.decoder.network, latents)) + latent_bytes + weights
        plain = data_bytes(table, model, codes, in_float32(trained, latents)) + latent_bytes + weights
        print(
            f"{spec} {table.group.name} {kind} {bound}: exact {exact:,.0f} bytes, float32 {plain:,.0f} bytes "
            f"({weights:,} of weights counted in both), cost {100 * (exact / plain - 1):+.3f} %"
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
