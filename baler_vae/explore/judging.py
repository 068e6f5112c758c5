"""How likely rows are under a codec: a codec under bounds is a normalised density."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.codec import Codec
from baler_vae.codec.lengths import LATENTS, code_lengths, without_lengths
from baler_vae.errors import UsageError
from baler_vae.explore.opening import opened_codec
from baler_vae.table.schema import Group
from baler_vae.table.table import Batch, Table


@dataclass(frozen=True, eq=False)
class Judge:
    """A codec that says how many bits rows of a group take, each of which is an event by itself."""

    codec: Codec
    group: Group

    @classmethod
    def of(cls, given: Codec | str | Path, columns: tuple[str, ...], group: str) -> "Judge":
        """The judge of rows that have some columns, of a group of that name.

        Raises:
            UsageError: the codec knows none of the columns, needs others, or has no lengths for some.
        """
        codec = opened_codec(given)
        path = None if isinstance(given, Codec) else given
        counters = {one.counter for one in codec.schema.groups}
        own = [one for one in codec.schema.groups if set(one.names) & set(columns)]
        others = [
            name for one in codec.schema.groups for name in one.names if name not in columns and name not in counters
        ]
        if len(own) != 1 or others:
            what = (
                f"needs columns that are not decoded: {', '.join(others[:8])}" if others else "has none of the columns"
            )
            raise UsageError(
                f"the codec to judge by {what}",
                path=path,
                way_out=f"Fit one on the decoded columns of {group} alone, with --columns and under bounds",
            )
        lacking = [name for name in without_lengths(codec.models[own[0].name]) if name != LATENTS]
        if lacking:
            raise UsageError(
                f"the codec to judge by has no code for each row of {', '.join(lacking[:8])}",
                path=path,
                way_out="Fit one under bounds, such as --bound bits:10",
            )
        return cls(codec, own[0])

    def bits(self, values: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        """The bits of rows whose columns are given (rows,), float64 (rows,)."""
        n_rows = len(next(iter(values.values())))
        batch: list[Table] = []
        for group in self.codec.schema.groups:
            arrays: dict[str, NDArray[Any]] = {}
            for column in group.columns:
                if group.name == self.group.name and column.name in values:
                    arrays[column.name] = values[column.name].astype(column.dtype)
                else:  # a counter: an object in each event, of the group that is judged
                    arrays[column.name] = np.full(n_rows, column.name == self.group.counter, column.dtype)
            batch.append(Table(group, arrays))
        given: Batch = tuple(batch)
        found = code_lengths(self.codec, given)[self.group.name]
        total: NDArray[np.float64] = np.sum(list(found.values()), axis=0, dtype=np.float64)
        return total
