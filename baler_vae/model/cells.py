"""Networks that predict, cell by cell, the codes of a column of arrays: `cells-1`.

The cell takes the place of the object of a jagged collection, its coordinates that of the rank, and its causal
neighbours that of the objects before. One network serves all cells. All of its numbers are integers, as those of
`model.conditional` are; predictors are sums of float64 in a fixed order, of single IEEE operations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.model.conditional import Conditional

LARGEST_STEP: Final = 127
"""How far a neighbour may be away along each axis, and how many rows before."""
MOST_OFFSETS: Final = 4_096
MOST_PREDICTORS: Final = 8
WEIGHT_UNIT: Final = 2.0**-12
"""Of the weights of predictors."""
_MOST_TIMES: Final = 1 << 40
"""Cells come at fewer different times, even after many rows."""

Offset = tuple[int, ...]
"""How many rows before, and then the steps along the axes to a neighbour of a cell."""


class Seen(IntEnum):
    """What an input of the network of cells is; the number behind it is that of an offset, a predictor, an axis, a
    source or a column.
    """

    RELATIVE = 0
    """The code of a neighbour less what is predicted for the cell, among the ranges of the column's alphabet."""
    RESIDUAL = 1
    """What was coded of a neighbour, likewise."""
    VALUE = 2
    """The code of a neighbour among the ranges of the column's view."""
    PREDICTED = 3
    """What a predictor says, likewise."""
    DIFFERENCE = 4
    """What a predictor says less what is predicted for the cell, among the ranges of the column's alphabet."""
    COORDINATE = 5
    """The place of the cell along an axis."""
    SOURCE = 6
    """The code of a column of numbers, or of a latent, in the same row."""
    SAME_CELL = 7
    """The code of the same cell of another column of arrays, among the ranges of that column's view."""
    MIRRORED = 8
    """Whether the cell is predicted by its mirror image."""


@dataclass(frozen=True)
class CellInput:
    """One input of the network of cells: where a code lies among ranges, or, where `symbol` is not negative, whether it
    lies in that range.
    """

    kind: Seen
    number: int = 0
    symbol: int = -1


@dataclass(frozen=True, eq=False)
class Predictor:
    """A weighted mean of neighbours: `taps` int64 (n,) are the numbers of their offsets, the first of which that is
    there counts for all that are missing; `weights` int16 (n,) in units of 2^-12; `fill` where none is there. Without
    taps it is what the distances of points say that the rows before of a matrix of distances have told.
    """

    taps: NDArray[np.int64]
    weights: NDArray[np.int16]
    fill: float = 0.0

    def __post_init__(self) -> None:
        if self.taps.shape != self.weights.shape or not np.isfinite(self.fill):
            raise ValueError(f"a predictor of {len(self.taps)} taps and {len(self.weights)} weights")

    @property
    def is_geometric(self) -> bool:
        """Whether it predicts distances of points."""
        return not len(self.taps)


