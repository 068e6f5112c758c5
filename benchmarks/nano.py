"""A file as nanoAOD has them, made on the spot: collections of objects, event-level floats with truncated mantissas,
trigger flags, and a title for each branch.
"""

from pathlib import Path

import numpy as np

from baler_vae.io.files import write_file
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table
from benchmarks.controls import collection
from benchmarks.rivals.by_column import truncated
from benchmarks.rivals.signature import Values

COLLECTIONS = 23
_MEAN_OBJECTS = (2, 3, 8, 1, 60, 5, 20)
"""Of the first collections and, in turn, of the others: on average about 150 objects an event."""


def write_nano(path: Path, n_events: int = 1_000, n_branches: int = 1_479, seed: int = 0) -> str:
    """Writes a ROOT file of so many branches, at least 600, and gives the name by which it is read."""
    random = np.random.default_rng(seed)
    event = random.normal(0, 1, n_events)
    events: dict[str, Values] = {
        "run": np.full(n_events, 362_439, np.uint32),
        "luminosityBlock": (1 + np.arange(n_events) // 200).astype(np.uint32),
        "event": np.cumsum(random.geometric(0.01, n_events)).astype(np.uint64),
    }
    groups, tables = [], []
    for number in range(COLLECTIONS):
        name = f"Obj{number:02d}"
        counts = random.poisson(_MEAN_OBJECTS[number % len(_MEAN_OBJECTS)] / 2, n_events).astype(np.int32)
        events[f"n{name}"] = counts
        columns = {f"{name}_{own}": values for own, values in collection(random, np.repeat(event, counts)).items()}
        group = Group(name, _described(columns), f"n{name}")
        groups.append(group)
        tables.append(Table(group, columns))
    n_left = n_branches - len(events) - sum(len(group.columns) for group in groups)
    for number in range(n_left // 4):
        values = 30 * np.exp(0.5 * event) * random.gamma(3, 0.4, n_events)
        events[f"MET_variation{number}"] = truncated(values.astype(np.float32), Bound("bits", 10))
    for number in range(n_left - n_left // 4):
        chance = 1 / (1 + np.exp(2 + 3 * random.random() - event))
        events[f"HLT_Path{number}_with_a_threshold"] = random.random(n_events) < chance
    first = Group("", _described(events))
    order = (*first.names, *(name for group in groups for name in group.names))
    schema = Schema((first, *groups), order, Origin("root", "Events", "a file like nanoAOD's"))
    write_file(path, schema, [(Table(first, events), *tables)], force=True)
    return f"{path}:Events"


def _described(columns: dict[str, Values]) -> tuple[Column, ...]:
    return tuple(Column(name, values.dtype, f"{name}, of objects after selection") for name, values in columns.items())
