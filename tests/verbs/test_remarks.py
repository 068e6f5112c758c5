"""What a user is told when a file is compressed."""

import awkward as ak
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import uproot

import baler_vae
from baler_vae.errors import SourceError
from baler_vae.source.source import Source
from baler_vae.table.nested import Nested
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table
from baler_vae.verbs.restorable import check_restorable

N = 500


@pytest.fixture
def tree(tmp_path):
    """A tree with event numbers and small counts as doubles, and a mass."""
    rng = np.random.default_rng(1)
    branches = {
        "event": np.arange(N, dtype=np.float64) + 7_412_345_678,
        "n_vertex": rng.poisson(5, N).astype(np.float64),
        "mass": rng.normal(91, 3, N),
    }
    with uproot.recreate(tmp_path / "t.root") as file:
        file.mktree("Events", {name: array.dtype for name, array in branches.items()})
        file["Events"].extend(branches)
    return tmp_path / "t.root", branches


def bounds_of(info):
    return {column.name: column.bound for column in info.columns}


def test_whole_numbers_in_floats_are_exact_by_default_and_the_archive_says_why(tree, tmp_path):
    path, branches = tree
    info = baler_vae.compress(path, tmp_path / "a.bvae", kind="independent")
    assert bounds_of(info)["event"] == bounds_of(info)["n_vertex"] == "exact"
    assert bounds_of(info)["mass"].startswith("bits:12")
    assert {column.name: column.whole_numbers for column in info.columns} == {
        "event": True,
        "n_vertex": True,
        "mass": False,
    }
    assert info.warnings == ()
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "b.root")
    with uproot.open({tmp_path / "b.root": "Events"}) as restored:
        assert np.array_equal(restored["event"].array(library="np"), branches["event"])


def test_a_bound_for_all_floats_overrides_that_and_says_so(tree, tmp_path):
    path, _ = tree
    info = baler_vae.compress(path, tmp_path / "a.bvae", kind="independent", bound="bits:10")
    assert bounds_of(info) == {"event": "bits:10", "n_vertex": "bits:10", "mass": "bits:10"}
    (warning,) = info.warnings
    assert "only whole numbers are rounded" in warning
    assert "event (bits:10)" in warning
    assert "n_vertex" not in warning
    assert "--bound 'event=exact'" in warning
    named = baler_vae.compress(path, tmp_path / "b.bvae", kind="independent", bound=["bits:10", "event=bits:20"])
    assert named.warnings == ()


def test_whole_numbers_are_found_in_all_rows_of_a_file_that_is_sampled(tmp_path):
    numbers = np.arange(5000, dtype=np.float64)
    numbers[4321] += 0.5
    frame = pd.DataFrame({"whole": np.arange(5000, dtype=np.float64), "almost": numbers})
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    info = baler_vae.compress(tmp_path / "t.parquet", tmp_path / "a.bvae", kind="independent", sample_rows=500)
    assert bounds_of(info)["whole"] == "exact"
    assert bounds_of(info)["almost"].startswith("bits:12")


def test_what_its_own_format_cannot_take_back_is_said_when_compressing(tmp_path):
    with uproot.recreate(tmp_path / "t.root") as file:
        file.mktree("Events", {"hits": "var * int64"}, title="hits")
        file["Events"].extend({"hits": ak.Array([[1], [], [2, 3]])})
    plain = baler_vae.compress(tmp_path / "t.root", tmp_path / "a.bvae", kind="independent")
    assert plain.warnings == ()
    nested = Nested(pa.array([[[1], []], [], [[2, 3]]]))
    hint = check_restorable(source_of(nested), source_of(nested).schema, b"")
    assert hint.startswith(".root cannot hold all of this")
    assert hint.endswith("decompress -o NAME.parquet")


def test_columns_that_no_format_takes_back_together_are_refused():
    nested = Nested(pa.array([["a"], [], ["b", "c"]]))
    broken = source_of(nested, text=np.array(["a", None, "\udc80"], object))
    with pytest.raises(SourceError, match="no format can hold these columns together") as caught:
        check_restorable(broken, broken.schema, b"")
    assert "--columns" in str(caught.value)


def source_of(nested, **more):
    """A source of a TTree with a nested column and others."""
    arrays = {"nested": nested, **more}
    columns = tuple(Column(name, array.dtype) for name, array in arrays.items())
    schema = Schema((Group("events", columns),), tuple(arrays), Origin("root", "Events"))
    return Source("t.root", schema, 3, lambda selection, *_: iter([(Table(selection.events, arrays),)]))
