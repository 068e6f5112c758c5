"""The formula of a quantity as a correction reads it: over values of rows, and sums over the rest of an event."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from baler_vae.errors import UsageError
from baler_vae.kinematics.formula import Formula, parse_formula
from baler_vae.kinematics.grammar import Call, Chain, Name, Negative, Node, Number, Power, print_tree
from baler_vae.kinematics.physics import OfObjects, Quantities, RowFormula
from baler_vae.model.correction import MOST_CELLS, Cell, Tail

Rename = Callable[[str], Node]


@dataclass(frozen=True)
class Draft:
    """A formula, and what it reads by name."""

    formula: Formula
    cells: Mapping[str, Cell]
    tails: Mapping[str, Tail]


def draft_of(name: str, quantities: Quantities) -> Draft | None:
    """What a correction of a quantity reads; None for one that follows from a quantity of other rows."""
    try:
        found = quantities.prepared[name]
        if isinstance(found, OfObjects):
            draft = _of_objects(found)
            return draft if len(draft.cells) <= MOST_CELLS else None
        tree = _with_formulas(found.formula.tree, quantities)
        if tree is None:
            return None
        formula = parse_formula(print_tree(tree))
    except UsageError:  # too long when it is written in full
        return None
    if len(formula.names) > MOST_CELLS:
        return None
    return Draft(formula, {read: Cell(read) for read in formula.names}, {})


def _with_formulas(tree: Node, quantities: Quantities) -> Node | None:
    """A tree over columns alone; None where a quantity of objects is read."""
    trees: dict[str, Node] = {}
    for name in parse_formula(print_tree(tree)).names:
        found = quantities.prepared.get(name)
        if isinstance(found, OfObjects):
            return None
        if isinstance(found, RowFormula):
            inner = _with_formulas(found.formula.tree, quantities)
            if inner is None:
                return None
            trees[name] = inner
    return renamed(tree, lambda name: trees.get(name, Name(name)))


def _of_objects(found: OfObjects) -> Draft:
    cells: dict[str, Cell] = {}
    tails: dict[str, Tail] = {}

    def text(formula: Formula, row: int | None) -> str:
        """A formula of an object in a row of the event."""

        def slot(column: str) -> Node:
            name = column if row is None else f"{column}[{row}]"
            cells[name] = Cell(column, row)
            return Name(name)

        return f"({print_tree(renamed(formula.tree, slot))})"

    def rest(formula: Formula) -> str:
        name = f"rest {len(tails)}"
        tails[name] = Tail(formula, 1)
        return print_tree(Name(name))

    if not found.is_jagged:
        vectors = [[text(formula, None) for formula in own] for own in found.formulas]
    elif found.rows is not None:
        vectors = [[text(formula, row) for formula in own] for own in found.formulas for row in found.rows]
    else:
        vectors = [[f"({text(formula, 0)} + {rest(formula)})" for formula in own] for own in found.formulas]
    return Draft(parse_formula(_joined(found.kind, vectors)), cells, tails)


def _joined(kind: str, vectors: Sequence[Sequence[str]]) -> str:
    """The text of a kind of quantity, from what it needs of each object."""
    if kind == "delta_phi":
        return f"abs(wrap({vectors[0][0]} - {vectors[1][0]}))"
    if kind == "delta_r":
        (eta1, phi1), (eta2, phi2) = vectors
        return f"hypot({eta1} - {eta2}, wrap({phi1} - {phi2}))"
    total = [_sum(parts) for parts in zip(*vectors, strict=True)]
    if kind == "mass":
        px, py, pz, energy = total
        return f"mass({energy}, {px}, {py}, {pz})"
    return total[0] if kind == "ht" else f"hypot({total[0]}, {total[1]})"


def _sum(texts: Iterable[str]) -> str:
    return " + ".join(texts)


def renamed(node: Node, rename: Rename) -> Node:
    """A tree with other nodes in place of its columns."""
    match node:
        case Number():
            return node
        case Name(name):
            return rename(name)
        case Negative(operand):
            return Negative(renamed(operand, rename))
        case Power(base, exponent):
            return Power(renamed(base, rename), exponent)
        case Call(function, arguments):
            return Call(function, tuple(renamed(argument, rename) for argument in arguments))
        case Chain(first, rest):
            return Chain(renamed(first, rename), tuple((sign, renamed(operand, rename)) for sign, operand in rest))
