"""Which columns are sums, differences and multiples of others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from baler_vae.kinematics.arithmetic import Floats64

MOST_TERMS: Final = 6
"""The most terms of a sum. Chosen by hand; not measured."""
FIT_ROWS: Final = 512
"""Rows on which sums are looked for; they are confirmed on the whole sample."""
_EXACT = 1e-3
"""The part of a column's spread that a sum may leave, as rounding does. Chosen by hand; not measured."""
_LEAST_SHARE = 0.03
"""The share of what is left that the next term must explain. Of a few columns without any relation some explain 2 %."""
_SIMPLE: Final = (1.0, 2.0, 0.5, 3.0, 4.0, 1 / 3, 0.25, 1.5, 10.0, 100.0, 1000.0, 0.1, 0.01, 0.001)
"""Factors that are preferred to their neighbours."""


@dataclass(frozen=True)
class Linear:
    """A column as a constant plus multiples of others, given by their indices."""

    target: int
    constant: float
    terms: tuple[tuple[int, float], ...]

    def solved(self) -> list["Linear"]:
        """The same relation, solved for each of its columns."""
        found = [self]
        for index, factor in self.terms:
            others = [(other, -value / factor) for other, value in self.terms if other != index]
            found.append(Linear(index, -self.constant / factor, ((self.target, 1 / factor), *others)))
        return found

    def text(self, names: list[str]) -> str:
        """The formula, given the text of each column; positive terms come first."""
        parts: list[tuple[bool, str]] = []
        for index, factor in sorted(self.terms, key=lambda term: term[1] < 0):
            name = names[index]
            size = abs(factor)
            inverse = 1 / size
            if size == 1:
                part = name
            elif size < 1 and inverse == round(inverse):
                part = f"{name}/{round(inverse)}"
            else:
                part = f"{size!r}*{name}"
            parts.append((factor < 0, part))
        if self.constant:
            at = len(parts) if self.constant < 0 else sum(not negative for negative, _ in parts)
            parts.insert(at, (self.constant < 0, repr(abs(self.constant))))
        text = "".join((" - " if negative else " + ") + part for negative, part in parts)
        return "-" + text[3:] if text.startswith(" - ") else text[3:]


def linear_relations(columns: list[Floats64], wanted: Sequence[bool]) -> list[Linear]:
    """The columns of a few, float64 (rows,) each, that follow from up to six others, with short factors where these do
    as well: those relations that have one of the columns that are `wanted`.
    """
    prepared = _prepared(columns)
    found = [prepared.relation(target, wanted) for target in range(len(prepared.indices))]
    return [relation for relation in found if relation is not None]


def linear_relation(columns: list[Floats64], target: int) -> Linear | None:
    """The same for one of the columns only."""
    prepared = _prepared(columns)
    wanted = [True] * len(columns)
    return prepared.relation(prepared.indices.index(target), wanted) if target in prepared.indices else None


@dataclass(frozen=True)
class _Prepared:
    """The columns that vary, float64 (rows, columns), their indices, and their correlations, float64 (columns,
    columns).
    """

    indices: list[int]
    matrix: Floats64
    correlations: Floats64

    def relation(self, target: int, wanted: Sequence[bool]) -> Linear | None:
        chosen = _pursue(self.correlations, target)
        is_wanted = bool(chosen) and any(wanted[self.indices[index]] for index in (target, *chosen))
        relation = _fitted(self.matrix, target, chosen) if is_wanted else None
        if relation is None:
            return None
        terms = tuple((self.indices[index], factor) for index, factor in relation.terms)
        return Linear(self.indices[target], relation.constant, terms)


