"""What is known of the real tables: columns that follow from others, for the estimate of a joint entropy.

Each formula takes restored columns (rows,) by name and gives the column (rows,), in float64; it need not be exact,
since it only estimates. A column that has one is coded after all that have none.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Formula = Callable[[Mapping[str, Floats]], Floats]

MUON_MASS = 0.1056583755
"""GeV (Particle Data Group)."""


def _hadronic_energy(x: Mapping[str, Floats]) -> Floats:
    momentum = x["Jet_pt"] * np.cosh(x["Jet_eta"])
    energy = np.sqrt(np.maximum(momentum**2 + x["Jet_mass"] * np.abs(x["Jet_mass"]), 0))
    return energy - x["Jet_emEnergy"] - x["Jet_invisibleEnergy"] - x["Jet_auxiliaryEnergy"]


def _energy(px: str, py: str, pz: str) -> Formula:
    return lambda x: np.sqrt(x[px] ** 2 + x[py] ** 2 + x[pz] ** 2 + MUON_MASS**2)


def _muon_columns(number: int) -> dict[str, Formula]:
    px, py, pz = (f"{name}{number}" for name in ("px", "py", "pz"))
    return {
        f"E{number}": _energy(px, py, pz),
        f"pt{number}": lambda x: np.hypot(x[px], x[py]),
        f"eta{number}": lambda x: np.arcsinh(x[pz] / np.hypot(x[px], x[py])),
        f"phi{number}": lambda x: np.arctan2(x[py], x[px]),
    }


def _pair_mass(x: Mapping[str, Floats]) -> Floats:
    energies = _energy("px1", "py1", "pz1")(x) + _energy("px2", "py2", "pz2")(x)
    momentum_squared = sum((x[f"{name}1"] + x[f"{name}2"]) ** 2 for name in ("px", "py", "pz"))
    return np.sqrt(np.maximum(energies**2 - momentum_squared, 0))


_ZMUMU = {**_muon_columns(1), **_muon_columns(2), "M": _pair_mass}

RELATIONS: Mapping[str, Mapping[str, Formula]] = {
    "jets": {"Jet_hadEnergy": _hadronic_energy},
    "generated": {"Jet_hadEnergy": _hadronic_energy},
    "dimuons": {"e": _energy("px", "py", "pz")},
    "zmumu": _ZMUMU,
    "zmumu-all": _ZMUMU,
}
