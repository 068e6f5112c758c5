"""The kinds of models, one object each: how it is fitted, and where `auto` tries it.

Another kind is one more object in `KINDS` here, and its name and traits in `baler_vae.settings.kinds`, by which rooms
that know nothing of fitting know it: settings take the name, `info` tells the kind of an archive from what it stores.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.finite import LARGEST
from baler_vae.codec.groups import latents_of, quantise_latents
from baler_vae.fitting import policy
from baler_vae.fitting.columns import GroupFit, fit_conditional_group, fit_independent, sees_latents, without_latents
from baler_vae.fitting.conditionals import check_training
from baler_vae.fitting.formulas import fit_formulas
from baler_vae.fitting.rows import GroupRows
from baler_vae.model.coders import fit_coder
from baler_vae.model.columns import Free
from baler_vae.model.group import Encoder, GroupModel
from baler_vae.progress import Progress
from baler_vae.settings import kinds as traits_of_kinds
from baler_vae.settings.kinds import KindTraits
from baler_vae.settings.model import ModelSettings

if TYPE_CHECKING:
    from baler_vae.learn.epochs import Epoch

Columns = Mapping[str, NDArray[np.generic]]
EncoderFit = Callable[[Columns, ModelSettings, Progress], "tuple[Encoder, tuple[float, ...], tuple[Epoch, ...]]"]
"""Gives the encoder of columns (rows,) or (rows, *shape), the steps of its latents, and the history of its training."""


class Fit(Protocol):
    """How a kind is fitted to the rows of a group whose columns all keep a bound."""

    def __call__(
        self,
        rows: GroupRows,
        settings: ModelSettings,
        *,
        names: tuple[str, ...],
        part: float,
        progress: Progress,
    ) -> GroupFit:
        """The fit, where networks see the columns in the order of `names` and are trained for `part` of the usual
        steps.
        """


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of models. `traits` are its name and what it stores; `fit` fits it; `is_candidate` says of a group's rows
    whether `auto` tries it; `is_variational` is the autoencoder that gives columns under `free`, if it gives any.
    """

    traits: KindTraits
    fit: Fit
    is_candidate: Callable[[GroupRows], bool]
    is_variational: bool = False

    @property
    def is_convolutional(self) -> bool:
        """Whether its autoencoder is one of images."""
        return self.traits.takes_images

    @property
    def name(self) -> str:
        return self.traits.name


def kind_named(name: str) -> Kind:
    """The kind of a name."""
    (kind,) = (kind for kind in KINDS if kind.name == name)
    return kind


def _fit_independent(rows: GroupRows, settings: ModelSettings, **_options: object) -> GroupFit:  # noqa: ARG001
    return fit_independent(rows)  # whatever the settings are


def _fit_formulas(rows: GroupRows, settings: ModelSettings, *, progress: Progress, **_options: object) -> GroupFit:
    return fit_formulas(rows, settings, progress)


def _fit_networks(
    rows: GroupRows,
    settings: ModelSettings,
    *,
    names: tuple[str, ...],
    part: float,
    progress: Progress,
) -> GroupFit:
    return fit_conditional_group(rows, settings, progress, part=part, names=names)


def _fit_latents(encoder_fit: EncoderFit, columns_of: Callable[[GroupRows], Columns]) -> Fit:
    """How networks are fitted that see latents too, those of an encoder of some columns; without such columns there are
    none.
    """

    def fit(
        rows: GroupRows,
        settings: ModelSettings,
        *,
        names: tuple[str, ...],
        part: float,
        progress: Progress,
    ) -> GroupFit:
        columns = columns_of(rows)
        if not columns:
            return fit_conditional_group(rows, settings, progress, part=part, names=names)
        check_training()
        trained = settings
        if part < 1:
            trained = settings.model_copy(update={"epochs": settings.epochs or policy.TRIAL_EPOCHS})
        encoder, steps, history = encoder_fit(columns, trained, progress)
        with_latents = GroupModel(columns={name: Free() for name in rows.names}, encoder=encoder, steps=steps)
        means = latents_of(columns, with_latents, bounded=True)[0]
        codes = tuple(quantise_latents(means, steps))
        coders = [fit_coder(latent) for latent in codes]
        with_latents = replace(with_latents, latents=tuple(coder for coder, _ in coders))
        fitted = fit_conditional_group(
            rows, settings, progress, part=part, names=names, latents=with_latents, latent_codes=codes
        )
        if not settings.keep_network and not sees_latents(fitted.model):
            return replace(fitted, model=without_latents(fitted.model), history=history)
        return replace(fitted, bits=fitted.bits + rows.weight * sum(bits for _, bits in coders), history=history)

    return fit


