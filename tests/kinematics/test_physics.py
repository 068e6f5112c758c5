"""Derived quantities: four-vectors with known answers, formulas row by row, and what is refused."""

from itertools import product

import numpy as np
import pytest

from baler_vae.errors import UsageError
from baler_vae.kinematics.physics import Quantity, quantities_of, row_formula
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Table, concatenate, slice_events

MUON = 0.1056583755
AXES = ([1], {f"Jet_{kind}": [1.0] for kind in ("px", "py", "pz", "e", "q")})


def batch_of(events, **collections):
    """The schema and the batch of event-level columns and of jagged collections, each with its counts first."""
    tables = []
    for name, (counts, columns) in collections.items():
        events = {**events, f"n{name}": np.asarray(counts, np.int32)}
        tables.append(table_of(name, columns, f"n{name}"))
    tables.insert(0, table_of("events", events, None))
    groups = tuple(table.group for table in tables)
    order = tuple(name for group in groups for name in group.names)
    return Schema(groups, order, Origin("root", "Events")), tuple(tables)


def table_of(name, columns, counter):
    arrays = {key: np.asarray(values) for key, values in columns.items()}
    return Table(Group(name, tuple(Column(key, array.dtype) for key, array in arrays.items()), counter), arrays)


def computed(quantity, schema, batch):
    found = quantities_of([quantity], schema)
    extended = found.extend(batch)
    assert tuple(table.group for table in extended) == found.schema.groups
    assert found.names == (quantity.name,)
    assert found.schema.order == (*schema.order, quantity.name)
    (home,) = [table for table in extended if quantity.name in table.arrays]
    return home[quantity.name]


def polar(px, py, pz):
    pt = np.hypot(px, py)
    return {"pt": pt, "eta": np.arcsinh(pz / pt), "phi": np.arctan2(py, px)}


def cartesian(pt, eta, phi, m):
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return {"px": px, "py": py, "pz": pz, "e": np.sqrt(px**2 + py**2 + pz**2 + m**2)}


TWO = {"px": [0.0, 0.0], "py": [3.0, -3.0], "pz": [0.0, 0.0], "e": [3.0, 5.0]}


@pytest.mark.parametrize("jagged", [True, False])
def test_the_mass_of_two_by_hand(jagged):
    """A massless object of 3 GeV and one of 4 GeV mass, with 3 GeV against it, make 8 GeV at rest."""
    if jagged:
        schema, batch = batch_of({}, Jet=([2], {f"Jet_{kind}": values for kind, values in TWO.items()}))
        quantity = Quantity("m", "mass", objects=("Jet_*",))
    else:
        schema, batch = batch_of({f"{kind}{n + 1}": [values[n]] for kind, values in TWO.items() for n in (0, 1)})
        quantity = Quantity("m", "mass", objects=("*1", "*2"))
    assert computed(quantity, schema, batch).tolist() == [8.0]


def test_all_ways_to_write_a_four_vector_give_the_same_mass():
    rng = np.random.default_rng(0)
    n = 1000
    pt, eta, phi, m = rng.exponential(30, 2 * n) + 1, rng.normal(0, 2, 2 * n), rng.uniform(-4, 4, 2 * n), 5.0
    vectors = cartesian(pt, eta, phi, m)
    total = {kind: values.reshape(n, 2).sum(1) for kind, values in vectors.items()}
    expected = np.sqrt(total["e"] ** 2 - total["px"] ** 2 - total["py"] ** 2 - total["pz"] ** 2)
    masses = np.full(2 * n, m)
    momenta = {kind: vectors[kind] for kind in ("px", "py", "pz")}
    for columns, mass_of_each in [
        (vectors, None),
        ({**momenta, "mass": masses}, None),
        (momenta, m),
        ({"pt": pt, "eta": eta, "phi": phi, "m": masses}, None),
        ({"pt": pt, "eta": eta, "phi": phi, "energy": vectors["e"]}, None),
        ({"pt": pt, "phi": phi, "pz": vectors["pz"]}, m),
    ]:
        named = {f"muons/{kind}": values for kind, values in columns.items()}
        schema, batch = batch_of({}, muons=([2] * n, named))
        quantity = Quantity("m", "mass", objects=("muons/*",), mass_of_each=mass_of_each)
        assert computed(quantity, schema, batch) == pytest.approx(expected, rel=1e-9)
        events = {f"{kind}{i + 1}": values[i::2] for (kind, values), i in product(columns.items(), (0, 1))}
        schema, batch = batch_of(events)
        quantity = Quantity("m", "mass", objects=("*1", "*2"), mass_of_each=mass_of_each)
        assert computed(quantity, schema, batch) == pytest.approx(expected, rel=1e-9)


