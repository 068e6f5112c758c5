"""Arrays with a shape on which our archives meet their rivals: fields, matrices, images, padded collections."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from baler_vae.table.schema import Column, Group, Origin, Schema
from benchmarks.data import FOLDER, ROOT, MissingDataError, explicit_bounds
from benchmarks.rivals.signature import Bounds, Columns, Values

Form = Callable[[Columns], Columns]
"""Another way to write the same arrays, which a user who knows the data may find for a rival."""
AS_IT_IS = ""


@dataclass(frozen=True)
class FieldCase:
    """Arrays by name. `source` gives an npz that holds them, made in a folder where there is none yet, and `keys` names
    the arrays in it (all where there are none). Rivals get what `columns` makes of them, and each of `forms` beside it.
    """

    name: str
    what: str
    source: Callable[[Path], Path]
    keys: tuple[str, ...] = ()
    columns: Form = dict
    forms: Mapping[str, Form] = field(default_factory=dict)

    def arrays(self, folder: Path) -> Columns:
        """The arrays (rows, *shape) by name."""
        with np.load(self.source(folder)) as stored:
            return {key: stored[key] for key in self.keys or stored.files}


def bounds_of(columns: Columns, text: str) -> Bounds:
    """The bound of every column, in numbers, that `text` means for all cells of it."""
    cells = {name: values.reshape(-1) for name, values in columns.items()}
    group = Group("", tuple(Column(name, values.dtype) for name, values in cells.items()))
    return explicit_bounds(Schema((group,), group.names, Origin("npz")), cells, text)


def in_float32(arrays: Columns) -> Columns:
    """Float64 arrays whose values all are float32, in that.

    Raises:
        ValueError: some values are not.
    """
    narrow = {name: values.astype(np.float32) for name, values in arrays.items()}
    if not all(np.array_equal(narrow[name], values) for name, values in arrays.items()):
        raise ValueError("not all values are float32")
    return narrow


def triangle(arrays: Columns) -> Columns:
    """Of symmetric matrices (n, k, k) with zeros on the diagonal what is above it, (n, k (k - 1) / 2).

    Raises:
        ValueError: the matrices are not symmetric, or not zero on the diagonal.
    """
    ((name, matrices),) = arrays.items()
    above = matrices[:, *np.triu_indices(matrices.shape[1], 1)]
    if not (np.array_equal(matrices, matrices.transpose(0, 2, 1)) and not matrices.diagonal(0, 1, 2).any()):
        raise ValueError("not symmetric matrices with zeros on the diagonal")
    return {name: above}


def apart(arrays: Columns) -> Columns:
    """A padded collection (n, places, features) as an array (n, places) for each feature."""
    ((name, objects),) = arrays.items()
    return {
        f"{name}_{number}": np.ascontiguousarray(values) for number, values in enumerate(np.moveaxis(objects, 2, 0))
    }


def jagged(arrays: Columns) -> Columns:
    """A padded collection (n, places, features) as counts (n,) and a column (objects,) for each feature.

    Raises:
        ValueError: objects stand behind a row of zeros.
    """
    ((name, objects),) = arrays.items()
    there = objects.any(axis=2)
    counts = there.sum(axis=1)
    if not np.array_equal(there, np.arange(objects.shape[1]) < counts[:, None]):
        raise ValueError("zeros stand among the objects, not only behind them")
    columns: dict[str, Values] = {f"n{name}": counts.astype(np.int32)}
    return columns | {f"{name}_{number}": values for number, values in enumerate(objects[there].T.copy())}


def _stored(name: str, _folder: Path) -> Path:
    if not (FOLDER / name).exists():
        raise MissingDataError(f"{name} is not in the folder that BALER_VAE_DATA names")
    return FOLDER / name


def _made(name: str, project: str, options: tuple[str, ...], folder: Path) -> Path:
    path = folder / f"{name}.npz"
    if not path.exists():
        script = ROOT / "projects" / project / "generate.py"
        if not script.exists():
            raise MissingDataError(f"there is no {script.relative_to(ROOT)}")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
        command = [sys.executable, str(script), str(path), *options]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  ours
        if done.returncode:
            raise MissingDataError((done.stderr.strip().splitlines() or ["no message"])[-1])
    return path


def _fluid(n: int) -> FieldCase:
    name, options = f"fluid-{n}", ("--configurations", f"{n // 4}", "--representations", "matrices", "--seed", "1")
    return FieldCase(
        name,
        f"{n:,} distance matrices (30, 30) of a fluid, float32",
        partial(_made, name, "lj_fluid", options),
        ("matrices",),
        forms={"above the diagonal": triangle},
    )


_CASES = (
    FieldCase(
        "cfd",
        "a flow field (60, 50, 50), float64 whose values all are float32",
        partial(_stored, "CFD_animation.npz"),
        ("data",),
        forms={"float32": in_float32},
    ),
    _fluid(2_000),
    _fluid(10_000),
    FieldCase(
        "showers",
        "10,000 showers (5, 16, 16) and their energies, float32",
        partial(_made, "showers", "showers", ("--seed", "1")),
    ),
    FieldCase(
        "padded-jets",
        "100,000 jets of up to 30 constituents (30, 4): pt, eta, phi, mass, float32, zeros behind the last",
        partial(_made, "padded-jets", "padded_jets", ("--seed", "2026")),
        columns=apart,
        forms={"jagged": jagged},
    ),
)

FIELDS: Mapping[str, FieldCase] = {case.name: case for case in _CASES}
