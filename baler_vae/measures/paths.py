"""Paths through a latent space, and how good the rows are that are decoded along them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from baler_vae.errors import UsageError
from baler_vae.measures.cells import as_matrix
from baler_vae.measures.priors import Floats, sampled
from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

NEAREST_ROWS = 20_000
"""The most rows among which the nearest ones are sought."""
REFERENCE_ROWS = 1_000
"""The rows whose own distances to the nearest others are the measure."""
_STRAIGHT = 1e-6
"""The sine of the angle below which the arc between two directions is a straight line, or is not told."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Path:
    """A path through a latent space, and what is decoded along it.

    Attributes
    ----------
    name : str
        ``straight``, ``spherical`` or the latent that is varied: ``latent 0``.
    positions : np.ndarray
        Where each step is, float64 (steps,): the part of the way, or standard deviations of the latent.
    latents : np.ndarray
        The latents, float64 (steps, k).
    values : mapping of str to np.ndarray
        The decoded columns, (steps,) or (steps, *shape) each, in their units and dtypes.
    distances : np.ndarray or None
        From each decoded row to the nearest row of the file: the root mean square over columns, in widths of the
        columns, float64 (steps,); None without a file.
    bits : np.ndarray or None
        Of each decoded row under the judging codec, float64 (steps,); None without one.
    length : float
        Of the path in column space, in the same unit.
    relative_length : float
        The length over that of the straight line between its ends; NaN where they decode to the same.
    """

    name: str
    positions: Floats
    latents: Floats
    values: Mapping[str, NDArray[np.generic]]
    distances: Floats | None
    bits: Floats | None
    length: float
    relative_length: float


@dataclass(frozen=True, kw_only=True)
class PairQuality:
    """What is decoded half-way between random pairs of rows.

    Attributes
    ----------
    name : str
        ``straight`` or ``spherical``.
    n_pairs : int
        The pairs.
    distance : float
        The median distance of the decoded midpoints to the nearest rows of the file, in widths of the columns.
    relative_distance : float
        That over the median distance of decoded real rows to the nearest others. It is smaller where rows are dense,
        as they are in the middle of many a latent space.
    far : float
        The part of the midpoints that lie farther from rows than 95 % of the decoded real rows do: 0.05 is as good as
        real rows.
    relative_length : float
        The median length of the decoded paths over that of straight lines in column space.
    bits : float or None
        The median bits of the midpoints under the judging codec.
    """

    name: str
    n_pairs: int
    distance: float
    relative_distance: float
    far: float
    relative_length: float
    bits: float | None


@dataclass(frozen=True, kw_only=True)
class RealRows:
    """What real rows are like, against which paths are judged.

    Attributes
    ----------
    n_rows : int
        The rows among which the nearest ones were sought.
    n_reference : int
        The rows that were looked at.
    distance : float
        The median distance of a row to the nearest other row, in widths of the columns.
    decoded_distance : float
        That of rows encoded and decoded again to the nearest other rows than their own.
    far : float
        The distance beyond which 5 % of these lie.
    bits : float or None
        The median bits of these rows under the judging codec.
    decoded_bits : float or None
        That of rows encoded and decoded again.
    """

    n_rows: int
    n_reference: int
    distance: float
    decoded_distance: float
    far: float
    bits: float | None = None
    decoded_bits: float | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Paths:
    """Paths through the latent space of a group.

    Attributes
    ----------
    codec, group : str
        The codec, as it was given, and the group.
    kind : {"interpolation", "traversal"}
        What the paths are.
    ends : tuple of str
        What they lead from and to, or around what they go.
    columns : tuple of str
        The columns that are decoded; those that keep a bound are not.
    widths : mapping of str to float
        Half-widths of the central 68.27 % of each column, the standard deviation where that is zero; without columns
        that are constant.
    paths : tuple of Path
        The paths.
    pairs : tuple of PairQuality
        What is half-way between random pairs; empty of a traversal.
    real : RealRows or None
        The measure; None without a file.
    n_left_out : int
        Rows left out since a value is not finite.
    """

    codec: str
    group: str
    kind: Literal["interpolation", "traversal"]
    ends: tuple[str, ...]
    columns: tuple[str, ...]
    widths: Mapping[str, float]
    paths: tuple[Path, ...]
    pairs: tuple[PairQuality, ...]
    real: RealRows | None
    n_left_out: int

    def table(self) -> dict[str, NDArray[np.generic]]:
        """The columns of a table of all steps of all paths, (steps,) or (steps, *shape) each, by name: the number of
        the `path` and of the `step`, the `position`, `distance` and `bits` where they are known, `latent_0` and so on,
        the decoded columns.
        """
        paths = self.paths
        found: dict[str, NDArray[np.generic]] = {
            "path": np.repeat(np.arange(len(paths), dtype=np.int32), [len(path.positions) for path in paths]),
            "step": np.concatenate([np.arange(len(path.positions), dtype=np.int32) for path in paths]),
            "position": np.concatenate([path.positions for path in paths]),
        }
        for name in ("distance", "bits"):
            known = [path.distances if name == "distance" else path.bits for path in paths]
            if known[0] is not None:
                found[name] = np.concatenate([values for values in known if values is not None])
        latents = np.concatenate([path.latents for path in paths])
        found |= {f"latent_{j}": latents[:, j].copy() for j in range(latents.shape[1])}
        return found | {name: np.concatenate([path.values[name] for path in paths]) for name in self.columns}

    def ranges(self) -> Floats:
        """How far each column of `widths` moves along each path, in its widths, float64 (paths, columns); of arrays the
        cell that moves farthest.
        """
        moved = [
            [
                float(np.ptp(path.values[name].astype(np.float64), axis=0).max()) / width
                for name, width in self.widths.items()
            ]
            for path in self.paths
        ]
        return np.array(moved).reshape(len(self.paths), len(self.widths))

    def to_dict(self) -> dict[str, Any]:
        """All that is found, as plain values for JSON; NaN and infinities are None.

        Returns
        -------
        dict
            The attributes.
        """
        plain: dict[str, Any] = as_plain(self, finite=True)
        return plain

    def to_pandas(self) -> "DataFrame":
        """A data frame with one row for each step of each path.

        Returns
        -------
        DataFrame
            Columns ``path`` (its name), ``step``, ``position``, the latents, and the decoded columns.
        """
        table = self.table()
        named = {**table, "path": np.repeat([path.name for path in self.paths], [len(p.positions) for p in self.paths])}
        return data_frame(records_of(named), list(named))

    def _repr_html_(self) -> str:
        rows = [
            (
                path.name,
                len(path.positions),
                path.length,
                path.relative_length,
                middle(path.distances),
                middle(path.bits),
            )
            for path in self.paths
        ]
        headings = ("path", "steps", "length [widths]", "length / straight", "distance at the middle", "bits there")
        return html_table(f"{self.kind} of {self.group}", headings, rows)


