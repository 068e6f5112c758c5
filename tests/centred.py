"""Muons whose energies follow from momenta, and events with a missing momentum, for tests of centred cells."""

import awkward as ak
import numpy as np

MUON = 0.1056583755


def columns_of(n_events=400, seed=5):
    """The columns of events (events,), those of muons (muons,), and the number of muons in each event."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 5, n_events)
    n_muons = int(counts.sum())
    x, y = rng.normal(0, 20, (2, n_events))
    events = {"met_px": x, "met_py": y, "met_pt": np.hypot(x, y), "met_phi": np.arctan2(y, x)}
    px, py, pz = rng.normal(0, 10, (3, n_muons)) * rng.exponential(1, n_muons)
    muons = {"px": px, "py": py, "pz": pz, "e": np.sqrt(px**2 + py**2 + pz**2 + MUON**2)}
    muons["dphi"] = np.arctan2(py, px) - events["met_phi"].repeat(counts)
    events = {name: values.astype(np.float32) for name, values in events.items()}
    muons = {f"mu_{name}": values.astype(np.float32) for name, values in muons.items()}
    if n_muons > 40:
        muons["mu_e"][[3, 9, 17]] = np.nan, -np.inf, 0
        muons["mu_px"][[20, 21]] = np.inf, 0
        muons["mu_e"][[30, 31]] *= -1, 1000
    return events, muons, counts


def muons(**options):
    """The same as an awkward array."""
    events, objects, counts = columns_of(**options)
    return ak.Array({**events, **{name: ak.unflatten(values, counts) for name, values in objects.items()}})
