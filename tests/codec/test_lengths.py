"""The length of every code: all of them together are what is written."""

from dataclasses import replace

import numpy as np
import pytest

import baler_vae
from baler_vae.codec.batches import coded_batch
from baler_vae.codec.codec import Codec
from baler_vae.codec.groups import encode_group
from baler_vae.codec.lengths import LATENTS, MOVES, code_lengths, without_lengths
from baler_vae.entropy.tables import code_bits
from baler_vae.errors import SourceError, UsageError
from baler_vae.fitting.rows import fit_independent_column
from baler_vae.model.columns import Coded, Networked
from baler_vae.model.group import GroupModel
from baler_vae.table.bounds import EXACT
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table, slice_events
from tests.codec.test_networks import TINY, table_of, write
from tests.format import guarded
from tests.guarded import source_of
from tests.tables import batch_of, flat_batch

EVENTS = 600
SOME_BYTES = 16
"""What stands in a part beside its codes: a number of words, of verbatim bytes, the state of the coder, and the bits
that fill the last byte."""


def fitted(path, kind, **options):
    write(path, EVENTS)
    model = {} if kind == "independent" else TINY
    return baler_vae.fit(path, bound=["bits:6", "eta=abs:0.01"], kind=kind, **model, **options)


@pytest.mark.parametrize("kind", ["independent", "autoregressive", "vae", "ae"])
def test_lengths_add_up_to_what_is_written(tmp_path, kind):
    codec = fitted(tmp_path / "in.parquet", kind)
    _, batch = table_of(EVENTS)
    lengths = code_lengths(codec, batch)
    n_networks = 0
    for coded in coded_batch(batch, codec):
        model, found = coded.model, lengths[coded.group.name]
        parts = encode_group(coded)
        without = without_lengths(model)
        assert set(found) == {*model.parts, *([LATENTS] if model.n_latents else [])} - set(without)
        if model.n_latents:
            written = sum(map(len, parts[: model.n_latents]))
            assert abs(found[LATENTS].sum() / 8 - written) < SOME_BYTES * model.n_latents
        for name, place in model.parts.items():
            if name in without:
                continue
            verbatim = coded.codes[name].verbatim_bits
            written = len(parts[place])
            if verbatim:  # they go through pcodec, all together
                written += verbatim // 8 - int.from_bytes(parts[place][:4], "little")
            assert found[name].shape == (coded.n_rows,)
            assert found[name].min() >= 0
            assert abs(found[name].sum() / 8 - written) < SOME_BYTES
            n_networks += isinstance(model.columns[name], Networked)
    assert (n_networks > 0) == (kind != "independent")


@pytest.mark.parametrize("kind", ["autoregressive", "vae"])
def test_the_length_of_a_row_does_not_depend_on_other_events(tmp_path, kind):
    codec = fitted(tmp_path / "in.parquet", kind)
    _, batch = table_of(EVENTS, seed=2)
    n_first = int(batch[0]["n"][:250].sum())
    whole, first = code_lengths(codec, batch), code_lengths(codec, slice_events(batch, 0, 250))
    second = code_lengths(codec, slice_events(batch, 250, EVENTS))
    for group, cut in (("events", 250), ("jet", n_first)):
        assert whole[group].keys() == first[group].keys()
        for name, bits in whole[group].items():
            assert np.array_equal(bits[:cut], first[group][name])
            assert np.array_equal(bits[cut:], second[group][name])


