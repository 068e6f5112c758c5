"""The formulas of four-vectors, as texts: one object, two objects, an object and the missing momentum.

Forms are chosen to lose few digits: E - p times E + p instead of E^2 - p^2, asinh instead of a logarithm of small
angles, half angles instead of 1 - cos.
"""

from collections.abc import Sequence
from typing import Final

from baler_vae.kinematics.names import Object

KNOWN_MASSES: Final = (
    *(0.00051099895, 0.1056583755, 0.1349768, 0.13957039, 0.493677, 0.497611, 0.93827209, 0.93956542, 1.11568, 1.77693),
    *(1.86966, 5.27941, 80.3692, 91.188, 125.2, 172.57),
)
"""GeV, Review of Particle Physics 2024: e, mu, pi0, pi+, K+, K0, p, n, Lambda, tau, D+, B+, W, Z, H, top."""

_SIMPLE: Final = (
    ("px", "{pt}*cos({phi})"),
    ("py", "{pt}*sin({phi})"),
    ("pz", "{pt}*sinh({eta})"),
    ("pz", "{p}*tanh({eta})"),
    ("pz", "{p}*cos({theta})"),
    ("pz", "{pt}/tan({theta})"),
    ("pz", "{e}*tanh({y})"),
    ("pt", "hypot({px}, {py})"),
    ("pt", "{p}/cosh({eta})"),
    ("pt", "{p}*sin({theta})"),
    ("pt", "mass({p}, {pz})"),
    ("pt", "mass({e}, {m})/cosh({eta})"),
    ("pt", "mass({e}, {pz}, {m})"),
    ("pt", "{e}/cosh({eta})"),
    ("pt", "{et}"),
    ("eta", "asinh({pz}/{pt})"),
    ("eta", "asinh({pz}/hypot({px}, {py}))"),
    ("eta", "-log(tan(0.5*{theta}))"),
    ("eta", "{y}"),
    ("phi", "atan2({py}, {px})"),
    ("theta", "2*atan(exp(-{eta}))"),
    ("theta", "atan2({pt}, {pz})"),
    ("theta", "atan2(hypot({px}, {py}), {pz})"),
    ("p", "mass({e}, {m})"),
    ("p", "{e}"),
    ("et", "{e}/cosh({eta})"),
    ("et", "{e}*sin({theta})"),
    ("et", "{pt}"),
    ("e", "{et}*cosh({eta})"),
    ("e", "{mt}*cosh({y})"),
    ("e", "norm({mt}, {pz})"),
    ("y", "asinh({pz}/{mt})"),
    ("y", "0.5*log(({e} + {pz})/({e} - {pz}))"),
    ("y", "{eta}"),
    ("mt", "mass({e}, {pz})"),
    ("mt", "norm({pt}, {m})"),
    ("mt", "norm({px}, {py}, {m})"),
)

_TOLD: Final = {
    "px": ("{px}", "{pt}*cos({phi})"),
    "py": ("{py}", "{pt}*sin({phi})"),
    "pz": ("{pz}", "{pt}*sinh({eta})"),
    "pt": ("{pt}", "hypot({px}, {py})", "{p}/cosh({eta})", "{p}*sin({theta})"),
    "eta": ("{eta}", "asinh({pz}/{pt})", "asinh({pz}/hypot({px}, {py}))", "-log(tan(0.5*{theta}))"),
    "phi": ("{phi}", "atan2({py}, {px})"),
}


def momentum_forms(quantities: Object) -> list[str]:
    """Arguments of `norm` that give the momentum of an object."""
    forms = ("{px}, {py}, {pz}", "{pt}*cosh({eta})", "{pt}, {pz}", "{p}")
    return [text for text in (_filled(form, quantities) for form in forms) if text]


def norm_of(form: str, mass: str = "") -> str:
    """The norm of a form of the momentum, and of a mass where there is one."""
    if mass:
        return f"norm({form}, {mass})"
    return f"norm({form})" if ", " in form else form


def one_object(quantities: Object) -> list[tuple[str, str]]:
    """Formulas of an object's quantities by its other ones, as pairs of a quantity and a text."""
    found = [(kind, _filled(text, quantities)) for kind, text in _SIMPLE]
    for form in momentum_forms(quantities):
        found.append(("p", norm_of(form)))
        if "m" in quantities:
            found.append(("e", norm_of(form, quantities["m"])))
        if "e" in quantities:
            found.append(("m", f"mass({quantities['e']}, {form})"))
        if "pz" in quantities or "eta" in quantities:
            along = quantities.get("pz") or f"{quantities.get('pt', 'p')}*sinh({quantities['eta']})"
            across = _filled("{px}, {py}", quantities) or quantities.get("pt", "")
            if across and "m" in quantities:
                found.append(("y", f"asinh({along}/norm({across}, {quantities['m']}))"))
    return list(dict.fromkeys((kind, text) for kind, text in found if text and kind in quantities))


