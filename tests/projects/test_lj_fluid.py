"""The fluid: what its generator draws, and that it is drawn from the distribution that is named."""

import sys

import h5py
import numpy as np
import pytest

from tests.generators import ROOT, generated, loaded, run_python, script_of

sys.path.append(str(ROOT / "projects" / "lj_fluid"))

import fluid as lj

SHORT = {"configurations": 20, "sweeps": 50}


def distances_of(places):
    return np.sqrt(((places[:, None] - places) ** 2).sum(axis=2))


def energy_of(places, gamma, powers=(12, 6)):
    """The energy of one configuration, written a second time and in another way."""
    total = gamma * sum(y for _, y in places)
    for i, (x, y) in enumerate(places):
        for other_x, other_y in places[:i]:
            r = np.hypot(x - other_x, y - other_y)
            total += 4 * (r ** -powers[0] - r ** -powers[1])
    return total


@pytest.mark.parametrize("powers", [(12, 6), (4, 2)])
def test_energies_are_those_of_the_formula(powers):
    places = lj.configurations(lj.Fluid(0.7, powers=powers, sweeps=100), 3, seed=1)
    expected = [energy_of(one, 0.7, powers) for one in places]
    assert lj.energies(places, 0.7, powers) == pytest.approx(expected, rel=1e-12)


def test_a_cut_potential_does_not_rise_any_further():
    pair = np.array([[[0.0, 0.0], [0.3, 0.0]]])
    assert lj.energies(pair, 0.0, least=1.0) == pytest.approx(0)
    assert np.isfinite(lj.energies(0 * pair, 0.0)).all()


def exact_pair(fluid, n=150):
    """The distribution of a pair on a grid: distances, sums of heights, and weights, which sum to 1. Differences of two
    uniform numbers have the density of a triangle.
    """
    heights = (np.arange(n) + 0.5) * fluid.box / n
    aside = (np.arange(2 * n) + 0.5) * fluid.box / (2 * n)
    dx, y1, y2 = np.meshgrid(aside, heights, heights, indexing="ij", sparse=True)
    distance = np.hypot(dx, y1 - y2)
    energy = 4 * (distance ** -fluid.powers[0] - distance ** -fluid.powers[1]) + fluid.gamma * (y1 + y2)
    weight = (fluid.box - dx) * np.exp(-energy / fluid.temperature)
    height = np.broadcast_to(y1 + y2, weight.shape)
    return distance.ravel(), height.ravel(), weight.ravel() / weight.sum()


@pytest.mark.parametrize("powers", [(12, 6), (4, 2)])
def test_two_particles_have_the_exact_distribution(powers):
    fluid = lj.Fluid(1.0, n_particles=2, box=3.0, powers=powers, temperature=0.8, sweeps=100)
    n = 20_000
    places = lj.configurations(fluid, n, seed=3)
    distance, height, weight = exact_pair(fluid)
    drawn = [np.linalg.norm(places[:, 0] - places[:, 1], axis=1), places[:, :, 1].sum(axis=1)]
    for own, exact, edges in zip(drawn, [distance, height], [[0, 1, 1.1, 1.25, 1.5, 2, 2.6, 5], range(7)], strict=True):
        expected = n * np.histogram(exact, edges, weights=weight)[0]
        found = np.histogram(own, edges)[0]
        assert found.sum() == n
        freedom = len(expected) - 1  # the mean of chi square; its variance is twice that
        assert np.sum((found - expected) ** 2 / expected) < freedom + 4 * np.sqrt(2 * freedom)


def test_one_particle_has_the_barometric_distribution():
    fluid = lj.Fluid(1.0, n_particles=1)
    heights = np.sort(lj.configurations(fluid, 4_000, seed=1)[:, 0, 1])
    exact = np.expm1(-heights) / np.expm1(-10)
    steps = np.arange(len(heights) + 1) / len(heights)
    largest = max(np.abs(exact - steps[:-1]).max(), np.abs(exact - steps[1:]).max())
    assert largest < 1.95 / np.sqrt(len(heights))  # Kolmogorov and Smirnov, one in a thousand


def test_threads_and_more_configurations_change_nothing():
    fluid = lj.Fluid(0.4, sweeps=5)
    many = lj.configurations(fluid, 600, seed=1, n_threads=1)
    assert np.array_equal(lj.configurations(fluid, 600, seed=1, n_threads=3), many)
    assert np.array_equal(lj.configurations(fluid, 10, seed=1), many[:10])
    assert np.array_equal(lj.configurations(fluid, 5, seed=1, first=300), many[300:305])
    for other in (lj.configurations(fluid, 5, seed=2), lj.configurations(lj.Fluid(0.7, sweeps=5), 5, seed=1)):
        assert not np.array_equal(other, many[:5])


