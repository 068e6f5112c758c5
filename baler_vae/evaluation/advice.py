"""What is advised on the precision of columns: values to be shown, written and used."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from baler_vae.evaluation.effect import Effect, largest


@dataclass(frozen=True)
class Candidate:
    """A bound that a column might have: about how many bytes all its rows take, kept by itself, and what moves."""

    bound: str
    n_bytes: float
    effects: tuple[Effect, ...]

    @property
    def worst(self) -> float:
        """The largest effect in statistical errors; 0 where nothing moves."""
        found = largest(list(self.effects))
        return found.in_errors if found else 0.0


@dataclass(frozen=True)
class ColumnAdvice:
    """What is advised for a float column.

    `bound` is the bound, `n_bytes` about what all `n_rows` take under it, `limit` what would move too far with less,
    None where nothing would. `candidates` were looked at, the coarsest first. `written_as` says what its numbers were
    rounded to once, None where nothing was found, and `exact_bytes` about what keeping every bit takes.
    """

    name: str
    group: str
    dtype: str
    n_rows: int
    bound: str
    n_bytes: float
    exact_bytes: float
    written_as: str | None
    limit: Effect | None
    candidates: tuple[Candidate, ...]

    @property
    def worst(self) -> float:
        """The largest effect of this bound on this column alone."""
        return next((candidate.worst for candidate in self.candidates if candidate.bound == self.bound), 0.0)

    @property
    def note(self) -> str:
        """What is to be said of a column whose numbers were rounded before."""
        if self.written_as is None:
            return ""
        free = "exact for free" if self.bound == "exact" else f"exact would take {self._dearer()}"
        return f"written as {self.written_as}: {free}"

    def _dearer(self) -> str:
        return f"{100 * (self.exact_bytes / self.n_bytes - 1):.0f} % more" if self.n_bytes else "more"


@dataclass(frozen=True)
class Advice:
    """The bounds under which nothing that is looked at moves by more than `part` of its statistical error.

    `n_rows` and `n_sampled` are by group; `joint` are the effects of all bounds at once, the largest first; `skipped`
    says what could not be looked at, `others` are the bounds of columns that are no floats. Sizes are in bytes:
    `original_bytes` of all columns, `other_bytes` about those of columns that are not floats, `fitted_bytes` about the
    archive's by a fit on a sample of `fitted_rows`, None where there was none.
    """

    part: float
    n_rows: Mapping[str, int]
    n_sampled: Mapping[str, int]
    columns: tuple[ColumnAdvice, ...]
    joint: tuple[Effect, ...]
    skipped: tuple[str, ...]
    others: tuple[str, ...]
    original_bytes: float
    other_bytes: float
    fitted_bytes: float | None
    fitted_rows: int | None

    @property
    def bounds(self) -> tuple[str, ...]:
        """The bounds of all columns that need one, as `--bound` and `project.toml` take them."""
        return (*self.others, *(f"{column.name}={column.bound}" for column in self.columns))

    @property
    def independent_bytes(self) -> float:
        """About what the archive takes where each column is kept by itself."""
        return self.other_bytes + sum(column.n_bytes for column in self.columns)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values, with `bounds` and `independent_bytes`; effects that are infinite are null."""
        document = asdict(self)
        document |= {"bounds": list(self.bounds), "independent_bytes": self.independent_bytes}
        return _plain(document)  # type: ignore[no-any-return]


def _plain(value: object) -> Any:  # noqa: ANN401  any JSON value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if value == float("inf") else value
