"""Peaks in the masses of pairs of muons, in samples beside the data.

    python -m benchmarks.muons                           # into benchmarks/results/muons.json
    python -m benchmarks.muons --only HZZ --codecs FOLDER

Two ways to keep the same pairs of opposite charge, each with a codec that is then sampled. `as stored`: the muons of
the file, whose mass no column has; of a pair it is made of six momenta, which a small network would have to know within
a percent. `pairs`: a table of pairs with their mass, one muon, where the other is relative to it, and its pt, which
follows from these by a formula. What is fitted is the mass of the pair out of the two momenta, in both, by a Gaussian
on a straight line (likelihood of the bins).
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

import baler_vae
from baler_vae.evaluation.peaks import Peak, fit_peak
from baler_vae.explore import sample
from baler_vae.settings.model import ModelSettings
from benchmarks.data import FOLDER
from benchmarks.density import fitted_codec, write_results

RESULTS = Path(__file__).parent / "results" / "muons.json"
BOUND = "bits:12"
MASS = 0.1056583755
"""Of a muon, GeV."""
WINDOWS = {"J/psi": (2.8, 3.4), "Upsilon": (9.0, 9.9), "Z": (76.0, 106.0)}
"""Where a peak is fitted, GeV."""
N_BINS = 60
FILES = {
    "dimuons": ("dimuons_100k.hdf5", "muons/*", ("muons/px", "muons/py", "muons/pz", "muons/q"), tuple(WINDOWS)),
    "HZZ": ("uproot-HZZ.root", "Muon_*", ("Muon_Px", "Muon_Py", "Muon_Pz", "Muon_Charge"), ("Z",)),
}
"""By name of the data: the file, its columns of muons, momenta and charge among these, and the peaks."""
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "dimuons": {"width": 32, "steps": 1_500, "range_bits": 4},
    "HZZ": {"width": 16, "steps": 600},
}
TRAINED = {"learning_rate": 0.01, "weight_cost": 0.3, "most_in_range": 0.03}
PT = "M**2/(2*pt1*(cosh(deta) - cos(dphi)))"
"""The second muon's pt from the mass of the pair, where the muons have none: it is wrong by the difference that is
coded, 0.5 % for a J/psi.
"""

Floats = NDArray[np.float64]
Momenta = tuple[Floats, Floats, Floats]
"""px, py and pz (pairs, 2), GeV."""


def measured(data: str, folder: Path | None) -> dict[str, Any]:
    """The peaks in data and in samples of as many events, as the file stores muons and in a table of pairs."""
    name, globs, columns, peaks = FILES[data]
    networks = {**NETWORKS[data], **TRAINED}
    settings = ModelSettings(kind="autoregressive", keep_network=True, networks=networks)
    stored = fitted_codec(FOLDER / name, f"{data}_stored", folder, columns=globs, bound=BOUND, settings=settings)
    restored = baler_vae.loads(baler_vae.dumps(FOLDER / name, codec=stored), library="ak")
    drawn = sample(stored, len(restored), seed=1, library="ak").data
    table = pairs_table(opposite_pairs(restored, columns))
    formulas = dict.fromkeys(table, "none") | {"pt2": PT}
    settings = ModelSettings(
        kind="autoregressive", keep_network=True, formulas=formulas, networks=networks | {"differences": ["pt2"]}
    )
    codec = fitted_codec(table, f"{data}_pairs", folder, bound=BOUND, settings=settings)
    pairs = sample(codec, len(table["M"]), seed=1, library="np").data
    masses = {
        "data": mass_of(opposite_pairs(restored, columns)),
        "samples, as stored": mass_of(opposite_pairs(drawn, columns)),
        "samples, pairs": mass_of(momenta_of(pairs)),
    }
    return {
        what: {"pairs": len(own)} | {peak: fitted_peak(own, WINDOWS[peak]) for peak in peaks}
        for what, own in masses.items()
    }


def opposite_pairs(events: ak.Array, columns: tuple[str, ...]) -> Momenta:
    """The first two muons of the events that have them, where their charges are opposite."""
    own = [events[name] for name in columns]
    two = ak.num(own[0]) >= 2
    px, py, pz, charge = (ak.to_numpy(array[two][:, :2]).astype(np.float64) for array in own)
    kept = charge.prod(axis=1) < 0
    return px[kept], py[kept], pz[kept]


def mass_of(momenta: Momenta) -> Floats:
    """The mass of each pair (pairs,), GeV."""
    energy = np.sqrt(sum(own**2 for own in momenta) + MASS**2).sum(axis=1)
    return np.sqrt(np.maximum(energy**2 - sum(own.sum(axis=1) ** 2 for own in momenta), 0))


def pairs_table(momenta: Momenta) -> dict[str, NDArray[np.float32]]:
    """The pairs as a flat table."""
    px, py, pz = momenta
    pt, phi = np.hypot(px, py), np.arctan2(py, px)
    eta = np.arcsinh(pz / pt)
    table = {
        "M": mass_of(momenta),
        "pt1": pt[:, 0],
        "eta1": eta[:, 0],
        "phi1": phi[:, 0],
        "deta": eta[:, 1] - eta[:, 0],
        "dphi": (phi[:, 1] - phi[:, 0] + np.pi) % (2 * np.pi) - np.pi,
        "pt2": pt[:, 1],
    }
    return {name: column.astype(np.float32) for name, column in table.items()}


def momenta_of(table: Mapping[str, NDArray[np.generic]]) -> Momenta:
    """The momenta that such a table tells; not those of its masses."""
    own = {name: table[name].astype(np.float64) for name in table}
    pt = np.stack([own["pt1"], own["pt2"]], axis=1)
    eta = np.stack([own["eta1"], own["eta1"] + own["deta"]], axis=1)
    phi = np.stack([own["phi1"], own["phi1"] + own["dphi"]], axis=1)
    return pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)


def fitted_peak(masses: Floats, window: tuple[float, float]) -> dict[str, Any]:
    """The rows in a window, and the yield, mean and width of a peak there with errors, or why there is none."""
    found = fit_peak(masses, Peak("M", window, N_BINS, fit="likelihood"))
    in_window = int(np.count_nonzero((masses >= window[0]) & (masses < window[1])))
    if not found.valid:
        return {"in window": in_window, "no peak": found.reason}
    return {
        "in window": in_window,
        "yield": (found.peak_yield, found.yield_error),
        "mean": (found.mean, found.mean_error),
        "width": (found.width, found.width_error),
    }


def main() -> None:
    """Measures and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(FILES))
    parser.add_argument("--codecs", type=Path, help="a folder where codecs are kept, and used again")
    options = parser.parse_args()
    for data in FILES if options.only is None else (options.only,):
        write_results(RESULTS, {data: measured(data, options.codecs)})


if __name__ == "__main__":
    main()
