"""Archives of less than 4 kB."""

import numpy as np
import pytest

import baler_vae
from baler_vae.io.files import write_file
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table

SMALL = {
    "independent": {"kind": "independent", "bound": ["abs:0.1", "z=exact"]},
    "vae": {"kind": "vae", "bound": "abs:0.05", "hidden": (8, 4), "latent": 1, "epochs": 60, "keep_network": True},
}


@pytest.fixture(scope="session")
def small_archives(tmp_path_factory):
    """The paths of two archives by name, of 500 rows with NaN and verbatim values among them."""
    folder = tmp_path_factory.mktemp("small")
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 500)).astype(np.float32)
    flags = rng.integers(0, 9, 500)
    columns = {"x": x, "y": 3 * x + noise / 50, "z": np.round(rng.normal(size=500), 1), "n": flags}
    columns["x"][[3, 50]] = np.nan, np.float32(1e30)
    np.savez(folder / "small.npz", **columns)
    for name, options in SMALL.items():
        baler_vae.compress(folder / "small.npz", folder / f"{name}.bvae", transform="standard", **options)
    return {name: folder / f"{name}.bvae" for name in SMALL}


@pytest.fixture(scope="session")
def jagged_archive(tmp_path_factory):
    """The path of an archive of 300 events with a collection that a network predicts."""
    folder = tmp_path_factory.mktemp("jagged")
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 4, 300).astype(np.int32)
    x = rng.normal(size=counts.sum())
    events = Group("events", (Column("n", counts.dtype), Column("met", np.dtype(np.float32))))
    jets = Group("jet", (Column("pt", x.dtype), Column("mass", x.dtype)), "n")
    tables = (
        Table(events, {"n": counts, "met": rng.exponential(size=300).astype(np.float32)}),
        Table(jets, {"pt": np.exp(x), "mass": 2 * x}),
    )
    write_file(folder / "in.parquet", Schema((events, jets), ("n", "met", "pt", "mass"), Origin("parquet")), [tables])
    options = {"hidden": (8, 4), "latent": 1, "epochs": 5, "keep_network": True, "transform": "standard"}
    baler_vae.compress(folder / "in.parquet", folder / "a.bvae", bound="abs:0.01", **options)
    return folder / "a.bvae"