def test_moves_count_for_what_their_guarantee_is_about():
    schema, batch = guarded.jagged(800)
    asked = [guarded.HT, "hypot(Jet_area, met)=rel:1e-5", "Jet_pt > 30"]
    codec = baler_vae.fit(source_of(schema, batch), guarantees=asked, bound="bits:10", kind="independent")
    lengths = code_lengths(codec, batch)
    _, coded = coded_batch(batch, codec)
    first = coded.model.first_guard_part
    corrections = list(zip(coded.model.corrections, encode_group(coded)[first:], strict=False))
    assert sorted(one.is_of_events for one, _ in corrections) == [False, True]
    for correction, part in corrections:
        bits = lengths["events" if correction.is_of_events else "Jet"][MOVES]
        assert bits.shape == (batch[0 if correction.is_of_events else 1].n_rows,)
        assert bits.min() > 0
        n_parts = len(correction.tables) + 2
        assert abs(bits.sum() / 8 - (len(part) - 4 - 8 * n_parts)) < SOME_BYTES * n_parts
    nothing = code_lengths(codec, slice_events(batch, 0, 0))
    assert len(nothing["events"][MOVES]) == len(nothing["Jet"][MOVES]) == 0


def test_what_a_table_has_not_seen_is_an_escape():
    rng = np.random.default_rng(4)
    _, batch = flat_batch({"i": rng.integers(0, 4, 500).astype(np.int64)})
    codec = baler_vae.fit({"i": batch[0]["i"]}, kind="independent")
    rare = (replace(batch[0], arrays={"i": np.array([1, 10**6, 1], np.int64)}),)
    bits = code_lengths(codec, rare)["events"]["i"]
    assert bits[0] == bits[2]
    assert 1.5 < bits[0] < 2.5
    assert bits[1] > 64


def test_a_verbatim_value_takes_the_bits_of_its_dtype():
    codec = baler_vae.fit(
        {"x": np.random.default_rng(4).normal(size=500).astype(np.float32)}, bound="abs:0.01", kind="independent"
    )
    _, batch = flat_batch({"x": np.array([0.5, 1e30, np.nan], np.float32)})
    near, far, nan = code_lengths(codec, batch)["events"]["x"]
    assert far == nan + 32  # both are escapes
    assert near < 64 < nan


def test_arrays_take_the_sum_over_their_cells():
    values = np.random.default_rng(3).integers(0, 9, (300, 5, 8)).astype(np.int32)
    column = Column("a", values.dtype, shape=(5, 8))
    group = Group("events", (column,))
    model = fit_independent_column(values, column, EXACT).model
    assert isinstance(model, Coded)
    schema = Schema((group,), ("a",), Origin("npz"))
    codec = Codec(schema, {"a": EXACT}, {"events": GroupModel(columns={"a": model})}, {}, {})
    bits = code_lengths(codec, (Table(group, {"a": values}),))["events"]["a"]
    cells = code_bits(values.reshape(-1).astype(np.int64), model.coder.table)
    assert np.allclose(bits, cells.reshape(300, 40).sum(axis=1))


def test_columns_without_codes_are_named():
    rng = np.random.default_rng(3)
    data = {"x": rng.normal(size=400), "y": rng.normal(size=400), "word": np.array(["a", "bb"] * 200, object)}
    codec = baler_vae.fit(data, bound="free", kind="ae", **{k: v for k, v in TINY.items() if k != "keep_network"})
    (model,) = codec.models.values()
    assert set(without_lengths(model)) >= {"x", "y", "word"}
    _, batch = batch_of({"events": data}, {}, codec.schema.origin)
    (found,) = code_lengths(codec, batch).values()
    assert set(found) == ({LATENTS} if LATENTS not in without_lengths(model) else set())


def test_latents_need_their_encoder(tmp_path):
    codec = fitted(tmp_path / "in.parquet", "vae")
    baler_vae.compress(tmp_path / "in.parquet", tmp_path / "a.bvae", codec=codec, verify=False)
    with pytest.raises(UsageError, match=r"encoder of .* is not there.*\.bvmodel"):
        code_lengths(Codec.of_archive(tmp_path / "a.bvae"), table_of(50)[1])


def test_nan_under_free_is_refused():
    rng = np.random.default_rng(3)
    data = {"x": rng.normal(size=400), "y": rng.normal(size=400)}
    codec = baler_vae.fit(data, bound="free", kind="ae", hidden=(8, 4), epochs=1)
    data["x"][7] = np.nan
    with pytest.raises(SourceError, match="row 7"):
        code_lengths(codec, flat_batch(data)[1])
