"""Small tables with a bit of everything, and settings that train in a moment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baler_vae.io.files import write_file
from baler_vae.project import ModelSettings
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Batch, Table

Write = Callable[..., str]


@pytest.fixture
def quick() -> ModelSettings:
    return ModelSettings(hidden=(8, 4), epochs=2, transform="standard", seed=3)


def jagged_batch(n_events: int = 40, seed: int = 1) -> tuple[Schema, Batch]:
    """Events with a counter, a flag and a float, and jets with floats and integers; some events have no jet."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 5, n_events).astype(np.int32)
    n_jets = int(counts.sum())
    arrays: dict[str, dict[str, Any]] = {
        "events": {
            "event": np.arange(n_events, dtype=np.int64) + 2**60,
            "met": rng.exponential(30, n_events).astype(np.float32),
            "trigger": rng.integers(0, 2, n_events).astype(bool),
            "nJet": counts,
        },
        "Jet": {
            "Jet_pt": (8 + rng.exponential(40, n_jets)).astype(np.float32),
            "Jet_eta": rng.normal(0, 2, n_jets),
            "Jet_id": rng.integers(0, 255, n_jets).astype(np.uint8),
        },
    }
    return _batch(arrays, {"Jet": "nJet"}, Origin("root", "Events", "jets"))


def flat_batch(arrays: dict[str, Any]) -> tuple[Schema, Batch]:
    return _batch({"events": arrays}, {}, Origin("root", "Events"))


def _batch(arrays: dict[str, dict[str, Any]], counters: dict[str, str], origin: Origin) -> tuple[Schema, Batch]:
    groups = tuple(
        Group(
            name,
            tuple(Column(n, TEXT if a.dtype == object else a.dtype) for n, a in columns.items()),
            counters.get(name),
        )
        for name, columns in arrays.items()
    )
    schema = Schema(groups, tuple(name for group in groups for name in group.names), origin)
    return schema, tuple(Table(group, arrays[group.name]) for group in groups)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a batch to a file in a folder of its own and gives the path."""

    def write_batch(schema: Schema, batch: Batch, name: str = "input.root") -> str:
        path = tmp_path / name
        write_file(path, schema, [batch])
        return str(path)

    return write_batch


@pytest.fixture
def jets(write: Write) -> str:
    return write(*jagged_batch())
