"""Expressions of columns, in the grammar that uproot has: Python's, with the functions of numpy.

An expression is a syntax tree that is walked; nothing is handed to Python's `eval`, so a text can compute, but reach
nothing else.
"""

import ast
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from baler_vae.errors import UnknownName, UsageError, nearest
from baler_vae.reader.functions import functions

GETTER = "get"
"""The function that gives the column of a name that is none in Python: `get("x.y")`."""

LONGEST = 10_000
"""The most characters of an expression: the parser's memory grows with them."""

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
}
_COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_LOGICAL = {ast.And: "&", ast.Or: "|", ast.Not: "~"}


@dataclass(frozen=True)
class Expression:
    """A text that computes an array of those of the columns, or aliases, of some `names`."""

    text: str
    tree: ast.expr
    names: tuple[str, ...]

    @classmethod
    def parsed(cls, text: str, known: Iterable[str]) -> "Expression":
        """The expression of a text, every name in it one of the `known` ones: the text as a whole, a name with dots,
        or `get("...")`.

        Raises:
            UsageError: it is not an expression, or does what none may.
            UnknownName: a name in it is none of those.
        """
        known = list(known)
        if text in known:
            return cls(text, ast.Call(ast.Name(GETTER), [ast.Constant(text)], []), (text,))
        try:
            if len(text) > LONGEST:
                raise UsageError(f"an expression of {len(text):,} characters", expected=f"at most {LONGEST:,}")
            tree = ast.parse(text.strip(), mode="eval").body
            checker = _Checker(text, known)
            checker.check(tree)
        except (SyntaxError, ValueError, MemoryError) as error:
            raise UsageError(f"{text!r} is not a valid expression: {error}") from error
        except RecursionError as error:
            raise UsageError(f"the expression {text[:40]!r} is nested too deeply") from error
        return cls(text, tree, tuple(dict.fromkeys(checker.names)))

    def value(self, get: Callable[[str], Any]) -> Any:  # noqa: ANN401  of awkward
        """The array of the expression; `get` gives those of its names.

        Raises:
            UsageError: the arrays do not fit together.
        """
        try:
            with np.errstate(all="ignore"):  # the square root of a negative number is NaN, as in uproot
                return _Evaluation(get, set(self.names)).value(self.tree)
        except RecursionError as error:
            raise UsageError(f"the expression {self.text[:40]!r} is nested too deeply") from error
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, AssertionError) as error:
            if isinstance(error, UsageError):
                raise
            reason = str(error).strip().splitlines()
            raise UsageError(f"{self.text!r} cannot be computed: {reason[0] if reason else error!r}") from error


def dotted(node: ast.expr) -> str | None:
    """The name with dots that a node is, `a.b.c`; None where it is none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _got(node: ast.expr) -> str | None:
    """The name that a call of the getter asks for; None for any other node."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == GETTER):
        return None
    argument = node.args[0] if len(node.args) == 1 and not node.keywords else None
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    raise UsageError(f"{GETTER} takes one name in quotes", found=ast.unparse(node))


class _Checker:
    """Finds the `names` in an expression, and refuses what no expression may do."""

    def __init__(self, text: str, known: Iterable[str]) -> None:
        self.text, self.known, self.names = text, set(known), list[str]()

    def check(self, node: ast.expr) -> None:
        name = _got(node)
        name = dotted(node) if name is None else name
        if name is not None and (name in self.known or not isinstance(node, ast.Attribute)):
            self._use(name)
        elif isinstance(node, ast.Attribute):  # a field of a record
            self.check(node.value)
        elif isinstance(node, ast.Call):
            self._check_call(node)
        elif isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare):
            self._check_operators(node)
        elif isinstance(node, ast.Subscript):
            self.check(node.value)
            self._check_place(node.slice)
        elif not isinstance(node, ast.Constant) or not isinstance(node.value, bool | int | float | str):
            raise self._refused(node)

    def _use(self, name: str) -> None:
        if name not in self.known:
            raise UnknownName(
                f"there is no column {name!r}: {nearest(name, sorted(self.known))}",
                column=None if name == self.text else f"{self.text}",
            )
        self.names.append(name)

    def _check_call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name is None or node.keywords:
            raise self._refused(node)
        if name not in functions():
            raise UsageError(f"there is no function {name!r}: {nearest(name, sorted(functions()))}", found=self.text)
        for argument in node.args:
            self.check(argument)

    def _check_operators(self, node: ast.BinOp | ast.UnaryOp | ast.Compare) -> None:
        match node:
            case ast.BinOp():
                known, operands = type(node.op) in _BINARY, [node.left, node.right]
            case ast.UnaryOp():
                known, operands = type(node.op) in _UNARY, [node.operand]
            case ast.Compare():
                known, operands = all(type(own) in _COMPARISONS for own in node.ops), [node.left, *node.comparators]
        if not known:
            raise self._refused(node)
        for operand in operands:
            self.check(operand)

    def _check_place(self, node: ast.expr) -> None:
        if isinstance(node, ast.Tuple):
            for place in node.elts:
                self._check_place(place)
        elif isinstance(node, ast.Slice):
            for end in (node.lower, node.upper, node.step):
                if end is not None:
                    self.check(end)
        elif not (isinstance(node, ast.Constant) and node.value in {None, Ellipsis}):
            self.check(node)

    def _refused(self, node: ast.expr) -> UsageError:
        own = getattr(node, "op", None)
        instead = _LOGICAL.get(type(own))  # type: ignore[arg-type]
        return UsageError(
            f"{ast.unparse(node)!r} is not supported in an expression",
            found=None if ast.unparse(node) == self.text else self.text,
            way_out=f"Use {instead}, and brackets around comparisons" if instead else None,
        )


