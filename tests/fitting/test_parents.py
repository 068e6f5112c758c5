"""The order in which columns tell of each other."""

import numpy as np

from baler_vae.fitting.parents import ContextColumn, most_informative_first, view_of


def shown(*columns):
    codes = [np.rint(100 * column).astype(np.int64) for column in columns]
    return {number: ContextColumn(own, view_of(own)) for number, own in enumerate(codes)}


def test_the_column_that_tells_most_comes_first_and_noise_last():
    rng = np.random.default_rng(0)
    x = rng.normal(size=3_000)
    columns = rng.normal(size=3_000), x + rng.normal(0, 0.5, 3_000), x, x + rng.normal(0, 0.1, 3_000)
    assert most_informative_first(shown(*columns), [0, 1, 2, 3], 0) == (2, 3, 1, 0)


def test_one_column_or_none():
    assert most_informative_first({}, [], 0) == ()
    assert most_informative_first(shown(np.zeros(3)), [0], 0) == (0,)