def components(quantities: Object) -> tuple[str, str, str] | None:
    """px, py and pz of an object, if its columns give them."""
    px, py, pz = (told(kind, quantities) for kind in ("px", "py", "pz"))
    return (px, py, pz) if px and py and pz else None


def told(kind: str, quantities: Object) -> str:
    """A quantity of an object, one of `px`, `py`, `pz`, `pt`, `eta`, `phi`, from those of its columns that determine it
    without assuming anything; empty where none do.
    """
    return next((text for text in (_filled(form, quantities) for form in _TOLD[kind]) if text), "")


def energy(quantities: Object, mass: str = "") -> str:
    """The energy of an object by its momentum and a mass, one that it is known to have or its own, or else as it
    stands; empty without any of these.
    """
    mass = mass or quantities.get("m", "")
    forms = momentum_forms(quantities)
    return norm_of(forms[0], mass) if forms and mass else quantities.get("e", "")


def pair_vector(first: Object, second: Object) -> tuple[str, str, str] | None:
    """px, py and pz of two objects together."""
    one, two = components(first), components(second)
    if one is None or two is None:
        return None
    px, py, pz = (f"{a} + {b}" for a, b in zip(one, two, strict=True))
    return px, py, pz


def pair_masses(first: Object, second: Object, masses: Sequence[str]) -> list[list[str]]:
    """Ways to compute the mass of two objects: from their energies, their masses, without masses, or under one of some
    masses that both may have. Of each way the best text may be taken.
    """
    ways = [[_both("sqrt(2*{pt1}*{pt2}*(cosh({eta1} - {eta2}) - cos({phi1} - {phi2})))", first, second)]]
    vector = pair_vector(first, second)
    if vector:
        momentum = ", ".join(vector)
        forms = momentum_forms(first)[0], momentum_forms(second)[0]

        def under(one: str, two: str) -> str:
            return f"mass({norm_of(forms[0], one)} + {norm_of(forms[1], two)}, {momentum})"

        if "e" in first and "e" in second:
            ways.append([f"mass({first['e']} + {second['e']}, {momentum})"])
        if "m" in first and "m" in second:
            ways.append([under(first["m"], second["m"])])
        ways.append([under(mass, mass) for mass in masses])
    return [texts for texts in ways if all(texts)]


def pair_quantities(first: Object, second: Object) -> list[tuple[str, str]]:
    """Quantities of two objects together, as pairs of a quantity and a text."""
    vector = pair_vector(first, second)
    if vector is None:
        return []
    px, py, pz = vector
    energy = _both("{e1} + {e2}", first, second)
    found = [
        ("pt", f"hypot({px}, {py})"),
        ("phi", f"atan2({py}, {px})"),
        ("eta", f"asinh(({pz})/hypot({px}, {py}))"),
        ("p", f"norm({px}, {py}, {pz})"),
    ]
    if energy:
        found.append(("y", f"0.5*log(({energy} + ({pz}))/({energy} - ({pz})))"))
    return found


def pair_differences(first: Object, second: Object) -> list[tuple[str, str]]:
    """Distances of two objects, as pairs of `r`, `eta` or `phi` and a text."""
    forms = (
        ("r", "hypot({eta1} - {eta2}, wrap({phi1} - {phi2}))"),
        ("phi", "wrap({phi1} - {phi2})"),
        ("phi", "wrap({phi2} - {phi1})"),
        ("phi", "abs(wrap({phi1} - {phi2}))"),
        ("eta", "{eta1} - {eta2}"),
        ("eta", "{eta2} - {eta1}"),
        ("eta", "abs({eta1} - {eta2})"),
    )
    found = [(kind, _both(form, first, second)) for kind, form in forms]
    return [(kind, text) for kind, text in found if text]


def transverse_mass(seen: Object, missing: Object) -> str:
    """The transverse mass of an object and the missing momentum, both massless; empty without their columns."""
    forms = (
        "2*sqrt({pt1}*{pt2})*abs(sin(0.5*({phi1} - {phi2})))",
        "mass(hypot({px1}, {py1}) + hypot({px2}, {py2}), {px1} + {px2}, {py1} + {py2})",
    )
    return next((text for text in (_both(form, seen, missing) for form in forms) if text), "")


def _both(text: str, first: Object, second: Object) -> str:
    numbered = {f"{kind}1": name for kind, name in first.items()} | {f"{kind}2": name for kind, name in second.items()}
    return _filled(text, numbered)


def _filled(text: str, quantities: Object) -> str:
    """A text with the columns of an object, or an empty one where some are missing."""
    try:
        return text.format(**quantities)
    except KeyError:
        return ""
