"""How the integer codes of a column, or of a latent, become bytes, independently of others."""

from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.entropy.tables import FrequencyTable, decode_codes, encode_codes, fit_table, table_bits, table_bytes
from baler_vae.grid.codes import is_special
from baler_vae.grid.grids import Grid

_Scalar = TypeVar("_Scalar", bound=np.generic)

CodesCoding = Literal["table-1", "pcodec-codes-1"]

TABLE: Final[CodesCoding] = "table-1"
PCODEC_CODES: Final[CodesCoding] = "pcodec-codes-1"
NETWORK: Final = "network-1"
CELLS: Final = "cells-1"
CONTEXT: Final = "context-1"
NEIGHBOURS: Final = "neighbours-1"

_SLICES = 4
"""Slices of neighbouring rows on which pcodec is tried. Chosen by hand; not measured."""
_SLICE_ROWS = 16_384
"""The rows of each. Chosen by hand; not measured."""


@dataclass(frozen=True)
class Coder:
    """Codes under a table of their own, or through pcodec (`table` is None)."""

    table: FrequencyTable | None = None

    @property
    def coding(self) -> CodesCoding:
        return PCODEC_CODES if self.table is None else TABLE

    def encode(self, codes: NDArray[np.int64]) -> bytes:
        """The bytes of codes, or differences, (rows,)."""
        return encode_numbers(codes) if self.table is None else encode_codes(codes, self.table)

    def decode(self, data: bytes, n_rows: int) -> NDArray[np.int64]:
        """The codes (rows,) that `encode` was given.

        Raises:
            ValueError: the bytes are not those of such codes.
        """
        if self.table is None:
            return decode_numbers(data, np.dtype(np.int64), n_rows).astype(np.int64, copy=False)
        return decode_codes(data, self.table, n_rows)


def differences(codes: NDArray[np.int64], predictions: NDArray[np.int64], grid: Grid) -> NDArray[np.int64]:
    """Codes less their predictions, int64 (rows,), modulo 2^64 where the grid holds everything; else special codes stay
    as they are.
    """
    less = codes - predictions
    return less if grid.holds_everything else np.where(is_special(codes), codes, less)


def sums(differing: NDArray[np.int64], predictions: NDArray[np.int64], grid: Grid) -> NDArray[np.int64]:
    """The codes (rows,) whose `differences` from the same predictions are given."""
    codes = differing + predictions
    return codes if grid.holds_everything else np.where(is_special(differing), differing, codes)


def fit_coder(codes: NDArray[np.int64]) -> tuple[Coder, float]:
    """The coder that takes the fewest bits for codes (rows,) alone, and about how many it takes, table included.

    pcodec, which sees the order of the rows, is tried on a few contiguous slices.
    """
    table = fit_table(codes)
    bits = table_bits(codes, table) + 8 * table_bytes([table])
    other_bits = pcodec_bits(codes)
    return (Coder(), other_bits) if other_bits < bits else (Coder(table), bits)


def pcodec_bits(values: NDArray[np.generic]) -> float:
    """The bits that numbers (rows,) take through pcodec, estimated from a few contiguous slices."""
    sample = contiguous_slices(values)
    return 8.0 * sum(len(encode_numbers(part)) for part in sample) * (len(values) / max(1, sum(map(len, sample))))


def contiguous_slices(values: NDArray[_Scalar]) -> list[NDArray[_Scalar]]:
    """A few slices of neighbouring rows (rows,) that represent all of them; everything if there are few."""
    if len(values) <= _SLICES * _SLICE_ROWS:
        return [values]
    starts = np.linspace(0, len(values) - _SLICE_ROWS, _SLICES).astype(int)
    return [values[start : start + _SLICE_ROWS] for start in starts]
