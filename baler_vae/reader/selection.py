"""What is asked for of an archive: which columns to decode, and what to compute of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from baler_vae.errors import UnknownName, UsageError, nearest
from baler_vae.reader.column import ArchiveColumn
from baler_vae.reader.filters import Filter, filter_of
from baler_vae.reader.language import Expression
from baler_vae.table.branches import Branch
from baler_vae.table.schema import Schema, as_tuple, matches

if TYPE_CHECKING:
    from baler_vae.reader.face import Face

Expressions = str | Sequence[str] | None
Aliases = Mapping[str, str] | None
BranchFilter = Callable[[ArchiveColumn], bool] | None

_GLOB = frozenset("*?[")


@dataclass(frozen=True)
class Output:
    """One array of what is asked for: a branch as it is, or what an expression computes."""

    name: str
    branch: Branch | None
    expression: Expression | None = None


@dataclass(frozen=True)
class Filters:
    """Which columns of an archive pass: those whose name, type and self all do."""

    name: Filter = None
    typename: Filter = None
    branch: BranchFilter = None

    def columns(self, face: "Face") -> list[ArchiveColumn]:
        """The columns that pass, in their order.

        Raises:
            UsageError: a filter is invalid.
        """
        by_name = filter_of(self.name, "filter_name")
        by_typename = filter_of(self.typename, "filter_typename")
        if self.branch is not None and not callable(self.branch):
            raise UsageError(f"invalid filter_branch {self.branch!r}", expected="a function of a column")
        by_branch = self.branch or (lambda _: True)
        columns = (ArchiveColumn(face, branch) for branch in face.branches)
        return [own for own in columns if by_name(own.name) and by_typename(own.typename) and by_branch(own)]

    @property
    def given(self) -> str:
        """The filters that are given, for an error."""
        texts = {"filter_name": self.name, "filter_typename": self.typename, "filter_branch": self.branch}
        return ", ".join(f"{name}={value!r}" for name, value in texts.items() if value is not None)


@dataclass(frozen=True)
class Selection:
    """What is asked for: the `schema` of all columns that it takes, the `outputs` in their order, the `cut`, and the
    expressions of `aliases`, as far as they are used.
    """

    schema: Schema
    outputs: tuple[Output, ...]
    cut: Expression | None = None
    aliases: Mapping[str, Expression] = field(default_factory=dict)

    @property
    def is_computed(self) -> bool:
        """Whether more is asked for than columns as they are."""
        return self.cut is not None or any(output.expression is not None for output in self.outputs)

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The branches among the outputs."""
        return tuple(output.branch for output in self.outputs if output.branch is not None)


def selected(
    face: "Face",
    expressions: Expressions = None,
    cut: str | None = None,
    *,
    filters: Filters | None = None,
    aliases: Aliases = None,
) -> Selection:
    """What is asked for of an archive.

    A text of `expressions` is the name of a column (or of an element of an array), an alias, an expression in which
    every name is known, or else a glob. Columns must pass the `filters`, too.

    Raises:
        UnknownName: a name is missing.
        UsageError: an expression or a filter is invalid, or nothing passes the filters.
    """
    return _Selecting(face, filters or Filters(), aliases).selection(expressions, cut)


class _Selecting:
    def __init__(self, face: "Face", filters: Filters, aliases: Aliases) -> None:
        self.face, self.filters = face, filters
        self.texts = dict(aliases or {})
        self.branches = {branch.name: branch for branch in face.branches}
        self.known = [*self.branches, *(name for name in face.schema.order if name not in self.branches), *self.texts]
        self.aliases: dict[str, Expression] = {}
        self.needed: set[str] = set()

    def selection(self, expressions: Expressions, cut: str | None) -> Selection:
        passing = {column.name for column in self.filters.columns(self.face)} if self.filters.given else None
        asked = [self._all()] if expressions is None else [self._outputs(text) for text in _texts(expressions)]
        outputs: dict[str, Output] = {}
        for output in chain.from_iterable(asked):
            if passing is None or output.branch is None or output.branch.name in passing:
                outputs.setdefault(output.name, output)
        if not outputs:
            raise UnknownName(
                f"no column matches {self.filters.given}: {nearest(str(self.filters.name), self.branches)}",
                path=self.face.path,
            )
        for branch in [output.branch for output in outputs.values() if output.branch is not None]:
            self._need(branch)
        condition = None if cut is None else self._resolved(self._parsed(cut))
        if not self.needed:
            raise UsageError("is not a column", path=self.face.path, found=", ".join(outputs))
        return Selection(self.face.schema.only(self.needed), tuple(outputs.values()), condition, self.aliases)

    def _all(self) -> list[Output]:
        return [Output(name, branch) for name, branch in self.branches.items()]

    def _outputs(self, text: object) -> list[Output]:
        """What one of the texts asks for."""
        if not isinstance(text, str):
            raise UsageError(f"invalid expression {text!r}", expected="a text")
        if text in self.branches or (text in self.known and text not in self.texts):
            return [Output(text, self._branch(text))]
        try:
            expression = self._parsed(text)
        except UsageError as error:
            is_glob = not _GLOB.isdisjoint(text)
            found = [output for output in self._all() if matches(output.name, text)]
            if is_glob and found:
                return found
            if is_glob or text.isidentifier():
                raise UnknownName(
                    f"no column matches {text!r}: {nearest(text, self.branches)}", path=self.face.path, column=text
                ) from error
            raise
        return [Output(text, None, self._resolved(expression))]

    def _resolved(self, expression: Expression, within: tuple[str, ...] = ()) -> Expression:
        """An expression, all columns and aliases that it takes noted."""
        for name in expression.names:
            if name not in self.texts or name in self.branches:
                self._need(self._branch(name))
            elif name in within:
                raise UsageError(
                    f"the alias {name!r} is defined in terms of itself", found=" -> ".join((*within, name))
                )
            elif name not in self.aliases:
                self.aliases[name] = self._resolved(self._parsed(self.texts[name]), (*within, name))
        return expression

    def _parsed(self, text: object) -> Expression:
        if not isinstance(text, str):
            raise UsageError(f"invalid expression {text!r}", expected="a text")
        try:
            return Expression.parsed(text, self.known)
        except UsageError as error:
            error.path = error.path or str(self.face.path)
            raise

    def _need(self, branch: Branch) -> None:
        self.needed |= {column.name for column in branch.columns}

    def _branch(self, name: str) -> Branch:
        return self.branches[name] if name in self.branches else element(self.face.schema, name)


def _texts(expressions: object) -> tuple[str, ...]:
    """Expressions as a tuple, at least one."""
    if not isinstance(expressions, Iterable) or isinstance(expressions, bytes):
        raise UsageError(f"invalid expressions {expressions!r}", expected="a text, several, or None for all columns")
    texts = as_tuple(expressions)  # type: ignore[arg-type]
    if not texts:
        raise UsageError("no column is asked for", found="no expressions", expected="None for all columns")
    return texts


def element(schema: Schema, name: str) -> Branch:
    """The branch of a column that is not a branch of its own: an element of an array.

    Raises:
        UnknownName: there is no such column.
    """
    for group in schema.groups:
        if name in group.names:
            return Branch(name, (group.column(name),), group)
    raise UnknownName(f"there is no column {name!r}: {nearest(name, schema.order)}", column=name)
