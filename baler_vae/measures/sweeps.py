"""The runs of a sweep, what was measured of each, and what they say together."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

VALUES = (
    "validation_error",
    "training_loss",
    "rate",
    "distortion",
    "bytes",
    "ratio",
    "guarantees_bytes",
    "sample_auc",
    "peak_shift_percent",
    "peak_width_percent",
)
"""What may be known of a run, in the order of tables."""
LATENT = "latent"
RATE_AND_DISTORTION = frozenset({"rate", "distortion"})
"""The two measures that a Gaussian with the correlations of the data bounds."""


@dataclass(frozen=True)
class SweepRun:
    """One fit of a sweep, and what was measured of it.

    Attributes
    ----------
    number : int
        Its number within the sweep, from 1 on, whatever order runs end in.
    variant : str
        The name of the variant of the model; empty without variants.
    settings : Mapping[str, Any]
        What was varied, by dotted name.
    seed : int
        The seed of the fit.
    values : Mapping[str, float]
        What was measured. `validation_error` is the least of the epochs and `training_loss` that of the last one, both
        in units of squared widths of columns, or what the objective says; `rate` is in bits per row, `distortion` the
        mean squared error of all rows in units of the variances of the columns, `bytes` the size of the archive and
        `ratio` how much smaller than the original that is, `guarantees_bytes` the part of it that keeps what the
        project guarantees; `sample_auc` is that of a classifier of samples against
        data, 0.5 at best; the peak's shift and change of width are in per cent.
    terms : Mapping[str, float]
        The terms of the training loss in the last epoch, without their weights, where they are known.
    distortions : Mapping[str, float]
        The distortion of each column.
    failure : str
        Why it has no values; empty where it has.
    """

    number: int
    variant: str
    settings: Mapping[str, Any]
    seed: int
    values: Mapping[str, float] = field(default_factory=dict)
    terms: Mapping[str, float] = field(default_factory=dict)
    distortions: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""

    @property
    def key(self) -> str:
        """What the runs with the same settings have in common."""
        return setting_key(self.variant, self.settings)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values; numbers that are not finite are None."""
        found: dict[str, Any] = as_plain(self, finite=True)
        return found

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "SweepRun":
        """Make the run that `to_dict` told; what was not finite is left out.

        Parameters
        ----------
        found : Mapping[str, Any]
            What `to_dict` gave.

        Returns
        -------
        SweepRun
            The run.
        """
        known = {one.name: found[one.name] for one in fields(cls)}
        for name in ("values", "terms", "distortions"):
            known[name] = {key: value for key, value in known[name].items() if value is not None}
        return cls(**known)


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes
    ----------
    mean : float
        The mean.
    deviation, error : float or None
        The standard deviation of one seed, and the standard error of the mean; None for a single one.
    n : int
        How many seeds have a value.
    """

    mean: float
    deviation: float | None
    error: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Estimate":
        """Make the estimate of some values, of which there is at least one.

        Parameters
        ----------
        values : sequence of float
            The values.

        Returns
        -------
        Estimate
            The estimate.
        """
        deviation = statistics.stdev(values) if len(values) > 1 else None
        error = None if deviation is None else deviation / math.sqrt(len(values))
        return cls(statistics.fmean(values), deviation, error, len(values))


@dataclass(frozen=True)
class SettingSummary:
    """The runs of one setting together.

    Attributes
    ----------
    variant : str
        The name of the variant of the model; empty without variants.
    settings : Mapping[str, Any]
        What was varied, by dotted name.
    seeds : tuple of int
        The seeds of its runs.
    estimates : Mapping[str, Estimate]
        What was measured, by name.
    n_failed : int
        How many of the runs failed.
    failure : str
        The reason of the first that did.
    is_pruned : bool
        Whether a search ended the trial before all seeds were done.
    """

    variant: str
    settings: Mapping[str, Any]
    seeds: tuple[int, ...]
    estimates: Mapping[str, Estimate]
    n_failed: int = 0
    failure: str = ""
    is_pruned: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all of its seeds were done and none failed: only such settings are compared."""
        return not self.n_failed and not self.is_pruned

    @property
    def name(self) -> str:
        """The variant and the settings as one text."""
        return self.without() or "as the project has it"

    def without(self, *names: str) -> str:
        """Say the variant and the settings but some, as one text.

        Parameters
        ----------
        *names : str
            The settings to leave out.

        Returns
        -------
        str
            The text; empty where nothing is left.
        """
        told = [f"{name} {setting_text(value)}" for name, value in self.settings.items() if name not in names]
        return ", ".join([*([self.variant] if self.variant else []), *told])


