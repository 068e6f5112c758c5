import zlib

import numpy as np
import pytest

from baler_vae.io.files import open_source
from benchmarks.controls import CONTROLS, SENTINEL, constants, integers, noise_bits, sentinels, sorted_ids, tiny, wide
from benchmarks.data import CASES, MissingDataError, flat_columns, read_batch


def packed_share(values):
    return len(zlib.compress(values.tobytes(), 9)) / values.nbytes


@pytest.mark.parametrize("name", [name for name in CONTROLS if name != "wide"])
def test_controls_are_the_same_every_time(name):
    once, again = CONTROLS[name](), CONTROLS[name]()
    assert list(once) == list(again)
    assert all(np.array_equal(once[column].view("u1"), again[column].view("u1")) for column in once)


def test_noise_is_finite_and_cannot_shrink():
    for values in noise_bits(n_rows=2_000).values():
        assert values.dtype == np.float32
        assert values.shape == (2_000,)
        assert np.isfinite(values).all()
        assert packed_share(values) > 0.99


def test_constants_are_constant():
    assert all(len(np.unique(values)) == 1 for values in constants().values())


def test_sentinels_stand_in_whole_events():
    columns = sentinels()
    missing = [values == SENTINEL for values in columns.values()]
    assert all(np.array_equal(missing[0], other) for other in missing)
    assert 0.3 < missing[0].mean() < 0.37
    assert columns["mu_charge"].dtype == np.int32


def test_integers_and_identifiers():
    assert {values.dtype.kind for values in integers().values()} == {"i", "u"}
    assert packed_share(integers()["hash"]) > 0.99
    columns = sorted_ids()
    assert np.all(np.diff(columns["event"].astype(np.int64)) > 0)
    assert np.all(np.diff(columns["run"].astype(np.int64)) >= 0)


@pytest.mark.parametrize("n_rows", [0, 1, 10])
def test_tiny_tables_have_their_rows(n_rows):
    assert {len(values) for values in tiny(n_rows).values()} == {n_rows}


def test_the_wide_table():
    columns = wide(60, 3_000)
    assert len(columns) == 60
    assert {values.dtype.kind for values in columns.values()} == {"f", "b", "i", "u"}
    assert not np.any(columns["Obj00_pt"].view(np.uint32) & ((1 << 13) - 1))
    momentum = columns["Obj01_pt"].astype(float) * np.cosh(columns["Obj01_eta"].astype(float))
    np.testing.assert_allclose(columns["Obj01_energy"], np.hypot(momentum, columns["Obj01_mass"]), rtol=3e-3)
    assert abs(np.corrcoef(columns["Obj00_tag0"], columns["Obj00_flavour"])[0, 1]) > 0.5
    assert np.corrcoef(np.log(columns["Obj00_pt"]), np.log(columns["Obj01_pt"]))[0, 1] > 0.02


@pytest.mark.parametrize("name", ["rows-0", "sentinels", "integers", "constants"])
def test_a_control_is_the_file_that_it_is_written_to(name, tmp_path):
    spec, patterns = CASES[name].source(tmp_path)
    columns = flat_columns(*read_batch(spec, patterns))
    for column, values in CONTROLS[name]().items():
        assert columns[column].dtype == values.dtype
        np.testing.assert_array_equal(columns[column], values)


def test_data_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.data.FOLDER", tmp_path)
    with pytest.raises(MissingDataError, match=r"zprime_jets\.root"):
        CASES["jets"].source(tmp_path)


def test_numeric_columns_of_the_candidates(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.data.FOLDER", data_dir)
    spec, columns = CASES["zmumu"].source(tmp_path)
    assert not any(column.is_text for column in open_source(spec).select(columns).columns)
