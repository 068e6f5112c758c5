"""Bytes of archives by kind of model, beside pcodec on the very same grids.

`python benchmarks/same_grid.py RESULT.json [SOURCE...]` reads the data of the folder that BALER_VAE_DATA names, prints
a table in Markdown and stores the figures. Networks are kept even where they cost more than they save. Every archive is
verified against its original, value by value, before it counts.
"""

import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from baler_vae import __version__
from baler_vae.entropy.plain import encode_numbers, encode_text
from baler_vae.grid.codes import quantise_column
from baler_vae.io.files import open_source
from baler_vae.pipeline.codec import Codec
from baler_vae.pipeline.compress import compress
from baler_vae.pipeline.fit import STEP_EVENTS, fit
from baler_vae.table.table import concatenate

DATA = Path(os.environ.get("BALER_VAE_DATA", Path(__file__).parents[2] / "shared" / "data"))
JETS = tuple(
    f"Jet_{name}"
    for name in ("pt", "eta", "phi", "mass", "emEnergy", "hadEnergy", "invisibleEnergy", "auxiliaryEnergy")
)
SOURCES: dict[str, tuple[str, ...]] = {
    "zprime_jets.root:Events": JETS,
    "dimuons_100k.hdf5:muons": (),
    "Zmumu_Run2011A_masses.csv": (),
    "uproot-HZZ.root:events": (),
    "CFD_animation.npz:data": (),
    "gsoc_genjets.npz:data": (),
}
BOUNDS = ("bits:10", "range:1e-3", "abs:1e-3", "exact")
KINDS = ("independent", "ae", "vae")


def run(spec: str, columns: tuple[str, ...], bound: str) -> dict[str, object]:
    """The bytes of the original, of pcodec on the same grid, and of each kind of archive."""
    source = f"{DATA}/{spec}"
    row: dict[str, object] = {"data": spec, "bound": bound}
    for kind in KINDS:
        with TemporaryDirectory() as folder:
            started = time.perf_counter()
            codec = fit(
                source, columns=columns, bound=bound, kind=kind, latent=4 if kind == "vae" else None, keep_network=True
            )
            fitted = time.perf_counter()
            info = compress(source, Path(folder) / "a.bvae", codec=codec)
            row |= {
                "original": info["original_bytes"],
                kind: info["archive_bytes"],
                f"{kind} parts": info["bytes"],
                f"{kind} predicted": sum(column["predicted"] for column in info["columns"]),
                f"{kind} fit s": round(fitted - started, 1),
                f"{kind} compress s": round(time.perf_counter() - fitted, 1),
            }
        if kind == "independent":
            row["pcodec"] = pcodec_bytes(source, codec)
        print(row, file=sys.stderr)
    return row


def pcodec_bytes(source: str, codec: Codec) -> int:
    """Every column's codes on the codec's grid through pcodec at its highest level, text through zstandard."""
    opened = open_source(source)
    total = 0
    for table in concatenate(list(opened.batches(codec.schema, STEP_EVENTS)), codec.schema):
        for name, column in codec.models[table.group.name].columns.items():
            values = table[name]
            if column.grid is not None:
                codes = quantise_column(values, column.grid, codec.bounds[name])
                total += len(encode_numbers(codes.codes)) + len(encode_numbers(codes.verbatim))
            else:
                total += len(encode_text(values) if values.dtype == object else encode_numbers(values))
    return total


def main() -> None:
    """Runs everything and prints the table."""
    wanted = sys.argv[2:] or list(SOURCES)
    rows = [run(spec, SOURCES[spec], bound) for spec in wanted for bound in BOUNDS]
    names = ("data", "bound", "original", "pcodec", *KINDS)
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))
    for row in rows:
        print("| " + " | ".join(f"{row[n]:,}" if isinstance(row[n], int) else str(row[n]) for n in names) + " |")
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"architecture": platform.machine(), "cores": os.cpu_count()},
        "versions": {"baler-vae": __version__, **{n: version(n) for n in ("torch", "numpy", "pcodec")}},
        "rows": rows,
    }
    Path(sys.argv[1]).write_text(json.dumps(document, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
