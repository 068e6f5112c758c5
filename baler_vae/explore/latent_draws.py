"""Where the latents of new rows come from: the prior, those of the training rows, or a mixture fitted to these."""

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.chance import Latents
from baler_vae.codec.codec import Codec
from baler_vae.codec.filling import needs_latents
from baler_vae.codec.observations import objective_of_codec, posterior_of_codec
from baler_vae.errors import MissingExtra, UsageError
from baler_vae.measures.samples import Mixture, fit_mixture
from baler_vae.settings.objective import ObjectiveSettings

LatentSource = Literal["prior", "posterior", "mixture", "density"]


def groups_from_latents(codec: Codec) -> list[str]:
    """The groups of which columns are made from latents, or seen with them."""
    models = codec.models
    return [group.name for group in codec.schema.groups if needs_latents(models[group.name], group.names)]


def has_own_tables(codec: Codec, group: str) -> bool:
    """Whether all latents of a group have tables of their own to be drawn from."""
    model = codec.models[group]
    return bool(model.steps) and all(coder.table is not None for coder in model.latents)


def prior_draws(codec: Codec, group: str) -> Latents:
    """Draws from the prior: the standard normal distribution, and categories of equal probability.

    Raises:
        UsageError: nothing drew the latents to a prior when the codec was fitted.
    """
    model, posterior, objective = codec.models[group], posterior_of_codec(codec, group), objective_of_codec(codec)
    drawn = objective is not None and _draws_to_the_normal(objective)
    # Where values keep a bound, latents are inputs of networks only, and have no objective.
    kind = codec.fits.get(group, {}).get("kind") if posterior is None else posterior.kind
    why = "a plain autoencoder puts them anywhere" if kind in {"ae", "point"} else ""
    if objective is not None and objective.mmd is not None and objective.mmd.prior == "fitted":
        why = "their objective asked for a normal distribution, not for the standard one"
    if why and not drawn:
        raise UsageError(
            f"the latents of {group} have no prior: {why}",
            way_out="Draw them from a mixture fitted to those of the training rows: --from mixture --training FILE",
        )
    categories = _categories(codec, group)
    n_continuous = model.n_latents - sum(categories)

    def draw(n_rows: int, generator: np.random.Generator) -> NDArray[np.floating]:
        parts: list[NDArray[np.floating]] = [generator.standard_normal((n_rows, n_continuous))]
        for n_categories in categories:
            chosen = generator.integers(0, n_categories, n_rows)
            parts.append((np.arange(n_categories) == chosen[:, None]).astype(np.float64))
        return np.hstack(parts)

    return draw


def _draws_to_the_normal(objective: ObjectiveSettings) -> bool:
    """Whether a term of an objective draws latents to the standard normal distribution."""
    kl, mmd, moments = objective.kl, objective.mmd, objective.moments
    return (
        (kl is not None and kl.beta != 0)
        or (mmd is not None and mmd.weight > 0 and mmd.prior == "normal")
        or (moments is not None and moments.weight > 0)
    )


def posterior_draws(mean: NDArray[np.float32], log_variance: NDArray[np.float32], *, noisy: bool) -> Latents:
    """Draws of the latents (rows, k) of training rows, with replacement, each with the noise of its posterior where
    that is known and wanted: `log_variance` float32 (rows, first latents) or (rows, 0).
    """
    spread = np.exp(log_variance.astype(np.float64) / 2)

    def draw(n_rows: int, generator: np.random.Generator) -> NDArray[np.floating]:
        chosen = generator.integers(0, len(mean), n_rows)
        latents = mean[chosen].astype(np.float64)
        if noisy and spread.shape[1]:
            latents[:, : spread.shape[1]] += spread[chosen] * generator.standard_normal((n_rows, spread.shape[1]))
        return latents

    return draw


def mixture_draws(codec: Codec, group: str, mean: NDArray[np.float32], seed: int) -> tuple[Latents, Mixture]:
    """Draws from a mixture of Gaussians that is fitted to the latents (rows, k) of training rows, and the mixture; of
    categories the most probable one is drawn.

    Raises:
        UsageError: there are fewer than two rows.
        MissingExtra: scikit-learn is not installed.
    """
    if len(mean) < 2:
        raise UsageError(
            "too few training rows for a mixture of Gaussians", found=f"{len(mean)}", expected="at least 2"
        )
    try:
        mixture = fit_mixture(mean, seed=seed)
    except ModuleNotFoundError as error:
        raise MissingExtra("fitting a mixture", "explore", str(error.name)) from error
    categories = _categories(codec, group)
    ends = np.cumsum([mean.shape[1] - sum(categories), *categories])

    def draw(n_rows: int, generator: np.random.Generator) -> NDArray[np.floating]:
        latents = mixture.draw(n_rows, generator)
        for start, stop in pairwise(ends):
            largest = latents[:, start:stop].argmax(axis=1)
            latents[:, start:stop] = np.arange(stop - start) == largest[:, None]
        return latents

    return draw, mixture


def _categories(codec: Codec, group: str) -> tuple[int, ...]:
    """The number of categories of each categorical latent; these are the last latents."""
    posterior = posterior_of_codec(codec, group)
    return posterior.categories if posterior is not None and posterior.kind == "joint" else ()
