"""The cells of arrays under networks in numbers of Python, written from FORMAT.md alone."""

import math
import struct
from itertools import accumulate, product

from .grids_by_hand import is_special, predicted_code, seen, wrapped


class Cells:
    """What `cells/G` says of a column."""

    def __init__(self, network, view, offsets, inputs, predictors, flags):
        self.network, self.view, self.offsets, self.inputs = network, view, offsets, inputs
        self.predictors, self.predicted, self.mirrored = predictors, bool(flags & 2), bool(flags & 1)

    def paces(self, shape):
        steps = [(-offset[0], *offset[1:]) for offset in self.offsets]
        paces = [0] * (1 + len(shape))
        for k in reversed(range(len(paces))):
            for own in steps:
                if not any(own[:k]) and own[k] < 0:
                    later = 1 + sum(p * s for p, s in zip(paces[k + 1 :], own[k + 1 :], strict=True))
                    paces[k] = max(paces[k], math.ceil(later / -own[k]))
            if k == 1 and self.mirrored:
                paces[1] = max(paces[1], paces[2] + 1)
            if k == 1 and any(not taps for taps, _, _ in self.predictors):
                paces[1] = max(paces[1], paces[2] * (shape[1] - 1) + 1)
        return paces


def cells_of(parts, numbers, networks_of):
    """The cells of each column by number; `networks_of` reads stored networks."""
    assert len(parts) == 21
    description = numbers(parts[1])
    assert len(description) == int.from_bytes(parts[0], "little")
    networks, views = networks_of(parts[7:])
    (n_columns, *rest), headers = description, []
    for _ in range(n_columns):
        (column, n_axes, n_offsets, n_predictors, n_inputs, flags), rest = rest[:6], rest[6:]
        headers.append((column, n_axes, n_offsets, n_inputs, flags, rest[:n_predictors]))
        rest = rest[n_predictors:]
    assert rest == []
    offsets, inputs, taps, weights = map(numbers, parts[2:6])
    fills, found = numbers(parts[6]), {}
    for column, n_axes, n_offsets, n_inputs, flags, n_taps in headers:
        steps = [take(offsets, n_offsets) for _ in range(1 + n_axes)]
        kinds = [take(inputs, n_inputs) for _ in range(3)]
        predictors = []
        for n in n_taps:
            places = [place - 1 for place in accumulate(take(taps, n))]
            (fill,) = take(fills, 1)
            predictors.append(
                (places, [w / 4096 for w in take(weights, n)], struct.unpack("<d", struct.pack("<q", fill))[0])
            )
        own = list(zip(*steps, strict=True)), list(zip(*kinds, strict=True))
        assert networks[column].inputs == [(k, 0, -1) for k in range(n_inputs)]
        found[column] = Cells(networks[column], views[column], *own, predictors, flags)
    assert (offsets, inputs, taps, weights, fills) == ([], [], [], [], [])
    return found


def take(numbers, n):
    taken, numbers[:] = numbers[:n], numbers[n:]
    return taken


