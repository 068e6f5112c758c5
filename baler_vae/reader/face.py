"""What archives and chains of archives have in common: the methods that users know from the trees of uproot."""

from abc import abstractmethod
from collections.abc import Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Any

from baler_vae.errors import UsageError
from baler_vae.reader.column import ArchiveColumn
from baler_vae.reader.filters import Filter
from baler_vae.reader.names import Names
from baler_vae.reader.selection import Aliases, BranchFilter, Expressions, Filters, Output, Selection, selected
from baler_vae.reader.steps import STEP_SIZE, Report, bytes_of_text, whole_number
from baler_vae.table.branches import Branch
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, concatenate, cut_events

if TYPE_CHECKING:
    from baler_vae.memory.libraries import How, Library

Doc = bool | dict[str, str]


class Face(Names):
    """Rows of one schema that can be read by range: names and types as a mapping has them, and arrays.

    Threads may share it. `len` gives the number of columns, as for the trees of uproot, and `num_entries` that of
    events.
    """

    @property
    @abstractmethod
    def closed(self) -> bool: ...

    @abstractmethod
    def batches(self, selection: Schema, *, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Batches of the columns of a selection, of the events from `start` to `stop`.

        Raises:
            CorruptArchive: a section is damaged.
        """

    @abstractmethod
    def common_entry_offsets(self) -> list[int]:
        """Where row groups begin, in events, and the end of the last: steps that end there decode no event twice."""

    @abstractmethod
    def typed_empty(self, selection: Schema) -> Batch:
        """A batch of a selection whose nested columns have their types."""

    def arrays(
        self,
        expressions: Expressions = None,
        cut: str | None = None,
        *,
        filter_name: Filter = None,
        filter_typename: Filter = None,
        filter_branch: BranchFilter = None,
        aliases: Aliases = None,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        library: "Library" = "ak",
        how: "How" = None,
        ak_add_doc: Doc = False,
        virtual: bool = False,
        access_log: list[Any] | None = None,
    ) -> Any:  # noqa: ANN401  it depends on the library
        """Columns, and what is computed of them, over a range of events; only the columns that it takes are decoded.

        Parameters
        ----------
        expressions : str or sequence of str, optional
            Names of columns, globs, aliases, or expressions such as ``"sqrt(px**2 + py**2)"``, in Python's grammar with
            the functions of numpy; all columns by default. A text is a glob only where it is not an expression of names
            that are there.
        cut : str, optional
            An expression that selects: events where it has one value for each, or the objects of a collection.
        filter_name, filter_typename, filter_branch
            What columns must pass, too; see `keys`.
        aliases : mapping of str to str, optional
            Expressions by the names that other expressions, and `expressions`, call them.
        entry_start, entry_stop : int, optional
            The first event, and the one behind the last; counted from the end where negative.
        library : {"ak", "np", "pd", "pa"}
            An awkward array of records, jagged columns as lists; a dict of numpy arrays, jagged columns as arrays of
            objects; a data frame; or a table of pyarrow.
        how : str or type, optional
            ``"zip"`` (`ak`) joins the columns of each collection to lists of records, ``Jet_pt`` to ``Jet.pt``;
            ``"inner"``, ``"outer"``, ``"left"`` or ``"right"`` (`pd`) joins columns of different lengths by event;
            ``dict``, ``list`` or ``tuple`` gives a container of the arrays.
        ak_add_doc : bool or dict
            Give awkward arrays the titles of the columns as ``__doc__``, or attributes of the columns by the names of
            parameters: ``{"typename": "typename"}``.
        virtual : bool
            Give an awkward array that decodes a column when it is first touched; text is of an option type.
        access_log : list, optional
            What is appended to when a column of a virtual array is decoded.

        Returns
        -------
        ak.Array, dict, pd.DataFrame, pa.Table or container
            What `library` and `how` ask for, with an entry for each event that passes the cut.

        Raises
        ------
        UnknownName
            A name or glob matches nothing. It is a `KeyError`, too.
        UsageError
            An expression, filter or library is invalid, or `pd` is asked for columns of different lengths.
        CorruptArchive
            A section is damaged.
        """
        from baler_vae.memory.libraries import check_library  # noqa: PLC0415  light import

        check_library(library, how)
        filters = Filters(filter_name, filter_typename, filter_branch)
        selection = selected(self, expressions, cut, filters=filters, aliases=aliases)
        start, stop = self._range(entry_start, entry_stop)
        if virtual:
            from baler_vae.reader.virtual import check_virtual, virtual_arrays  # noqa: PLC0415

            check_virtual(selection, library, how)
            return self._documented(virtual_arrays(self, selection, start, stop, access_log), selection, ak_add_doc)
        if access_log is not None:
            raise UsageError("access_log is for virtual arrays", way_out="Ask for virtual=True")
        return self._result(selection, start, stop, library, how, ak_add_doc)

    def iterate(
        self,
        expressions: Expressions = None,
        cut: str | None = None,
        *,
        filter_name: Filter = None,
        filter_typename: Filter = None,
        filter_branch: BranchFilter = None,
        aliases: Aliases = None,
        step_size: int | str = STEP_SIZE,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        library: "Library" = "ak",
        how: "How" = None,
        ak_add_doc: Doc = False,
        report: bool = False,
    ) -> Iterator[Any]:
        """What `arrays` gives, in steps. At any time a step and a few row groups are in memory.

        Parameters
        ----------
        step_size : int or str
            The events of a step before the cut, or about its bytes: ``"100 MB"``, ``"64 MiB"``.
        report : bool
            Give pairs of arrays and a `Report`, which tells the range of events.
        expressions, cut, filter_name, filter_typename, filter_branch, aliases
            See `arrays`.
        entry_start, entry_stop, library, how, ak_add_doc
            See `arrays`.

        Yields
        ------
        ak.Array, dict, pd.DataFrame, pa.Table or container
            What `arrays` gives of the events of each step; with `report` in a pair with its `Report`.

        Raises
        ------
        UsageError
            As for `arrays`, or the step size is invalid.
        """
        from baler_vae.memory.libraries import check_library  # noqa: PLC0415  light import

        check_library(library, how)
        filters = Filters(filter_name, filter_typename, filter_branch)
        selection = selected(self, expressions, cut, filters=filters, aliases=aliases)
        start, stop = self._range(entry_start, entry_stop)
        n_events = self._step(step_size, selection.schema)
        return self._steps(selection, start, stop, n_events, library, how, ak_add_doc, report=report)

    def num_entries_for(self, memory_size: int | str, expressions: Expressions = None, cut: str | None = None) -> int:
        """Tell how many events take about so many bytes of memory.

        Parameters
        ----------
        memory_size : int or str
            Bytes, as a number or a text such as ``"100 MB"``.
        expressions, cut
            What is to be read; see `arrays`.

        Returns
        -------
        int
            A number of events, at least 1.

        Raises
        ------
        UsageError
            The size or an expression is invalid.
        """
        n_bytes = bytes_of_text(memory_size) if isinstance(memory_size, str) else memory_size
        return self._entries_of(n_bytes, selected(self, expressions, cut).schema)

    def arrays_of(
        self, branch: Branch, entry_start: int | None, entry_stop: int | None, *, library: "Library", ak_add_doc: Doc
    ) -> Any:  # noqa: ANN401  it depends on the library
        """Read the values of one branch alone.

        Parameters
        ----------
        branch : Branch
            The branch.
        entry_start, entry_stop, library, ak_add_doc
            See `arrays`.

        Returns
        -------
        ak.Array, np.ndarray, pd.Series or pa.ChunkedArray
            The values, one for each event.

        Raises
        ------
        CorruptArchive
            A section is damaged.
        """
        from baler_vae.memory.libraries import check_library  # noqa: PLC0415  light import

        check_library(library)
        names = {column.name for column in branch.columns}
        selection = Selection(self.schema.only(names), (Output(branch.name, branch),))
        start, stop = self._range(entry_start, entry_stop)
        found = self._result(selection, start, stop, library, dict, ak_add_doc)
        return found[branch.name]

    def batch(self, selection: Schema, entry_start: int | None = None, entry_stop: int | None = None) -> Batch:
        """Read a range of events at once.

        Parameters
        ----------
        selection : Schema
            The columns.
        entry_start, entry_stop : int, optional
            The first event, and the one behind the last; counted from the end where negative.

        Returns
        -------
        Batch
            A table for each group, arrays (rows,) or (rows, *shape) of the columns' dtypes.

        Raises
        ------
        CorruptArchive
            A section is damaged.
        """
        start, stop = self._range(entry_start, entry_stop)
        return concatenate(list(self.batches(selection, start=start, stop=stop)), selection)

    def _result(
        self, selection: Selection, start: int, stop: int, library: "Library", how: "How", ak_add_doc: Doc
    ) -> Any:  # noqa: ANN401  it depends on the library
        from baler_vae.reader.results import as_library  # noqa: PLC0415  light import

        batch = concatenate(list(self.batches(selection.schema, start=start, stop=stop)), selection.schema)
        return self._documented(as_library(batch, selection, library, how, start), selection, ak_add_doc)

    def _steps(
        self,
        selection: Selection,
        start: int,
        stop: int,
        n_events: int,
        library: "Library",
        how: "How",
        ak_add_doc: Doc,
        *,
        report: bool,
    ) -> Iterator[Any]:
        from baler_vae.reader.results import as_library  # noqa: PLC0415  light import

        batches = self.batches(selection.schema, start=start, stop=stop)
        for batch in cut_events(batches, selection.schema, repeat(n_events)):
            found = as_library(batch, selection, library, how, start)
            found = self._documented(found, selection, ak_add_doc)
            stop_of_step = start + batch[0].n_rows
            yield (found, Report(self, start, stop_of_step)) if report else found
            start = stop_of_step

    def _documented(self, found: Any, selection: Selection, ak_add_doc: Doc) -> Any:  # noqa: ANN401
        if not ak_add_doc:
            return found
        from baler_vae.reader.documenting import documented  # noqa: PLC0415  light import

        columns = [ArchiveColumn(self, branch) for branch in selection.branches]
        return documented(found, columns, self.title, ak_add_doc)

    def _range(self, entry_start: int | None, entry_stop: int | None) -> tuple[int, int]:
        ends = (whole_number(entry_start, "entry_start"), whole_number(entry_stop, "entry_stop"))
        start, stop, _ = slice(*ends).indices(self.num_entries)
        return start, max(start, stop)

    def _step(self, step_size: int | str, selection: Schema) -> int:
        """The events of a step, at least one."""
        if isinstance(step_size, str):
            return self._entries_of(bytes_of_text(step_size), selection)
        n_events = whole_number(step_size, "step_size")
        if n_events is None or n_events < 1:
            raise UsageError(f"a step of {step_size} events", expected="1 or more")
        return n_events

    def _entries_of(self, n_bytes: int, selection: Schema) -> int:
        """How many events of a selection take so many bytes, at least one."""
        own = sum(entry.original_bytes for name in selection.order for entry in self.entries(name))
        return max(1, n_bytes * self.num_entries // max(1, own))
