"""Small networks that predict, row by row, the probabilities of a column's codes: `network-1`.

All numbers are integers, carried by float32 products and sums that cannot round: every machine builds the same tables.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.grid.numbers import Integers64
from baler_vae.model.layout import LARGEST_LAG, Layout

if TYPE_CHECKING:
    from baler_vae.model.kernels.layers import PackedNetwork
    from baler_vae.model.kernels.seeing import Seen

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
_PLACE = -1
BLOCK_ROWS: Final = 128
"""Rows that kernels handle at a time."""
_BEHIND = 1
"""The symbol of the input that tells how many objects are behind."""
_MOST_COUNTED = 16
"""Objects before or behind that are counted."""
_LAGS = range(1, LARGEST_LAG + 1)
_NO_PLACES = np.empty(0, np.int16)

Places = NDArray[np.int16]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Input:
    """One input of a network.

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
            raise ValueError("a network has an input that does not exist")

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
        from baler_vae.model.kernels.coding import weigh  # noqa: PLC0415 - numba takes half a second to import
        from baler_vae.model.kernels.seeing import seen_as  # noqa: PLC0415

        weights = np.empty((len(inputs), self.alphabet.n_symbols))
        weigh(seen_as(inputs.T), self.packed, weights)
        return weights

    @cached_property
    def packed(self) -> "PackedNetwork":
        """The network as the kernels take it."""
        used = [np.nonzero(layer.weights) for layer in self.layers]
        widths = [len(self.inputs), *(len(layer.bias) for layer in self.layers)]
        return (
            np.concatenate(
                [layer.weights[own] for layer, own in zip(self.layers, used, strict=True)], dtype=np.float32
            ),
            np.concatenate([BLOCK_ROWS * places for _, places in used], dtype=np.int32),
            np.concatenate([np.count_nonzero(layer.weights, axis=1) for layer in self.layers], dtype=np.int32),
            np.concatenate([layer.bias for layer in self.layers], dtype=np.float32),
            np.array(widths, np.int32),
            np.array([layer.shift for layer in self.layers], np.int32),
        )


def _is_possible(entry: Input) -> bool:
    if entry.source == _PLACE:
        return entry.lag == 0 and 0 <= entry.symbol < len(PLACE_INPUTS)
    lags = LARGEST_LAG if entry.source >= 0 else 0
    return entry.source >= FORMULA and 0 <= entry.lag <= lags and entry.symbol >= -1


