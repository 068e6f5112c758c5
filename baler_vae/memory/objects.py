"""Objects out of batches, of the kind that was compressed, whatever that was."""

from collections.abc import Iterable
from typing import Any, Final

from baler_vae.memory import files, restoring
from baler_vae.memory.libraries import Library, as_awkward, as_numpy, as_records
from baler_vae.memory.parts import joined, parts_of_batch
from baler_vae.table.branches import branches_of
from baler_vae.table.padding import spread_batches, without_collections
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, concatenate

WITH_EXTRAS: Final = frozenset({"memory"}) | files.ARROW | files.NUMPY
"""The formats of origin of which extras tell what an object was."""

_OF_ORIGINS: Final[dict[str, Library]] = {"root": "ak", "hdf5": "np", "npz": "np", "npy": "np"}


def object_of(schema: Schema, batches: Iterable[Batch], extras: bytes) -> Any:  # noqa: ANN401  it depends on the origin
    """What was compressed, where it was data in memory; of files an awkward array where they were of ROOT, a dict of
    arrays where they were of HDF5 or numpy, a data frame where pandas wrote them or they are text without lists, or
    else an Arrow table. `extras` are those of the origin that the schema names.

    Raises:
        CorruptArchive: the extras are not those of such data.
    """
    batches, schema = spread_batches(batches, schema), without_collections(schema)
    origin = schema.origin.format
    if origin == "memory":
        return restoring.restored(schema, batches, extras)
    if origin in files.ARROW:
        return files.object_of_arrow(schema, batches, extras)
    if origin in files.NUMPY and not schema.is_jagged:
        return files.object_of_numpy(schema, batches, extras)
    batch, branches = concatenate(list(batches), schema), branches_of(schema)
    library = _OF_ORIGINS.get(origin) or ("ak" if schema.is_jagged else "pd")
    if library == "ak":
        return as_records({branch.name: as_awkward(branch, batch) for branch in branches})
    if library == "np":
        return {branch.name: as_numpy(branch, batch) for branch in branches}
    return joined(parts_of_batch(batch, branches, schema.masks, 0), None)
