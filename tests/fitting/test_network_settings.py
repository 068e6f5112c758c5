"""Networks of codes that are built and trained as settings say, for codecs that shall be densities."""

import numpy as np
import pytest

import baler_vae
from baler_vae.codec.batches import coded_batch
from baler_vae.codec.groups import known_rows
from baler_vae.explore import sample
from baler_vae.memory.opening import open_data
from baler_vae.model.columns import Networked
from baler_vae.settings.model import ModelSettings
from baler_vae.table.table import concatenate

WANTED = {"width": 6, "steps": 40, "weight_cost": 0.0, "learning_rate": 0.02, "differences": ["part"]}


@pytest.fixture(scope="module")
def fitted():
    """A whole, a part of it, and a number that depends on both; and the codec of their networks."""
    rng = np.random.default_rng(2)
    whole = rng.uniform(20, 24, 3_000).astype(np.float32)
    part = (whole * rng.beta(2, 1, 3_000) * (rng.random(3_000) > 0.1)).astype(np.float32)
    data = {"whole": whole, "part": part, "n": rng.poisson(whole - part).astype(np.int32)}
    options = {"kind": "autoregressive", "keep_network": True, "formulas": {"part": "whole"}}
    codec = baler_vae.fit(data, bound="bits:8", settings=ModelSettings(**options, networks=WANTED))
    return codec, data


def test_settings_that_are_not_given_are_not_stored():
    """Archives of default settings stay what they are."""
    assert "networks" not in ModelSettings().described()
    assert ModelSettings(networks={"width": 8}).described()["networks"]["width"] == 8


def test_a_column_is_coded_as_differences_where_that_is_asked_for(fitted):
    codec, data = fitted
    assert codec.models["events"].columns["part"].predicted
    plain = ModelSettings(kind="autoregressive", keep_network=True, formulas={"part": "whole"}, epochs=1)
    assert not baler_vae.fit(data, bound="bits:8", settings=plain).models["events"].columns["part"].predicted


def test_symbols_have_their_frequencies_on_average(fitted):
    codec, data = fitted
    source = open_data(data)
    (coded,) = coded_batch(concatenate(list(source.read(codec.schema)), codec.schema), codec)
    rows, model = known_rows(coded), codec.models["events"]
    networked = {name: column for name, column in model.columns.items() if isinstance(column, Networked)}
    assert len(networked) == 2
    for name, column in networked.items():
        predicted = rows.predict(name, 0, coded.n_rows)
        codes = coded.codes[name].codes - (predicted.codes if column.predicted else 0)
        network = column.conditional
        weights = network.tables(rows.sources.inputs(network.inputs, network.alphabet, 0, coded.n_rows))
        found = (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0)
        counts = np.bincount(network.alphabet.split(codes)[0], minlength=network.alphabet.n_symbols)
        often = counts > 100
        assert often.sum() > 2
        assert np.allclose(found[often] * coded.n_rows, counts[often], rtol=0.04)


@pytest.mark.parametrize("wanted", [{"most_in_range": 0.05}, {"range_bits": 2.0}])
def test_ranges_are_as_fine_as_settings_say(fitted, wanted):
    """Those of what is coded, and those in which other networks see it."""
    codec, data = fitted
    options = {"kind": "autoregressive", "keep_network": True, "formulas": {"part": "whole"}}
    settings = ModelSettings(**options, networks=WANTED | {"steps": 2} | wanted)
    finer = baler_vae.fit(data, bound="bits:8", settings=settings).models["events"]
    before = codec.models["events"]
    assert finer.columns["n"].conditional.alphabet.n_symbols > before.columns["n"].conditional.alphabet.n_symbols
    number = before.names.index("whole")
    assert len(finer.view(number).starts) > len(before.view(number).starts)


def test_a_part_is_not_more_than_the_whole(fitted):
    codec, _ = fitted
    drawn = sample(codec, 3_000, seed=1).data
    assert np.mean(drawn["part"] <= drawn["whole"] * (1 + 2.0**-7)) > 0.995
    assert (drawn["n"] >= 0).all()


def test_nothing_is_part_of_the_whole_as_often_as_it_was(fitted):
    """The difference of nothing from the whole is another for each whole; many of these share a range."""
    codec, data = fitted
    drawn = sample(codec, 10_000, seed=1)
    assert np.mean(drawn.data["part"] == 0) == pytest.approx(np.mean(data["part"] == 0), abs=0.02)
    assert drawn.beyond.get("part", 0) < 100