def test_starts_are_uniform_and_overlaps_come_apart():
    start = lj.configurations(lj.Fluid(0.1, sweeps=0), 2_000, seed=1)
    assert start.mean(axis=(0, 1)) == pytest.approx([5, 5], abs=0.06)
    crowded = lj.Fluid(1.0, n_particles=12, box=4.0, sweeps=400)
    places, accepted = lj.histories(crowded, 50, 1, [0, 400])
    least = [min(distances_of(one)[np.triu_indices(12, 1)]) for one in places[:, 0]]
    assert min(least) < 0.1
    assert lj.energies(places[:, 1], 1.0).max() < 100
    assert 0.05 < accepted < 0.9
    assert places.min() >= 0
    assert places.max() < 4


def test_energy_falls_until_it_stays():
    fluid = lj.Fluid(1.0)
    places, _ = lj.histories(fluid, 100, 1, [10, 1_000, 2_000])
    first, later, last = (lj.energies(places[:, time], 1.0).mean() for time in range(3))
    assert first > 100
    assert later == pytest.approx(last, abs=2.5)  # a mean has an error of 0.7


def test_representations_hold_the_same_configuration():
    places = lj.by_height(lj.configurations(lj.Fluid(0.7, sweeps=200), 50, seed=1))
    assert (np.diff(places[:, :, 1], axis=1) >= 0).all()
    found = lj.matrices(places)
    assert found.dtype == np.float32
    assert found[7] == pytest.approx(distances_of(places[7]), abs=1e-5)
    grid = lj.occupancy(places)
    assert (grid.sum(axis=(1, 2)) == 30).all()
    low, high = grid[:, :10].sum(), grid[:, 10:].sum()
    assert low == np.count_nonzero(places[:, :, 1] < 5)
    assert high == np.count_nonzero(places[:, :, 1] >= 5)


def test_a_cell_that_is_taken_gives_way_to_the_nearest_free_one():
    places = np.array([[[0.2, 0.2], [0.3, 0.1], [9.9, 9.9]]])
    (grid,) = lj.occupancy(places)
    assert sorted(zip(*np.nonzero(grid), strict=True)) == [(0, 0), (0, 1), (19, 19)]
    with pytest.raises(ValueError, match="no room in 1 x 1 cells"):
        lj.occupancy(places, grid=1)


@pytest.mark.parametrize(
    "wrong", [{"sweeps": -1}, {"box": 0.0}, {"powers": (6, 12)}, {"powers": (5, 2)}, {"n_particles": 0}]
)
def test_fluids_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must be|powers"):
        lj.Fluid(0.1, **wrong)


def test_files_hold_the_arrays_and_are_the_same_each_time(tmp_path):
    path, again = (generated("lj_fluid", tmp_path / name, **SHORT) for name in ("a.npz", "b.npz"))
    assert path.read_bytes() == again.read_bytes()
    with np.load(path) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    shapes = {name: (str(values.dtype), values.shape[1:]) for name, values in found.items()}
    assert shapes == {
        "coordinates": ("float32", (30, 2)),
        "matrices": ("float32", (30, 30)),
        "occupancy": ("uint8", (20, 20)),
        "gamma": ("float32", ()),
        "energy": ("float32", ()),
    }
    assert found["gamma"].tolist() == np.repeat(np.float32([0.1, 0.4, 0.7, 1.0]), 20).tolist()
    expected = [energy_of(one, gamma) for one, gamma in zip(found["coordinates"], found["gamma"], strict=True)]
    assert found["energy"] == pytest.approx(expected, rel=2e-4, abs=1e-3)  # of places in single precision
    generator = loaded("lj_fluid")
    generator.write(tmp_path / "c.h5", found, force=False)
    with h5py.File(tmp_path / "c.h5") as file:
        assert all(np.array_equal(file[name], values) for name, values in found.items())


def test_what_cannot_be_made_is_refused(tmp_path):
    for options, expected in [
        (("--powers", 6, 12), "even, positive and falling"),
        (("--configurations", 0), "must be at least 1"),
    ]:
        finished = run_python(script_of("lj_fluid"), tmp_path / "a.npz", *options)
        assert finished.returncode == 2
        assert expected in finished.stderr
    finished = run_python(script_of("lj_fluid"), tmp_path / "a.csv")
    assert "must end in .npz" in finished.stderr
