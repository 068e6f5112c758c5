"""The shapes that a peak can have: which share of its rows falls into each bin of a window, and their density.

`mean` and `width` come first among the parameters of every shape, in the unit of the column, and then its tails.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import numpy as np
from scipy.special import ndtr, wofz

from baler_vae.evaluation.residuals import Floats

ShapeName = Literal["gauss", "crystal-ball", "breit-wigner"]
SHAPES: tuple[ShapeName, ...] = ("gauss", "crystal-ball", "breit-wigner")
POWER = 3.0
"""The power of the tails of a Crystal Ball, fixed: above a line, where a tail begins and how fast it falls are nearly
the same parameter.
"""

NODES, WEIGHTS = np.polynomial.legendre.leggauss(5)
"""Of the integral over a bin."""


@dataclass(frozen=True)
class Tail:
    """A parameter beyond mean and width: where a fit of it starts, and between which values it may move."""

    name: str
    start: float
    lowest: float
    highest: float


class Shape(Protocol):
    """A density of rows over values, with derivatives by its parameters: mean, width and the `tails`."""

    @property
    def tails(self) -> tuple[Tail, ...]: ...

    def width_like(self, gaussian: float) -> float:
        """The width at which the shape is about as broad as a Gaussian of that width."""

    def shares(self, edges: Floats, *parameters: float) -> Floats:
        """The share of the peak's rows in each bin of the window, float64 (n_bins,)."""

    def shares_gradient(self, edges: Floats, *parameters: float) -> Floats:
        """The derivative of the shares by each parameter, float64 (n_parameters, n_bins)."""

    def density(self, values: Floats, edges: Floats, *parameters: float) -> Floats:
        """The share of the peak's rows by unit of the column at values in the window, float64 (rows,)."""

    def density_gradient(self, values: Floats, edges: Floats, *parameters: float) -> Floats:
        """The derivative of the density by each parameter, float64 (n_parameters, rows)."""


class Gaussian:
    """A Gaussian; its shares are of all its rows, also of those beyond the window."""

    tails: tuple[Tail, ...] = ()

    def width_like(self, gaussian: float) -> float:
        return gaussian

    def shares(self, edges: Floats, *parameters: float) -> Floats:
        mean, width = parameters
        shares: Floats = np.diff(ndtr((edges - mean) / width))
        return shares

    def shares_gradient(self, edges: Floats, *parameters: float) -> Floats:
        mean, width = parameters
        pulls = (edges - mean) / width
        density = np.exp(-(pulls**2) / 2) / np.sqrt(2 * np.pi) / width
        return np.stack([-np.diff(density), -np.diff(pulls * density)])

    def density(self, values: Floats, edges: Floats, *parameters: float) -> Floats:  # noqa: ARG002 - as in Shape
        mean, width = parameters
        density: Floats = np.exp(-(((values - mean) / width) ** 2) / 2) / np.sqrt(2 * np.pi) / width
        return density

    def density_gradient(self, values: Floats, edges: Floats, *parameters: float) -> Floats:
        mean, width = parameters
        pulls = (values - mean) / width
        return self.density(values, edges, *parameters) / width * np.stack([pulls, pulls**2 - 1])


Profile = Callable[..., Floats]


@dataclass(frozen=True)
class Windowed:
    """A shape whose tails reach far: its shares are of the rows in the window, where it is integrated bin by bin.

    `height`, at values (rows,) and parameters, is in any unit; `slopes` are its derivatives (n_parameters, rows).
    """

    height: Profile
    slopes: Profile
    tails: tuple[Tail, ...] = ()
    natural_width: float = 0.0

    def width_like(self, gaussian: float) -> float:
        """By the full width at half maximum of a Voigt profile, J. J. Olivero and R. L. Longbothum, J. Quant.
        Spectrosc. Radiat. Transfer 17 (1977) 233; never less than a fifth.
        """
        full_width = 2 * np.sqrt(2 * np.log(2)) * gaussian
        rest = max(full_width - 0.5346 * self.natural_width, 0) ** 2 - 0.2166 * self.natural_width**2
        return gaussian * float(np.sqrt(max(rest, (full_width / 5) ** 2)) / full_width)

    def shares(self, edges: Floats, *parameters: float) -> Floats:
        rows = _over_bins(self.height, edges, *parameters)
        shares: Floats = rows / rows.sum()
        return shares

    def shares_gradient(self, edges: Floats, *parameters: float) -> Floats:
        rows = _over_bins(self.height, edges, *parameters)
        slopes = _over_bins(self.slopes, edges, *parameters)
        gradient: Floats = (slopes - np.outer(slopes.sum(axis=1), rows / rows.sum())) / rows.sum()
        return gradient

    def density(self, values: Floats, edges: Floats, *parameters: float) -> Floats:
        density: Floats = self.height(values, *parameters) / _over_bins(self.height, edges, *parameters).sum()
        return density

    def density_gradient(self, values: Floats, edges: Floats, *parameters: float) -> Floats:
        rows = _over_bins(self.height, edges, *parameters).sum()
        slopes = _over_bins(self.slopes, edges, *parameters).sum(axis=1)
        height = self.height(values, *parameters)
        gradient: Floats = (self.slopes(values, *parameters) - np.outer(slopes / rows, height)) / rows
        return gradient


