"""Small networks of codes to test with, drawn at random."""

from itertools import pairwise

import numpy as np

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.model.conditional import Conditional, Input, IntegerLayer


def alphabet_of(n_ranges, seed=0):
    """Ranges of several widths with gaps between them."""
    rng = np.random.default_rng(seed)
    shifts = rng.integers(0, 9, n_ranges).astype(np.uint8)
    starts, end = [], -1_000
    for shift in shifts.tolist():
        start = -(-end // (1 << shift)) * (1 << shift) + (1 << shift) * int(rng.integers(0, 2))
        starts.append(start)
        end = start + (1 << shift)
    return Alphabet(np.array(starts, np.int64), shifts)


def layer_of(n_inputs, n_outputs, rng, *, shift=6, largest=127, bias=2_000):
    weights = rng.integers(-largest, largest + 1, (n_outputs, n_inputs)).astype(np.int16)
    return IntegerLayer(weights, rng.integers(-bias, bias + 1, n_outputs).astype(np.int32), shift)


def conditional_of(inputs, *, n_ranges=5, hidden=(8, 4), seed=0):
    """A network of random weights, of which some units see nothing and some are not seen."""
    rng = np.random.default_rng(seed)
    widths = [len(inputs), *hidden, n_ranges + 1]
    layers = []
    for number, (n_inputs, n_outputs) in enumerate(pairwise(widths)):
        layer = layer_of(n_inputs, n_outputs, rng, shift=6 if number < len(hidden) else 8)
        layer.weights[:, rng.random(n_inputs) < 0.2] = 0
        layers.append(layer)
    return Conditional(alphabet_of(n_ranges, seed), tuple(inputs), tuple(layers))


SOME_INPUTS = (Input(0), Input(0, 1), Input(2, 2), Input(1, 0, 1), Input(-1, 0, 0), Input(-1, 0, 3), Input(-2))
