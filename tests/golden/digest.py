"""The digests of what archives give back: `python tests/golden/digest.py [--threads N] ARCHIVE...`."""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

import baler_vae
from baler_vae.model import network


def digests(path: Path) -> dict[str, str]:
    """The SHA-256 of each column's bytes (text as JSON), over all row groups."""
    with baler_vae.open(path) as archive:
        found = {name: hashlib.sha256() for name in archive.keys()}
        for batch in archive.batches(archive.schema):
            for table in batch:
                for name, values in table.arrays.items():
                    text = values.dtype == object
                    found[name].update(json.dumps(values.tolist()).encode() if text else values.tobytes())
    return {name: digest.hexdigest() for name, digest in found.items()}


def digest(path: Path) -> str:
    """The SHA-256 of all columns' digests, in their order."""
    return hashlib.sha256(json.dumps(digests(path)).encode()).hexdigest()


def architecture() -> str:
    """The kind of processor for which numpy's BLAS has chosen its code."""
    return " ".join(sorted({info.get("architecture", "") for info in threadpool_info() if info["user_api"] == "blas"}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int)
    parser.add_argument("archives", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.threads:
        network._THREADS = arguments.threads
    result = {path.name: digest(path) for path in arguments.archives}
    print(json.dumps({"numpy": np.__version__, "architecture": architecture(), "digests": result}))
