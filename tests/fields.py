"""Arrays whose neighbours tell of each other, for tests of tables that neighbours choose."""

import numpy as np


def fields(n_rows=24, seed=5):
    """Columns of arrays by name: a field that moves from row to row, with values that no grid holds, matrices of
    distances, images of few bright cells on nothing, and profiles of three kinds, sorted
    and padded, twice.
    """
    rng = np.random.default_rng(seed)
    time, y, x = np.ogrid[:n_rows, :8, :11]
    flow = np.sin(0.2 * time + 0.5 * x) * np.cos(0.3 * y - 0.1 * time) + rng.normal(0, 0.003, (n_rows, 8, 11))
    flow[3, 2, 4:6] = np.nan, -np.inf
    flow[n_rows - 1, 0, 0] = 1e300
    points = rng.normal(size=(n_rows, 9, 3))
    distances = np.sqrt(np.square(points[:, :, None] - points[:, None]).sum(axis=3)).astype(np.float32)
    centre = rng.uniform(2, 6, (n_rows, 1, 1, 2))
    away = np.square(np.arange(8)[:, None] - centre[..., 0]) + np.square(np.arange(8) - centre[..., 1])
    light = rng.poisson(40 * np.exp(-away / 2)) * (rng.random((n_rows, 8, 8)) > 0.1)
    falling = np.cumsum(rng.exponential(1, (n_rows, 3, 30)), axis=2)[:, :, ::-1]
    profile = falling * (np.arange(30) < rng.integers(9, 31, (n_rows, 3, 1))) * [[1], [30], [900]]
    return {
        "flow": flow,
        "distances": distances,
        "light": light.astype(np.int32),
        "profile": profile.astype(np.float32),
        "coarse": profile.astype(np.float32),
        "n": np.arange(n_rows, dtype=np.int32),
    }
