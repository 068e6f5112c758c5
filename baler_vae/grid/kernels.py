"""The loops of the logarithmic grid over values and codes, compiled: the same bits as its array operations give."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled, inlined, tuple_of

_i8, _f8 = numba.int64[::1], numba.float64[::1]
_array_of: Any = numba.types.Array
_LAYOUT = tuple_of((_f8, _f8, _f8, numba.int64, numba.int64, numba.int64, numba.int64))
_NUMBERS = tuple_of((numba.float64, numba.float64, numba.float64, numba.float64, numba.float64))

Floats64 = NDArray[np.float64]
Integers64 = NDArray[np.int64]
PackedLayout = tuple[Floats64, Floats64, Floats64, int, int, int, int]
"""The starts and widths of segments, the mantissas of an octave, its number of steps, the base, the exponent, and the
largest code of the linear part.
"""
PackedNumbers = tuple[float, float, float, float, float]
"""The fraction, the threshold, the floor, and what a bound allows: relative, absolute."""

_SEGMENTS = 1024
_MANTISSA = np.uint64((1 << 52) - 1)
_ONE = np.uint64(0x3FF0_0000_0000_0000)
_LARGEST_CODE = np.int64(1 << 61)
_LEAST_NORMAL = 2.0**-1022
_LOWEST_EXPONENT = -1074


@inlined
def _code_of(number: float, layout: PackedLayout, numbers: PackedNumbers) -> Any:  # noqa: ANN401  of 64 bits
    """The code of a finite number that is normal or within the linear part."""
    starts, widths, _, n_steps, base, exponent, _ = layout
    fraction, threshold, floor = numbers[0], numbers[1], numbers[2]
    size = abs(number)
    if size <= threshold:
        code = np.int64(0)
        if floor:
            code = np.int64(np.rint(size / (2 * floor)))
    else:
        bits = np.float64(size).view(np.uint64)
        octaves = np.int64(bits >> np.uint64(52)) - 1023 - exponent
        # Twice a mantissa in [0.5, 1), less one: what stands behind the point, exactly.
        place = (np.uint64(bits & _MANTISSA | _ONE).view(np.float64) - 1.0) * _SEGMENTS
        segment = np.int64(place)
        within = starts[segment] + (place - segment) * widths[segment]
        code = octaves * n_steps + base + np.int64(np.rint(within + fraction))
    return -code if number < 0 else code


@inlined
def _number_of(code: int, layout: PackedLayout, numbers: PackedNumbers, powers: Floats64) -> Any:  # noqa: ANN401
    """The number of a code, as float64."""
    _, _, mantissas, n_steps, base, exponent, n_linear = layout
    count = abs(code)
    if count <= n_linear:
        size = count * (2 * numbers[2])
    else:
        number = count - base
        octaves = number // n_steps
        place = octaves + (exponent - _LOWEST_EXPONENT)
        size = mantissas[number - octaves * n_steps] * powers[min(max(place, 0), len(powers) - 1)]
    return -size if code < 0 else size


def _only_read(kind: Any) -> Any:  # noqa: ANN401  of numba
    """The type of an array that may be read-only."""
    return _array_of(kind, 1, "C", readonly=True)


def _judging(kind: Any) -> Any:  # noqa: ANN401  of numba
    """The loop that puts into `others` the numbers of the rows whose `restored` values are not known to keep a bound to
    `values`, or have not the same codes `again` (all rows,), and gives how many there are.
    """

    def judge(
        values: NDArray[Any],
        restored: NDArray[Any],
        codes: Integers64,
        again: Integers64,
        numbers: PackedNumbers,
        others: Integers64,
    ) -> int:
        n_others = 0
        relative, absolute = numbers[3], numbers[4]
        for row in range(len(values)):
            x, y = np.float64(values[row]), np.float64(restored[row])
            distance = abs(y - x)
            kept = distance == 0.0 or distance < relative * abs(x) or distance < absolute
            # Zeros may differ in their signs.
            if not kept or codes[row] != again[row] or abs(codes[row]) >= _LARGEST_CODE or x == 0.0:
                good = x == 0.0 and np.float64(x).view(np.uint64) == np.float64(y).view(np.uint64) and codes[row] == 0
                if not good:
                    others[n_others] = row
                    n_others += 1
        return n_others

    return compiled(numba.int64(_only_read(kind), kind[::1], _i8, _i8, _NUMBERS, _i8))(judge)


def _restoring(kind: Any) -> Any:  # noqa: ANN401  of numba
    """The loop that fills values (rows,) of a dtype with those of codes (rows,)."""

    def restore(
        codes: Integers64, values: NDArray[Any], layout: PackedLayout, numbers: PackedNumbers, powers: Floats64
    ) -> None:
        for row in range(len(codes)):
            values[row] = kind(_number_of(codes[row], layout, numbers, powers))

    return compiled(numba.void(_only_read(numba.int64), kind[::1], _LAYOUT, _NUMBERS, _f8))(restore)


def _quantising(kind: Any) -> Any:  # noqa: ANN401  of numba
    """The loop that fills codes (rows,) with those of values (rows,) of a dtype, and gives false where a value is not
    finite, or subnormal and beyond the linear part: its code is none.
    """

    def quantise(values: NDArray[Any], codes: Integers64, layout: PackedLayout, numbers: PackedNumbers) -> bool:
        good = True
        for row in range(len(values)):
            x = np.float64(values[row])
            size = abs(x)
            if size < np.inf and (size >= _LEAST_NORMAL or size <= numbers[1]):
                codes[row] = _code_of(x, layout, numbers)
            else:
                codes[row] = _LARGEST_CODE
                good = False
        return good

    return compiled(numba.boolean(_only_read(kind), _i8, _LAYOUT, _NUMBERS))(quantise)


judge_floats, judge_doubles = _judging(numba.float32), _judging(numba.float64)
restore_floats, restore_doubles = _restoring(numba.float32), _restoring(numba.float64)
quantise_floats, quantise_doubles = _quantising(numba.float32), _quantising(numba.float64)
