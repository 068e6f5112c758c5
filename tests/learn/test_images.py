"""The weight of the KL divergence of arrays, and the scores that their networks see."""

import numpy as np
import pytest
import torch

from baler_vae.learn.architectures import architecture_of, n_latents_of
from baler_vae.learn.autoencoder import squared_error_objective
from baler_vae.learn.objectives import objective_of
from baler_vae.learn.schedules import Moment
from baler_vae.learn.scores import column_weights
from baler_vae.settings.model import ModelSettings
from baler_vae.settings.objective import KlSettings, ObjectiveSettings

LATE = Moment(steps=900, epochs=9, past=0.9, whole=1.0)


def weights_of(objective):
    return {term.name: term.weight(LATE) for term in objective.terms}


def test_the_kl_divergence_counts_beside_the_cells_of_a_column():
    settings = ModelSettings(kind="vae", beta=0.3)
    objective = squared_error_objective(torch.ones(60), settings, is_variational=True, n_cells=30)
    assert weights_of(objective)["KL divergence"] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("objective", "weight"),
    [
        (ObjectiveSettings(kl=KlSettings()), 1e-3 / 30),
        (ObjectiveSettings(kl=KlSettings(beta=0.3)), 0.3),
        (ObjectiveSettings(kl=KlSettings(), reconstruction="gaussian"), 1.0),
        (ObjectiveSettings(kl=KlSettings(capacity=2.0)), 1e-3 / 30),
    ],
)
def test_a_weight_that_is_given_is_taken_as_it_is(objective, weight):
    found = objective_of(objective, torch.ones(60), n_epochs=10, n_cells=30)
    assert weights_of(found)["KL divergence"] == pytest.approx(weight)


def test_weights_of_columns_are_those_of_their_cells():
    settings = ModelSettings(weights={"m": 3.0})
    shapes = ((), (2, 2))
    np.testing.assert_allclose(column_weights(("x", "m"), settings, shapes), np.array([1, 3, 3, 3, 3]) / 2.6)
    both = column_weights(("m", "k"), settings, ((2,), (2,)), interleaved=True)
    np.testing.assert_allclose(both, [1.5, 0.5, 1.5, 0.5])


@pytest.mark.parametrize("convolutional", [False, True])
def test_an_array_learns_one_variance(convolutional):
    objective = {"reconstruction": "gaussian", "kl": {}}
    kind = "conv-vae" if convolutional else "vae"
    settings = ModelSettings(kind=kind, objective=objective, latent=2)
    architecture = architecture_of(
        ("a", "b"), ((4, 8), (4, 8)), settings, is_variational=True, is_convolutional=convolutional
    )
    network = architecture.build(seed=0, device=torch.device("cpu"))
    with torch.no_grad():
        network._variances.copy_(torch.tensor([0.1, 0.2]))
    found = network.log_variances.detach()
    assert found.shape == (64,)
    expected = [1.0, 2.0] * 32 if convolutional else [1.0] * 32 + [2.0] * 32
    torch.testing.assert_close(found, torch.tensor(expected))


def test_latents_by_default():
    settings = ModelSettings()
    assert n_latents_of(("a", "b", "c"), (), settings) == 2
    assert n_latents_of(("m",), ((30, 30),), settings) == 30
    assert n_latents_of(("m", "x", "y"), ((10, 10), (), ()), settings) == 11
