"""The manifest of an archive: the member `manifest.json`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

FIRST_FORMAT = 1
"""The version that is written wherever it suffices; it is frozen."""
SECOND_FORMAT = 2
"""The version that has more keys; see FORMAT.md."""
FORMAT_VERSIONS = (FIRST_FORMAT, SECOND_FORMAT)
"""The versions that are read: version 0, which no release wrote, was not frozen."""

MOST_CELLS = 256
"""The most cells, and the most tails, that a correction reads."""

_ADDED_KEYS = {"masks", "padded", "guarantees"}
"""The keys that the first format lacks."""
_OF_ROOT_FILES = ("compression", "collections")
"""The keys of an origin that the first format lacks."""

Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Dtype = Annotated[str, Field(pattern="^(bool|u?int(8|16|32|64)|float(16|32|64)|text|nested)$")]

Compression = Annotated[
    str, Field(pattern=r"^(none|(zlib|lzma):[1-9]|lz4:([1-9]|1[0-2])|zstd:([1-9]|1[0-9]|2[0-2]))?$")
]
"""An algorithm and a level; nothing where a reader takes its own."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GridEntry(_Entry):
    """A grid: its kind, and the numbers that this kind needs."""

    kind: str
    parameters: dict[str, int | float] = {}


class ColumnEntry(_Entry):
    """One column: its name, what it holds, its bound, and the coding of its bytes.

    `coding` is None where the value is what the group's decoder gives. `grid` gives codes their meaning, `formula`
    predicts them from other columns, `predicted` tells whether differences from those predictions are coded.
    `original_bytes` is what the values take uncompressed in their own dtype (UTF-8 for text). `shape` is that of the
    array in each row; a column of plain values has none, and then lacks the key.
    """

    name: str
    dtype: Dtype
    title: str = ""
    typename: str = ""
    implied: bool = False
    bound: str
    coding: str | None
    grid: GridEntry | None = None
    formula: str | None = None
    predicted: bool = False
    original_bytes: Count = 0
    shape: tuple[Count, ...] = ()


