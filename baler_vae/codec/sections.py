"""The model of a group: sections and manifest entries of an archive or a codec, and back."""

import math
from collections.abc import Iterator
from typing import Any, Protocol, cast

import numpy as np

from baler_vae.archive.container import ArchiveFile
from baler_vae.archive.manifest import FIRST_FORMAT, ColumnEntry, GridEntry, GroupEntry, GuardEntry, LatentsEntry
from baler_vae.archive.parts import pack_parts
from baler_vae.codec.correction_entries import corrections_of, promised_of
from baler_vae.codec.dependencies import check_arrays, check_guard, check_model
from baler_vae.entropy import plain
from baler_vae.entropy.tables import decode_tables, encode_tables
from baler_vae.errors import CorruptArchive, UnsupportedVersion, UsageError
from baler_vae.grid.grids import GRID_KINDS, Grid, check_grid, grid_of, grid_parameters, is_centred, is_dithered
from baler_vae.kinematics.formula import Formula, parse_formula
from baler_vae.model.cell_weights import decode_cells_models, encode_cells_models
from baler_vae.model.cells import Cells
from baler_vae.model.coders import CELLS, CONTEXT, NEIGHBOURS, NETWORK, PCODEC_CODES, TABLE, Coder
from baler_vae.model.columns import Celled, Coded, ColumnModel, Contextual, Free, Neighboured, Networked, OnGrid, Plain
from baler_vae.model.conditional import Conditional
from baler_vae.model.context import InContext
from baler_vae.model.context_parts import decode_contexts, encode_contexts
from baler_vae.model.group import Decoder, Encoder, GroupModel
from baler_vae.model.neighbour_parts import decode_neighbours, encode_neighbours
from baler_vae.model.neighbours import Neighbours
from baler_vae.model.networks import decode_networks, encode_networks
from baler_vae.model.weights import (
    decode_coders,
    decode_decoder,
    decode_encoder,
    encode_coders,
    encode_decoder,
    encode_encoder,
)
from baler_vae.table.schema import Column

_OWN_CODES = (TABLE, PCODEC_CODES)
_CODES = (*_OWN_CODES, NETWORK, CELLS, CONTEXT, NEIGHBOURS)
_KEPT_AS = {"text": plain.TEXT, "nested": plain.ARROW}
"""The only coding of what is not a number."""
_VALUES = (plain.PCODEC, plain.TEXT, plain.ARROW)


class Sections(Protocol):
    """What takes the sections of a model, such as a writer of archives."""

    def add(self, name: str, data: bytes) -> None: ...


def decoder_section(group: int) -> str:
    """The section of a group's decoder."""
    return f"model/{group}"


def tables_section(group: int) -> str:
    """The section of a group's tables."""
    return f"tables/{group}"


def networks_section(group: int) -> str:
    """The section of the networks of a group's codes."""
    return f"networks/{group}"


def cells_section(group: int) -> str:
    """The section of the networks of the cells of a group's arrays."""
    return f"cells/{group}"


def contexts_section(group: int) -> str:
    """The section of the tables in context of a group's codes."""
    return f"contexts/{group}"


def neighbours_section(group: int) -> str:
    """The section of the tables that the neighbours of the cells of a group's arrays choose."""
    return f"neighbours/{group}"


def corrections_section(group: int) -> str:
    """The section of the tables of a group's corrections."""
    return f"corrections/{group}"


def encoder_section(group: int) -> str:
    """The section of a group's encoder, in a codec."""
    return f"encoder/{group}"


def write_model(archive: Sections, number: int, model: GroupModel, *, with_encoder: bool = False) -> None:
    """Writes what a group's model needs: its decoder, its tables, its networks, and for a codec its encoder."""
    if model.decoder is not None:
        archive.add(decoder_section(number), pack_parts(encode_decoder(model.decoder)))
    tables = encode_coders(model.coders)
    if tables:
        archive.add(tables_section(number), pack_parts(tables))
    networks = networks_of(model)
    if networks or model.views:
        archive.add(networks_section(number), pack_parts(encode_networks(networks, model.views)))
    cells = cells_of(model)
    if cells:
        archive.add(cells_section(number), pack_parts(encode_cells_models(cells)))
    contexts = contexts_of(model)
    if contexts:
        archive.add(contexts_section(number), pack_parts(encode_contexts(contexts)))
    neighbours = neighbours_of(model)
    if neighbours:
        archive.add(neighbours_section(number), pack_parts(encode_neighbours(neighbours)))
    if model.corrections:
        tables_of_moves = [table for one in model.corrections for table in one.tables]
        archive.add(corrections_section(number), pack_parts(encode_tables(tables_of_moves)))
    if with_encoder and model.encoder is not None:
        archive.add(encoder_section(number), pack_parts(encode_encoder(model.encoder)))


