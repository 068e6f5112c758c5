"""What one column of one row group of a remote archive takes, in bytes and seconds, against the whole.

    python -m benchmarks.remote [--row-groups 100]

The jets are written to a ROOT file over and over until there are so many row groups, compressed with a codec fitted on
the file as it is, and read back through a server on this machine.
"""

import argparse
import tempfile
import time
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

import baler_vae
from baler_vae.table.table import ROW_GROUP_ROWS
from benchmarks.data import CASES
from benchmarks.server import serving

COLUMN = "Jet_pt"


def tiled(source: str, columns: tuple[str, ...], n_row_groups: int, path: Path) -> int:
    """Writes the columns of a file so often that they fill the row groups; gives the number of times."""
    name, _, tree = source.rpartition(":")
    with uproot.open(name) as file:
        arrays = file[tree].arrays(columns)
    jets = ak.zip({column.partition("_")[2]: arrays[column] for column in columns})
    n_times = -(-n_row_groups * ROW_GROUP_ROWS // int(ak.sum(ak.num(jets))))
    with uproot.recreate(path) as file:
        for number in range(n_times):
            if number:
                file[tree].extend({"Jet": jets})
            else:
                file.mktree(tree, {"Jet": jets.type.content}, counter_name=lambda base: f"n{base}")
                file[tree].extend({"Jet": jets})
    return n_times


def measure(archive: Path, column: str, row_group: int) -> None:
    """Prints what the column takes."""
    with baler_vae.open(archive) as opened:
        ends = np.cumsum([0, *(rows[0] for rows in opened.manifest.row_groups)]).tolist()
        start = time.perf_counter()
        whole = 0
        for batch in opened.batches(opened.schema):
            whole += batch[0].n_rows
        whole_s = time.perf_counter() - start
        n_bytes, n_row_groups = opened.n_bytes, len(opened.manifest.row_groups)
    rows = {"entry_start": ends[row_group], "entry_stop": ends[row_group + 1]}
    with serving(archive.parent) as served:
        url = f"{served.url}/{archive.name}"
        baler_vae.open(url).close()  # fsspec is imported, its loop runs
        served.reset()
        start = time.perf_counter()
        with baler_vae.open(url) as opened:
            values = opened[column].array(**rows)
        one_s = time.perf_counter() - start
        print(f"archive: {n_bytes:,} bytes, {n_row_groups} row groups, {whole:,} events")
        print(f"{column}, row group {row_group}: {len(values):,} events; {served.n_bytes:,} bytes sent in "
              f"{len(served.ranges)} ranges, {100 * served.n_bytes / n_bytes:.2f} % of the archive")  # fmt: skip
        print(f"{one_s:.2f} s against {whole_s:.2f} s for everything: 1/{whole_s / one_s:.0f}")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row-groups", type=int, default=100)
    parser.add_argument("--bound", default="bits:10")
    parser.add_argument("--epochs", type=int, help="of the fit (default: as ever)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        source, columns = CASES["jets"].source(folder)
        settings = {} if options.epochs is None else {"epochs": options.epochs}
        codec = baler_vae.fit(source, columns=columns, bound=options.bound, kind="autoregressive", **settings)
        tiled(source, columns, options.row_groups, folder / "tiled.root")
        baler_vae.compress(folder / "tiled.root", folder / "tiled.bvae", codec=codec, verify=False)
        measure(folder / "tiled.bvae", COLUMN, options.row_groups // 2)


if __name__ == "__main__":
    main()
