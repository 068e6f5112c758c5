"""Points of which the distances are given: what the rows of a matrix of distances say of those behind.

The first point lies in the origin, the second on an axis, the third on one side of it. Each row more moves every
point by a step of Gauss and Newton to where its distances to all points before say that it is. Every step is a single
IEEE operation, in a fixed order.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled

_f8, _i8 = numba.float64, numba.int64
_STEPS = 2
"""Steps for every row. Chosen by hand."""
_LEAST = 1e-30
Floats64: Any = NDArray[np.float64]


@compiled(numba.void(_f8[::1], _i8, _i8, _i8, _f8[:, :, ::1]))
def place_points(  # noqa: C901, PLR0912  the first points are others than those behind
    distances: NDArray[np.float64], n_points: int, n_rows: int, known: int, points: Floats64
) -> None:
    """Moves `points` (rows, points, 2) to where the first `known` rows of the matrices of `distances` (cells * rows,)
    say that they are; those of fewer rows are there already.
    """
    for row in range(n_rows):
        own = points[row]
        if known == 1:
            for j in range(n_points):
                own[j, 0], own[j, 1] = distances[j * n_rows + row], 0.0
            own[0, 0] = 0.0
            continue
        if known == 2:
            base = own[1, 0]
            for j in range(2, n_points):
                first, second = distances[j * n_rows + row], distances[(n_points + j) * n_rows + row]
                x = own[j, 0]
                if base > 0:
                    x = (first * first - second * second + base * base) / (base + base)
                height = first * first - x * x
                own[j, 0], own[j, 1] = x, np.sqrt(height) if height > 0 else 0.0
            continue
        if known == 3:
            # The third point lies on the positive side; the others on the side that their distances to it tell.
            for j in range(3, n_points):
                measured = distances[(2 * n_points + j) * n_rows + row]
                dx, up, down = own[j, 0] - own[2, 0], own[j, 1] - own[2, 1], own[j, 1] + own[2, 1]
                above, below = np.sqrt(dx * dx + up * up), np.sqrt(dx * dx + down * down)
                if abs(below - measured) < abs(above - measured):
                    own[j, 1] = -own[j, 1]
        for _ in range(_STEPS):
            for j in range(1, n_points):
                xx, xy, yy, gx, gy = 0.0, 0.0, 0.0, 0.0, 0.0
                for k in range(min(known, n_points)):
                    if k == j:
                        continue
                    dx, dy = own[j, 0] - own[k, 0], own[j, 1] - own[k, 1]
                    length = np.sqrt(dx * dx + dy * dy)
                    if not length > _LEAST:
                        continue
                    dx, dy = dx / length, dy / length
                    rest = distances[(k * n_points + j) * n_rows + row] - length
                    xx += dx * dx
                    xy += dx * dy
                    yy += dy * dy
                    gx += dx * rest
                    gy += dy * rest
                area = xx * yy - xy * xy
                if area > 1e-6 * xx * yy:
                    own[j, 0] += (yy * gx - xy * gy) / area
                    own[j, 1] += (xx * gy - xy * gx) / area


@compiled(numba.void(_i8[::1], _i8, _i8, _f8[:, :, ::1], _f8[::1]))
def distances_of(items: NDArray[np.int64], n_points: int, n_rows: int, points: Floats64, found: Floats64) -> None:
    """Fills `found` (n,) with the distances of `points` (rows, points, 2) that the cells `items` (n,) are."""
    for place in range(len(items)):
        cell, row = items[place] // n_rows, items[place] % n_rows
        i, j = cell // n_points, cell % n_points
        dx, dy = points[row, i, 0] - points[row, j, 0], points[row, i, 1] - points[row, j, 1]
        found[place] = np.sqrt(dx * dx + dy * dy)


class PointsOfRows:
    """The points of matrices of distances of `n_points` points in `n_rows` rows, as far as their rows are known."""

    def __init__(self, n_rows: int, n_points: int) -> None:
        self._n_rows, self._n_points, self._known = n_rows, n_points, 0
        self._points = np.zeros((n_rows, n_points, 2))

    def predict(
        self, items: NDArray[np.int64], distances: NDArray[np.float64], fill: float, found: NDArray[np.float64]
    ) -> None:
        """Fills `found` (n,) with what the rows before say of the cells `items` (n,), which are of one row of the
        matrices; `fill` where those are too few.
        """
        row = int(items[0]) // self._n_rows // self._n_points
        if row < self._known:
            self._known = 0
        while self._known < row:
            self._known += 1
            place_points(distances, self._n_points, self._n_rows, self._known, self._points)
        if row < 3:
            found[:] = fill
            return
        distances_of(items, self._n_points, self._n_rows, self._points, found)
