"""Clusters of points whose number is known."""

import numpy as np
import pytest

from baler_vae.errors import UsageError
from baler_vae.measures.clusters import elbow_of, find_clusters, nearest_centre


def blobs(n_each=80, centres=((0, 0), (10, 0), (0, 10))):
    generator = np.random.default_rng(4)
    return np.concatenate([generator.normal(centre, 0.5, (n_each + 10 * i, 2)) for i, centre in enumerate(centres)])


def test_separated_blobs_are_counted_by_all_three():
    found = find_clusters(blobs(), 5, seed=0)
    assert (found.elbow, found.by_silhouette, found.by_bic) == (3, 3, 3)
    silhouettes = [count.silhouette for count in found.counts]
    assert silhouettes[0] is None
    assert silhouettes[2] > 0.85
    assert found.counts[2].inertia == pytest.approx(2 * 0.25, rel=0.15)  # two coordinates of variance 0.25
    # The largest first, which is the last of the blobs.
    np.testing.assert_allclose(found.centres, [[0, 10], [10, 0], [0, 0]], atol=0.2)
    assert nearest_centre(np.array([[1.0, 9.0], [9.0, 1.0], [0.0, -5.0]]), found.centres).tolist() == [0, 1, 2]


def test_the_same_seed_finds_the_same():
    first, second = (find_clusters(blobs(), 3, seed=7, most_rows=100) for _ in range(2))
    assert first.counts == second.counts
    assert first.n_rows == 100
    assert find_clusters(blobs(), 3, seed=8, most_rows=100).counts != first.counts


def test_one_cluster_has_no_silhouette():
    found = find_clusters(blobs(), 1, seed=0)
    assert (found.elbow, found.by_silhouette, found.by_bic) == (1, 1, 1)
    assert found.to_dict()["counts"][0]["silhouette"] is None


def test_the_elbow_is_where_the_fall_ends():
    assert elbow_of([100, 50, 10, 9, 8]) == 3
    assert elbow_of([5, 5, 5]) == 1
    assert elbow_of([5, 1]) == 1


@pytest.mark.parametrize(
    ("points", "most", "said"),
    [
        (np.arange(4.0)[:, None], 4, "too few for 4 clusters"),
        (np.zeros((50, 2)), 2, "1 different rows"),
        (blobs(), 0, "at least 1"),
    ],
)
def test_too_few_rows_are_refused(points, most, said):
    with pytest.raises(UsageError, match=said):
        find_clusters(points, most, seed=0)
