"""The tables on which everything is measured: real data, freshly generated jets, and controls."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from baler_vae.io.files import open_source, write_file
from baler_vae.table.bounds import ColumnLimits, assign_rules, column_limits, parse_bound, resolve_bound
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Batch, Table, concatenate
from benchmarks.controls import CONTROLS
from benchmarks.rivals.signature import Bounds, Columns

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("BALER_VAE_DATA", ROOT.parent / "shared" / "data"))
JETS = tuple(
    f"Jet_{name}"
    for name in ("pt", "eta", "phi", "mass", "emEnergy", "hadEnergy", "invisibleEnergy", "auxiliaryEnergy")
)
GENERATED_EVENTS = 2_000


class MissingDataError(Exception):
    """A table is not there; the text says why."""


@dataclass(frozen=True)
class Case:
    """A table by name. `source` gives a file that holds it, made in a folder where there is none yet, and the globs of
    its columns; `judged` is false where sizes are shown but not compared.
    """

    name: str
    what: str
    source: Callable[[Path], tuple[str, tuple[str, ...]]]
    judged: bool = True

    @property
    def is_averaged(self) -> bool:
        return self.is_real and self.judged

    @property
    def is_real(self) -> bool:
        return self.name not in {*CONTROLS, "generated"}


def read_batch(spec: str, patterns: tuple[str, ...]) -> tuple[Schema, Batch]:
    """The schema and all events of the columns of a file that match a glob."""
    opened = open_source(spec)
    schema = opened.select(patterns)
    return schema, concatenate(list(opened.read(schema)), schema)


def flat_columns(schema: Schema, batch: Batch) -> dict[str, np.ndarray]:
    """All columns (rows of their group,) by name, in the order of the source."""
    by_name = {name: table[name] for table in batch for name in table.group.names}
    return {name: by_name[name] for name in schema.order}


def explicit_bounds(schema: Schema, columns: Columns, text: str) -> Bounds:
    """The bound of every column, in numbers, that `text` means for these values."""
    rules = assign_rules(schema, [parse_bound(text)])
    return {
        column.name: resolve_bound(
            rules[column.name], column, ColumnLimits() if column.is_text else column_limits(columns[column.name])
        )
        for column in schema.columns
    }


def _from_file(spec: str, patterns: tuple[str, ...], _folder: Path) -> tuple[str, tuple[str, ...]]:
    path = FOLDER / spec.partition(":")[0]
    if not path.exists():
        raise MissingDataError(f"{path.name} is not in the folder that BALER_VAE_DATA names")
    return f"{FOLDER / spec}", patterns


def _numbers_only(spec: str, folder: Path) -> tuple[str, tuple[str, ...]]:
    source, _ = _from_file(spec, (), folder)
    return source, tuple(column.name for column in open_source(source).schema.columns if not column.is_text)


def _made(make: Callable[[], Columns], name: str, folder: Path) -> tuple[str, tuple[str, ...]]:
    path = folder / f"{name}.parquet"
    if not path.exists():
        columns = make()
        group = Group("", tuple(Column(column, values.dtype) for column, values in columns.items()))
        write_file(path, Schema((group,), group.names, Origin("parquet")), [(Table(group, columns),)])
    return str(path), ()


def _generated(folder: Path) -> tuple[str, tuple[str, ...]]:
    path = folder / "generated.root"
    if not (find_spec("pythia8mc") and find_spec("fastjet")):
        raise MissingDataError("not installed: pip install 'baler-vae[generate]'")
    if not path.exists():
        script = ROOT / "projects" / "zprime_jets" / "generate.py"
        command = [sys.executable, str(script), str(path), "--events", str(GENERATED_EVENTS), "--seed", "7"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  the project's own script
    return f"{path}:Events", JETS


def _file_case(name: str, what: str, spec: str, patterns: tuple[str, ...] = (), *, judged: bool = True) -> Case:
    return Case(name, what, partial(_from_file, spec, patterns), judged)


_REAL = (
    _file_case("jets", "Z' jets: 8 float columns and counts", "zprime_jets.root:Events", JETS),
    _file_case("dimuons", "CMS dimuons: e, px, py, pz, q and counts", "dimuons_100k.hdf5:muons"),
    Case("zmumu", "Z to mu mu: numeric columns", partial(_numbers_only, "Zmumu_Run2011A_masses.csv")),
    _file_case("zmumu-all", "Z to mu mu: all columns", "Zmumu_Run2011A_masses.csv"),
    _file_case("gsoc", "CMS gen-jets: 8 float columns", "gsoc_genjets.npz:data"),
    _file_case("hzz", "H to ZZ: 51 branches, four collections", "uproot-HZZ.root:events"),
    _file_case("cfd", "a flow field", "CFD_animation.npz:data", judged=False),
)
_SYNTHETIC = tuple(
    Case(name, getattr(make, "__doc__", "").partition("\n")[0] if not isinstance(make, partial) else "a few particles",
         partial(_made, make, name))
    for name, make in CONTROLS.items()
)  # fmt: skip

CASES: Mapping[str, Case] = {
    case.name: case
    for case in (
        *_REAL,
        Case("generated", f"Z' jets of {GENERATED_EVENTS:,} new events", _generated),
        *_SYNTHETIC,
    )
}
REAL = tuple(case.name for case in _REAL)