def _combined(operation: ast.operator, left: Any, right: Any) -> Any:  # noqa: ANN401  of awkward, or constants
    """The value of a binary operation. Two constants are combined as doubles: whole numbers of Python have no end."""
    if isinstance(left, str) or isinstance(right, str):
        raise TypeError("text can be compared, but not computed with")
    if isinstance(left, int) and isinstance(right, int) and isinstance(operation, ast.Pow | ast.LShift):
        return np.float64(left) ** right if isinstance(operation, ast.Pow) else int(np.int64(left) << np.int64(right))
    return _BINARY[type(operation)](left, right)


def _aligned(values: Iterable[Any]) -> list[Any]:
    """The operands of an operation: where some are arrays of a fixed shape in each event, what is one value for each
    event counts for all cells of it. Alone, awkward would take it for the last axis.
    """
    import awkward as ak  # noqa: PLC0415  only where it is needed

    values = list(values)
    shaped = (own for own in values if isinstance(own, ak.Array) and own.ndim > 1)
    n_axes = max((own.ndim for own in shaped if isinstance(own.type.content, ak.types.RegularType)), default=1)
    place = (slice(None), *[None] * (n_axes - 1))
    return [own[place] if isinstance(own, ak.Array) and own.ndim == 1 else own for own in values]


class _Evaluation:
    """The values of a checked tree."""

    def __init__(self, get: Callable[[str], Any], names: set[str]) -> None:
        self.get, self.names = get, names

    def value(self, node: ast.expr) -> Any:  # noqa: ANN401  of awkward, or a constant
        name = _got(node)
        name = dotted(node) if name is None else name
        if name is not None and name in self.names:
            return self.get(name)
        return self._of_operands(node) if isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare) else self._other(node)

    def _of_operands(self, node: ast.BinOp | ast.UnaryOp | ast.Compare) -> Any:  # noqa: ANN401  of awkward
        match node:
            case ast.BinOp():
                return _combined(node.op, *_aligned([self.value(node.left), self.value(node.right)]))
            case ast.UnaryOp():
                return _UNARY[type(node.op)](self.value(node.operand))
            case ast.Compare():
                return self._compared(node)

    def _other(self, node: ast.expr) -> Any:  # noqa: ANN401  of awkward, or a constant
        match node:
            case ast.Constant():
                return node.value
            case ast.Call(func=ast.Name(id=function)):
                return functions()[function](*_aligned(map(self.value, node.args)))
            case ast.Subscript():
                return self.value(node.value)[self._place(node.slice)]
            case ast.Attribute():
                return self._field(self.value(node.value), node.attr)
        raise ValueError(f"{ast.unparse(node)!r} is not an expression that was checked")

    def _compared(self, node: ast.Compare) -> Any:  # noqa: ANN401  of awkward
        values = _aligned(self.value(operand) for operand in (node.left, *node.comparators))
        pairs = zip(node.ops, values[:-1], values[1:], strict=True)
        return reduce(operator.and_, (_COMPARISONS[type(own)](left, right) for own, left, right in pairs))

    def _place(self, node: ast.expr) -> Any:  # noqa: ANN401  what awkward is indexed with
        if isinstance(node, ast.Tuple):
            return tuple(map(self._place, node.elts))
        if isinstance(node, ast.Slice):
            ends = (node.lower, node.upper, node.step)
            return slice(*(None if end is None else self.value(end) for end in ends))
        if isinstance(node, ast.Constant):
            return node.value
        return self.value(node)

    @staticmethod
    def _field(record: Any, name: str) -> Any:  # noqa: ANN401  of awkward
        """The field of an array of records; no attribute of anything else."""
        import awkward as ak  # noqa: PLC0415  only where it is needed

        fields = ak.fields(record) if isinstance(record, ak.Array) else []
        if name not in fields:
            raise UnknownName(f"there is no field {name!r}: {nearest(name, fields)}")
        return record[name]
