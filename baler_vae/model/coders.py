"""How the integer codes of a column, or of a latent, become bytes."""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.entropy.tables import ColumnTable, decode_codes, encode_codes, fit_table, table_bits, table_bytes
from baler_vae.grid.codes import is_special
from baler_vae.grid.grids import Grid

_Scalar = TypeVar("_Scalar", bound=np.generic)

CodesCoding = Literal["table-1", "pcodec-codes-1"]

TABLE: Final[CodesCoding] = "table-1"
PCODEC_CODES: Final[CodesCoding] = "pcodec-codes-1"

_CONTEXTS = (1, 4, 16, 64)
_JUDGING_CONTEXTS = 4
_SLICES = 4
_SLICE_ROWS = 16_384
_NO_EDGES = np.empty(0, np.int64)


@dataclass(frozen=True)
class Coder:
    """Codes under a table of their own, or through pcodec (`table` is None).

    Where `predicted` is true the codes are differences from predicted codes, and the prediction tells the context:
    `edges` int64 (contexts - 1,) are the least predictions of all contexts but the first.
    """

    table: ColumnTable | None = None
    predicted: bool = False
    edges: NDArray[np.int64] = field(default_factory=lambda: _NO_EDGES)

    def __post_init__(self) -> None:
        n_contexts = len(self.table.levels) if self.table else 1
        if len(self.edges) != n_contexts - 1 or np.any(np.diff(self.edges) <= 0):
            raise ValueError(f"{len(self.edges)} edges for {n_contexts} contexts, or edges that do not rise")

    @property
    def coding(self) -> CodesCoding:
        return PCODEC_CODES if self.table is None else TABLE

    def encode(self, codes: NDArray[np.int64], predictions: NDArray[np.int64] | None = None) -> bytes:
        """The bytes of codes (or differences) (rows,), under the contexts of predicted codes (rows,)."""
        if self.table is None:
            return encode_numbers(codes)
        return encode_codes(codes, self._contexts(predictions), self.table)

    def decode(self, data: bytes, n_rows: int, predictions: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """The codes (rows,) that `encode` was given, for the same predictions.

        Raises:
            ValueError: the bytes are not those of such codes.
        """
        if self.table is None:
            return decode_numbers(data, np.dtype(np.int64), n_rows).astype(np.int64, copy=False)
        return decode_codes(data, self._contexts(predictions), self.table, n_rows)

    def _contexts(self, predictions: NDArray[np.int64] | None) -> NDArray[np.intp] | None:
        return contexts_of(predictions, self.edges) if predictions is not None and len(self.edges) else None


def contexts_of(predictions: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.intp]:
    """The context (rows,) in which each prediction falls."""
    return np.searchsorted(edges, predictions, side="right")


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
    table = fit_table(codes, None)
    bits = table_bits(codes, None, table) + 8 * table_bytes([table])
    sample = contiguous_slices(codes)
    pcodec_bits = 8.0 * sum(len(encode_numbers(part)) for part in sample)
    pcodec_bits *= len(codes) / max(1, sum(map(len, sample)))
    return (Coder(), pcodec_bits) if pcodec_bits < bits else (Coder(table), bits)


def fit_predicted_coder(differences: NDArray[np.int64], predictions: NDArray[np.int64]) -> tuple[Coder, float]:
    """The coder with as many contexts as pay, for differences (rows,) from predicted codes (rows,), and about how many
    bits it takes, table included.
    """
    best, least = Coder(predicted=True), np.inf
    for n_contexts in _CONTEXTS:
        edges = _edges(predictions, n_contexts)
        contexts = contexts_of(predictions, edges)
        table = fit_table(differences, contexts, len(edges) + 1)
        bits = table_bits(differences, contexts, table) + 8 * table_bytes([table])
        if bits >= least:
            break
        best, least = Coder(table, predicted=True, edges=edges), bits
    return best, least


def predicted_bits(differing: NDArray[np.int64], predictions: NDArray[np.int64]) -> float:
    """About how many bits differences (rows,) from predicted codes take, tables not counted: what a sample of a column
    tells of the whole.
    """
    edges = _edges(predictions, _JUDGING_CONTEXTS)
    contexts = contexts_of(predictions, edges)
    return table_bits(differing, contexts, fit_table(differing, contexts, len(edges) + 1))


def _edges(predictions: NDArray[np.int64], n_contexts: int) -> NDArray[np.int64]:
    """Between contexts of about equally many predictions."""
    ordered = np.sort(predictions)
    return np.unique(ordered[np.arange(1, n_contexts) * len(ordered) // n_contexts])


def contiguous_slices(values: NDArray[_Scalar]) -> list[NDArray[_Scalar]]:
    """A few slices of neighbouring rows (rows,) that stand for all of them; everything where that is little."""
    if len(values) <= _SLICES * _SLICE_ROWS:
        return [values]
    starts = np.linspace(0, len(values) - _SLICE_ROWS, _SLICES).astype(int)
    return [values[start : start + _SLICE_ROWS] for start in starts]
