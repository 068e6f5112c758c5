"""The loops over values and codes of the logarithmic grid, compiled: one pass over the numbers in place of one for each
operation. They do what arrays of NumPy would, operation by operation, to the same bits.
"""

import numpy as np

from baler_vae.entropy.compiled import (
    FLOAT64,
    FLOATS64,
    INT64,
    INTS64,
    READ_FLOATS64,
    READ_INTS64,
    compiled,
    inlined,
    void,
)
from baler_vae.entropy.vectors import bits_of, number_at
from baler_vae.grid.logarithmic import SEGMENTS
from baler_vae.grid.numbers import CODE_LIMIT, Floats64, Integers64

(
    THRESHOLD,
    FRACTION,
    DOUBLE_FLOOR,
    N_STEPS,
    EXPONENT,
    BASE,
    LAST_MULTIPLE,
    SHIFT,
    N_TABLE,
    N_FIRSTS,
    N_NUMBERS,
) = range(11)
"""Where the numbers are that describe a grid: in one array float64 (n,), since compiled functions count references to
each. Behind them lie the starts and the widths of segments, the powers of two from the smallest float64 on, then the
table, or the `firsts`, or neither. `logarithmic` tells what they mean; all whole ones are below 2^53.
"""
_STARTS = N_NUMBERS
_WIDTHS = _STARTS + SEGMENTS
_POWERS = _WIDTHS + SEGMENTS
_N_POWERS = 2099
_TABLE = _POWERS + _N_POWERS

Scalars = tuple[float, float, float, int, int, int, int]

_BLOCK = 512
"""Rows that are gone through at a time: what is known of them stays in the nearest cache."""
_LAST_SEGMENT = SEGMENTS - 1
_SUBNORMAL = 54
_SCALED = 2.0**_SUBNORMAL
_SMALLEST_NORMAL = 2.0**-1022
_LOWEST_EXPONENT = -1074
_MANTISSA_BITS = 52
_MANTISSA = (1 << _MANTISSA_BITS) - 1
_PLACE = 2.0**-42
"""Of a mantissa of 52 bits, in segments."""
_EXPONENT_BIAS = 1023
_FASTEST = 1 << 52
"""Codes below this are divided as floats."""
UNSETTLED, SETTLED, TIED = range(3)


@inlined
def _scalars_of(grid: Floats64) -> Scalars:
    """Threshold, fraction, twice the floor; steps of an octave, exponent, base, last code of a multiple: taken out of
    the array, which loops could change for all that a compiler knows.
    """
    return (
        number_at(grid, THRESHOLD),
        number_at(grid, FRACTION),
        number_at(grid, DOUBLE_FLOOR),
        int(number_at(grid, N_STEPS)),
        int(number_at(grid, EXPONENT)),
        int(number_at(grid, BASE)),
        int(number_at(grid, LAST_MULTIPLE)),
    )


@inlined
def _code_of(number: float, grid: Floats64, scalars: Scalars) -> int:
    """The code nearest to a finite number."""
    threshold, fraction, floor, n_steps, exponent, base, _ = scalars
    size = abs(number)
    if size <= threshold:
        code = int(np.rint(size / floor)) if floor else 0
    else:
        octave = -exponent
        if size < _SMALLEST_NORMAL:
            size, octave = size * _SCALED, octave - _SUBNORMAL
        bits = bits_of(size)
        octave += (bits >> _MANTISSA_BITS) - _EXPONENT_BIAS
        place = (bits & _MANTISSA) * _PLACE
        segment = int(place)
        start, width = number_at(grid, _STARTS + segment), number_at(grid, _WIDTHS + segment)
        within = start + (place - segment) * width
        code = octave * n_steps + base + int(np.rint(within + fraction))
    return -code if number < 0 else code


@inlined
def _segment_of(within: float, grid: Floats64) -> int:
    """The segment in which a position of an octave lies."""
    if number_at(grid, N_FIRSTS):
        segment = int(number_at(grid, _TABLE + (int(within) >> int(number_at(grid, SHIFT)))))
        following = min(segment + 1, _LAST_SEGMENT)
        return following if within >= number_at(grid, _STARTS + following) else segment
    segment, step = 0, SEGMENTS >> 1
    while step:
        segment += step if within >= number_at(grid, _STARTS + segment + step) else 0
        step >>= 1
    return segment


@inlined
def _mantissa_of(step: int, grid: Floats64) -> float:
    """The mantissa at a step of an octave; those of the octave before lie in [0.5, 1)."""
    within = step - number_at(grid, FRACTION)
    borrows = within < 0
    if borrows:
        within += number_at(grid, N_STEPS)
    segment = _segment_of(within, grid)
    start, width = number_at(grid, _STARTS + segment), number_at(grid, _WIDTHS + segment)
    mantissa: float = 1 + (segment + (within - start) / width) / SEGMENTS
    return 0.5 * mantissa if borrows else mantissa


