"""Tables made on the spot: controls of which the best possible size is known, and a wide one like nanoAOD."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from baler_vae.table.bounds import Bound
from benchmarks.rivals.by_column import truncated
from benchmarks.rivals.signature import Values

ROWS = 20_000
SENTINEL = -999.0
_FLOATS = 4


def noise_bits(seed: int = 0, n_rows: int = ROWS) -> dict[str, Values]:
    """Float32 columns (rows,) of uniform bits, less the patterns that are not finite: nobody can shrink them."""
    bits = np.random.default_rng(seed).integers(0, 1 << 32, (_FLOATS, 2 * n_rows), np.uint32)
    finite = [column[np.isfinite(column.view(np.float32))][:n_rows] for column in bits]
    return {f"bits{number}": column.view(np.float32) for number, column in enumerate(finite)}


def noise_gauss(seed: int = 0, n_rows: int = ROWS) -> dict[str, Values]:
    """Independent normal float32 columns (rows,)."""
    drawn = np.random.default_rng(seed).normal(0, 1, (_FLOATS, n_rows))
    return {f"gauss{number}": column.astype(np.float32) for number, column in enumerate(drawn)}


def constants(n_rows: int = ROWS) -> dict[str, Values]:
    """Columns (rows,) of one value each."""
    return {
        "zero": np.zeros(n_rows, np.float32),
        "third": np.full(n_rows, 1 / 3, np.float64),
        "run": np.full(n_rows, 360_019, np.int32),
        "flag": np.ones(n_rows, np.bool_),
    }


def sentinels(seed: int = 0, n_rows: int = ROWS) -> dict[str, Values]:
    """A muon's columns (rows,) where a third of the events has none: -999 in all of them, integers included."""
    random = np.random.default_rng(seed)
    columns: dict[str, Values] = {
        "mu_pt": (20 + random.exponential(25, n_rows)).astype(np.float32),
        "mu_eta": random.normal(0, 1.2, n_rows).astype(np.float32),
        "mu_phi": random.uniform(-np.pi, np.pi, n_rows).astype(np.float32),
        "mu_charge": random.choice([-1, 1], n_rows).astype(np.int32),
    }
    missing = random.random(n_rows) < 1 / 3
    for values in columns.values():
        values[missing] = values.dtype.type(SENTINEL)
    return columns


def integers(seed: int = 0, n_rows: int = ROWS) -> dict[str, Values]:
    """Integer columns (rows,) of several widths: counts, bit masks, hashes, even numbers."""
    random = np.random.default_rng(seed)
    return {
        "count": random.poisson(8, n_rows).astype(np.int32),
        "mask": (1 << random.integers(0, 8, n_rows)).astype(np.uint8),
        "hash": random.integers(0, 1 << 64, n_rows, np.uint64),
        "even": 2 * random.geometric(0.01, n_rows).astype(np.int64),
        "status": random.choice([1, 2, 62, -999], n_rows, p=[0.7, 0.2, 0.05, 0.05]).astype(np.int16),
    }


def sorted_ids(seed: int = 0, n_rows: int = ROWS) -> dict[str, Values]:
    """What numbers events (rows,): runs, luminosity blocks, rising event numbers with gaps."""
    random = np.random.default_rng(seed)
    block = np.sort(random.integers(0, n_rows // 100 + 1, n_rows))
    return {
        "run": (360_000 + block // 40).astype(np.uint32),
        "luminosityBlock": (block % 40 + 1).astype(np.uint32),
        "event": np.cumsum(random.geometric(0.05, n_rows)).astype(np.uint64),
    }


def tiny(n_rows: int, seed: int = 0) -> dict[str, Values]:
    """A few rows (rows,) of a particle: four-momentum and charge."""
    random = np.random.default_rng(seed)
    momentum = random.normal(0, 30, (3, n_rows))
    return {
        **{name: column.astype(np.float32) for name, column in zip(("px", "py", "pz"), momentum, strict=True)},
        "E": np.sqrt((momentum**2).sum(axis=0) + 0.105658**2).astype(np.float32),
        "charge": random.choice([-1, 1], n_rows).astype(np.int32),
    }


def wide(n_columns: int = 1_500, n_rows: int = ROWS, seed: int = 0) -> dict[str, Values]:
    """A table (rows,) like nanoAOD's: collections of 25 columns each, correlated within a collection and, weakly, over
    the event; floats with truncated mantissas, flags, and integers.
    """
    random = np.random.default_rng(seed)
    event = random.normal(0, 1, n_rows)
    columns: dict[str, Values] = {}
    for number in range(-(-n_columns // 25)):
        columns |= {f"Obj{number:02d}_{name}": values for name, values in _collection(random, event).items()}
    return dict(list(columns.items())[:n_columns])


def _collection(random: np.random.Generator, event: Values) -> dict[str, Values]:
    """The 25 columns (rows,) of the leading object of one collection."""
    n_rows = len(event)
    hard = 0.5 * event + random.normal(0, 0.8, n_rows)
    flavour = random.choice([0, 4, 5], n_rows, p=[0.75, 0.1, 0.15])
    pt = 20 * np.exp(0.7 * np.abs(hard)) + random.exponential(8, n_rows)
    eta = np.clip(random.normal(0, 1.5, n_rows), -4.7, 4.7)
    mass = pt * random.gamma(6, 0.02, n_rows)
    fractions = random.dirichlet([6, 3, 1, 0.5, 0.2], n_rows).T * (1 - 0.002 * np.abs(eta))
    tags = [1 / (1 + np.exp(-(flavour - 2.5) - 0.3 * hard - random.normal(0, 1, n_rows))) for _ in range(4)]
    floats = {
        "pt": (pt, 10),
        "eta": (eta, 12),
        "phi": (random.uniform(-np.pi, np.pi, n_rows), 12),
        "mass": (mass, 10),
        "rawFactor": (0.1 + 0.05 / np.sqrt(pt) + random.normal(0, 0.01, n_rows), 6),
        "area": (0.5 + random.normal(0, 0.02, n_rows), 10),
        "energy": (np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2), 10),
        "ptRes": (pt * random.normal(0, 0.1 + 1 / pt), 8),
        **{f"fraction{part}": (values, 6) for part, values in enumerate(fractions)},
        **{f"tag{part}": (values, 10) for part, values in enumerate(tags)},
    }
    identified = fractions[0] < 0.9
    return {
        **{name: truncated(x.astype(np.float32), Bound("bits", bits)) for name, (x, bits) in floats.items()},
        "isTight": identified & (pt > 30),
        "isLoose": identified,
        "isTagged": tags[0] > 0.6,
        "flavour": flavour.astype(np.uint8),
        "nConstituents": (1 + random.poisson(3 * np.log(pt))).astype(np.uint8),
        "charge": random.choice([-1, 1], n_rows).astype(np.int32),
        "genIdx": np.where(random.random(n_rows) < 0.9, random.poisson(1.5, n_rows), -1).astype(np.int16),
        "puId": (4 * identified + 2 * (pt > 25) + (np.abs(eta) < 2.5)).astype(np.int32),
    }


CONTROLS: Mapping[str, Callable[[], dict[str, Values]]] = {
    "noise-bits": noise_bits,
    "noise-gauss": noise_gauss,
    "constants": constants,
    "sentinels": sentinels,
    "integers": integers,
    "sorted-ids": sorted_ids,
    **{f"rows-{n_rows}": partial(tiny, n_rows) for n_rows in (0, 1, 10, 1_000)},
    "wide": wide,
}
