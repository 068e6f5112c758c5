"""The studies of the fluid: places from distances, models that end in points, scores of strange configurations."""

import importlib
import json
import sys

import numpy as np
import pytest

from tests.generators import ROOT, loaded

sys.path.append(str(ROOT / "projects" / "lj_fluid"))
sys.path.append(str(ROOT / "projects"))

import fluid as lj

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
anomalies, contacts, data, geometry, models, occupancy, places, script = (
    importlib.import_module(name)
    for name in ("anomalies", "contacts", "data", "geometry", "models", "occupancy", "places", "study")
)


def drawn(n, gamma=1.0, seed=1, sweeps=300):
    return lj.by_height(lj.configurations(lj.Fluid(gamma, sweeps=sweeps), n, seed))


@pytest.fixture(scope="module")
def ordinary():
    return drawn(60)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fluid")
    generator = loaded("lj_fluid")
    fluids = [lj.Fluid(gamma, sweeps=200) for gamma in (0.1, 1.0)]
    arrays = generator.arrays_of(fluids, 200, 1, representations=["coordinates"])
    generator.write(folder / "fluid.npz", arrays, force=False)
    return data.Study(folder / "fluid.npz", folder / "results", folder / "pictures", (1,), 160, 20, 0.02)


def test_distances_give_points_back_up_to_a_motion(ordinary):
    found = geometry.embedded(lj.matrices(ordinary))
    assert found.rest.max() < 1e-5
    assert geometry.misplaced(found.points, ordinary).max() < 1e-3
    assert lj.matrices(found.points) == pytest.approx(lj.matrices(ordinary), abs=1e-4)


def test_distances_that_fit_in_no_plane_leave_a_rest():
    corners = 1.0 - np.eye(4)  # a tetrahedron: three equal eigenvalues
    assert geometry.embedded(corners[None]).rest == pytest.approx([1 / 3])


def test_points_are_turned_upright_whatever_their_rotation(ordinary):
    angles = np.linspace(0, 6, len(ordinary))
    mirrored = geometry.turned(ordinary * [-1, 1], angles) + 3.0
    assert geometry.upright(mirrored) == pytest.approx(geometry.upright(ordinary), abs=1e-9)
    assert np.median(geometry.tilt(geometry.upright(mirrored), ordinary)) < 3


