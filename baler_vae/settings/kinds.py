"""The kinds of models: their names, and what is known of each without fitting one.

Light, so that the command line can offer the names. How each kind is fitted is in `baler_vae.fitting.kinds`, whose
tuple of kinds is the same as this one, name by name.
"""

from dataclasses import dataclass
from typing import Literal

AUTO = "auto"
"""In place of a kind: the one of those that are candidates whose archive is smallest."""

KindName = Literal["independent", "formulas", "autoregressive", "vae", "ae", "conv-vae", "conv-ae"]
WantedKind = Literal["auto", "independent", "formulas", "autoregressive", "ae", "vae", "conv-ae", "conv-vae"]
Effort = Literal["fast", "default", "best"]
"""How much time an archive may take for its size."""
LatentKindName = Literal["ae", "vae", "conv-ae", "conv-vae"]


@dataclass(frozen=True, kw_only=True)
class KindTraits:
    """What a model of a kind stores besides frequency tables: networks of codes, and latents with what encodes and
    decodes them; whether it gives columns under the bound `free`, which are what a decoder makes of latents; whether
    fitting one needs PyTorch; and whether its networks are convolutions, which take
    arrays of one shape.
    """

    name: KindName
    stores_networks: bool
    stores_latents: bool
    gives_free: bool
    needs_torch: bool
    takes_images: bool = False


KINDS: tuple[KindTraits, ...] = (
    KindTraits(name="independent", stores_networks=False, stores_latents=False, gives_free=False, needs_torch=False),
    KindTraits(name="formulas", stores_networks=False, stores_latents=False, gives_free=False, needs_torch=False),
    KindTraits(name="autoregressive", stores_networks=True, stores_latents=False, gives_free=False, needs_torch=True),
    KindTraits(name="vae", stores_networks=True, stores_latents=True, gives_free=True, needs_torch=True),
    KindTraits(name="ae", stores_networks=True, stores_latents=True, gives_free=True, needs_torch=True),
    KindTraits(
        name="conv-vae",
        stores_networks=True,
        stores_latents=True,
        gives_free=True,
        needs_torch=True,
        takes_images=True,
    ),
    KindTraits(
        name="conv-ae", stores_networks=True, stores_latents=True, gives_free=True, needs_torch=True, takes_images=True
    ),
)
"""From the simplest on. Of several that store the same, the first is what an archive is taken for that does not say."""

NAMES: tuple[KindName, ...] = tuple(kind.name for kind in KINDS)


def kind_of_stored(*, networks: bool, latents: bool, said: object = None) -> KindName:
    """The kind of a model that stores networks of codes, or latents, or neither; `said` is the name it was given where
    it was fitted, which decides between kinds that store the same.
    """
    likely = [
        kind.name for kind in KINDS if kind.stores_latents == latents and (latents or kind.stores_networks == networks)
    ]
    return next((name for name in likely if name == said), likely[0])


def kind_of_free(wanted: WantedKind) -> KindName:
    """The kind that gives columns under `free` where a kind, or `auto`, was asked for."""
    able = [kind.name for kind in KINDS if kind.gives_free]
    return next((name for name in able if name == wanted), able[0])


def needs_torch(wanted: WantedKind) -> bool:
    """Whether fitting the kind that was asked for needs PyTorch."""
    return any(kind.name == wanted and kind.needs_torch for kind in KINDS)


def takes_images(wanted: WantedKind) -> bool:
    """Whether the networks of the kind that was asked for are convolutions."""
    return any(kind.name == wanted and kind.takes_images for kind in KINDS)


def can_give_free(wanted: WantedKind) -> bool:
    """Whether the kind that was asked for gives columns under `free`; `auto` chooses one that does."""
    return wanted == AUTO or any(kind.name == wanted and kind.gives_free for kind in KINDS)
