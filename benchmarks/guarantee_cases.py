"""The guarantees of `guarantees_judge`, as our archives are asked for them and as `compression-safeguards` is."""

import re
from collections.abc import Mapping
from typing import Any

from benchmarks.guarantee_rivals import Expression
from benchmarks.guarantees_judge import MUON

_EACH_JET = "the cut on each jet, since it has no counts over events: more than was asked"
_EACH_MUON = "the cut on each muon, since it has no counts over events: more than was asked"


def _pair(kind: str, objects: tuple[str, ...], *, rows: bool, **more: Any) -> dict[str, Any]:
    quantity = {"name": kind, "kind": kind, "objects": list(objects), **more}
    return quantity | ({"rows": [0, 1]} if rows else {})


def _bounded(quantity: Mapping[str, Any], *bounds: str) -> dict[str, dict[str, Any]]:
    """By the end of its name, the guarantee that a quantity stays within a bound."""
    return {bound: {"quantity": dict(quantity), "bound": f"rel:{bound}"} for bound in bounds}


def _named(start: str, guarantees: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Guarantees by name; their quantities have names of their own, so that all can be asked for together."""
    named = {f"{start} {end}": own for end, own in guarantees.items()}
    return {
        name: own | {"quantity": own["quantity"] | {"name": re.sub(r"\W", "_", name)}} for name, own in named.items()
    }


_DISTANCE = _pair("delta_r", ("*",), rows=True)
_DIMUON = _pair("mass", ("*",), rows=True)
_Z_PAIR = _pair("mass", ("*1", "*2"), rows=False, mass_of_each=MUON)
_HZZ_PAIR = _pair("mass", ("Muon_*",), rows=True, mass_of_each=MUON)
_ANGLES = "sqrt(2*pt1*pt2*(cosh(eta1 - eta2) - cos(phi1 - phi2)))"

OURS: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "jets": {
        "cut": {"cut": "(Jet_pt > 30) & (abs(Jet_eta) < 2.4)"},
        "cut of two": {"cut": "(Jet_pt > 30) & (abs(Jet_eta) < 2.4)", "at_least": 2},
        **_named("mass", _bounded(_pair("mass", ("Jet_*",), rows=True), "1e-3")),
    },
    "dimuons": {
        **_named("mass", _bounded({**_DIMUON, "mass_of_each": MUON}, "1e-3", "1e-4", "1e-5")),
        **_named("mass by e", _bounded(_DIMUON, "1e-3", "1e-4", "1e-5")),
        "pt > 4 of both": {"cut": "hypot(px, py) > 4", "at_least": 2},
        "delta_r < 0.5": {"cut": "delta_r < 0.5"},
    },
    "zmumu": {
        **_named("mass", _bounded(_Z_PAIR, "1e-3", "1e-4")),
        **_named("mass by angles", _bounded({"formula": _ANGLES}, "1e-3", "1e-4")),
        "pt > 20 of both": {"cut": "(pt1 > 20) & (pt2 > 20)"},
    },
    "hzz": {
        **_named("mass", _bounded(_HZZ_PAIR, "1e-3", "1e-4")),
        "pt > 20 of two": {"cut": "hypot(Muon_Px, Muon_Py) > 20", "at_least": 2},
    },
}  # fmt: skip
"""What `baler_vae.compress(..., guarantees=[...])` is given, by data and name of the guarantee."""
DECLARED: Mapping[str, tuple[dict[str, Any], ...]] = {"dimuons": ({"quantity": _DISTANCE, "bound": "abs:100"},)}
"""What it is given besides: a quantity is known to a cut once it has a bound, which here is never reached."""


def _mass(px: str, py: str, pz: str, energies: tuple[str, str]) -> str:
    """The mass of two vectors; of each component both names with a comma between them."""
    sums = "".join(f" - square({' + '.join(both.split(','))})" for both in (px, py, pz))
    return f"return sqrt(square({energies[0]} + {energies[1]}){sums});"


def _of_momenta(*names: tuple[str, str, str]) -> str:
    """The mass of two muons out of their momenta, by the names of cells."""
    variables = "".join(
        f'V["e{number}"] = sqrt({" + ".join(f"square({{{name}}})" for name in own)} + {MUON**2!r}); '
        for number, own in enumerate(names)
    )
    both = [",".join(f"{{{own[axis]}}}" for own in names) for axis in range(3)]
    return variables + _mass(*both, ('V["e0"]', 'V["e1"]'))


def _of_jets() -> str:
    """The mass of two jets out of pt, eta, phi and mass."""
    variables = "".join(
        f'V["x{n}"] = {{Jet_pt{n}}} * cos({{Jet_phi{n}}}); V["y{n}"] = {{Jet_pt{n}}} * sin({{Jet_phi{n}}}); '
        f'V["z{n}"] = {{Jet_pt{n}}} * sinh({{Jet_eta{n}}}); '
        f'V["e{n}"] = sqrt(square({{Jet_pt{n}}} * cosh({{Jet_eta{n}}})) + square({{Jet_mass{n}}})); '
        for n in range(2)
    )
    both = [f'V["{axis}0"],V["{axis}1"]' for axis in "xyz"]
    return variables + _mass(*both, ('V["e0"]', 'V["e1"]'))


def _distance() -> str:
    """Whether two muons are closer than 0.5, by the angle between their transverse momenta."""
    variables = "".join(
        f'V["t{n}"] = sqrt(square({{px{n}}}) + square({{py{n}}})); V["eta{n}"] = asinh({{pz{n}}} / V["t{n}"]); '
        for n in range(2)
    )
    angle = 'acos(({px0} * {px1} + {py0} * {py1}) / (V["t0"] * V["t1"]))'
    return f'{variables}return (square(V["eta0"] - V["eta1"]) + square({angle})) < 0.25;'


_JET_CUT = "({Jet_pt} > 30) * (abs({Jet_eta}) < 2.4)"
_TWO = [(f"px{n}", f"py{n}", f"pz{n}") for n in range(2)]
_TWO_HZZ = [(f"Muon_Px{n}", f"Muon_Py{n}", f"Muon_Pz{n}") for n in range(2)]
_BY_E = _mass("{px0},{px1}", "{py0},{py1}", "{pz0},{pz1}", ("{e0}", "{e1}"))
_Z_ANGLES = "sqrt(2 * {pt1} * {pt2} * (cosh({eta1} - {eta2}) - cos({phi1} - {phi2})))"
_Z = _of_momenta(("px1", "py1", "pz1"), ("px2", "py2", "pz2"))

SAFEGUARDS: Mapping[str, Mapping[str, Expression]] = {
    "jets": {
        "cut": Expression(_JET_CUT),
        "cut of two": Expression(_JET_CUT, note=_EACH_JET),
        "mass 1e-3": Expression(_of_jets(), by_event=True),
    },
    "dimuons": {
        **{f"mass {bound}": Expression(_of_momenta(*_TWO), by_event=True) for bound in ("1e-3", "1e-4", "1e-5")},
        **{f"mass by e {bound}": Expression(_BY_E, by_event=True) for bound in ("1e-3", "1e-4", "1e-5")},
        "pt > 4 of both": Expression(
            "(square({px0}) + square({py0}) > 16) * (square({px1}) + square({py1}) > 16)", by_event=True
        ),
        "delta_r < 0.5": Expression(_distance(), by_event=True),
    },
    "zmumu": {
        **{f"mass {bound}": Expression(_Z) for bound in ("1e-3", "1e-4")},
        **{f"mass by angles {bound}": Expression(_Z_ANGLES) for bound in ("1e-3", "1e-4")},
        "pt > 20 of both": Expression("({pt1} > 20) * ({pt2} > 20)"),
    },
    "hzz": {
        **{f"mass {bound}": Expression(_of_momenta(*_TWO_HZZ), by_event=True) for bound in ("1e-3", "1e-4")},
        "pt > 20 of two": Expression("square({Muon_Px}) + square({Muon_Py}) > 400", note=_EACH_MUON),
    },
}
"""What the safeguards are given."""