def test_a_tumbler_lies_on_the_side_that_is_nearest_to_its_centre_of_mass():
    plate = np.array([[0, 0], [4, 0], [0, 1], [4, 1], [2, 0.2], [1, 0.2]])
    (found,) = geometry.tumbled(geometry.turned(plate[None], np.array([2.0])))
    assert np.ptp(found[:, 0]) == pytest.approx(4)
    assert np.sort(found[:, 1])[:2] == pytest.approx([-0.4, -0.4])
    line = np.array([[[0, 0], [1, 1], [2, 2.0]]])
    assert np.ptp(geometry.tumbled(line)[..., 1]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("degrees", [0.0, 20.0, 170.0])
def test_a_tilt_is_the_angle_of_a_rotation(ordinary, degrees):
    turned = geometry.turned(ordinary * [-1, 1], np.full(len(ordinary), np.radians(degrees)))
    assert geometry.tilt(turned, ordinary) == pytest.approx(degrees, abs=1e-4)


def test_pairs_and_matrices_are_the_same_distances(ordinary):
    matrices = lj.matrices(ordinary)
    assert np.array_equal(models.matrices_of(models.pairs_of(matrices)), matrices)


RECIPES = {
    "points": models.Recipe("upright", "points", n_latents=40),
    "coordinates": models.Recipe("coordinates", "points", n_latents=60),
    "distances": models.Recipe("distances", "distances"),
    "image": models.Recipe("image", "image", hidden=(32,), channels=(4, 8)),
    "rows": models.Recipe("rows", "points", hidden=(32,), channels=(8,)),
}


@pytest.mark.parametrize("name", RECIPES)
def test_models_give_distances_and_learn(study, name):
    model, test = study.model(RECIPES[name], 1), study.rows("test")
    seen = data.seen_of(model, test)
    restored = model.restored(seen)
    assert restored.shape == (len(test), 435)
    assert len(model.errors) == 1
    share = data.share(restored, test)
    assert share < {"points": 0.02, "coordinates": 0.02, "distances": 0.8}.get(name, 2.0)
    if model.network.recipe.made == "points":
        points = model.points(model.latents(seen)[0])
        assert models.pairs_of(lj.matrices(points)) == pytest.approx(restored, abs=2e-3)


def test_models_that_are_kept_are_the_same(study):
    recipe = RECIPES["distances"]
    first = study.model(recipe, 1)
    study._trained.clear()
    again = study.model(recipe, 1)
    assert again is not first
    assert again.errors == first.errors
    seen = data.seen_of(first, study.rows("test"))
    assert np.array_equal(again.restored(seen), first.restored(seen))


def test_the_same_seed_gives_the_same_network(study):
    training, few = study.rows("training").as_mapping(), study.rows("validation").as_mapping()
    recipe = models.Recipe("upright", "points", epochs=1)
    one, same, other = (models.trained(recipe, training, few, seed).network.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["decoder.bend.0.weight"], other["decoder.bend.0.weight"])


def test_blocks_are_blacked_out_with_their_mirror_images():
    black = anomalies.blacked_out((50, 30, 30), np.random.default_rng(1))
    assert (black.sum(axis=(1, 2)) == 200).all()
    assert np.array_equal(black, black.transpose(0, 2, 1))
    assert not np.einsum("nii->ni", black).any()


def test_blacked_out_distances_are_filled_in_and_no_others(study):
    model, test = study.model(RECIPES["points"], 1), study.rows("test").taken(np.arange(6))
    mean = study.rows("training").matrices.mean(axis=0)
    black = anomalies.blacked_out(test.matrices.shape, np.random.default_rng(1))
    made = places.filled(model, test.matrices, black, mean)
    assert np.array_equal(made[~black], test.matrices[~black])
    error, of_mean = (np.square(own - test.matrices)[black].mean() for own in (made, mean))
    assert error < of_mean / 2


def test_corrupted_configurations_have_four_points_moved(ordinary):
    moved = anomalies.corrupted(ordinary, np.random.default_rng(1)) - ordinary
    assert (np.count_nonzero(moved.any(axis=2), axis=1) == 4).all()
    assert 0.19 < np.abs(moved).max() <= 0.2


def test_contacts_that_are_never_seen_take_bits(ordinary):
    known = contacts.Contacts.fitted(drawn(300, seed=2))
    near, outside = ordinary.copy(), ordinary.copy()
    near[:, 1] = near[:, 0] + [0.8, 0.0]
    outside[:, 0, 1] = -0.1
    for strange in (near, outside):
        assert known.crowding(strange).min() > np.quantile(known.crowding(ordinary), 0.9)
        assert known.saved(strange, 0.2).min() > np.quantile(known.saved(ordinary, 0.2), 0.9)
    for surplus in (known.particles, known.walls):
        assert surplus[-10:].mean() == pytest.approx(0, abs=1.5)
    assert np.array_equal(known.of_particles(ordinary), known.of_particles(ordinary, ordinary))


def test_contacts_of_the_true_potential_are_its_energies():
    true = contacts.Contacts.of_potential()
    places = np.array([[[2.0, 2.0], [3.2025, 2.0], [9.0, 2.0]], [[-0.1, 5.0], [5.0, 5.0], [5.1, 5.0]]])
    energy = [lj.energies(np.array([[[0.0, 0.0], [r, 0.0]]]), 0.0)[0] for r in (1.2025, 1.5975)]
    expected = (energy[0] - energy[1]) / np.log(2)
    assert true.of_particles(places)[0] == pytest.approx([expected, expected, 0], rel=1e-6)
    assert true.of_particles(places)[1].tolist() == 3 * [contacts.ESCAPE]


def test_bits_of_a_particle_are_the_sum_over_its_contacts():
    known = contacts.Contacts(np.arange(320.0), np.zeros(400))
    places = np.array([[[5.0, 5.0], [5.5, 5.0], [5.0, 6.0], [8.0, 5.0]]])
    diagonal = int(np.hypot(0.5, 1) / contacts.STEP)
    assert known.of_particles(places)[0] == pytest.approx([300, 100 + diagonal, 200 + diagonal, 0])
    walls = contacts.Contacts(np.zeros(320), np.arange(400.0))
    corner = np.array([[[1.0, 9.5], [-0.4, 5.0]]])
    assert walls.of_particles(corner)[0] == pytest.approx([280 + 180, 0])


def test_bits_of_places_are_those_of_the_archive(study):
    codec = anomalies.place_codec(study, 1)
    columns = anomalies.columns_of(study.rows("test").coordinates)
    bits = contacts.bits_of(codec, columns)
    restored = anomalies.restored_places(codec, study.rows("test").coordinates)
    assert np.abs(restored - study.rows("test").coordinates).max() <= 0.01
    assert bits.shape == (40,)
    size = 8 * (len(codec.encode(columns)) - len(codec.encode({name: own[:20] for name, own in columns.items()})))
    assert bits[20:].sum() == pytest.approx(size, rel=0.05)


def test_a_list_of_cells_is_the_grid(ordinary):
    grids = lj.occupancy(ordinary).reshape(len(ordinary), -1).astype(np.float32)
    assert np.array_equal(occupancy.cells_at(occupancy.taken_cells(grids)), grids)
    assert occupancy.found_part(grids, grids) == 1
    with pytest.raises(ValueError, match="different numbers"):
        occupancy.taken_cells(np.float32([[1, 0], [1, 1]]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("spectra", 6), ("walks", 5), ("gamma", 7)],
)
def test_studies_run_and_write(study, monkeypatch, name, expected):
    function, keys, formats = script.STUDIES[name]
    found = function(study)
    assert len(found) == expected
    assert {*keys, *formats} <= set(found[0])
    assert json.loads((study.results / f"{name}.json").read_text()) == found
    assert (study.pictures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
