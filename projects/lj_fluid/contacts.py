"""Contacts of particles with each other and with walls under the codec: how crowded a configuration is, in bits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from fluid import matrices
from models import pairs_of
from numba import njit
from numpy.typing import NDArray

import baler_vae
from baler_vae.codec.codec import Codec
from baler_vae.codec.lengths import code_lengths
from baler_vae.explore.opening import all_rows, opened_rows

Floats = NDArray[np.floating[Any]]

CONTACT = 1.6
"""Pairs, and particles and walls, that are nearer are in contact: further away their density is nearly even."""
OUTSIDE = 0.4
"""How far outside a wall a particle is looked at; those further away count as there."""
BOUND, STEP = "abs:0.005", 0.005
"""The bound of the codecs of contacts, and the steps of distances at which their bits are asked for."""
ESCAPE = 75.0
"""About the bits of a contact that a codec has never seen: 64 for the value, and those of the escape."""
N_TRIALS = 60
"""Moves that are tried of each particle."""


def bits_of(codec: Codec, columns: Mapping[str, NDArray[Any]]) -> Floats:
    """The exact bits of each row of columns (rows,) under a codec, float64 (rows,)."""
    with opened_rows(dict(columns)) as source:
        lengths = code_lengths(codec, all_rows(source, codec.match(source)))
    found: Floats = np.sum([own for group in lengths.values() for own in group.values()], axis=0)
    return found


def surplus_of(contacts: Floats, least: float, *, is_ring: bool) -> Floats:
    """The bits of a contact by its distance, in steps from the least one to the largest, less those of the largest
    distances, float64 (steps,), under a codec that is fitted to contacts (contacts,). Where a distance `is_ring`, bits
    are those of a density per area.
    """
    codec = baler_vae.fit({"distance": np.asarray(contacts, np.float32)}, bound=BOUND, model="independent")
    distances = least + (np.arange(round((CONTACT - least) / STEP)) + 0.5) * STEP
    bits = bits_of(codec, {"distance": distances.astype(np.float32)})
    if is_ring:
        bits = bits + np.log2(distances)
    found: Floats = bits - bits[distances > CONTACT - 0.1].mean()
    return found


@dataclass(frozen=True, eq=False)
class Contacts:
    """The bits of contacts with particles and with walls by their distance, float64 (steps,) each, in a box with sides
    of length `box`.
    """

    particles: Floats
    walls: Floats
    box: float = 10.0

    @classmethod
    def fitted(cls, places: NDArray[np.floating[Any]], box: float = 10.0) -> "Contacts":
        """Those of codecs that are fitted to configurations (n, particles, 2)."""
        pairs = pairs_of(matrices(places))
        from_walls = np.concatenate([places.ravel(), box - places.ravel()])
        return cls(
            surplus_of(pairs[pairs < CONTACT], 0.0, is_ring=True),
            surplus_of(from_walls[from_walls < CONTACT], -OUTSIDE, is_ring=False),
            box,
        )

    @classmethod
    def of_potential(cls, powers: tuple[int, int] = (12, 6)) -> "Contacts":
        """Those that the true potential would give at a temperature of 1: what a codec can be compared with."""
        distances = np.maximum((np.arange(round(CONTACT / STEP)) + 0.5) * STEP, 0.1)
        pairs = 4 * (distances ** -float(powers[0]) - distances ** -float(powers[1])) / np.log(2)
        is_outside = (np.arange(round((CONTACT + OUTSIDE) / STEP)) + 0.5) * STEP < OUTSIDE
        return cls(np.minimum(pairs - pairs[-1], ESCAPE), np.where(is_outside, ESCAPE, 0.0))

    def of_particles(self, places: Floats, moved: Floats | None = None) -> Floats:
        """The bits of each particle of configurations (n, particles, 2), the sum over its contacts, were it alone
        `moved` (n, particles, 2): float64 (n, particles).
        """
        own = places if moved is None else moved
        found: Floats = _bits(np.asarray(places, np.float64), own, self.particles, self.walls, self.box)
        return found

    def crowding(self, places: Floats) -> Floats:
        """The crowding of configurations (n, particles, 2) in bits, (n,): log2 of the sum over particles of 2 to the
        power of their bits, which is about the bits of the most crowded one.
        """
        found: Floats = np.logaddexp2.reduce(self.of_particles(places), axis=1)
        return found

    def saved(self, places: Floats, reach: float, seed: int = 0) -> Floats:
        """The bits that a small move of one particle would save, (n,): log2 of the sum over particles of the mean of 2
        to the power of what random moves save, of at most `reach` along each axis. It is about the logarithm of the
        ratio of likelihoods between configurations where one was moved, and those where none was.
        """
        rng = np.random.default_rng(seed)
        before = self.of_particles(places)
        savings = np.full(before.shape, -np.inf)
        for _ in range(N_TRIALS):
            after = self.of_particles(places, places + rng.uniform(-reach, reach, places.shape))
            savings = np.logaddexp2(savings, before - after)
        found: Floats = np.logaddexp2.reduce(savings, axis=1) - np.log2(N_TRIALS)
        return found


@njit(cache=True, nogil=True)
def _bits(places: Floats, moved: Floats, particles: Floats, walls: Floats, box: float) -> Floats:
    found = np.zeros(places.shape[:2])
    for row in range(len(places)):
        for i in range(places.shape[1]):
            x, y = moved[row, i]
            for away in (x, y, box - x, box - y):
                place = max(int((away + OUTSIDE) / STEP), 0)
                if place < len(walls):
                    found[row, i] += walls[place]
            for j in range(places.shape[1]):
                dx, dy = x - places[row, j, 0], y - places[row, j, 1]
                square = dx * dx + dy * dy
                if j != i and square < CONTACT * CONTACT:
                    found[row, i] += particles[min(int(np.sqrt(square) / STEP), len(particles) - 1)]
    return found
