"""The grid whose steps grow with the value."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baler_vae.grid.numbers import Floats64, Integers64, Values, is_compiled, to_codes, to_dtype

if TYPE_CHECKING:
    from baler_vae.grid.kernels import PackedLayout, PackedNumbers

SEGMENTS = 1024
"""Pieces of the logarithm in an octave; part of what the grid means, so that it cannot change."""
LEAST_RELATIVE = 2.0**-50
"""Finer relative steps could not be told from those of float64; part of format 1."""

_LOWEST_EXPONENT = -1074
_POWERS_OF_TWO = np.array([*(math.ldexp(1.0, k) for k in range(_LOWEST_EXPONENT, 1024)), math.inf])
_LARGEST_TABLE = 1 << 16
"""Steps of an octave up to which their mantissas are kept in a table."""


@dataclass(frozen=True)
class Logarithmic:
    """Steps of 2 `floor` up to abs(x) = `floor` / `relative`, of about 2 `relative` abs(x) beyond; odd in x.

    Without a floor (0) zero has code 0 and all other values are beyond, counted from the smallest subnormal of float64.
    The logarithm is piecewise linear in the mantissa: exact on every machine, and its steps are nowhere wider than
    those of the true one.
    """

    relative: float
    floor: float = 0.0

    kind: ClassVar = "logarithmic"
    holds_everything: ClassVar = False

    def __post_init__(self) -> None:
        if not LEAST_RELATIVE <= self.relative < 1:
            raise ValueError(f"a logarithmic grid cannot have relative steps of {self.relative}")
        if not 0 <= self.floor <= self.floor / self.relative < math.inf:
            raise ValueError(
                f"a logarithmic grid of relative steps {self.relative} cannot have a floor of {self.floor}"
            )

    def quantise(self, values: Values) -> Integers64:
        """The codes (rows,) nearest to values (rows,)."""
        layout = _layout(self.relative, self.floor)
        if is_compiled(values.dtype, len(values)) and layout.table is not None:
            return self._compiled_codes(values, layout)
        return self._codes(values, layout)

    def settled(self, values: Values, bound: tuple[float, float]) -> tuple[Integers64, Values, Integers64] | None:
        """The codes (rows,) of values (rows,), what these give back (rows,), and the numbers int64 (n,) of the rows for
        which nobody has checked that this is finite, keeps a `bound` (relative, absolute), and has the same code again.
        None where there is no compiled code for the dtype, or so few rows.
        """
        layout = _layout(self.relative, self.floor)
        if not is_compiled(values.dtype, len(values)) or layout.table is None:
            return None
        from baler_vae.grid import kernels  # noqa: PLC0415 - numba takes half a second to import

        is_single = values.dtype.itemsize == 4
        quantise = kernels.quantise_floats if is_single else kernels.quantise_doubles
        restore = kernels.restore_floats if is_single else kernels.restore_doubles
        judge = kernels.judge_floats if is_single else kernels.judge_doubles
        own, numbers = self._packed(layout, bound)
        values, restored = np.ascontiguousarray(values), np.empty_like(values)
        codes, again, others = (np.empty(len(values), np.int64) for _ in range(3))
        quantise(values, codes, own, numbers)
        restore(codes, restored, own, numbers, _POWERS_OF_TWO)
        quantise(restored, again, own, numbers)
        n_others = judge(values, restored, codes, again, numbers, others)
        return codes, restored, others[:n_others]

    def _packed(
        self, layout: "_Layout", bound: tuple[float, float] = (0.0, 0.0)
    ) -> "tuple[PackedLayout, PackedNumbers]":
        """The grid, and what a bound allows, as the kernels take them."""
        table = np.empty(0) if layout.table is None else layout.table
        whole = layout.n_steps, layout.base, layout.exponent, layout.n_linear
        return (layout.starts, layout.widths, table, *whole), (layout.fraction, layout.threshold, self.floor, *bound)

    def _compiled_codes(self, values: Values, layout: "_Layout") -> Integers64:
        """The codes (rows,) of values (rows,), as `_codes` gives them."""
        from baler_vae.grid import kernels  # noqa: PLC0415

        quantise = kernels.quantise_floats if values.dtype.itemsize == 4 else kernels.quantise_doubles
        codes = np.empty(len(values), np.int64)
        return (
            codes
            if quantise(np.ascontiguousarray(values), codes, *self._packed(layout))
            else self._codes(values, layout)
        )

    def _codes(self, values: Values, layout: "_Layout") -> Integers64:
        """The codes (rows,) of values (rows,)."""
        numbers = values.astype(np.float64)
        size = np.abs(numbers)
        mantissas, exponents = np.frexp(size)
        place = (2 * mantissas - 1) * SEGMENTS
        segment = np.fmin(place, SEGMENTS - 1).astype(np.int64)
        segment[size == 0] = 0
        within = layout.starts[segment] + (place - segment) * layout.widths[segment]
        octaves = exponents.astype(np.int64) - 1 - layout.exponent
        codes = octaves * layout.n_steps + layout.base + np.rint(within + layout.fraction).astype(np.int64)
        linear = size <= layout.threshold
        if linear.any():
            codes[linear] = to_codes(size[linear] / (2 * self.floor)) if self.floor else 0
        signed: Integers64 = np.where(numbers < 0, -codes, codes)
        return signed

    def dequantise(self, codes: Integers64, dtype: np.dtype[Any]) -> Values:
        """The values (rows,) of codes (rows,)."""
        layout = _layout(self.relative, self.floor)
        if is_compiled(dtype, len(codes)) and layout.table is not None:
            from baler_vae.grid import kernels  # noqa: PLC0415

            restore = kernels.restore_floats if dtype.itemsize == 4 else kernels.restore_doubles
            values = np.empty(len(codes), dtype)
            restore(np.ascontiguousarray(codes), values, *self._packed(layout), _POWERS_OF_TWO)
            return values
        count = np.abs(codes)
        octaves, steps = np.divmod(count - layout.base, layout.n_steps)
        mantissas = layout.mantissas(steps) if layout.table is None else layout.table[steps]
        exponents = octaves + (layout.exponent - _LOWEST_EXPONENT)
        with np.errstate(over="ignore"):
            size = mantissas * _POWERS_OF_TWO[np.clip(exponents, 0, len(_POWERS_OF_TWO) - 1)]
            linear = count <= layout.n_linear
            if linear.any():
                size[linear] = count[linear] * (2 * self.floor)
        return to_dtype(np.where(codes < 0, -size, size), dtype)


@dataclass(frozen=True)
class _Layout:
    """What follows from the parameters of a logarithmic grid.

    An octave has `n_steps` steps; `starts` and `widths`, float64 (segments,), are the position of each segment in it
    and the steps it has. Beyond `threshold`, the value 2^(exponent + k) times a mantissa at position p has the position
    k n_steps + base + fraction + p; codes up to `n_linear` are multiples of twice the floor. `table` holds the
    mantissas of all positions of an octave, float64 (n_steps,), where they are few; where they are many, `firsts` int64
    are the segments in which every 2^`shift`-th position lies, none of which are further apart than a segment.
    """

    n_steps: int
    starts: Floats64
    widths: Floats64
    threshold: float
    n_linear: int
    exponent: int
    base: int
    fraction: float
    table: Floats64 | None = None
    shift: int = 0
    firsts: Integers64 | None = None

    def mantissas(self, steps: Integers64) -> Floats64:
        """The mantissas (rows,) at steps (rows,) of an octave; those of the octave before lie in [0.5, 1)."""
        within: Floats64 = (steps - self.fraction).astype(np.float64, copy=False)
        borrows = within < 0
        within[borrows] += self.n_steps
        segment = self._segments(within)
        mantissas = 1 + (segment + (within - self.starts[segment]) / self.widths[segment]) / SEGMENTS
        return np.where(borrows, 0.5 * mantissas, mantissas)

    def _segments(self, within: Floats64) -> Integers64:
        """The segments (rows,) in which positions (rows,) of an octave lie."""
        if self.firsts is None:
            return np.searchsorted(self.starts, within, side="right") - 1
        segment = self.firsts[within.astype(np.int64) >> self.shift]
        following = np.minimum(segment + 1, SEGMENTS - 1)
        segments: Integers64 = np.where(within >= self.starts[following], following, segment)
        return segments


def has_table(relative: float) -> bool:
    """Whether an octave has so few steps that their mantissas are kept in a table, which compiled loops need."""
    return _layout(relative, 0.0).table is not None


@lru_cache(maxsize=256)
def _layout(relative: float, floor: float) -> _Layout:
    ideal = [0.5 / (relative * (SEGMENTS + segment)) for segment in range(SEGMENTS)]
    *_, total = accumulate(ideal)
    n_steps = math.ceil(total)
    widths = [width * (n_steps / total) for width in ideal]
    starts = list(accumulate(widths[:-1], initial=0.0))
    threshold, n_linear, exponent, base, fraction = 0.0, 0, _LOWEST_EXPONENT, 1, 0.0
    if floor:
        threshold = floor / relative
        n_linear = math.floor(0.5 / relative)
        mantissa, exponent = math.frexp(threshold)
        exponent -= 1
        place = (2 * mantissa - 1) * SEGMENTS
        segment = int(place)
        offset = 0.5 / relative - (starts[segment] + (place - segment) * widths[segment])
        base = math.floor(offset)
        fraction = offset - base
    layout = _Layout(n_steps, np.array(starts), np.array(widths), threshold, n_linear, exponent, base, fraction)
    if n_steps > _LARGEST_TABLE:
        shift = math.floor(math.log2(min(widths)))
        if n_steps >> shift > _LARGEST_TABLE:
            return layout
        places = np.arange((n_steps >> shift) + 1) * float(1 << shift)
        firsts = np.searchsorted(layout.starts, places, side="right") - 1
        return _Layout(**{**vars(layout), "shift": shift, "firsts": firsts})
    table = layout.mantissas(np.arange(n_steps))
    return _Layout(**{**vars(layout), "table": table})
