"""The laboratory: what an autoencoder learnt, and the codec as a density.

Each function does what the command `baler-vae explore NAME` does. What they need is imported when one is first used.
"""

from importlib import import_module

_HOMES: dict[str, str] = {
    "distance": "baler_vae.explore.comparing",
    "interpolate": "baler_vae.explore.paths",
    "latents": "baler_vae.explore.latent_space",
    "sample": "baler_vae.explore.sampling",
    "score": "baler_vae.explore.scoring",
    "sweep": "baler_vae.explore.sweeping",
    "traverse": "baler_vae.explore.paths",
}

__all__: list[str] = ["distance", "interpolate", "latents", "sample", "score", "sweep", "traverse"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'baler_vae.explore' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
