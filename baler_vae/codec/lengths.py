"""What each row takes under a codec: a codec is a density, and the length of a code is minus its logarithm.

The length of a row depends on that row, and what networks see of it, alone, not on the rows beside it, but for arrays
whose cells are predicted by rows before, and for moves that keep a guarantee: they take nothing in a batch without any.
Columns and latents without a code for each row have no length: those under `free`, text and nested columns, and what
goes through pcodec or is stored as floats; nor have patches, values that are stored to the bit since they miss a
guarantee.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.batches import coded_batch
from baler_vae.codec.codec import Codec
from baler_vae.codec.coded import CodedTable
from baler_vae.codec.correcting import Classes, Moves, mode_runs, move_runs
from baler_vae.codec.finite import check_finite
from baler_vae.codec.groups import known_rows, quantise_latents
from baler_vae.codec.rows import Rows
from baler_vae.entropy.tables import code_bits
from baler_vae.errors import UsageError
from baler_vae.grid.codes import SPECIAL, Codes
from baler_vae.model.cell_stream import cell_bits
from baler_vae.model.coders import differences
from baler_vae.model.columns import Celled, Coded, Contextual, Neighboured, Networked, OnGrid
from baler_vae.model.context import context_bits
from baler_vae.model.correction import Correction, zigzag
from baler_vae.model.group import GroupModel
from baler_vae.model.neighbours import neighbour_bits
from baler_vae.model.stream import conditional_bits
from baler_vae.table.table import Batch

LATENTS: Final = "(latents)"
"""The key of what the latents of a group take, beside the names of its columns."""
MOVES: Final = "(moves)"
"""The key of what the moves of values take that keep guarantees on rows of a group, or on its events."""

Lengths = dict[str, dict[str, NDArray[np.float64]]]
"""By group and column, or `LATENTS`: bits, float64 (rows,)."""


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def code_lengths(codec: Codec, batch: Batch, first_rows: Mapping[str, int] | None = None) -> Lengths:
    """The exact lengths of the codes of a batch, which has the groups of the codec's schema: by group and column the
    bits of every row, float64 (rows,), in the order of the table, under `LATENTS` those of its latents, and under
    `MOVES` those of the moves that keep guarantees, where there are any.

    A code takes -log2 of its probability under the table or network of its column, and the bits of its offset, which
    are 64 for an escape; a value that stands verbatim takes the bits of its dtype besides. Arrays take the sum over
    their cells. Columns without a code for each row, which `without_lengths` names, are not there. `first_rows` is the
    number of the first row by group, for errors.

    Raises:
        SourceError: a value would be lost, or an event has too many rows.
        UsageError: the codec has no model for a group, its latents need an encoder which is not there, or values are
            too far from those of the fit.
    """
    check_finite(batch, codec.bounds, first_rows)
    found: Lengths = {}
    for coded in coded_batch(batch, codec):
        check_has_encoder(coded.group.name, coded.model)
        found[coded.group.name] = lengths_of(coded, known_rows(coded))
        add_moves(found, coded)
    return found


def add_moves(lengths: Lengths, coded: CodedTable) -> None:
    """Adds what the moves of values of a table take, each to the rows that they keep a guarantee of: those of the table
    or, where a guarantee is on events, those of the first group of `lengths`.
    """
    guarded = coded.guarded
    for correction, found, classes in zip(coded.model.corrections, guarded.moves, guarded.classes, strict=True):
        own = lengths[next(iter(lengths)) if correction.is_of_events else coded.group.name]
        own[MOVES] = own.get(MOVES, 0.0) + _moves_bits(found, correction, classes)


def _moves_bits(found: Moves, correction: Correction, classes: Classes) -> NDArray[np.float64]:
    """The bits (items,) of the modes and moves of items; none where nothing moves."""
    bits = np.zeros(len(found.moves))
    if not found.moves.any():
        return bits
    modes, codes = found.modes.astype(np.int64), zigzag(found.moves)
    for items, table in zip(mode_runs(correction, classes.modes), correction.modes, strict=True):
        bits[items] += code_bits(modes[items], table)
    for items, table in zip(move_runs(found.modes, correction, classes.moves), correction.move_tables, strict=True):
        bits[items] += code_bits(codes[items], table)
    return bits


def check_has_encoder(group: str, model: GroupModel) -> None:
    """Raise UsageError where the columns of a group depend on latents, and the encoder is not there."""
    if model.n_latents and model.encoder is None:
        raise UsageError(
            f"the encoder of {group} is not there, which its latents need: an archive holds none",
            way_out="Name the codec itself (.bvmodel), which `baler-vae fit` wrote",
        )


def without_lengths(model: GroupModel) -> tuple[str, ...]:
    """The columns of a group, and `LATENTS`, of which `code_lengths` does not count all that is stored."""
    names = [name for name, column in model.columns.items() if not _is_counted(column)]
    coded = sum(coder.table is not None for coder in model.latents)
    return (*names, LATENTS) if coded < model.n_latent_parts else tuple(names)


def _is_counted(column: object) -> bool:
    return isinstance(column, Networked | Celled | Contextual | Neighboured) or (
        isinstance(column, Coded) and column.coder.table is not None
    )


def lengths_of(coded: CodedTable, rows: Rows) -> dict[str, NDArray[np.float64]]:
    """The same of one table and what is known of its rows."""
    model, lengths = coded.model, {}
    for name, column in model.columns.items():
        if isinstance(column, OnGrid) and _is_counted(column):
            lengths[name] = coded.layout.restore(_column_bits(coded.codes[name], name, column, rows))
    if rows.latents is None:
        return lengths
    latents = zip(model.latents, quantise_latents(rows.latents[0], model.steps), strict=True)
    found = [code_bits(codes, coder.table) for coder, codes in latents if coder.table is not None]
    if found:
        lengths[LATENTS] = coded.layout.restore(np.sum(found, axis=0))
    return lengths


def _column_bits(coded: Codes, name: str, column: OnGrid, rows: Rows) -> NDArray[np.float64]:
    """The bits (rows,) of a column, in the order of the layout."""
    if isinstance(column, Celled):
        return _cell_bits(coded, name, column, rows)
    predicted = rows.predicted_codes(name)
    codes = coded.codes
    if isinstance(column, Contextual):
        holds = column.grid.holds_everything
        own = context_bits(codes, column.context, rows.looked_at, predicted, holds_everything=holds)
        return own + _verbatim_bits(coded, column)
    if column.predicted and predicted is not None:
        codes = differences(codes, predicted, column.grid)
    if isinstance(column, Neighboured):
        holds = column.grid.holds_everything
        bits = neighbour_bits(codes, column.neighbours, rows.layout.n_rows, holds_everything=holds)
    elif isinstance(column, Networked):
        bits = conditional_bits(codes, column.conditional, rows.sources)
    elif isinstance(column, Coded) and column.coder.table is not None:
        bits = code_bits(codes, column.coder.table)
    bits = bits + _verbatim_bits(coded, column)
    n_cells = rows.group.column(name).n_cells
    return bits if n_cells == 1 else bits.reshape(rows.layout.n_rows, n_cells).sum(axis=1)


def _cell_bits(coded: Codes, name: str, column: Celled, rows: Rows) -> NDArray[np.float64]:
    """The bits (rows,) of the cells of a column of arrays."""
    verbatim = _verbatim_bits(coded, column).reshape(rows.layout.n_rows, -1)
    bits: NDArray[np.float64] = cell_bits(rows.fields[name]) + verbatim.sum(axis=1)
    return bits


def _verbatim_bits(coded: Codes, column: OnGrid) -> NDArray[np.float64]:
    """The bits (rows,) of what stands verbatim beside codes."""
    if column.grid.holds_everything:
        return np.zeros(len(coded.codes))
    return np.where(coded.codes == SPECIAL, 8.0 * coded.restored.dtype.itemsize, 0.0)
