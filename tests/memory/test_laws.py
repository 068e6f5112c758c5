"""Data in memory come back as what they were, through sources alone and through whole archives."""

import awkward as ak
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import uproot
from hypothesis import HealthCheck, given, settings

import baler_vae
from baler_vae.memory.opening import open_data
from baler_vae.memory.restoring import restored
from tests.memory import strategies

EXACT = {"kind": "independent", "bound": "*=exact"}
SUPPRESSED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


def laws(examples):
    return settings(max_examples=examples, deadline=None, suppress_health_check=SUPPRESSED)


def through_source(data):
    source = open_data(data)
    schema = source.select()
    return restored(schema, source.read_in_steps(schema, 2), source.extras())


def through_archive(data):
    return baler_vae.loads(baler_vae.dumps(data, **EXACT))


def assert_same(found, data):
    """They are of one kind, and equal in every bit of every value that is not missing."""
    if isinstance(data, dict):
        assert list(found) == list(data)
        for name in data:
            assert_same(found[name], data[name])
    elif isinstance(data, pd.DataFrame):
        pd.testing.assert_frame_equal(found, data, check_freq=False)
    elif isinstance(data, pa.Table):
        assert found.schema.equals(data.schema, check_metadata=True)
        assert found.equals(data)
    elif isinstance(data, ak.Array):
        assert found.type == data.type
        assert found.to_list() == data.to_list()
    elif isinstance(data, np.ma.MaskedArray):
        assert isinstance(found, np.ma.MaskedArray)
        np.testing.assert_array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(data))
        assert_same(found.filled(0), data.filled(0))
    else:
        assert (found.dtype, found.shape) == (data.dtype, data.shape)
        same = found.tolist() == data.tolist() if data.dtype == object else found.tobytes() == data.tobytes()
        assert same


@laws(60)
@given(strategies.dicts())
def test_a_dict_of_arrays_comes_back(data):
    assert_same(through_source(data), data)


@laws(60)
@given(strategies.frames())
def test_a_frame_comes_back(frame):
    assert_same(through_source(frame), frame)


@laws(60)
@given(strategies.awkward_arrays())
def test_an_awkward_array_comes_back(array):
    assert_same(through_source(array), array)


@laws(60)
@given(strategies.tables())
def test_a_table_comes_back(table):
    assert_same(through_source(table), table)


@laws(20)
@given(strategies.tables(), strategies.tables())
def test_batches_are_one_after_the_other_or_refused(first, second):
    second = first.slice(0, first.num_rows // 2) if second.schema != first.schema else second
    whole = pa.concat_tables([first, second])
    assert_same(through_source([first, second]), whole)
    assert_same(through_source(iter([first, second])), whole)


@pytest.mark.parametrize("kind", ["dicts", "frames", "awkward_arrays", "tables"])
def test_archives_give_back_what_was_compressed(kind):
    @laws(4)
    @given(getattr(strategies, kind)())
    def law(data):
        assert_same(through_archive(data), data)

    law()


@laws(5)
@given(strategies.arrays(7, strategies.st.just("f4")), strategies.arrays(7, strategies.st.just("i8")))
def test_a_tree_comes_back_as_an_awkward_array(tmp_path, x, n):
    path = tmp_path / "tree.root"
    lists = ak.unflatten(x, [0, 3, 1, 0, 2, 1, 0])
    with uproot.recreate(path) as file:
        file.mktree("dir/tree", {"x": x, "n": n, "Jet": ak.zip({"pt": lists})})
        file.mkrntuple("ntuple", {"x": x, "Jet_pt": lists})
    for name in ("dir/tree", "ntuple"):
        with uproot.open(path) as file:
            tree = file[name]
            found, expected = through_archive(tree), tree.arrays()
        assert set(found.fields) >= set(expected.fields)
        for field in expected.fields:
            a, b = (ak.to_numpy(ak.flatten(own[field], axis=None)) for own in (found, expected))
            assert a.tobytes() == b.tobytes()
            assert found[field].ndim == expected[field].ndim


@laws(5)
@given(strategies.arrays(40, strategies.st.just("f8")))
def test_what_comes_back_is_within_the_bound(values):
    values = np.where(np.abs(values) < 1e6, values, 1.5)  # NaN too
    lists = ak.unflatten(values, np.tile([0, 3, 1], 10))
    data = {"x": values, "Jet": ak.zip({"pt": lists, "eta": lists})[np.arange(30).repeat(2)[:40] % 30]}
    found = baler_vae.loads(baler_vae.dumps(data, kind="independent", bound=["abs:0.01", "Jet_eta=rel:1e-3"]))
    assert np.max(np.abs(found["x"] - data["x"])) <= 0.01
    pt, eta = (ak.flatten(data["Jet"][name]).to_numpy() for name in ("pt", "eta"))
    assert ak.num(found["Jet"]).to_list() == ak.num(data["Jet"]).to_list()
    assert np.all(np.abs(ak.flatten(found["Jet"].pt).to_numpy() - pt) <= 0.01)
    assert np.all(np.abs(ak.flatten(found["Jet"].eta).to_numpy() - eta) <= 1e-3 * np.abs(eta))


@pytest.mark.parametrize("names", [["r", None], [None, "s"]])
def test_a_level_of_an_index_may_count_rows(names):
    """pandas keeps it as a range, and Arrow in its metadata alone."""
    index = pd.MultiIndex.from_arrays([range(3), ["a", "b", "c"]], names=names)
    for own in (index, index.reorder_levels([1, 0])):
        frame = pd.DataFrame({"x": [1.5, 2.5, 3.5]}, index=own)
        assert_same(through_source(frame), frame)
        assert_same(through_archive(frame), frame)
