"""Terms of objectives: how far restored scores are from what they were, columns weighted by (columns,) of mean 1."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.objective import Term

LEAST_LOG_VARIANCE = -16.0
"""Of a column, of scores of about unit variance: a column that is constant would drive it down for ever."""


def squared_error(column_weights: Tensor) -> Term[Tensor, Outputs]:
    """The mean squared error over rows and columns."""

    def function(batch: Tensor, outputs: Outputs) -> Tensor:
        return weighted_squared_error(outputs.reconstruction, batch, column_weights)

    return Term("squared error", function)


def absolute_error(column_weights: Tensor) -> Term[Tensor, Outputs]:
    """The mean absolute error over rows and columns."""

    def function(batch: Tensor, outputs: Outputs) -> Tensor:
        return ((outputs.reconstruction - batch).abs() * column_weights).mean()  # (rows, columns) -> ()

    return Term("absolute error", function)


def cross_entropy(column_weights: Tensor) -> Term[Tensor, Outputs]:
    """The binary cross entropy of scores between 0 and 1 (others count as the nearest) under the logits that are
    restored, in nats, summed over columns, averaged over rows.
    """

    def function(batch: Tensor, outputs: Outputs) -> Tensor:
        scores = batch.clamp(0, 1)
        nats = functional.binary_cross_entropy_with_logits(outputs.reconstruction, scores, reduction="none")
        return (nats * column_weights).sum(dim=1).mean()  # (rows, columns) -> (rows,) -> ()

    return Term("cross entropy", function)


def gaussian_likelihood(column_weights: Tensor) -> Term[Tensor, Outputs]:
    """The negative logarithm of the normal density of scores around what is restored, in nats, summed over columns,
    averaged over rows; the variance of each column is learnt.

    Its function raises TypeError where the network learns no variances.
    """

    def function(batch: Tensor, outputs: Outputs) -> Tensor:
        if outputs.log_variances is None:
            raise TypeError("the network learns no variances of columns")
        nats = normal_nats(batch, outputs.reconstruction, outputs.log_variances)
        return (nats * column_weights).sum(dim=1).mean()  # (rows, columns) -> (rows,) -> ()

    return Term("negative log-likelihood", function)


def weighted_squared_error(reconstruction: Tensor, batch: Tensor, column_weights: Tensor) -> Tensor:
    """The mean of squared differences of scores (rows, columns), weighted by (columns,): one number ()."""
    return ((reconstruction - batch).square() * column_weights).mean()  # (rows, columns) -> ()


def normal_nats(values: Tensor, mean: Tensor, log_variances: Tensor) -> Tensor:
    """The negative logarithm of normal densities at values (rows, columns), of means of that shape and log-variances
    (columns,) that are bounded from below: (rows, columns).
    """
    log_variances = bounded(log_variances)
    return 0.5 * (math.log(2 * math.pi) + log_variances + (values - mean).square() * torch.exp(-log_variances))


def bounded(log_variances: Tensor) -> Tensor:
    """Log-variances of columns, none smaller than the least."""
    return log_variances.clamp(min=LEAST_LOG_VARIANCE)
