"""Hypothesis strategies for data in memory."""

import awkward as ak
import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.strategies import FLOATS, INTEGERS, bit_patterns, indexes, texts

NAMES = st.sampled_from(["pt", "eta", "Jet_pt", "nJet", "a b", "é", "x.y", "values"])
NUMBERS = st.sampled_from([*INTEGERS, *FLOATS])
TEXTS = texts(missing=True)

_FORMS = st.recursive(
    st.sampled_from(["int", "float", "bool", "text", "bytes"]),
    lambda inner: st.one_of(
        st.tuples(st.just("list"), inner),
        st.tuples(st.just("option"), inner),
        st.tuples(st.just("record"), st.lists(inner, min_size=1, max_size=3)),
        st.tuples(st.just("tuple"), st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=5,
)


def arrays(n_rows, dtypes=NUMBERS):
    """Arrays of numbers (n_rows,) with any bits, or of what else numpy has, NaN and infinities among them."""

    def of_dtype(dtype):
        plain = dtype in (*INTEGERS, *FLOATS)
        return hnp.arrays(np.dtype(dtype), n_rows, elements=bit_patterns(dtype) if plain else None)

    return dtypes.flatmap(of_dtype)


@st.composite
def awkward_values(draw, form):
    """A value of a form, as Python has it."""
    if isinstance(form, str):
        kinds = {
            "int": st.integers(-(2**40), 2**40),
            "float": st.floats(width=32, allow_nan=False),
            "bool": st.booleans(),
            "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
            "bytes": st.binary(max_size=3),
        }
        return draw(kinds[form])
    kind, inner = form
    if kind == "list":
        return draw(st.lists(awkward_values(inner), max_size=3))
    if kind == "option":
        return draw(st.one_of(st.none(), awkward_values(inner)))
    values = [draw(awkward_values(own)) for own in inner]
    return tuple(values) if kind == "tuple" else {f"f{number}": value for number, value in enumerate(values)}


@st.composite
def awkward_arrays(draw, n_rows=None):
    """Awkward arrays of any type that Arrow has but unions, sliced and with a name of records and a parameter."""
    form = draw(_FORMS)
    size = draw(st.integers(0, 6)) if n_rows is None else n_rows
    values = [draw(awkward_values(form)) for _ in range(size)]
    try:
        array = ak.Array(values)
    except ValueError:  # awkward cannot build some options of tuples
        reject()
    if n_rows is None:
        array = draw(st.sampled_from([array, array[::-1], array[1:]]))
    if isinstance(form, tuple) and form[0] == "record" and len(array):
        array = ak.with_name(array, "Thing")
    return ak.with_parameter(array, "unit", "GeV") if draw(st.booleans()) else array


@st.composite
def dicts(draw):
    """Dicts of arrays: of numbers, strings, matrices, masked, times, complex numbers, records, jagged and awkward."""
    n_rows = draw(st.integers(1, 6))
    values = st.one_of(
        arrays(n_rows),
        arrays(n_rows, st.sampled_from([">f4", ">i2", "M8[s]", "m8[ns]", "c8", "c16", "U3", "S2"])),
        NUMBERS.flatmap(lambda dtype: hnp.arrays(np.dtype(dtype), (n_rows, 2))),
        hnp.arrays(np.float32, (n_rows, 2, 2)),
        hnp.arrays(np.dtype([("x", "f4"), ("y", "i2", (2,))]), n_rows),
        st.lists(TEXTS, min_size=n_rows, max_size=n_rows).map(lambda words: np.array(words, object)),
        st.tuples(arrays(n_rows), hnp.arrays(np.bool_, n_rows)).map(lambda own: np.ma.MaskedArray(*own)),
        awkward_arrays(n_rows),
    )
    return draw(st.dictionaries(NAMES, values, min_size=1, max_size=4))


@st.composite
def frames(draw):
    """Data frames of numbers, strings, nullable dtypes, categories and times, under several kinds of index."""
    n_rows = draw(st.integers(1, 6))

    def series(kind):
        if kind in {"Int64", "boolean", "Float32"}:
            numbers = st.booleans() if kind == "boolean" else st.integers(-9, 9)
            return pd.array(draw(st.lists(st.none() | numbers, min_size=n_rows, max_size=n_rows)), kind)
        words = draw(st.lists(TEXTS, min_size=n_rows, max_size=n_rows))
        if kind == "category":
            return pd.Categorical(words, categories=list({word for word in words if word is not None}), ordered=True)
        if kind in {"object", "string"}:
            return pd.Series(words, dtype=kind).array
        hours = draw(st.lists(st.integers(0, 10**6), min_size=n_rows, max_size=n_rows))
        return pd.to_datetime(hours, unit="h", utc=True).tz_convert("Europe/Zurich")

    kinds = ["Int64", "boolean", "Float32", "category", "object", "string", "time"]
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    columns = {name: draw(st.one_of(arrays(n_rows), st.sampled_from(kinds))) for name in names}
    frame = pd.DataFrame({name: series(own) if isinstance(own, str) else own for name, own in columns.items()})
    return frame.set_axis(draw(indexes(n_rows)))


@st.composite
def tables(draw):
    """Arrow tables of numbers, nulls, strings, categories, times and nested types, in chunks and with metadata."""
    n_rows = draw(st.integers(0, 6))
    numbers = st.none() | st.integers(0, 99)
    kinds = [
        (pa.int16(), numbers),
        (pa.float32(), st.none() | st.floats(width=32, allow_nan=False)),
        (pa.bool_(), st.none() | st.booleans()),
        (pa.string(), TEXTS),
        (pa.large_string(), TEXTS),
        (pa.timestamp("us", "UTC"), numbers),
        (pa.list_(pa.int32()), st.lists(numbers, max_size=3)),
        (pa.list_(pa.list_(pa.float64())), st.none() | st.lists(st.lists(st.just(1.5), max_size=2), max_size=2)),
        (pa.list_(pa.int8(), 2), st.lists(st.integers(0, 9), min_size=2, max_size=2)),
        (pa.struct([("a", pa.int8()), ("b", pa.string())]), st.none() | st.fixed_dictionaries({"a": st.just(1)})),
    ]
    fields, arrays_ = [], []
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        kind, values = draw(st.sampled_from(kinds))
        column = pa.array(draw(st.lists(values, min_size=n_rows, max_size=n_rows)), kind)
        fields.append(pa.field(name, kind, metadata=draw(st.sampled_from([None, {"unit": "GeV"}]))))
        cut = draw(st.integers(0, n_rows))
        arrays_.append(pa.chunked_array([column[:cut], column[cut:]], kind))
    return pa.Table.from_arrays(arrays_, schema=pa.schema(fields, draw(st.sampled_from([None, {"by": "a test"}]))))
