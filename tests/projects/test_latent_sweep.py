"""The project of energies in rings and sectors: what its generator writes."""

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.generators import generated, loaded, need_pythia

OWN = ["jet_pt", "jet_eta", "jet_phi", "jet_mass", "jet_energy"]
EVENTS = 20


def momenta(pt, eta, phi):
    """Massless particles."""
    return ak.zip({"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "E": pt * np.cosh(eta)})


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    need_pythia()
    return generated("latent_sweep", tmp_path_factory.mktemp("rings") / "rings.parquet", events=EVENTS, seed=4)


@pytest.fixture(scope="module")
def latent_sweep():
    need_pythia()
    return loaded("latent_sweep")


def test_there_are_more_than_a_hundred_columns_and_a_row_for_each_event(path):
    table = pq.read_table(path)
    cells = [f"ring_{ring}_sector_{sector}" for ring in range(8) for sector in range(16)]
    assert table.column_names == OWN + cells
    assert {str(field.type) for field in table.schema} == {"float"}
    assert table.num_rows == EVENTS


def test_the_parts_sum_to_one_and_the_jet_is_a_jet(path):
    table = pq.read_table(path).to_pandas().astype(np.float64)
    cells = table.drop(columns=OWN).to_numpy()
    assert (cells >= 0).all()
    assert cells.sum(axis=1) == pytest.approx(1, abs=1e-6)
    energy = np.hypot(table.jet_pt * np.cosh(table.jet_eta), table.jet_mass)
    assert energy.to_numpy() == pytest.approx(table.jet_energy.to_numpy(), rel=1e-5)
    assert table.jet_pt.min() > 100


def test_the_same_seed_gives_the_same_jets_however_many_follow(path, tmp_path):
    fewer = pq.read_table(generated("latent_sweep", tmp_path / "fewer.parquet", events=5, seed=4))
    assert fewer.equals(pq.read_table(path).slice(0, 5))


def test_known_particles_lie_in_their_rings_and_sectors(latent_sweep):
    # Towards eta = 0.3 from the axis 60 GeV, to the other side 120 GeV at 0.15, and 20 GeV across, at phi = 0.25.
    pt, eta, phi = np.array([60.0, 120.0, 20.0]), np.array([0.3, -0.15, 0.0]), np.array([0.0, 0.0, 0.25])
    other = momenta(np.array([150.0]), np.array([1.0]), np.array([3.0]))  # another jet, with more energy
    particles = momenta(pt, eta, phi)
    first = ak.concatenate([other, particles])
    event = ak.Array([first, particles, other[:0], ak.concatenate([particles, other])])
    jets = latent_sweep.leading_jets(event)  # an event without jets is left out
    assert jets["energy"] == pytest.approx([ak.sum(particles.E)] * 3)
    rings = jets["rings"].reshape(3, 8, 16)
    assert np.array_equal(rings[0], rings[1])
    assert np.array_equal(rings[0], rings[2])
    places = np.argwhere(rings[0] > 0)
    parts = (particles.E / ak.sum(particles.E)).to_numpy()
    assert sorted(rings[0][rings[0] > 0]) == pytest.approx(sorted(parts))
    by_energy = {round(float(rings[0][tuple(place)]), 9): tuple(place) for place in places}
    far, near, across = (by_energy[round(float(part), 9)] for part in parts)
    assert (far[1], near[1]) == (0, 8)  # the far one decides where the axis points
    assert far[0] == 6
    assert near[0] in {3, 4}
    assert across[1] in {3, 4, 5, 11, 12, 13}


def test_a_jet_turned_in_phi_has_the_same_rings(latent_sweep):
    generator = np.random.default_rng(8)
    n = 30
    pt, d_eta, d_phi = generator.uniform(5, 50, n), *generator.normal(0, 0.15, (2, n))
    found = []
    for phi0 in (0.0, 3.1, -2.0):
        particles = momenta(pt, d_eta, d_phi + phi0)
        found.append(latent_sweep.leading_jets(ak.unflatten(particles, [n]))["rings"])
    assert found[1] == pytest.approx(found[0], abs=1e-9)
    assert found[2] == pytest.approx(found[0], abs=1e-9)


def test_the_axis_is_that_of_the_larger_spread(latent_sweep):
    angle = 0.7
    along = np.array([0.4, -0.1, -0.1, -0.2])
    d_eta, d_phi = along * np.cos(angle), along * np.sin(angle)
    found = latent_sweep.axis_angles(d_eta, d_phi, np.ones(4), np.zeros(4, np.int64))
    assert found == pytest.approx([angle])
    turned = latent_sweep.axis_angles(-d_eta, -d_phi, np.ones(4), np.zeros(4, np.int64))
    assert np.remainder(turned, 2 * np.pi) == pytest.approx([angle + np.pi])
