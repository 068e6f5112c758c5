"""Archives of a few kB."""

import numpy as np
import pytest

import baler_vae
from baler_vae.io.files import write_file
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table

TINY = {"hidden": (8, 4), "latent": 1, "epochs": 2, "keep_network": True, "transform": "standard"}
SMALL = {
    "independent": {"kind": "independent", "bound": ["abs:0.1", "z=exact"]},
    "vae": {"kind": "vae", "bound": "abs:0.05", **TINY},
    "jagged": {"kind": "ae", "bound": "abs:0.02", **TINY, "columns": ["n", "met", "pt", "mass", "id"]},
}
INPUTS = {"independent": "small.npz", "vae": "small.npz", "jagged": "jagged.parquet"}


def flat_columns():
    """500 rows with NaN and a value that no grid holds among them."""
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 500)).astype(np.float32)
    flags = rng.integers(0, 9, 500)
    columns = {"x": x, "y": 3 * x + noise / 50, "z": np.round(rng.normal(size=500), 1), "n": flags}
    columns["x"][[3, 50]] = np.nan, np.float32(1e30)
    return columns


def write_jagged(path):
    """80 events, some without objects, whose objects depend on them, on each other, and on those before."""
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 5, 80).astype(np.int32)
    n_rows = int(counts.sum())
    met = rng.exponential(2, 80).astype(np.float32)
    met[[4, 7]] = np.nan, -0.0
    pt = np.sort(np.nan_to_num(np.repeat(met, counts)) + rng.normal(size=n_rows))
    mass = 2 * pt + rng.normal(size=n_rows)
    pt[3], mass[5] = np.inf, 1e300
    events = {"n": counts, "met": met, "alone": rng.normal(size=80)}
    objects = {"pt": pt, "mass": mass, "id": rng.integers(0, 4, n_rows).astype(np.uint8)}
    groups = tuple(
        Group(name, tuple(Column(key, array.dtype) for key, array in arrays.items()), counter)
        for name, arrays, counter in (("events", events, None), ("jet", objects, "n"))
    )
    schema = Schema(groups, (*events, *objects), Origin("parquet"))
    write_file(path, schema, [(Table(groups[0], events), Table(groups[1], objects))])


@pytest.fixture(scope="session")
def small_archives(tmp_path_factory):
    """The paths of archives by name, beside their inputs."""
    folder = tmp_path_factory.mktemp("small")
    np.savez(folder / "small.npz", **flat_columns())
    write_jagged(folder / "jagged.parquet")
    for name, options in SMALL.items():
        baler_vae.compress(folder / INPUTS[name], folder / f"{name}.bvae", **options)
    return {name: folder / f"{name}.bvae" for name in SMALL}


@pytest.fixture(scope="session")
def jagged_archive(small_archives):
    """The path of an archive of events with a collection under networks that look back."""
    return small_archives["jagged"]