@dataclass(frozen=True, eq=False)
class Cells:
    """How the codes of a column of arrays of some `shape` depend on each other and on others.

    `network` has as many inputs as there are `inputs`, in their order, and the alphabet of what is coded: where
    `predicted`, differences from what the first predictor says, otherwise codes; where `mirrored`, of a cell below the
    diagonal of a square difference from the code of its mirror image. Cells are seen in the alphabet `view`.
    """

    shape: tuple[int, ...]
    network: Conditional
    inputs: tuple[CellInput, ...]
    view: Alphabet
    offsets: tuple[Offset, ...] = ()
    predictors: tuple[Predictor, ...] = ()
    predicted: bool = False
    mirrored: bool = False

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.network.inputs):
            raise ValueError(f"a network of {len(self.network.inputs)} inputs for {len(self.inputs)} of cells")
        if len(self.offsets) > MOST_OFFSETS or len(self.predictors) > MOST_PREDICTORS:
            raise ValueError(f"{len(self.offsets)} neighbours of cells and {len(self.predictors)} predictors")
        for offset in self.offsets:
            if not self._is_causal(offset):
                raise ValueError(f"a neighbour of cells at {offset[:4]}, which is not known before them")
        for predictor in self.predictors:
            outside = (predictor.taps < 0) | (predictor.taps >= len(self.offsets))
            if outside.any() or (predictor.is_geometric and (self.looks_back or not self._is_square)):
                raise ValueError("a predictor of cells has neighbours that do not exist")
        if sum(pace * (size - 1) for pace, size in zip(self.paces[1:], self.shape, strict=True)) >= _MOST_TIMES:
            raise ValueError("the neighbours of cells leave them no order")
        if (self.predicted and not self.predictors) or (self.mirrored and not self._is_square):
            raise ValueError("cells are predicted by what is not there")
        if not all(self._is_possible(entry) for entry in self.inputs):
            raise ValueError("a network of cells has an input that does not exist")

    @property
    def _is_square(self) -> bool:
        return len(self.shape) == 2 and self.shape[0] == self.shape[1]

    @property
    def looks_back(self) -> bool:
        """Whether cells depend on those of rows before."""
        return any(offset[0] for offset in self.offsets)

    @property
    def sources(self) -> set[int]:
        """The sources that the network sees."""
        return {entry.number for entry in self.inputs if entry.kind == Seen.SOURCE}

    @property
    def others(self) -> tuple[int, ...]:
        """The columns, by number, of whose cells the network sees the same ones."""
        return tuple(sorted({entry.number for entry in self.inputs if entry.kind == Seen.SAME_CELL}))

    @cached_property
    def paces(self) -> tuple[int, ...]:
        """How much later a cell comes for a step to the next row, and along each axis: neighbours come before. Cells
        that come at the same time do not depend on each other.
        """
        n_axes = 1 + len(self.shape)
        paces = [0] * n_axes
        for axis in reversed(range(n_axes)):
            for offset in self.offsets:
                steps = (-offset[0], *offset[1:])
                if any(steps[:axis]) or not steps[axis]:
                    continue
                later = sum(pace * step for pace, step in zip(paces[axis + 1 :], steps[axis + 1 :], strict=True))
                paces[axis] = max(paces[axis], -(-(1 + later) // -steps[axis]))
            if axis == 1 and self.mirrored:
                paces[1] = max(paces[1], paces[2] + 1)
            if axis == 1 and any(predictor.is_geometric for predictor in self.predictors):
                paces[1] = max(paces[1], paces[2] * (self.shape[1] - 1) + 1)
        return tuple(paces)

    def pruned(self) -> "Cells":
        """The same without inputs, predictors and neighbours that nothing depends on."""
        network = self.network.pruned()
        inputs = [self.inputs[entry.source] for entry in network.inputs]
        kinds = {Seen.PREDICTED, Seen.DIFFERENCE}
        used = {entry.number for entry in inputs if entry.kind in kinds} | ({0} if self.predicted else set())
        predictors = [place for place in range(len(self.predictors)) if place in used]
        seen = {entry.number for entry in inputs if entry.kind <= Seen.VALUE}
        seen |= {int(tap) for place in predictors for tap in self.predictors[place].taps}
        offsets = sorted(seen)

        def moved(entry: CellInput) -> CellInput:
            if entry.kind in kinds:
                return replace(entry, number=predictors.index(entry.number))
            return replace(entry, number=offsets.index(entry.number)) if entry.kind <= Seen.VALUE else entry

        kept = (self.predictors[place] for place in predictors)
        places = np.zeros(len(self.offsets) + 1, np.int64)
        places[offsets] = np.arange(len(offsets))
        return replace(
            self,
            network=numbered(network),
            inputs=tuple(map(moved, inputs)),
            offsets=tuple(self.offsets[place] for place in offsets),
            predictors=tuple(Predictor(places[own.taps], own.weights, own.fill) for own in kept),
        )

    def _is_causal(self, offset: Offset) -> bool:
        if len(offset) != 1 + len(self.shape) or max(map(abs, offset)) > LARGEST_STEP or offset[0] < 0:
            return False
        first = next((step for step in (-offset[0], *offset[1:]) if step), 0)
        return first < 0

    def _is_possible(self, entry: CellInput) -> bool:
        numbers = {
            Seen.RELATIVE: len(self.offsets),
            Seen.RESIDUAL: len(self.offsets),
            Seen.VALUE: len(self.offsets),
            Seen.PREDICTED: len(self.predictors),
            Seen.DIFFERENCE: len(self.predictors),
            Seen.COORDINATE: len(self.shape),
            Seen.MIRRORED: 1 if self.mirrored else 0,
        }
        return entry.symbol >= -1 and 0 <= entry.number < numbers.get(entry.kind, 1 << 31)


def numbered(network: Conditional) -> Conditional:
    """The network whose inputs have the numbers from 0 on as sources."""
    inputs = tuple(replace(entry, source=place) for place, entry in enumerate(network.inputs))
    return replace(network, inputs=inputs)


def unique_offsets(offsets: Sequence[Offset]) -> tuple[Offset, ...]:
    """Each offset once, in their order."""
    return tuple(dict.fromkeys(offsets))
