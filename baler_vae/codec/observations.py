"""What a codec remembers of the objective of its autoencoder that its networks do not tell: noise, learnt variances."""

import math
from collections.abc import Mapping
from typing import Any

from baler_vae.codec.codec import Codec
from baler_vae.codec.provenance import number_of
from baler_vae.errors import UsageError
from baler_vae.settings.checking import check_settings
from baler_vae.settings.kinds import kind_of_stored
from baler_vae.settings.objective import POSTERIORS, ObjectiveSettings, PosteriorSettings

VARIANCES = "observation_variances"
"""The key of learnt variances in what a fit says of a group."""


def observation_variances(codec: Codec, group: str) -> dict[str, float] | None:
    """The variance of each column under `free` of a group around what its decoder gives, in squared scores of the
    column's transform on its way in, where the objective had a Gaussian likelihood; None otherwise.
    """
    fit = codec.fits.get(group)
    found = fit.get(VARIANCES) if isinstance(fit, Mapping) else None
    decoder = codec.models[group].decoder
    if decoder is None or not isinstance(found, Mapping):
        return None
    variances = {name: number_of(found, name) for name in decoder.columns}
    known = {name: one for name, one in variances.items() if one is not None and math.isfinite(one) and one > 0}
    return known if len(known) == len(variances) else None


def objective_of_codec(codec: Codec) -> ObjectiveSettings | None:
    """The objective that a codec says it was fitted under; None where it says none, or none that this version knows."""
    said: Any = codec.settings.get("model")
    found = said.get("objective") if isinstance(said, Mapping) else None
    if not isinstance(found, dict):
        return None
    try:
        return check_settings(ObjectiveSettings, found)
    except UsageError:  # of a later version
        return None


def posterior_of_codec(codec: Codec, group: str) -> PosteriorSettings | None:
    """The posterior of the latents of columns under `free` of a group; None where it has none."""
    model = codec.models[group]
    if model.decoder is None or not model.n_latents:
        return None
    said = codec.fits.get(group, {}).get("kind") if isinstance(codec.fits.get(group), Mapping) else None
    kind = kind_of_stored(networks=False, latents=True, said=said)
    objective = objective_of_codec(codec)
    if objective is not None:
        return objective.posterior_of(kind)
    return PosteriorSettings(kind=POSTERIORS[kind][0])
