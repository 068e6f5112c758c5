"""A term of objectives: the maximum mean discrepancy between latents and draws of a prior."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.objective import Term
from baler_vae.learn.schedules import Schedule

Kernel = Literal["rbf", "imq"]
Width = Literal["median"] | Sequence[float]

MMD_ROWS = 2_048
"""The most rows of a batch that are compared, the first ones: time and memory grow with their square."""
_MEDIAN_ROWS = 128
"""The most rows of each set whose distances have a part in the median."""
_JITTER = 1e-5
"""What is added to the variances of a fitted prior, in units of their mean, so that batches of few rows have one."""


def _rbf(squared: Tensor, squared_width: Tensor | float) -> Tensor:
    return torch.exp(-squared / (2 * squared_width))


def _imq(squared: Tensor, squared_width: Tensor | float) -> Tensor:
    return squared_width / (squared_width + squared)


_KERNELS: Mapping[Kernel, Callable[[Tensor, Tensor | float], Tensor]] = {"rbf": _rbf, "imq": _imq}


def mmd_term(
    weight: Schedule, *, kernel: Kernel = "rbf", width: Width = "median", is_fitted: bool = False
) -> Term[Tensor, Outputs]:
    """The squared maximum mean discrepancy between the latents of a batch and as many draws of a prior: the standard
    normal distribution (Tolstikhin et al. 2018; Zhao et al. 2019), or the normal one that is fitted to the batch.

    Its function raises TypeError where the outputs have no draws of a prior.
    """

    def function(_batch: Tensor, outputs: Outputs) -> Tensor:
        if outputs.prior is None:
            raise TypeError("the network draws no prior to compare latents with")
        latents = outputs.posterior.aggregate(outputs.latents)  # (rows, continuous latents)
        prior = fitted_normal(latents, outputs.prior) if is_fitted else outputs.prior
        return mmd(latents[:MMD_ROWS], prior[:MMD_ROWS], kernel=kernel, width=width)

    return Term("MMD", function, weight)


def mmd(x: Tensor, y: Tensor, *, kernel: Kernel = "rbf", width: Width = "median") -> Tensor:
    """The unbiased estimate of the squared maximum mean discrepancy of points (rows, k) of two sets, () (Gretton et al.
    2012, equation 3); zero where a set has one row. It may be negative.

    The kernel of points at a distance r is exp(-r^2 / 2 w^2) (`rbf`) or w^2 / (w^2 + r^2) (`imq`); several widths w
    give the sum of their kernels, `median` is the median distance of all points, through which no gradient flows.
    """
    if min(len(x), len(y)) < 2:
        return 0 * x.sum()
    of_x, of_y, between = squared_distances(x, x), squared_distances(y, y), squared_distances(x, y)
    squares: Sequence[Tensor | float]
    squares = [_median_square(x, y)] if isinstance(width, str) else [one * one for one in width]
    of_kernel = _KERNELS[kernel]
    found = [
        _mean_of_pairs(of_kernel(of_x, square))
        + _mean_of_pairs(of_kernel(of_y, square))
        - 2 * of_kernel(between, square).mean()
        for square in squares
    ]
    return torch.stack(found).sum()


def fitted_normal(latents: Tensor, standard: Tensor) -> Tensor:
    """Draws (rows, k) of the normal distribution with the means and covariances of latents (rows, k), made of standard
    normal ones (rows, k); no gradient flows to the latents.
    """
    latents = latents.detach()
    centred = latents - latents.mean(dim=0)
    covariance = centred.T @ centred / len(latents)  # (k, k)
    jitter = _JITTER * covariance.diagonal().mean() + float(torch.finfo(latents.dtype).tiny) ** 0.5
    # Not `cholesky`, which raises an error of its own where a latent is not finite: the loop names the term.
    root: Tensor = torch.linalg.cholesky_ex(covariance + jitter * torch.eye(len(covariance)).to(covariance))[0]
    return latents.mean(dim=0) + standard @ root.T


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """The squared distances between points (rows, k) of two sets, (rows of x, rows of y)."""
    lengths: Tensor = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1)[None, :]
    squared: Tensor = lengths - 2 * x @ y.T
    return squared.clamp(min=0)


def _median_square(x: Tensor, y: Tensor) -> Tensor:
    """The square of the median distance between different points of two sets, (); 1 where it is zero."""
    points = torch.cat([x[:_MEDIAN_ROWS], y[:_MEDIAN_ROWS]]).detach()
    first, second = torch.triu_indices(len(points), len(points), 1, device=points.device)
    median = squared_distances(points, points)[first, second].median()
    return torch.where(median > 0, median, torch.ones_like(median))


def _mean_of_pairs(kernel: Tensor) -> Tensor:
    """The mean of a kernel (rows, rows) over pairs of different rows, ()."""
    n_rows = len(kernel)
    return (kernel.sum() - kernel.diagonal().sum()) / (n_rows * (n_rows - 1))