def records_of(columns: Mapping[str, NDArray[np.generic]]) -> Iterator[dict[str, object]]:
    """The rows of a table of columns (rows,)."""
    for values in zip(*(array.tolist() for array in columns.values()), strict=True):
        yield dict(zip(columns, values, strict=True))


def middle(values: Floats | None) -> float | None:
    """The value in the middle of a path."""
    return None if values is None else float(values[len(values) // 2])


def straight(first: Floats, last: Floats, parts: Floats) -> Floats:
    """Points float64 (steps, k) on the straight line between two (k,), at parts of the way (steps,)."""
    return first * (1 - parts)[:, None] + last * parts[:, None]


def spherical(
    first: Floats,
    last: Floats,
    parts: Floats,
    centre: Floats,
) -> Floats:
    """Points float64 (steps, k) on the arc around a centre (k,) between two (k,), at parts of the way (steps,): the
    direction turns evenly, and the distance from the centre changes evenly. It is the straight line where both lie in
    one direction, in opposite ones, or at the centre.

    Shoemake, SIGGRAPH 1985, 245; for latents: White, arXiv:1609.04468.
    """
    start, end, t = first - centre, last - centre, parts
    lengths = float(np.linalg.norm(start)), float(np.linalg.norm(end))
    if not min(lengths):
        return straight(first, last, t)
    directions = start / lengths[0], end / lengths[1]
    angle = float(np.arccos(np.clip(directions[0] @ directions[1], -1, 1)))
    if np.sin(angle) < _STRAIGHT:
        return straight(first, last, t)
    turned = (np.sin((1 - t) * angle)[:, None] * directions[0] + np.sin(t * angle)[:, None] * directions[1]) / np.sin(
        angle
    )
    points: Floats = ((1 - t) * lengths[0] + t * lengths[1])[:, None] * turned + centre
    return points


def path_length(points: Floats) -> tuple[float, float]:
    """The length of the path through points (steps, d), and that over the distance of its ends, NaN where that is
    zero.
    """
    length = float(np.sum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    direct = float(np.linalg.norm(points[-1] - points[0]))
    return length, length / direct if direct else float("nan")


def in_widths(values: Mapping[str, NDArray[np.generic]], widths: Mapping[str, float]) -> Floats:
    """Rows as points, float64 (rows, columns): columns (rows,), and the cells of arrays (rows, *shape), in the widths
    of the columns, over the root of their number, so that a distance is a root mean square over columns and cells.
    """
    found = as_matrix({name: values[name].astype(np.float64) / width for name, width in widths.items()})
    scaled: Floats = found / np.sqrt(found.shape[1])
    return scaled


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Rows among which the nearest ones to others are sought; `numbers` are their places in the file."""

    tree: cKDTree
    numbers: NDArray[np.int64]

    @classmethod
    def of(cls, points: Floats, *, seed: int, most_rows: int = NEAREST_ROWS) -> "Neighbours":
        """Those of points (rows, d), a sample of at most `most_rows` that is drawn with a seed."""
        numbers = sampled(np.arange(len(points))[:, None], most_rows, seed)[:, 0].astype(np.int64)
        return cls(cKDTree(points[numbers]), numbers)

    def distances(self, points: Floats, own: NDArray[np.int64] | None = None) -> Floats:
        """The distance of each of some points (n, d) to the nearest row, float64 (n,); with `own`, the numbers (n,) of
        their own rows, to the nearest other one.
        """
        if own is None:
            nearest: Floats = self.tree.query(points)[0]
            return nearest
        if len(self.numbers) < 2:
            raise UsageError("one row has no others beside it", expected="at least 2 rows")
        distances, places = self.tree.query(points, 2)
        is_own = self.numbers[places[:, 0]] == own
        others: Floats = np.where(is_own, distances[:, 1], distances[:, 0])
        return others


def ratio(of: float, to: float) -> float:
    """A ratio; NaN where it is to zero."""
    return of / to if to else float("nan")


def median(values: Sequence[float] | Floats | None) -> float | None:
    """The median of some values; None without."""
    return None if values is None or not len(values) else float(np.median(values))
