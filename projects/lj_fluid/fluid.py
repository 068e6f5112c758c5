"""The fluid: particles in a box under gravity, moved by Metropolis' rule, and what is made of their places.

Everything is in reduced units: lengths of sigma, energies of epsilon, the temperature of epsilon / k. A configuration
of n particles has the energy

    U = sum over pairs of 4 (r^-p - r^-q) + gamma sum of y,

with (p, q) = (12, 6) for Lennard-Jones, and is drawn with a probability proportional to exp(-U / T). Walls are hard.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_SQUARE = 1e-2
"""Squared distances below this count as this, which only random starts have: energies stay finite, and pairs that lie
upon each other move apart as if they were free.
"""
GRID = 20
"""Cells along each side of the occupancy grid. Cells of half a unit have a diagonal of 0.71, where Lennard-Jones has an
energy of 225: no two particles of an equilibrated configuration share one.
"""
_CHUNK = 250
"""Configurations that a thread makes at a time."""


@dataclass(frozen=True)
class Fluid:
    """What is simulated: `n_particles` in a box with sides of length `box`, the `powers` of the potential, `gamma`, the
    `temperature`; and how: a move adds to each coordinate a uniform number from -step to step, and a sweep moves every
    particle in turn.
    """

    gamma: float
    n_particles: int = 30
    box: float = 10.0
    powers: tuple[int, int] = (12, 6)
    temperature: float = 1.0
    step: float = 0.8
    sweeps: int = 2_000

    def __post_init__(self) -> None:
        if self.n_particles < 1 or self.sweeps < 0 or min(self.box, self.temperature, self.step) <= 0:
            raise ValueError("particles, box, temperature and step must be positive, and sweeps not negative")
        if not self.powers[0] > self.powers[1] > 0 or any(power % 2 for power in self.powers):
            raise ValueError(f"powers must be even, positive and falling, found {self.powers}")


def configurations(fluid: Fluid, n: int, seed: int, *, first: int = 0, n_threads: int = 2) -> Floats:
    """The places of n configurations, float64 (n, particles, 2), in the order in which particles were drawn.

    Each starts anew from uniform places, with random numbers that follow from the seed and its own number, which is
    `first` for the first: more configurations begin with the fewer, and the number of threads changes nothing.
    """
    stream = np.uint64(stream_of(fluid, seed))
    chunks = [np.arange(start, min(start + _CHUNK, n)) + first for start in range(0, n, _CHUNK)]

    def made(numbers: NDArray[np.int64]) -> Floats:
        return _chunk(numbers, stream, *_numbers_of(fluid), np.array([fluid.sweeps]))[0][:, 0]

    if not chunks:
        return np.empty((0, fluid.n_particles, 2))
    with ThreadPoolExecutor(n_threads) as pool:
        return np.concatenate(list(pool.map(made, chunks)))


def histories(fluid: Fluid, n: int, seed: int, sweeps: Sequence[int]) -> tuple[Floats, float]:
    """The places of the same n configurations after so many sweeps (times,), which rise, float64 (n, times, particles,
    2), and the part of the moves that were accepted.
    """
    stream = np.uint64(stream_of(fluid, seed))
    places, accepted = _chunk(np.arange(n), stream, *_numbers_of(fluid), np.asarray(sweeps, np.int64))
    return places, accepted / max(1, n * fluid.n_particles * sweeps[-1])


def energies(places: Floats, gamma: float | Floats, powers: tuple[int, int] = (12, 6), least: float = 0.0) -> Floats:
    """The energies U of configurations float64 (n, particles, 2), float64 (n,). Distances below `least` count as that:
    a potential that is cut there does not rise any further.
    """
    first, second = np.triu_indices(places.shape[1], 1)
    distances = np.linalg.norm(places[:, first] - places[:, second], axis=2)  # (n, pairs)
    distances = np.maximum(distances, max(least, np.sqrt(LEAST_SQUARE)))
    pairs = 4 * (distances ** -powers[0] - distances ** -powers[1])
    return pairs.sum(axis=1) + gamma * places[:, :, 1].sum(axis=1)


def by_height(places: Floats) -> Floats:
    """The same configurations (n, particles, 2) with particles from the lowest to the highest."""
    order = np.argsort(places[:, :, 1], axis=1, kind="stable")
    return np.take_along_axis(places, order[:, :, None], axis=1)


def matrices(places: NDArray[np.floating]) -> NDArray[np.float32]:
    """The distances of all pairs, float32 (n, particles, particles)."""
    found = np.empty((len(places), places.shape[1], places.shape[1]), np.float32)
    for start in range(0, len(places), 4_096):  # differences take four times the memory
        own = places[start : start + 4_096].astype(np.float64)
        found[start : start + len(own)] = np.linalg.norm(own[:, :, None] - own[:, None], axis=3)
    return found


def occupancy(places: Floats, box: float = 10.0, grid: int = GRID) -> NDArray[np.uint8]:
    """Which cells hold a particle, uint8 (n, grid, grid), rows of cells from the lowest to the highest.

    A particle whose cell is taken by one before it goes to the free cell whose centre is nearest to it, so that a grid
    has as many ones as there are particles.

    Raises:
        ValueError: there are more particles than cells.
    """
    if places.shape[1] > grid * grid:
        raise ValueError(f"{places.shape[1]} particles have no room in {grid} x {grid} cells")
    return _occupied(np.asarray(places, np.float64), box, grid)


def stream_of(fluid: Fluid, seed: int) -> int:
    """The seed of a fluid's own random numbers, so that those of another gamma or potential are others."""
    words = [seed, round(1_000_000 * abs(fluid.gamma)), int(fluid.gamma < 0), *fluid.powers]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])


