"""How good the samples of a codec are, on real data.

    python -m benchmarks.density                       # all of it, into benchmarks/results/density.json
    python -m benchmarks.density --only jets --quick   # codecs of default settings

Jets: a codec is fitted to the first half of the events, and boosted trees try to tell its samples from the second
half, as it is and as the codec restores it; by jet, and by event (the number of jets and the first three). Muons: the
peaks of the J/psi and the Z in samples, fitted beside those of the data.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray
from scipy.optimize import curve_fit

import baler_vae
from baler_vae.explore import sample
from baler_vae.measures.classifier import classifier_auc
from baler_vae.settings.model import ModelSettings
from benchmarks.data import FOLDER, JETS

RESULTS = Path(__file__).parent / "results" / "density.json"
JET_COLUMNS = (*JETS, "Jet_nConstituents")
FIRST_JETS = 3
BOUND = "bits:10"
MUON_MASS = 0.1056583755
_ENERGY = "norm(Jet_pt*cosh(Jet_eta), Jet_mass)"
JET_NETWORKS = ModelSettings(
    kind="autoregressive",
    keep_network=True,
    formulas={
        "Jet_emEnergy": _ENERGY,
        "Jet_invisibleEnergy": f"{_ENERGY} - Jet_emEnergy",
        "Jet_auxiliaryEnergy": f"{_ENERGY} - Jet_emEnergy - Jet_invisibleEnergy",
    },
    networks={
        "width": 40,
        "steps": 6000,
        "learning_rate": 0.01,
        "weight_cost": 0.1,
        "differences": ["Jet_emEnergy"],
    },
)
"""Energies are parts of the whole, which networks see; wider and longer than what makes the smallest archive."""

PEAKS = {"J/psi": (2.7, 3.5), "Z": (76.0, 106.0)}
"""Where a Gaussian on a straight line is fitted, GeV."""

Floats = NDArray[np.float64]


def measured_jets(*, quick: bool) -> dict[str, Any]:
    """AUC by jet and by event, the rate of samples, and how well restored events can be told from the held-out ones."""
    with uproot.open(f"{FOLDER / 'zprime_jets.root'}:Events") as tree:
        events = tree.arrays(["nJet", *JET_COLUMNS])
    half = len(events) // 2
    fitted, held_out = events[:half], events[half:]
    settings = ModelSettings(kind="autoregressive") if quick else JET_NETWORKS
    codec = baler_vae.fit(_columns(fitted), bound=BOUND, settings=settings)
    restored = _awkward(codec.decode(codec.encode(_columns(held_out))))
    sample(codec, 100)  # what is compiled and imported once
    wall, cpu = time.perf_counter(), time.process_time()
    drawn = sample(codec, half, seed=1, library="ak")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    n_jets = drawn.n_rows["Jet"]
    found: dict[str, Any] = {
        "settings": settings.described() if not quick else "default",
        "jets": n_jets,
        "jets_per_second": n_jets / wall,
        "jets_per_second_of_one_core": n_jets / cpu,
        "drawn_again": drawn.redrawn,
    }
    for name, others in (("held out", held_out), ("restored", restored)):
        for what, table in (("jet", _jets), ("event", _first)):
            auc = classifier_auc(table(drawn.data), table(others), seed=0)
            found[f"AUC by {what}, samples and {name}"] = [auc.value, auc.error]
    auc = classifier_auc(_jets(restored), _jets(held_out), seed=0)
    found["AUC by jet, restored and held out"] = [auc.value, auc.error]
    return found


def measured_peaks() -> dict[str, Any]:
    """Position and width of the J/psi and the Z in the masses of pairs of opposite charge, in data and in samples."""
    path = FOLDER / "dimuons_100k.hdf5"
    settings = ModelSettings(kind="autoregressive", keep_network=True, networks={"weight_cost": 0.1})
    codec = baler_vae.fit(path, columns="muons/*", bound="bits:12", settings=settings)
    drawn = sample(codec, 100_000, seed=1, library="ak").data
    data = baler_vae.loads(baler_vae.dumps(path, codec=codec), library="ak")
    masses = {"data": _dimuon_masses(data), "samples": _dimuon_masses(drawn)}
    return {f"{peak}, {name}": _peak(own, limits) for peak, limits in PEAKS.items() for name, own in masses.items()}


def _columns(events: ak.Array) -> dict[str, ak.Array]:
    return {name: ak.without_parameters(events[name]) for name in events.fields}


def _awkward(columns: Mapping[str, Any]) -> ak.Array:
    return ak.zip(dict(columns), depth_limit=1)


def _jets(events: ak.Array) -> NDArray[np.float32]:
    """All jets, float32 (jets, columns)."""
    return np.stack([ak.to_numpy(ak.flatten(events[name])).astype(np.float32) for name in JET_COLUMNS], axis=1)


def _first(events: ak.Array) -> NDArray[np.float32]:
    """The number of jets of each event and its first jets, NaN where it has fewer, float32 (events, columns)."""
    columns = [ak.to_numpy(events["nJet"]).astype(np.float32)[:, None]]
    for name in JET_COLUMNS:
        padded = ak.fill_none(ak.pad_none(events[name], FIRST_JETS, clip=True), np.nan)
        columns.append(ak.to_numpy(padded).astype(np.float32))
    return np.concatenate(columns, axis=1)


def _dimuon_masses(events: ak.Array) -> Floats:
    """The masses of pairs of muons of opposite charge, in GeV; energies follow from momenta."""
    found = [events[f"muons/{name}"] for name in ("px", "py", "pz", "q")]
    two = ak.num(found[0]) == 2
    *momenta, charge = (ak.to_numpy(own[two]).astype(np.float64) for own in found)
    energy = np.sqrt(sum(own**2 for own in momenta) + MUON_MASS**2).sum(axis=1)
    squared = energy**2 - sum(own.sum(axis=1) ** 2 for own in momenta)
    return np.sqrt(np.maximum(squared, 0))[charge.prod(axis=1) < 0]


def _peak(masses: Floats, limits: Sequence[float]) -> dict[str, float]:
    """The pairs in a peak, its position and its width with errors, in GeV; a Gaussian on a straight line."""
    counts, edges = np.histogram(masses, 60, limits)
    middles, centre, width = (edges[1:] + edges[:-1]) / 2, np.mean(limits), np.ptp(limits)

    def shape(x: Floats, area: float, position: float, sigma: float, level: float, slope: float) -> Floats:
        gauss = np.exp(-0.5 * ((x - position) / sigma) ** 2) / (np.abs(sigma) * np.sqrt(2 * np.pi))
        return area * gauss * (edges[1] - edges[0]) + level + slope * (x - centre) / width

    start = (counts.sum() / 2, middles[np.argmax(counts)], width / 10, float(np.median(counts)), 0.0)
    found, covariance = curve_fit(shape, middles, counts, start, np.sqrt(np.maximum(counts, 1)), maxfev=20_000)
    errors = np.sqrt(np.diag(covariance))
    return {
        "pairs": float(found[0]),
        "pairs_error": float(errors[0]),
        "position": float(found[1]),
        "position_error": float(errors[1]),
        "width": float(abs(found[2])),
        "width_error": float(errors[2]),
    }


def main() -> None:
    """Measures and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("jets", "peaks"))
    parser.add_argument("--quick", action="store_true", help="codecs of default settings")
    options = parser.parse_args()
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    if options.only != "peaks":
        found["jets, default settings" if options.quick else "jets"] = measured_jets(quick=options.quick)
    if options.only != "jets":
        found["peaks"] = measured_peaks()
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
