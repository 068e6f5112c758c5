"""Small tables with a bit of everything."""

from collections.abc import Callable
from typing import Any

import numpy as np

from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Batch, Table

Write = Callable[..., str]


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
    return batch_of(arrays, {"Jet": "nJet"}, Origin("root", "Events", "jets"))


def flat_batch(arrays: dict[str, Any]) -> tuple[Schema, Batch]:
    return batch_of({"events": arrays}, {}, Origin("root", "Events"))


def batch_of(arrays: dict[str, dict[str, Any]], counters: dict[str, str], origin: Origin) -> tuple[Schema, Batch]:
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
