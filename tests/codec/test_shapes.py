"""Arrays in rows to codes and back: bounds hold for every cell, and shapes come back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.codec.coded import coded_table
from baler_vae.codec.groups import decode_group, encode_group, needed_parts
from baler_vae.fitting import policy
from baler_vae.fitting.rows import fit_independent_column
from baler_vae.grid.judge import keeps_bound
from baler_vae.model.group import GroupModel
from baler_vae.table.bounds import assign_rules, column_limits, parse_bound, resolve_bound
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table
from tests.strategies import FLOATS, INTEGERS, any_or_usual_values

from .test_bounds import BOUNDS

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@st.composite
def arrays(draw):
    """Arrays of any dtype, some of few different values and many cells, with NaN, infinities and -0.0 among them."""
    dtype, shape = np.dtype(draw(st.sampled_from((*FLOATS, *INTEGERS)))), draw(shapes)
    n_rows = draw(st.integers(0, 5))
    some = np.array(draw(st.lists(any_or_usual_values(dtype), min_size=1, max_size=12)), dtype)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.choice(some, (n_rows, *shape))
    if dtype.kind == "f" and draw(st.booleans()):
        values = np.where(rng.random(values.shape) < 0.8, rng.normal(size=values.shape).astype(dtype), values)
    return np.asfortranarray(values) if draw(st.booleans()) else values


def coded(values, text):
    """The column, its bound, its model and its parts."""
    column = Column("cells", values.dtype, shape=values.shape[1:])
    plain = Column("x", np.dtype(np.int64))
    group = Group("events", (column, plain))
    schema = Schema((group,), group.names, Origin("npz"))
    rules = assign_rules(schema, [parse_bound(text)] if text else [])
    bounds = {c.name: resolve_bound(rules[c.name], c, column_limits(values)) for c in group.columns}
    table = Table(group, {"cells": values, "x": np.arange(len(values))})
    kept = {c.name: fit_independent_column(table[c.name], c, bounds[c.name]).model for c in group.columns}
    model = GroupModel(columns=kept)
    return group, bounds, model, dict(enumerate(encode_group(coded_table(table, model, bounds))))


@settings(max_examples=300)
@given(arrays(), st.sampled_from(BOUNDS))
def test_every_cell_keeps_its_bound(values, text):
    group, bounds, model, parts = coded(values, text)
    back = decode_group(parts, model, group, group, len(values))
    assert back["x"].tolist() == list(range(len(values)))
    restored = back["cells"]
    assert (restored.shape, restored.dtype) == (values.shape, values.dtype)
    assert keeps_bound(values.reshape(-1), restored.reshape(-1), bounds["cells"]).all()
    if bounds["cells"].kind == "exact":
        assert restored.tobytes() == values.tobytes()
    again = Table(group, {**back})
    assert dict(enumerate(encode_group(coded_table(again, model, bounds)))) == parts
    alone = Group("events", (group.column("cells"),))
    (part,) = needed_parts(model, ["cells"])
    only = decode_group({part: parts[part]}, model, group, alone, len(values))
    assert only["cells"].tobytes() == restored.tobytes()


@pytest.mark.parametrize("text", ["exact", "abs:0.01"])
@pytest.mark.parametrize("rows", [2, 4])
def test_parts_of_another_number_of_rows_are_refused(text, rows):
    values = np.random.default_rng(0).normal(size=(3, 5, 5))
    group, _, model, parts = coded(values, text)
    with pytest.raises(ValueError, match=r"values|words|offsets"):
        decode_group({**parts, 1: parts[1]}, model, group, Group("events", group.columns[:1]), rows)


def test_many_cells_are_told_by_some(monkeypatch):
    """Of so many only some choose grid and table; all are kept, and about as small."""
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(size=(600, 10, 10)), 2).astype("f4")
    column = Column("cells", values.dtype, shape=(10, 10))
    bound = resolve_bound(parse_bound("abs:0.1"), column, column_limits(values))
    whole = fit_independent_column(values, column, bound)
    for most in (5_000, 60):
        monkeypatch.setattr(policy, "MOST_CELLS", most)
        kept = fit_independent_column(values, column, bound)
        assert kept.codes is None
        assert whole.bits / 2 < kept.bits < 3 * whole.bits
        group = Group("events", (column,))
        model = GroupModel(columns={"cells": kept.model})
        parts = encode_group(coded_table(Table(group, {"cells": values}), model, {"cells": bound}))
        back = decode_group(dict(enumerate(parts)), model, group, group, 600)["cells"]
        assert np.abs(back.astype(float) - values).max() <= 0.1
