"""Codes under tables in context, read by whole numbers of Python from FORMAT.md alone."""

from itertools import accumulate, pairwise

import numpy as np

from baler_vae.kinematics.formula import parse_formula

from .by_hand import alphabets_of, checked_parts_of, numbers, parts_of, restored, root_of_two, tables_of, under_table
from .grids_by_hand import centre_of, holds_everything, is_special, predicted_code, wrapped

NO_BASE, OWN, PREDICTED, REMAINING, RANK = -5, -4, -3, -2, -1
FIRST_ALONE = -(2**63) + 16


class Context:
    """The description of one column, taken from the numbers of all."""

    def __init__(self, described):
        self.column, self.base, self.lag, self.n_tables, n_alone, n_factors = (next(described) for _ in range(6))
        self.alone = [next(described) for _ in range(n_alone)]
        self.factors = [[next(described) for _ in range(5)] for _ in range(n_factors)]

    def fill(self, edges, alphabet, tables, levels):
        self.alphabet, self.edges = alphabet, []
        for *_, n_edges in self.factors:
            self.edges.append(list(accumulate(next(edges) for _ in range(n_edges))))
        self.sizes = [len(own) + 1 + factor[1] for own, factor in zip(self.edges, self.factors, strict=True)]
        n_contexts = 1
        for size in self.sizes:
            n_contexts *= size
        self.table_of = [next(tables) for _ in range(n_contexts)]
        n_symbols, before = len(alphabet[0]) + 1, None
        self.bits = 12 if n_symbols <= 64 else 14
        self.tables = []
        for _ in range(self.n_tables):
            own = [next(levels) for _ in range(n_symbols)]
            before = own if before is None else [(a + b) % 256 for a, b in zip(before, own, strict=True)]
            weights = [root_of_two(16 * 24 - 4 * level) for level in before]
            found = [1 + weight * (2**self.bits - n_symbols) // sum(weights) for weight in weights]
            found[before.index(min(before))] += 2**self.bits - sum(found)
            self.tables.append(list(accumulate(found, initial=0)))


def contexts_of(parts):
    """The context of each column, by its number."""
    description, edges, *alphabets, tables, levels = parts
    described = numbers(description[4:])
    assert len(described) == int.from_bytes(description[:4], "little")
    described = iter(described)
    found = [Context(described) for _ in range(next(described))]
    edges, tables, levels = (iter(numbers(edges)), iter(numbers(tables, np.uint8)), iter(numbers(levels, np.uint8)))
    for context, alphabet in zip(found, alphabets_of(alphabets), strict=True):
        context.fill(edges, alphabet, tables, levels)
    assert [list(left) for left in (described, edges, tables, levels)] == [[], [], [], []]
    return {context.column: context for context in found}


def lanes_of(n_rows, ranks):
    """The rows of each lane."""
    starts = [0]
    for lane in (1, 2, 3) if n_rows >= 2048 else ():
        first = n_rows * lane // 4
        while first < n_rows and ranks[first]:
            first += 1
        starts.append(first)
    return [range(*pair) for pair in pairwise([*starts, n_rows])]


def leb128(data):
    """A number, and the bytes behind it."""
    number = place = 0
    while True:
        number |= (data[place] & 127) << 7 * place
        place += 1
        if data[place - 1] < 128:
            return number, data[place:]


class Lane:
    """The codes of one lane: the state, the words and the bits that are left to read."""

    def __init__(self, context, state, words, bits):
        self.context, self.state, self.words, self.bits = context, state, words, bits

    def next(self, number):
        """The symbol and the code, modulo 2^64, that come next in a context."""
        context, quantiles = self.context, self.context.tables[self.context.table_of[number]]
        slot = self.state % 2**context.bits
        symbol = max(k for k in range(len(quantiles) - 1) if quantiles[k] <= slot)
        size = quantiles[symbol + 1] - quantiles[symbol]
        self.state = size * (self.state >> context.bits) + slot - quantiles[symbol]
        if self.state < 2**16:
            self.state = self.state * 2**16 + self.words.pop(0)
        starts, widths = [*context.alphabet[0], 0], [*context.alphabet[1], 64]
        code = wrapped(starts[symbol] + self.bits % 2 ** widths[symbol])
        self.bits >>= widths[symbol]
        return symbol, code

    def finish(self):
        assert (self.state, self.words, self.bits) == (2**16, [], 0)


def lanes_in(data, n_lanes, context):
    """The lanes of a stream."""
    sizes, states, words = [], [], []
    for _ in range(2 * n_lanes):
        size, data = leb128(data)
        sizes.append(size)
    for _ in range(n_lanes):
        states.append(int.from_bytes(data[:4], "little"))
        data = data[4:]
    for n_words in sizes[::2]:
        words.append([int.from_bytes(data[2 * k : 2 * k + 2], "little") for k in range(n_words)])
        data = data[2 * n_words :]
    n_bits, bits, found = sizes[1::2], int.from_bytes(data, "little"), []
    assert len(data) == (sum(n_bits) + 7) // 8
    for state, own_words, n_own_bits in zip(states, words, n_bits, strict=True):
        found.append(Lane(context, state, own_words, bits % 2**n_own_bits))
        bits >>= n_own_bits
    assert bits == 0
    return found


def codes_of(data, context, grid, ranks, remaining, sources, predicted):
    """The codes of a column; `sources` by number, `predicted` those of a formula or None."""
    n_rows, codes = len(ranks), [0] * len(ranks)
    lanes = lanes_of(n_rows, ranks)
    for rows, lane in zip(lanes, lanes_in(data, len(lanes), context), strict=True):
        for row in rows:
            base = base_of(row, context, codes, ranks, sources, predicted)
            number = 0
            for factor, edges, size in zip(context.factors, context.edges, context.sizes, strict=True):
                seen = looked_at(row, factor, codes, ranks, remaining, sources, base)
                number = number * size + (
                    size - 1 if seen is None else sum(edge <= seen >> factor[3] for edge in edges)
                )
            codes[row] = added(lane.next(number)[1], base, context, grid)
        lane.finish()
    return codes


def added(coded, base, context, grid):
    if base is None or is_special(coded, grid):
        return coded
    if not holds_everything(grid) and 0 <= coded - FIRST_ALONE < len(context.alone):
        return context.alone[coded - FIRST_ALONE]
    return wrapped(coded + base)


def base_of(row, context, codes, ranks, sources, predicted):
    if predicted is not None or context.base == NO_BASE:
        return None if predicted is None else predicted[row]
    if context.lag and not ranks[row]:
        return 0
    code = (codes if context.base == OWN else sources[context.base])[row - context.lag]
    return code if abs(code) <= 2**61 else 0


def looked_at(row, factor, codes, ranks, remaining, sources, base):
    source, lag, relative, *_ = factor
    if source in (RANK, REMAINING):
        return (ranks if source == RANK else remaining)[row]
    if source == PREDICTED:
        return base
    if lag and not ranks[row]:
        return None
    code = (codes if source == OWN else sources[source])[row - lag]
    return wrapped(code - base) if relative else code


def collection(contents, manifest, number, events, counts):
    """The restored columns of a jagged group, all of whose columns are under tables, most of them in context."""
    group = manifest["groups"][number]
    ranks = [rank for count in counts for rank in range(count)]
    remaining = [count - 1 - rank for count in counts for rank in range(count)]
    contexts = contexts_of(parts_of(contents[f"contexts/{number}"]))
    parts = checked_parts_of(contents[f"groups/{number}/0"])
    section = contents.get(f"tables/{number}")
    tables = iter(tables_of(parts_of(section)) if section else ())
    own_tables = {place: next(tables) for place, own in enumerate(group["columns"]) if own["coding"] == "table-1"}
    sources = {len(group["columns"]) + place: np.repeat(own, counts).tolist() for place, own in events.items()}
    values, waiting = {}, list(range(len(parts)))
    while waiting:
        place = waiting.pop(0)
        column, context = group["columns"][place], contexts.get(place)
        seen = {factor[0] for factor in context.factors} | {context.base} if context else set()
        formula = parse_formula(column["formula"]) if column["formula"] else None
        missing = {source for source in seen if source >= 0} - sources.keys()
        if missing or (formula and not set(formula.names) <= values.keys()):
            waiting.append(place)
            continue
        grid, dtype, data, verbatim = column["grid"], np.dtype(column["dtype"]), parts[place], []
        if not holds_everything(grid):
            size = int.from_bytes(data[:4], "little")
            verbatim, data = numbers(data[8 : 4 + size], np.uint64) if size else [], data[4 + size :]
        predicted, shifts = None, [None] * len(ranks)
        if formula:
            found = formula.evaluate({name: values[name] for name in formula.names})
            predicted = [predicted_code(one, grid, dtype) for one in found]
            shifts = [centre_of(one, grid, dtype) for one in found]
        if context:
            sources[place] = codes_of(data, context, grid, ranks, remaining, sources, predicted)
        else:
            sources[place] = under_table(data, own_tables[place], len(ranks))
        own = iter(verbatim)
        found = [restored(code, grid, dtype, own, shift=u) for code, u in zip(sources[place], shifts, strict=True)]
        values[column["name"]] = np.array(found, dtype)
    return values
