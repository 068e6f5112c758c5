"""Archives as dask-awkward arrays."""

import pickle
import subprocess
import sys
import textwrap

import awkward as ak
import numpy as np
import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.reader.engine import Engine
from benchmarks.server import serving
from tests.tables import archive_of_short_row_groups, flat_batch, jagged_batch

# Older ones do not say which dask they need, and break with those of today.
dak = pytest.importorskip("dask_awkward", minversion="2026.2")
dask = pytest.importorskip("dask")

N_EVENTS = 120


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return archive_of_short_row_groups(tmp_path_factory.mktemp("lazy"), N_EVENTS, 50)[1]


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="sync"):
        yield


@pytest.fixture
def decoded(monkeypatch):
    """The columns that are decoded, row group by row group."""
    found, decode = [], Engine.row_group

    def spy(archive, row_group, selection):
        found.append((row_group, selection.order))
        return decode(archive, row_group, selection)

    monkeypatch.setattr(Engine, "row_group", spy)
    return found


def whole(path, columns=()):
    with baler_vae.open(path) as archive:
        return archive.arrays(columns or None)


def test_a_partition_for_each_row_group_and_nothing_decoded_before(path, decoded):
    array = baler_vae.dask(path)
    with baler_vae.open(path) as archive:
        ends = np.cumsum([0, *(rows[0] for rows in archive.manifest.row_groups)]).tolist()
    assert array.known_divisions
    assert list(array.divisions) == ends
    assert array.npartitions == len(ends) - 1 > 3
    assert array.fields == whole(path).fields
    assert len(array) == N_EVENTS
    decoded.clear()
    sum_of_pt = dak.sum(array.Jet_pt, axis=-1)
    assert decoded == []
    assert np.allclose(sum_of_pt.compute(), ak.sum(whole(path).Jet_pt, axis=-1))


def test_what_is_computed_is_what_is_read(path):
    array = baler_vae.dask(path)
    computed = array.compute()
    assert ak.to_list(computed) == ak.to_list(whole(path))
    assert str(computed.layout.form.type) == str(array._meta.layout.form.type)
    assert ak.to_list(baler_vae.dask(path, columns="Jet_*").compute()) == ak.to_list(whole(path, "Jet_*"))
    assert ak.to_list(array.Jet_pt[array.met > 20].compute()) == ak.to_list(whole(path).Jet_pt[whole(path).met > 20])


def test_only_columns_that_are_touched_are_decoded(path, decoded):
    array = baler_vae.dask(path)
    array.Jet_eta.compute()
    assert sorted(decoded) == [(number, ("nJet", "Jet_eta")) for number in range(array.npartitions)]
    decoded.clear()
    array.met.partitions[2].compute()
    assert decoded == [(2, ("met",))]
    decoded.clear()
    (array.met + array.event).compute()
    assert {order for _, order in decoded} == {("event", "met")}


def test_it_works_through_a_url_and_in_other_processes(path):
    with serving(path.parent) as served:
        array = baler_vae.dask(f"{served.url}/{path.name}", columns="met")
        assert ak.to_list(array.met.compute()) == ak.to_list(whole(path).met)
    (layer,) = baler_vae.dask(path).dask.layers.values()
    reader = pickle.loads(pickle.dumps(layer.io_func))
    assert ak.to_list(reader((str(path), 1, 0)))


def test_the_same_archive_has_the_same_name(path, tmp_path):
    assert baler_vae.dask(path).name == baler_vae.dask(path).name
    assert baler_vae.dask(path).name != baler_vae.dask(path, columns="met").name


@pytest.mark.parametrize("words", [["a", None, "", "bb"], ["a", "b", "c", "d"], [None] * 4])
def test_text_has_one_form_whatever_is_missing(write, tmp_path, words):
    written = write(*flat_batch({"w": np.array(words, object), "n": np.arange(4)}), "in.parquet")
    baler_vae.compress(written, tmp_path / "a.bvae")
    array = baler_vae.dask(tmp_path / "a.bvae")
    assert str(array.w._meta.layout.form.type) == "?string"
    assert array.w.compute().to_list() == words
    assert str(array.w.compute().layout.form.type) == "?string"


def test_an_archive_without_events(write, tmp_path):
    schema, batch = jagged_batch(5)
    written = write(schema, tuple(table.rows(0, 0) for table in batch), "in.parquet")
    baler_vae.compress(written, tmp_path / "a.bvae", kind="independent")
    array = baler_vae.dask(tmp_path / "a.bvae")
    assert array.fields == list(schema.order)
    assert len(array.compute()) == 0


def test_wrong_requests(path):
    with pytest.raises(UsageError, match="no column matches"):
        baler_vae.dask(path, columns="none")


def test_without_dask_awkward_the_extra_is_named(path):
    script = f"""
    import sys
    sys.modules["dask_awkward"] = sys.modules["dask"] = None
    import baler_vae
    try:
        baler_vae.dask({str(path)!r})
    except baler_vae.MissingExtra as error:
        print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert "pip install 'baler-vae[dask]'" in done.stdout
