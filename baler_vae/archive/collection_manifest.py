"""The manifest of an archive of several tables, of kind `collection`."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from baler_vae.archive.manifest import SECOND_FORMAT, Count, SectionEntry

COLLECTION: Final = "collection"
"""The `kind` of such a manifest."""


class TableEntry(BaseModel):
    """One table: by what name it is found, its title, the format of the file that held it, and its number of events."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    title: str
    format: str
    n_events: Count


class CollectionManifest(BaseModel):
    """Everything needed to find the tables of an archive; section `archives/N` is the whole archive of table N.

    `left_out` names what else the source held, each with the reason. `settings` is what a user needs to repeat the run;
    nothing depends on either when decoding.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["baler-vae"] = "baler-vae"
    version: Annotated[int, Field(strict=True, ge=SECOND_FORMAT, le=SECOND_FORMAT)] = SECOND_FORMAT
    kind: Literal["collection"] = COLLECTION
    writer: str
    tables: Annotated[tuple[TableEntry, ...], Field(min_length=1)]
    left_out: dict[str, str] = {}
    settings: dict[str, Any] = {}
    sections: dict[str, SectionEntry] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tables, in the order of the source."""
        return tuple(table.name for table in self.tables)

    def to_document(self) -> dict[str, Any]:
        """The manifest as plain values."""
        return self.model_dump(mode="json")

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if len(set(self.names)) != len(self.tables):
            raise ValueError("two tables have the same name")
        return self


def table_section(number: int) -> str:
    """The section of a table."""
    return f"archives/{number}"
