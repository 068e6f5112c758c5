"""Small files with guarantees, on whose archives a reader by hand is tried, and damage."""

import numpy as np

import baler_vae
from baler_vae.io.files import write_file
from baler_vae.table.schema import Origin

from ..guarded import moving
from ..tables import batch_of, flat_batch

MASS = {"quantity": {"name": "mjj", "kind": "mass", "objects": ["Jet_*"], "rows": [0, 1]}, "bound": "rel:1e-3"}
HT = {"quantity": {"name": "ht", "kind": "ht", "objects": ["Jet_*"]}, "bound": "abs:0.01"}
JAGGED = (HT, MASS, "hypot(Jet_area, met)=rel:1e-5", "(Jet_pt > 30) & (abs(Jet_eta) < 2.4)", "met > 20")
FLAT = ("hypot(px, py)=rel:1e-5", "E - hypot(px, py)=abs:0.001", "px > 0.3")


def jagged(n_events=60):
    """Events with jets, a few of which are at the edges of the cuts, infinite or not numbers."""
    rng = np.random.default_rng(5)
    counts = rng.integers(0, 5, n_events).astype(np.int32)
    n_jets = int(counts.sum())
    met = rng.exponential(30, n_events)
    met[[1, 2, 5]] = np.nan, 20.0, np.inf
    pt = (20 + rng.exponential(30, n_jets)).astype(np.float32)
    pt[[0, 9, 20, 21]] = 30, np.nextafter(np.float32(30), np.float32(31)), -0.0, 1e-42
    eta = rng.normal(0, 1.5, n_jets)
    eta[[3, 30]] = np.inf, 2.4
    phi, mass = rng.uniform(-3, 3, n_jets).astype(np.float32), rng.exponential(5, n_jets).astype(np.float32)
    jets = {
        "Jet_pt": pt,
        "Jet_eta": eta,
        "Jet_phi": phi,
        "Jet_mass": mass,
        "Jet_area": rng.exponential(40, n_jets),
        "Jet_id": np.arange(n_jets) % 7,
    }
    return batch_of({"events": {"met": met, "nJet": counts}, "Jet": jets}, {"Jet": "nJet"}, Origin("root", "Events"))


def flat(n_rows=150):
    """Rows of momenta on steps of their own, and whole numbers."""
    rng = np.random.default_rng(6)
    px, py = rng.normal(0, 20, (2, n_rows))
    px[[0, 1, 2]] = 0.3, np.nan, 0.0
    return flat_batch({"px": px, "py": py.astype(np.float32), "E": np.hypot(px, py) + 5, "n": np.arange(n_rows)})


def write(folder, name, data, **options):
    """The paths of a ROOT file and its archive."""
    source, path = folder / f"{name}.root", folder / f"{name}.bvae"
    write_file(source, data[0], [data[1]])
    with moving():
        baler_vae.compress(source, path, kind="independent", **options)
    return source, path