def test_a_mass_that_is_given_takes_the_place_of_energies():
    columns = {"mu_px": [3.0, -3.0], "mu_py": [0.0, 0.0], "mu_pz": [0.0, 0.0], "mu_e": [9.0, 9.0], "mu_m": [1.0, 1.0]}
    schema, batch = batch_of({}, mu=([2], columns))
    assert computed(Quantity("x", "mass", objects=("mu_*",), mass_of_each=4.0), schema, batch).tolist() == [10]
    assert computed(Quantity("x", "mass", objects=("mu_*",)), schema, batch) == pytest.approx([2 * np.sqrt(10)])


def test_a_boosted_pair_keeps_its_mass():
    beta = 0.999
    gamma = 1 / np.sqrt(1 - beta**2)
    back_to_back = np.array([0.0, 45.0]), np.array([45.594, 45.594])
    pz = [gamma * beta * e for e in back_to_back[1]]
    px = np.array([45.594, -45.594])
    schema, batch = batch_of({}, Muon=([2], {"Muon_px": px, "Muon_py": [0.0, 0.0], "Muon_pz": pz}))
    found = computed(Quantity("m", "mass", objects=("Muon_*",), mass_of_each=0.0), schema, batch)
    assert found == pytest.approx(2 * 45.594, rel=1e-12)


def test_delta_r_over_the_wrap():
    columns = {
        "Jet_pt": [1.0, 1.0, 1.0, 2.0, 2.0],
        "Jet_eta": [0.3, 0.0, 0.0, 1.0, -2.0],
        "Jet_phi": [3.1, -3.1, 9, 0, 1],
    }
    schema, batch = batch_of({}, Jet=([3, 2], columns))
    found = computed(Quantity("r", "delta_r", objects=("Jet_*",), rows=(0, 1)), schema, batch)
    assert found == pytest.approx([np.hypot(0.3, 2 * np.pi - 6.2), np.hypot(3, 1)])
    found = computed(Quantity("f", "delta_phi", objects=("Jet_*",), rows=(1, 0)), schema, batch)
    assert found == pytest.approx([2 * np.pi - 6.2, 1])
    schema, batch = batch_of({"phi1": [3.1, 1.0], "phi2": [-3.1, 1.0 - np.pi], "eta1": [0.0, 0.0], "eta2": [0.3, 0.0]})
    found = computed(Quantity("r", "delta_r", objects=("*1", "*2")), schema, batch)
    assert found == pytest.approx([np.hypot(0.3, 2 * np.pi - 6.2), np.pi])


def test_delta_r_of_cartesian_vectors():
    one, two = np.array([1.0, 2.0, 3.0]), np.array([-1.0, -0.5, 4.0])
    first, second = polar(*one), polar(*two)
    columns = dict(zip(("Jet_px", "Jet_py", "Jet_pz"), np.stack([one, two], axis=1), strict=True))
    schema, batch = batch_of({}, Jet=([2], columns))
    found = computed(Quantity("r", "delta_r", objects=("Jet_*",), rows=(0, 1)), schema, batch)
    far = 2 * np.pi - (first["phi"] - second["phi"])
    assert found == pytest.approx([np.hypot(first["eta"] - second["eta"], far)])


def test_sums_of_events_with_no_one_and_many_jets():
    counts = [0, 1, 0, 3, 0]
    pt, phi = [5.0, 3.0, 4.0, 6.0], [0.5, 0.0, np.pi / 2, np.pi]
    schema, batch = batch_of({}, Jet=(counts, {"Jet_pt": np.array(pt, np.float32), "Jet_phi": phi}))
    assert computed(Quantity("ht", "ht", objects=("Jet_*",)), schema, batch).tolist() == [0, 5, 0, 13, 0]
    missing = computed(Quantity("met", "missing_pt", objects=("Jet_*",)), schema, batch)
    assert missing == pytest.approx([0, 5, 0, 5, 0])  # (3 - 6, 4)
    assert computed(Quantity("pt", "pt", objects=("Jet_*",)), schema, batch).tolist() == missing.tolist()
    leading = computed(Quantity("ht2", "ht", objects=("Jet_*",), rows=(0, 2)), schema, batch)
    assert np.array_equal(leading, [np.nan, np.nan, np.nan, 9, np.nan], equal_nan=True)
    last = computed(Quantity("ht1", "ht", objects=("Jet_*",), rows=(0,)), schema, batch)
    assert np.array_equal(last, [np.nan, 5, np.nan, 3, np.nan], equal_nan=True)


