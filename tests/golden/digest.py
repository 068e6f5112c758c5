"""The digests of what archives give back: `python tests/golden/digest.py [--threads N] ARCHIVE...`."""

import argparse
import hashlib
import io
import json
from pathlib import Path

import h5py
import numpy as np
from threadpoolctl import threadpool_info

import baler_vae
from baler_vae.model import network
from baler_vae.table.nested import nested_of

FOLDER = Path(__file__).parent


def digests(path: Path) -> dict[str, str]:
    """The SHA-256 of each column's bytes (of text and nested values as JSON), over all row groups."""
    with baler_vae.open(path) as archive:
        found = {name: hashlib.sha256() for name in archive.schema.order}
        for batch in archive.batches(archive.schema):
            for table in batch:
                for name, values in table.arrays.items():
                    found[name].update(_bytes_of(values))
    return {name: digest.hexdigest() for name, digest in found.items()}


def _bytes_of(values) -> bytes:
    """What is hashed of a column: never Arrow's own bytes, which another version of it may write in another way."""
    nested = nested_of(values)
    if nested is not None:
        return json.dumps(nested.values.to_pylist()).encode()
    return json.dumps(values.tolist()).encode() if values.dtype == object else values.tobytes()


def branches(path: Path) -> dict[str, list[object]]:
    """Shape, title and type of each branch, which those of arrays have of their own."""
    with baler_vae.open(path) as archive:
        found = [archive[name].branch for name in archive.keys()]
    return {branch.name: [list(branch.shape), branch.title, branch.typename] for branch in found}


def extras(path: Path) -> dict[str, list[object]]:
    """What there is besides the columns of an HDF5 file: by path the dtype, shape and values of a dataset, then the
    attributes; nothing where an archive has none. Not its bytes, which are those of a version of HDF5.
    """
    with baler_vae.open(path) as archive:
        image = archive.extras()
    if not image:
        return {}
    with h5py.File(io.BytesIO(image)) as file:
        found = {"/": _described(file)}
        file.visititems(lambda name, item: found.update({name: _described(item)}))
    return found


def _described(item) -> list[object]:
    attributes = {name: _plain(value) for name, value in sorted(item.attrs.items())}
    if not isinstance(item, h5py.Dataset):
        return [attributes]
    if item.shape is None:  # in place of a column
        return [None, attributes]
    values = item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]
    return [item.dtype.str, list(item.shape), _plain(values), attributes]


def _plain(value) -> object:
    """A value of HDF5, with its dtype where it has one."""
    if isinstance(value, str):
        return value
    return [np.asarray(value).dtype.str, np.asarray(value).tolist()]


def digest(path: Path) -> str:
    """The SHA-256 of all columns' digests, in their order."""
    return _digest_of(digests(path))


def expected() -> dict[str, str]:
    """The digest of each golden archive, by the name of its file, as the lists of them tell."""
    entries = json.loads((FOLDER / "digests.json").read_text("utf-8"))
    entries |= json.loads((FOLDER / "second" / "digests.json").read_text("utf-8"))["archives"]
    return {f"{name}.bvae": _digest_of(entry["columns"]) for name, entry in entries.items()}


def _digest_of(columns: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(columns).encode()).hexdigest()


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
