"""Formulas as text and as trees.

    sum      = product, then any number of: ("+" or "-") product
    product  = factor, then any number of: ("*" or "/") factor
    factor   = "-" factor, or power
    power    = atom, then optionally: "**" exponent
    exponent = optionally "-", then a whole number up to 16
    atom     = number, or column, or function "(" sum, then any number of: "," sum ")", or "(" sum ")"
    number   = decimal digits with or without a point and an exponent: 2  0.5  .5  1.  2.5e-3
    column   = an ASCII letter or "_" and more of these and digits: Jet_pt
               or any name in backquotes, its own backquotes doubled: `muons/px`
    function = one of `FUNCTIONS`; without parentheses behind it the name is a column

Spaces, tabs and ends of lines may stand between these. A text has at most 4,000 characters and 50 levels of
parentheses, signs and calls, as it may come from a malicious archive. This is not read by Python's own
parser: that one normalises names, refuses keywords and changes between versions.
"""

import math
import re
from dataclasses import dataclass
from typing import ClassVar, Final, NoReturn

from baler_vae.errors import UsageError

LONGEST: Final = 4000
"""Characters of a formula, in format 1."""
DEEPEST: Final = 50
"""Levels of nesting of a formula, in format 1."""
LARGEST_EXPONENT: Final = 16
"""Of a power, in format 1."""

FUNCTIONS: Final = {
    "abs": (1, 1),
    "asinh": (1, 1),
    "atan": (1, 1),
    "atan2": (2, 2),
    "cos": (1, 1),
    "cosh": (1, 1),
    "exp": (1, 1),
    "hypot": (2, 2),
    "log": (1, 1),
    "mass": (2, 8),
    "norm": (1, 8),
    "sin": (1, 1),
    "sinh": (1, 1),
    "sqrt": (1, 1),
    "tan": (1, 1),
    "tanh": (1, 1),
    "wrap": (1, 1),
}
"""The fewest and the most arguments of each function. Those of version 1: more may follow, none may change."""


@dataclass(frozen=True)
class Number:
    """A constant, finite and not negative."""

    value: float


@dataclass(frozen=True)
class Name:
    """A column."""

    name: str


@dataclass(frozen=True)
class Negative:
    """Minus an operand."""

    operand: "Node"


