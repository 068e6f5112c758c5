"""Globs of columns over several tables."""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from baler_vae.errors import UsageError, nearest
from baler_vae.table.schema import matches


class Globs:
    """Globs of columns over several tables. Each concerns every table in which it matches; `TABLE:GLOB`, the table a
    name or a glob, only those. Each must match in one of them.
    """

    def __init__(self, patterns: Iterable[str], tables: Sequence[str]) -> None:
        self._tables = {pattern: dict(_places(pattern, tables)) for pattern in patterns}
        self._unused = set(self._tables)
        self._seen: list[str] = []

    def within(self, table: str, columns: Sequence[str]) -> dict[str, str]:
        """The globs that match columns of a table, each under the text that it comes from."""
        self._seen += columns
        found = {}
        for pattern, places in self._tables.items():
            own = places.get(table, pattern) if places else pattern
            if (not places or table in places) and any(matches(column, own) for column in columns):
                found[pattern] = own
                self._unused.discard(pattern)
        return found

    def __bool__(self) -> bool:
        return bool(self._tables)

    def check(self) -> None:
        """Check that every glob matched somewhere.

        Raises:
            UsageError: one did not.
        """
        for pattern in self._tables:
            if pattern in self._unused:
                raise UsageError(
                    f"no column of any table matches {pattern!r}: {nearest(pattern, dict.fromkeys(self._seen))}",
                    column=pattern,
                )


def _places(pattern: str, tables: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The tables that stand before a colon of a pattern, and the glob behind it."""
    for place, letter in enumerate(pattern):
        if letter == ":":
            yield from ((name, pattern[place + 1 :]) for name in tables if fnmatchcase(name, pattern[:place]))
