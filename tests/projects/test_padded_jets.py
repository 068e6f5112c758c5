"""The project of padded jets: what its generator makes."""

import numpy as np
import pytest

from tests.generators import generated, loaded, need_pythia


@pytest.fixture(scope="module")
def generator():
    need_pythia()
    return loaded("padded_jets")


def test_zeros_stand_behind_the_last(generator):
    columns = [np.arange(1.0, 7), np.arange(11.0, 17)]
    array = generator.padded(columns, np.array([2, 0, 4]), n_places=3)
    assert array.dtype == np.float32
    assert array.tolist() == [
        [[1, 11], [2, 12], [0, 0]],
        [[0, 0], [0, 0], [0, 0]],
        [[3, 13], [4, 14], [5, 15]],
    ]


def test_masses_are_those_of_the_kinds(generator):
    found = generator.masses(np.array([211, 22, -211, 13, 2212]))
    assert found == pytest.approx([0.13957, 0, 0.13957, 0.10566, 0.93827])


def test_the_jets_are_padded_and_the_same_each_time(generator, tmp_path):
    path = generated("padded_jets", tmp_path / "a.npz", jets=60, seed=3)
    other = generated("padded_jets", tmp_path / "b.npz", jets=30, seed=3)
    with np.load(path) as stored, np.load(other) as fewer:
        jets = stored["jets"]
        assert np.array_equal(jets[:30], fewer["jets"])
    assert jets.shape == (60, 30, 4)
    there = jets[..., 0] > 0
    assert np.array_equal(there, np.arange(30) < there.sum(axis=1)[:, None])
    assert not jets[~there].any()
    assert 0 < there.mean() < 1
    assert (np.diff(jets[..., 0], axis=1) <= 0).all()
    assert np.abs(jets[..., 2]).max() <= np.float32(np.pi)
