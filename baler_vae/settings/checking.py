"""Tables of settings: their base, the types that they share, and errors that name the place."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from baler_vae.errors import UsageError, did_you_mean, located
from baler_vae.paths import is_file_name


def as_list(value: object) -> object:
    """A single value in place of a list, as a list."""
    return [value] if isinstance(value, str | int) else value


def in_lower_case(value: object) -> object:
    """A text in lower case, other values as they are."""
    return value.lower() if isinstance(value, str) else value


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
RowCount = Annotated[int, Field(ge=1, lt=2**53)]
"""A number of rows: more than there are anywhere, and a number that a float holds."""
T = TypeVar("T", bound="Settings")

_LARGEST = 1e150
_LONGEST_SHOWN = 80
"""Characters of a wrong value that an error shows."""
Globs = dict[str, Positive]
Texts = Annotated[tuple[str, ...], BeforeValidator(as_list)]

Limits = dict[str, NotNegative]


def file_name(name: str) -> str:
    """The name, which that of the archive begins with, and which must not lead out of the output folder."""
    if not is_file_name(name):
        raise ValueError("Input should be a name without folders, such as 'jets'")
    return name


def _moderate(number: float) -> float:
    """The number, whose square and whose distance from another must be numbers too."""
    if not abs(number) <= _LARGEST:
        raise ValueError(f"Input should be a number between -{_LARGEST:g} and {_LARGEST:g}")
    return number


Finite = Annotated[float, AfterValidator(_moderate)]


def tolerable(number: float) -> float:
    """A number from zero on, or infinity, which allows everything."""
    if not number >= 0:
        raise ValueError("Input should be a number from 0 on, or inf, which allows everything")
    return number


class Settings(BaseModel):
    """The base of every table of a project: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def check_settings(kind: type[T], content: dict[str, Any], *, path: Path | None = None) -> T:
    """The settings of a kind, made of plain values.

    Raises:
        UsageError: a setting is unknown or has a wrong value; the text names the first one.
    """
    try:
        with located(path=path):
            return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = _settings_beside(kind, first["loc"])
            raise UsageError(
                f"there is no setting {place!r}",
                path=path,
                way_out=did_you_mean(place, known) or f"Known settings: {', '.join(known)}",
            ) from error
        found = None if first["type"] == "missing" else _shown(first["input"])
        choices = re.findall(r"'([^']*)'", first.get("ctx", {}).get("expected", ""))
        way_out = did_you_mean(first["input"], choices) if isinstance(first["input"], str) and choices else None
        raise UsageError(f"setting {place!r}: {first['msg']}", path=path, found=found, way_out=way_out) from error


def _shown(value: object) -> str:
    """A wrong value as an error shows it."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than some thousand digits
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _settings_beside(kind: type[Settings], place: tuple[int | str, ...]) -> list[str]:
    """The settings that stand in the same table as a wrong one, and those of that name anywhere, with their tables."""
    table = kind
    for part in place[:-1]:
        found = _table_of(table.model_fields[part].annotation) if isinstance(part, str) else table
        if found is None:
            break
        table = found
    prefix = "".join(f"{part}." for part in place[:-1])
    beside = [f"{prefix}{name}" for name in table.model_fields]
    elsewhere = [name for name in _all_settings(kind) if name.rpartition(".")[2] == place[-1]]
    return [*elsewhere, *beside]


def _all_settings(kind: type[Settings], prefix: str = "") -> Iterator[str]:
    """Every setting with the tables that it stands in."""
    for name, field in kind.model_fields.items():
        table = _table_of(field.annotation)
        yield f"{prefix}{name}"
        if table is not None:
            yield from _all_settings(table, f"{prefix}{name}.")


def _table_of(annotation: object) -> type[Settings] | None:
    """The settings that a field holds, or a list of which; None where it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    return next((table for part in get_args(annotation) if (table := _table_of(part)) is not None), None)
