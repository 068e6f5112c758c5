"""Jets whose columns follow from each other, for tests of tables in context."""

import numpy as np


def jets(n_events=700, seed=3):
    """Columns of events and of their jets, by name: in falling order of transverse momentum, some fractions zero, a few
    values that no grid holds, energies that sum to that of the jet, and times that grow from jet to jet.
    """
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 6, n_events)
    n_jets = int(counts.sum())
    events = np.repeat(np.arange(n_events), counts)
    pt = np.exp(rng.normal(3.5, 0.8, n_jets))
    pt = pt[np.lexsort((-pt, events))]
    eta = rng.normal(0, 1.8, n_jets)
    mass = 0.1 * pt * np.exp(rng.normal(0, 0.3, n_jets))
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2)
    em = energy * rng.beta(2, 3, n_jets) * (rng.random(n_jets) > 0.2)
    columns = {"pt": pt, "eta": eta, "mass": mass, "emEnergy": em, "hadEnergy": energy - em}
    columns = {f"Jet_{name}": values.astype(np.float32) for name, values in columns.items()}
    columns["Jet_mass"][[5, 80]] = np.nan, -np.inf
    columns["Jet_pt"][11] = 1e-42
    met = rng.gamma(2, 20, n_events)
    columns["Jet_n"] = rng.poisson(2 + pt / 10 + met[events] / 4).astype(np.int32)
    steps = rng.poisson(30, n_jets)
    is_first = np.append(True, events[1:] != events[:-1])
    steps[is_first] = rng.integers(0, 1 << 20, int(is_first.sum()))
    sums = np.cumsum(steps)
    columns["Jet_t"] = sums - (sums - steps)[np.maximum.accumulate(np.where(is_first, np.arange(n_jets), 0))]
    return {"nJet": counts.astype(np.int32), "met": met.astype(np.float32)}, columns, counts


def awkward_jets(**options):
    """The same as one array of events."""
    import awkward as ak

    events, columns, counts = jets(**options)
    return ak.Array({**events, **{name: ak.unflatten(values, counts) for name, values in columns.items()}})
