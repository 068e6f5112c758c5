"""Which part of what networks save comes from where: formulas, the columns of the same row, and the event.

    python -m benchmarks.shares [--data jets,dimuons] [--bound bits:10]

The objects of a table are compressed twice: as they are, and as a flat table in which no row knows its event, its rank
or the objects before it. Counts are left out of both.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import baler_vae
from baler_vae.io.files import write_file
from baler_vae.table.schema import Group, Origin, Schema
from baler_vae.table.table import Table
from benchmarks.data import CASES, Case, read_batch


@dataclass(frozen=True)
class Shares:
    """The bytes of a group's columns alone, what formulas, other columns of the row and the event save of them, and
    what the model takes: networks, and the tables of columns without one.
    """

    group: str
    alone: int
    formulas: int
    row: int
    event: int
    model: int

    @property
    def total(self) -> int:
        return self.alone - self.formulas - self.row - self.event + self.model


def shares_of(case: Case, bound: str, folder: Path) -> Iterator[Shares]:
    """The shares of every group of a case that networks help; the bound is not `free`."""
    source, patterns = case.source(folder)
    settings = {"bound": bound, "kind": "autoregressive"}
    info = baler_vae.compress(source, folder / "whole.bvae", columns=patterns, verify=False, **settings)
    _, batch = read_batch(source, patterns)
    for table, group in zip(batch, info.groups, strict=True):
        if group.kind == "independent":
            continue
        whole = _codes(info, group.name)
        in_rows = whole
        if table.group.counter is not None:
            flat = baler_vae.compress(
                _flat(table, folder / f"{group.name}.parquet"),
                folder / "flat.bvae",
                verify=False,
                force=True,
                **settings,
            )
            in_rows = _codes(flat, "events")
        formulas = sum(group.formulas_saved_bytes.values())
        alone = group.candidate_bytes["independent"]
        yield Shares(group.name, alone, formulas, alone - formulas - in_rows, in_rows - whole, group.model_bytes)


def _codes(info: baler_vae.ArchiveInfo, group: str) -> int:
    return sum(column.bytes or 0 for column in info.columns if column.group == group)


def _flat(table: Table, path: Path) -> Path:
    """A file with the columns of a table and no events."""
    group = Group("", table.group.columns)
    write_file(path, Schema((group,), group.names, Origin("parquet")), [(Table(group, table.arrays),)])
    return path


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="jets,dimuons", help="names (default: jets,dimuons)")
    parser.add_argument("--bound", default="bits:10")
    options = parser.parse_args()
    for name in options.data.split(","):
        with tempfile.TemporaryDirectory() as made:
            for shares in shares_of(CASES[name], options.bound, Path(made)):
                print(
                    f"{name} {options.bound} {shares.group}: alone {shares.alone:,}, formulas -{shares.formulas:,}, "
                    f"the row -{shares.row:,}, the event -{shares.event:,}, model +{shares.model:,}: "
                    f"{shares.total:,} bytes",
                    flush=True,
                )


if __name__ == "__main__":
    main()
