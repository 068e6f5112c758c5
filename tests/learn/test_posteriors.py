"""What is drawn has the noise that it should have."""

import math

import numpy as np
import pytest
import torch

from baler_vae.learn.networks.dense import DenseArchitecture
from baler_vae.learn.networks.posterior import (
    NORMAL,
    POINT,
    JointLatents,
    JointPosterior,
    NoisyLatents,
    NoisyPosterior,
    NormalPosterior,
    gumbel_softmax,
)

CPU = torch.device("cpu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("snr", [0.5, 15.0, 400.0])
def test_noise_has_the_ratio_that_is_asked_for(snr):
    """Its variance is that of the latents in the mean: weaker latents have a smaller ratio than stronger ones."""
    mean = torch.randn(40_000, 3, generator=generator()) * torch.tensor([0.5, 1.0, 2.0]) + 4
    posterior = NoisyPosterior(mean, snr)
    noise = posterior.sample(generator(1)) - mean
    signal = mean.var(dim=0)
    torch.testing.assert_close(noise.var(dim=0), (signal.mean() / snr).expand(3), rtol=0.03, atol=0)
    torch.testing.assert_close(noise.mean(dim=0), torch.zeros(3), rtol=0, atol=4 * float(noise.std()) / 200)
    torch.testing.assert_close((signal.mean() / noise.var(dim=0).mean()), torch.tensor(snr), rtol=0.02, atol=0)
    assert torch.equal(posterior.aggregate(posterior.sample(generator())), mean)


def test_gradients_flow_through_the_scale_of_the_noise():
    mean = torch.randn(6, 2, generator=generator(), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: NoisyPosterior(x, 3.0).sample(generator(5)), (mean,))
    scaled = NoisyPosterior(10 * mean, 3.0).sample(generator(5))
    torch.testing.assert_close(scaled, 10 * NoisyPosterior(mean, 3.0).sample(generator(5)))


@pytest.mark.parametrize("n_rows", [1, 5])
def test_latents_that_do_not_vary_have_finite_gradients(n_rows):
    mean = torch.zeros(n_rows, 2, requires_grad=True)
    NoisyPosterior(mean, 10.0).sample(generator()).square().sum().backward()
    assert mean.grad.isfinite().all()


def test_the_largest_of_gumbel_softmax_draws_has_the_probability_of_its_category():
    logits = torch.tensor([0.5, -1.0, 2.0, 0.0])
    drawn = gumbel_softmax(logits.expand(50_000, 4), 0.7, generator())
    assert drawn.min() >= 0
    torch.testing.assert_close(drawn.sum(dim=1), torch.ones(50_000))
    frequencies = torch.bincount(drawn.argmax(dim=1), minlength=4) / 50_000
    errors = 4 * torch.sqrt(frequencies * (1 - frequencies) / 50_000)
    assert ((frequencies - logits.softmax(dim=0)).abs() < errors).all()


def test_draws_become_one_hot_as_the_temperature_falls():
    logits = torch.randn(200, 3, generator=generator())
    assert gumbel_softmax(logits, 0.01, generator()).amax(dim=1).median() > 0.999
    warm = gumbel_softmax(logits, 100.0, generator())
    torch.testing.assert_close(warm, torch.full((200, 3), 1 / 3), atol=0.1, rtol=0)
    extreme = gumbel_softmax(torch.tensor([[1e30, -1e30]]), 0.1, generator())
    assert torch.equal(extreme, torch.tensor([[1.0, 0.0]]))


def test_joint_latents_are_continuous_ones_and_then_categories():
    logits = torch.tensor([[3.0, 0.0, -1.0], [0.0, 5.0, 1.0]]), torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    continuous = NormalPosterior(torch.tensor([[0.5], [-0.5]]), torch.full((2, 1), -80.0))
    posterior = JointPosterior(continuous, logits, 0.1)
    expected = torch.tensor([[0.5, 1, 0, 0, 0, 1], [-0.5, 0, 1, 0, 1, 0]])
    assert torch.equal(posterior.mean, expected)
    drawn = posterior.sample(generator())
    assert drawn.shape == (2, 6)
    torch.testing.assert_close(drawn[:, :1], continuous.mean)
    torch.testing.assert_close(drawn[:, 1:4].sum(dim=1), torch.ones(2))
    assert torch.equal(posterior.aggregate(drawn), drawn[:, :1])


@pytest.mark.parametrize(
    ("latents", "k", "n_outputs"),
    [(POINT, 4, 4), (NORMAL, 4, 8), (NoisyLatents(9.0), 4, 4), (JointLatents((3, 2), 0.5), 7, 9)],
)
def test_an_encoder_has_the_outputs_that_its_posterior_needs(latents, k, n_outputs):
    network = DenseArchitecture(5, k, (6,), latents, draws_priors=True).build(seed=0, device=CPU)
    batch = torch.randn(10, 5, generator=generator())
    assert network.encoder(batch).shape == (10, n_outputs)
    outputs = network.outputs(batch, generator())
    assert outputs.latents.shape == outputs.posterior.mean.shape == (10, k)
    assert outputs.reconstruction.shape == (10, 5)
    assert outputs.prior.shape == (10, k - sum(latents.categories))
    again = network.outputs(batch, generator())
    assert torch.equal(outputs.latents, again.latents)
    outputs.reconstruction.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_a_network_learns_variances_and_draws_priors_only_where_it_is_told_to():
    plain = DenseArchitecture(5, 2, (6,)).build(seed=0, device=CPU)
    learning = DenseArchitecture(5, 2, (6,), learns_variances=True).build(seed=0, device=CPU)
    batch = torch.randn(4, 5, generator=generator())
    assert (plain.outputs(batch, generator()).prior, plain.log_variances) == (None, None)
    assert learning.outputs(batch, generator()).log_variances.tolist() == [0.0] * 5
    assert [p.shape for p in learning.encoder.parameters()] == [p.shape for p in plain.encoder.parameters()]
    assert math.isclose(float(np.exp(learning.log_variances.detach().numpy()).mean()), 1.0)
