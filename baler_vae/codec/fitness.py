"""Whether a stored codec still fits the file that it compresses: nothing is ever wrong, only larger."""

from dataclasses import dataclass

from baler_vae.codec.coded import CodedTable
from baler_vae.codec.groups import encode_plain
from baler_vae.model.coders import fit_coder
from baler_vae.model.columns import Contextual, Free, OnGrid

TOLERANCE = 0.05
"""By what part rows may take more bits than promised before a user is told."""

_JUDGED_ROWS = 16_384
"""Rows that tell what columns by themselves would take."""
_JUDGED_ROWS_IN_CONTEXT = 4_096
"""The same of columns under tables in context, all of whose rows are encoded in a few times as long."""


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


def independent_bits_per_row(coded: CodedTable) -> float | None:
    """About how many bits a row the columns of a table would take on the grids of a codec, each under a table of its
    own or through pcodec, whichever is smaller, told by its first rows; None where there are no rows, or columns under
    `free`.
    """
    columns = coded.model.columns
    if not coded.n_rows or any(isinstance(column, Free) for column in columns.values()):
        return None
    in_context = any(isinstance(column, Contextual) for column in columns.values())
    n_judged = _JUDGED_ROWS_IN_CONTEXT if in_context else _JUDGED_ROWS
    rows = coded.layout.places(min(coded.n_rows, n_judged))
    total = 0.0
    for name, column in columns.items():
        if isinstance(column, OnGrid):
            codes = coded.codes[name].only(rows)
            total += fit_coder(codes.codes)[1] + codes.verbatim_bits
        else:
            total += 8.0 * len(encode_plain(coded.values[name][rows]))
    return total / len(rows)