def test_sums_of_event_level_objects():
    schema, batch = batch_of({"pt1": [3.0, 1.0], "phi1": [0.0, 0.0], "pt2": [4.0, 1.0], "phi2": [np.pi / 2, np.pi]})
    assert computed(Quantity("ht", "ht", objects=("*1", "*2")), schema, batch).tolist() == [7, 2]
    assert computed(Quantity("x", "missing_pt", objects=("*1", "*2")), schema, batch) == pytest.approx([5, 0], abs=1e-9)


def test_tables_without_rows_or_events():
    for counts in ([], [0, 0]):
        schema, batch = batch_of({}, Jet=(counts, {"Jet_pt": np.zeros(0), "Jet_phi": np.zeros(0)}))
        assert computed(Quantity("ht", "ht", objects=("Jet_*",)), schema, batch).tolist() == [0.0] * len(counts)
        first = computed(Quantity("one", "ht", objects=("Jet_*",), rows=(0,)), schema, batch)
        assert np.isnan(first).tolist() == [True] * len(counts)
        assert computed(Quantity("two", formula="2*Jet_pt"), schema, batch).shape == (0,)


def test_what_is_not_finite_has_no_value():
    odd = [np.nan, np.inf, -np.inf, 1e308, 1e308, 1.0]
    columns = {"Jet_px": odd, "Jet_py": odd, "Jet_pz": odd, "Jet_e": odd}
    schema, batch = batch_of({}, Jet=([1, 1, 1, 2, 1], columns))
    for kind in ("mass", "pt", "ht", "missing_pt"):
        found = computed(Quantity("x", kind, objects=("Jet_*",)), schema, batch)
        assert np.isfinite(found).tolist() == [False, False, False, False, True]
    assert np.isnan(computed(Quantity("x", formula="1/(Jet_px - 1)"), schema, batch)[-1])
    twice, doubled = batch_of({}, Jet=([2, 2], {"Jet_eta": odd[:4], "Jet_phi": odd[:4]}))
    for kind in ("delta_r", "delta_phi"):
        found = computed(Quantity("x", kind, objects=("Jet_*",), rows=(0, 1)), twice, doubled)
        assert np.isnan(found).all()


def test_formulas_may_read_the_event():
    schema, batch = batch_of({"met": [2.0, 3.0, 5.0]}, Jet=([2, 0, 1], {"Jet_pt": [10.0, 20.0, 30.0]}))
    assert computed(Quantity("r", formula="Jet_pt/met"), schema, batch).tolist() == [5, 10, 6]
    assert computed(Quantity("r", formula="met*nJet"), schema, batch).tolist() == [4, 0, 5]


def test_quantities_may_follow_from_those_before():
    schema, batch = batch_of({}, Jet=([2, 1], {"Jet_energy": [3.0, 5.0, 2.0], "Jet_p": [3.0, 4.0, 2.0]}))
    wanted = [Quantity("Jet_m", formula="mass(Jet_energy, Jet_p)"), Quantity("half", formula="Jet_m/2")]
    found = quantities_of(wanted, schema)
    assert found.extend(batch)[1]["half"].tolist() == [0, 1.5, 0]
    assert found.names == ("Jet_m", "half")
    assert found.schema.group_of("half").name == "Jet"
    assert found.behind(["half", "nJet"]) == {"Jet_energy", "Jet_p", "nJet"}
    mass = quantities_of([Quantity("m", "mass", objects=("Jet_*",), mass_of_each=0.0)], batch_of({}, Jet=AXES)[0])
    assert mass.behind(["m"]) == {"Jet_px", "Jet_py", "Jet_pz"}


