"""How far two samples of one column lie apart."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Distances:
    """Two-sample distances of the values before and after; the samples are paired, which the p-value does not know.

    The Wasserstein-1 distance is in the unit of the column, and `wasserstein_in_widths` in standard deviations of the
    values before; `chi2` is that of the two histograms over `n_dof` degrees of freedom.
    """

    kolmogorov_smirnov: float
    ks_p_value: float
    wasserstein: float
    wasserstein_in_widths: float | None
    chi2: float
    n_dof: int
