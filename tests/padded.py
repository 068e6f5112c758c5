"""Padded arrays of all kinds, and tables with them."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from baler_vae.table.padded import PaddedArray, PaddedCollection, feature_names
from baler_vae.table.padding import array_columns
from baler_vae.table.schema import Column, FixedArray, Group, Origin, Schema, element_names
from baler_vae.table.table import Batch, Table
from tests.strategies import FLOATS, INTEGERS, any_or_usual_values


def padded_jets(
    n_rows: int = 200, n_slots: int = 8, n_features: int = 3, dtype: str = "f4", padding: Any = 0, seed: int = 1
) -> NDArray[Any]:
    """Jets (rows, slots, features), the first with as many as there are slots, the second with none; padding of one
    value, or of one for each feature.
    """
    rng = np.random.default_rng(seed)
    jets = (10 + rng.exponential(30, (n_rows, n_slots, n_features))).astype(dtype)
    counts = rng.integers(0, n_slots + 1, n_rows)
    counts[:1], counts[1:2] = n_slots, 0
    jets[np.arange(n_slots) >= counts[:, np.newaxis]] = np.asarray(padding, dtype)
    return jets


@st.composite
def padded_tables(draw: st.DrawFn) -> tuple[Schema, Batch, tuple[PaddedCollection, ...]]:
    """A table with padded arrays of any dtype, shape and padding, as one column or one for each element, the batch of
    its rows, and the collections that they are. Some rows have padding in the middle, or none.
    """
    n_rows, collections, columns, order, fixed = draw(st.integers(0, 5)), [], [], [], []
    values: dict[str, NDArray[Any]] = {"first": np.arange(n_rows)}
    columns.append(Column("first", values["first"].dtype))
    order.append("first")
    for number in range(draw(st.integers(1, 2))):
        n_slots, arrays = draw(st.integers(1, 4)), []
        for place in range(draw(st.integers(1, 3))):
            name = f"a{number}{place}"
            dtype = np.dtype(draw(st.sampled_from((*FLOATS, *INTEGERS))))
            shape = (n_slots, *draw(st.lists(st.integers(1, 3), max_size=2)))
            features = feature_names(name, shape)
            bits = np.dtype(f"u{dtype.itemsize}")
            some = np.array(draw(st.lists(any_or_usual_values(dtype), min_size=len(features), max_size=10)), dtype)
            padding = some[: len(features)]
            rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
            cells = rng.choice(some, (n_rows, n_slots, len(features)))
            counts = rng.integers(0, n_slots + 1, n_rows)
            cells[np.arange(n_slots) >= counts[:, np.newaxis]] = padding
            own = PaddedArray(
                name, shape, dtype, features, tuple(padding.view(bits).tolist()), draw(st.booleans()), "", ""
            )
            arrays.append(own)
            flat = cells.reshape(n_rows, n_slots * len(features))
            for column, at in zip(array_columns(own), range(flat.shape[1]), strict=False):
                columns.append(column)
                order.append(column.name)
                values[column.name] = (
                    cells.reshape(n_rows, *shape) if own.is_column else np.ascontiguousarray(flat[:, at])
                )
            if not own.is_column:
                fixed.append(FixedArray(name, shape, element_names(name, shape)))
            if draw(st.booleans()):
                between = f"x{number}{place}"
                values[between] = np.arange(n_rows, dtype=np.float32)
                columns.append(Column(between, np.dtype(np.float32)))
                order.append(between)
        collections.append(PaddedCollection(f"c{number}", f"nc{number}", tuple(arrays)))
    group = Group("events", tuple(columns))
    schema = Schema((group,), tuple(order), Origin("npz"), tuple(fixed))
    return schema, (Table(group, {name: values[name] for name in group.names}),), tuple(collections)
