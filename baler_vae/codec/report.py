"""What the fit of a codec tells, group by group."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from baler_vae.codec.provenance import number_of, whole_numbers
from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

KINDS = ("independent", "formulas", "autoregressive", "vae", "ae", "conv-vae", "conv-ae")
"""Kinds of model, in the order in which their sizes are told."""
_COLUMNS = ("name", "kind", "n_rows", "sample_rows", "model_bytes", "fitted_bytes", "pays_from_rows")


@dataclass(frozen=True, kw_only=True)
class SampleInfo:
    """The rows that a group was fitted on, where they were not all.

    Attributes
    ----------
    rows : int
        Rows in the sample.
    of_rows : int
        Rows of the group in the file.
    chunks : int
        Runs of consecutive rows of which the sample consists.
    """

    rows: int
    of_rows: int
    chunks: int


@dataclass(frozen=True, kw_only=True)
class GroupInfo:
    """How a group of columns is kept, and what its fit found.

    Attributes
    ----------
    name : str
        The group: ``events``, or a jagged collection such as ``Jet``.
    kind : str
        ``independent``, ``autoregressive``, ``vae`` or ``ae``.
    model_bytes : int
        Bytes of the model.
    fitted_bytes : int or None
        About how many bytes all rows take under the model; None where the fit does not tell.
    candidate_bytes : Mapping[str, int]
        Bytes that each kind of model would take, as a sample tells; empty where nothing was compared.
    order_bytes : Mapping[str, int]
        Bytes under each order of the columns that was tried, as a sample tells.
    pays_from_rows : int or None
        Rows from which on the networks save more bytes than they take; None where they never do, or there are none.
    formulas_saved_bytes : Mapping[str, int]
        Bytes saved by formulas of kinematics, by column.
    sample : SampleInfo or None
        The rows that the model was fitted on; None where it saw all of them.
    """

    name: str
    kind: str
    model_bytes: int
    fitted_bytes: int | None = None
    candidate_bytes: Mapping[str, int] = field(default_factory=dict)
    order_bytes: Mapping[str, int] = field(default_factory=dict)
    pays_from_rows: int | None = None
    formulas_saved_bytes: Mapping[str, int] = field(default_factory=dict)
    sample: SampleInfo | None = None

    @classmethod
    def of_fit(cls, name: str, fit: Mapping[str, Any], *, kind: str, model_bytes: int) -> Self:
        """What a group's fit says of itself, as far as that is of the right type."""
        return cls(
            name=name,
            kind=kind,
            model_bytes=model_bytes,
            fitted_bytes=whole_numbers(fit).get("fitted_bytes"),
            candidate_bytes=whole_numbers(fit.get("candidate_bytes"), KINDS),
            order_bytes=whole_numbers(fit.get("order_bytes")),
            pays_from_rows=pays_from_rows(fit),
            formulas_saved_bytes=whole_numbers(fit.get("formulas_saved_bytes")),
            sample=_sample(fit),
        )


@dataclass(frozen=True, kw_only=True)
class AutoencoderTraining:
    """The training of a group's autoencoder: its epochs, and the smallest mean squared error, in units of the squared
    widths of the columns, or value of its objective, on rows that it was not trained on.
    """

    name: str
    n_epochs: int
    validation_error: float

    def __str__(self) -> str:
        return f"{self.name}: {self.n_epochs} epochs, validation error {self.validation_error:.3g}"


@dataclass(frozen=True, kw_only=True)
class NetworkTraining:
    """The training of the networks of a group's columns: its steps, and the bits of a row in all of them at the end."""

    name: str
    n_steps: int
    bits_per_row: float

    def __str__(self) -> str:
        return f"{self.name}: {self.n_steps:,} steps, {self.bits_per_row:.1f} bits a row"


