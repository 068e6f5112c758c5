"""What laws are stated over: values, tables, frames, bounds and grids, drawn by Hypothesis."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.grid.decimal import Decimal, Significant
from baler_vae.grid.dither import MOST_KEYS, MOST_PARTS, DitheredLogarithmic, DitheredStep
from baler_vae.grid.grids import Integers, Pattern, Step
from baler_vae.grid.logarithmic import LEAST_RELATIVE, Logarithmic
from baler_vae.table.bounds import EXACT, FREE, Bound
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Batch, Table

FLOATS = ("f2", "f4", "f8")
INTEGERS = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
USUAL_FLOATS = (0.0, -0.0, 1.5, -999.0, 0.1, 12.25, np.nan, np.inf, -np.inf)
COLLECTIONS = ("Jet", "Mu")


def bit_patterns(dtype: np.dtype[Any] | str) -> st.SearchStrategy[Any]:
    """Values of a number's dtype with any bits at all: NaN with every payload, both zeros, the ends of its range."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        return npst.from_dtype(dtype)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    return npst.from_dtype(unsigned).map(lambda bits: np.array(bits, unsigned).view(dtype)[()])


def texts(*, missing: bool = False) -> st.SearchStrategy[Any]:
    """Texts that a file may hold, or None."""
    words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
    return words.map(lambda text: text or None) if missing else words


