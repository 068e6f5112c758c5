"""The model of a group: sections and manifest entries of an archive or a codec, and back."""

import math
from typing import Any

from baler_vae.archive.container import ArchiveFile, ArchiveWriter, pack_parts
from baler_vae.archive.manifest import ColumnEntry, GridEntry, GroupEntry, LatentsEntry
from baler_vae.entropy import plain
from baler_vae.errors import CorruptArchive, UnsupportedVersion
from baler_vae.grid.grids import GRID_KINDS, Grid, grid_of, grid_parameters
from baler_vae.model.coders import PCODEC_CODES, TABLE
from baler_vae.model.group import ColumnModel, Decoder, GroupModel
from baler_vae.model.weights import (
    decode_coders,
    decode_decoder,
    decode_encoder,
    encode_coders,
    encode_decoder,
    encode_encoder,
)
from baler_vae.table.schema import Column

_CODES = (TABLE, PCODEC_CODES)
_VALUES = (plain.PCODEC, plain.TEXT)


def decoder_section(group: int) -> str:
    """The section of a group's decoder."""
    return f"model/{group}"


def tables_section(group: int) -> str:
    """The section of a group's tables."""
    return f"tables/{group}"


def encoder_section(group: int) -> str:
    """The section of a group's encoder, in a codec."""
    return f"encoder/{group}"


def write_model(archive: ArchiveWriter, number: int, model: GroupModel, *, with_encoder: bool = False) -> None:
    """Writes what a group's model needs: its decoder, its tables, and for a codec its encoder."""
    if model.decoder is not None:
        archive.add(decoder_section(number), pack_parts(encode_decoder(model.decoder)))
    tables = encode_coders(model.coders)
    if tables:
        archive.add(tables_section(number), pack_parts(tables))
    if with_encoder and model.encoder is not None:
        archive.add(encoder_section(number), pack_parts(encode_encoder(model.encoder)))


def column_entry(column: Column, model: ColumnModel, bound: str, original_bytes: int) -> ColumnEntry:
    """What a manifest says of a column."""
    return ColumnEntry(
        name=column.name,
        dtype="text" if column.is_text else column.dtype.name,
        title=column.title,
        typename=column.typename,
        implied=column.implied,
        bound=bound,
        coding=model.coding,
        grid=None if model.grid is None else GridEntry(kind=model.grid.kind, parameters=grid_parameters(model.grid)),
        predicted=model.coder is not None and model.coder.predicted,
        original_bytes=original_bytes,
    )


def latents_entry(model: GroupModel) -> LatentsEntry | None:
    """What a manifest says of the latents of a group."""
    if model.decoder is None:
        return None
    codings = tuple(coder.coding for coder in model.latents) if model.steps else (plain.RAW,) * model.n_latents
    return LatentsEntry(codings=codings, steps=model.steps, keeps_log_variance=model.keeps_log_variance)


def check_entries(archive: ArchiveFile) -> None:
    """Nothing, where the manifest names only codings and grids that this version reads, and they go together.

    Raises:
        UnsupportedVersion: a coding or a grid is unknown.
        CorruptArchive: a column has codes without a grid, a grid has wrong parameters, or the like.
    """
    for entry in archive.manifest.groups:
        _check_known(archive, entry)
        for column in entry.columns:
            try:
                _grid(column)
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
        decoder = None if entry.latents is None else decode_decoder(archive.parts(section))
        if decoder is not None:
            _check_latents(entry, decoder.n_latents)
        _check_served(entry, decoder)
        encoder = None
        if decoder is not None and with_encoder:
            section = encoder_section(number)
            encoder = decode_encoder(archive.parts(section))
        section = tables_section(number)
        codings = _coder_codings(entry)
        parts = archive.parts(section) if any(coding == TABLE for coding, _ in codings) else []
        coders = decode_coders(parts, [(coding == TABLE, predicted) for coding, predicted in codings])
        section = "manifest.json"
        n_latents = 0 if entry.latents is None else len(entry.latents.steps)
        own_coders = iter(coders[n_latents:])
        columns = {}
        for column in entry.columns:
            grid = _grid(column)
            columns[column.name] = ColumnModel(column.coding, grid, None if grid is None else next(own_coders))
        return GroupModel(
            columns,
            decoder,
            encoder,
            () if entry.latents is None else entry.latents.steps,
            coders[:n_latents],
            keeps_log_variance=entry.latents is not None and entry.latents.keeps_log_variance,
        )
    except ValueError as error:
        raise CorruptArchive(str(error), path=archive.path, section=section) from error


def _check_known(archive: ArchiveFile, entry: GroupEntry) -> None:
    """Nothing, where every coding and grid of a group is one that this version reads."""
    known: list[tuple[str, str | None, Any]] = [
        ("coding", column.coding, (None, *_CODES, *_VALUES)) for column in entry.columns
    ]
    known += [("grid", column.grid.kind, GRID_KINDS) for column in entry.columns if column.grid is not None]
    if entry.latents is not None:
        known += [("coding", coding, (plain.RAW, *_CODES)) for coding in entry.latents.codings]
    for what, found, expected in known:
        if found not in expected:
            raise UnsupportedVersion(
                f"has a {what} that this version does not read",
                path=archive.path,
                section="manifest.json",
                found=repr(found),
                way_out=f"It was written by {archive.manifest.writer!r}: use that version",
            )


def _check_latents(entry: GroupEntry, n_latents: int) -> None:
    latents = entry.latents
    if latents is None or len(latents.codings) != n_latents or len(latents.steps) not in (0, n_latents):
        raise ValueError(f"a decoder of {n_latents} latents does not fit the manifest")
    if any((coding == plain.RAW) is bool(latents.steps) for coding in latents.codings):
        raise ValueError("latents have a step and no codes, or codes and no step")
    if not all(math.isfinite(step) and step > 0 for step in latents.steps):
        raise ValueError(f"a step of latents is not a positive number: {latents.steps}")


def _check_served(entry: GroupEntry, decoder: Decoder | None) -> None:
    """Nothing, when the decoder gives every column that needs it; one under `free` may be without rows and decoder."""
    needing = {column.name for column in entry.columns if column.predicted or (decoder and column.coding is None)}
    if not needing <= set(decoder.columns if decoder else ()):
        raise ValueError(f"no decoder serves {sorted(needing)}")


def _coder_codings(entry: GroupEntry) -> list[tuple[str, bool]]:
    """Coding, and whether it codes differences, of every latent and column with a coder, latents first."""
    latents = entry.latents.codings if entry.latents is not None and entry.latents.steps else ()
    columns = [column for column in entry.columns if column.grid is not None]
    return [(coding, False) for coding in latents] + [(str(column.coding), column.predicted) for column in columns]


def _grid(column: ColumnEntry) -> Grid | None:
    if (column.grid is None) is (column.coding in _CODES):
        raise ValueError(f"column {column.name!r} has codes without a grid, or a grid without codes")
    if column.predicted and column.grid is None:
        raise ValueError(f"column {column.name!r} has predictions without codes")
    if (column.coding == plain.TEXT) is not (column.dtype == "text"):
        raise ValueError(f"column {column.name!r} of {column.dtype} is coded as {column.coding}")
    return None if column.grid is None else grid_of(column.grid.kind, column.grid.parameters)
