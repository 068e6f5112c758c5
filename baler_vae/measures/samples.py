"""What is said of drawn rows, and mixtures of Gaussians that latents are drawn from."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

MOST_COMPONENTS = 128
"""The most Gaussians that are tried: a fit of as many to 20,000 rows takes seconds."""
MIXTURE_ROWS = 20_000
"""Mixtures are fitted to so many rows at most: more move means and covariances by less than a per cent."""
_PATIENCE = 2
"""Doublings without a better BIC after which no more are tried."""
_FINEST = 8
"""Sizes are told apart to an eighth of the size."""
_STARTS, _STARTED = 5, 64
"""The most starts of the fit of a size, and the most Gaussians that are started in all of them: a single start misses
modes, and with many Gaussians this matters less.
"""
_HEADINGS = ("group", "rows", "latents_from", "components")


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of Gaussians: `weights` (components,), `means` (components, k), and `roots` (components, k, k), lower
    triangles whose products with their transposes are the covariances; its `bic` by number of components that was
    tried.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    roots: NDArray[np.float64]
    bic: Mapping[int, float]

    def draw(self, n_rows: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """Points (n_rows, k)."""
        chosen = generator.choice(len(self.weights), n_rows, p=self.weights)
        noise = generator.standard_normal((n_rows, self.means.shape[1]))
        points = np.empty_like(noise)
        for component in range(len(self.weights)):
            rows = chosen == component
            points[rows] = self.means[component] + noise[rows] @ self.roots[component].T
        return points


def fit_mixture(points: NDArray[np.floating], *, seed: int) -> Mixture:
    """The mixture of Gaussians with full covariances whose Bayesian information criterion is the least, for points
    (rows, k), as far as a search finds it: sizes are doubled while the criterion falls, and those around the best one
    tried to an eighth. The same seed gives the same mixture.

    Raises:
        ValueError: there are fewer than two points.
    """
    if len(points) < 2:
        raise ValueError(f"a mixture of Gaussians for {len(points)} points")
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(len(points))[:MIXTURE_ROWS])
    fitted = points[chosen].astype(np.float64)
    centre, width = fitted.mean(axis=0), fitted.std(axis=0)
    width[width == 0] = 1.0
    search = _Search((fitted - centre) / width, seed)
    size, waited = 1, 0
    while size <= search.most and waited < _PATIENCE:
        waited = 0 if search.is_best(size) else waited + 1
        size *= 2
    while wanted := search.between():
        for size in wanted:
            search.is_best(size)
    found, bic = search.best, dict(sorted(search.bic.items()))
    roots = np.linalg.cholesky(found.covariances_) * width[:, None]
    return Mixture(found.weights_ / found.weights_.sum(), found.means_ * width + centre, roots, bic)


class _Search:
    """Mixtures of several sizes for points (rows, k), and the `best` of them."""

    def __init__(self, points: NDArray[np.float64], seed: int) -> None:
        self.points, self.seed = points, seed
        self.most = min(MOST_COMPONENTS, max(1, len(np.unique(points, axis=0)) // 2))
        self.bic: dict[int, float] = {}
        self.best: Any = None

    def is_best(self, size: int) -> bool:
        """Fit a mixture of a size, and say whether it is better than all before."""
        from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415
        from sklearn.mixture import GaussianMixture  # noqa: PLC0415  it takes a second to import

        starts = max(1, min(_STARTS, _STARTED // size))
        with warnings.catch_warnings():
            # A size at which the fit has not converged has a worse criterion, which is all that counts.
            warnings.simplefilter("ignore", ConvergenceWarning)
            tried = GaussianMixture(size, n_init=starts, random_state=self.seed).fit(self.points)
        self.bic[size] = float(tried.bic(self.points))
        if self.best is not None and self.bic[size] >= self.bic[self.best.n_components]:
            return False
        self.best = tried
        return True

    def between(self) -> list[int]:
        """Sizes half-way between the best one and those next to it, as long as these are far enough away."""
        best: int = self.best.n_components
        least = max(1, best // _FINEST)
        below = max((size for size in self.bic if size < best), default=best)
        above = min((size for size in self.bic if size > best), default=best)
        ends = [end for end in (below, above) if abs(end - best) > least]
        return sorted((best + end) // 2 for end in ends)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The histogram of a column: `edges` (bins + 1,), and how many values of the samples and of the training rows, if
    there are any, lie in each bin, and outside of all.
    """

    column: str
    edges: tuple[float, ...]
    samples: tuple[int, ...]
    training: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """What was drawn from a codec.

    Attributes
    ----------
    codec : str
        The codec's file, or what it is.
    seed : int
        The seed of all random numbers.
    n_events : int
        How many events, or rows of a flat table.
    n_rows : mapping of str to int
        How many rows of each group.
    latents_from : mapping of str to str
        By group with latents where these came from.
    components : mapping of str to int
        By group how many Gaussians make up the mixture that latents were drawn from.
    escapes, valueless, beyond : mapping of str to int
        By column how many codes were drawn again, because any outside of the codec's ranges was meant, or one that has
        no value, or a difference from a formula that leads beyond all values that were seen.
    from_training : sequence of str
        Columns whose values are those of training rows, which were drawn as a whole.
    predicted : sequence of str
        Columns that are what a formula gives, without the differences from it that the codec stores.
    left_out : mapping of str to str
        The columns that could not be drawn, and why.
    output : str, optional
        The file that holds them.
    shapes : sequence of Shape
        Histograms, where they were asked for.
    data : object, optional
        The samples, where there is no output.
    """

    codec: str
    seed: int
    n_events: int
    n_rows: Mapping[str, int]
    latents_from: Mapping[str, str] = field(default_factory=dict)
    components: Mapping[str, int] = field(default_factory=dict)
    escapes: Mapping[str, int] = field(default_factory=dict)
    valueless: Mapping[str, int] = field(default_factory=dict)
    beyond: Mapping[str, int] = field(default_factory=dict)
    from_training: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    output: str | None = None
    shapes: tuple[Shape, ...] = ()
    data: Any = field(default=None, repr=False)

    @property
    def redrawn(self) -> int:
        """How many codes were drawn again."""
        return sum(sum(found.values()) for found in (self.escapes, self.valueless, self.beyond))

    def to_dict(self) -> dict[str, Any]:
        """Everything but the data as plain values, for JSON."""
        names = [name for name in self.__dataclass_fields__ if name != "data"]
        plain: dict[str, Any] = as_plain({name: getattr(self, name) for name in names}, finite=True)
        return plain

    def to_pandas(self) -> "DataFrame":
        """One row for each group."""
        records = [dict(zip(_HEADINGS, row, strict=True)) for row in self._rows()]
        return data_frame(records, _HEADINGS)

    def _repr_html_(self) -> str:
        notes = [f"{name} is left out: {reason}" for name, reason in self.left_out.items()]
        return html_table(f"{self.n_events:,} events drawn from {self.codec}", _HEADINGS, self._rows(), notes=notes)

    def _rows(self) -> list[tuple[object, ...]]:
        return [
            (name, number, self.latents_from.get(name), self.components.get(name))
            for name, number in self.n_rows.items()
        ]
