"""How much latents tell of the rows, and what a Gaussian of the same covariance would allow."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from baler_vae.measures.priors import normal_kl

Floats = NDArray[np.float64]
RateOf = Literal["kl", "noise", "rounding"]

ACTIVE_VARIANCE = 0.01
"""A latent whose posterior mean varies more than this over the rows is active: Burda et al., arXiv:1509.00519."""


@dataclass(frozen=True)
class LatentInformation:
    """What one latent tells.

    Attributes
    ----------
    number : int
        The latent, counted from 0.
    mean, variance : float
        Of the aggregate posterior: of the latents of all rows, as the posterior draws them.
    variance_of_means : float
        Of the posterior's means over the rows.
    is_active : bool
        Whether that is more than 0.01.
    kl : float or None
        The KL divergence of the posterior from the standard normal, in nats, averaged over the rows; None where the
        posterior is a point.
    rate : float or None
        Bits that the latent tells of a row: KL / ln 2 of a Gaussian posterior, 0.5 log2(1 + SNR) under noise, and the
        entropy of the codes of latents that are rounded; None where they are neither.
    snr : float or None
        The variance of the means over that of the noise; None without noise.
    """

    number: int
    mean: float
    variance: float
    variance_of_means: float
    is_active: bool
    kl: float | None
    rate: float | None
    snr: float | None


@dataclass(frozen=True)
class RatePoint:
    """A rate in bits per row and the mean squared error per coordinate, in units of the variances of the columns."""

    name: str
    rate: float
    distortion: float


@dataclass(frozen=True, eq=False)
class RateDistortion:
    """Codecs beside the rate-distortion function of a Gaussian with the covariance of the data.

    Attributes
    ----------
    points : tuple of RatePoint
        Rate and distortion of one or several codecs.
    columns : tuple of str
        The columns whose error is meant.
    distortion_of_means : float or None
        The error when the means of the posterior are decoded.
    bound_rates, bound_distortions : np.ndarray
        The curve, float64 (points,) each: of all distributions with this covariance the Gaussian needs the most bits,
        so that a codec may lie below.
    """

    points: tuple[RatePoint, ...]
    columns: tuple[str, ...]
    distortion_of_means: float | None
    bound_rates: Floats
    bound_distortions: Floats

    def bound_at(self, rate: float) -> float:
        """The distortion of the bound at a rate in bits; NaN without columns."""
        if not len(self.bound_rates):
            return math.nan
        return float(np.exp(np.interp(rate, self.bound_rates, np.log(self.bound_distortions))))


def latent_information(
    means: NDArray[np.generic],
    log_variances: NDArray[np.generic],
    *,
    noise_variance: float | None = None,
    steps: Sequence[float] = (),
) -> tuple[LatentInformation, ...]:
    """What each latent tells, from the means (rows, k) and log-variances (rows, k) or (rows, 0) of its posterior, the
    variance of the noise of the training where there was any, and the steps to which latents are rounded.
    """
    centres, logs = np.asarray(means, np.float64), np.asarray(log_variances, np.float64)
    variances_of_means = np.var(centres, axis=0)
    kl = normal_kl(centres, logs).mean(axis=0) if logs.shape[1] else None
    found = []
    for j, variance in enumerate(variances_of_means.tolist()):
        own = float(np.mean(np.exp(logs[:, j]))) if kl is not None else noise_variance or 0.0
        snr = rate = None
        if kl is not None:
            rate = float(kl[j]) / math.log(2)
        elif noise_variance:
            snr = variance / noise_variance
            rate = 0.5 * math.log2(1 + snr)
        elif len(steps):
            rate = entropy_of_codes(np.rint(centres[:, j] / steps[j]))
        found.append(
            LatentInformation(
                number=j,
                mean=float(np.mean(centres[:, j])),
                variance=variance + own,
                variance_of_means=variance,
                is_active=variance > ACTIVE_VARIANCE,
                kl=None if kl is None else float(kl[j]),
                rate=rate,
                snr=snr,
            )
        )
    return tuple(found)


def noise_variance_of(means: NDArray[np.generic], snr: float) -> float:
    """The variance of white noise at a ratio of powers: the mean variance of the latents (rows, k) over that ratio."""
    return float(np.mean(np.var(np.asarray(means, np.float64), axis=0))) / snr


def entropy_of_codes(codes: NDArray[np.generic]) -> float:
    """The empirical entropy of codes (rows,), in bits."""
    _, counts = np.unique(codes, return_counts=True)
    frequencies = counts / counts.sum()
    return float(-np.sum(frequencies * np.log2(frequencies))) + 0.0


def categorical_rate(probabilities: NDArray[np.generic]) -> float:
    """The KL divergence of categories (rows, categories) from equal probabilities in bits, averaged over the rows."""
    given = np.asarray(probabilities, np.float64)
    logarithms = np.log2(given, where=given > 0, out=np.zeros_like(given))
    return math.log2(given.shape[1]) + float(np.mean(np.sum(given * logarithms, axis=1)))


def correlations(latents: NDArray[np.generic], columns: Mapping[str, NDArray[np.generic]]) -> tuple[Floats, Floats]:
    """Pearson's correlations of values and Spearman's of ranks, float64 (k, columns) each, of latents (rows, k) with
    columns (rows,), over the rows where a column is finite; NaN where either is constant.
    """
    of_values, of_ranks = [], []
    centres = np.asarray(latents, np.float64)
    for given in columns.values():
        values = given.astype(np.float64)
        used = np.isfinite(values)
        of_values.append(_correlation(centres[used], values[used]))
        of_ranks.append(_correlation(rankdata(centres[used], axis=0), rankdata(values[used])))
    if not columns:
        return np.empty((centres.shape[1], 0)), np.empty((centres.shape[1], 0))
    return np.stack(of_values, axis=1), np.stack(of_ranks, axis=1)


def squared_error(columns: Mapping[str, NDArray[np.generic]], restored: Mapping[str, NDArray[np.generic]]) -> float:
    """The mean squared error per coordinate of restored columns (rows,), each in units of the variance of the column;
    constant columns are left out. NaN without any.
    """
    errors = []
    for name, given in columns.items():
        before = given.astype(np.float64)
        variance = float(np.var(before)) if len(before) else 0.0
        if variance > 0:
            errors.append(float(np.mean((restored[name].astype(np.float64) - before) ** 2)) / variance)
    return float(np.mean(errors)) if errors else math.nan


def eigenvalues_of(columns: Mapping[str, NDArray[np.generic]]) -> Floats:
    """The eigenvalues of the correlation matrix of columns (rows,), float64, falling, over the rows where all of them
    are finite; constant columns are left out.
    """
    points = (
        np.stack([values.astype(np.float64) for values in columns.values()], axis=1) if columns else np.empty((0, 0))
    )
    points = points[np.isfinite(points).all(axis=1)]
    varying = points[:, np.ptp(points, axis=0) > 0] if len(points) else points[:, :0]
    if not varying.shape[1]:
        return np.empty(0)
    scaled = (varying - np.mean(varying, axis=0)) / np.std(varying, axis=0)
    return np.sort(np.maximum(np.linalg.eigvalsh(scaled.T @ scaled / len(scaled)), 0.0))[::-1]


def participation_ratio(eigenvalues: NDArray[np.generic]) -> float:
    """(sum l)^2 / sum l^2 of the eigenvalues l of a covariance or correlation matrix: about how many directions matter,
    between 1, where all columns are proportional, and the number of those that vary, where none is correlated with
    another and all have the same variance; NaN without one that is not zero.
    """
    squares = float(np.sum(np.square(eigenvalues)))
    return float(np.sum(eigenvalues)) ** 2 / squares if squares else math.nan


def water_filling(eigenvalues: NDArray[np.generic], level: float) -> tuple[float, float]:
    """The rate in bits and the distortion per coordinate of a Gaussian whose covariance has these eigenvalues (n,),
    where every component has an error of at most `level`: Cover and Thomas, Elements of Information Theory, 10.3.3.
    """
    values = np.asarray(eigenvalues, np.float64)
    above = values[values > level]
    return float(0.5 * np.sum(np.log2(above / level))), float(np.mean(np.minimum(values, level)))


def gaussian_bound(eigenvalues: NDArray[np.generic], most_bits: float, n_points: int = 200) -> tuple[Floats, Floats]:
    """Rates from 0 up to at least `most_bits` and the least distortion per coordinate at each, float64 (points,) both;
    none without eigenvalues.
    """
    values = np.asarray(eigenvalues, np.float64)
    if not len(values) or not values[0] > 0:
        return np.empty(0), np.empty(0)
    lowest = float(values[0])
    while water_filling(values, lowest)[0] < most_bits and lowest > 1e-30 * values[0]:
        lowest /= 2
    levels = np.geomspace(values[0], lowest, n_points)
    curve = np.array([water_filling(values, float(level)) for level in levels])
    return curve[:, 0], curve[:, 1]


def rate_distortion(
    points: Sequence[RatePoint],
    columns: Mapping[str, NDArray[np.generic]],
    *,
    distortion_of_means: float | None = None,
) -> RateDistortion:
    """Points of one or several codecs beside the bound of a Gaussian with the correlations of the columns (rows,)."""
    most = max((point.rate for point in points), default=0.0)
    rates, distortions = gaussian_bound(eigenvalues_of(columns), max(8.0, 1.25 * most))
    return RateDistortion(tuple(points), tuple(columns), distortion_of_means, rates, distortions)


def _correlation(points: Floats, values: Floats) -> Floats:
    """Of each column of points (rows, k) with values (rows,), float64 (k,)."""
    if len(values) < 2:
        return np.full(points.shape[1], np.nan)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        x, y = points - points.mean(axis=0), values - values.mean()
        product = np.sqrt(np.sum(x**2, axis=0) * np.sum(y**2))
        found: Floats = np.where(product > 0, (x.T @ y) / product, np.nan)
    return found