@inlined
def _number_of(code: int, grid: Floats64, scalars: Scalars) -> float:
    """The number of a code."""
    _, _, floor, n_steps, exponent, base, last_multiple = scalars
    count = abs(code)
    if count <= last_multiple:
        size = count * floor
    else:
        place = count - base
        if 0 <= place < _FASTEST:
            octave = int(place / n_steps)
            step = place - octave * n_steps
            if step < 0:  # rounded up
                octave, step = octave - 1, step + n_steps
        else:
            octave, step = place // n_steps, place % n_steps
        power = min(max(octave + exponent - _LOWEST_EXPONENT, 0), _N_POWERS - 1)
        mantissa = number_at(grid, _TABLE + step) if number_at(grid, N_TABLE) else _mantissa_of(step, grid)
        size = mantissa * number_at(grid, _POWERS + power)
    return float(-size if code < 0 else size)


@compiled(void(READ_FLOATS64, FLOATS64, INTS64))
def quantise(numbers: Floats64, grid: Floats64, codes: Integers64) -> None:
    """Fills the codes (rows,) nearest to finite numbers (rows,)."""
    scalars = _scalars_of(grid)
    for row in range(len(numbers)):
        codes[row] = _code_of(numbers[row], grid, scalars)


@compiled(INT64(READ_INTS64, FLOATS64, FLOATS64))
def dequantise(codes: Integers64, grid: Floats64, numbers: Floats64) -> int:
    """Fills the numbers (rows,) of codes (rows,), and gives how many codes are none of finite values."""
    n_strange, scalars = 0, _scalars_of(grid)
    for row in range(len(codes)):
        n_strange += not -CODE_LIMIT < codes[row] < CODE_LIMIT
        numbers[row] = _number_of(codes[row], grid, scalars)
    return n_strange


@compiled(FLOATS64(INTS64, FLOATS64))
def mantissas(steps: Integers64, grid: Floats64) -> Floats64:
    """The mantissas (rows,) at steps (rows,) of an octave."""
    found = np.empty(len(steps))
    for row in range(len(steps)):
        found[row] = _mantissa_of(steps[row], grid)
    return found


@compiled(void(READ_FLOATS64, FLOATS64))
def _or_zero(numbers: Floats64, found: Floats64) -> None:
    """Fills in the numbers (rows,) that are finite, and 0 for the others."""
    for row in range(len(numbers)):
        found[row] = numbers[row] if numbers[row] - numbers[row] == 0 else 0.0


@compiled(void(FLOATS64))
def _narrow(numbers: Floats64) -> None:
    """Rounds numbers (rows,) to float32."""
    for row in range(len(numbers)):
        numbers[row] = float(np.float32(numbers[row]))


@compiled(void(READ_FLOATS64, FLOATS64, FLOAT64, FLOAT64, INTS64))
def _judge(numbers: Floats64, restored: Floats64, relative: float, absolute: float, settled: Integers64) -> None:
    """Fills in where restored numbers (rows,) keep a bound, as far as rounded sums tell."""
    for row in range(len(numbers)):
        number, back = numbers[row], restored[row]
        distance, limit = abs(back - number), relative * abs(number)
        is_near = (bits_of(number) == bits_of(back)) | (distance < limit) | (distance < absolute)
        is_tied = (distance == limit) | (distance == absolute)
        is_finite = (number - number == 0) & (back - back == 0)
        settled[row] = is_finite * (SETTLED if is_near else TIED * is_tied)


@compiled(void(READ_FLOATS64, FLOATS64, INT64, FLOAT64, FLOAT64, INTS64, FLOATS64, INTS64))
def settle(
    numbers: Floats64,
    grid: Floats64,
    n_bytes: int,
    relative: float,
    absolute: float,
    codes: Integers64,
    restored: Floats64,
    settled: Integers64,
) -> None:
    """Fills the codes (rows,) nearest to numbers (rows,), what they give back in a float of so many bytes, and whether
    that has the same code again and is the same number, or nearer than a bound allows: `SETTLED`, or `TIED` where it is
    as near as allowed, with all sums rounded. What is not finite is taken for 0, and is not settled.
    """
    room, again = np.empty(_BLOCK), np.empty(_BLOCK, np.int64)
    for first in range(0, len(numbers), _BLOCK):
        n = min(_BLOCK, len(numbers) - first)
        own, back = numbers[first : first + n], restored[first : first + n]
        _or_zero(own, room[:n])
        quantise(room[:n], grid, codes[first : first + n])
        dequantise(codes[first : first + n], grid, back)
        if n_bytes == 4:
            _narrow(back)
        _or_zero(back, room[:n])
        quantise(room[:n], grid, again[:n])
        _judge(own, back, relative, absolute, settled[first : first + n])
        for r in range(n):
            code = codes[first + r]
            settled[first + r] *= (again[r] == code) & (code > -CODE_LIMIT) & (code < CODE_LIMIT)
