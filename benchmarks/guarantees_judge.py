"""Whether a restored file keeps guarantees of physics: numpy alone, with nothing of `baler_vae` in it.

    python -m benchmarks.guarantees_judge jets zprime_jets.root restored.root [--only 'cut,mass 1e-3']

One line for each guarantee, and status 1 where one is violated. Files are read by uproot, h5py and pandas. Every value
becomes a float64 before anything is computed or compared, thresholds too, so that float32 columns and bounds are never
rounded to each other.

**Tolerance.** Decisions have none. A bounded quantity may miss its bound by what float64 formulas themselves lose: of a
mass, `2**-50 (E1 + E2)^2 / m`, since m^2 is a difference of numbers as large as E^2. That is 1e-10 of the mass at worst
here, 1e-5 of the tightest bound. `n_within_noise` counts what is kept only because of it; `worst` knows no tolerance.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Columns = Mapping[str, NDArray[np.generic]]
"""By name, (rows,) or (events,); those of a jagged collection one event after the other."""
MUON = 0.1056583755
"""The mass of a muon, GeV."""
NOISE = 2.0**-50


@dataclass(frozen=True)
class Verdict:
    """Of `n` rows or events, those whose decision changed, or whose quantity left its bound or became or ceased to be a
    number; `worst` is the largest deviation in units of the bound, of decisions the share that changed.
    """

    n: int
    n_violated: int
    worst: float
    n_within_noise: int = 0


@dataclass(frozen=True)
class Guarantee:
    """What must stay: the decisions, or the quantity within `relative` of itself, of the rows or events.

    `of` gives bool (units,), or float64 (units,), NaN where an event has no value, and beside either what rounding may
    have done to each. Units are events where `counts` names the column of counts, and rows otherwise; of an event the
    `first` rows decide, or all.
    """

    name: str
    columns: tuple[str, ...]
    of: Callable[[Columns], tuple[NDArray[np.generic], Floats | float]]
    relative: float | None = None
    counts: str | None = None
    first: int | None = None

    def violated(self, before: Columns, after: Columns) -> Flags:
        """Which units are violated, bool (units,)."""
        (old, noise), (new, _) = self.of(before), self.of(after)
        if self.relative is None:
            return old != new
        return out_of_bound(as_floats(old), as_floats(new), self.relative * np.abs(as_floats(old)) + noise)

    def verdict(self, before: Columns, after: Columns) -> Verdict:
        """The verdict on restored columns."""
        (old, noise), (new, _) = self.of(before), self.of(after)
        if self.relative is None:
            return judge_decisions(old.astype(np.bool_), new.astype(np.bool_))
        return judge_values(as_floats(old), as_floats(new), self.relative, noise=noise)

    def rows(self, columns: Columns, units: Flags) -> Flags:
        """The rows that decide on some units, bool (rows,)."""
        if self.counts is None:
            return units
        counts = columns[self.counts].astype(np.int64)
        rank = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        own: Flags = np.repeat(units, counts)
        return own if self.first is None else own & (rank < self.first)


def as_floats(values: NDArray[np.generic]) -> Floats:
    """Values as float64."""
    return values.astype(np.float64)


def out_of_bound(before: Floats, after: Floats, allowed: Floats) -> Flags:
    """Which values left their bound, or became or ceased to be NaN or the same infinity."""
    with np.errstate(invalid="ignore"):
        within = np.abs(after - before) <= allowed
    return ~((np.isfinite(before) & within) | (before == after) | (np.isnan(before) & np.isnan(after)))


def judge_decisions(before: Flags, after: Flags) -> Verdict:
    """The verdict on decisions."""
    n_changed = int(np.count_nonzero(before != after))
    return Verdict(len(before), n_changed, n_changed / max(len(before), 1))


def judge_values(before: Floats, after: Floats, relative: float, *, noise: Floats | float = 0.0) -> Verdict:
    """The verdict on a quantity; units without a value before and after are not counted."""
    allowed = relative * np.abs(before)
    violated = out_of_bound(before, after, allowed + noise)
    strictly = out_of_bound(before, after, allowed)
    with np.errstate(all="ignore"):
        units = np.where(before == after, 0.0, np.abs(after - before) / allowed)
    finite = np.isfinite(before) & np.isfinite(after)
    worst = float(np.max(units, where=finite, initial=0.0)) if not violated[~finite].any() else np.inf
    n_judged = int(np.count_nonzero(~(np.isnan(before) & np.isnan(after))))
    return Verdict(n_judged, int(violated.sum()), worst, int(np.count_nonzero(strictly & ~violated)))


def pair_mass(momenta: Sequence[tuple[Floats, Floats, Floats]], energies: Sequence[Floats]) -> tuple[Floats, Floats]:
    """The mass of two four-vectors, 0 where spacelike, and what rounding may have done to it."""
    energy = energies[0] + energies[1]
    square = energy**2 - sum((a + b) ** 2 for a, b in zip(*momenta, strict=True))
    mass = np.sqrt(np.where(square < 0, 0.0, square))
    with np.errstate(divide="ignore"):
        return mass, np.where(mass > 0, NOISE * energy**2 / mass, 0.0)


def energies_of(momenta: Sequence[tuple[Floats, Floats, Floats]], masses: Sequence[Floats | float]) -> list[Floats]:
    """The energies of momenta and masses."""
    return [np.sqrt(x**2 + y**2 + z**2 + np.square(m)) for (x, y, z), m in zip(momenta, masses, strict=True)]


def in_rows(columns: Columns, names: Sequence[str], counts: str, rows: Sequence[int] = (0, 1)) -> list[list[Floats]]:
    """Of each row of an event, in the order of the file, the columns of these names, float64 (events,); NaN in events
    with fewer rows.
    """
    n_rows = columns[counts].astype(np.int64)
    starts = np.cumsum(n_rows) - n_rows
    taken = []
    for row in rows:
        there = n_rows > row
        taken.append([])
        for name in names:
            values = np.full(len(n_rows), np.nan)
            values[there] = as_floats(columns[name])[starts[there] + row]
            taken[-1].append(values)
    return taken


def muon_mass(columns: Columns, counts: str, names: Sequence[str], energy: str = "") -> tuple[Floats, Floats]:
    """The mass of the first two muons of each event: of px, py and pz, with a stored energy or the mass of muons."""
    one, two = in_rows(columns, [*names, *([energy] if energy else [])], counts)
    momenta = [(one[0], one[1], one[2]), (two[0], two[1], two[2])]
    energies = [one[3], two[3]] if energy else energies_of(momenta, (MUON, MUON))
    return pair_mass(momenta, energies)


def muon_pt(columns: Columns, counts: str, names: Sequence[str], least: float) -> tuple[Flags, float]:
    """Whether at least two muons of an event have a larger transverse momentum."""
    px, py = (as_floats(columns[name]) for name in names)
    return at_least(np.hypot(px, py) > least, columns[counts], 2), 0.0


def at_least(passed: Flags, counts: NDArray[np.generic], least: int) -> Flags:
    """Whether so many rows of each event passed, bool (events,)."""
    n_rows = counts.astype(np.int64)
    return np.bincount(np.repeat(np.arange(len(n_rows)), n_rows)[passed], minlength=len(n_rows)) >= least


def muon_distance(columns: Columns, counts: str, names: Sequence[str], most: float) -> tuple[Flags, float]:
    """Whether the first two muons of an event are closer than this in eta and phi."""
    (x1, y1, z1), (x2, y2, z2) = in_rows(columns, names, counts)
    deta = np.arcsinh(z1 / np.hypot(x1, y1)) - np.arcsinh(z2 / np.hypot(x2, y2))
    dphi = np.arctan2(y1, x1) - np.arctan2(y2, x2)
    return np.hypot(deta, (dphi + np.pi) % (2 * np.pi) - np.pi) < most, 0.0


def jet_cut(columns: Columns) -> Flags:
    """Whether a jet has pt > 30 GeV and abs(eta) < 2.4."""
    return (as_floats(columns["Jet_pt"]) > 30) & (np.abs(as_floats(columns["Jet_eta"])) < 2.4)


def jet_mass(columns: Columns) -> tuple[Floats, Floats]:
    """The mass of the first two jets of each event."""
    jets = in_rows(columns, ("Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass"), "nJet")
    momenta = [(pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)) for pt, eta, phi, _ in jets]
    return pair_mass(momenta, energies_of(momenta, [mass for *_, mass in jets]))


def z_mass(columns: Columns) -> tuple[Floats, Floats]:
    """The mass of the two muons of each row, of px, py and pz."""
    momenta = [tuple(as_floats(columns[f"{axis}{number}"]) for axis in ("px", "py", "pz")) for number in (1, 2)]
    return pair_mass(momenta, energies_of(momenta, (MUON, MUON)))


def z_mass_of_angles(columns: Columns) -> tuple[Floats, Floats]:
    """The mass of two massless muons, of pt, eta and phi."""
    pt, eta, phi = ([as_floats(columns[f"{name}{number}"]) for number in (1, 2)] for name in ("pt", "eta", "phi"))
    apart = np.cosh(eta[0] - eta[1]) - np.cos(phi[0] - phi[1])
    mass = np.sqrt(2 * pt[0] * pt[1] * apart)
    return mass, 16 * NOISE * mass


def z_pt(columns: Columns) -> tuple[Flags, float]:
    """Whether both muons of a row have pt > 20 GeV."""
    return (as_floats(columns["pt1"]) > 20) & (as_floats(columns["pt2"]) > 20), 0.0


_MUONS = ("px", "py", "pz")
_HZZ = ("Muon_Px", "Muon_Py", "Muon_Pz")


def _masses(name: str, of: Callable[..., tuple[Floats, Floats]], columns: tuple[str, ...], counts: str | None,
            *bounds: float) -> list[Guarantee]:  # fmt: skip
    first = None if counts is None else 2
    return [
        Guarantee(f"{name} {bound:.0e}".replace("e-0", "e-"), columns, of, bound, counts, first) for bound in bounds
    ]


GUARANTEES: Mapping[str, tuple[Guarantee, ...]] = {
    "jets": (
        Guarantee("cut", ("Jet_pt", "Jet_eta"), lambda own: (jet_cut(own), 0.0)),
        Guarantee(
            "cut of two", ("Jet_pt", "Jet_eta"), lambda own: (at_least(jet_cut(own), own["nJet"], 2), 0.0), None, "nJet"
        ),
        *_masses("mass", jet_mass, ("Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass"), "nJet", 1e-3),
    ),
    "dimuons": (
        *_masses("mass", partial(muon_mass, counts="nmuons", names=_MUONS), _MUONS, "nmuons", 1e-3, 1e-4, 1e-5),
        *_masses(
            "mass by e",
            partial(muon_mass, counts="nmuons", names=_MUONS, energy="e"),
            (*_MUONS, "e"),
            "nmuons",
            1e-3,
            1e-4,
            1e-5,
        ),
        Guarantee(
            "pt > 4 of both",
            _MUONS[:2],
            partial(muon_pt, counts="nmuons", names=_MUONS[:2], least=4.0),
            counts="nmuons",
        ),
        Guarantee(
            "delta_r < 0.5",
            _MUONS,
            partial(muon_distance, counts="nmuons", names=_MUONS, most=0.5),
            counts="nmuons",
            first=2,
        ),
    ),
    "zmumu": (
        *_masses("mass", z_mass, tuple(f"{axis}{n}" for n in (1, 2) for axis in ("px", "py", "pz")), None, 1e-3, 1e-4),
        *_masses(
            "mass by angles",
            z_mass_of_angles,
            tuple(f"{name}{n}" for n in (1, 2) for name in ("pt", "eta", "phi")),
            None,
            1e-3,
            1e-4,
        ),
        Guarantee("pt > 20 of both", ("pt1", "pt2"), z_pt),
    ),
    "hzz": (
        *_masses("mass", partial(muon_mass, counts="NMuon", names=_HZZ), _HZZ, "NMuon", 1e-3, 1e-4),
        Guarantee(
            "pt > 20 of two", _HZZ[:2], partial(muon_pt, counts="NMuon", names=_HZZ[:2], least=20.0), counts="NMuon"
        ),
    ),
}  # fmt: skip
"""By name of the data."""


def read_columns(path: Path | str) -> dict[str, NDArray[np.generic]]:
    """The numeric columns of a file by name, counts included; jagged ones flat.

    Raises:
        ValueError: the name of the file ends on nothing that is known.
    """
    path = Path(path)
    if path.suffix == ".root":
        return _from_root(path)
    if path.suffix in {".hdf5", ".h5"}:
        return _from_hdf5(path)
    if path.suffix == ".csv":
        import pandas as pd  # noqa: PLC0415  other formats need it not

        table = pd.read_csv(path)
        return {name: table[name].to_numpy() for name in table if table[name].dtype.kind in "iuf"}
    raise ValueError(f"{path.name} is no .root, .hdf5, .h5 or .csv file")


def _from_root(path: Path) -> dict[str, NDArray[np.generic]]:
    import awkward as ak  # noqa: PLC0415
    import uproot  # noqa: PLC0415

    with uproot.open(path) as file:
        (name, *_) = file.keys(filter_classname=["TTree", "ROOT::RNTuple"])
        arrays = file[name].arrays()
    return {name: ak.to_numpy(ak.flatten(arrays[name], axis=None)) for name in arrays.fields}


def _from_hdf5(path: Path) -> dict[str, NDArray[np.generic]]:
    """The numbers in the group of muons, or in the file where there is none."""
    import h5py  # noqa: PLC0415

    with h5py.File(path) as file:
        home = file.get("muons", file)
        return {name: item[()] for name, item in home.items() if item.dtype.kind in "iuf"}


def judge_files(data: str, original: Path | str, restored: Path | str, only: Sequence[str] = ()) -> dict[str, Verdict]:
    """The verdicts on a restored file by name of the guarantee; those named, or all of the data.

    Raises:
        LookupError: there is no such guarantee.
    """
    known = {guarantee.name: guarantee for guarantee in GUARANTEES[data]}
    if unknown := set(only) - set(known):
        raise LookupError(f"{data} has no {', '.join(sorted(unknown))}, only {', '.join(known)}")
    before, after = read_columns(original), read_columns(restored)
    return {name: known[name].verdict(before, after) for name in only or known}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=tuple(GUARANTEES))
    parser.add_argument("original", type=Path)
    parser.add_argument("restored", type=Path)
    parser.add_argument("--only", default="", help="names with commas between them (default: all)")
    options = parser.parse_args(arguments)
    only = [name.strip() for name in options.only.split(",") if name.strip()]
    verdicts = judge_files(options.data, options.original, options.restored, only)
    for name, own in verdicts.items():
        noise = f", {own.n_within_noise:,} within rounding of it" if own.n_within_noise else ""
        print(f"{name:20} {own.n_violated:>9,} of {own.n:>9,} violated, worst {own.worst:.6g}{noise}")
    sys.exit(any(own.n_violated for own in verdicts.values()))


if __name__ == "__main__":
    main()