def _bits_encoder(*, is_convolutional: bool) -> EncoderFit:
    def fit(
        columns: Columns, settings: ModelSettings, progress: Progress
    ) -> "tuple[Encoder, tuple[float, ...], tuple[Epoch, ...]]":
        from baler_vae.learn.fit import fit_bits_encoder  # noqa: PLC0415

        return fit_bits_encoder(columns, settings, progress, is_convolutional=is_convolutional)

    return fit


def _squared_error_encoder(*, is_convolutional: bool) -> EncoderFit:
    def fit(
        columns: Columns, settings: ModelSettings, progress: Progress
    ) -> "tuple[Encoder, tuple[float, ...], tuple[Epoch, ...]]":
        from baler_vae.learn.fit import fit_squared_error_encoder  # noqa: PLC0415

        return fit_squared_error_encoder(columns, settings, progress, is_convolutional=is_convolutional)

    return fit


def floats_of(rows: GroupRows) -> list[str]:
    """The columns of floats that have codes."""
    return [name for name in rows.numeric if rows.table.group.column(name).is_float]


def _numbers_of(rows: GroupRows) -> Columns:
    """The columns of floats that have codes, as an encoder sees them, (rows,) each."""
    return {name: _finite(rows.numeric[name].values) for name in floats_of(rows)}


def images_of(rows: GroupRows) -> Columns:
    """The columns of arrays of floats of one shape, as convolutions see them, (rows, *shape) each: those of the shape
    that has most cells in all.
    """
    columns = [column for column in rows.table.group.columns if column.is_array and column.is_float]
    cells: Counter[tuple[int, ...]] = Counter()
    for column in columns:
        cells[column.shape] += column.n_cells
    shape = max(cells, key=cells.__getitem__, default=())
    return {column.name: _finite(rows.table[column.name]) for column in columns if column.shape == shape}


def is_wide(rows: GroupRows) -> bool:
    """Whether a group, or its file, has too many columns, so that `auto` tries neither latents nor another order."""
    return rows.many_columns > 0 or len(rows.numeric) > policy.MOST_COLUMNS_FOR_TRIALS


def _is_any(_rows: GroupRows) -> bool:
    return True


def _is_none(_rows: GroupRows) -> bool:
    return False


def _gains_by_latents(rows: GroupRows) -> bool:
    return not is_wide(rows) and bool(floats_of(rows))


def _finite(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """The values (rows,) or (rows, *shape) of a column as an encoder sees them: finite and not too large for squares;
    arrays in which nothing is to be changed as they are, since they are large.
    """
    if values.ndim > 1 and values.size and float(values.min()) >= -LARGEST and float(values.max()) <= LARGEST:
        return values
    x = values.astype(np.float64)
    finite = np.isfinite(x)
    middle = float(np.median(x[finite])) if finite.any() else 0.0
    return np.clip(np.where(np.isnan(x), middle, x), -LARGEST, LARGEST)


_TRAITS = {traits.name: traits for traits in traits_of_kinds.KINDS}

_BITS = _fit_latents(_bits_encoder(is_convolutional=False), _numbers_of)
_SQUARED_ERROR = _fit_latents(_squared_error_encoder(is_convolutional=False), _numbers_of)
_BITS_OF_IMAGES = _fit_latents(_bits_encoder(is_convolutional=True), images_of)
_SQUARED_ERROR_OF_IMAGES = _fit_latents(_squared_error_encoder(is_convolutional=True), images_of)

INDEPENDENT = Kind(traits=_TRAITS["independent"], fit=_fit_independent, is_candidate=_is_any)
FORMULAS = Kind(traits=_TRAITS["formulas"], fit=_fit_formulas, is_candidate=_is_none)
AUTOREGRESSIVE = Kind(traits=_TRAITS["autoregressive"], fit=_fit_networks, is_candidate=_is_any)
VAE = Kind(traits=_TRAITS["vae"], fit=_BITS, is_candidate=_gains_by_latents, is_variational=True)
AE = Kind(traits=_TRAITS["ae"], fit=_SQUARED_ERROR, is_candidate=_gains_by_latents)
CONV_VAE = Kind(traits=_TRAITS["conv-vae"], fit=_BITS_OF_IMAGES, is_candidate=_is_none, is_variational=True)
CONV_AE = Kind(traits=_TRAITS["conv-ae"], fit=_SQUARED_ERROR_OF_IMAGES, is_candidate=_is_none)

KINDS = (INDEPENDENT, FORMULAS, AUTOREGRESSIVE, VAE, AE, CONV_VAE, CONV_AE)
"""In the order in which `auto` tries them; of two that take as many bytes the first is chosen."""
