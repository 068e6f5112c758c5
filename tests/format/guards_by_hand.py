"""Moves and patches in numbers of Python, written from FORMAT.md alone.

Formulas are evaluated by the package, one row at a time; `tests/kinematics` holds them against that page.
"""

import json
import math
import struct

import numpy as np

from baler_vae.kinematics.formula import parse_formula

from .by_hand import Group, Stream, checked_parts_of, numbers, parts_of, tables_of
from .grids_by_hand import code_limit, code_of, is_special, of_bits, rounded, value_of

MODES = ((0, 1), (1, 3), (0, 5), (0, 2), (0, 4), (1, 4), (0, 16), (2, 6))


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
            n_tables = correction["moves"]["n_tables"] + correction["others"]["n_tables"] + correction["n_mode_tables"]
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
        n_own, n_others = correction["moves"]["n_tables"], correction["others"]["n_tables"]
        ratios = [self.ratio(lever[2], correction["n_mode_tables"]) for lever in levers]
        order = [[i for i in items if ratios[i] == number] for number in range(correction["n_mode_tables"])]
        modes = under_tables(parts[0], order, tables[n_own + n_others :])
        classes = [self.class_of(correction, modes[item], *lever[1:3]) for item, lever in enumerate(levers)]
        order = [[i for i in items if not modes[i] and classes[i] == number] for number in range(n_own)]
        order += [[i for i in items if modes[i] and classes[i] == number] for number in range(n_others)]
        codes = under_tables(parts[1], order, tables[: n_own + n_others])
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
    def in_order(changes):
        return sorted(range(len(changes)), key=lambda i: -abs(changes[i]))

    @classmethod
    def squares(cls, changes, mode):
        """The first of the changes of a mode, and the sum of their squares."""
        chosen, total = [changes[i] for i in cls.in_order(changes)[slice(*MODES[mode])]], 0.0
        for change in chosen:
            total += change * change
        return (chosen or [0.0])[0], total

    @classmethod
    def class_of(cls, correction, mode, h, changes):
        entry = correction["others" if mode else "moves"]
        if entry["n_tables"] == 1:
            return 0
        first, total = cls.squares(changes, mode)
        r = divided(divided(total, abs(first)), h)
        for _ in range(entry["fineness"]):
            r *= r
        e = math.frexp(r)[1] if math.isfinite(r) and r > 0 else -(2**20)
        return min(max(e - entry["first"], 0), entry["n_tables"] - 1)

    @classmethod
    def ratio(cls, changes, n_tables):
        first, total = cls.squares(changes, 6)
        u = (divided(total, first * first) - 1.0) * 8.0
        return min(math.floor(min(u, 15.0)) if u >= 0 else 0, n_tables - 1)

    def move(self, correction, places, h, changes, widths, mode, k):
        total = self.squares(changes, mode)[1]
        for i in self.in_order(changes)[slice(*MODES[mode])]:
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


def under_tables(data, order, tables):
    """The codes of items in some order, by item: those under each of the tables, one after the other in one stream."""
    if not data:
        assert not any(order)
        return {}
    stream = Stream(data, tables[0][0])
    codes = {}
    for items, (alphabet, frequencies) in zip(order, tables, strict=True):
        stream.use(alphabet)
        codes |= {item: stream.next(frequencies) for item in items}
    stream.finish()
    return codes


def divided(a, b):
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


def evaluated(formula, values):
    """A formula of one row."""
    return float(formula.evaluate({name: np.array([value]) for name, value in values.items()})[0])
