"""Small tables with a bit of everything."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import baler_vae
from baler_vae.io.files import write_file
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Batch, Table, row_groups


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


@contextmanager
def short_row_groups(limit: int) -> Iterator[None]:
    """A block in which row groups hold so many rows, not as many as they do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baler_vae.codec.encoding.row_groups", partial(row_groups, limit=limit))
        yield


def archive_of_short_row_groups(folder: Path, n_events: int, limit: int) -> tuple[Path, Path]:
    """A ROOT file of jets in a folder, and an archive of it that keeps every value exactly, in row groups of so many
    rows.
    """
    schema, batch = jagged_batch(n_events)
    write_file(folder / "in.root", schema, [batch])
    with short_row_groups(limit):
        baler_vae.compress(folder / "in.root", folder / "a.bvae", kind="independent", bound="exact", verify=False)
    return folder / "in.root", folder / "a.bvae"


def file_of_words(path: Path, n_events: int) -> Path:
    """An npz file of a float, a small integer and a word for each event."""
    rng = np.random.default_rng(8)
    words = np.array(["a", "bb", "ccc"])[rng.integers(0, 3, n_events)]
    np.savez(path, x=rng.normal(size=n_events).astype(np.float32), i=rng.integers(0, 9, n_events), word=words)
    return path