def _numbers_of(fluid: Fluid) -> tuple[int, float, int, int, float, float, float]:
    first, second = fluid.powers
    return fluid.n_particles, fluid.box, first // 2, second // 2, fluid.gamma, fluid.temperature, fluid.step


@njit(cache=True, nogil=True, inline="always")
def _mixed(state: int) -> int:
    """A mixed number, uint64: Steele et al. 2014 (SplitMix64)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def _uniform(state: NDArray[np.uint64]) -> float:
    """The next number in [0, 1)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    return np.float64(_mixed(state[0]) >> np.uint64(11)) * 2.0**-53


@njit(cache=True, nogil=True, inline="always")
def _pair(dx: float, dy: float, half_p: int, half_q: int) -> float:
    """The energy of a pair at a distance."""
    inverse = 1.0 / max(dx * dx + dy * dy, LEAST_SQUARE)
    attraction = inverse
    for _ in range(half_q - 1):
        attraction *= inverse
    repulsion = attraction
    for _ in range(half_p - half_q):
        repulsion *= inverse
    return 4.0 * (repulsion - attraction)


@njit(cache=True, nogil=True)
def _chunk(
    numbers: NDArray[np.int64],
    seed: int,
    n: int,
    box: float,
    half_p: int,
    half_q: int,
    gamma: float,
    temperature: float,
    step: float,
    sweeps: NDArray[np.int64],
) -> tuple[Floats, int]:
    """The places (numbers, times, n, 2) after so many sweeps (times,), and the number of moves that were accepted."""
    found = np.empty((len(numbers), len(sweeps), n, 2))
    state = np.empty(1, np.uint64)
    places, pairs, moved = np.empty((n, 2)), np.empty((n, n)), np.empty(n)
    accepted = 0
    for row in range(len(numbers)):
        state[0] = _mixed(_mixed(seed + np.uint64(1)) + np.uint64(numbers[row]))
        for i in range(n):
            places[i, 0], places[i, 1] = box * _uniform(state), box * _uniform(state)
        for i in range(n):
            _pairs_at(places[i, 0], places[i, 1], i, places, pairs[i], half_p, half_q)
        done = 0
        for time in range(len(sweeps)):
            while done < sweeps[time]:
                done += 1
                accepted += _sweep(places, pairs, moved, state, box, half_p, half_q, gamma, temperature, step)
            found[row, time] = places
    return found, accepted


@njit(cache=True, nogil=True)
def _sweep(
    places: Floats,
    pairs: Floats,
    moved: Floats,
    state: NDArray[np.uint64],
    box: float,
    half_p: int,
    half_q: int,
    gamma: float,
    temperature: float,
    step: float,
) -> int:
    """The moves that are accepted of one for each particle; places (n, 2) and energies of pairs (n, n) follow."""
    accepted = 0
    for i in range(len(places)):
        x = places[i, 0] + step * (2.0 * _uniform(state) - 1.0)
        y = places[i, 1] + step * (2.0 * _uniform(state) - 1.0)
        chance = _uniform(state)
        if not (0.0 <= x < box and 0.0 <= y < box):
            continue
        _pairs_at(x, y, i, places, moved, half_p, half_q)
        change = gamma * (y - places[i, 1])
        for j in range(len(places)):
            change += moved[j] - pairs[i, j]
        if change > 0.0 and chance >= np.exp(-change / temperature):
            continue
        accepted += 1
        places[i, 0], places[i, 1] = x, y
        for j in range(len(places)):
            pairs[i, j] = moved[j]
            pairs[j, i] = moved[j]
    return accepted


@njit(cache=True, nogil=True, inline="always")
def _pairs_at(x: float, y: float, i: int, places: Floats, found: Floats, half_p: int, half_q: int) -> None:
    """Writes the energies of particle i, were it at x and y, with all others (n,); 0 with itself."""
    for j in range(len(places)):
        found[j] = _pair(x - places[j, 0], y - places[j, 1], half_p, half_q)
    found[i] = 0.0


@njit(cache=True, nogil=True)
def _occupied(places: Floats, box: float, grid: int) -> NDArray[np.uint8]:
    found = np.zeros((len(places), grid, grid), np.uint8)
    edge = box / grid
    for row in range(len(places)):
        for i in range(places.shape[1]):
            x, y = places[row, i, 0], places[row, i, 1]
            best_a = min(max(int(y / edge), 0), grid - 1)
            best_b = min(max(int(x / edge), 0), grid - 1)
            if found[row, best_a, best_b]:
                least = np.inf
                for a in range(grid):
                    for b in range(grid):
                        square = ((a + 0.5) * edge - y) ** 2 + ((b + 0.5) * edge - x) ** 2
                        if not found[row, a, b] and square < least:
                            least, best_a, best_b = square, a, b
            found[row, best_a, best_b] = 1
    return found
