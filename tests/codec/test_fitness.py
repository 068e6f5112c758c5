"""What a user is told when a codec does not fit, when a model pays, and in which order row groups come."""

import threading

import numpy as np
import pytest

import baler_vae
from baler_vae.codec.fitness import Fitness
from baler_vae.codec.report import pays_from_rows
from baler_vae.codec.rows import Events
from baler_vae.fitting.rows import rows_of_group, sample_of
from baler_vae.io.files import write_file
from baler_vae.model.columns import Plain
from baler_vae.model.layout import MOST_RANKS
from baler_vae.scale.parallel import WORKERS, in_parallel
from baler_vae.table.bounds import bound_of_text
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table

N_ROWS = 20_000


def write(path, arrays):
    group = Group("events", tuple(Column(name, values.dtype) for name, values in arrays.items()))
    write_file(path, Schema((group,), tuple(arrays), Origin("parquet")), [(Table(group, arrays),)])
    return path


def narrow(seed):
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(0, 1, N_ROWS), "y": rng.normal(0, 1, N_ROWS)}


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    source = write(tmp_path_factory.mktemp("codec") / "a.parquet", narrow(0))
    return baler_vae.fit(source, bound="abs:0.01", kind="independent")


def test_a_codec_that_fits_is_silent(codec, tmp_path):
    info = baler_vae.compress(write(tmp_path / "b.parquet", narrow(1)), tmp_path / "b.bvae", codec=codec)
    assert info.warnings == ()


def test_a_codec_that_does_not_fit_is_told_with_both_figures(codec, tmp_path):
    other = {name: values * 1000 for name, values in narrow(2).items()}
    source = write(tmp_path / "c.parquet", other)
    info = baler_vae.compress(source, tmp_path / "c.bvae", codec=codec)
    fitted, alone = info.warnings
    assert "bits a row here" in fitted
    assert "columns by themselves" in alone
    assert not baler_vae.verify(tmp_path / "c.bvae", against=source).broken


def test_a_fresh_codec_is_not_judged(tmp_path, monkeypatch):
    monkeypatch.setattr("baler_vae.codec.encoding.independent_bits_per_row", None)
    source = write(tmp_path / "d.parquet", narrow(3))
    assert baler_vae.compress(source, tmp_path / "d.bvae", kind="independent").warnings == ()


@pytest.mark.parametrize(
    ("own", "fitted", "alone", "n_warnings"),
    [(100, 99, 100, 0), (100, 94, 200, 1), (100, None, 94, 1), (100, 94, 94, 2)],
)
def test_five_per_cent_are_allowed(own, fitted, alone, n_warnings):
    assert len(Fitness("Jet", own, fitted, alone).warnings) == n_warnings


def test_rows_from_which_a_model_pays():
    assert pays_from_rows({"model_bytes": 1000, "bits_per_row": 60.0, "independent_bits_per_row": 80.0}) == 400
    assert pays_from_rows({"model_bytes": 1000, "bits_per_row": 80.0, "independent_bits_per_row": 80.0}) is None
    assert pays_from_rows({"model_bytes": 0, "bits_per_row": 60.0, "independent_bits_per_row": 80.0}) is None
    assert pays_from_rows({"model_bytes": "many"}) is None


def test_results_come_in_order_and_not_too_many_ahead():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    results = in_parallel(lambda number: number**2, items())
    assert next(results) == 0
    assert len(taken) <= WORKERS + 1
    assert list(results) == [number**2 for number in range(1, 20)]


def test_an_error_reaches_the_caller_and_ends_the_threads():
    def fail(number):
        if number == 3:
            raise ValueError("three")
        return number

    before = threading.active_count()
    with pytest.raises(ValueError, match="three"):
        list(in_parallel(fail, range(10)))
    assert threading.active_count() == before


def test_a_sample_has_rows_though_most_events_have_none():
    counts = np.zeros(1_000, np.int64)
    counts[[3, 500]] = 40_000
    rng = np.random.default_rng(0)
    group = Group("hit", (Column("hit_x", np.dtype(float)),), "nhit")
    table = Table(group, {"hit_x": rng.normal(0, 1, 80_000)})
    events = Events(counts, ("nhit",), {"nhit": counts}, {"nhit": Plain(coding="pcodec-1")})
    sample = sample_of(rows_of_group(table, {"hit_x": bound_of_text("abs:0.01")}, events), 16_384, seed=0)
    assert sample.table.n_rows == sample.layout.n_rows == 40_000
    assert sample.part == 0.5
    assert not sample.layout.previous[0][sample.layout.ranks >= MOST_RANKS].max() >= 0
