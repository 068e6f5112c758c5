"""The columns of an archive as a mapping has them: names, types, and what shows them."""

import sys
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from baler_vae.archive.closing import Closing
from baler_vae.archive.manifest import ColumnEntry
from baler_vae.errors import UnknownName
from baler_vae.reader.column import ArchiveColumn
from baler_vae.reader.filters import Filter
from baler_vae.reader.selection import BranchFilter, Filters, element
from baler_vae.reader.showing import Stream, completions, html_table, write_table
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.schema import Schema

if TYPE_CHECKING:
    from baler_vae.reader.face import Face


class Names(Closing):
    """A mapping from names to columns, with the filters of uproot."""

    path: str | Path
    schema: Schema

    @property
    @abstractmethod
    def num_entries(self) -> int:
        """The number of events."""

    @abstractmethod
    def entries(self, column: str) -> list[ColumnEntry]:
        """What the manifest says of a column; that of each archive of a chain."""

    @cached_property
    def branches(self) -> tuple[Branch, ...]:
        """The branches of the archive, in the order of the source: columns, and arrays in place of their elements."""
        return branches_of(self.schema)

    @property
    def name(self) -> str:
        """The name of the tree, group or key that the table was; empty where it had none."""
        return self.schema.origin.name

    @property
    def title(self) -> str:
        """The title of the tree."""
        return self.schema.origin.title

    def keys(
        self,
        filter_name: Filter = None,
        *,
        filter_typename: Filter = None,
        filter_branch: BranchFilter = None,
    ) -> list[str]:
        """The names of the columns that pass all filters, in the order of the source.

        Parameters
        ----------
        filter_name, filter_typename : str, callable or sequence of these, optional
            A glob, a regular expression ``"/.../i"``, a function of the name or type that gives a bool, or several, of
            which one must match.
        filter_branch : callable, optional
            A function of an `ArchiveColumn` that gives a bool.

        Returns
        -------
        list of str
            Names, in the order of the source.

        Raises
        ------
        UsageError
            A filter is invalid.
        """
        return [
            own.name for own in self.values(filter_name, filter_typename=filter_typename, filter_branch=filter_branch)
        ]

    def values(
        self,
        filter_name: Filter = None,
        *,
        filter_typename: Filter = None,
        filter_branch: BranchFilter = None,
    ) -> list[ArchiveColumn]:
        """List the columns that pass all filters.

        Parameters
        ----------
        filter_name, filter_typename, filter_branch
            See `keys`.

        Returns
        -------
        list of ArchiveColumn
            Columns, in the order of the source.

        Raises
        ------
        UsageError
            A filter is invalid.
        """
        return Filters(filter_name, filter_typename, filter_branch).columns(self._face)

    def items(
        self,
        filter_name: Filter = None,
        *,
        filter_typename: Filter = None,
        filter_branch: BranchFilter = None,
    ) -> list[tuple[str, ArchiveColumn]]:
        """List the names and columns that pass all filters.

        Parameters
        ----------
        filter_name, filter_typename, filter_branch
            See `keys`.

        Returns
        -------
        list of (str, ArchiveColumn)
            Names and columns, in the order of the source.

        Raises
        ------
        UsageError
            A filter is invalid.
        """
        found = self.values(filter_name, filter_typename=filter_typename, filter_branch=filter_branch)
        return [(own.name, own) for own in found]

    def typenames(
        self,
        filter_name: Filter = None,
        *,
        filter_typename: Filter = None,
        filter_branch: BranchFilter = None,
    ) -> dict[str, str]:
        """Tell the types of the columns that pass all filters.

        Parameters
        ----------
        filter_name, filter_typename, filter_branch
            See `keys`.

        Returns
        -------
        dict of str to str
            Types by name, as the source calls them.

        Raises
        ------
        UsageError
            A filter is invalid.
        """
        found = self.values(filter_name, filter_typename=filter_typename, filter_branch=filter_branch)
        return {own.name: own.typename for own in found}

    def iterkeys(self, filter_name: Filter = None, **filters: Any) -> Iterator[str]:
        """Iterate over what `keys` gives.

        Parameters
        ----------
        filter_name, **filters
            See `keys`.

        Returns
        -------
        iterator of str
            One after the other, in the order of the source.

        Raises
        ------
        UsageError
            A filter is invalid.
        """
        return iter(self.keys(filter_name, **filters))

    def itervalues(self, filter_name: Filter = None, **filters: Any) -> Iterator[ArchiveColumn]:
        """Iterate over what `values` gives.

        Parameters
        ----------
        filter_name, **filters
            See `keys`.

        Returns
        -------
        iterator of ArchiveColumn
            One after the other, in the order of the source.

        Raises
        ------
        UsageError
            A filter is invalid.
        """
        return iter(self.values(filter_name, **filters))

    def iteritems(self, filter_name: Filter = None, **filters: Any) -> Iterator[tuple[str, ArchiveColumn]]:
        """Iterate over what `items` gives.

        Parameters
        ----------
        filter_name, **filters
            See `keys`.

        Returns
        -------
        iterator of (str, ArchiveColumn)
            One after the other, in the order of the source.

        Raises
        ------
        UsageError
            A filter is invalid.
        """
        return iter(self.items(filter_name, **filters))

    def itertypenames(self, filter_name: Filter = None, **filters: Any) -> Iterator[tuple[str, str]]:
        """Iterate over what `typenames` gives.

        Parameters
        ----------
        filter_name, **filters
            See `keys`.

        Returns
        -------
        iterator of (str, str)
            One after the other, in the order of the source.

        Raises
        ------
        UsageError
            A filter is invalid.
        """
        return iter(self.typenames(filter_name, **filters).items())

    def get(self, name: str, default: ArchiveColumn | None = None) -> ArchiveColumn | None:
        """Look up a column.

        Parameters
        ----------
        name : str
            Its name, or that of an array or of an element of one.
        default : object, optional
            What comes back where there is none.

        Returns
        -------
        ArchiveColumn or object
            The column; nothing is decoded yet.
        """
        try:
            return self[name]
        except UnknownName:
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.branches)

    def __bool__(self) -> bool:
        return True

    def __contains__(self, name: object) -> bool:
        return any(name == branch.name for branch in self.branches) or name in self.schema.order

    def __getitem__(self, name: str) -> ArchiveColumn:
        """The column, or array of columns, of that name.

        Raises:
            UnknownName: there is none. It is a `KeyError`, too.
        """
        if not isinstance(name, str):
            raise UnknownName(f"there is no column {name!r}: columns have names")
        found = [branch for branch in self.branches if branch.name == name]
        return ArchiveColumn(self._face, found[0] if found else element(self.schema, name))

    def show(
        self,
        *,
        filter_name: Filter = None,
        filter_typename: Filter = None,
        filter_branch: BranchFilter = None,
        name_width: int = 20,
        typename_width: int = 24,
        interpretation_width: int = 40,
        stream: Stream | None = None,
    ) -> None:
        """Write a table of the columns that pass all filters: name, type, and the bound with what is stored.

        Parameters
        ----------
        filter_name, filter_typename, filter_branch
            See `keys`.
        name_width, typename_width, interpretation_width : int
            The characters of each column of the table, at least 3; longer texts end with an ellipsis.
        stream : object with a ``write(str)`` method, optional
            Where to write; ``sys.stdout`` by default.
        """
        columns = self.values(filter_name, filter_typename=filter_typename, filter_branch=filter_branch)
        write_table(columns, (name_width, typename_width, interpretation_width), stream or sys.stdout)

    def _repr_html_(self) -> str:
        return html_table(self._face)

    def _ipython_key_completions_(self) -> list[str]:
        return completions(self.keys())

    @property
    def _face(self) -> "Face":
        """Itself, as what columns are read through."""
        return cast("Face", self)