def any_values(dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    """Values of a dtype: texts, or any bits."""
    return texts() if dtype == TEXT else bit_patterns(dtype)


def any_or_usual_values(dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    """Values of a dtype with any bits, or such as files are full of; texts may be missing."""
    if dtype == TEXT:
        return texts(missing=True)
    usual = st.sampled_from(USUAL_FLOATS).map(dtype.type)
    return st.one_of(bit_patterns(dtype), usual) if dtype.kind == "f" else bit_patterns(dtype)


def finite_values(dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    """Numbers of a dtype that are finite, as `free` demands, and reach far."""
    if dtype.kind != "f":
        return npst.from_dtype(dtype)
    limit = min(float(np.finfo(dtype).max), 1e100)
    return st.floats(-limit, limit, width=8 * dtype.itemsize)


@st.composite
def columns(draw: st.DrawFn, dtype: np.dtype[Any], n_rows: int, values: Any, few: int | None = None) -> np.ndarray:
    """A column (rows,) of drawn values; of at most `few` of them, over and over, where that is given."""
    most = n_rows if few is None else few
    drawn = draw(st.lists(values(dtype), min_size=min(most, n_rows if few is None else 1), max_size=most))
    array = np.empty(len(drawn), dtype)
    array[:] = drawn
    return array if few is None else np.resize(array, n_rows)


@st.composite
def tables(
    draw: st.DrawFn,
    dtypes: Sequence[str],
    *,
    names: st.SearchStrategy[str],
    values: Any = any_values,
    jagged: bool = True,
    most_events: int = 12,
    few: int | None = None,
    origin: str = "parquet",
) -> tuple[Schema, Batch]:
    """A schema of events and perhaps of collections, some events without objects, and one batch of it."""
    n_events = draw(st.integers(0, most_events))
    kinds = st.sampled_from([TEXT if kind == "O" else np.dtype(kind) for kind in dtypes])

    def drawn(labels: Sequence[str], n_rows: int) -> dict[str, np.ndarray]:
        of_numbers = kinds.filter(lambda dtype: dtype != TEXT)
        return {
            label: draw(columns(draw(of_numbers if label.startswith(COLLECTIONS) else kinds), n_rows, values, few))
            for label in labels
        }

    labels = draw(st.lists(names, unique_by=str.casefold, min_size=1, max_size=4))
    parts: dict[str, tuple[str | None, dict[str, np.ndarray]]] = {"events": (None, drawn(labels, n_events))}
    for name in draw(st.lists(st.sampled_from(COLLECTIONS), unique=True, max_size=2)) if jagged else []:
        counts = draw(npst.arrays(np.int32, n_events, elements=st.integers(0, 3)))
        parts["events"][1][f"n{name}"] = counts
        members = draw(
            st.lists(st.sampled_from(["pt", "eta", "nConstituents", "ID"]), unique=True, min_size=1, max_size=3)
        )
        parts[name] = (f"n{name}", drawn([f"{name}_{member}" for member in members], int(counts.sum())))
    groups = tuple(
        Group(name, tuple(Column(key, array.dtype) for key, array in arrays.items()), counter)
        for name, (counter, arrays) in parts.items()
    )
    schema = Schema(groups, tuple(name for group in groups for name in group.names), Origin(origin))
    return schema, tuple(Table(group, parts[group.name][1]) for group in groups)


def bounds(
    sizes: st.SearchStrategy[float],
    relatives: st.SearchStrategy[float],
    *,
    free: bool = False,
    dither: bool | None = None,
) -> st.SearchStrategy[Bound]:
    """Bounds of every kind, those with steps with or without dither, or as is said."""
    floors = st.one_of(st.just(0.0), sizes)
    dithers = st.booleans() if dither is None else st.just(dither)
    with_steps = st.one_of(
        st.builds(Bound, st.just("abs"), sizes, dither=dithers),
        st.builds(Bound, st.just("rel"), relatives, floors, dithers),
        st.builds(Bound, st.just("bits"), st.integers(0, 52).map(float), floors, dithers),
    )
    return with_steps if dither else st.one_of(st.sampled_from([EXACT, FREE] if free else [EXACT]), with_steps)


number_grids = st.one_of(
    st.builds(Decimal, st.integers(0, 22)),
    st.builds(Significant, st.integers(1, 15), st.integers(-308, 308)),
    st.builds(Step, st.one_of(st.floats(5e-324, 1.79e308), st.floats(1e-30, 1e30))),
    st.builds(Logarithmic, st.floats(LEAST_RELATIVE, 0.99), st.one_of(st.just(0.0), st.floats(5e-324, 1e290))),
)
float_grids = st.one_of(number_grids, st.builds(Pattern, st.integers(0, 52)))
_parts = st.one_of(st.just(1023), st.integers(1, MOST_PARTS // 2).map(lambda half: 2 * half + 1))
_keys = st.integers(0, MOST_KEYS - 1)
dithered_grids = st.one_of(
    st.builds(DitheredStep, st.floats(1e-30, 1e30), _parts, _keys),
    st.builds(
        DitheredLogarithmic,
        st.floats(LEAST_RELATIVE, 1e-2),
        st.one_of(st.just(0.0), st.floats(5e-324, 1e290)),
        _parts,
        _keys,
    ),
)
grids = st.one_of(st.just(Integers()), float_grids)


ARROW_TYPES: Mapping[str, st.SearchStrategy[Any]] = {
    "int8": st.integers(-128, 127),
    "uint64": st.integers(0, 2**64 - 1),
    "float32": st.floats(width=32),
    "float64": st.floats(),
    "bool": st.booleans(),
    "string": st.text("aβ\n", max_size=3),
    "large_string": st.text("aβ", max_size=3),
    "string_view": st.text("aβ", max_size=20),
    "binary": st.binary(max_size=3),
    "timestamp": st.integers(0, 2**40),
    "date32": st.integers(0, 9999),
}
ARROW_NAMES = ("pt", "run", "a b", "Jet_pt", "Jet_id", "__index_level_0__", "π")


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of that name."""
    return (
        pa.timestamp("us", tz="Europe/Paris") if name == "timestamp" else getattr(pa, name.replace("bool", "bool_"))()
    )


@st.composite
def arrow_columns(draw: st.DrawFn, n_rows: int) -> tuple[pa.Field, pa.Array]:
    """A flat column, a column of lists or of records, perhaps with nulls and metadata."""
    name = draw(st.sampled_from(sorted(ARROW_TYPES)))
    kind, nullable = arrow_type(name), draw(st.booleans())
    values = ARROW_TYPES[name] | st.none() if nullable else ARROW_TYPES[name]
    metadata = draw(st.sampled_from([None, {"title": "a title"}, {"unit": "GeV"}]))
    shape = draw(st.sampled_from(["flat", "flat", "list", "large_list", "record"]))
    if shape == "record":
        fields = pa.struct([pa.field("x", kind, nullable), pa.field("y", pa.int32(), nullable=False)])
        rows = [{"x": draw(values), "y": 1} for _ in range(n_rows)]
        return pa.field("r", fields, nullable=False, metadata=metadata), pa.array(rows, fields)
    if shape != "flat":
        inner = pa.field(draw(st.sampled_from(["item", "element"])), kind, nullable)
        lists = st.lists(values, max_size=3)
        kind = pa.list_(inner) if shape == "list" else pa.large_list(inner)
        values = lists | st.none() if draw(st.booleans()) else lists
        nullable = True
    return pa.field("c", kind, nullable, metadata), pa.array([draw(values) for _ in range(n_rows)], kind)


@st.composite
def arrow_tables(draw: st.DrawFn) -> pa.Table:
    """Any Arrow table of a few rows, perhaps with metadata."""
    n_rows = draw(st.integers(0, 6))
    names = draw(st.lists(st.sampled_from(ARROW_NAMES), min_size=1, max_size=4, unique=True))
    drawn = [draw(arrow_columns(n_rows)) for _ in names]
    fields = [field.with_name(name) for name, (field, _) in zip(names, drawn, strict=True)]
    metadata = draw(st.sampled_from([None, {"experiment": "ATLAS", "é": "\x01"}]))
    return pa.Table.from_arrays([array for _, array in drawn], schema=pa.schema(fields, metadata))


@st.composite
def indexes(draw: st.DrawFn, n_rows: int) -> pd.Index:
    """Any kind of index of a data frame."""
    kinds = {
        "range": lambda: pd.RangeIndex(3, 3 + 2 * n_rows, 2, name="event"),
        "reversed": lambda: pd.RangeIndex(n_rows, 0, -1),
        "named": lambda: pd.Index([f"k{i}" for i in range(n_rows)], name="key", dtype=object),
        "unnamed": lambda: pd.Index(np.arange(n_rows)[::-1]),
        "times": lambda: pd.date_range("2020", periods=n_rows, tz="UTC", name="t"),
        "several": lambda: pd.MultiIndex.from_arrays(
            [range(n_rows), [f"{i}" for i in range(n_rows)]], names=["r", None]
        ),
    }
    return kinds[draw(st.sampled_from(sorted(kinds)))]()


FRAME_DTYPES = (
    "Int64", "UInt8", "boolean", "Float64", "float64", "int16", "string", "object", "int32[pyarrow]", "category"
)  # fmt: skip


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Data frames of pandas' dtypes with gaps, under any kind of index, perhaps with attributes."""
    n_rows = draw(st.integers(0, 5))

    def series(dtype: str) -> pd.Series:
        if dtype in ("string", "object", "category"):
            return pd.Series([draw(st.sampled_from(["a", "b", "", None])) for _ in range(n_rows)], dtype=dtype)
        missing = st.nothing() if dtype in ("int16", "float64") else st.none()
        return pd.Series([draw(st.sampled_from([0, 1]) | missing) for _ in range(n_rows)], dtype=dtype)

    names = draw(st.lists(st.sampled_from(ARROW_NAMES[:5]), unique=True, min_size=1, max_size=4))
    frame = pd.DataFrame({name: series(draw(st.sampled_from(FRAME_DTYPES))) for name in names})
    frame.attrs = draw(st.sampled_from([{}, {"lumi": 1.5}]))
    return frame.set_axis(draw(indexes(n_rows)))
