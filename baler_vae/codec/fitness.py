"""Whether a stored codec still fits the file that it compresses: nothing is ever wrong, only larger."""

from collections.abc import Mapping
from dataclasses import dataclass

from baler_vae.codec.groups import encode_plain
from baler_vae.grid.codes import quantise_column
from baler_vae.model.coders import fit_coder
from baler_vae.model.group import GroupModel
from baler_vae.table.bounds import Bound
from baler_vae.table.table import Table

TOLERANCE = 0.05
"""By what part rows may take more bits than promised before a user is told."""


@dataclass(frozen=True)
class Fitness:
    """What the rows of a group took under a codec, in bits a row, beside what they took when it was fitted (None where
    it does not tell) and about what the columns of this file would take by themselves.
    """

    group: str
    bits_per_row: float
    fitted_bits_per_row: float | None
    independent_bits_per_row: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each of the two that is better by more than 5 %."""
        found = []
        if self.fitted_bits_per_row and self.bits_per_row > self.fitted_bits_per_row * (1 + TOLERANCE):
            found.append(
                f"{self.group} takes {self.bits_per_row:.1f} bits a row here, {self.fitted_bits_per_row:.1f} where the "
                "codec was fitted: every value is kept, but a codec fitted on this file may be smaller"
            )
        if self.bits_per_row > self.independent_bits_per_row * (1 + TOLERANCE):
            found.append(
                f"{self.group} takes {self.bits_per_row:.1f} bits a row under this codec, its columns by themselves "
                f"about {self.independent_bits_per_row:.1f}: fit a codec on this file, or use --model independent"
            )
        return tuple(found)


def independent_bits(table: Table, model: GroupModel, bounds: Mapping[str, Bound]) -> float:
    """About how many bits the columns of a table would take on the grids of a codec, each under a table of its own or
    through pcodec, whichever is smaller.
    """
    total = 0.0
    for name, column in model.columns.items():
        if column.grid is None:
            total += 8.0 * len(encode_plain(table[name])) if column.coding is not None else 0.0
            continue
        codes = quantise_column(table[name], column.grid, bounds[name])
        total += fit_coder(codes.codes)[1] + 64.0 * len(codes.verbatim)
    return total
