"""Kinds of models: what rooms below know of them by name, and how they are fitted."""

from typing import get_args

import pytest

from baler_vae.fitting import kinds as fitted_kinds
from baler_vae.settings import kinds
from baler_vae.settings.model import ModelSettings


def test_every_name_has_its_traits_and_its_fit():
    assert tuple(kind.name for kind in fitted_kinds.KINDS) == kinds.NAMES == get_args(kinds.KindName)
    assert [kind.traits for kind in fitted_kinds.KINDS] == list(kinds.KINDS)
    assert set(get_args(kinds.WantedKind)) == {kinds.AUTO, *kinds.NAMES}
    latent_kinds = {kind.name for kind in kinds.KINDS if kind.stores_latents}
    assert set(get_args(kinds.LatentKindName)) == latent_kinds
    for name in get_args(kinds.WantedKind):
        assert ModelSettings(kind=name).kind == name


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name)
def test_a_kind_is_known_by_what_it_stores_and_by_what_is_said(kind):
    stored = {"networks": kind.stores_networks, "latents": kind.stores_latents}
    assert kinds.kind_of_stored(**stored, said=kind.name) == kind.name
    for said in (None, "gan", [], *kinds.NAMES):
        found = kinds.kind_of_stored(**stored, said=said)
        (traits,) = (traits for traits in kinds.KINDS if traits.name == found)
        assert (traits.stores_networks, traits.stores_latents) == (kind.stores_networks, kind.stores_latents)


def test_latents_without_networks_are_of_an_autoencoder():
    """Those of columns under `free`, which a decoder gives."""
    assert kinds.kind_of_stored(networks=False, latents=True) == "vae"
    assert kinds.kind_of_stored(networks=False, latents=True, said="ae") == "ae"


def test_columns_under_free_are_of_an_autoencoder():
    assert {name: kinds.kind_of_free(name) for name in get_args(kinds.WantedKind) if kinds.can_give_free(name)} == {
        "auto": "vae",
        "vae": "vae",
        "ae": "ae",
        "conv-vae": "conv-vae",
        "conv-ae": "conv-ae",
    }