def _prepared(columns: list[Floats64]) -> _Prepared:
    nothing = _Prepared([], np.empty((0, 0)), np.empty((0, 0)))
    usable = [index for index, column in enumerate(columns) if np.isfinite(column).mean() > 0.5]
    if len(usable) < 2:
        return nothing
    matrix = np.stack([columns[index] for index in usable], axis=1)
    matrix = matrix[np.isfinite(matrix).all(axis=1)]
    matrix = matrix[:: max(1, len(matrix) // FIT_ROWS)]
    if len(matrix) < 4 * MOST_TERMS:
        return nothing
    centred = matrix - matrix.mean(axis=0)
    scales = np.sqrt(np.mean(centred * centred, axis=0))
    good = np.isfinite(scales) & (scales > 0)
    normal = centred[:, good] / scales[good]
    indices = [index for index, keep in zip(usable, good, strict=True) if keep]
    return _Prepared(indices, matrix[:, good], normal.T @ normal / len(matrix))


def _pursue(gram: Floats64, target: int) -> list[int]:
    """The columns that make up a target, none if they leave too much of it.

    They are taken one by one, each the column that is most like what the ones before leave (orthogonal matching
    pursuit, Pati et al. 1993). `gram`, float64 (columns, columns), holds the correlations of all columns.
    """
    chosen: list[int] = []
    left, rest = gram[target].copy(), 1.0
    for _ in range(min(MOST_TERMS, len(gram) - 1)):
        # What the chosen columns explain of the others counts no more.
        left[[target, *chosen]] = 0
        best = int(np.argmax(np.abs(left)))
        if not left[best] ** 2 >= _LEAST_SHARE * rest:
            return []
        chosen.append(best)
        factors = np.linalg.lstsq(gram[np.ix_(chosen, chosen)], gram[chosen, target], rcond=1e-12)[0]
        rest = float(1 - factors @ gram[chosen, target])
        if rest < _EXACT**2:
            return chosen
        left = gram[target] - factors @ gram[chosen]
    return []


def _fitted(matrix: Floats64, target: int, chosen: list[int]) -> Linear | None:
    """The relation of a target and some columns of a matrix, float64 (rows, columns), with its factors snapped."""
    values = matrix[:, target]
    spread = float(np.std(values))
    if not np.isfinite(matrix[:, [target, *chosen]].std(axis=0)).all():
        return None
    means = matrix.mean(axis=0)
    factors = np.linalg.lstsq(matrix[:, chosen] - means[chosen], values - means[target], rcond=None)[0]
    weights = np.abs(factors) * matrix[:, chosen].std(axis=0)
    kept = [
        (index, factor) for index, factor, size in zip(chosen, factors, weights, strict=True) if size > 1e-4 * spread
    ]
    least, rests = np.inf, []
    for digits in (17, 0, 2, 3, 4, 6):
        terms = [(index, _snapped(float(factor), digits)) for index, factor in kept]
        rest = values - sum((factor * matrix[:, index] for index, factor in terms), start=np.zeros(len(values)))
        constant = float(np.median(rest))
        constant = 0.0 if abs(constant) < 1e-3 * spread else _snapped(constant, max(digits, 3))
        rests.append((float(np.median(np.abs(rest - constant))), constant, terms))
        least = min(least, rests[-1][0])
        if not least <= _EXACT * spread:
            return None
    rests.append(rests.pop(0))
    # Short factors may be worse by what the rounding of the columns explains.
    _, constant, terms = next(entry for entry in rests if entry[0] <= 2 * least + 1e-9 * spread)
    usable = terms and all(factor and math.isfinite(1 / factor) for _, factor in terms)
    return Linear(target, constant, tuple(terms)) if usable else None


def _snapped(value: float, digits: int) -> float:
    """A number as a simple one within 2 % for 0 digits, else rounded to so many significant digits."""
    if digits or not value:
        return float(f"{value:.{digits}g}")
    simple = min(_SIMPLE, key=lambda size: abs(abs(value) - size) / size)
    return math.copysign(simple, value) if abs(abs(value) - simple) < 0.02 * simple else float(f"{value:.1g}")


def multiples(columns: list[Floats64], wanted: Sequence[bool]) -> list[Linear]:
    """Columns that are a multiple of another of many, one of the two a `wanted` one; each is compared to its likeliest
    partners only.
    """
    signatures: list[tuple[float, int]] = []
    for index, column in enumerate(columns):
        values = np.where(np.isfinite(column), column, 0.0)
        sizes = np.abs(values)
        places = np.flatnonzero(sizes > 0)
        if not len(places) or np.all(values == values[0]):
            continue
        weights = 1 + (np.arange(len(values)) * 0.6180339887498949) % 1.0
        signature = float((weights @ values) / np.sum(sizes) * np.sign(values[places[0]]))
        if math.isfinite(signature):
            signatures.append((signature, index))
    signatures.sort()
    found = []
    for place, (signature, target) in enumerate(signatures):
        for other_signature, other in signatures[place + 1 : place + 4]:
            if abs(other_signature - signature) > 1e-5:
                break
            is_wanted = wanted[target] or wanted[other]
            relation = _multiple(columns[target], columns[other]) if is_wanted else None
            if relation is not None and not relation.constant:
                found += Linear(target, 0.0, ((other, relation.terms[0][1]),)).solved()
    return found


def _multiple(first: Floats64, second: Floats64) -> Linear | None:
    """The relation of two columns (rows,), the first by the second."""
    pair = np.stack([first, second], axis=1)
    few = pair[:: max(1, len(pair) // 64)]
    few = few[np.isfinite(few).all(axis=1)]
    factor = np.median(few[:, 0][few[:, 1] != 0] / few[:, 1][few[:, 1] != 0]) if few[:, 1].any() else np.nan
    if not np.median(np.abs(few[:, 0] - factor * few[:, 1])) <= _EXACT * np.median(np.abs(few[:, 0])) + 1e-300:
        return None
    pair = pair[np.isfinite(pair).all(axis=1)]
    return _fitted(pair, 0, [1]) if len(pair) >= 16 and pair[:, 0].std() > 0 else None
