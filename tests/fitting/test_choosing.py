"""Which kinds `auto` tries."""

import numpy as np
import pytest

import baler_vae
from baler_vae.fitting import policy


@pytest.mark.parametrize(("loss", "has_autoencoder"), [(-1.0, False), (1e9, True)])
def test_an_autoencoder_is_tried_unless_a_variational_one_loses_clearly(monkeypatch, loss, has_autoencoder):
    monkeypatch.setattr(policy, "HOPELESS_LOSS", loss)
    x = np.random.default_rng(0).normal(size=600)
    data = {"x": x, "y": x + 0.1 * np.random.default_rng(1).normal(size=600)}
    codec = baler_vae.fit(data, epochs=1, hidden=(4,), transform="standard")
    tried = codec.fits["events"]["candidate_bytes"].keys()
    assert {"independent", "autoregressive", "vae"} <= tried
    assert ("ae" in tried) is has_autoencoder
