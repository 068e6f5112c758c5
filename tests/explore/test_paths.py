"""Walks through a latent space: what is decoded, how it is judged, and what is refused."""

import awkward as ak
import numpy as np
import pandas as pd
import pytest
import uproot

from baler_vae.codec.codec import Codec
from baler_vae.codec.groups import latents_of
from baler_vae.codec.lengths import LATENTS, code_lengths
from baler_vae.errors import OutputError, UsageError
from baler_vae.explore import interpolate, traverse
from baler_vae.explore.encoding import decoded
from baler_vae.explore.opening import all_rows, opened_rows
from tests.explore.spaces import N_EVENTS, make_spaces

N_JETS = 2 * N_EVENTS
FLOATS = ("Jet_x", "Jet_y", "Jet_z")


@pytest.fixture(scope="module")
def spaces(shared):
    return shared("latent spaces", make_spaces)


@pytest.fixture(scope="module")
def jets(spaces):
    """Columns of the jets by name, and the run of each jet's event."""
    with uproot.open({spaces / "in.root": "Events"}) as tree:
        found = {name: ak.to_numpy(ak.flatten(tree[name].array())) for name in (*FLOATS, "Jet_side")}
        return found | {"run": np.repeat(ak.to_numpy(tree["run"].array()), 2)}


def means_of(spaces, jets, name="vae"):
    return latents_of(jets, Codec.load(spaces / f"{name}.bvmodel").models["Jet"])[0].astype(np.float64)


def walk(spaces, name="vae", source="in.root", **options):
    return interpolate(spaces / f"{name}.bvmodel", spaces / source, **({"pairs": 0} | options))


def test_a_walk_goes_from_one_row_to_the_other(spaces, jets, tmp_path):
    found = walk(spaces, rows=(3, 8), steps=5, output=tmp_path / "way.csv")
    means, codec = means_of(spaces, jets), Codec.load(spaces / "vae.bvmodel")
    straight, spherical = found.paths
    for path in found.paths:
        np.testing.assert_allclose(path.latents[[0, -1]], means[[3, 8]], atol=1e-12)
        expected = decoded(codec, "Jet", path.latents)
        assert all(np.array_equal(path.values[name], expected[name]) for name in FLOATS)
        points = np.stack([path.values[name] / found.widths[name] for name in FLOATS], axis=1) / np.sqrt(3)
        rows = np.stack([jets[name] / found.widths[name] for name in FLOATS], axis=1) / np.sqrt(3)
        nearest = np.linalg.norm(points[:, None] - rows[None], axis=2).min(axis=1)
        np.testing.assert_allclose(path.distances, nearest, rtol=1e-5)
        assert path.length == pytest.approx(np.linalg.norm(np.diff(points, axis=0), axis=1).sum(), rel=1e-5)
    np.testing.assert_allclose(straight.latents[2], means[[3, 8]].mean(axis=0))
    lengths = np.linalg.norm(spherical.latents, axis=1)  # around the prior's mean, 0
    np.testing.assert_allclose(np.diff(lengths, 2), 0, atol=1e-9)
    written = pd.read_csv(tmp_path / "way.csv")
    assert list(written) == ["path", "step", "position", "distance", "latent_0", "latent_1", *FLOATS]
    np.testing.assert_allclose(written["Jet_x"][:5], straight.values["Jet_x"], rtol=1e-6)
    assert found.to_pandas()["path"].tolist() == ["straight"] * 5 + ["spherical"] * 5
    with pytest.raises(OutputError, match="exists already"):
        walk(spaces, rows=(3, 8), output=tmp_path / "way.csv")


def test_means_are_those_of_the_rows_that_pass(spaces, jets):
    found = walk(spaces, means=("Jet_side == 1", "run > 1"))
    means = means_of(spaces, jets)
    np.testing.assert_allclose(found.paths[0].latents[0], means[jets["Jet_side"]].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.paths[0].latents[-1], means[jets["run"] > 1].mean(axis=0), rtol=1e-6)
    assert found.ends == ("Jet_side == 1", "run > 1")


def test_without_a_prior_arcs_turn_around_the_mean(spaces, jets):
    found = walk(spaces, "ae", rows=(3, 8))
    away = found.paths[1].latents - means_of(spaces, jets, "ae").mean(axis=0)
    np.testing.assert_allclose(np.diff(np.linalg.norm(away, axis=1), 2), 0, atol=1e-9)


def test_between_two_groups_of_rows_there_is_nothing(spaces):
    found = walk(spaces, rows=(0, 1), pairs=40)
    straight, spherical = found.pairs
    assert (straight.name, spherical.name, straight.n_pairs) == ("straight", "spherical", 40)
    # Half of the pairs lead from one side to the other, through where no rows are.
    assert straight.far > 0.2
    assert straight.relative_distance == pytest.approx(straight.distance / found.real.decoded_distance)
    assert straight.relative_length >= 1
    assert walk(spaces, rows=(0, 1), pairs=40).to_dict() == found.to_dict()
    assert walk(spaces, rows=(0, 1), pairs=40, seed=1).pairs != found.pairs