def _over_bins(profile: Profile, edges: Floats, *parameters: float) -> Floats:
    """The integral of a height over every bin, (n_bins,), or those of its slopes (n_parameters, n_bins)."""
    halves = np.diff(edges) / 2
    values = (edges[:-1] + halves)[:, None] + halves[:, None] * NODES
    heights = profile(values.ravel(), *parameters)
    integrals: Floats = heights.reshape(*heights.shape[:-1], *values.shape) @ WEIGHTS * halves
    return integrals


def shape_of(name: ShapeName, natural_width: float) -> Shape:
    """The shape of that name; `natural_width`, in the unit of the column, is that of a Breit-Wigner.

    A Crystal Ball is a Gaussian that goes over into power laws `alpha_low` widths below the mean and `alpha_high` above
    it (J. E. Gaiser, SLAC-R-255 (1982), with a tail on either side). A Breit-Wigner, the non-relativistic one, is
    smeared by a Gaussian: together a Voigt profile.
    """
    if name == "gauss":
        return Gaussian()
    if name == "crystal-ball":
        tails = (Tail("alpha_low", 1.5, 0.3, 4.0), Tail("alpha_high", 1.5, 0.3, 4.0))
        return Windowed(_crystal_ball, _crystal_ball_slopes, tails)
    height, slopes = (partial(profile, natural_width=natural_width) for profile in (_voigt, _voigt_slopes))
    return Windowed(height, slopes, natural_width=natural_width)


def _crystal_ball(values: Floats, mean: float, width: float, alpha_low: float, alpha_high: float) -> Floats:
    pulls, alpha, beyond = _in_tails(values, mean, width, alpha_low, alpha_high)
    fall = 1 + alpha * np.maximum(beyond, 0) / POWER
    height: Floats = np.exp(-(np.minimum(np.abs(pulls), alpha) ** 2) / 2) * fall**-POWER
    return height


def _crystal_ball_slopes(values: Floats, mean: float, width: float, alpha_low: float, alpha_high: float) -> Floats:
    pulls, alpha, beyond = _in_tails(values, mean, width, alpha_low, alpha_high)
    fall = 1 + alpha * np.maximum(beyond, 0) / POWER
    height = np.exp(-(np.minimum(np.abs(pulls), alpha) ** 2) / 2) * fall**-POWER
    by_pull = -height * np.where(beyond > 0, np.sign(pulls) * alpha / fall, pulls)
    by_alpha = np.where(beyond > 0, -height * (alpha + (beyond - alpha) / fall), 0)
    return np.stack([-by_pull / width, -by_pull * pulls / width, by_alpha * (pulls <= 0), by_alpha * (pulls > 0)])


def _in_tails(
    values: Floats, mean: float, width: float, alpha_low: float, alpha_high: float
) -> tuple[Floats, Floats, Floats]:
    """In widths, (rows,) each: distance from the mean, where the tail on that side begins, how far beyond that."""
    pulls = (values - mean) / width
    alpha = np.where(pulls > 0, alpha_high, alpha_low)
    return pulls, alpha, np.abs(pulls) - alpha


def _voigt(values: Floats, mean: float, width: float, *, natural_width: float) -> Floats:
    """The real part of the Faddeeva function, NIST Digital Library of Mathematical Functions 7.19."""
    height: Floats = wofz(((values - mean) + 0.5j * natural_width) / (np.sqrt(2) * width)).real
    return height


def _voigt_slopes(values: Floats, mean: float, width: float, *, natural_width: float) -> Floats:
    """From the derivative of the Faddeeva function, 7.10.3 ibid."""
    z = ((values - mean) + 0.5j * natural_width) / (np.sqrt(2) * width)
    slope = 2j / np.sqrt(np.pi) - 2 * z * wofz(z)
    return np.stack([(-slope / (np.sqrt(2) * width)).real, (-slope * z / width).real])