@dataclass(frozen=True, kw_only=True, repr=False)
class FitReport:
    """What the fit of a codec found.

    Attributes
    ----------
    groups : tuple[GroupInfo, ...]
        The groups of columns, each with the kind of model that was chosen and the bytes of those that were compared.
    n_rows : Mapping[str, int]
        Rows of each group in the file that was fitted.
    trainings : tuple[AutoencoderTraining | NetworkTraining, ...]
        What was trained, in the order in which it was.
    skipped : Mapping[str, str]
        Columns that were left out because they cannot be read, each with the reason.
    guarantees : tuple[str, ...]
        What is guaranteed beyond the bounds of columns, in every archive of the codec.
    """

    groups: tuple[GroupInfo, ...]
    n_rows: Mapping[str, int]
    trainings: tuple[AutoencoderTraining | NetworkTraining, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    guarantees: tuple[str, ...] = ()

    def __repr__(self) -> str:
        kinds = ", ".join(f"{group.name} {group.kind}" for group in self.groups)
        return f"<FitReport: {kinds}>"

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        found: dict[str, Any] = as_plain(self)
        return found

    def to_pandas(self) -> "DataFrame":
        """A data frame with a row for each group."""
        return data_frame(map(self._record, self.groups), _COLUMNS)

    def _repr_html_(self) -> str:
        rows = ([*self._record(group).values()] for group in self.groups)
        left_out = [f"left out: {name} ({why})" for name, why in self.skipped.items()]
        kept = [f"guaranteed: {text}" for text in self.guarantees]
        headings = ("group", "kind", "rows", "rows of the sample", "model bytes", "fitted bytes", "pays from rows")
        return html_table("Fitted codec", headings, rows, notes=[*map(str, self.trainings), *left_out, *kept])

    def _record(self, group: GroupInfo) -> dict[str, object]:
        return {
            "name": group.name,
            "kind": group.kind,
            "n_rows": self.n_rows.get(group.name),
            "sample_rows": None if group.sample is None else group.sample.rows,
            "model_bytes": group.model_bytes,
            "fitted_bytes": group.fitted_bytes,
            "pays_from_rows": group.pays_from_rows,
        }


def fit_report(
    names: Sequence[str],
    fits: Mapping[str, Mapping[str, Any]],
    history: Mapping[str, Sequence[Mapping[str, float]]],
    skipped: Mapping[str, str],
    guarantees: Sequence[str] = (),
) -> FitReport:
    """What is told of the groups of some `names`, as far as the fit of each and the histories of trainings tell, and of
    what is guaranteed.
    """
    known = {name: fits.get(name, {}) for name in names}
    groups = (
        GroupInfo.of_fit(
            name, fit, kind=str(fit.get("kind", KINDS[0])), model_bytes=whole_numbers(fit).get("model_bytes", 0)
        )
        for name, fit in known.items()
    )
    rows = {name: whole_numbers(fit).get("rows") for name, fit in known.items()}
    return FitReport(
        groups=tuple(groups),
        n_rows={name: n for name, n in rows.items() if n is not None},
        trainings=tuple(_training(name, points) for name, points in history.items() if points),
        skipped=dict(skipped),
        guarantees=tuple(guarantees),
    )


def pays_from_rows(fit: Mapping[str, Any]) -> int | None:
    """The rows from which on the networks of a fit save more than they take; None where they never do, or there are
    none.
    """
    model_bytes, own, alone = (number_of(fit, n) for n in ("model_bytes", "bits_per_row", "independent_bits_per_row"))
    if not model_bytes or own is None or alone is None or alone <= own:
        return None
    rows = 8 * model_bytes / (alone - own)
    return math.ceil(rows) if math.isfinite(rows) else None


def _sample(fit: Mapping[str, Any]) -> SampleInfo | None:
    """How many of how many rows a group was fitted on, in how many chunks; None where that was all."""
    names = {"rows": "sample_rows", "of_rows": "rows", "chunks": "sample_chunks"}
    numbers = whole_numbers(fit)
    if not set(names.values()) <= set(numbers):
        return None
    return SampleInfo(**{name: numbers[key] for name, key in names.items()})


def _training(name: str, points: Sequence[Mapping[str, float]]) -> AutoencoderTraining | NetworkTraining:
    """What the epochs or steps of a training come to."""
    if "training_bits" in points[-1]:
        return NetworkTraining(name=name, n_steps=int(points[-1]["number"]), bits_per_row=points[-1]["training_bits"])
    best = min(epoch["validation_error"] for epoch in points)
    return AutoencoderTraining(name=name, n_epochs=len(points), validation_error=best)