def test_cut_batches_give_the_same():
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 5, 200)
    columns = {f"Jet_{kind}": rng.normal(3, 1, counts.sum()) for kind in ("pt", "eta", "phi", "m")}
    schema, batch = batch_of({}, Jet=(counts, columns))
    found = quantities_of([Quantity("m", "mass", objects=("Jet_*",), rows=(0, 1))], schema)
    parts = [found.extend(slice_events(batch, start, min(start + 37, 200))) for start in range(0, 200, 37)]
    whole = found.extend(batch)[0]["m"]
    assert np.array_equal(concatenate(parts, found.schema)[0]["m"], whole, equal_nan=True)
    assert np.isnan(whole).tolist() == (counts < 2).tolist()


def schema_of_all():
    text = np.array(["a"], TEXT)
    jets = {"Jet_pt": [1.0], "Jet_eta": [1.0], "Jet_phi": [1.0], "Jet_name": text}
    muons = {"mu_pt": [1.0], "mu_eta": [1.0], "mu_phi": [1.0], "mu_e": [4.0]}
    events = {"met": [1.0], "met_phi": [0.0], "pt1": [1.0], "phi1": [0.0], "phi2": [0.0]}
    return batch_of(events, Jet=([1], jets), mu=([1], muons))[0]


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        (Quantity("met", formula="2*met"), "'met'.*another name"),
        (Quantity("x"), "'x': has no formula.*mass, pt, ht"),
        (Quantity("x", formula="met", objects=("Jet_*",)), "a formula takes no objects"),
        (Quantity("x", formula="2*Jet_pz"), "no column 'Jet_pz': the nearest names are 'Jet_p"),
        (Quantity("x", formula="2"), "reads no column"),
        (Quantity("x", formula="2*"), "'x': the formula '2\\*' fails at character 3"),
        (Quantity("x", formula="Jet_name + 1"), "'Jet_name'.*holds no numbers"),
        (Quantity("x", formula="Jet_pt + mu_pt"), "collections 'Jet' and 'mu'"),
        (Quantity("x", "weight"), "no kind 'weight'"),
        (Quantity("x", "mass", formula="met"), "kind 'mass' takes no formula"),
        (Quantity("x", "mass"), r"needs objects.*Jet_\*"),
        (Quantity("x", "mass", objects=("Jets_*",)), r"no object 'Jets_\*': the nearest names are 'Jet_\*'"),
        (Quantity("x", "mass", objects=("Jet_*", "mu_*")), r"'Jet_\*' is of the group 'Jet', 'mu_\*' of 'mu'"),
        (Quantity("x", "mass", objects=("Jet_*", "Jet_*")), "named twice"),
        (Quantity("x", "mass", objects=("Jet_*",)), "neither energy nor mass.*mass_of_each"),
        (Quantity("x", "mass", objects=("met_*",)), "found met_phi, met, expected px, py, pz, e"),
        (Quantity("x", "ht", objects=("Jet_*",), mass_of_each=MUON), "kind 'ht' needs no mass"),
        (Quantity("x", "ht", objects=("*2",)), r"'\*2' do not provide.*found phi2, expected pt"),
        (Quantity("x", "ht", objects=("*1",), rows=(0,)), "to the event.*Leave out rows"),
        (Quantity("x", "ht", objects=("Jet_*",), rows=()), "rows must be distinct numbers"),
        (Quantity("x", "ht", objects=("Jet_*",), rows=(1, 1)), "rows must be distinct numbers"),
        (Quantity("x", "ht", objects=("Jet_*",), rows=(-1,)), "rows must be distinct numbers"),
        (Quantity("x", "delta_r", objects=("Jet_*",)), "needs two objects.*all of an event.*rows"),
        (Quantity("x", "delta_r", objects=("Jet_*",), rows=(0, 1, 2)), "needs two objects.*found 3"),
        (Quantity("x", "delta_phi", objects=("*1",)), "needs two objects.*found 1"),
    ],
)
def test_wrong_quantities_are_refused(quantity, words):
    with pytest.raises(UsageError, match=words):
        quantities_of([quantity], schema_of_all())


def test_two_quantities_have_two_names():
    with pytest.raises(UsageError, match="another quantity"):
        quantities_of([Quantity("x", formula="met"), Quantity("x", formula="2*met")], schema_of_all())


def test_a_row_formula_knows_its_group():
    schema = schema_of_all()
    assert row_formula("met + nJet", schema).group.name == "events"
    assert row_formula("met + Jet_pt", schema).group.name == "Jet"
