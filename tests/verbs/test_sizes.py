"""Tables that are wide, and tables that are long."""

import numpy as np
import pytest

import baler_vae
from baler_vae.table.schema import Origin
from tests.tables import batch_of


def objects(rng, name, counts, n_columns):
    return {f"{name}_{i}": rng.normal(size=counts.sum()).astype(np.float32) for i in range(n_columns)}


@pytest.mark.parametrize(
    ("suffix", "n_flags", "n_floats"),
    [
        (".parquet", 200, 98),
        pytest.param(".parquet", 1_000, 498, marks=pytest.mark.full),
        pytest.param(".root", 1_000, 498, marks=pytest.mark.full),
    ],
)
def test_hundreds_of_columns_go_through(write, tmp_path, suffix, n_flags, n_floats):
    """A table as nanoAOD has them: many event-level branches, and collections of objects. uproot takes minutes to write
    fifteen hundred branches.
    """
    rng = np.random.default_rng(5)
    counts = {name: rng.integers(0, 9, 200).astype(np.int32) for name in ("Jet", "Muon")}
    events = {f"HLT_{i}": rng.integers(0, 20, 200) == 0 for i in range(n_flags)}
    events |= {f"MET_{i}": rng.exponential(30, 200).astype(np.float32) for i in range(n_floats)}
    arrays = {"events": events | {f"n{name}": numbers for name, numbers in counts.items()}}
    arrays |= {name: objects(rng, name, numbers, 20) for name, numbers in counts.items()}
    path = write(*batch_of(arrays, {"Jet": "nJet", "Muon": "nMuon"}, Origin("root", "Events")), f"input{suffix}")
    info = baler_vae.compress(path, tmp_path / "a.bvae", kind="independent")
    assert len(info.columns) == n_flags + n_floats + 2 * (1 + 20)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / f"restored{suffix}")
    assert not baler_vae.verify(tmp_path / "a.bvae", against=path).broken


@pytest.mark.full
def test_a_million_events_go_through(write, tmp_path):
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 21, 1_000_000).astype(np.int32)
    arrays = {"events": {"met": rng.exponential(30, counts.size).astype(np.float32), "nJet": counts}}
    path = write(*batch_of(arrays | {"Jet": objects(rng, "Jet", counts, 1)}, {"Jet": "nJet"}, Origin("root", "Events")))
    info = baler_vae.compress(path, tmp_path / "a.bvae", kind="independent", bound="bits:8")
    assert info.n_rows == {"events": counts.size, "Jet": int(counts.sum())}
    assert info.groups[1].sample.of_rows == counts.sum()