def test_a_judge_tells_the_bits_of_what_is_decoded(spaces):
    found = walk(spaces, rows=(0, 1), pairs=20, judge=spaces / "judge.bvmodel")
    judge = Codec.load(spaces / "judge.bvmodel")
    with opened_rows(spaces / "in.root") as source:
        lengths = code_lengths(judge, all_rows(source, source.schema.only(FLOATS)))["Jet"]
    assert LATENTS not in lengths
    assert found.real.bits == pytest.approx(np.median(np.sum(list(lengths.values()), axis=0)))
    assert found.paths[0].bits.shape == (11,)
    assert found.pairs[0].bits > 0
    assert found.real.decoded_bits > 0


def test_a_traversal_moves_one_latent_at_a_time(spaces, jets):
    means = means_of(spaces, jets)
    found = traverse(spaces / "vae.bvmodel", spaces / "in.root", row=5, steps=7)
    assert [path.name for path in found.paths] == ["latent 0", "latent 1"]
    for j, path in enumerate(found.paths):
        np.testing.assert_allclose(path.positions, [-3, -2, -1, 0, 1, 2, 3])
        np.testing.assert_allclose(path.latents[:, j], means[:, j].mean() + path.positions * means[:, j].std())
        np.testing.assert_allclose(path.latents[:, 1 - j], means[5, 1 - j])
    middle = traverse(spaces / "vae.bvmodel", spaces / "in.root", steps=7).paths[0].latents[3]
    np.testing.assert_allclose(middle, means.mean(axis=0))


def test_the_prior_of_an_archive_is_enough_for_a_traversal(spaces):
    found = traverse(spaces / "vae.bvae", steps=3)
    np.testing.assert_array_equal(found.paths[1].latents, [[0, -3], [0, 0], [0, 3]])
    assert found.real is None
    assert found.paths[0].distances is None
    assert traverse(spaces / "vae.bvmodel", steps=3).to_dict() == {**found.to_dict(), "codec": "vae.bvmodel"}


def test_categories_are_tried_one_after_the_other(spaces):
    for data in (None, spaces / "in.root"):
        found = traverse(spaces / "joint.bvmodel", data, steps=3)
        *continuous, categories = found.paths
        assert categories.name == "categories 0"
        np.testing.assert_array_equal(categories.latents[:, -2:], np.eye(2))
        assert all(path.latents[:, -2:].tolist() == [path.latents[0, -2:].tolist()] * 3 for path in continuous)
        assert sorted(continuous[0].latents[0, -2:]) == [0, 1]
        assert len(found.table()["path"]) == 3 * len(continuous) + 2


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("vae", {}, "Give either --rows or --means"),
        ("vae", {"rows": (0, 1), "means": ("run > 1", "run < 1")}, "Give either"),
        ("vae", {"rows": (0, N_JETS)}, "there is no row 300.*0 to 299"),
        ("vae", {"rows": (-1, 0)}, "there is no row -1"),
        ("vae", {"rows": (0, 1.5)}, "there is no row 1.5"),
        ("vae", {"rows": (0,)}, r"two rows or two means \(found \(0,\), expected two"),
        ("vae", {"means": "run > 1"}, "two rows or two means.*found 'run > 1'"),
        ("vae", {"rows": (0, 1), "seed": -1}, "invalid seed -1"),
        ("vae", {"rows": (0, 1), "steps": 2}, "at least 3"),
        ("vae", {"rows": (0, 1), "pairs": -1}, "0 or more"),
        ("vae", {"rows": (0, 4), "source": "holed.root"}, "row 4: has a value that is not finite"),
        ("vae", {"means": ("run > 9", "run < 1")}, "no row of Jet passes 'run > 9'"),
        ("vae", {"means": ("run", "run < 1")}, "'run' is not a cut"),
        ("vae", {"means": ("Muon_pt > 0", "run < 1")}, "other rows than those of Jet"),
        ("vae", {"rows": (0, 1), "judge": "vae.bvmodel"}, "no code for each row of Jet_x, Jet_y, Jet_z"),
        ("vae", {"rows": (0, 1), "judge": "other.bvmodel"}, "columns that are not decoded: Jet_side"),
        ("judge", {"rows": (0, 1)}, "has no latents"),
        ("both", {"rows": (0, 1)}, "several groups have latents: events, Jet"),
    ],
)
def test_what_makes_no_sense_is_refused(spaces, name, options, said):
    options = dict(options)
    if "judge" in options:
        options["judge"] = spaces / options["judge"]
    with pytest.raises(UsageError, match=said):
        walk(spaces, name, options.pop("source", "in.root"), **options)


def test_a_traversal_needs_spreads_and_rows(spaces):
    with pytest.raises(UsageError, match="have no prior"):
        traverse(spaces / "ae.bvmodel")
    with pytest.raises(UsageError, match="no file to take row 2 from"):
        traverse(spaces / "vae.bvmodel", row=2)
    with pytest.raises(UsageError, match="at least 3"):
        traverse(spaces / "vae.bvmodel", steps=1)
    with pytest.raises(UsageError, match=r"invalid seed 1\.5"):
        traverse(spaces / "vae.bvmodel", seed=1.5)
