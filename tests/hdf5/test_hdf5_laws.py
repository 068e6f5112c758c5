"""Laws over HDF5 files of any compounds, properties and attributes: what comes back is what was there."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baler_vae.errors import CorruptArchive, OutputError
from baler_vae.hdf5.extras import MAGIC
from baler_vae.io.files import open_source, write_file
from tests.hdf5.hdf5_files import restore, tree

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")

numbers = st.builds(
    lambda order, kind: np.dtype(order + kind),
    st.sampled_from("<>"),
    st.sampled_from(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]),
)
simple = st.one_of(
    numbers,
    st.just(np.dtype(bool)),
    st.just(h5py.enum_dtype({"RED": 0, "BLUE": 1, "GREEN": -3}, "i2")),
    st.integers(1, 6).map(lambda length: np.dtype(f"S{length}")),
    st.integers(1, 6).map(lambda length: h5py.string_dtype("utf-8", length)),
)
arrays = st.builds(
    lambda dtype, shape: np.dtype((dtype, shape)),
    st.one_of(numbers, st.just(np.dtype(bool))),
    st.sampled_from([(2,), (2, 3), (1,)]),
)
others = st.sampled_from(["V3", "c16", ("f4", (300,))]).map(np.dtype)
names = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/."), min_size=1, max_size=3)


def compounds(fields: st.SearchStrategy[Any]) -> st.SearchStrategy[np.dtype[Any]]:
    entries = st.lists(st.tuples(names, fields), min_size=1, max_size=4, unique_by=lambda entry: entry[0])
    return st.builds(lambda found, aligned: np.dtype(found, align=aligned), entries, st.booleans())


types = st.one_of(simple, arrays, compounds(st.one_of(simple, arrays, others, compounds(simple))))

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
attributes = st.one_of(
    texts,
    st.binary(min_size=1, max_size=8).map(lambda data: np.bytes_(data.replace(b"\0", b"x"))),
    st.booleans(),
    numbers.map(lambda dtype: np.arange(3, dtype=dtype)),
    numbers.map(lambda dtype: dtype.type(1).astype(dtype)),
    st.lists(texts, min_size=1, max_size=3),
    st.sampled_from(["S1", "f8"]).map(h5py.Empty),
    compounds(simple).map(lambda dtype: np.zeros(2, dtype)),
)

properties = st.fixed_dictionaries(
    {},
    optional={
        "compression": st.sampled_from(["gzip", "lzf"]),
        "shuffle": st.just(True),
        "fletcher32": st.just(True),
        "chunks": st.just(True),
        "maxshape": st.sampled_from([None, 100]),
        "track_order": st.booleans(),
    },
)


@st.composite
def datasets(draw: Callable[..., Any]) -> tuple[np.dtype[Any], tuple[int, ...], dict[str, Any], dict[str, Any], int]:
    """The type, inner shape, properties and attributes of a dataset, and a seed for its values."""
    dtype, inside = draw(types), draw(st.sampled_from([(), (), (2,)]))
    chosen = draw(properties)
    return dtype, inside, chosen, draw(st.dictionaries(names, attributes, max_size=2)), draw(st.integers(0, 99))


def values(dtype: np.dtype[Any], shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Values of any bits; booleans and enumerations have those that their types know."""
    found = np.zeros(shape, dtype)
    data = np.random.default_rng(seed).integers(0, 256, found.nbytes, np.uint8).tobytes()
    _fill(found, np.frombuffer(data, found.dtype if not found.dtype.hasobject else None).reshape(found.shape))
    return found


def _fill(found: np.ndarray, drawn: np.ndarray) -> None:
    if found.dtype.names:
        for name in found.dtype.names:
            _fill(found[name], drawn[name])
    elif found.dtype == bool:
        found[...] = np.ascontiguousarray(drawn).view(np.uint8) % 2
    elif h5py.check_enum_dtype(found.dtype):
        found[...] = drawn % 2
    else:
        found[...] = drawn


def build(path: Any, contents: dict[str, Any], n_rows: int, *, track_order: bool) -> None:
    with h5py.File(path, "w", track_order=track_order) as file:
        for number, (name, (dtype, inside, chosen, attrs, seed)) in enumerate(contents.items()):
            shape = (n_rows + (number == 3), *inside)
            options = dict(chosen)
            if "maxshape" in options:
                options["maxshape"] = (options["maxshape"], *inside)
            if options and not n_rows:
                options = {"maxshape": (None, *inside), "chunks": (4, *inside)}
            dataset = file.create_dataset(f"g{number % 2}/{name}", shape, dtype, **options)
            if n_rows:
                dataset[...] = values(dtype, shape, seed)
            for key, value in attrs.items():
                dataset.attrs[key] = value
                dataset.parent.attrs[key] = value


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, datasets(), min_size=1, max_size=4), st.integers(0, 12), st.booleans(), st.booleans())
def test_a_file_comes_back_as_it_was(tmp_path, contents, n_rows, track_order, in_pieces):
    path, back = tmp_path / "in.h5", tmp_path / "out.h5"
    build(path, contents, n_rows, track_order=track_order)
    source = open_source(path)
    if not source.schema.order:
        return
    restore(source, back, step=5 if in_pieces else 1000)
    assert tree(back) == tree(path)
    assert source.extras() == open_source(back).extras()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, datasets(), min_size=1, max_size=3), st.data())
def test_damaged_extras_are_refused_as_such(tmp_path, contents, data):
    """Bytes of the extras that are changed give a file, or an error of this project; nothing else."""
    path = tmp_path / "in.h5"
    build(path, contents, 5, track_order=False)
    source = open_source(path)
    if not source.schema.order:
        return
    extras = bytearray(source.extras())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(len(MAGIC), len(extras) - 1))
        extras[place] = data.draw(st.integers(0, 255))
    schema = source.select()
    with suppress(CorruptArchive, OutputError):
        write_file(tmp_path / "out.h5", schema, source.batches(schema, 10), extras=bytes(extras), force=True)
