"""The terms of archives' sizes: pure functions of a batch and of what a network made of it."""

import math

from torch import Tensor
from torch.nn import functional

from baler_vae.learn.networks.conditional import CodeBatch, CodeOutputs
from baler_vae.learn.networks.rounded import RoundedOutputs

BIT = math.log(2)
"""In nats."""


def bits_of_scores(batch: Tensor, outputs: RoundedOutputs) -> Tensor:
    """The bits of each row's scores, up to a constant, float32 (rows,)."""
    return outputs.reconstruction.nats(batch).sum(dim=1) / BIT  # (rows, columns) -> (rows,)


def bits_of_latents(_batch: Tensor, outputs: RoundedOutputs) -> Tensor:
    """The bits of each row's latents under their prior, float32 (rows,)."""
    return -outputs.prior.log2_of_whole(outputs.latents).sum(dim=1)  # (rows, k) -> (rows,)


def nats_of_symbols(batch: CodeBatch, outputs: CodeOutputs) -> Tensor:
    """The nats of a row's symbols under all networks together, averaged over rows: one number ()."""
    logits = outputs.logits.flatten(0, 1)  # (networks, rows, symbols) -> (networks * rows, symbols)
    wanted = batch.symbols.flatten().long()  # (networks, rows) -> (networks * rows,)
    return functional.cross_entropy(logits, wanted, reduction="sum") / batch.symbols.shape[1]


def bits_of_weights(_batch: CodeBatch, outputs: CodeOutputs) -> Tensor:
    """About the bits of the weights of all networks: one number ()."""
    return outputs.network.weight_bits()
