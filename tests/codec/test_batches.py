"""A batch to sections and back without files; each value is quantised once on its way."""

import threading
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.codec import groups, quantising, rows
from baler_vae.codec.batches import coded_batch, decode_batch, encode_batch
from baler_vae.codec.codec import Codec
from baler_vae.codec.encoding import RowGroup, RowGroupEncoder
from baler_vae.codec.groups import known_rows
from baler_vae.codec.manifests import section_name
from baler_vae.codec.rows import shown_codes
from baler_vae.errors import CorruptArchive, SourceError, UsageError, located
from baler_vae.grid import choose, codes
from baler_vae.grid.codes import SPECIAL
from baler_vae.grid.grids import is_centred
from baler_vae.grid.numbers import bits_of
from baler_vae.io.files import open_source
from baler_vae.model.columns import OnGrid
from baler_vae.table.bounds import EXACT, FREE
from baler_vae.table.table import concatenate, slice_events
from tests.codec.test_networks import TINY, write

EVENTS = 900


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The codec of events with NaN, infinities and -0.0 whose networks see what there is, the batch, and their file."""
    return fitted(tmp_path_factory.mktemp("made") / "in.parquet", "vae")


def fitted(path, kind):
    write(path, EVENTS)
    codec = baler_vae.fit(path, bound=["bits:6", "eta=abs:0.01"], kind=kind, **(TINY if kind == "vae" else {}))
    return codec, concatenate(list(open_source(path).read(codec.schema)), codec.schema), path


@pytest.fixture
def quantised(monkeypatch):
    """The first values and number of rows of every column that is quantised while a test runs."""
    lock, found, before = threading.Lock(), Counter(), codes.quantise_column

    def counted(values, grid, bound, numbers=None):
        with lock:
            found[np.asarray(values).tobytes()] += 1
        return before(values, grid, bound, numbers)

    for module in (codes, groups, quantising, rows, choose):
        if hasattr(module, "quantise_column"):
            monkeypatch.setattr(module, "quantise_column", counted)
    return found


@pytest.mark.parametrize("kind", ["independent", "vae"])
def test_every_column_of_every_row_group_is_quantised_once(tmp_path, quantised, kind):
    codec, batch, _ = fitted(tmp_path / "in.parquet", kind)
    on_grid = sum(isinstance(column, OnGrid) for model in codec.models.values() for column in model.columns.values())
    quantised.clear()
    encoder = RowGroupEncoder(codec, "path")
    cut = [slice_events(batch, 0, 400), slice_events(batch, 400, 600), slice_events(batch, 600, EVENTS)]
    for number, part in enumerate(cut):
        encoded = encoder.encode(RowGroup(number, part, {"events": 0, "jet": 0}))
        assert len(encoded.sections) == 2
        assert len(encoded.independent_bits) == (2 if number == 0 else 0)
    assert set(quantised.values()) == {1}
    assert len(quantised) == on_grid * len(cut)
    assert on_grid >= 9


def test_sections_are_those_of_an_archive(made, tmp_path):
    codec, batch, path = made
    baler_vae.compress(path, tmp_path / "a.bvae", codec=codec)
    sections = encode_batch(batch, codec)
    with ArchiveFile(tmp_path / "a.bvae") as archive:
        assert [archive.section(section_name(number, 0)) for number in range(2)] == list(sections)


def test_a_batch_comes_back(made):
    codec, batch, _ = made
    sections, n_rows = encode_batch(batch, codec), [table.n_rows for table in batch]
    back = decode_batch(sections, codec.models, codec.schema, codec.schema, n_rows)
    for table, coded_table in zip(back, coded_batch(batch, codec), strict=True):
        for name, values in table.arrays.items():
            kept = coded_table.layout.restore(coded_table.values[name])
            assert (values.tolist() == kept.tolist()) if values.dtype == object else same(values, kept)
    assert encode_batch(back, codec) == sections
    some = codec.schema.only(["eta", "met"])
    few = decode_batch(sections, codec.models, codec.schema, some, n_rows)
    assert [table.group.names for table in few] == [group.names for group in some.groups]
    assert all(same(table[name], back[number][name]) for number, table in enumerate(few) for name in table.group.names)


def same(one, other):
    return np.array_equal(bits_of(one), bits_of(other))


def test_events_are_seen_as_a_reader_sees_them(made):
    """Codes that are known are those that restored values have, also where values stand verbatim."""
    codec, batch, _ = made
    events = next(coded_batch(batch, codec))
    seen = events.as_events(np.zeros(EVENTS, np.int64))
    assert set(seen.coded) == {name for name, model in seen.models.items() if isinstance(model, OnGrid)}
    assert any((found.codes < SPECIAL + 5).any() for found in events.codes.values())
    for name, found in seen.coded.items():
        assert np.array_equal(found, shown_codes(seen.arrays[name], seen.models[name].grid)), name
    chosen = np.arange(EVENTS) % 3 == 0
    some = seen.only(chosen)
    assert all(np.array_equal(some.codes(name), seen.codes(name)[chosen]) for name in seen.coded)
    assert np.array_equal(some.counts, seen.counts[chosen])


def test_some_codes_in_another_order_keep_their_verbatim_values(made):
    codec, batch, _ = made
    for table in coded_batch(batch, codec):
        order = np.random.default_rng(1).permutation(table.n_rows)[: table.n_rows // 2]
        for name, found in table.codes.items():
            some = found.only(order)
            grid = codec.models[table.group.name].columns[name].grid
            if is_centred(grid):
                grid = known_rows(table).predict(name, 0, table.n_rows).grid.only(order)
            back = codes.dequantise_column(some.codes, some.verbatim, grid, some.restored.dtype)
            assert same(back, found.restored[order])
            assert same(some.restored, back)


def test_damaged_sections_are_named(made):
    codec, batch, _ = made
    sections, n_rows = encode_batch(batch, codec), [table.n_rows for table in batch]
    for number in range(2):
        damaged = list(sections)
        damaged[number] = damaged[number][:-1] + bytes([damaged[number][-1] ^ 1])
        with pytest.raises(CorruptArchive, match=rf"^section groups/{number}/0: "):
            decode_batch(damaged, codec.models, codec.schema, codec.schema, n_rows)
    with pytest.raises(CorruptArchive, match=r"^section groups/0/0: .*does not add up"):
        decode_batch(sections, codec.models, codec.schema, codec.schema, [n_rows[0], n_rows[1] + 1])


def test_errors_get_the_path_of_whoever_knows_it(made):
    codec, batch, _ = made
    error = SourceError("is wrong", column="x")
    with (
        pytest.raises(SourceError, match=r"^a\.root, section s, column 'x': is wrong$"),
        located(path="a.root", section="s"),
    ):
        raise error
    with pytest.raises(SourceError, match=r"^a.root, "), located(path="b.root"):
        raise error
    with pytest.raises(KeyError), located(path="b.root"):
        raise KeyError
    bounds = dict.fromkeys(codec.bounds, EXACT) | {"met": FREE}
    with pytest.raises(SourceError, match=r"^given.root, column 'met', first in row"):
        RowGroupEncoder(replace(codec, bounds=bounds), "given.root").encode(RowGroup(0, batch, {}))


def test_a_codec_is_equal_to_the_one_that_its_bytes_make(made, jets, quick, tmp_path):
    codec, *_ = made
    data = codec.to_bytes()
    again = Codec.from_bytes(data)
    assert again == codec
    assert hash(again) == hash(codec)
    assert again.to_bytes() == data
    other = baler_vae.fit(jets, bound="exact", settings=quick)
    assert other != codec
    assert {codec, again, other} == {again, other}
    assert codec != data
    codec.save(tmp_path / "c.bvmodel")
    assert (tmp_path / "c.bvmodel").read_bytes() == data
    with (tmp_path / "d.bvmodel").open("wb") as file:
        codec.save(file)
    with (tmp_path / "d.bvmodel").open("rb") as file:
        assert Codec.load(file) == codec
        assert not file.closed
    assert repr(codec) == "<Codec of events: 6 columns, vae; jet: 5 columns, vae>"
    baler_vae.compress(jets, tmp_path / "a.bvae", codec=other)
    with pytest.raises(UsageError, match=r"^<bytes>: is an archive"):
        Codec.from_bytes((tmp_path / "a.bvae").read_bytes())