class Context:
    """What networks see of the rows of a layout: the places of the codes of each source, as `Alphabet.positions` gives
    them for its view.
    """

    def __init__(self, layout: Layout, views: Mapping[int, Alphabet]) -> None:
        self.layout = layout
        self._views = dict(views)
        self._numbers = {source: number for number, source in enumerate(views)}
        self._n_padded = layout.n_rows + BLOCK_ROWS
        # Sources, those of the rows before in the same order, ranks and numbers behind. Memory that is never written is
        # never allocated, even if a damaged archive claims more rows than it has.
        self._places: Places = np.zeros(((1 + LARGEST_LAG) * len(views) + 2, self._n_padded), np.int16)
        self._places[-2, : layout.n_rows] = np.minimum(layout.ranks, _MOST_COUNTED)
        self._places[-1, : layout.n_rows] = np.minimum(layout.remaining, _MOST_COUNTED)
        self._hint = _NO_PLACES
        # What `kernels.look_back` takes; what no network wants counts as done. Copies share it.
        back = [(number, lag, number + lag * len(views)) for lag in _LAGS for number in range(len(views))]
        self._back = np.array([(*one, layout.n_rows) for one in back], np.int64).reshape(-1, 4)
        self._wanted: set[int] = set()
        self._ends = layout.ends.tolist()

    def show(self, source: int, codes: Integers64, start: int = 0) -> None:
        """Lets networks see the codes (rows,) of a source from row `start` on, if any of them uses it."""
        if source in self._views:
            number = self._numbers[source]
            self._views[source].place(codes, self._places[number, start : start + len(codes)])
            self.forget(source, start)

    def shown_in(self, source: int, alphabet: Alphabet) -> Places | None:
        """Where the places int16 (rows,) of the codes of a source lie, if any network uses it and they are those among
        the ranges of an alphabet: who decodes under that may put them there, and then `forget` what was seen before.
        """
        if source not in self._views or not self._views[source].same_as(alphabet):
            return None
        return self._places[self._numbers[source], : self.layout.n_rows]

    def forget(self, source: int, start: int) -> None:
        """Lets rows that look back at those from `start` on of a source see them anew."""
        if source in self._numbers:
            # The first row that may look back at these.
            first = start if len(self._ends) < 2 else self._ends[bisect_right(self._ends, start)]
            for done in self._back[self._numbers[source] :: len(self._numbers)]:
                if int(done[2]) in self._wanted:
                    done[3] = min(done[3], first)

    def places(self, source: int) -> NDArray[np.int32]:
        """The places int32 (rows,) of the codes of a source."""
        places: NDArray[np.int32] = self._places[self._numbers[source], : self.layout.n_rows].astype(np.int32)
        return places

    def show_formula(self, view: Alphabet, codes: Integers64, start: int = 0) -> None:
        """Lets the network of one column see the codes (rows,) that its formula predicts."""
        view.place(codes, self._hints()[start : start + len(codes)])

    def with_formula(self, view: Alphabet, codes: Integers64) -> "Context":
        """The same sources and, for the network of one column, the codes (rows,) that its formula predicts."""
        found = copy(self)
        found._hint = _NO_PLACES  # noqa: SLF001 - of the same class
        found.show_formula(view, codes)
        return found

    def seen(self, network: Conditional) -> "Seen":
        """The inputs of a network, as the kernels take them; those of rows before are there up to a row once
        `look_back` was called with it.
        """
        return self._seen(network.inputs, network.alphabet)

    def look_back(self, stop: int) -> None:
        """Lets networks see what is known of the rows before those up to `stop`."""
        if np.any(self._back[:, 3] < stop):
            from baler_vae.model.kernels.seeing import look_back  # noqa: PLC0415 - numba takes half a second to import

            before, before_that = self.layout.previous
            look_back(self._places, before, before_that, self._back, stop)

    def inputs(self, wanted: Sequence[Input], view: Alphabet, start: int, stop: int) -> Floats:
        """The inputs float32 (rows, inputs) of a network for the rows from `start` to `stop` of the layout;
        `view` is the alphabet of its column.
        """
        from baler_vae.model.kernels.seeing import see_all  # noqa: PLC0415

        found = np.empty((len(wanted), stop - start), np.float32)
        seen = self._seen(wanted, view)
        self.look_back(stop)
        see_all(seen, start, found)
        return found.T

    def _hints(self) -> Places:
        """The places (rows,) of what a formula predicts."""
        if len(self._hint) != self._n_padded:
            self._hint = np.zeros(self._n_padded, np.int16)
        return self._hint

    def _seen(self, wanted: Sequence[Input], view: Alphabet) -> "Seen":
        from baler_vae.model.kernels.seeing import NO_NUMBERS  # noqa: PLC0415

        fields = np.array([self._field(entry, view) for entry in wanted], np.int32).reshape(-1, 4)
        hint = self._hints() if any(entry.source == FORMULA for entry in wanted) else self._hint
        return self._places, hint, fields, NO_NUMBERS

    def _field(self, entry: Input, view: Alphabet) -> tuple[int, int, int, int]:
        """An input as the kernels take it; `view` is the alphabet of its network's column."""
        from baler_vae.model.kernels.seeing import BETWEEN, COUNT, EQUAL, HINT, INSIDE  # noqa: PLC0415

        if entry.source == _PLACE:
            row = len(self._places) - (1 if entry.symbol == _BEHIND else 2)
            return (row, COUNT, 0, 1) if entry.symbol <= _BEHIND else (row, EQUAL, entry.symbol - _BEHIND - 1, 1)
        what, symbol = (BETWEEN, 0) if entry.symbol < 0 else (INSIDE, entry.symbol)
        if entry.source == FORMULA:
            return HINT, what, symbol, len(view.starts)
        row = self._numbers[entry.source] + entry.lag * len(self._numbers)
        if entry.lag and row not in self._wanted:
            self._wanted.add(row)
            self._back[row - len(self._numbers), 3] = 0
        return row, what, symbol, len(self._views[entry.source].starts)
