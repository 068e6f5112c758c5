"""What is told of an archive: values to be shown, written and used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baler_vae.codec.report import GroupInfo
from baler_vae.reader.showing import short_numbers
from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

SHARED = {"tables": "tables of moves", "patches": "patched values"}
"""What guarantees share, in words."""


@dataclass(frozen=True, kw_only=True)
class PartBytes:
    """Where the bytes of an archive lie.

    Attributes
    ----------
    model : int
        Bytes of networks and of frequency tables of codes.
    latents : int
        Bytes of the latents of autoencoders.
    codes : int
        Bytes of the columns' own codes.
    metadata : int
        Bytes of all else.
    guarantees : int
        Bytes of all that keeps guarantees: moves, the tables of these, and patched values.
    """

    model: int
    latents: int
    codes: int
    metadata: int
    guarantees: int = 0


@dataclass(frozen=True, kw_only=True)
class GuaranteeInfo:
    """What is guaranteed beyond the bounds of columns.

    Attributes
    ----------
    text : str
        The cut, or the quantity and its bound.
    definitions : tuple[str, ...]
        What the quantities are that it is about, such as ``dijet_mass: kind = "mass", objects = ["Jet_*"]``; formulas
        that are their own names are not told again.
    moves_bytes : int
        Bytes of the moves of values that keep it: 0 for a cut, for which nothing moves, and for a quantity that is
        kept by the moves of another guarantee. What several guarantees share comes beside.
    """

    text: str
    definitions: tuple[str, ...] = ()
    moves_bytes: int


@dataclass(frozen=True, kw_only=True)
class ColumnInfo:
    """How a column is kept.

    Attributes
    ----------
    name, group : str
        The column, and the group of columns of equal length that it belongs to.
    dtype, typename, title : str
        Its dtype, and its type and title in the file that was compressed; both may be empty.
    bound : str
        What is promised of its values, such as ``bits:10`` or ``exact``.
    whole_numbers : bool
        Whether it is exact only because its floats are whole numbers.
    grid : str or None
        The grid of its codes; None where it has none.
    coding : str or None
        The id of its coding; None where its values are what the latents give.
    formula : str or None
        What its codes are predicted by.
    predicted : bool
        Whether only the differences from that prediction are stored.
    original_bytes : int
        Bytes of its values in their own dtype.
    bytes : int or None
        Bytes in the archive; None where it shares the latents of its group.
    """

    name: str
    group: str
    dtype: str
    typename: str
    title: str
    bound: str
    whole_numbers: bool
    grid: str | None
    coding: str | None
    formula: str | None
    predicted: bool
    original_bytes: int
    bytes: int | None

    @property
    def kept_as(self) -> str:
        """What the column is stored as, in a few words."""
        if self.grid is None:
            return "values" if self.coding else "output of the decoder"
        text = self.grid
        if self.coding == "network-1":
            text += ", from other columns"
        if self.coding == "context-1":
            text += ", under tables in context"
        if self.coding == "neighbours-1":
            text += ", under tables that neighbouring cells choose"
        if self.coding == "cells-1":
            text += ", from neighbouring cells"
        if self.formula is None:
            return text
        return f"{text}, {'less' if self.predicted else 'knowing'} {self.formula}"


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """What was found when a file was compressed.

    Attributes
    ----------
    bytes : int or None
        Bytes of the file on the disk; None where a server does not tell.
    n_columns : int
        Columns of the file, those among them that cannot be read.
    notes : tuple[str, ...]
        How the file was understood, a sentence each.
    warnings : tuple[str, ...]
        What is not as one might expect, a sentence each.
    """

    bytes: int | None
    n_columns: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, repr=False)
class ArchiveInfo:
    """What an archive holds, and what takes its bytes.

    Attributes
    ----------
    path : str
        The archive.
    writer : str
        What wrote it.
    format_version : int
        The version of its format.
    model_kind : str
        The kind of model of the group with most rows.
    n_rows : Mapping[str, int]
        Rows of each group.
    original_bytes, archive_bytes : int
        Bytes of the values in their own dtypes, and of the archive.
    bytes : PartBytes
        Where the bytes of the archive lie.
    columns : tuple[ColumnInfo, ...]
        The columns, in the order of the source.
    groups : tuple[GroupInfo, ...]
        The groups of columns of equal length.
    guarantees : tuple[GuaranteeInfo, ...]
        What is guaranteed beyond the bounds of columns.
    shared_bytes : Mapping[str, int]
        Bytes that belong to no guarantee alone: ``tables`` of moves, and ``patches``, which are values stored to the
        bit since they miss any of the guarantees; empty where nothing is guaranteed.
    settings : Mapping[str, Any]
        What repeats the run, as far as the archive tells.
    source : SourceInfo or None
        What was found when it was compressed, which `compress` tells; None elsewhere.
    """

    path: str
    writer: str
    format_version: int
    model_kind: str
    n_rows: Mapping[str, int]
    original_bytes: int
    archive_bytes: int
    bytes: PartBytes
    columns: tuple[ColumnInfo, ...]
    groups: tuple[GroupInfo, ...]
    guarantees: tuple[GuaranteeInfo, ...]
    shared_bytes: Mapping[str, int]
    settings: Mapping[str, Any]
    source: SourceInfo | None = None

    @property
    def ratio(self) -> float:
        """How many times smaller the archive is than the values in their own dtypes."""
        return self.original_bytes / self.archive_bytes

    @property
    def notes(self) -> tuple[str, ...]:
        """How the file that was compressed was understood, a sentence each."""
        return () if self.source is None else self.source.notes

    @property
    def warnings(self) -> tuple[str, ...]:
        """What `compress` warns of, a sentence each."""
        return () if self.source is None else self.source.warnings

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values, as `baler-vae info --json` and `compress --json` print it."""
        return self._summary() | self._contents() | self._of_source()

    def to_pandas(self) -> "DataFrame":
        """A data frame with a row for each column."""
        names = ("name", "group", "dtype", "typename", "bound", "kept_as", "original_bytes", "bytes")
        return data_frame(({name: getattr(column, name) for name in names} for column in self.columns), names)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.path!r}: {self._rows()}, ratio {self.ratio:.2f}>"

    def _repr_html_(self) -> str:
        parts = ", ".join(f"{name} {n_bytes:,}" for name, n_bytes in as_plain(self.bytes).items())
        sizes = (
            f"{self.original_bytes:,} bytes of values became {self.archive_bytes:,}, ratio {self.ratio:.2f} ({parts})"
        )
        headings = ("column", "group", "type", "bound", "stored as", "original bytes", "bytes")
        rows = (
            (
                column.name,
                column.group,
                column.typename or column.dtype,
                short_numbers(column.bound),
                column.kept_as,
                column.original_bytes,
                "in the latents" if column.bytes is None else column.bytes,
            )
            for column in self.columns
        )
        kept = [f"guaranteed: {one.text} (moves {one.moves_bytes:,} bytes)" for one in self.guarantees]
        kept += [f"{SHARED[name]}: {n_bytes:,} bytes" for name, n_bytes in self.shared_bytes.items()]
        return html_table(f"{self.path}: {self._rows()}", headings, rows, notes=(sizes, *kept, *self.warnings))

    def _rows(self) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in self.n_rows.items())

    def _summary(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "writer": self.writer,
            "format_version": self.format_version,
            "model_kind": self.model_kind,
            "n_rows": dict(self.n_rows),
            "original_bytes": self.original_bytes,
            "archive_bytes": self.archive_bytes,
            "ratio": self.ratio,
            "bytes": as_plain(self.bytes),
        }

    def _contents(self) -> dict[str, Any]:
        names = ("columns", "groups", "guarantees", "shared_bytes", "settings")
        return {name: as_plain(getattr(self, name)) for name in names}

    def _of_source(self) -> dict[str, Any]:
        if self.source is None:
            return {}
        return {
            "source_bytes": self.source.bytes,
            "source_columns": self.source.n_columns,
            "notes": list(self.source.notes),
            "warnings": list(self.source.warnings),
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class CollectionInfo(ArchiveInfo):
    """What an archive of several tables holds.

    `n_rows` are the events of each table, `model_kind` is that of the largest table; `columns` and `groups` are those
    of all tables, named ``TABLE:NAME``.

    Attributes
    ----------
    left_out : Mapping[str, str]
        What else the source held, by name, each with the reason why it is not here.
    tables : Mapping[str, ArchiveInfo]
        The archive of each table.
    """

    left_out: Mapping[str, str]
    tables: Mapping[str, ArchiveInfo]

    def _contents(self) -> dict[str, Any]:
        return {
            "left_out": dict(self.left_out),
            "settings": as_plain(self.settings),
            "tables": {name: table.to_dict() for name, table in self.tables.items()},
        }
