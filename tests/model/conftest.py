"""Networks to test with."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from baler_vae.model.network import Dense, Network


@pytest.fixture(scope="session")
def network() -> Callable[..., Network]:
    """Makes a network of random weights with layers of the sizes that are given, inputs first."""

    def make(*sizes: int, scale: float = 1.0) -> Network:
        rng = np.random.default_rng(0)
        return tuple(
            Dense(
                (scale * rng.normal(size=(n_outputs, n_inputs))).astype(np.float32),
                rng.normal(size=n_outputs).astype(np.float32),
            )
            for n_inputs, n_outputs in pairwise(sizes)
        )

    return make
