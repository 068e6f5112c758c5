"""Codes and values of grids in numbers of Python, written from FORMAT.md alone."""

import math
from bisect import bisect_right
from fractions import Fraction
from functools import cache
from itertools import accumulate

import numpy as np

SPECIAL = {-(2**63) + 1: math.nan, -(2**63) + 2: math.inf, -(2**63) + 3: -math.inf, -(2**63) + 4: -0.0}
VERBATIM = -(2**63)


def position(code, alphabet):
    below = [number for number, start in enumerate(alphabet[0]) if start <= code]
    if not below:
        return 0
    start, shift = alphabet[0][below[-1]], alphabet[1][below[-1]]
    return 64 * below[-1] + 64 * min(code - start, 2**shift - 1) // 2**shift


def seen(code, alphabet, symbol):
    """The value of an input that sees a code in an alphabet."""
    p = position(code, alphabet)
    return 256 * (p // 64 == symbol) if symbol >= 0 else 16 * p // len(alphabet[0]) - 512


def holds_everything(grid):
    return grid["kind"] == "integers" or grid["parameters"].get("shift") == 0


def is_special(code, grid):
    return code <= -(2**63) + 4 and not holds_everything(grid)


def wrapped(code):
    """A code modulo 2^64."""
    return (code + 2**63) % 2**64 - 2**63


def rounded(number, dtype):
    """A number rounded to a dtype."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return dtype.type(number)
    if dtype.kind == "b":
        return np.bool_(number != 0)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    high = high if int(float(high)) <= high else int(math.nextafter(float(high), 0))
    return dtype.type(round(min(max(number, low), high)))


def code_limit(grid):
    """What ordinary codes stay below, where not all codes are ordinary."""
    return 2**61 // grid["parameters"].get("parts", 1)


def shift_of(grid, row):
    """By how many fine steps the cells of a row are shifted."""
    parts, z = grid["parameters"]["parts"], (grid["parameters"]["key"] + (row + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return ((z ^ z >> 31) >> 32) * parts >> 32


def centre_of(number, grid, dtype):
    """By how many fine steps the cells of a row are shifted of which a number was predicted; None of other grids."""
    if "centred" not in grid["kind"]:
        return None
    size, parts = abs(plain_code_of(foreseen(number, dtype), fine_of(grid), dtype)), grid["parameters"]["parts"]
    return next(u for u in range(parts) if (size + u + (parts - 1) // 2) % parts == 0) if size else 0


def value_of(code, grid, dtype, row=0, shift=None):
    """The value of an ordinary code, in a row of its table, whose cells have a shift if that does not follow."""
    own = grid["parameters"]
    if "parts" in own:
        shift = shift_of(grid, row) if shift is None else shift
        size = max(1, abs(code) * own["parts"] - shift - (own["parts"] - 1) // 2) if code else 0
        return on_plain_grid(-size if code < 0 else size, fine_of(grid), dtype)
    return on_plain_grid(code, grid, dtype)


def on_plain_grid(code, grid, dtype):
    """The value of a code on a grid whose cells are the same in all rows."""
    kind, own = grid["kind"], grid["parameters"]
    if kind == "integers":
        return np.bool_(code) if dtype.kind == "b" else of_bits(code, dtype)
    if kind == "pattern":
        return pattern_value(code, own["shift"], dtype)
    if kind == "decimal":
        return rounded(float(code) / 10.0 ** own["digits"], dtype)
    if kind == "step" and dtype.kind != "f":
        return of_bits(code * max(1, int(own["step"])), dtype)
    if kind == "step":
        return rounded(float(code) * own["step"], dtype)
    size = Logarithmic(own["relative"], own["floor"]).size(abs(code))
    return rounded(-size if code < 0 else size, dtype)


def fine_of(grid):
    """The fine grid of a dithered or centred one."""
    return {"kind": grid["kind"].split("-")[1], "parameters": grid["parameters"]}


def code_of(value, grid, dtype, row=0, shift=None):
    """The code of a finite value of the dtype, in a row of its table."""
    own = grid["parameters"]
    if "parts" in own:
        fine, shift = plain_code_of(value, fine_of(grid), dtype), shift_of(grid, row) if shift is None else shift
        size = (abs(fine) + shift + own["parts"] - 1) // own["parts"] if fine else 0
        return -size if fine < 0 else size
    return plain_code_of(value, grid, dtype)


def plain_code_of(value, grid, dtype):
    """The code of a value on a grid whose cells are the same in all rows."""
    kind, own = grid["kind"], grid["parameters"]
    if kind == "integers":
        return wrapped(int(value))
    if kind == "pattern":
        return pattern_code(value, own["shift"], dtype)
    if kind == "decimal":
        return limited(float(value) * 10.0 ** own["digits"])
    if kind == "step" and dtype.kind != "f":
        step = max(1, int(own["step"]))
        return int(value) // step + (int(value) % step > step // 2)
    if kind == "step":
        return limited(float(value) / own["step"])
    code = Logarithmic(own["relative"], own["floor"]).code(abs(float(value)))
    return -code if value < 0 else code


def foreseen(number, dtype):
    """A predicted number as a value of the dtype."""
    number = 0.0 if math.isnan(number) else number
    if dtype.kind == "f":
        number = min(max(number, float(np.finfo(dtype).min)), float(np.finfo(dtype).max))
    return rounded(number, dtype)


def predicted_code(number, grid, dtype):
    """The code that a number predicts."""
    code = code_of(foreseen(number, dtype), grid, dtype, shift=centre_of(number, grid, dtype))
    return code if holds_everything(grid) else min(max(code, -(2**61)), 2**61)


def limited(number):
    return round(min(max(number, -(2.0**61)), 2.0**61))


def of_bits(number, dtype):
    bits = np.dtype(f"u{dtype.itemsize}")
    return np.array(number % 2 ** (8 * bits.itemsize), bits).view(dtype)[()]


def pattern_value(code, shift, dtype):
    width = 8 * dtype.itemsize
    size = code if code >= 0 else -1 - code
    infinity = int(np.array(math.inf, dtype).view(f"u{dtype.itemsize}"))
    size = min(size * 2**shift, infinity) if shift else size % 2 ** (width - 1)
    return of_bits(size + (2 ** (width - 1) if code < 0 else 0), dtype)


def pattern_code(value, shift, dtype):
    width = 8 * dtype.itemsize
    sign, size = divmod(int(np.array(value, dtype).view(f"u{dtype.itemsize}")), 2 ** (width - 1))
    code = size // 2**shift + (size // 2 ** (shift - 1) % 2 if shift else 0)
    return -1 - code if sign else code


@cache
class Logarithmic:
    """The sizes of codes on a grid of steps that grow with the value."""

    def __init__(self, relative, floor):
        v = [0.5 / (relative * (1024 + j)) for j in range(1024)]
        total = 0.0
        for one in v:
            total += one
        self.n = math.ceil(total)
        self.w = [one * (self.n / total) for one in v]
        self.s = list(accumulate(self.w[:-1], initial=0.0))
        self.floor, self.threshold = floor, floor / relative if floor else 0.0
        self.last, self.x, self.b, self.f = 0, -1074, 1, 0.0
        if floor:
            self.last = math.floor(0.5 / relative)
            m, x = math.frexp(self.threshold)
            m, self.x = 2 * m, x - 1
            p = (m - 1) * 1024
            j = math.floor(p)
            o = 0.5 / relative - (self.s[j] + (p - j) * self.w[j])
            self.b = math.floor(o)
            self.f = o - self.b

    def size(self, a):
        if a <= self.last:
            return float(a) * (2 * self.floor)
        k, i = divmod(a - self.b, self.n)
        inside, h = float(i) - self.f, 1.0
        if inside < 0:
            inside, h = inside + float(self.n), 0.5
        j = bisect_right(self.s, inside) - 1
        m = h * (1 + (float(j) + (inside - self.s[j]) / self.w[j]) / 1024)
        e = k + self.x
        return m * math.inf if e > 1023 else m * float(Fraction(2) ** max(e, -1074))

    def code(self, a):
        if a <= self.threshold:
            return round(a / (2 * self.floor)) if self.floor else 0
        m, e = math.frexp(a)
        p, e = (2 * m - 1) * 1024, e - 1
        j = math.floor(p)
        return (e - self.x) * self.n + self.b + round((self.s[j] + (p - j) * self.w[j]) + self.f)