def networks_of(model: GroupModel) -> dict[int, Conditional]:
    """The networks of columns, by the number of the column in its group."""
    columns = enumerate(model.columns.values())
    return {number: column.conditional for number, column in columns if isinstance(column, Networked)}


def cells_of(model: GroupModel) -> dict[int, Cells]:
    """The networks of the cells of columns of arrays, by the number of the column in its group."""
    columns = enumerate(model.columns.values())
    return {number: column.cells for number, column in columns if isinstance(column, Celled)}


def contexts_of(model: GroupModel) -> dict[int, InContext]:
    """The tables in context of columns, by the number of the column in its group."""
    columns = enumerate(model.columns.values())
    return {number: column.context for number, column in columns if isinstance(column, Contextual)}


def neighbours_of(model: GroupModel) -> dict[int, Neighbours]:
    """The tables of columns of arrays that neighbours choose, by the number of the column in its group."""
    columns = enumerate(model.columns.values())
    return {number: column.neighbours for number, column in columns if isinstance(column, Neighboured)}


def column_entry(column: Column, model: ColumnModel, bound: str, original_bytes: int) -> ColumnEntry:
    """What a manifest says of a column."""
    on_grid = model if isinstance(model, OnGrid) else None
    grid, formula = (None, None) if on_grid is None else (on_grid.grid, on_grid.formula)
    return ColumnEntry(
        name=column.name,
        dtype=column.dtype_name,
        title=column.title,
        typename=column.typename,
        implied=column.implied,
        bound=bound,
        coding=model.coding,
        grid=None if grid is None else GridEntry(kind=grid.kind, parameters=grid_parameters(grid)),
        formula=None if formula is None else formula.text,
        predicted=on_grid is not None and on_grid.predicted,
        original_bytes=original_bytes,
        shape=column.shape,
    )


def latents_entry(model: GroupModel, *, with_encoder: bool = False) -> LatentsEntry | None:
    """What a manifest says of the latents of a group, and of what its encoder needs."""
    if not model.n_latents:
        return None
    codings = tuple(coder.coding for coder in model.latents) if model.steps else (plain.RAW,) * model.n_latents
    return LatentsEntry(
        codings=codings,
        steps=model.steps,
        keeps_log_variance=model.keeps_log_variance,
        categories=model.encoder.categories if with_encoder and model.encoder is not None else (),
    )


def check_entries(archive: ArchiveFile) -> None:
    """Check that the manifest names only codings and grids that this version reads, and they go together.

    Raises:
        UnsupportedVersion: a coding or a grid is unknown.
        CorruptArchive: a column has codes without a grid, a grid has wrong parameters, or the like.
    """
    for entry in archive.manifest.groups:
        _check_known(archive, entry)
        for column in entry.columns:
            try:
                _check_format(column, _grid(column), archive.manifest.version)
            except ValueError as error:
                raise CorruptArchive(
                    str(error), path=archive.path, section="manifest.json", column=column.name
                ) from error


