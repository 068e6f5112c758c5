"""Moves and patches in numbers of Python, written from FORMAT.md alone.

Formulas are evaluated by the package, one row at a time; `tests/kinematics` holds them against that page.
"""

import json
import math
import struct

import numpy as np

from baler_vae.kinematics.formula import parse_formula

from .by_hand import Group, checked_parts_of, numbers, parts_of, tables_of, under_table
from .grids_by_hand import code_limit, code_of, is_special, of_bits, rounded, value_of

MODES = ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (1, 3), (0, 16))


def guarded(contents):
    """The values of all columns of an archive of one row group, by name, as a reader gets them."""
    manifest = json.loads(contents["manifest.json"])
    found, events, groups = {}, {}, manifest["groups"]
    for number, group in enumerate(groups):
        counts = found[group["counter"]].tolist() if number else None
        decoded = Group(contents, number, None, counts)
        arrays = {column["name"]: decoded.values(place) for place, column in enumerate(group["columns"])}
        if "guard" in group:
            arrays = Guarded(contents, number, group, arrays, events, counts).arrays
        events = events or arrays
        found |= arrays
    return found


class Guarded:
    """A group after its corrections and patches."""

    def __init__(self, contents, number, group, arrays, events, counts):
        self.columns = {column["name"]: column for column in group["columns"]}
        self.arrays = {name: list(array) for name, array in arrays.items()}
        self.events, self.counts = events, counts
        self.n_rows = len(next(iter(arrays.values())))
        guard = group["guard"]
        n_own = sum(column["coding"] is not None for column in group["columns"])
        parts = checked_parts_of(contents[f"groups/{number}/0"])[n_own:]
        assert len(parts) == len(guard["corrections"]) + bool(guard["patched"]) + len(guard["patched"])
        section = contents.get(f"corrections/{number}")
        tables = tables_of(parts_of(section)) if section else []
        for correction in guard["corrections"]:
            n_tables = correction["n_tables"] + 2
            own, tables, part, *parts = tables[:n_tables], tables[n_tables:], *parts
            if part:
                self.correct(correction, own, parts_of(part))
        assert tables == []
        if guard["patched"]:
            self.patch(guard["patched"], *parts)
        self.arrays = {name: np.array(values, self.columns[name]["dtype"]) for name, values in self.arrays.items()}

    def correct(self, correction, tables, parts):
        cells, tails = correction["cells"], correction["tails"]
        of_events = bool(tails) or any(cell["row"] is not None for cell in cells.values())
        items = range(len(self.counts) if of_events else self.n_rows)
        levers = [self.lever(correction, item, of_events) for item in items]
        classes = [self.class_of(correction, *lever[1:3]) for lever in levers]
        modes = under_table(parts[0], tables[-1], len(items))
        codes = {}
        streams = [[i for i in items if modes[i] == 0 and classes[i] == own] for own in range(correction["n_tables"])]
        streams.append([i for i in items if modes[i]])
        for own, table, part in zip(streams, tables[:-1], parts[1:], strict=True):
            codes |= zip(own, under_table(part, table, len(own)), strict=True)
        for item, (places, h, changes, widths) in enumerate(levers):
            code = codes[item]
            self.move(correction, places, h, changes, widths, modes[item], -(code + 1) // 2 if code % 2 else code // 2)

    def lever(self, correction, item, of_events):
        """The rows of what may move, the step, and changes and widths."""
        cells, formula = correction["cells"], parse_formula(correction["formula"])
        values = {name: self.cell(cell, item, of_events) for name, cell in cells.items()}
        values |= {name: self.tail(tail, item) for name, tail in correction["tails"].items()}
        q = evaluated(formula, values)
        h = math.nan if math.isnan(q) else max(correction["relative"] * abs(q), correction["absolute"])
        places, changes, widths = [], [], []
        for name in correction["movable"]:
            place = self.place(cells[name], item)
            places.append(place)
            widths.append(0.0 if place is None else self.width(cells[name]["column"], place))
            change = evaluated(formula, {**values, name: values[name] + widths[-1]}) - q
            changes.append(change if math.isfinite(change) else 0.0)
        return places, h, changes, widths

    def place(self, cell, item):
        """The row of a cell of the group."""
        if cell["row"] is None:
            return item
        return sum(self.counts[:item]) + cell["row"] if self.counts[item] > cell["row"] else None

    def cell(self, cell, item, of_events):
        if cell["column"] not in self.columns:
            event = item if self.counts is None or of_events else self.event(item)
            return float(self.events[cell["column"]][event])
        place = self.place(cell, item)
        return math.nan if place is None else float(self.arrays[cell["column"]][place])

    def event(self, row):
        return next(event for event in range(len(self.counts)) if sum(self.counts[: event + 1]) > row)

    def tail(self, tail, item):
        formula, total, first = parse_formula(tail["formula"]), 0.0, sum(self.counts[:item])
        for row in range(first + tail["first"], first + self.counts[item]):
            total += evaluated(formula, {name: float(self.arrays[name][row]) for name in formula.names})
        return total

    def width(self, name, row):
        x, grid, dtype = self.arrays[name][row], self.columns[name]["grid"], np.dtype(self.columns[name]["dtype"])
        if not math.isfinite(x):
            return 0.0
        code = code_of(x, grid, dtype, row)
        if abs(code) >= code_limit(grid) or value_of(code, grid, dtype, row).tobytes() != x.tobytes():
            return 0.0
        assert not is_special(code, grid)
        width = float(value_of(code + 1, grid, dtype, row)) - float(x)
        return width if math.isfinite(width) else 0.0

    @staticmethod
    def class_of(correction, h, changes):
        if correction["n_tables"] == 1:
            return 0
        r = divided(max(map(abs, changes)), h)
        s = r * r
        e = math.frexp(s)[1] if math.isfinite(s) and s else -(2**20)
        return min(max(e - correction["first_class"], 0), correction["n_tables"] - 1)

    def move(self, correction, places, h, changes, widths, mode, k):
        order = sorted(range(len(changes)), key=lambda i: -abs(changes[i]))
        chosen, total = order[slice(*MODES[mode])], 0.0
        for i in chosen:
            total += changes[i] * changes[i]
        for i in chosen:
            share = changes[i] * divided(float(k) * h, total)
            if math.isfinite(share) and share and places[i] is not None:
                name = correction["cells"][correction["movable"][i]]["column"]
                x, dtype = self.arrays[name][places[i]], np.dtype(self.columns[name]["dtype"])
                self.arrays[name][places[i]] = rounded(float(x) + share * widths[i], dtype)

    def patch(self, names, of_rows, *parts):
        n_patched = struct.unpack_from("<I", of_rows)[0] if of_rows else 0
        rows = np.cumsum(numbers(of_rows[4:])).tolist() if of_rows else []
        assert len(rows) == n_patched
        for name, part in zip(names, parts, strict=True):
            for row, change in zip(rows, numbers(part), strict=True) if part else ():
                x = self.arrays[name][row]
                bits = int(np.array(x).view(f"u{x.dtype.itemsize}"))
                self.arrays[name][row] = of_bits(bits + change, x.dtype)


def divided(a, b):
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


def evaluated(formula, values):
    """A formula of one row."""
    return float(formula.evaluate({name: np.array([value]) for name, value in values.items()})[0])
