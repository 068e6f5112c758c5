"""How a column is stored, according to the model of its group."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from baler_vae.entropy.plain import Coding
from baler_vae.grid.grids import Grid
from baler_vae.kinematics.formula import Formula
from baler_vae.model.cells import Cells
from baler_vae.model.coders import CELLS, CONTEXT, NEIGHBOURS, NETWORK, Coder, CodesCoding
from baler_vae.model.conditional import Conditional
from baler_vae.model.context import InContext
from baler_vae.model.neighbours import Neighbours


@dataclass(frozen=True, kw_only=True)
class Free:
    """As the output of the group's decoder: nothing of the column itself is stored."""

    coding: ClassVar[None] = None


@dataclass(frozen=True, kw_only=True)
class Plain:
    """As values under a plain coding, without codes."""

    coding: Coding


@dataclass(frozen=True, kw_only=True)
class OnGrid:
    """As codes on a grid: `Coded`, `Contextual`, `Neighboured`, `Networked` or `Celled`.

    A `formula` predicts codes from other columns. Where `predicted` is true the differences from them are coded;
    otherwise they are an input of the network.
    """

    grid: Grid
    formula: Formula | None = None
    predicted: bool = False


@dataclass(frozen=True, kw_only=True)
class Coded(OnGrid):
    """As codes on a grid, coded independently."""

    coder: Coder

    @property
    def coding(self) -> CodesCoding:
        return self.coder.coding


@dataclass(frozen=True, kw_only=True)
class Contextual(OnGrid):
    """As codes on a grid, under tables that a small context chooses; differences from a formula, if there is one."""

    context: InContext

    coding: ClassVar[Literal["context-1"]] = CONTEXT


@dataclass(frozen=True, kw_only=True)
class Neighboured(OnGrid):
    """Arrays as codes on a grid, under tables that the neighbours of a cell choose."""

    neighbours: Neighbours

    coding: ClassVar[Literal["neighbours-1"]] = NEIGHBOURS


@dataclass(frozen=True, kw_only=True)
class Networked(OnGrid):
    """As codes on a grid, under a network with other columns as inputs."""

    conditional: Conditional

    coding: ClassVar[Literal["network-1"]] = NETWORK


@dataclass(frozen=True, kw_only=True)
class Celled(OnGrid):
    """Arrays as codes on a grid, under a network that sees neighbours of a cell and other columns."""

    cells: Cells

    coding: ClassVar[Literal["cells-1"]] = CELLS


ColumnModel = Free | Plain | Coded | Contextual | Neighboured | Networked | Celled