def read_model(archive: ArchiveFile, number: int, *, with_encoder: bool = False) -> GroupModel:
    """The model that `write_model` wrote, of an archive that passes `check_entries`.

    Raises:
        CorruptArchive: a section is damaged, or is not what the manifest says.
    """
    entry = archive.manifest.groups[number]
    section = decoder_section(number)
    try:
        has_decoder = section in archive.manifest.sections
        decoder = decode_decoder(archive.parts(section)) if has_decoder else None
        _check_served(entry, decoder)
        encoder = None
        if entry.latents is not None and with_encoder:
            section = encoder_section(number)
            encoder = decode_encoder(archive.parts(section), entry.latents.categories)
        _check_encoder(entry, encoder)
        _check_latents(entry, decoder.n_latents if decoder else None, encoder.n_latents if encoder else None)
        section = tables_section(number)
        have_tables = [coding == TABLE for coding in _coder_codings(entry)]
        coders = decode_coders(archive.parts(section) if any(have_tables) else [], have_tables)
        section = networks_section(number)
        has_networks = any(column.coding == NETWORK for column in entry.columns)
        has_networks = has_networks or networks_section(number) in archive.manifest.sections
        networks, views = decode_networks(archive.parts(section)) if has_networks else ({}, {})
        section = cells_section(number)
        shapes = {place: column.shape for place, column in enumerate(entry.columns) if column.coding == CELLS}
        cells = decode_cells_models(archive.parts(section), shapes) if shapes else {}
        section = contexts_section(number)
        has_contexts = any(column.coding == CONTEXT for column in entry.columns)
        contexts = decode_contexts(archive.parts(section)) if has_contexts else {}
        section = neighbours_section(number)
        shapes = {place: column.shape for place, column in enumerate(entry.columns) if column.coding == NEIGHBOURS}
        neighbours = decode_neighbours(archive.parts(section), shapes) if shapes else {}
        section = corrections_section(number)
        guard = entry.guard or GuardEntry()
        moves = decode_tables(archive.parts(section)) if guard.corrections else ()
        section = "manifest.json"
        n_latents = 0 if entry.latents is None else len(entry.latents.steps)
        own_coders = iter(coders[n_latents:])
        columns = {}
        for place, column in enumerate(entry.columns):
            own = networks.pop(place, None), cells.pop(place, None), contexts.pop(place, None)
            columns[column.name] = column_model(column, own_coders, *own, neighbours.get(place))
        model = GroupModel(
            columns=columns,
            decoder=decoder,
            encoder=encoder,
            steps=() if entry.latents is None else entry.latents.steps,
            latents=coders[:n_latents],
            keeps_log_variance=entry.latents is not None and entry.latents.keeps_log_variance,
            views=views,
            corrections=corrections_of(guard, moves),
            patched=guard.patched,
        )
        promised = promised_of(archive.manifest.guarantees)
        check_guard(model, number, archive.manifest.groups, len(promised.promised))
        check_model(model, archive.manifest.groups[0] if number else None, [*networks, *contexts])
        check_arrays(model, entry, archive.manifest.groups[0])
    except ValueError as error:
        raise CorruptArchive(str(error), path=archive.path, section=section) from error
    return model


def column_model(
    entry: ColumnEntry,
    coders: Iterator[Coder],
    network: Conditional | None,
    cells: Cells | None = None,
    context: InContext | None = None,
    neighbours: Neighbours | None = None,
) -> ColumnModel:
    """The model of a column of a manifest, whose coder is the next one where it has codes of its own.

    Raises:
        ValueError: what the manifest says of it does not go together.
    """
    grid, formula = _grid(entry), _formula(entry)
    told = (NETWORK, network), (CELLS, cells), (CONTEXT, context), (NEIGHBOURS, neighbours)
    kinds = "networks", "networks of cells", "tables in context", "tables that neighbours choose"
    for (coding, own), what in zip(told, kinds, strict=True):
        if (own is not None) is not (entry.coding == coding):
            raise ValueError(f"{what} and columns do not match")
    if grid is None:
        return Free() if entry.coding is None else Plain(coding=cast("plain.Coding", entry.coding))
    if network is not None:
        return Networked(grid=grid, conditional=network, formula=formula, predicted=entry.predicted)
    if context is not None:
        return Contextual(grid=grid, context=context, formula=formula, predicted=entry.predicted)
    if neighbours is not None:
        return Neighboured(grid=grid, neighbours=neighbours, formula=formula, predicted=entry.predicted)
    if cells is not None:
        return Celled(grid=grid, cells=cells, formula=formula, predicted=entry.predicted)
    return Coded(grid=grid, coder=next(coders), formula=formula, predicted=entry.predicted)


def _check_format(column: ColumnEntry, grid: Grid | None, version: int) -> None:
    """Check that a grid exists in a version of the format."""
    new = ["has tables in context"] if column.coding == CONTEXT else []
    if grid is not None:
        new += ["is dithered"] * is_dithered(grid) + ["is centred"] * is_centred(grid)
    if new and version == FIRST_FORMAT:
        raise ValueError(f"column {column.name!r} {new[-1]}, which format {FIRST_FORMAT} does not know")


def _check_known(archive: ArchiveFile, entry: GroupEntry) -> None:
    """Check that every coding and grid of a group is one that this version reads."""
    known: list[tuple[str, str | None, Any]] = [
        ("coding", column.coding, (None, *_CODES, *_VALUES)) for column in entry.columns
    ]
    known += [("grid", column.grid.kind, GRID_KINDS) for column in entry.columns if column.grid is not None]
    if entry.latents is not None:
        known += [("coding", coding, (plain.RAW, *_OWN_CODES)) for coding in entry.latents.codings]
    for what, found, expected in known:
        if found not in expected:
            raise UnsupportedVersion(
                f"has a {what} that this version cannot read",
                path=archive.path,
                section="manifest.json",
                found=repr(found),
                way_out=f"It was written by {archive.manifest.writer!r}: use that version",
            )


