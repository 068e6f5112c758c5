"""Reading an archive as a tree is read: names, ranges, steps, one column."""

import awkward as ak
import numpy as np
import pandas as pd
import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.reader.engine import Engine
from baler_vae.reader.steps import bytes_of_text
from baler_vae.scale import parallel
from tests.tables import jagged_batch

N_EVENTS = 200


@pytest.fixture(scope="module")
def path(pair_of_paths):
    """An archive of some ten row groups."""
    return pair_of_paths[1]


@pytest.fixture
def archive(path):
    with baler_vae.open(path) as archive:
        assert len(archive.manifest.row_groups) > 5
        yield archive


def test_keys_take_a_glob_or_several(archive):
    assert archive.keys(filter_name="Jet_*") == archive.keys("Jet_*") == ["Jet_pt", "Jet_eta", "Jet_id"]
    assert archive.keys(filter_name=["*_id", "met", "none"]) == ["met", "Jet_id"]
    assert list(archive) == archive.keys()
    assert "met" in archive
    assert "none" not in archive


def test_what_is_asked_for_comes_back_and_nothing_else(archive):
    assert archive.arrays("Jet_pt").fields == ["Jet_pt"]
    assert list(archive.arrays(["Jet_pt", "met"], library="np")) == ["Jet_pt", "met"]
    assert archive.arrays("Jet_pt", library="pd").columns.tolist() == ["Jet_pt"]


def test_filters_narrow_what_is_asked_for(archive):
    assert archive.arrays(filter_name="Jet_*").fields == ["Jet_pt", "Jet_eta", "Jet_id"]
    assert archive.arrays(["Jet_*", "met"], filter_name=["*_pt", "m*"]).fields == ["Jet_pt", "met"]
    for wrong in ({"filter_name": "none"}, {"expressions": "met", "filter_name": "Jet_*"}, {"expressions": "none"}):
        with pytest.raises(UsageError, match=r"no column matches"):
            archive.arrays(**wrong)


@pytest.mark.parametrize("library", ["ak", "np", "pd"])
@pytest.mark.parametrize("step", [1, 7, 40, N_EVENTS, N_EVENTS + 1])
def test_steps_hold_what_the_whole_holds(archive, library, step):
    columns = ["Jet_pt", "Jet_id"]
    whole = archive.arrays(columns, entry_start=-150, entry_stop=-3, library=library)
    steps = list(archive.iterate(columns, step_size=step, entry_start=-150, entry_stop=-3, library=library))
    if library == "ak":
        assert [len(found) for found in steps] == [min(step, 147 - start) for start in range(0, 147, step)]
        assert ak.to_list(ak.concatenate(steps)) == ak.to_list(whole)
    elif library == "np":
        for name in whole:
            found = np.concatenate([own[name] for own in steps])
            assert [np.ravel(row).tolist() for row in found] == [np.ravel(row).tolist() for row in whole[name]]
    else:
        assert pd.concat(steps)["Jet_pt"].tolist() == whole["Jet_pt"].tolist()


def test_steps_of_so_many_bytes(archive):
    columns = [entry for group in archive.manifest.groups for entry in group.columns if entry.name in {"met", "event"}]
    n_bytes = sum(entry.original_bytes for entry in columns)
    assert n_bytes == 12 * N_EVENTS
    assert [len(own) for own in archive.iterate(["met", "event"], step_size="1.2 kB")] == [100, 100]
    assert [len(own) for own in archive.iterate(["met", "event"], step_size="1 B", entry_stop=3)] == [1, 1, 1]
    assert [len(own) for own in archive.iterate(["met", "event"])] == [N_EVENTS]


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("7 B", 7), ("100 MB", 10**8), ("64MiB", 1 << 26), (" 1.5 gb ", 1_500_000_000), ("2kiB", 2048)],
)
def test_texts_of_sizes(text, n_bytes):
    assert bytes_of_text(text) == n_bytes


@pytest.mark.parametrize("step", [0, -1, "many", "5", "3 iB", "-1 MB", ""])
def test_what_is_no_step(archive, step):
    with pytest.raises(UsageError, match="step"):
        archive.iterate("met", step_size=step)


def test_wrong_requests_are_refused_before_the_first_step(archive):
    with pytest.raises(UsageError, match="library"):
        archive.iterate("met", library="pandas")
    with pytest.raises(UsageError, match="no column"):
        archive.iterate("none")


def test_few_row_groups_are_in_memory_at_a_time(archive, monkeypatch):
    """However slowly steps are taken."""
    decoded, decode = [], Engine.row_group
    monkeypatch.setattr(Engine, "row_group", lambda *call: decoded.append(call[1]) or decode(*call))
    for number, found in enumerate(archive.iterate("met", step_size=10)):
        assert len(found) == 10
        ends = np.cumsum([rows[0] for rows in archive.manifest.row_groups])
        begun = int(np.searchsorted(ends, 10 * number + 10)) + 1
        assert len(decoded) <= begun + parallel.WORKERS


def test_only_row_groups_asked_for_are_decoded(archive, monkeypatch):
    decoded, decode = [], Engine.row_group
    monkeypatch.setattr(Engine, "row_group", lambda *call: decoded.append(call[1]) or decode(*call))
    archive["met"].array(entry_start=-1)
    assert decoded == [len(archive.manifest.row_groups) - 1]


def test_a_column_tells_what_it_is_and_gives_its_values(archive):
    _, (events, jets) = jagged_batch(N_EVENTS)
    met, jet_id = archive["met"], archive["Jet_id"]
    assert (met.name, met.dtype, met.is_jagged, met.num_entries) == ("met", np.dtype(np.float32), False, N_EVENTS)
    assert (jet_id.dtype, jet_id.is_jagged) == (np.dtype(np.uint8), True)
    assert met.typename
    assert jet_id.typename.endswith("[]")
    assert isinstance(met.title, str)
    assert np.array_equal(met.array(library="np"), events["met"])
    assert ak.array_equal(ak.flatten(jet_id.array()), jets["Jet_id"])
    assert jet_id.array(entry_start=-5, library="pd").index.names == ["entry", "subentry"]
    with pytest.raises(UsageError, match="there is no column 'Jet_i'"):
        archive["Jet_i"]
