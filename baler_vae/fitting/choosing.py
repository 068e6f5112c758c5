"""The model of a group: the kind that was asked for, or the one whose archive is smallest."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from baler_vae.codec.groups import latents_of, quantise_latents
from baler_vae.codec.observations import VARIANCES
from baler_vae.codec.rows import Events
from baler_vae.fitting import policy
from baler_vae.fitting.columns import GroupFit, fit_independent, information_order
from baler_vae.fitting.conditionals import check_training
from baler_vae.fitting.kinds import (
    AE,
    AUTOREGRESSIVE,
    CONV_VAE,
    FORMULAS,
    INDEPENDENT,
    KINDS,
    VAE,
    Kind,
    images_of,
    is_wide,
    kind_named,
)
from baler_vae.fitting.parents import BEST_RANGES, FINE_RANGES
from baler_vae.fitting.rows import GroupRows, rows_of_group, sample_of, sample_of_largest_array
from baler_vae.model.coders import fit_coder
from baler_vae.progress import Progress, within
from baler_vae.settings.kinds import AUTO, kind_of_free, kind_of_stored
from baler_vae.settings.model import ModelSettings
from baler_vae.table.bounds import Bound
from baler_vae.table.table import Table

_IN_FILE, _INFORMATIVE_FIRST = "file", "telling first"
"""What archives call the two orders that are compared. Names in archives stay as they are."""


@dataclass(frozen=True)
class ChosenFit:
    """The fit of a group, that of its columns independently, its kind, and the estimated bytes by kind and by order of
    the columns, by name: where `auto` compares them, by what a sample takes after a brief training.
    """

    fit: GroupFit
    independent: GroupFit
    kind: str = INDEPENDENT.name
    candidates: Mapping[str, int] = field(default_factory=dict)
    orders: Mapping[str, int] = field(default_factory=dict)

    def summary(self, n_rows: int) -> dict[str, Any]:
        """Its description in an archive, as plain values; nothing in it is needed to decode."""
        own = self.fit.bits - self.fit.model_bits
        return {
            "kind": self.kind,
            "rows": n_rows,
            "bits_per_row": own / max(1, n_rows),
            "independent_bits_per_row": self.independent.bits / max(1, n_rows),
            "model_bytes": round(self.fit.model_bits / 8),
            "fitted_bytes": self.fit.n_bytes,
            "candidate_bytes": dict(self.candidates),
            "order_bytes": dict(self.orders),
            "formulas_saved_bytes": {name: round(bits / 8) for name, bits in self.fit.saved_bits.items()},
            **({VARIANCES: dict(self.fit.variances)} if self.fit.variances else {}),
        }


def fit_group_model(
    table: Table,
    bounds: Mapping[str, Bound],
    settings: ModelSettings,
    progress: Progress,
    events: Events | None = None,
    *,
    n_rows: int | None = None,
    many_columns: int = 0,
    held: frozenset[str] = frozenset(),
) -> ChosenFit:
    """The model of a group; `events` is given for objects, `n_rows` where these rows are a sample of so many,
    `many_columns` where the file has more than `MANY_COLUMNS`. Guarantees of quantities read the columns that are
    `held`.

    Columns under `free` are what a network gives, all others of their group are then coded independently. Without such
    columns the kind decides; a network that does not pay is left out, unless the settings keep it.

    Raises
    ------
    MissingExtra
        A network is wanted and PyTorch is not installed.
    UsageError
        The training diverged, or the device is not available.
    """
    rows = rows_of_group(
        table,
        bounds,
        events,
        n_rows,
        many_columns=many_columns,
        held=held,
        declared=settings.formulas,
        seed=settings.seed,
        progress=progress,
    )
    independent = fit_independent(rows)
    if any(bounds[name].kind == "free" for name in table.group.names):
        kind = kind_named(kind_of_free(settings.kind))
        fitted = _fit_free(table, independent, bounds, settings, kind, progress) if table.n_rows else independent
        return ChosenFit(fitted, independent, kind.name)
    found = {INDEPENDENT.name: independent.n_bytes}
    wanted = _wanted(settings)
    if wanted is FORMULAS or (wanted is None and many_columns and not tries_networks(table, settings)):
        return _in_context(rows, settings, progress, ChosenFit(independent, independent, candidates=found))
    few = table.n_rows < policy.LEAST_ROWS_FOR_AUTO or (events is None and len(rows.numeric) < 2)
    few = few and sum(cells.n_cells for cells in rows.cells.values()) < policy.LEAST_ROWS_FOR_AUTO
    if wanted is INDEPENDENT or not (rows.numeric or rows.cells) or not table.n_rows or (wanted is None and few):
        return ChosenFit(independent, independent, candidates=found)
    trials = _Trials(rows, settings, progress)
    names = trials.choose_order()
    kind = wanted or trials.choose_latents_of_arrays(trials.choose_kind(names))
    found |= trials.kinds
    fitted = trials.fit_all(kind, names)
    finer = with_effort(settings)
    if finer is not settings:
        fitted = min(fitted, trials.fit_all(kind, names, finer), key=lambda fit: fit.bits)
    stored: str = kind_of_stored(networks=True, latents=bool(fitted.model.n_latents), said=kind.name)
    found.setdefault(stored, fitted.n_bytes)
    if fitted.bits >= independent.bits and not (settings.keep_network and wanted is not None):
        fitted, stored = independent, INDEPENDENT.name
    chosen = ChosenFit(fitted, independent, stored, found, trials.orders)
    if wanted is None and (settings.effort == "best" or many_columns):
        return _in_context(rows, settings, within(progress, FORMULAS.name), chosen)
    return chosen


def tries_networks(table: Table, settings: ModelSettings) -> bool:
    """Whether `auto` tries networks for a group of a file of many columns: where it has as many itself, and the rows;
    under the best effort where it has rows for any network.
    """
    if settings.effort == "best":
        return table.n_rows >= policy.LEAST_ROWS_FOR_AUTO
    is_large = len(table.arrays) > policy.MANY_COLUMNS and table.n_rows >= policy.LEAST_ROWS_IN_MANY_COLUMNS
    return is_large and settings.effort != "fast"


def _in_context(rows: GroupRows, settings: ModelSettings, progress: Progress, other: ChosenFit) -> ChosenFit:
    """Formulas and tables in context, where they take fewer bits than another fit, or that; with the bytes of both."""
    fitted = FORMULAS.fit(rows, settings, names=rows.names, part=1.0, progress=progress)
    other = replace(other, candidates={**other.candidates, FORMULAS.name: fitted.n_bytes})
    return replace(other, fit=fitted, kind=FORMULAS.name) if fitted.bits < other.fit.bits else other


def _wanted(settings: ModelSettings) -> Kind | None:
    """The kind that is asked for, by itself or by the effort; None for whichever is smallest."""
    if settings.kind == AUTO:
        return FORMULAS if settings.effort == "fast" else None
    return kind_named(settings.kind)


def with_fine_ranges(settings: ModelSettings) -> ModelSettings:
    """The settings under which networks see, and give probabilities to, finer ranges than describe a column alone with
    the fewest bits; the same settings where they say how networks are built.
    """
    return settings if settings.networks is not None else settings.model_copy(update={"networks": FINE_RANGES})


def with_effort(settings: ModelSettings) -> ModelSettings:
    """The settings under which networks see still finer ranges where the effort is the best one, unless they say how
    networks are built.
    """
    if settings.effort != "best" or settings.networks not in {None, FINE_RANGES}:
        return settings
    return settings.model_copy(update={"networks": BEST_RANGES})


class _Trials:
    """Fits on a sample of events. `kinds` and `orders` are about how many bytes all rows would then take, by name.

    Its methods raise MissingExtra where PyTorch is not installed, and UsageError where the training diverged or the
    device is not available.
    """

    def __init__(self, rows: GroupRows, settings: ModelSettings, progress: Progress) -> None:
        self._rows, self._settings, self._progress = rows, settings, progress
        self._is_wide = is_wide(rows)
        sample = rows if self._is_wide else sample_of(rows, policy.TRIAL_ROWS, settings.seed)
        self._is_whole = sample is rows and not rows.cells
        self._sample = replace(sample, cells={})  # their networks are compared with each other
        self._done: dict[tuple[str, tuple[str, ...], float], GroupFit] = {}
        self.kinds: dict[str, int] = {}
        self.orders: dict[str, int] = {}

    def choose_order(self) -> tuple[str, ...]:
        """The order in which networks see the columns: that of the file, unless that of the most informative ones first
        takes clearly fewer bytes after a brief training, and fewer after a whole one.
        """
        names = self._rows.names
        self._progress("ordering columns", 0, 1)
        others = names if self._is_wide else information_order(self._sample, self._settings.seed)
        if others == names:
            return names
        for part, least in ((policy.TRIAL_PART, policy.LEAST_ORDER_SAVING), (1.0, 0.0)):
            longer = ", longer" if part == 1 else ""
            in_file = self._try(AUTOREGRESSIVE, names, part, f"1/2 orders: file{longer}")
            informative = self._try(AUTOREGRESSIVE, others, part, f"2/2 orders: most informative first{longer}")
            self.orders = {_IN_FILE: in_file, _INFORMATIVE_FIRST: informative}
            if informative > in_file * (1 - least):
                return names
        return others

    def choose_kind(self, names: tuple[str, ...]) -> Kind:
        """The kind of network that takes the fewest bytes after a brief training. Where latents that are trained for
        few bits lose clearly, those that are trained for small errors are not tried.
        """
        candidates = [kind for kind in KINDS if kind.traits.stores_networks and kind.is_candidate(self._rows)]
        if len(candidates) == 1:
            return candidates[0]
        n_kinds = 1 + len(candidates)  # with independent columns
        for number, kind in enumerate(candidates, 2):
            least = min(self.kinds.values(), default=math.inf)
            if kind is AE and self.kinds.get(VAE.name, 0) > least * (1 + policy.HOPELESS_LOSS):
                break
            label = f"{number}/{n_kinds} candidates: {kind.name}"
            self.kinds[kind.name] = self._try(kind, names, policy.TRIAL_PART, label)
        return min((kind for kind in candidates if kind.name in self.kinds), key=lambda kind: self.kinds[kind.name])

    def choose_latents_of_arrays(self, kind: Kind) -> Kind:
        """The kind whose latents are those of arrays, where these take clearly fewer bytes with them after a brief
        training; otherwise the same kind.
        """
        cells = self._rows.cells.values()
        most = max((column.n_cells / max(1, len(column.rows) * column.weight) for column in cells), default=0.0)
        few = self._rows.table.n_rows < policy.LEAST_ROWS_FOR_NETWORKS
        few = few or not policy.LEAST_CELLS_FOR_LATENTS <= most <= policy.MOST_CELLS_FOR_LATENTS
        if few or not images_of(self._rows):
            return kind
        n_rows = max(policy.LEAST_ROWS_FOR_AUTO, int(policy.CELLS_OF_LATENTS / most))
        sample = sample_of_largest_array(self._rows, n_rows, self._settings.seed)
        settings = self._settings.model_copy(update={"transform": _trial_transform(self._settings)})
        bits = []
        for number, tried in enumerate((AUTOREGRESSIVE, CONV_VAE), 1):
            progress = within(self._progress, f"{number}/2 latents of arrays: {tried.name}")
            fit = tried.fit(sample, settings, names=sample.names, part=policy.TRIAL_PART, progress=progress)
            bits.append(fit.bits - fit.model_bits)
        grows = self._rows.table.n_rows * self._rows.weight / max(1, sample.table.n_rows)
        saved = (bits[0] - bits[1]) * grows
        return CONV_VAE if saved > policy.LEAST_LATENTS_SAVING * bits[0] * grows else kind

    def fit_all(self, kind: Kind, names: tuple[str, ...], finer: ModelSettings | None = None) -> GroupFit:
        """The fit of all rows, under the settings of the trials or `finer` ones."""
        # A trial takes a transform of its own for the scores that an encoder sees.
        same = self._is_whole and not kind.traits.stores_latents and finer is None
        whole = self._done.get((kind.name, names, 1.0)) if same else None
        progress = within(self._progress, kind.name if finer is None else f"{kind.name}, finer ranges")
        return whole or kind.fit(self._rows, finer or self._settings, names=names, part=1.0, progress=progress)

    def _try(self, kind: Kind, names: tuple[str, ...], part: float, label: str) -> int:
        """About how many bytes all rows would take after a training on the sample, for `part` of the usual steps."""
        part = 1.0 if self._settings.epochs else part
        key = kind.name, names, part
        if key not in self._done:
            settings = self._settings.model_copy(update={"transform": _trial_transform(self._settings)})
            progress = within(self._progress, label)
            self._done[key] = kind.fit(self._sample, settings, names=names, part=part, progress=progress)
        trial = self._done[key]
        grows = self._rows.n_all / max(1.0, self._sample.n_all)
        return round(((trial.bits - trial.model_bits) * grows + trial.model_bits) / 8)


def _trial_transform(settings: ModelSettings) -> str:
    return "quantile" if settings.transform == "auto" else settings.transform


def _fit_free(
    table: Table,
    independent: GroupFit,
    bounds: Mapping[str, Bound],
    settings: ModelSettings,
    kind: Kind,
    progress: Progress,
) -> GroupFit:
    """The columns under `free` from a network, the others coded independently."""
    check_training()
    from baler_vae.learn.fit import fit_group  # noqa: PLC0415

    free = {name: table[name] for name in table.group.names if bounds[name].kind == "free"}
    progress = within(progress, kind.name)
    fitted, history = fit_group(
        free, settings, progress, is_variational=kind.is_variational, is_convolutional=kind.is_convolutional
    )
    n_outputs = fitted.encoder.network[-1].n_outputs
    model = replace(
        independent.model,
        decoder=fitted.decoder,
        encoder=fitted.encoder,
        steps=fitted.steps,
        keeps_log_variance=settings.keep_log_variance and not fitted.steps and n_outputs > fitted.encoder.n_latents,
    )
    means = latents_of(table.arrays, model)[0]
    latents = tuple(fit_coder(codes)[0] for codes in quantise_latents(means, model.steps))
    model = replace(model, latents=latents)
    return replace(independent, model=model, history=history, variances=fitted.variances)
