"""The model of a group: the kind that was asked for, or the one whose archive is smallest."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.finite import LARGEST
from baler_vae.codec.groups import latents_of, quantise_latents
from baler_vae.codec.rows import Events
from baler_vae.errors import located
from baler_vae.fitting.columns import (
    GroupFit,
    GroupRows,
    fit_conditional_group,
    fit_independent,
    information_order,
    rows_of_group,
    sample_of,
    sees_latents,
    without_latents,
)
from baler_vae.fitting.conditionals import check_training
from baler_vae.model.coders import fit_coder
from baler_vae.model.columns import Free
from baler_vae.model.group import GroupModel
from baler_vae.progress import Progress, within
from baler_vae.settings.model import ModelSettings
from baler_vae.table.bounds import Bound
from baler_vae.table.table import Table

LearnedKind = Literal["autoregressive", "vae", "ae"]

_SAMPLE_ROWS = 16_384
_TRIAL_PART = 0.2
_TRIAL_EPOCHS = 6
_WIDE = 64
"""Columns above which `auto` tries no latents: they could not tell much of so many columns."""
_LEAST_SAVING = 0.003
"""The part of the bytes that another order of columns must save to be looked at closely."""
_LEAST_ROWS = 256
"""Rows below which `auto` tries no network: it could never pay for its weights."""


@dataclass(frozen=True)
class ChosenFit:
    """The fit of a group, that of its columns alone, its kind, and about how many bytes each kind and each order of the
    columns would take, by name: where `auto` compares them, by what a sample takes after a brief training.
    """

    fit: GroupFit
    alone: GroupFit
    kind: str = "independent"
    candidates: Mapping[str, int] = field(default_factory=dict)
    orders: Mapping[str, int] = field(default_factory=dict)

    def summary(self, n_rows: int) -> dict[str, Any]:
        """What an archive says of it, in plain values: nothing in it is needed to decode."""
        own = self.fit.bits - self.fit.model_bits
        return {
            "kind": self.kind,
            "rows": n_rows,
            "bits_per_row": own / max(1, n_rows),
            "independent_bits_per_row": self.alone.bits / max(1, n_rows),
            "model_bytes": round(self.fit.model_bits / 8),
            "fitted_bytes": self.fit.n_bytes,
            "candidate_bytes": dict(self.candidates),
            "order_bytes": dict(self.orders),
            "formulas_saved_bytes": {name: round(bits / 8) for name, bits in self.fit.saved_bits.items()},
        }


def fit_group_model(
    table: Table,
    bounds: Mapping[str, Bound],
    settings: ModelSettings,
    path: str,
    progress: Progress,
    events: Events | None = None,
    *,
    n_rows: int | None = None,
) -> ChosenFit:
    """The model of a group; `events` is given for objects, `n_rows` where these rows are a sample of so many.

    Columns under `free` are what a network gives, all others of their group are then kept by themselves. Without such
    columns the kind decides; a network that does not pay is left out, unless the settings keep it.

    Raises:
        MissingExtra: a network is wanted and PyTorch is not installed.
        UsageError: the training diverged, or the device is not there.
    """
    rows = rows_of_group(table, bounds, events, n_rows, progress=progress)
    alone = fit_independent(rows)
    if any(bounds[name].kind == "free" for name in table.group.names):
        kind = kind_of_free(settings)
        fitted = _fit_free(table, alone, bounds, settings, path, progress) if table.n_rows else alone
        return ChosenFit(fitted, alone, kind)
    found = {"independent": alone.n_bytes}
    kind = settings.kind
    few = table.n_rows < _LEAST_ROWS or (events is None and len(rows.numeric) < 2)
    if kind == "independent" or not rows.numeric or not table.n_rows or (kind == "auto" and few):
        return ChosenFit(alone, alone, candidates=found)
    trials = _Trials(rows, settings, path, progress)
    names = trials.choose_order()
    if kind == "auto":
        kind = trials.choose_kind(names)
        found |= trials.kinds
    fitted = trials.fit_all(kind, names)
    kind = kind if fitted.model.n_latents else "autoregressive"
    found.setdefault(kind, fitted.n_bytes)
    if fitted.bits >= alone.bits and not (settings.keep_network and settings.kind != "auto"):
        return ChosenFit(alone, alone, candidates=found, orders=trials.orders)
    return ChosenFit(fitted, alone, kind, found, trials.orders)


def kind_of_free(settings: ModelSettings) -> str:
    """The kind of network that gives columns under `free`."""
    return "ae" if settings.kind == "ae" else "vae"


class _Trials:
    """Fits on a sample of events. `kinds` and `orders` are about how many bytes all rows would then take, by name.

    Raises:
        MissingExtra: PyTorch is not installed.
        UsageError: the training diverged, or the device is not there.
    """

    def __init__(self, rows: GroupRows, settings: ModelSettings, path: str, progress: Progress) -> None:
        self._rows, self._settings, self._path, self._progress = rows, settings, path, progress
        self._is_wide = len(rows.numeric) > _WIDE
        self._sample = rows if self._is_wide else sample_of(rows, _SAMPLE_ROWS, settings.seed)
        self._done: dict[tuple[str, tuple[str, ...], float], GroupFit] = {}
        self.kinds: dict[str, int] = {}
        self.orders: dict[str, int] = {}

    def choose_order(self) -> tuple[str, ...]:
        """The order in which networks see the columns: that of the file, unless the columns that tell most, first,
        take clearly fewer bytes after a brief training, and fewer after a whole one.
        """
        names = self._rows.names
        self._progress("ordering columns", 0, 1)
        others = names if self._is_wide else information_order(self._sample, self._settings.seed)
        if others == names:
            return names
        for part, least in ((_TRIAL_PART, _LEAST_SAVING), (1.0, 0.0)):
            longer = ", longer" if part == 1 else ""
            in_file = self._try("autoregressive", names, part, f"1/2 orders: file{longer}")
            telling = self._try("autoregressive", others, part, f"2/2 orders: telling first{longer}")
            self.orders = {"file": in_file, "telling first": telling}
            if telling > in_file * (1 - least):
                return names
        return others

    def choose_kind(self, names: tuple[str, ...]) -> LearnedKind:
        """The kind of network that takes the fewest bytes after a brief training."""
        if self._is_wide or not _floats(self._rows):
            return "autoregressive"
        kinds: tuple[LearnedKind, ...] = get_args(LearnedKind)
        n_kinds = 1 + len(kinds)  # with the columns by themselves
        self.kinds = {
            kind: self._try(kind, names, _TRIAL_PART, f"{number}/{n_kinds} candidates: {kind}")
            for number, kind in enumerate(kinds, 2)
        }
        return min(kinds, key=self.kinds.__getitem__)

    def fit_all(self, kind: LearnedKind, names: tuple[str, ...]) -> GroupFit:
        """The fit of all rows."""
        whole = self._done.get((kind, names, 1.0)) if self._sample is self._rows and kind == "autoregressive" else None
        settings = self._settings.model_copy(update={"kind": kind})
        return whole or _fit_kind(self._rows, settings, self._path, within(self._progress, kind), names=names)

    def _try(self, kind: LearnedKind, names: tuple[str, ...], part: float, label: str) -> int:
        """About how many bytes all rows would take after a training on the sample, for `part` of the usual steps."""
        part = 1.0 if self._settings.epochs else part
        key = kind, names, part
        if key not in self._done:
            update = {"kind": kind, "transform": _trial_transform(self._settings)}
            settings = self._settings.model_copy(update=update)
            progress = within(self._progress, label)
            self._done[key] = _fit_kind(self._sample, settings, self._path, progress, part=part, names=names)
        trial = self._done[key]
        grows = self._rows.n_all / max(1.0, self._sample.n_all)
        return round(((trial.bits - trial.model_bits) * grows + trial.model_bits) / 8)


def _trial_transform(settings: ModelSettings) -> str:
    return "quantile" if settings.transform == "auto" else settings.transform


def _fit_kind(
    rows: GroupRows,
    settings: ModelSettings,
    path: str,
    progress: Progress,
    *,
    names: tuple[str, ...],
    part: float = 1.0,
) -> GroupFit:
    """The fit of a kind of networks that see the columns in the order of `names`, `part` of the usual steps of
    training.
    """
    floats = _floats(rows)
    if settings.kind == "autoregressive" or not floats:
        return fit_conditional_group(rows, settings, progress, part=part, names=names)
    check_training()
    from baler_vae.learn.fit import fit_encoder  # noqa: PLC0415

    columns = {name: _finite(rows.numeric[name].values) for name in floats}
    trained = settings.model_copy(update={"epochs": settings.epochs or _TRIAL_EPOCHS}) if part < 1 else settings
    encoder, steps, history = fit_encoder(columns, trained, progress)
    with_latents = GroupModel(columns={name: Free() for name in rows.names}, encoder=encoder, steps=steps)
    values = {name: column.values for name, column in rows.numeric.items()}
    with located(path=path):
        means = latents_of(values, with_latents, bounded=True)[0]
    codes = tuple(quantise_latents(means, steps))
    coders = [fit_coder(latent) for latent in codes]
    with_latents = replace(with_latents, latents=tuple(coder for coder, _ in coders))
    fitted = fit_conditional_group(
        rows, settings, progress, part=part, names=names, latents=with_latents, latent_codes=codes
    )
    if not settings.keep_network and not sees_latents(fitted.model):
        return replace(fitted, model=without_latents(fitted.model), history=history)
    return replace(fitted, bits=fitted.bits + rows.weight * sum(bits for _, bits in coders), history=history)


def _floats(rows: GroupRows) -> list[str]:
    """The columns of floats that have codes."""
    return [name for name in rows.numeric if rows.table.group.column(name).is_float]


def _fit_free(
    table: Table,
    alone: GroupFit,
    bounds: Mapping[str, Bound],
    settings: ModelSettings,
    path: str,
    progress: Progress,
) -> GroupFit:
    """The columns under `free` from a network, the others by themselves."""
    check_training()
    from baler_vae.learn.fit import fit_group  # noqa: PLC0415

    free = {name: table[name] for name in table.group.names if bounds[name].kind == "free"}
    fitted, history = fit_group(free, settings, within(progress, kind_of_free(settings)))
    n_outputs = len(fitted.encoder.network[-1].bias)
    model = replace(
        alone.model,
        decoder=fitted.decoder,
        encoder=fitted.encoder,
        steps=fitted.steps,
        keeps_log_variance=settings.keep_log_variance and not fitted.steps and n_outputs > fitted.encoder.n_latents,
    )
    with located(path=path):
        means = latents_of(table.arrays, model)[0]
    latents = tuple(fit_coder(codes)[0] for codes in quantise_latents(means, model.steps))
    return replace(alone, model=replace(model, latents=latents), history=history)


def _finite(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """The values (rows,) of a column as a network is shown them: finite and not too large for squares."""
    x = values.astype(np.float64)
    finite = np.isfinite(x)
    middle = float(np.median(x[finite])) if finite.any() else 0.0
    return np.clip(np.where(np.isnan(x), middle, x), -LARGEST, LARGEST)