@dataclass(frozen=True)
class LatentAnswer:
    """How many latents are enough, by the one-standard-error rule: the fewest whose mean loss is not above that of the
    best by more than the standard error of the latter.

    Attributes
    ----------
    others : str
        The variant and the other settings that it holds for; empty where only the number of latents was varied.
    measure : str
        The loss that is compared.
    best, chosen : int
        The number of latents of least mean loss, and the fewest that are as good; `chosen` is None for a single seed,
        which has no error.
    limit : float or None
        The mean loss of the best plus its standard error.
    """

    others: str
    measure: str
    best: int
    chosen: int | None
    limit: float | None


@dataclass(frozen=True)
class SweepResult:
    """The runs of a sweep, and what they say together.

    Attributes
    ----------
    runs : tuple of SweepRun
        Every run.
    settings : tuple of SettingSummary
        Mean and spread over seeds of every setting.
    minimise : str
        The measure that decides.
    axes : pair of str
        The two measures of the Pareto front.
    best : int or None
        Which of `settings` is the best, counted from 0; None where none has a value and all seeds.
    front : tuple of int
        Those of `settings` to which none is superior by both axes, counted from 0.
    latents : tuple of LatentAnswer
        How many latents are enough, where their number was varied.
    participation_ratio : float or None
        (sum l)^2 / sum l^2 of the eigenvalues l of the correlation matrix of the float columns: about how many
        directions the data fill; where the number of latents was varied.
    n_columns : int
        How many columns that is of.
    eigenvalues : tuple of float
        Those eigenvalues, falling, where rates and distortions were measured: no Gaussian with these correlations has a
        smaller distortion at a rate than `baler_vae.measures.information.gaussian_bound` says.
    """

    runs: tuple[SweepRun, ...]
    settings: tuple[SettingSummary, ...]
    minimise: str
    axes: tuple[str, str]
    best: int | None
    front: tuple[int, ...]
    latents: tuple[LatentAnswer, ...] = ()
    participation_ratio: float | None = None
    n_columns: int = 0
    eigenvalues: tuple[float, ...] = ()

    @property
    def best_run(self) -> SweepRun | None:
        """The first run with the best settings."""
        if self.best is None:
            return None
        best = self.settings[self.best]
        return next(one for one in self.runs if (one.variant, one.settings) == (best.variant, best.settings))

    @property
    def measured(self) -> tuple[str, ...]:
        """What is known of any run, in the order of tables."""
        known = {name for run in self.runs for name in run.values}
        return tuple(name for name in VALUES if name in known)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values; numbers that are not finite are None."""
        found: dict[str, Any] = as_plain(self, finite=True)
        return found

    def to_pandas(self) -> "DataFrame":
        """A row for each run: its variant, settings and seed, what was measured, and why it failed."""
        names = tuple(dict.fromkeys(name for run in self.runs for name in run.settings))
        columns = ("variant", *names, "seed", *self.measured, "failure")
        return data_frame(
            (
                {**dict.fromkeys(columns), "variant": run.variant, **run.settings, "seed": run.seed, **run.values}
                | {"failure": run.failure}
                for run in self.runs
            ),
            columns,
        )

    def _repr_html_(self) -> str:
        headings = ("settings", "seeds", *(f"{name} (mean, error)" for name in self.measured))
        rows = [
            (one.name, len(one.seeds), *(_told(one.estimates.get(name)) for name in self.measured))
            for one in self.settings
        ]
        notes = [] if self.best is None else [f"least {self.minimise}: {self.settings[self.best].name}"]
        return html_table("Sweep", headings, rows, notes=notes)


def setting_key(variant: str, values: Mapping[str, Any]) -> str:
    """A text that two settings share if they are the same."""
    return json.dumps([variant, as_plain(values)])


def setting_text(value: object) -> str:
    """The value of a setting as tables show it."""
    if isinstance(value, str):
        return value
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(as_plain(value))


def _told(found: Estimate | None) -> str | None:
    if found is None:
        return None
    return f"{found.mean:.4g}" if found.error is None else f"{found.mean:.4g} ± {found.error:.2g}"
