"""Small networks that tell, row by row, which codes of a column are likely: `network-1`.

All numbers are integers, carried by float32 products and sums that cannot round: every machine builds the same tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.entropy.frequencies import root_of_two_to
from baler_vae.model.layout import LARGEST_LAG, Layout

LARGEST_RANGES: Final = 63
"""The most ranges in the alphabet of a column under a network."""
LARGEST_INPUTS: Final = 255
LARGEST_WIDTH: Final = 1_024
LARGEST_SHIFT: Final = 20
ACTIVATION_BITS: Final = 10
"""Activations lie in [-2^10, 2^10), 64 of them to a unit."""
LEVELS_PER_OCTAVE: Final = 16

_LIMIT = 1 << ACTIVATION_BITS
_EXACT = 1 << 24
_SLOPE_BITS = 3
_PLACE = -1
_FARTHEST = 16
_FLAG = 256
_WEIGHT_BITS = 16
_WEIGHTS = np.array([root_of_two_to(LEVELS_PER_OCTAVE * _WEIGHT_BITS - level) for level in range(256)], np.float64)
"""floor(2^(16 - level / 16)): from 65,536 down to 1."""

Codes = NDArray[np.int64]
Places = NDArray[np.int32]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Input:
    """One number that a network sees.

    Of a source (a column, a latent), in the row or `lag` objects before: where its code lies among the ranges of its
    view, or, where `symbol` is not negative, whether it lies in that range. Source -1 is the place in the event (symbol
    0: how many objects before, 1: how many behind, 2: whether it is the first, 3: the second), source -2 the code that
    the column's formula predicts, among the ranges of its own alphabet.
    """

    source: int
    lag: int = 0
    symbol: int = -1


PLACE_INPUTS: Final = tuple(Input(_PLACE, 0, symbol) for symbol in range(4))
FORMULA: Final = -2


@dataclass(frozen=True)
class IntegerLayer:
    """`weights` int16 (outputs, inputs) in units of 2^-shift, and `bias` int32 (outputs,).

    Raises:
        ValueError: a sum could round.
    """

    weights: NDArray[np.int16]
    bias: NDArray[np.int32]
    shift: int

    def __post_init__(self) -> None:
        if self.weights.shape[:1] != self.bias.shape or not 0 <= self.shift <= LARGEST_SHIFT:
            raise ValueError(f"a layer of {self.weights.shape} weights, {self.bias.shape} biases, shift {self.shift}")
        sums = np.abs(self.weights.astype(np.int64)).sum(axis=1) * _LIMIT + (1 << self.shift)
        sums = np.maximum(sums, (sums >> self.shift) + np.abs(self.bias.astype(np.int64)))
        if np.any(sums >= _EXACT):
            raise ValueError("the weights of a layer are too large for exact sums")


@dataclass(frozen=True)
class Conditional:
    """How the codes of one column depend on others: an alphabet, the network's inputs and its layers; the last layer
    gives a level for every symbol, in sixteenths of an octave.
    """

    alphabet: Alphabet
    inputs: tuple[Input, ...]
    layers: tuple[IntegerLayer, ...]

    def __post_init__(self) -> None:
        widths = [len(self.inputs), *(len(layer.bias) for layer in self.layers)]
        fits = all(layer.weights.shape[1] == width for layer, width in zip(self.layers, widths, strict=False))
        if not self.layers or not fits or widths[-1] != self.alphabet.n_symbols:
            raise ValueError(f"layers that do not lead from {len(self.inputs)} inputs to {self.alphabet.n_symbols}")
        if not all(_is_possible(entry) for entry in self.inputs):
            raise ValueError("a network sees what is not there")

    @property
    def looks_back(self) -> bool:
        return any(entry.lag for entry in self.inputs)

    def pruned(self) -> "Conditional":
        """The same network without inputs and units that nothing depends on; one of each is left."""
        layers = list(self.layers)
        for number in reversed(range(len(layers))):
            used = np.flatnonzero(layers[number].weights.any(axis=0))
            used = used if len(used) else np.zeros(1, np.intp)
            layers[number] = replace(layers[number], weights=layers[number].weights[:, used])
            if number:
                before = layers[number - 1]
                layers[number - 1] = replace(before, weights=before.weights[used], bias=before.bias[used])
        return Conditional(self.alphabet, tuple(self.inputs[place] for place in used), tuple(layers))

    def tables(self, inputs: Floats) -> NDArray[np.float64]:
        """The weights float64 (rows, symbols) of all symbols, whole numbers up to 65,536, for inputs (rows, inputs)."""
        x = inputs
        for number, layer in enumerate(self.layers):
            if number:
                x = _activate(x)
            x = _apply(layer, x)
        np.subtract(x.max(axis=1, keepdims=True), x, out=x)
        np.minimum(x, 255.0, out=x)
        weights: NDArray[np.float64] = _WEIGHTS[x.astype(np.uint8)]
        return weights


def _is_possible(entry: Input) -> bool:
    if entry.source == _PLACE:
        return entry.lag == 0 and 0 <= entry.symbol < len(PLACE_INPUTS)
    lags = LARGEST_LAG if entry.source >= 0 else 0
    return entry.source >= FORMULA and 0 <= entry.lag <= lags and entry.symbol >= -1


def _apply(layer: IntegerLayer, x: Floats) -> Floats:
    y: Floats = x @ layer.weights.T.astype(np.float32)
    # In the order of the format, though half a unit before the shift could be part of the bias as well.
    y += np.float32((1 << layer.shift) >> 1)
    y *= np.float32(2.0**-layer.shift)
    np.floor(y, out=y)
    y += layer.bias.astype(np.float32)
    return y


def _activate(y: Floats) -> Floats:
    """Y within the limits, an eighth of it, rounded down, where it is negative."""
    np.clip(y, -_LIMIT, _LIMIT - 1, out=y)
    np.maximum(y, np.floor(y * np.float32(2.0**-_SLOPE_BITS)), out=y)
    return y


class Sources:
    """What networks see of the rows of a layout: the places of the codes of each source, int32 (rows,), as
    `Alphabet.positions` gives them for its view.
    """

    def __init__(self, layout: Layout, views: Mapping[int, Alphabet]) -> None:
        self.layout = layout
        self._views = dict(views)
        self._places: dict[int, Places] = {}

    def show(self, source: int, codes: Codes, start: int = 0) -> None:
        """Lets networks see the codes (rows,) of a source from row `start` on, if any of them looks at it."""
        if source in self._views:
            self._places_of(source)[start : start + len(codes)] = self._views[source].positions(codes)

    def show_formula(self, view: Alphabet, codes: Codes, start: int = 0) -> None:
        """Lets the network of one column see the codes (rows,) that its formula predicts."""
        self._views[FORMULA] = view
        self.show(FORMULA, codes, start)

    def with_formula(self, view: Alphabet, codes: Codes) -> "Sources":
        """The same sources and, for the network of one column, the codes (rows,) that its formula predicts."""
        found = Sources(self.layout, self._views)
        found._places = dict(self._places)
        found.show_formula(view, codes)
        return found

    def inputs(self, wanted: Sequence[Input], start: int, stop: int) -> Floats:
        """The numbers float32 (rows, inputs) that a network sees of the rows from `start` to `stop` of the layout."""
        found = np.empty((stop - start, len(wanted)), np.float32)
        for number, entry in enumerate(wanted):
            found[:, number] = self._input(entry, start, stop)
        return found

    def _input(self, entry: Input, start: int, stop: int) -> NDArray[np.integer[Any]]:
        if entry.source == _PLACE:
            return self._place(entry.symbol, start, stop)
        places = self._places_of(entry.source)
        if entry.lag:
            rows = self.layout.previous[entry.lag - 1][start:stop]
            return np.where(rows >= 0, self._seen(entry, places[np.maximum(rows, 0)]), 0)
        return self._seen(entry, places[start:stop])

    def _places_of(self, source: int) -> Places:
        """The places (rows,) of a source; memory for them is taken when the first ones are there, or looked at."""
        if source not in self._places:
            self._places[source] = np.zeros(self.layout.n_rows, np.int32)
        return self._places[source]

    def _seen(self, entry: Input, places: Places) -> NDArray[np.integer[Any]]:
        if entry.symbol >= 0:
            return np.where(places >> 6 == entry.symbol, _FLAG, 0)
        seen: Places = (places << 4) // len(self._views[entry.source].starts) - (_LIMIT >> 1)
        return seen

    def _place(self, kind: int, start: int, stop: int) -> Codes:
        ranks = self.layout.ranks[start:stop]
        if kind >= 2:
            return np.where(ranks == kind - 2, _FLAG, 0)
        numbers = self.layout.remaining[start:stop] if kind else ranks
        return (np.minimum(numbers, _FARTHEST) << 5) - _FLAG