class LatentsEntry(_Entry):
    """How the latents of a group are stored: a coding for each, and a step for each that is rounded.

    `categories` is how many of the last latents belong to each categorical one, which the encoder of a codec needs;
    where there are none, and in archives, the key is lacking.
    """

    codings: tuple[str, ...]
    steps: tuple[float, ...] = ()
    keeps_log_variance: bool = False
    categories: tuple[Annotated[int, Field(ge=2)], ...] = ()

    @model_serializer(mode="wrap")
    def _without_no_categories(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = serialize(self)
        if not self.categories:
            del document["categories"]
        return document


class CellEntry(_Entry):
    """A value that the formula of a correction reads: of a column in the row itself, or in that row of the event."""

    column: str
    row: Annotated[int, Field(ge=0, lt=1 << 31)] | None = None


class TailEntry(_Entry):
    """The sum of a formula over the rows of an event from one on, which the formula of a correction reads."""

    formula: str
    first: Annotated[int, Field(ge=0, lt=1 << 31)]


class ClassesEntry(_Entry):
    """Tables of moves by class: how many, the number of the lowest class, and into how many parts, as a power of 2,
    they divide an octave.
    """

    n_tables: Annotated[int, Field(ge=1, le=256)]
    first: Annotated[int, Field(ge=-(1 << 16), le=1 << 16)]
    fineness: Annotated[int, Field(ge=1, le=3)]


class CorrectionEntry(_Entry):
    """What moves values so that a quantity keeps a bound: the formula of the quantity, what it reads by name, which of
    that may move, the step of moves (a part of the quantity, and a number), the classes of moves in the first mode and
    in others, the number of tables of modes, and that of the guarantee.
    """

    formula: str
    cells: Annotated[dict[str, CellEntry], Field(max_length=MOST_CELLS)]
    tails: Annotated[dict[str, TailEntry], Field(max_length=MOST_CELLS)] = {}
    movable: Annotated[tuple[str, ...], Field(min_length=1, max_length=16)]
    relative: Annotated[float, Field(ge=0, lt=1e300)]
    absolute: Annotated[float, Field(ge=0, lt=1e300)]
    moves: ClassesEntry
    others: ClassesEntry
    n_mode_tables: Annotated[int, Field(ge=1, le=16)]
    guarantee: Annotated[int, Field(ge=0, lt=1 << 16)]


class GuardEntry(_Entry):
    """What happens to the columns of a group last: corrections, and columns with patches."""

    corrections: tuple[CorrectionEntry, ...] = ()
    patched: tuple[str, ...] = ()


class GroupEntry(_Entry):
    """The columns of equal length, how their latents are stored, and what keeps guarantees; where there is nothing of
    that the last key is lacking.
    """

    name: str
    counter: str | None
    columns: tuple[ColumnEntry, ...]
    latents: LatentsEntry | None = None
    guard: GuardEntry | None = None

    @model_serializer(mode="wrap")
    def _without_no_guard(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = serialize(self)
        if self.guard is None:
            del document["guard"]
        return document


class ArrayEntry(_Entry):
    """A branch that holds an array of one shape in every row; its elements are columns."""

    name: str
    shape: tuple[Annotated[int, Field(ge=1)], ...]
    title: str = ""
    typename: str = ""


class MaskEntry(_Entry):
    """A column of booleans that says where another of its group has no value."""

    values: str
    missing: str


class PaddedArrayEntry(_Entry):
    """An array of one shape (slots, ...) in every row of the source: features of a padded collection, and the bit
    pattern of each in a slot behind the last object, as an unsigned number of the width of the dtype.
    """

    name: str
    shape: tuple[Annotated[int, Field(ge=1)], ...]
    dtype: Dtype
    features: tuple[str, ...]
    padding: tuple[Annotated[int, Field(ge=0, lt=1 << 64, strict=True)], ...]
    is_column: bool
    title: str = ""
    typename: str = ""


class PaddedEntry(_Entry):
    """A group that was made of padded arrays of as many slots each, and the column that counts its rows."""

    group: str
    counter: str
    arrays: tuple[PaddedArrayEntry, ...]


class ProjectedEntry(_Entry):
    """A field of an RNTuple with lists of records, whose members are branches by projection: its name and description,
    how many fields stand before it, the field of a record and the branch of each member, and the branch that counts
    the records.
    """

    name: Annotated[str, Field(min_length=1)]
    title: str
    place: Count
    counter: str
    members: Annotated[tuple[tuple[str, str], ...], Field(min_length=1)]


class OriginEntry(_Entry):
    """Where the columns came from, how the file was compressed, and which branches were projections; where there is
    nothing of these two their keys are lacking.
    """

    format: str
    name: str
    title: str
    shape: tuple[Count, ...]
    rntuple: bool = False
    compression: Compression = ""
    collections: tuple[ProjectedEntry, ...] = ()

    @model_serializer(mode="wrap")
    def _without_what_is_lacking(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = serialize(self)
        for key in _OF_ROOT_FILES:
            if not document[key]:
                del document[key]
        return document


class SectionEntry(_Entry):
    """The size and the digest of one section."""

    n_bytes: Count
    sha256: str


class Manifest(_Entry):
    """Everything needed to read an archive.

    `row_groups` holds, for each range of events, the number of rows of every group, events first. `settings` is what a
    user needs to repeat the run, `fits` what each group's fit found; nothing depends on them when decoding.
    """

    format: Literal["baler-vae"] = "baler-vae"
    version: Annotated[int, Field(strict=True)] = FIRST_FORMAT
    kind: Literal["archive", "codec"]
    writer: str
    origin: OriginEntry
    groups: tuple[GroupEntry, ...]
    order: tuple[str, ...]
    arrays: tuple[ArrayEntry, ...] = ()
    masks: tuple[MaskEntry, ...] = ()
    padded: tuple[PaddedEntry, ...] = ()
    guarantees: dict[str, Any] | None = None
    row_groups: tuple[tuple[Count, ...], ...] = ()
    settings: dict[str, Any] = {}
    fits: dict[str, Any] = {}
    sections: dict[str, SectionEntry] = {}

    def to_document(self) -> dict[str, Any]:
        """The manifest as plain values, with the keys that its version has."""
        document = self.model_dump(mode="json")
        if self.version == FIRST_FORMAT:
            for key in _ADDED_KEYS:
                del document[key]
        else:
            for key in ("padded", "guarantees"):
                if not document[key]:
                    del document[key]
        for column in (column for group in document["groups"] for column in group["columns"]):
            if self.version == FIRST_FORMAT or not column["shape"]:
                del column["shape"]
        if self.version == FIRST_FORMAT:
            document["origin"] = {key: own for key, own in document["origin"].items() if key not in _OF_ROOT_FILES}
            for group in document["groups"]:
                group.pop("guard", None)
                if group["latents"] is not None:
                    group["latents"].pop("categories", None)
        return document
