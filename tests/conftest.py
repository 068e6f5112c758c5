"""What all tests share."""

import gc
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from baler_vae.io.files import open_source, write_file
from baler_vae.settings.model import ModelSettings
from baler_vae.source.source import Source
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Batch, Table, concatenate
from tests.sharing import Shared, shared_by
from tests.tables import jagged_batch

Write = Callable[..., str]
Collections = Mapping[str, tuple[str, Mapping[str, Any]]]

# Threads of PyTorch that wait sleep: those of two workers of pytest-xdist would burn the cores that the others need.
# It is read when PyTorch is imported, also in the processes that tests start.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:  # whose number is that of the cores: more threads would wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples at every run, and no verdict on the speed of a busy machine.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


def pytest_collection_finish() -> None:
    """Lets the garbage collector pass over what was imported and collected, which stays until the end."""
    gc.freeze()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data: `BALER_VAE_DATA`, or `shared/data` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BALER_VAE_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder} (BALER_VAE_DATA)")
    return folder


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """The folder of a name, filled once per run by a function."""
    return shared_by(tmp_path_factory)


@pytest.fixture
def quick() -> ModelSettings:
    return ModelSettings(hidden=(8, 4), epochs=2, transform="standard", seed=3)


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


def _column(name: str, array: np.ndarray, *, implied: bool) -> Column:
    return Column(name, TEXT if array.dtype.kind in "OU" else array.dtype, implied=implied)


@pytest.fixture(scope="session")
def table() -> Callable[..., tuple[Schema, Batch]]:
    """A schema and one batch of it: event-level arrays, then collections as name -> (counter, arrays)."""

    def build(
        events: Mapping[str, Any],
        collections: Collections | None = None,
        origin: Origin | None = None,
        implied: Sequence[str] = (),
    ) -> tuple[Schema, Batch]:
        layout = {"events": (None, events), **(collections or {})}
        groups, tables = [], []
        for name, (counter, given) in layout.items():
            arrays = {key: np.asarray(array) for key, array in given.items()}
            columns = tuple(_column(key, array, implied=key in implied) for key, array in arrays.items())
            groups.append(Group(name, columns, counter))
            tables.append(Table(groups[-1], {c.name: arrays[c.name].astype(c.dtype) for c in columns}))
        order = tuple(name for group in groups for name in group.names)
        return Schema(tuple(groups), order, origin or Origin("csv")), tuple(tables)

    return build


@pytest.fixture(scope="session")
def read() -> Callable[..., tuple[Source, Schema, Batch]]:
    """The source of a file, the selected schema, and all its events in one batch, read `step` at a time."""

    def read_all(spec: Any, *patterns: str, step: int = 1000) -> tuple[Source, Schema, Batch]:
        source = open_source(spec)
        schema = source.select(patterns)
        batches = list(source.batches(schema, step))
        assert all(0 < batch[0].n_rows <= step for batch in batches)
        assert sum(batch[0].n_rows for batch in batches) == source.n_events
        return source, schema, concatenate(batches, schema)

    return read_all