def _check_latents(entry: GroupEntry, *numbers: int | None) -> None:
    """Check that the latents of the manifest are those of its decoder and its encoder, where it has them."""
    latents = entry.latents
    n_latents = 0 if latents is None else len(latents.codings)
    if any(number is not None and number != n_latents for number in numbers):
        raise ValueError(f"a network of {numbers} latents does not fit the manifest")
    if latents is None:
        return
    if len(latents.steps) not in (0, n_latents) or not n_latents or not (latents.steps or numbers[0]):
        raise ValueError(f"{len(latents.steps)} steps for {n_latents} latents")
    if latents.steps and latents.keeps_log_variance:
        raise ValueError("log-variances of rounded latents")
    if any((coding == plain.RAW) is bool(latents.steps) for coding in latents.codings):
        raise ValueError("latents have a step and no codes, or codes and no step")
    if not all(math.isfinite(step) and step > 0 for step in latents.steps):
        raise ValueError(f"a step of latents is not a positive number: {latents.steps}")


def _check_served(entry: GroupEntry, decoder: Decoder | None) -> None:
    """Check that the decoder gives every column under `free`; without rows there may be no decoder."""
    needing = {column.name for column in entry.columns if column.coding is None}
    if decoder is not None and needing != set(decoder.columns):
        raise ValueError(f"a decoder serves {sorted(set(decoder.columns) ^ needing)} that it should not, or does not")
    if decoder is not None:
        _check_shapes(entry, decoder)


def _check_encoder(entry: GroupEntry, encoder: Encoder | None) -> None:
    """Check that the columns that an encoder takes are there."""
    numbers = {column.name for column in entry.columns if column.dtype not in _KEPT_AS}
    if encoder is None:
        return
    if not set(encoder.columns) <= numbers:
        raise ValueError("an encoder has inputs that do not exist")
    _check_shapes(entry, encoder)


def _check_shapes(entry: GroupEntry, network: Decoder | Encoder) -> None:
    """Check that a network knows the shapes of its columns."""
    shapes = {column.name: column.shape for column in entry.columns}
    known = network.shapes or ((),) * len(network.columns)
    for name, shape in zip(network.columns, known, strict=True):
        if shape != shapes[name]:
            raise ValueError(f"a network of column {name!r} has shape {shape} in place of {shapes[name]}")


def _coder_codings(entry: GroupEntry) -> list[str]:
    """The coding of every latent and column with a coder, latents first."""
    latents = entry.latents.codings if entry.latents is not None and entry.latents.steps else ()
    return [*latents, *(column.coding for column in entry.columns if column.coding in _OWN_CODES)]


def _formula(column: ColumnEntry) -> Formula | None:
    if column.formula is None:
        if column.predicted:
            raise ValueError(f"column {column.name!r} is stored as differences but has no formula")
        return None
    try:
        formula = parse_formula(column.formula)
    except UsageError as error:
        raise ValueError(f"column {column.name!r}: {error}") from error
    if formula.text != column.formula or column.grid is None or column.name in formula.names:
        raise ValueError(f"column {column.name!r} has a formula that its dtype or coding does not allow")
    return formula


def _grid(column: ColumnEntry) -> Grid | None:
    if (column.grid is None) is (column.coding in _CODES):
        raise ValueError(f"column {column.name!r} has codes without a grid, or a grid without codes")
    if _KEPT_AS.get(column.dtype, column.coding) != column.coding or (
        column.coding in _KEPT_AS.values() and column.dtype not in _KEPT_AS
    ):
        raise ValueError(f"column {column.name!r} of {column.dtype} is coded as {column.coding}")
    if column.grid is None:
        return None
    grid = grid_of(column.grid.kind, column.grid.parameters)
    check_grid(grid, np.dtype(column.dtype))
    if is_dithered(grid) and column.shape:
        raise ValueError(f"the cells of column {column.name!r} are dithered")
    if is_centred(grid) and (column.shape or column.formula is None or not column.predicted):
        raise ValueError(f"column {column.name!r} is centred on what no formula predicts")
    return grid
