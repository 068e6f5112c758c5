"""One column of an open archive."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from baler_vae.reader.libraries import Library, branch_as, check_library
from baler_vae.table.branches import Branch

if TYPE_CHECKING:
    from baler_vae.reader.archive import Archive


@dataclass(frozen=True)
class ArchiveColumn:
    """One column of an archive, or an array of columns; nothing is decoded before `array` is called."""

    archive: "Archive"
    branch: Branch

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
    def is_jagged(self) -> bool:
        return self.branch.is_jagged

    @property
    def num_entries(self) -> int:
        return self.archive.num_entries

    def array(self, *, entry_start: int | None = None, entry_stop: int | None = None, library: Library = "ak") -> Any:  # noqa: ANN401  it depends on the library
        """The values of a range of events: an awkward array, an array of numpy, or a series of pandas.

        Raises:
            UsageError: the library is unknown, or `pd` is asked for an array.
        """
        check_library(library)
        selection = self.archive.schema.only({column.name for column in self.branch.columns})
        return branch_as(self.branch, self.archive.batch(selection, entry_start, entry_stop), library)
