"""Each term of an objective against a closed form, a direct sum, or another library; gradients against differences."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from sklearn.metrics import log_loss
from torch import nn

from baler_vae.learn.discrepancy import fitted_normal, mmd, mmd_term
from baler_vae.learn.divergences import categorical_kl, categorical_kl_term, free_bits_terms, kl_of_latents, kl_term
from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.networks.posterior import JointPosterior, NormalPosterior, PointPosterior
from baler_vae.learn.objective import Objective, Term
from baler_vae.learn.penalties import absolute_latents, absolute_weights, moments, moments_term, squared_weights
from baler_vae.learn.reconstruction import (
    LEAST_LOG_VARIANCE,
    absolute_error,
    cross_entropy,
    gaussian_likelihood,
    normal_nats,
    squared_error,
)
from baler_vae.learn.schedules import Constant, LinearRise, Moment, Span

ONE = Constant(1.0)
START = Moment(steps=0, epochs=0, past=0.0, whole=1.0)


def draws(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def outputs(reconstruction=None, posterior=None, latents=None, network=None, **others):
    posterior = PointPosterior(draws(6, 2)) if posterior is None else posterior
    latents = posterior.mean if latents is None else latents
    return Outputs(reconstruction, posterior, latents, network or nn.Identity(), **others)


def value(term, batch=None, **made):
    return term.function(batch, outputs(**made))


def test_squared_and_absolute_errors_are_weighted_means():
    batch, restored, weights = draws(20, 3), draws(20, 3, seed=1), torch.tensor([0.5, 1.0, 1.5])
    difference = (restored - batch).numpy()
    expected = np.mean(difference**2 * weights.numpy())
    assert value(squared_error(weights), batch, reconstruction=restored).item() == pytest.approx(expected)
    expected = np.mean(np.abs(difference) * weights.numpy())
    assert value(absolute_error(weights), batch, reconstruction=restored).item() == pytest.approx(expected)


def test_cross_entropy_is_that_of_scikit_learn():
    rng = np.random.default_rng(2)
    truth, logits = rng.integers(0, 2, (50, 3)), rng.normal(size=(50, 3))
    found = value(
        cross_entropy(torch.ones(3)), torch.from_numpy(truth).double(), reconstruction=torch.from_numpy(logits)
    )
    expected = sum(log_loss(truth[:, j], 1 / (1 + np.exp(-logits[:, j]))) for j in range(3))
    assert found.item() == pytest.approx(expected)


def test_cross_entropy_takes_scores_beyond_its_ends_as_the_ends():
    logits = draws(5, 2)
    inside, outside = torch.tensor([[0.0, 1.0]]).expand(5, 2), torch.tensor([[-0.2, 1.7]]).expand(5, 2)
    term = cross_entropy(torch.ones(2))
    assert value(term, outside, reconstruction=logits) == value(term, inside, reconstruction=logits)


def test_the_gaussian_likelihood_is_that_of_scipy():
    batch, restored, log_variances = draws(30, 2), draws(30, 2, seed=1), torch.tensor([-1.0, 0.7], dtype=torch.float64)
    found = value(
        gaussian_likelihood(torch.ones(2)), batch, reconstruction=restored, log_variances=log_variances
    ).item()
    density = stats.norm.logpdf(batch.numpy(), restored.numpy(), np.exp(0.5 * log_variances.numpy()))
    assert found == pytest.approx(-density.sum(axis=1).mean())
    with pytest.raises(TypeError, match="learns no variances"):
        value(gaussian_likelihood(torch.ones(2)), batch, reconstruction=restored)


def test_the_best_variance_is_the_mean_squared_residual_and_is_bounded():
    residuals = 0.3 * draws(400, 1)
    best = residuals.square().mean().log()
    nats, slopes = [], []
    for distance in (-0.1, 0.0, 0.1):
        log_variance = (best + distance).reshape(1).requires_grad_()
        loss = normal_nats(residuals, torch.zeros_like(residuals), log_variance).mean()
        nats.append(loss.item())
        slopes.append(torch.autograd.grad(loss, log_variance)[0].item())
    assert nats[1] < min(nats[0], nats[2])
    assert slopes[1] == pytest.approx(0, abs=1e-12)
    assert slopes[0] < 0 < slopes[2]
    exact = normal_nats(torch.zeros(2, 1), torch.zeros(2, 1), torch.tensor([-90.0]))
    assert exact.mean().item() == pytest.approx(0.5 * (math.log(2 * math.pi) + LEAST_LOG_VARIANCE))


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (1.3, 0.2), (-0.4, 3.0)])
def test_kl_divergences_are_what_integration_gives(mean, variance):
    middle, log_variance = torch.tensor([[[mean]], [[math.log(variance)]]], dtype=torch.float64)
    found = kl_of_latents(middle, log_variance).item()
    q, p = stats.norm(mean, math.sqrt(variance)), stats.norm()
    expected, _ = integrate.quad(lambda x: q.pdf(x) * (q.logpdf(x) - p.logpdf(x)), -20, 20)
    assert found == pytest.approx(expected, abs=1e-8)


def test_categorical_kl_divergences_are_relative_entropies():
    logits = draws(7, 5)
    probabilities = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    expected = stats.entropy(probabilities, np.full((7, 5), 0.2), axis=1)
    np.testing.assert_allclose(categorical_kl(logits), expected)
    certain = torch.tensor([[900.0, 0.0, 0.0]])
    assert categorical_kl(certain).item() == pytest.approx(math.log(3))
    joint = JointPosterior(NormalPosterior(draws(7, 1), draws(7, 1)), (logits, certain.expand(7, 3)), 0.5)
    found = value(categorical_kl_term(ONE), posterior=joint).item()
    assert found == pytest.approx(expected.mean() + math.log(3))
    with pytest.raises(TypeError, match="no categorical latents"):
        value(categorical_kl_term(ONE))


def test_free_bits_cost_nothing_below_and_everything_above():
    """One latent tells 0.5 mean^2 = 0.02 nats in the mean, another 2 nats; 0.1 nats of each are free."""
    posterior = NormalPosterior(torch.tensor([[0.2, 2.0]]).repeat(4, 1).requires_grad_(), torch.zeros(4, 2))
    itself, term = free_bits_terms(ONE, 0.1)
    assert value(itself, posterior=posterior).item() == pytest.approx(2.02)
    loss = value(term, posterior=posterior)
    assert loss.item() == pytest.approx(0.1 + 2.0)
    (gradient,) = torch.autograd.grad(loss, posterior.mean)
    assert gradient[:, 0].abs().max() == 0
    torch.testing.assert_close(gradient[:, 1], torch.full((4,), 2.0 / 4))
    assert itself.weight(START) == 0


def test_a_capacity_is_aimed_at_and_told_apart_from_what_is_told():
    posterior = NormalPosterior(torch.full((3, 1), 2.0), torch.zeros(3, 1))  # 2 nats
    objective = Objective((kl_term(Constant(10.0), LinearRise(5.0, Span(5))),))
    for epoch, distance in enumerate([1.0, 0.0, 1.0, 2.0, 3.0, 3.0]):
        loss = objective.loss(None, outputs(posterior=posterior), Moment(steps=0, epochs=epoch, past=0.0, whole=1.0))
        assert loss.total.item() == pytest.approx(10 * distance)
        assert loss.terms["KL divergence"].item() == pytest.approx(2.0)


def test_only_normal_posteriors_have_a_kl_divergence():
    with pytest.raises(TypeError, match="PointPosterior has no KL divergence"):
        value(kl_term(ONE))
    joint = JointPosterior(NormalPosterior(torch.full((3, 1), 2.0), torch.zeros(3, 1)), (draws(3, 4),), 0.5)
    assert value(kl_term(ONE), posterior=joint).item() == pytest.approx(2.0)


def direct_mmd(x, y, kernel):
    """The unbiased estimate by double sums, kernel by kernel of two points."""
    n, m = len(x), len(y)
    of_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    of_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return of_x + of_y - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


@pytest.mark.parametrize("width", ["median", [0.7], [0.5, 1.0, 2.0]])
@pytest.mark.parametrize("kernel", ["rbf", "imq"])
def test_mmd_is_the_double_sum(kernel, width):
    x, y = draws(9, 2), 1.5 * draws(8, 2, seed=1) + 0.5
    points = np.concatenate([x, y])
    distances = [np.linalg.norm(points[i] - points[j]) for i in range(17) for j in range(i)]
    widths = [np.sort(distances)[(len(distances) - 1) // 2]] if width == "median" else width

    def of_points(a, b):
        squared = float(np.sum((np.asarray(a) - np.asarray(b)) ** 2))
        return sum(math.exp(-squared / (2 * w * w)) if kernel == "rbf" else w * w / (w * w + squared) for w in widths)

    expected = direct_mmd(x.numpy(), y.numpy(), of_points)
    assert mmd(x, y, kernel=kernel, width=width).item() == pytest.approx(expected, rel=1e-9)


def test_mmd_tells_distributions_apart_and_not_samples_of_one():
    x, same, other = draws(500, 3), draws(500, 3, seed=1), draws(500, 3, seed=2) + 1
    assert abs(mmd(x, same).item()) < 0.01
    assert mmd(x, other).item() > 0.1
    assert mmd(x[:1], same).item() == 0
    assert math.isfinite(mmd(torch.zeros(4, 2), torch.zeros(4, 2)).item())


def test_a_fitted_prior_has_the_moments_of_the_latents():
    latents = draws(5_000, 2) @ torch.tensor([[1.0, 0.8], [0.0, 0.3]]).double() + torch.tensor([3.0, -1.0])
    drawn = fitted_normal(latents, draws(5_000, 2, seed=1))
    torch.testing.assert_close(drawn.mean(dim=0), latents.mean(dim=0), atol=0.05, rtol=0)
    torch.testing.assert_close(torch.cov(drawn.T), torch.cov(latents.T), atol=0.05, rtol=0)
    found = value(mmd_term(ONE, is_fitted=True), posterior=PointPosterior(latents), prior=draws(5_000, 2, seed=2))
    assert abs(found.item()) < 0.01
    assert fitted_normal(draws(2, 5), draws(2, 5)).isfinite().all()
    assert fitted_normal(torch.full((3, 2), math.nan), draws(3, 2).float()).isnan().any()
    with pytest.raises(TypeError, match="draws no prior"):
        value(mmd_term(ONE))


def test_moments_of_a_batch_are_compared_with_0_and_1():
    latents = torch.tensor([[1.0, 2.0], [3.0, 2.0]])  # means 2 and 2, variances 1 and 0
    assert moments(latents).item() == pytest.approx(((4 + 0) + (4 + 1)) / 2)
    assert value(moments_term(ONE), posterior=PointPosterior(latents)) == moments(latents)
    whitened = torch.tensor([[-1.0], [1.0]])
    assert moments(whitened).item() == 0


def test_priors_are_compared_with_what_is_drawn_and_noise_of_a_channel_apart():
    """A normal posterior is judged by its draws, categories are left out."""
    normal = NormalPosterior(torch.zeros(4, 1), torch.zeros(4, 1))
    drawn = draws(4, 1)
    assert value(moments_term(ONE), posterior=normal, latents=drawn) == moments(drawn)
    joint = JointPosterior(normal, (draws(4, 3),), 0.5)
    both = torch.cat([drawn, draws(4, 3)], dim=1)
    assert value(moments_term(ONE), posterior=joint, latents=both) == moments(drawn)


def test_absolute_latents_are_those_without_noise_and_without_categories():
    normal = NormalPosterior(torch.tensor([[1.0, -3.0]]), torch.zeros(1, 2))
    assert value(absolute_latents(ONE), posterior=normal, latents=draws(1, 2)).item() == 2.0
    joint = JointPosterior(normal, (draws(1, 8),), 0.5)
    assert value(absolute_latents(0.3), posterior=joint, latents=draws(1, 10)).item() == 2.0
    assert absolute_latents(0.3).weight(START) == 0.3


def test_weights_are_summed_without_biases():
    network = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 2))
    with torch.no_grad():
        network[0].weight[:] = torch.tensor([[1.0, -2.0]])
        network[1].weight[:] = torch.tensor([[3.0], [0.5]])
    assert value(absolute_weights(ONE), network=network).item() == pytest.approx(6.5)
    assert value(squared_weights(ONE), network=network).item() == pytest.approx(14.25)


def _posterior_terms(mean, log_variance):
    return outputs(posterior=NormalPosterior(mean, log_variance))


GRADIENTS = {
    "squared error": lambda x, y: squared_error(torch.tensor([0.5, 1.5])).function(y, outputs(x)),
    "absolute error": lambda x, y: absolute_error(torch.tensor([0.5, 1.5])).function(y, outputs(x)),
    "cross entropy": lambda x, y: cross_entropy(torch.ones(2)).function(torch.sigmoid(y), outputs(x)),
    "likelihood": lambda x, y: normal_nats(x, torch.zeros_like(x), y[0]).sum(),
    "KL divergence": lambda x, y: kl_term(ONE).function(None, _posterior_terms(x, y)),
    "free bits": lambda x, y: free_bits_terms(ONE, 0.2)[1].function(None, _posterior_terms(x, y)),
    "categorical KL": lambda x, _: categorical_kl(x).sum(),
    "MMD": lambda x, y: mmd(x, y, width=[0.7, 1.3]),
    "MMD, inverse multiquadric": lambda x, y: mmd(x, y, kernel="imq", width=[0.7]),
    "moments": lambda x, _: moments(x),
}


@pytest.mark.parametrize("function", GRADIENTS.values(), ids=GRADIENTS)
def test_gradients_are_those_of_finite_differences(function):
    x, y = draws(5, 2).requires_grad_(), (0.3 * draws(5, 2, seed=3)).requires_grad_()
    assert torch.autograd.gradcheck(function, (x, y))


def test_a_term_without_weight_is_told_where_all_are_and_moves_nothing():
    weight = torch.tensor(2.0, requires_grad=True)
    kept = Term("kept", lambda _batch, outputs: outputs.square())
    told = Term("told", lambda _batch, outputs: 7 * outputs, Constant(0.0))
    loss = Objective((kept, told), tells_all=True).loss(None, weight, START)
    assert {name: term.item() for name, term in loss.terms.items()} == {"kept": 4.0, "told": 14.0}
    loss.total.backward()
    assert weight.grad.item() == 4.0
    assert set(Objective((kept, told)).loss(None, weight, START).terms) == {"kept"}