class Field:
    """The cells of a column in some rows, as they become known."""

    def __init__(self, cells, shape, grid, dtype, see):
        self.cells, self.shape, self.grid, self.dtype, self.see = cells, shape, grid, dtype, see
        self.codes, self.values, self.coded, self.points, self.errors = {}, {}, {}, {}, {}

    def read(self, stream, n_rows, restored):
        """All codes from a stream; `restored` gives the value of the next code."""
        paces = self.cells.paces(self.shape)
        places = product(range(n_rows), *map(range, self.shape))
        order = sorted(
            places, key=lambda cell: (sum(p * c for p, c in zip(paces, cell, strict=True)), cell[1:], cell[0])
        )
        for cell in order:
            numbers = [self.predict(own, cell) for own in self.cells.predictors]
            if self.cells.predicted:
                numbers += [numbers[0] + self.spread(cell), numbers[0] - self.spread(cell)]
            said = [predicted_code(number, self.grid, self.dtype) for number in numbers]
            base = self.base(cell, said)
            x = [self.input(entry, cell, said, base) for entry in self.cells.inputs]
            coded = self.coded[cell] = stream.next(self.cells.network.quantiles(x))
            code = coded if is_special(coded, self.grid) else wrapped(coded + base)
            self.codes[cell], self.values[cell] = code, restored(code)
            if self.cells.predicted:
                self.errors[cell] = abs(float(self.values[cell]) - numbers[0])
        stream.finish()

    def below(self, cell):
        return self.cells.mirrored and cell[2] < cell[1]

    def base(self, cell, said):
        if self.below(cell):
            code = self.codes[cell[0], cell[2], cell[1]]
            return 0 if is_special(code, self.grid) else code
        return said[0] if self.cells.predicted else 0

    def neighbour(self, number, cell):
        """The cell at an offset, or None."""
        offset = self.cells.offsets[number]
        other = (cell[0] - offset[0], *(c + s for c, s in zip(cell[1:], offset[1:], strict=True)))
        inside = other[0] >= 0 and all(0 <= c < z for c, z in zip(other[1:], self.shape, strict=True))
        return other if inside else None

    def predict(self, predictor, cell):
        taps, weights, fill = predictor
        if not taps:
            return self.distance(cell, fill)
        first, total = None, 0.0
        for tap, weight in zip(taps, weights, strict=True):
            other = self.neighbour(tap, cell)
            if other is None or not math.isfinite(self.values[other]):
                continue
            value = float(self.values[other])
            if first is None:
                first = value
            else:
                total += weight * (value - first)
        return (fill if first is None else first) + total

    def spread(self, cell):
        """The mean error of predictor 0 among the nearest neighbours."""
        near = [k for k, offset in enumerate(self.cells.offsets) if max(map(abs, offset)) <= 1]
        there = [other for k in near if (other := self.neighbour(k, cell)) is not None]
        errors = [self.errors[other] for other in there if math.isfinite(self.errors[other])]
        return sum(errors) / len(errors) if errors else 0.0

    def input(self, entry, cell, said, base):
        kind, number, symbol = entry
        if kind == 5:
            return 1024 * cell[1 + number] // self.shape[number] - 512
        if kind == 8:
            return 256 * self.below(cell)
        if kind in (6, 7):
            return self.see(kind, number, symbol, cell)
        alphabet = self.cells.view if kind in (2, 3) else self.cells.network.alphabet
        if kind <= 2:
            other = self.neighbour(number, cell)
            if other is None:
                return 0
            code = self.coded[other] if kind == 1 else self.codes[other]
            if kind == 0 and not is_special(code, self.grid):
                code = wrapped(code - base)
        else:
            number += len(self.cells.predictors) if kind == 9 else 0
            code = said[number] if kind == 3 else wrapped(said[number] - base)
        return seen(code, alphabet, symbol)

    def distance(self, cell, fill):
        row, i, j = cell
        if i < 3:
            return fill
        known, points = self.points.get(row, (0, None))
        for n_known in range(known + 1, i + 1):
            points = placed(points, n_known, lambda k, j: float(self.values[row, k, j]), self.shape[0])
        self.points[row] = i, points
        return length(points[i], points[j])


def length(one, other):
    dx, dy = one[0] - other[0], one[1] - other[1]
    return math.sqrt(dx * dx + dy * dy)


def placed(points, n_known, distance, m):
    """Points after so many rows of distances; before the first there are none."""
    if n_known == 1:
        return [[0.0, 0.0], *([distance(0, j), 0.0] for j in range(1, m))]
    points = [list(point) for point in points]
    if n_known == 2:
        a = points[1][0]
        for j in range(2, m):
            f, g = distance(0, j), distance(1, j)
            if a > 0:
                points[j][0] = ((f * f - g * g) + a * a) / (a + a)
            h = f * f - points[j][0] * points[j][0]
            points[j][1] = math.sqrt(h) if h > 0 else 0.0
        return points
    if n_known == 3:
        for j in range(3, m):
            above, below = length(points[j], points[2]), length(points[j], [points[2][0], -points[2][1]])
            if abs(below - distance(2, j)) < abs(above - distance(2, j)):
                points[j][1] = -points[j][1]
    for _, j in product(range(2), range(1, m)):
        points[j] = moved(points, j, n_known, distance)
    return points


def moved(points, j, n_known, distance):
    """A point after one step towards the distances of so many rows."""
    aa, bb, cc, gg, hh = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(n_known):
        size = length(points[j], points[k])
        if k == j or not size > 1e-30:
            continue
        dx, dy = (points[j][0] - points[k][0]) / size, (points[j][1] - points[k][1]) / size
        rest = distance(k, j) - size
        aa, bb, cc = aa + dx * dx, bb + dx * dy, cc + dy * dy
        gg, hh = gg + dx * rest, hh + dy * rest
    area = aa * cc - bb * bb
    if area > 1e-6 * aa * cc:
        return [points[j][0] + (cc * gg - bb * hh) / area, points[j][1] + (aa * hh - bb * gg) / area]
    return points[j]
