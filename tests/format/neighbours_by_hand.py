"""Cells of arrays under tables that their neighbours choose, read by whole numbers of Python from FORMAT.md alone."""

from itertools import product
from math import prod

import numpy as np

from .by_hand import checked_parts_of, numbers, parts_of, restored
from .contexts_by_hand import added, contexts_of, lanes_in
from .grids_by_hand import holds_everything, is_special, wrapped

PREDICTED, SIDE = -3, -1


class Neighbours:
    """The description of one column, taken from the numbers of all."""

    def __init__(self, described, columns):
        self.column, self.mirrored, self.shift, n_sums = (next(described) for _ in range(4))
        self.shape = columns[self.column]["shape"]
        self.taps, *self.sums = (
            [self._neighbour(described) for _ in range(next(described))] for _ in range(1 + n_sums)
        )

    def _neighbour(self, described):
        weight, back, *steps = (next(described) for _ in range(2 + len(self.shape)))
        return weight, (-back, *steps)


def neighbours_of(section, columns):
    """What is said of each column, by its number."""
    description, marks, *contexts = parts_of(section)
    described = numbers(description[4:])
    assert len(described) == int.from_bytes(description[:4], "little")
    described, marks, found = iter(described), iter(numbers(marks)), {}
    for column, context in contexts_of(contexts).items():
        own = found[column] = Neighbours(described, columns)
        assert (own.column, context.base) == (column, -5)
        own.context, own.marks = context, [next(marks) for _ in range(len(context.alphabet[0]) + 1)]
    assert [list(described), list(marks)] == [[], []]
    return found


def codes_of(data, own, grid, n_rows):
    """The codes of all cells, row by row in C order."""
    context, n_cells = own.context, prod(own.shape)
    looks_back = any(step[0] for taps in (own.taps, *own.sums) for _, step in taps)
    n_lanes = 4 if n_rows * n_cells >= 2048 and not looks_back else 1
    lanes = [range(n_rows * k // n_lanes, n_rows * (k + 1) // n_lanes) for k in range(n_lanes)]
    seen, marks, codes = {}, {}, {}
    for rows, lane in zip(lanes, lanes_in(data, n_lanes, context), strict=True):
        for row, place in product(rows, product(*map(range, own.shape))):
            cell = (row, *place)
            first, predicted = predicted_of(cell, own, grid, seen)
            number = 0
            for (source, _, _, shift, _), edges, size in zip(
                context.factors, context.edges, context.sizes, strict=True
            ):
                value = looked_at(cell, source, own, marks, predicted)
                number = number * size + sum(edge <= value >> shift for edge in edges)
            symbol, coded = lane.next(number)
            code = codes[cell] = added(coded, predicted, context, grid)
            marks[cell] = own.marks[symbol]
            seen[cell] = first if is_special(code, grid) else code
        lane.finish()
    return [*codes.values()]


def moved(cell, steps):
    return tuple(at + step for at, step in zip(cell, steps, strict=True))


def predicted_of(cell, own, grid, seen):
    """How the first neighbour that is there is seen, and what is predicted of a cell."""
    if own.mirrored and cell[1] > cell[2]:
        first = predicted = seen[cell[0], cell[2], cell[1]]
    else:
        there = [(weight, seen[moved(cell, steps)]) for weight, steps in own.taps if moved(cell, steps) in seen]
        first = there[0][1] if there else 0
        total = sum(weight * wrapped(code - first) for weight, code in there[1:])
        predicted = wrapped(first + (wrapped(total + 2**own.shift // 2) >> own.shift))
    return first, predicted if holds_everything(grid) or abs(predicted) <= 2**61 else 0


def looked_at(cell, source, own, marks, predicted):
    if source == PREDICTED:
        return predicted
    if source == SIDE:
        return (cell[1] >= cell[2]) + (cell[1] > cell[2])
    if source >= len(own.sums):
        return cell[1 + source - len(own.sums)]
    there = [marks[moved(cell, steps)] for _, steps in own.sums[source] if moved(cell, steps) in marks]
    first = there[0] if there else 0
    return sum(weight * marks.get(moved(cell, steps), first) for weight, steps in own.sums[source])


def arrays(contents, manifest):
    """The restored columns of group 0 whose neighbours choose their tables, by name: all row groups, in their order."""
    columns = manifest["groups"][0]["columns"]
    models, found = neighbours_of(contents["neighbours/0"], columns), {}
    assert [*models] == [k for k, column in enumerate(columns) if column["coding"] == "neighbours-1"]
    for group, (n_rows, *_) in enumerate(manifest["row_groups"]):
        parts = checked_parts_of(contents[f"groups/0/{group}"])
        for place, own in models.items():
            column, data, verbatim = columns[place], parts[place], []
            grid, dtype = column["grid"], np.dtype(column["dtype"])
            if not holds_everything(grid):
                size = int.from_bytes(data[:4], "little")
                verbatim, data = numbers(data[8 : 4 + size], np.uint64) if size else [], data[4 + size :]
            left = iter(verbatim)
            values = [restored(code, grid, dtype, left) for code in codes_of(data, own, grid, n_rows)]
            assert next(left, None) is None
            found.setdefault(column["name"], []).append(np.array(values, dtype).reshape(n_rows, *own.shape))
    return {name: np.concatenate(values) for name, values in found.items()}
