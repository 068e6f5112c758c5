"""Ways to see an array with other axes, for coders that predict along each of them."""

import math
from collections.abc import Callable, Iterable
from itertools import combinations, pairwise

from benchmarks.rivals.signature import Values

Shape = tuple[int, ...]


def arrangements(shape: Shape, n_axes: int) -> list[Shape]:
    """The shapes of `n_axes` axes that neighbouring axes merge into; the shape itself where it has no more axes."""
    if len(shape) <= n_axes:
        return [shape]
    inner = ((0, *cuts, len(shape)) for cuts in combinations(range(1, len(shape)), n_axes - 1))
    return [tuple(math.prod(shape[start:end]) for start, end in pairwise(places)) for places in inner]


def smallest(values: Values, shapes: Iterable[Shape], pack: Callable[[Values], bytes]) -> tuple[bytes, Shape]:
    """The fewest bytes that values take in one of some shapes, and that shape."""
    packed = [(pack(values.reshape(shape)), shape) for shape in shapes]
    return min(packed, key=lambda one: len(one[0]))
