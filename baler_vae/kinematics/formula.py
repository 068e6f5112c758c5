"""Formulas over columns, with the same results on every machine."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.kinematics import arithmetic
from baler_vae.kinematics.arithmetic import Floats64
from baler_vae.kinematics.grammar import (
    LONGEST,
    Call,
    Chain,
    Name,
    Negative,
    Node,
    Number,
    Power,
    names_of,
    parse_tree,
    print_tree,
)

BLOCK: Final = 8192
"""The rows evaluated at a time: intermediate results stay in the caches."""

_OPERATORS: Final[dict[str, Any]] = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
_FUNCTIONS: Final[dict[str, Callable[..., Floats64]]] = {
    "abs": np.abs,
    "asinh": arithmetic.asinh,
    "atan": arithmetic.atan,
    "atan2": arithmetic.atan2,
    "cos": arithmetic.cos,
    "cosh": arithmetic.cosh,
    "exp": arithmetic.exp,
    "hypot": arithmetic.hypot,
    "log": arithmetic.log,
    "mass": arithmetic.mass,
    "norm": arithmetic.norm,
    "sin": arithmetic.sin,
    "sinh": arithmetic.sinh,
    "sqrt": arithmetic.sqrt,
    "tan": arithmetic.tan,
    "tanh": arithmetic.tanh,
    "wrap": arithmetic.wrap,
}


@dataclass(frozen=True)
class Formula:
    """A number for each row from the columns of that row; made by `parse_formula`, whose grammar `grammar` describes.

    `text` is the formula as `parse_formula` gives it back, `names` are the columns it reads in the order of their first
    use. Angles are in rad; of functions beyond those of mathematics, `norm(a, b, ...)` is the root of the sum of
    squares, `mass(e, a, b, ...)` the root of e^2 - a^2 - b^2 - ..., and `wrap(a)` an angle moved into (-pi, pi]. The
    root of a negative number is 0.
    """

    text: str
    names: tuple[str, ...]
    tree: Node = field(repr=False, compare=False)

    def evaluate(self, arrays: Mapping[str, NDArray[np.generic]]) -> Floats64:
        """The results, float64 (rows,): one IEEE operation at a time in the order of the text, on values converted to
        float64. There is one NaN only. No value raises or warns.

        `arrays` maps names of columns to values (rows,) of any bool, integer or float dtype.

        Raises:
            UsageError: a column of the formula is not among them.
        """
        results = np.empty(self._n_rows(arrays))
        with np.errstate(all="ignore"):
            for start, stop, block in self._blocks(arrays, len(results)):
                results[start:stop] = _value(self.tree, block, stop - start, {})
        results[np.isnan(results)] = np.nan
        return results

    def evaluate_shifted(
        self, arrays: Mapping[str, NDArray[np.generic]], shifts: Mapping[str, Floats64]
    ) -> tuple[Floats64, Floats64]:
        """The results, float64 (rows,), as `evaluate` gives them, and those with one of the columns shifted by what
        `shifts` says of it, float64 (rows,), for one after the other, float64 (shifts, rows).

        Raises:
            UsageError: a column of the formula is not among those of `arrays`.
        """
        results = np.empty(self._n_rows(arrays))
        shifted = np.empty((len(shifts), len(results)))
        touched = [self._readers.get(name, set()) for name in shifts]
        with np.errstate(all="ignore"):
            for start, stop, block in self._blocks(arrays, len(results)):
                known: dict[int, Floats64] = {}
                results[start:stop] = _value(self.tree, block, stop - start, known)
                for own, reading, (name, shift) in zip(shifted, touched, shifts.items(), strict=True):
                    moved = {**block, name: block[name] + shift[start:stop]} if name in block else block
                    kept = {number: value for number, value in known.items() if number not in reading}
                    own[start:stop] = _value(self.tree, moved, stop - start, kept)
        results[np.isnan(results)] = np.nan
        shifted[np.isnan(shifted)] = np.nan
        return results, shifted

    @cached_property
    def _readers(self) -> dict[str, set[int]]:
        """By column, the `id` of each node of the tree that reads it."""
        return {name: _reading(self.tree, name) for name in self.names}

    def _n_rows(self, arrays: Mapping[str, NDArray[np.generic]]) -> int:
        for name in self.names:
            if name not in arrays:
                raise UsageError(f"the formula {self.text!r} reads a column that does not exist", column=name)
        return len(arrays[self.names[0]] if self.names else next(iter(arrays.values()), ()))

    def _blocks(
        self, arrays: Mapping[str, NDArray[np.generic]], n_rows: int
    ) -> Iterator[tuple[int, int, dict[str, Floats64]]]:
        """The first row of each block, the one behind its last, and its columns, float64 (rows,)."""
        for start in range(0, n_rows, BLOCK):
            stop = min(start + BLOCK, n_rows)
            yield start, stop, {name: arrays[name][start:stop].astype(np.float64) for name in self.names}


def parse_formula(text: str) -> Formula:
    """The formula of a text.

    Raises:
        UsageError: the text is not a formula; the message says where, and what is allowed.
    """
    tree = parse_tree(text)
    canonical = print_tree(tree)
    if len(canonical) > LONGEST:
        raise UsageError(f"the formula has {len(canonical)} characters when written in full, more than {LONGEST}")
    return Formula(canonical, names_of(tree), tree)


def quoted(name: str) -> str:
    """A column's name as it stands in a formula."""
    return print_tree(Name(name))


def _value(node: Node, block: Mapping[str, Floats64], n_rows: int, known: dict[int, Floats64]) -> Floats64:
    """The results of a tree, float64 (rows,); those of its branches are taken from what is `known`, by the `id` of a
    node, and added to it.
    """
    match node:
        case Number(number):
            return np.full(n_rows, float(number))
        case Name(name):
            return block[name]
    if id(node) not in known:
        known[id(node)] = _branch(node, block, n_rows, known)
    return known[id(node)]


def _branch(
    node: Negative | Power | Call | Chain, block: Mapping[str, Floats64], n_rows: int, known: dict[int, Floats64]
) -> Floats64:
    match node:
        case Negative(operand):
            return -_value(operand, block, n_rows, known)
        case Power(base, exponent):
            return _power(_value(base, block, n_rows, known), exponent)
        case Call(function, arguments):
            return _FUNCTIONS[function](*(_value(argument, block, n_rows, known) for argument in arguments))
        case Chain(first, rest):
            total = _value(first, block, n_rows, known)
            for sign, operand in rest:
                total = _OPERATORS[sign](total, _value(operand, block, n_rows, known))
            return total


def _reading(node: Node, name: str) -> set[int]:
    """The `id` of each node of a tree that reads a column, or of which a branch does."""
    match node:
        case Number():
            return set()
        case Name(own):
            return {id(node)} if own == name else set()
        case Negative(operand):
            below = _reading(operand, name)
        case Power(base, _):
            below = _reading(base, name)
        case Call(_, arguments):
            below = set().union(*(_reading(argument, name) for argument in arguments))
        case Chain(first, rest):
            below = _reading(first, name).union(*(_reading(operand, name) for _, operand in rest))
    return below | {id(node)} if below else below


def _power(base: Floats64, exponent: int) -> Floats64:
    """A whole power by repeated multiplication from left to right; negative ones are 1 over it."""
    total = base if exponent else np.ones_like(base)
    for _ in range(abs(exponent) - 1):
        total = total * base
    return 1 / total if exponent < 0 else total