@dataclass(frozen=True)
class Chain:
    """A sum or a product, taken from left to right: `first`, then each operator with its operand."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True)
class Power:
    """A whole power, by repeated multiplication."""

    base: "Node"
    exponent: int


@dataclass(frozen=True)
class Call:
    """A function of one or more arguments."""

    function: str
    arguments: tuple["Node", ...]


Node = Number | Name | Negative | Chain | Power | Call

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SIGNS: Final = (
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.`]))"
    r"|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<quoted>`(?:[^`]|``)+`)"
    r"|(?P<sign>\*\*|[-+*/(),])"
)
_TOKEN = re.compile(SIGNS)
_WAY_OUT = (
    "A formula is made of numbers, column names (in backquotes unless they are plain words), + - * /, ** with a whole "
    f"number up to {LARGEST_EXPONENT}, parentheses, and the functions {', '.join(FUNCTIONS)}."
)


def parse_tree(text: str) -> Node:
    """The tree of a formula.

    Raises:
        UsageError: the text is not a formula.
    """
    return Parser(text).tree()


def print_tree(node: Node, level: int = 1) -> str:
    """The shortest usual text of a tree, in parentheses if it binds less than the level asks for."""
    match node:
        case Number(value):
            return str(int(value)) if value == math.floor(value) and value < 1e15 else repr(value)
        case Name(name):
            return name if _PLAIN.fullmatch(name) else f"`{name.replace('`', '``')}`"
        case Call(function, arguments):
            return f"{function}({', '.join(map(print_tree, arguments))})"
        case Power(base, exponent):
            return _within(f"{print_tree(base, 5)}**{exponent}", 4, level)
        case Negative(operand):
            return _within(f"-{print_tree(operand, 3)}", 3, level)
        case Chain(first, rest):
            own = 1 if _is_sum(node) else 2
            texts = [f" {sign} " if own == 1 else sign for sign, _ in rest]
            operands = [print_tree(operand, own + 1) for _, operand in rest]
            chain = "".join(sign + operand for sign, operand in zip(texts, operands, strict=True))
            return _within(print_tree(first, own + 1) + chain, own, level)


def names_of(node: Node) -> tuple[str, ...]:
    """The columns of a tree, in the order of their first use."""
    match node:
        case Number():
            return ()
        case Name(name):
            return (name,)
        case Negative(inner) | Power(inner, _):
            return names_of(inner)
        case Call(_, arguments):
            inner_nodes: tuple[Node, ...] = arguments
        case Chain(first, rest):
            inner_nodes = (first, *(operand for _, operand in rest))
    return tuple(dict.fromkeys(name for inner in inner_nodes for name in names_of(inner)))


def _within(text: str, own: int, level: int) -> str:
    return f"({text})" if own < level else text


def _is_sum(node: Node) -> bool:
    return isinstance(node, Chain) and node.rest[0][0] in "+-"


class Parser:
    """Reads one text from left to right. `place` is the number of characters read before the token in hand."""

    what: ClassVar = "formula"
    token_pattern: ClassVar = _TOKEN
    way_out: ClassVar = _WAY_OUT

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.end = 0
        self.kind = ""
        self.token = ""
        if len(text) > LONGEST:
            self.fail(f"it has {len(text)} characters, more than {LONGEST}")
        self.advance()

    def tree(self) -> Node:
        node = self.chain("+-", 0)
        if self.kind:
            self.fail(f"{self.token!r} is not expected")
        return node

    def fail(self, what: str) -> NoReturn:
        shown = self.text if len(self.text) <= 80 else self.text[:77] + "..."
        raise UsageError(f"the {self.what} {shown!r} fails at character {self.place + 1}: {what}", way_out=self.way_out)

    def advance(self) -> None:
        """Takes the next token in hand; at the end of the text its kind is empty."""
        self.kind = "space"
        while self.kind == "space":
            self.place = self.end
            found = self.token_pattern.match(self.text, self.place)
            if found is None:
                self.kind, self.token = "", ""
                if self.place < len(self.text):
                    self.fail(f"{self.text[self.place]!r} is not expected")
            else:
                self.kind, self.token, self.end = str(found.lastgroup), found[0], found.end()

    def take(self, sign: str) -> bool:
        """Whether the token in hand is a certain sign, which is then left behind."""
        found = self.kind == "sign" and self.token == sign
        if found:
            self.advance()
        return found

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            self.fail(f"{sign!r} is missing")

    def chain(self, signs: str, depth: int) -> Node:
        """A sum or, for the signs `*/`, a product."""
        first = self.operand(signs, depth)
        rest: list[tuple[str, Node]] = []
        while self.kind == "sign" and self.token in tuple(signs):
            sign = self.token
            self.advance()
            rest.append((sign, self.operand(signs, depth)))
        if not rest:
            return first
        if isinstance(first, Chain) and first.rest[0][0] in signs:
            # Parentheses around the beginning change nothing.
            return Chain(first.first, (*first.rest, *rest))
        return Chain(first, tuple(rest))

    def operand(self, signs: str, depth: int) -> Node:
        return self.chain("*/", depth) if signs == "+-" else self.factor(depth)

    def check_depth(self, depth: int) -> None:
        if depth > DEEPEST:
            self.fail(f"it is nested more than {DEEPEST} deep")

    def factor(self, depth: int) -> Node:
        self.check_depth(depth)
        if self.take("-"):
            return Negative(self.factor(depth + 1))
        base = self.atom(depth)
        if not self.take("**"):
            return base
        sign = -1 if self.take("-") else 1
        if self.kind != "number" or not re.fullmatch("[0-9]{1,2}", self.token) or int(self.token) > LARGEST_EXPONENT:
            self.fail(f"an exponent must be a whole number up to {LARGEST_EXPONENT}")
        exponent = sign * int(self.token)
        self.advance()
        return Power(base, exponent)

    def within(self, depth: int) -> Node:
        """What stands in parentheses."""
        return self.chain("+-", depth)

    def atom(self, depth: int) -> Node:
        kind, token = self.kind, self.token
        if self.take("("):
            node = self.within(depth + 1)
            self.expect(")")
            return node
        if kind == "number":
            return self.number()
        if kind == "quoted":
            self.advance()
            return Name(token[1:-1].replace("``", "`"))
        if kind != "plain":
            self.fail(f"a number, a column or a function is missing before {token!r}" if token else "it ends too early")
        name_place = self.place
        self.advance()
        if self.take("("):
            return self.call(token, name_place, depth)
        return Name(token)

    def number(self) -> Number:
        value = float(self.token)
        if math.isinf(value):
            self.fail("the number is too large")
        self.advance()
        return Number(value)

    def call(self, function: str, name_place: int, depth: int) -> Node:
        if function not in FUNCTIONS:
            self.place = name_place
            self.fail(f"there is no function {function!r}")
        arguments = [self.chain("+-", depth + 1)]
        while self.take(","):
            arguments.append(self.chain("+-", depth + 1))
        self.expect(")")
        fewest, most = FUNCTIONS[function]
        if not fewest <= len(arguments) <= most:
            self.place = name_place
            wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            self.fail(f"{function!r} takes {wanted} arguments, not {len(arguments)}")
        return Call(function, tuple(arguments))
