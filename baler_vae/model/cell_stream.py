"""Codes of the cells of arrays under the network of their column: `cells-1`."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.stream import StreamReader, join_stream
from baler_vae.grid.numbers import Integers64
from baler_vae.model.cell_fields import CellField, Look
from baler_vae.model.conditional import Conditional
from baler_vae.model.stream import bits_between, decode_given, draw_symbols, symbol_bounds, words_of


class CellCodes(Protocol):
    """Gives what is coded of cells, some at a time, in their order."""

    def read(self, look: Look) -> Integers64:
        """What is coded, int64 (n,), of the next cells.

        Raises:
            ValueError: there are no such codes.
        """


def encode_cells(field: CellField) -> bytes:
    """The bytes of the codes of all cells of a field, which knows them and their values; without cells there are
    none.
    """
    if not len(field.codes):
        return b""
    symbols, offsets, begins, ends = _weighed(field)
    return join_stream(words_of(begins, ends), offsets, field.cells.network.alphabet.widths[symbols])


def cell_bits(field: CellField) -> NDArray[np.float64]:
    """The bits, float64 (rows,), that the codes of all cells of each row take: symbols and offsets."""
    symbols, _, begins, ends = _weighed(field)
    bits = bits_between(begins, ends) + field.cells.network.alphabet.widths[symbols]
    items = np.concatenate([np.empty(0, np.int64), *field.known_order()])
    found = np.zeros(field.n_rows)
    np.add.at(found, items % max(1, field.n_rows), bits)
    return found


def decode_cells(
    field: CellField, stream: CellCodes, restored: Callable[[Integers64, Integers64], NDArray[np.generic]]
) -> None:
    """Fills a field with the codes of a stream; `restored` gives the values (n,) of the next cells, by number
    (n,), from their codes (n,).

    Raises:
        ValueError: the stream is not one of such cells.
    """
    for items in field.order():
        look = field.look(items)
        coded = stream.read(look)
        codes = field.decoded(look.base, coded)
        field.restore(look, codes, coded, restored(items, codes))


class CellReader:
    """Gives back the codes that `encode_cells` was given.

    Raises:
        ValueError: the bytes are not those of a stream.
    """

    def __init__(self, data: bytes, network: Conditional) -> None:
        self._stream, self._network = StreamReader(data), network
        self._coder = self._stream.coder()

    def read(self, look: Look) -> Integers64:
        """What is coded, int64 (n,), of the next cells."""
        return decode_given(look.inputs, self._network, self._stream, self._coder)

    def finish(self) -> None:
        """Check that everything has been read.

        Raises:
            ValueError: something is left over.
        """
        self._stream.finish(words_are_used=not self._coder.any())


def draw_seen(look: Look, network: Conditional, generator: np.random.Generator) -> NDArray[np.int32]:
    """Symbols int32 (n,) by chance for cells, from the tables that the network makes of what it sees of them."""
    from baler_vae.model.kernels.seeing import seen_as  # noqa: PLC0415 - numba takes half a second to import

    return draw_symbols(seen_as(look.inputs), network, 0, len(look.items), generator)


def _weighed(
    field: CellField,
) -> tuple[NDArray[np.int32], NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32]]:
    """The symbols and offsets of all cells in their order, and where the quantiles of the symbols begin and end."""
    from baler_vae.model.kernels.seeing import seen_as  # noqa: PLC0415 - numba takes half a second to import

    n_codes, network = len(field.codes), field.cells.network
    symbols, offsets = np.empty(n_codes, np.int32), np.empty(n_codes, np.uint64)
    begins, ends = np.empty(n_codes, np.int32), np.empty(n_codes, np.int32)
    start = 0
    if field.has_small_waves:
        field.show_all_coded()
    for items in field.known_order():
        look, own = field.look(items), slice(start, start + len(items))
        coded = field.coded(look.base, field.codes[items])
        symbols[own], offsets[own] = network.alphabet.split(coded)
        begins[own], ends[own] = symbol_bounds(seen_as(look.inputs), network, symbols[own])
        field.show_coded(look, coded)
        start += len(items)
    return symbols, offsets, begins, ends
