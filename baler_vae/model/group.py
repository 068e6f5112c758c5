"""The model of one group: how its columns become bytes, and which others that depends on."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.grid.grids import is_centred
from baler_vae.kinematics.formula import Formula
from baler_vae.model.coders import Coder
from baler_vae.model.columns import Celled, Coded, ColumnModel, Contextual, Neighboured, Networked, OnGrid
from baler_vae.model.correction import Correction
from baler_vae.model.network import Dense, Network, apply_network
from baler_vae.model.order import in_order
from baler_vae.model.transform import Transform

Shapes = tuple[tuple[int, ...], ...]
"""The shape of the array in each row of each column, () of a column of numbers; without any, all hold numbers."""

_SCORED_CELLS = 1 << 19
"""Cells of arrays whose scores are made at once, so that this takes little memory."""


def cells_of(n_columns: int, shapes: Shapes) -> tuple[int, ...]:
    """The number of scores of each column."""
    return tuple(map(math.prod, shapes)) if shapes else (1,) * n_columns


def places_of(n_columns: int, shapes: Shapes, *, interleaved: bool) -> tuple[slice, ...]:
    """Where the scores of each column stand in a row: behind those of the columns before it, or `interleaved`, cell by
    cell those of all columns, which then have as many cells.
    """
    if interleaved:
        return tuple(slice(number, None, n_columns) for number in range(n_columns))
    ends = np.cumsum(cells_of(n_columns, shapes)).tolist()
    return tuple(slice(start, stop) for start, stop in pairwise((0, *ends)))


def scores_of(
    columns: tuple[str, ...],
    transforms: tuple[Transform, ...],
    arrays: Mapping[str, NDArray[np.generic]],
    shapes: Shapes = (),
    *,
    interleaved: bool = False,
) -> NDArray[np.float32]:
    """The scores float32 (rows, scores) of the values (rows,) or (rows, *shape) of each column: one for each cell."""
    if not any(shapes):
        return np.stack(
            [transform.forward(arrays[name]) for name, transform in zip(columns, transforms, strict=True)], axis=1
        )
    n_rows = len(arrays[columns[0]])
    scores = np.empty((n_rows, sum(cells_of(len(columns), shapes))), np.float32)
    places = places_of(len(columns), shapes, interleaved=interleaved)
    for name, transform, place in zip(columns, transforms, places, strict=True):
        step = max(1, _SCORED_CELLS // scores[:0, place].shape[1])
        for start in range(0, n_rows, step):
            values = arrays[name][start : start + step]
            scores[start : start + step, place] = transform.forward(values).reshape(len(values), -1)
    return scores


def is_convolutional(network: Network) -> bool:
    """Whether any layer of a network is one of images: scores of its columns are then interleaved."""
    return any(not isinstance(layer, Dense) for layer in network)


@dataclass(frozen=True)
class Decoder:
    """The network that computes the columns of a group under `free` from latents; those of arrays have `shapes`."""

    columns: tuple[str, ...]
    transforms: tuple[Transform, ...]
    network: Network
    shapes: Shapes = ()

    @property
    def n_latents(self) -> int:
        return self.network[0].n_inputs

    @cached_property
    def cells(self) -> tuple[int, ...]:
        """The number of scores of each column."""
        return cells_of(len(self.columns), self.shapes)

    @cached_property
    def places(self) -> tuple[slice, ...]:
        """Where the scores of each column stand in a row."""
        return places_of(len(self.columns), self.shapes, interleaved=is_convolutional(self.network))

    def decode(self, latents: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """The values of each column, float64 (rows,) or (rows, *shape) in its unit, from latents float32 (rows, k)."""
        scores = apply_network(self.network, latents)
        if not any(self.shapes):
            return {
                name: transform.inverse(scores[:, j])
                for j, (name, transform) in enumerate(zip(self.columns, self.transforms, strict=True))
            }
        named = zip(self.columns, self.transforms, self.places, self.shapes, strict=True)
        return {
            name: transform.inverse(scores[:, place]).reshape(-1, *shape) for name, transform, place, shape in named
        }


@dataclass(frozen=True)
class Encoder:
    """The network from the columns of a group to latents; its outputs are k means, then perhaps k log-variances.

    Columns of arrays have `shapes`. The last latents are categorical where there are `categories`: so many for each, of
    which one is 1 in every row and the others are 0. The outputs in their places are logits, and log-variances are
    those of the `n_continuous` others.
    """

    columns: tuple[str, ...]
    transforms: tuple[Transform, ...]
    n_latents: int
    network: Network
    categories: tuple[int, ...] = ()
    shapes: Shapes = ()

    @property
    def n_continuous(self) -> int:
        """How many latents are not categorical."""
        return self.n_latents - sum(self.categories)

    def scores(self, arrays: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float32]:
        """The scores float32 (rows, scores) of the values (rows,) or (rows, *shape) of each column."""
        interleaved = is_convolutional(self.network)
        return scores_of(self.columns, self.transforms, arrays, self.shapes, interleaved=interleaved)

    def encode(self, scores: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The posterior's mean and log-variance, float32 (rows, k) and (rows, continuous latents) or (rows, 0), of
        scores float32 (rows, scores); categorical latents are 1 for the most probable category.
        """
        outputs = apply_network(self.network, scores)
        mean, log_variance = outputs[:, : self.n_latents], outputs[:, self.n_latents :]
        if self.categories:
            mean = np.hstack([mean[:, : self.n_continuous], *map(_one_hot, self._logits(outputs))])
        return mean, log_variance

    def probabilities(self, scores: NDArray[np.float32]) -> tuple[NDArray[np.float64], ...]:
        """The probability of each category of each categorical latent, float64 (rows, categories) each, of scores
        float32 (rows, scores).
        """
        found = []
        for logits in self._logits(apply_network(self.network, scores)):
            weights = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
            found.append(weights / weights.sum(axis=1, keepdims=True))
        return tuple(found)

    def _logits(self, outputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The logits float32 (rows, categories) of each categorical latent."""
        ends = np.cumsum([self.n_continuous, *self.categories])
        return np.split(outputs, ends, axis=1)[1:-1]


def _one_hot(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 for the largest of logits (rows, categories) in each row, the first of equal ones, and 0 for the others."""
    chosen: NDArray[np.bool_] = np.arange(logits.shape[1]) == logits.argmax(axis=1)[:, np.newaxis]
    return chosen.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class GroupModel:
    """What was fitted to the columns of a group.

    `decoder` is None where no column is `free`; `encoder` where there are no latents, and where an archive is read.
    `latents` has a coder for each latent that is rounded to its step of `steps`; both are empty where latents are kept
    as they are, then perhaps together with the log-variances of a VAE.

    Networks see sources by number: the columns of the group, then its latents, then the columns of the events. `views`
    are the alphabets in which they see those that have no suitable one of their own.

    `corrections` move values, one after the other, once all columns are known, and columns that are `patched` may then
    get other bit patterns in some rows; networks and formulas see neither.
    """

    columns: Mapping[str, ColumnModel]
    decoder: Decoder | None = None
    encoder: Encoder | None = None
    steps: tuple[float, ...] = ()
    latents: tuple[Coder, ...] = ()
    keeps_log_variance: bool = False
    views: Mapping[int, Alphabet] = field(default_factory=dict)
    corrections: tuple[Correction, ...] = ()
    patched: tuple[str, ...] = ()

    @property
    def n_latents(self) -> int:
        return len(self.steps) if self.decoder is None else self.decoder.n_latents

    @property
    def n_latent_parts(self) -> int:
        """How many parts of a section hold latents and log-variances."""
        return self.n_latents * (2 if self.keeps_log_variance else 1)

    @cached_property
    def parts(self) -> dict[str, int]:
        """The part of a section that holds a column, by its name; columns under `free` have none."""
        own = [name for name, column in self.columns.items() if column.coding is not None]
        return {name: self.n_latent_parts + place for place, name in enumerate(own)}

    @cached_property
    def centred(self) -> tuple[str, ...]:
        """The columns whose cells are centred on predictions, each after those that its formula reads."""
        own = {name for name, column in self.columns.items() if isinstance(column, OnGrid) and is_centred(column.grid)}
        return tuple(name for name in self.needed(own) if name in own) if own else ()

    @property
    def n_parts(self) -> int:
        """How many parts a section has, without that of their CRC-32."""
        return self.first_guard_part + len(self.corrections) + (1 + len(self.patched) if self.patched else 0)

    @property
    def first_guard_part(self) -> int:
        """The number of the part of the first correction; those of all, and of columns with patches, come last."""
        return self.n_latent_parts + len(self.parts)

    @property
    def is_guarded(self) -> bool:
        """Whether values may change once all columns are known."""
        return bool(self.corrections or self.patched)

    def corrections_of(self, wanted: Iterable[str]) -> set[int]:
        """The numbers of the corrections on which the wanted columns depend."""
        return self._guards(wanted)[0]

    def guard_columns(self, wanted: Iterable[str]) -> set[str]:
        """The wanted columns, and those that their corrections read, of the group or the events."""
        return self._guards(wanted)[1]

    def guard_parts(self, wanted: Iterable[str]) -> tuple[int, ...]:
        """The numbers of the parts that hold the corrections and patches of the wanted columns."""
        names, first = set(wanted), self.first_guard_part
        behind = len(self.corrections)
        patches = [number for number, name in enumerate(self.patched, behind + 1) if name in names]
        patches = [behind, *patches] if patches else []
        return tuple(first + number for number in (*sorted(self.corrections_of(names)), *patches))

    def _guards(self, wanted: Iterable[str]) -> tuple[set[int], set[str]]:
        needed, names = set[int](), set(wanted)
        for number, correction in reversed(list(enumerate(self.corrections))):
            if names & {correction.cells[name].column for name in correction.movable}:
                needed.add(number)
                names |= correction.columns
        return needed, names

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    @property
    def first_event_source(self) -> int:
        return len(self.columns) + self.n_latents

    @property
    def coders(self) -> tuple[Coder, ...]:
        """Those of the latents, then those of the columns."""
        return self.latents + tuple(column.coder for column in self.columns.values() if isinstance(column, Coded))

    @property
    def viewed(self) -> set[int]:
        """The sources that networks see."""
        columns = self.columns.items()
        return {source for name, own in columns if not isinstance(own, Contextual) for source in self.sources_of(name)}

    @property
    def looked_at(self) -> set[int]:
        """The sources that contexts look at."""
        columns = self.columns.values()
        return {source for own in columns if isinstance(own, Contextual) for source in own.context.sources}

    @cached_property
    def looks_back(self) -> bool:
        """Whether a network uses preceding objects: the rows are then coded rank by rank."""
        return any(isinstance(c, Networked) and c.conditional.looks_back for c in self.columns.values())

    def view(self, source: int) -> Alphabet:
        """The alphabet in which networks see a source.

        Raises:
            ValueError: there is none.
        """
        if source in self.views:
            return self.views[source]
        own = own_view(self, source)
        if own is None:
            raise ValueError(f"networks cannot take source {source}")
        return own

    def sources_of(self, name: str) -> set[int]:
        """The sources that are inputs of a column's network, or that its context looks at."""
        column = self.columns[name]
        if isinstance(column, Contextual):
            return column.context.sources
        if isinstance(column, Celled):
            return column.cells.sources
        if not isinstance(column, Networked):
            return set()
        return {entry.source for entry in column.conditional.inputs if entry.source >= 0}

    def formula(self, name: str) -> Formula | None:
        """The formula that predicts the codes of a column, or is an input of its network."""
        column = self.columns[name]
        return column.formula if isinstance(column, OnGrid) else None

    def parents(self, name: str, *, same_row: bool = False) -> set[str]:
        """The columns of the group that must be known before a column is, all rows of them, or those that must be known
        of the `same_row`.
        """
        column, formula, found = self.columns[name], self.formula(name), set()
        if formula is not None:
            found |= {read for read in formula.names if read in self.columns}
        if isinstance(column, Celled):
            seen = column.cells.sources | {*column.cells.others}
            found |= {self.names[source] for source in seen if source < len(self.columns)}
        if isinstance(column, Contextual):  # all rows of them are known before the first
            found |= {self.names[source] for source in column.context.sources if source < len(self.columns)}
        if isinstance(column, Networked):
            found |= {
                self.names[entry.source]
                for entry in column.conditional.inputs
                if 0 <= entry.source < len(self.columns) and not (same_row and entry.lag)
            }
        return found if same_row else found - {name}

    def needed(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """The wanted columns and all that they depend on, each after those that it needs of its own row.

        Raises:
            ValueError: columns depend on each other.
        """
        return in_order(self.columns, self.closure(wanted), {n: self.parents(n, same_row=True) for n in self.columns})

    def closure(self, wanted: Iterable[str]) -> set[str]:
        """The wanted columns and all columns of the group that they depend on."""
        found: set[str] = set()
        waiting = list(wanted)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.parents(name)
        return found

    def event_columns(self, wanted: Iterable[str], events: tuple[str, ...]) -> set[str]:
        """The columns of the events, out of all `events`, that must be known before the wanted columns are."""
        first, found = self.first_event_source, set()
        for name in self.closure(wanted):
            formula = self.formula(name)
            if formula is not None:
                found |= {read for read in formula.names if read not in self.columns}
            numbers = [source - first for source in self.sources_of(name) if source >= first]
            if any(number >= len(events) for number in numbers):
                raise ValueError(f"the network of column {name!r} has an input that does not exist")
            found |= {events[number] for number in numbers}
        return found


def own_view(model: GroupModel, source: int) -> Alphabet | None:
    """The alphabet in which a source is coded; None where differences are coded, or no symbols."""
    if source < len(model.columns):
        column = model.columns[model.names[source]]
        if not isinstance(column, OnGrid) or column.predicted:
            return None
        if isinstance(column, Networked):
            return column.conditional.alphabet
        if isinstance(column, Contextual | Neighboured | Celled):
            return None
        return None if column.coder.table is None else column.coder.table.alphabet
    latent = source - len(model.columns)
    if latent >= len(model.latents):
        return None
    table = model.latents[latent].table
    return None if table is None else table.alphabet
