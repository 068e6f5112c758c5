"""A latent space to walk through: its rows, its directions, and rows to judge by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.codec import Codec
from baler_vae.errors import UsageError
from baler_vae.evaluation.residuals import half_widths
from baler_vae.explore.encoding import EncodedRows, decoded, posterior_of
from baler_vae.explore.judging import Judge
from baler_vae.measures.paths import (
    REFERENCE_ROWS,
    Neighbours,
    PairQuality,
    Path,
    RealRows,
    in_widths,
    median,
    path_length,
    ratio,
    spherical,
    straight,
)
from baler_vae.measures.priors import Floats

Lines = Mapping[str, Callable[[Floats, Floats, Floats], Floats]]


@dataclass(frozen=True, eq=False, kw_only=True)
class LatentSpace:
    """A latent space: its `latents` float64 (rows, k), none without a file; its `centre` and `spread` float64 (k,), the
    origin and 1 of a prior; and rows to judge by.
    """

    codec: Codec
    group: str
    columns: tuple[str, ...]
    widths: Mapping[str, float]
    latents: Floats
    centre: Floats
    spread: Floats
    n_continuous: int
    categories: tuple[int, ...]
    arc_centre: Floats
    neighbours: Neighbours | None
    real: RealRows | None
    judge: Judge | None

    @classmethod
    def of(cls, codec: Codec, name: str, rows: EncodedRows, seed: int, judge: Judge | None) -> "LatentSpace":
        """That of the rows of a file.

        Raises:
            UsageError: all decoded columns are constant.
        """
        latents = rows.means.astype(np.float64)
        columns = tuple(codec.models[name].decoder.columns)  # type: ignore[union-attr]  # it was checked
        values = {column: rows.values[column] for column in columns}
        widths = {column: width for column in columns if (width := _width(values[column])) > 0}
        if not widths:
            raise UsageError(f"all columns of {name} are constant in these rows")
        points = in_widths(values, widths)
        neighbours = Neighbours.of(points, seed=seed)
        few = np.random.default_rng(seed).permutation(neighbours.numbers)[:REFERENCE_ROWS]
        again = decoded(codec, name, latents[few])
        restored = neighbours.distances(in_widths(again, widths), few)
        real = {column: values[column][few] for column in columns}
        with_prior = rows.posterior.kind in {"gaussian", "joint"}
        centre = _typical(latents, rows.n_continuous, rows.posterior.categories)
        return cls(
            codec=codec,
            group=name,
            columns=columns,
            widths=widths,
            latents=latents,
            centre=centre,
            spread=latents.std(axis=0),
            n_continuous=rows.n_continuous,
            categories=rows.posterior.categories,
            arc_centre=np.zeros_like(centre) if with_prior else centre,
            neighbours=neighbours,
            real=RealRows(
                n_rows=len(neighbours.numbers),
                n_reference=len(few),
                distance=float(np.median(neighbours.distances(points[few], few))),
                decoded_distance=float(np.median(restored)),
                far=float(np.percentile(restored, 95)),
                bits=None if judge is None else float(np.median(judge.bits(real))),
                decoded_bits=None if judge is None else float(np.median(judge.bits(again))),
            ),
            judge=judge,
        )

    @classmethod
    def of_prior(cls, codec: Codec, name: str, given: Any, judge: Judge | None) -> "LatentSpace":  # noqa: ANN401
        """That of the prior, which an archive knows too.

        Raises:
            UsageError: the latents have none.
        """
        said = posterior_of(codec, name)
        if said.kind not in {"gaussian", "joint"}:
            raise UsageError(
                f"the latents of {name} have no prior that tells their standard deviations",
                path=None if isinstance(given, Codec) else given,
                way_out="Name a file with rows, too",
            )
        model = codec.models[name]
        columns = tuple(model.decoder.columns)  # type: ignore[union-attr]  # it was checked
        n_continuous = model.n_latents - sum(said.categories)
        centre = _typical(np.zeros((1, model.n_latents)), n_continuous, said.categories)
        return cls(
            codec=codec,
            group=name,
            columns=columns,
            widths=_transformed_widths(codec, name),
            latents=np.empty((0, model.n_latents)),
            centre=centre,
            spread=np.ones_like(centre),
            n_continuous=n_continuous,
            categories=said.categories,
            arc_centre=np.zeros_like(centre),
            neighbours=None,
            real=None,
            judge=judge,
        )

    def lines(self) -> Lines:
        """The ways from one point to another."""
        return {
            "straight": straight,
            "spherical": lambda first, last, parts: spherical(first, last, parts, self.arc_centre),
        }

    def path(self, name: str, positions: Floats, latents: Floats) -> Path:
        """A path through latents (steps, k), decoded and judged."""
        values = decoded(self.codec, self.group, latents)
        points = in_widths(values, self.widths)
        length, relative = path_length(points)
        return Path(
            name=name,
            positions=positions,
            latents=latents,
            values=values,
            distances=None if self.neighbours is None else self.neighbours.distances(points),
            bits=None if self.judge is None else self.judge.bits(values),
            length=length,
            relative_length=relative,
        )

    def pairs(self, n: int, steps: int, seed: int) -> tuple[PairQuality, ...]:
        """What is half-way between `n` random pairs of rows, or as many as there are rows."""
        n = min(n, len(self.latents) // 2)
        if not n or self.neighbours is None or self.real is None:
            return ()
        order = np.random.default_rng(seed + 1).permutation(len(self.latents))
        firsts, lasts = self.latents[order[:n]], self.latents[order[n : 2 * n]]
        parts = np.linspace(0, 1, steps if steps % 2 else steps + 1)
        found = []
        for name, line in self.lines().items():
            walks = np.stack([line(first, last, parts) for first, last in zip(firsts, lasts, strict=True)])
            values = decoded(self.codec, self.group, walks.reshape(-1, walks.shape[2]))
            points = in_widths(values, self.widths).reshape(n, len(parts), -1)
            distances = self.neighbours.distances(points[:, len(parts) // 2])
            middles = {
                column: own.reshape(n, len(parts), *own.shape[1:])[:, len(parts) // 2] for column, own in values.items()
            }
            lengths = [path_length(own)[1] for own in points]
            found.append(
                PairQuality(
                    name=name,
                    n_pairs=n,
                    distance=float(np.median(distances)),
                    relative_distance=ratio(float(np.median(distances)), self.real.decoded_distance),
                    far=float(np.mean(distances > self.real.far)),
                    relative_length=median([own for own in lengths if np.isfinite(own)]) or float("nan"),
                    bits=None if self.judge is None else float(np.median(self.judge.bits(middles))),
                )
            )
        return tuple(found)


def _typical(latents: Floats, n_continuous: int, categories: Sequence[int]) -> Floats:
    """The mean (k,) of the continuous ones of latents (rows, k), and the most frequent categories."""
    found: Floats = latents.mean(axis=0)
    start = n_continuous
    for size in categories:
        found[start : start + size] = np.eye(size)[np.argmax(found[start : start + size])]
        start += size
    return found


def _width(values: NDArray[np.generic]) -> float:
    """Half the width of the central 68.27 %, or the standard deviation where that is zero."""
    given = values.astype(np.float64).reshape(-1)
    return half_widths(given)[0] or float(np.std(given))


def _transformed_widths(codec: Codec, name: str) -> dict[str, float]:
    """Half the way in each column from -1 to 1 of its scores, about a standard deviation; 1 where that is zero."""
    decoder = codec.models[name].decoder
    found = {}
    for column, transform in zip(decoder.columns, decoder.transforms, strict=True) if decoder is not None else ():
        low, high = transform.inverse(np.array([-1.0, 1.0]))
        found[column] = abs(float(high) - float(low)) / 2 or 1.0
    return found
