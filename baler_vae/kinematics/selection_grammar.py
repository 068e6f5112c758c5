"""Cuts as text and as trees: formulas, compared and joined by logic.

    cut        = all, then any number of: ("|" or "||" or "or") all
    all        = one, then any number of: ("&" or "&&" or "and") one
    one        = ("~" or "!" or "not") one, or comparison
    comparison = sum, then any number of: one of > >= < <= == != and a sum

`sum` is that of `grammar`; in addition an atom may be a cut in parentheses, or `count(cut)`, the number of objects of
an event that pass one. A chain such as `20 < pt < 40` means each of its comparisons. A column of flags is a cut by
itself. As in formulas, a column whose name is not a plain word, or is one of the words above, stands in backquotes.
"""

import re
from dataclasses import dataclass

from baler_vae.kinematics.grammar import SIGNS, Call, Chain, Name, Negative, Node, Number, Parser, Power

_COUNT = "count"
_WORDS = {"and": "&", "or": "|", "not": "~", "&&": "&", "||": "|", "!": "~"}
_COMPARED = (">", ">=", "<", "<=", "==", "!=")
_TOKEN = re.compile(r"(?P<logic>[<>=!]=|&&|\|\||[<>&|~!])|" + SIGNS)
_WAY_OUT = (
    "A cut compares formulas by > >= < <= == != and joins comparisons by & | ~ and parentheses: "
    "(Jet_pt > 30) & (abs(Jet_eta) < 2.4); count(CUT) >= 2 asks for so many objects of an event"
)


@dataclass(frozen=True)
class Comparison:
    """Formulas and the signs between them: all of the comparisons must hold."""

    operands: tuple["Value", ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Flag:
    """A column of flags."""

    name: Name


@dataclass(frozen=True)
class Not:
    """What a cut does not pass."""

    cut: "Cut"


@dataclass(frozen=True)
class Every:
    """What all cuts pass."""

    cuts: tuple["Cut", ...]


@dataclass(frozen=True)
class Some:
    """What some of the cuts pass."""

    cuts: tuple["Cut", ...]


Cut = Comparison | Flag | Not | Every | Some


@dataclass(frozen=True)
class Value:
    """A formula, and the cuts whose counts it reads, by the names under which they stand in its tree."""

    tree: Node
    counts: tuple[tuple[str, Cut], ...]


def parse_cut(text: str) -> Cut:
    """The tree of a cut.

    Raises:
        UsageError: the text is not a cut.
    """
    return _CutParser(text).cut()


class _CutParser(Parser):
    """Reads the text of a cut. Cuts stand in trees of formulas under names that no column has, until it is known what
    is asked for.
    """

    what = "cut"
    token_pattern = _TOKEN
    way_out = _WAY_OUT

    def __init__(self, text: str) -> None:
        self._cuts: dict[str, Cut] = {}
        self._counts: dict[str, Cut] = {}
        super().__init__(text)

    def cut(self) -> Cut:
        """The whole text."""
        node = self.logic("|", 0)
        if self.kind:
            self.fail(f"{self.token!r} is not expected")
        return self._cut_of(node)

    def logic(self, sign: str, depth: int) -> Node:
        """Cuts that are joined by a sign, or what stands alone there."""
        nodes = [self._joined(sign, depth)]
        while self._sign() == sign:
            self.advance()
            nodes.append(self._joined(sign, depth))
        if len(nodes) == 1:
            return nodes[0]
        cuts = tuple(map(self._cut_of, nodes))
        return self._named(Every(cuts) if sign == "&" else Some(cuts))

    def _joined(self, sign: str, depth: int) -> Node:
        return self.logic("&", depth) if sign == "|" else self._one(depth)

    def _one(self, depth: int) -> Node:
        if self._sign() != "~":
            return self._comparison(depth)
        self.check_depth(depth)
        self.advance()
        return self._named(Not(self._cut_of(self._one(depth + 1))))

    def _comparison(self, depth: int) -> Node:
        operands, signs = [self.chain("+-", depth)], list[str]()
        while self.kind == "logic" and self.token in _COMPARED:
            signs.append(self.token)
            self.advance()
            operands.append(self.chain("+-", depth))
        if not signs:
            return operands[0]
        return self._named(Comparison(tuple(map(self._value_of, operands)), tuple(signs)))

    def _sign(self) -> str:
        """The sign of logic in hand, however it is written."""
        if self.kind == "logic" or (self.kind == "plain" and self.token in _WORDS):
            return _WORDS.get(self.token, self.token)
        return ""

    def factor(self, depth: int) -> Node:
        return super().factor(depth) if not self.take("+") else self.factor(depth + 1)

    def number(self) -> Number:
        """A number; a whole one that float64 does not hold stays whole."""
        whole = int(self.token) if re.fullmatch("[0-9]{1,4000}", self.token) else 0
        found = super().number()
        return Number(whole) if whole and found.value != whole else found

    def within(self, depth: int) -> Node:
        """What stands in parentheses."""
        return self.logic("|", depth)

    def call(self, function: str, name_place: int, depth: int) -> Node:
        if function != _COUNT:
            return super().call(function, name_place, depth)
        self.check_depth(depth)
        cut = self._cut_of(self.logic("|", depth + 1))
        self.expect(")")
        name = f"\0{_COUNT} {len(self._counts)}"  # no column has such a name
        self._counts[name] = cut
        return Name(name)

    def _named(self, cut: Cut) -> Name:
        """A cut as it stands in a tree."""
        name = f"\0cut {len(self._cuts)}"
        self._cuts[name] = cut
        return Name(name)

    def _cut_of(self, node: Node) -> Cut:
        """What stands where a cut is asked for."""
        if not isinstance(node, Name):
            self.fail("it is not a cut: a comparison is missing, such as > 30")
        return self._cuts[node.name] if node.name in self._cuts else Flag(node)

    def _value_of(self, node: Node) -> Value:
        """What stands where a number is asked for."""
        names = _names_in(node)
        if names & self._cuts.keys():
            self.fail("a cut stands where a number is expected")
        return Value(node, tuple((name, self._counts[name]) for name in self._counts if name in names))


def _names_in(node: Node) -> set[str]:
    match node:
        case Number():
            return set()
        case Name(name):
            return {name}
        case Negative(inner) | Power(inner, _):
            return _names_in(inner)
        case Call(_, arguments):
            return set().union(*map(_names_in, arguments))
        case Chain(first, rest):
            return _names_in(first).union(*(_names_in(operand) for _, operand in rest))
