"""The loops of the search for ranges of codes, compiled; `alphabet` tells what they do."""

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled

_u1, _i8, _f8 = numba.uint8[::1], numba.int64[::1], numba.float64[::1]

Bytes = NDArray[np.uint8]
Floats64 = NDArray[np.float64]
Integers64 = NDArray[np.int64]

HIGHEST = 64
"""Branches that meet as high never do: a range has at most 63 bits."""


@compiled(numba.int64(_u1, _f8, _i8, _i8, _u1, _f8))
def join_branches(
    meets: Bytes, masses: Floats64, children: Integers64, spans: Integers64, shifts: Bytes, together: Floats64
) -> int:
    """Fills the nodes of the binary tree over n codes in rising order, which have `masses` (n,), and of which those
    next to each other meet at the heights `meets` (n - 1,); gives their number.

    A node comes after those below it: by node its two `children`, which are codes up to n and nodes from n on, the
    first code and the one behind the last (its `spans`), its height, and the mass of all.
    """
    n_codes, n_nodes, depth = len(masses), 0, 0
    waiting, firsts, heights = np.empty(66, np.int64), np.empty(66, np.int64), np.empty(66, np.uint8)
    mass = np.empty(66, np.float64)
    for code in range(n_codes):
        waiting[depth], firsts[depth], mass[depth] = code, code, masses[code]
        height = meets[code] if code < n_codes - 1 else np.uint8(HIGHEST)
        while depth and heights[depth - 1] < height:
            depth -= 1
            children[2 * n_nodes], children[2 * n_nodes + 1] = waiting[depth], waiting[depth + 1]
            spans[2 * n_nodes], spans[2 * n_nodes + 1] = firsts[depth], code + 1
            shifts[n_nodes] = heights[depth]
            mass[depth] += mass[depth + 1]
            together[n_nodes] = mass[depth]
            waiting[depth] = n_codes + n_nodes
            n_nodes += 1
        heights[depth] = height
        depth += 1
    return n_nodes


@compiled(numba.void(_f8, _f8, numba.float64, _f8, numba.float64, _i8, _i8, _u1, _u1))
def prune_branches(
    bits: Floats64,
    as_leaf: Floats64,
    range_bits: float,
    together: Floats64,
    most: float,
    children: Integers64,
    spans: Integers64,
    shifts: Bytes,
    leaf_shifts: Bytes,
) -> None:
    """Fills the shifts of the leaves in which codes (n,) lie when the nodes are pruned that `join_branches` gave:
    `bits` (n,) are those of a code, `as_leaf` (nodes,) those of a node as a leaf, both without `range_bits`; a leaf of
    several codes has at most the mass `most`.
    """
    n_codes, n_nodes = len(bits), len(as_leaf)
    best, merged = np.empty(n_codes + n_nodes, np.float64), np.zeros(n_nodes, np.uint8)
    for code in range(n_codes):
        best[code] = bits[code] + range_bits
        leaf_shifts[code] = 0
    for node in range(n_nodes):
        branches, own = best[children[2 * node]] + best[children[2 * node + 1]], as_leaf[node] + range_bits
        if together[node] <= most and own <= branches:
            merged[node] = 1
            branches = own
        best[n_codes + node] = branches
    for node in range(n_nodes - 1, -1, -1):
        if merged[node] and not leaf_shifts[spans[2 * node]]:  # not within one above
            for code in range(spans[2 * node], spans[2 * node + 1]):
                leaf_shifts[code] = shifts[node]
