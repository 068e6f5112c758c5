"""One column of an open archive."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.table.branches import Branch

if TYPE_CHECKING:
    from baler_vae.memory.libraries import Library
    from baler_vae.reader.face import Face


@dataclass(frozen=True, repr=False)
class ArchiveColumn:
    """One column of an archive, or an array of columns; nothing is decoded before `array` is called."""

    archive: "Face"
    branch: Branch

    def __repr__(self) -> str:
        return f"<ArchiveColumn {self.name!r} ({self.typename}, {self.bound}) of {str(self.archive.path)!r}>"

    @property
    def name(self) -> str:
        return self.branch.name

    @property
    def title(self) -> str:
        return self.branch.title

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of a value, `object` for text, `void` where it is nested."""
        return self.branch.dtype

    @property
    def typename(self) -> str:
        """The type of a value as the source calls it, or else the name of its dtype; with `[]` in a collection."""
        name = self.branch.typename or self.branch.columns[0].kind
        return f"{name}[]" if self.branch.is_jagged and "[" not in name else name

    @property
    def bound(self) -> str:
        """The bound that the values were kept under, as the user wrote it; several where elements or files differ."""
        return ", ".join(dict.fromkeys(entry.bound for entry in self._entries()))

    @property
    def kept_as(self) -> str:
        """What the stored codes are, in a few words: `integers`, `bit patterns without the lowest 13 bits`."""
        from baler_vae.grid.grids import describe_grid, grid_of  # noqa: PLC0415  only to show it

        grids = [entry.grid for entry in self._entries()]
        texts = ["" if grid is None else describe_grid(grid_of(grid.kind, grid.parameters)) for grid in grids]
        return ", ".join(dict.fromkeys(text for text in texts if text))

    @property
    def is_jagged(self) -> bool:
        return self.branch.is_jagged

    @property
    def count_branch(self) -> "ArchiveColumn | None":
        """The column that counts the values of each event; None where there is one."""
        counter = self.branch.group.counter
        return None if counter is None else self.archive[counter]

    @property
    def tree(self) -> "Face":
        """The archive, as uproot calls what a branch belongs to."""
        return self.archive

    @property
    def num_entries(self) -> int:
        return self.archive.num_entries

    @property
    def uncompressed_bytes(self) -> int:
        """What the values take in their own dtype."""
        return sum(entry.original_bytes for entry in self._entries())

    def array(
        self,
        *,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        library: "Library" = "ak",
        ak_add_doc: bool | dict[str, str] = False,
    ) -> Any:  # noqa: ANN401  it depends on the library
        """The values of a range of events.

        Parameters
        ----------
        entry_start, entry_stop : int, optional
            The first event, and the one behind the last; counted from the end where negative.
        library : {"ak", "np", "pd", "pa"}
            An awkward array, an array of numpy, a series of pandas, or a chunked array of pyarrow.
        ak_add_doc : bool or dict
            See `Archive.arrays`.

        Raises
        ------
        UsageError
            The library is unknown, or `pd` is asked for an array in each row.
        CorruptArchive
            A section is damaged.
        """
        if library == "pd" and len(self.branch.columns) > 1:
            raise UsageError("a series has one value in every row", column=self.name, way_out='Ask for library="ak"')
        return self.archive.arrays_of(self.branch, entry_start, entry_stop, library=library, ak_add_doc=ak_add_doc)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: ANN401  numpy's own
        """The values as `array(library="np")` gives them."""
        return np.array(self.array(library="np"), dtype=dtype, copy=copy)

    def _entries(self) -> list[Any]:
        return [entry for column in self.branch.columns for entry in self.archive.entries(column.name)]
