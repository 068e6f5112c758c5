"""Relations: known answers, real data, and samples of every kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.io.files import open_source
from baler_vae.kinematics.find import LARGEST_ERROR, MOST_PER_TARGET, find_relations
from baler_vae.kinematics.formula import parse_formula
from baler_vae.kinematics.names import families_of, read_name

N_ROWS = 1000


def vector(seed, mass):
    """A four-vector for each row."""
    rng = np.random.default_rng(seed)
    pt, eta, phi = rng.exponential(30, N_ROWS) + 5, rng.normal(0, 1.2, N_ROWS), rng.uniform(-np.pi, np.pi, N_ROWS)
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    p = pt * np.cosh(eta)
    e = np.hypot(p, mass)
    y = 0.5 * np.log((e + pz) / (e - pz))
    mt = np.hypot(pt, mass)
    quantities = {"pt": pt, "eta": eta, "phi": phi, "px": px, "py": py, "pz": pz, "p": p, "e": e, "y": y, "mt": mt}
    return {**quantities, "m": np.broadcast_to(mass, pt.shape), "theta": np.arctan2(pt, pz)}


def noise(seed):
    return np.random.default_rng(seed).gamma(2.0, 10.0, N_ROWS)


def found(arrays):
    relations = find_relations(arrays)
    for relation in relations:
        assert relation.target in arrays
        assert relation.target not in relation.formula.names
        assert 0 <= relation.error < LARGEST_ERROR
        assert parse_formula(relation.formula.text) == relation.formula
    targets = [relation.target for relation in relations]
    assert all(targets.count(target) <= MOST_PER_TARGET for target in targets)
    return {(relation.target, relation.formula.text): relation.error for relation in relations}


MUON = 0.1056583755
VARYING = noise(9)


@pytest.mark.parametrize(
    ("mass", "given", "target", "text"),
    [
        (MUON, ("px", "py", "pz"), "e", "norm(px, py, pz, 0.1056583755)"),
        (0.0, ("px", "py", "pz"), "e", "norm(px, py, pz)"),
        (1000 * MUON, ("px", "py", "pz"), "e", "norm(px, py, pz, 105.6583755)"),
        (0.493677, ("pt", "eta"), "e", "norm(pt*cosh(eta), 0.493677)"),
        (7.5, ("px", "py", "pz"), "e", "norm(px, py, pz, 7.5)"),
        (VARYING, ("px", "py", "pz", "m"), "e", "norm(px, py, pz, m)"),
        (VARYING, ("pt", "eta", "m"), "e", "norm(pt*cosh(eta), m)"),
        (VARYING, ("pt", "eta", "e"), "m", "mass(e, pt*cosh(eta))"),
        (VARYING, ("px", "py", "pz", "e"), "m", "mass(e, px, py, pz)"),
        (VARYING, ("pt", "pz", "m"), "y", "asinh(pz/norm(pt, m))"),
        (VARYING, ("e", "pz"), "y", "0.5*log((e + pz)/(e - pz))"),
        (VARYING, ("pt", "m"), "mt", "norm(pt, m)"),
        (VARYING, ("px", "py"), "pt", "hypot(px, py)"),
        (VARYING, ("p", "eta"), "pt", "p/cosh(eta)"),
        (VARYING, ("pt", "phi"), "px", "pt*cos(phi)"),
        (VARYING, ("pt", "phi"), "py", "pt*sin(phi)"),
        (VARYING, ("pt", "eta"), "pz", "pt*sinh(eta)"),
        (VARYING, ("px", "py"), "phi", "atan2(py, px)"),
        (VARYING, ("px", "py", "pz"), "eta", "asinh(pz/hypot(px, py))"),
        (VARYING, ("pt", "pz"), "eta", "asinh(pz/pt)"),
        (VARYING, ("eta",), "theta", "2*atan(exp(-eta))"),
        (VARYING, ("theta",), "eta", "-log(tan(0.5*theta))"),
        (VARYING, ("px", "py", "pz"), "p", "norm(px, py, pz)"),
        (VARYING, ("pt", "eta"), "p", "pt*cosh(eta)"),
        (VARYING, ("e", "m"), "p", "mass(e, m)"),
    ],
)
def test_one_object(mass, given, target, text):
    values = vector(1, mass)
    relations = found({**{name: values[name] for name in given}, target: values[target], "other": noise(2)})
    assert relations[target, text] < 1e-6
    rounded = {name: values[name].astype(np.float32) for name in (*given, target)}
    assert found(rounded)[target, text] < 1e-3


@pytest.mark.parametrize("naming", ["Jet_{}", "muons/{}", "mu.{}", "{}", "lep_{}_1", "a b {}"])
@pytest.mark.parametrize("case", [str.lower, str.capitalize])
def test_names_of_objects(naming, case):
    values = vector(3, VARYING)
    names = {kind: naming.format(case(kind)) for kind in ("px", "py", "pz", "m", "e")}
    arrays = {name: values[kind] for kind, name in names.items()}
    errors = [error for (target, _), error in found(arrays).items() if target == names["e"]]
    assert min(errors) < 1e-9


@pytest.mark.parametrize("order", [("e", "px", "py", "pz"), ("px", "py", "pz", "e"), ("pt", "eta", "phi", "e")])
def test_features_of_objects_without_names(order):
    """Arrays of objects have them in one of a few orders, which the numbers tell."""
    values = vector(3, 0.0)
    arrays = {f"jets[:,{number}]": values[kind] for number, kind in enumerate(order)} | {"jets[:,4]": noise(2)}
    energy = f"jets[:,{order.index('e')}]"
    errors = [error for (target, _), error in found(arrays).items() if target == energy]
    assert min(errors) < 1e-9
    assert found({name: noise(number) for number, name in enumerate(arrays)}) == {}


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("jetPt", ("jet*", "pt")),
        ("genJet2Eta", ("genJet2*", "eta")),
        ("METphi", ("MET*", "phi")),
        ("mupt", ("mu*", "pt")),
        ("E1", ("*1", "e")),
        ("e_pt", ("e_*", "pt")),
        ("m_ll", ("*_ll", "m")),
        ("Jet_emEnergy", ("Jet_em*", "e")),
        ("theta", ("*", "theta")),
        ("beta", None),
        ("dPhi", None),
        ("deltaEta_ll", None),
        ("Event", None),
        ("time", None),
        ("Type1", None),
        ("triggerIsoMu24", None),
    ],
)
def test_what_names_say(name, place):
    assert read_name(name) == place


def pair():
    one, two = vector(4, MUON), vector(5, MUON)
    together = {kind: one[kind] + two[kind] for kind in ("px", "py", "pz", "e")}
    square = together["e"] ** 2 - together["px"] ** 2 - together["py"] ** 2 - together["pz"] ** 2
    return one, two, np.sqrt(square), together


def numbered(one, two, *kinds):
    return {f"{kind}{i}": values[kind] for i, values in ((1, one), (2, two)) for kind in kinds}


@pytest.mark.parametrize(
    ("names", "families"),
    [
        ("px py pz e", ["px py pz"]),
        ("E1 px1 py1 pz1 pt1 M E2 px2 py2 pz2 pt2", ["E1 E2", "px1 py1 pz1 px2 py2 pz2", "pt1 pt2"]),
        ("Muon_pt Muon_eta Muon_phi Electron_pt", []),
        ("jet2_pt jet10_pt tau2_pt", ["jet2_pt jet10_pt"]),
        ("px weight", []),
    ],
)
def test_columns_of_one_meaning(names, families):
    assert families_of(names.split()) == [tuple(family.split()) for family in families]


def test_the_mass_of_a_pair():
    one, two, mass, _ = pair()
    relations = found({**numbered(one, two, "px", "py", "pz", "e"), "M": mass})
    momentum = "px1 + px2, py1 + py2, pz1 + pz2"
    assert relations["M", f"mass(e1 + e2, {momentum})"] < 1e-9
    energies = "norm(px1, py1, pz1, 0.1056583755) + norm(px2, py2, pz2, 0.1056583755)"
    assert relations["M", f"mass({energies}, {momentum})"] < 1e-9
    # Without energies the mass of each is the one that fits best.
    assert (
        found({**numbered(one, two, "px", "py", "pz"), "inv_mass": mass})["inv_mass", f"mass({energies}, {momentum})"]
        < 1e-9
    )
    relations = found({**numbered(one, two, "pt", "eta", "phi"), "dimuon_mass": mass})
    assert relations["dimuon_mass", "sqrt(2*pt1*pt2*(cosh(eta1 - eta2) - cos(phi1 - phi2)))"] < 1e-3


def test_distances_of_a_pair():
    one, two, _, _ = pair()
    turn = np.angle(np.exp(1j * (one["phi"] - two["phi"])))
    arrays = {
        **numbered(one, two, "eta", "phi"),
        "deltaR": np.hypot(one["eta"] - two["eta"], turn),
        "dPhi": np.abs(turn),
        "d_eta": two["eta"] - one["eta"],
    }
    relations = found(arrays)
    assert relations["deltaR", "hypot(eta1 - eta2, wrap(phi1 - phi2))"] < 1e-9
    assert relations["dPhi", "abs(wrap(phi1 - phi2))"] < 1e-9
    assert relations["d_eta", "eta2 - eta1"] < 1e-9


def test_what_a_pair_makes():
    one, two, mass, together = pair()
    arrays = {f"mu{i}_{kind}": values[kind] for i, values in ((1, one), (2, two)) for kind in ("px", "py", "pz", "e")}
    arrays |= {"Z_px": together["px"], "Z_pt": np.hypot(together["px"], together["py"]), "Z_mass": mass}
    relations = found(arrays)
    assert relations["Z_px", "mu1_px + mu2_px"] < 1e-9
    assert relations["Z_pt", "hypot(mu1_px + mu2_px, mu1_py + mu2_py)"] < 1e-9
    assert min(error for (target, _), error in relations.items() if target == "Z_mass") < 1e-9


@pytest.mark.parametrize("met", ["met", "MET_pt"])
def test_the_transverse_mass(met):
    lepton, missing = vector(6, MUON), vector(7, 0.0)
    mt = np.sqrt(2 * lepton["pt"] * missing["pt"] * (1 - np.cos(lepton["phi"] - missing["phi"])))
    met_phi = "met_phi" if met == "met" else "MET_phi"
    arrays = {"lep_pt": lepton["pt"], "lep_phi": lepton["phi"], met: missing["pt"], met_phi: missing["phi"], "mtw": mt}
    assert found(arrays)["mtw", f"2*sqrt(lep_pt*{met})*abs(sin(0.5*(lep_phi - {met_phi})))"] < 1e-9


def test_energies_that_sum_up():
    values = vector(8, VARYING)
    shares = np.random.default_rng(10).dirichlet([3, 2, 0.05], N_ROWS).T
    shares[2] = np.where(shares[2] < 0.02, 0, shares[2])
    shares /= shares.sum(axis=0)
    arrays = {f"jet_{kind}": values[kind] for kind in ("pt", "eta", "phi", "m")}
    arrays |= {
        f"jet_{name}Energy": share * values["e"] for name, share in zip(("em", "had", "lost"), shares, strict=True)
    }
    relations = found(arrays)
    energy = "norm(jet_pt*cosh(jet_eta), jet_m)"
    assert relations["jet_hadEnergy", f"{energy} - jet_emEnergy - jet_lostEnergy"] < 1e-9
    assert relations["jet_lostEnergy", f"{energy} - jet_emEnergy - jet_hadEnergy"] < 1e-9
    assert any(target == "jet_m" for target, _ in relations)
    assert any(target == "jet_pt" for target, _ in relations)


def test_sums_and_multiples():
    a, b, c = noise(11), noise(12), noise(13)
    whole = np.random.default_rng(14).poisson(3, (2, N_ROWS))
    arrays = {"s_a": a, "s_b": b, "s_c": c, "s_all": a + b - c}
    arrays |= {"h_a": a + 1e-3, "h_b": b, "h_all": 0.5 * a + 2 * b}
    arrays |= {"f_a": a, "f_b": b, "f_rest": 1 - a - b}
    arrays |= {"nA": whole[0], "nB": whole[1], "nAll": whole.sum(axis=0).astype(np.int16)}
    arrays |= {"flag": a > 20, "veto": a <= 20, "copy": c, "mm": 1000 * c}
    relations = found(arrays)
    for target, *texts in (
        ("s_all", "s_a + s_b - s_c", "s_b + s_a - s_c"),
        ("s_c", "s_a + s_b - s_all", "s_b + s_a - s_all"),
        ("h_all", "h_a/2 + 2*h_b", "2*h_b + h_a/2"),
        ("f_rest", "1 - f_a - f_b", "1 - f_b - f_a"),
        ("nAll", "nA + nB", "nB + nA"),
        ("nA", "nAll - nB"),
        ("veto", "1 - flag"),
        ("copy", "s_c"),
        ("mm", "1000*s_c", "1000*copy"),
    ):
        assert any(relations.get((target, text), 1) < 1e-3 for text in texts), (target, relations)


@pytest.mark.parametrize("targets", [{"s_all", "e"}, {"copy"}, {"veto", "h_b", "m1", "mt1"}, {"pt"}, set()])
def test_relations_of_some_targets_are_those_among_all(targets):
    a, b, c = noise(11), noise(12), noise(13)
    arrays = {"s_a": a, "s_b": b, "s_all": a + b, "h_b": b, "flag": a > 20, "veto": a <= 20, "copy": c, "mm": 1000 * c}
    arrays |= vector(16, MUON) | {f"{kind}1": values for kind, values in vector(17, VARYING).items()}
    expected = [relation for relation in find_relations(arrays) if relation.target in targets]
    assert find_relations(arrays, targets) == expected
    assert {relation.target for relation in expected} == targets


def test_columns_without_relations_have_none():
    assert not found({name: noise(i) for i, name in enumerate(["px", "py", "e", "m", "pt1", "pt2", "M", "x_a", "x_b"])})


def test_wide_tables():
    """Every column is tried with a few others only, and what belongs together is still found."""
    arrays = {f"col{i}_{kind}": noise(100 + i + j) for i in range(40) for j, kind in enumerate("abcd")}
    values = vector(15, MUON)
    arrays |= {f"Z_{kind}": values[kind] for kind in ("px", "py", "pz", "e")}
    assert found(arrays)["Z_e", "norm(Z_px, Z_py, Z_pz, 0.1056583755)"] < 1e-9


NAMES = ["px1", "py1", "pz1", "e1", "pt1", "eta1", "phi1", "px2", "py2", "pz2", "M", "met", "met_phi", "mt", "dR"]
DTYPES = st.sampled_from(["f2", "f4", "f8", "i1", "i8", "u8", "?"])


@settings(max_examples=30)
@given(st.data(), st.sampled_from([0, 1, 2, 17, 40]))
def test_any_sample_will_do(data, n_rows):
    chosen = data.draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=len(NAMES)))
    arrays = {name: data.draw(DTYPES.flatmap(lambda dtype: npst.arrays(dtype, n_rows))) for name in chosen}
    found(arrays)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e300, -1e160, 5e-324, 0.0])
def test_odd_values_among_good_ones(odd):
    values = vector(16, MUON)
    arrays = {kind: values[kind].copy() for kind in ("px", "py", "pz", "e")}
    for place, array in enumerate(arrays.values()):
        array[place::10] = odd
    arrays |= {"constant": np.full(N_ROWS, odd), "text": np.array(["a"] * N_ROWS, object), "": noise(1)}
    assert ("e", "norm(px, py, pz, 0.1056583755)") in found(arrays)
    found({name: np.full(N_ROWS, odd) for name in NAMES})


def test_long_and_strange_names():
    values = vector(17, VARYING)
    for prefix in ("x" * 3900 + "_", "{0}_", "a`b_", "%s_", "\udc80_"):
        found({prefix + kind: values[kind] for kind in ("px", "py", "pz", "m", "e", "pt", "eta", "phi")})


def sample(path):
    """The first events of a file, column by column, for each of its groups."""
    source = open_source(path)
    batch = next(source.batches(source.schema, 4000))
    return {table.group.name: dict(table.arrays) for table in batch}


REAL = [
    ("dimuons_100k.hdf5:muons", "muons", "e", "norm(px, py, pz, 0.1056583755)", 1e-5),
    ("Zmumu_Run2011A_masses.csv", "events", "E1", "norm(px1, py1, pz1, 0.1056583755)", 1e-5),
    ("Zmumu_Run2011A_masses.csv", "events", "E2", "norm(px2, py2, pz2, 0.1056583755)", 1e-5),
    ("Zmumu_Run2011A_masses.csv", "events", "M", "mass(E1 + E2, px1 + px2, py1 + py2, pz1 + pz2)", 1e-4),
    ("Zmumu_Run2011A_masses.csv", "events", "pt1", "hypot(px1, py1)", 0.03),
    ("Zmumu_Run2011A_masses.csv", "events", "px2", "pt2*cos(phi2)", 0.01),
    ("Zmumu_Run2011A_masses.csv", "events", "phi1", "atan2(py1, px1)", 1e-4),
    ("Zmumu_Run2011A_masses.csv", "events", "eta1", "asinh(pz1/hypot(px1, py1))", 1e-3),
    ("uproot-HZZ.root", "Muon", "Muon_E", "norm(Muon_Px, Muon_Py, Muon_Pz, 0.1056583755)", 1e-5),
    ("uproot-HZZ.root", "Photon", "Photon_E", "norm(Photon_Px, Photon_Py, Photon_Pz)", 1e-5),
    ("uproot-HZZ.root", "Jet", "Jet_E", "norm(Jet_Px, Jet_Py, Jet_Pz)", 0.03),
]


@pytest.mark.parametrize(("file", "group", "target", "text", "error"), REAL)
def test_real_data(data_dir, file, group, target, text, error):
    assert found(sample(f"{data_dir}/{file}")[group])[target, text] < error


def test_real_jets(data_dir):
    names = [f"Jet_{part}Energy" for part in ("had", "em", "invisible", "auxiliary")]
    relations = found(sample(f"{data_dir}/zprime_jets.root")["Jet"])
    for name in names:
        rest = [other for other in names if other != name]
        text = f"norm(Jet_pt*cosh(Jet_eta), Jet_mass) - {' - '.join(rest)}"
        assert relations[name, text] < 1e-5
