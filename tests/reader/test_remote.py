"""Archives behind URLs: only what is asked for is fetched and decoded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import baler_vae
from baler_vae.archive import container, parts, storage
from baler_vae.codec import batches as reading
from baler_vae.io.files import write_file
from baler_vae.table.schema import Origin
from baler_vae.table.table import slice_events
from benchmarks.server import serving
from tests.tables import batch_of, short_row_groups

pytest.importorskip("aiohttp")
GOLDEN = Path(__file__).parents[1] / "golden"
N_ROW_GROUPS, N_EVENTS, N_JETS = 100, 720, 3
JETS = tuple(f"Jet_{letter}" for letter in "abcd")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The path of an archive of 100 row groups, and its columns."""
    folder = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(0)
    n_events = N_ROW_GROUPS * N_EVENTS
    values = {name: rng.integers(0, 2**62, n_events * N_JETS) for name in JETS}
    arrays = {
        "events": {"nJet": np.full(n_events, N_JETS, np.int32), "met": rng.normal(size=n_events).astype(np.float32)},
        "Jet": values,
    }
    schema, batch = batch_of(arrays, {"Jet": "nJet"}, Origin("parquet"))
    source = folder / "large.parquet"
    write_file(source, schema, [batch])
    write_file(folder / "some.parquet", schema, [slice_events(batch, 0, N_EVENTS)])
    codec = baler_vae.fit(folder / "some.parquet", kind="independent", bound="exact")
    with short_row_groups(N_EVENTS * N_JETS):
        baler_vae.compress(source, folder / "large.bvae", codec=codec, verify=False)
    return folder / "large.bvae", values


@pytest.fixture
def decoded(monkeypatch):
    """The names of columns that are decoded, group by group as it happens."""
    names, decode = [], reading.decode_group

    def spy(own_parts, model, group, wanted, *rest):
        names.append((wanted.names, len(own_parts)))
        return decode(own_parts, model, group, wanted, *rest)

    monkeypatch.setattr(reading, "decode_group", spy)
    return names


def test_one_column_of_one_row_group_of_a_hundred(large, decoded):
    path, values = large
    with serving(path.parent) as served, baler_vae.open(f"{served.url}/{path.name}") as archive:
        assert len(archive.manifest.row_groups) == N_ROW_GROUPS
        start = 42 * N_EVENTS
        found = archive.arrays("Jet_c", entry_start=start, entry_stop=start + N_EVENTS, library="np")["Jet_c"]
        first = start * N_JETS
        assert np.array_equal(np.concatenate(found), values["Jet_c"][first : first + N_EVENTS * N_JETS])
        assert decoded == [(("nJet",), 1), (("Jet_c",), 1)]
        members = archive._file._members
        allowed = ["tables/0", "tables/1", "groups/0/42", "groups/1/42"]
        for begin, end in served.ranges:
            tail = begin >= archive.n_bytes - storage.TAIL_BYTES
            assert tail or any(members[n].offset <= begin and end < members[n].end for n in allowed if n in members)
        assert members["groups/1/42"].n_bytes > container.SMALL_SECTION
        assert served.n_bytes < 0.03 * archive.n_bytes
        assert served.n_bytes < 2 * storage.TAIL_BYTES


def test_an_event_column_does_not_touch_the_objects(large, decoded):
    path, _ = large
    with serving(path.parent) as served, baler_vae.open(f"{served.url}/{path.name}") as archive:
        archive["met"].array(entry_start=-5)
        assert decoded == [(("met",), 1)]
        members = archive._file._members
        assert not any(
            members[f"groups/1/{n}"].offset <= begin < members[f"groups/1/{n}"].end
            for n in range(N_ROW_GROUPS)
            for begin, _ in served.ranges
            if begin < archive.n_bytes - storage.TAIL_BYTES
        )


def test_sizes_are_told_without_fetching_the_rows(large):
    path, _ = large
    with serving(path.parent) as served, baler_vae.open(f"{served.url}/{path.name}") as remote:
        found = remote.info()
        assert served.n_bytes < 0.05 * remote.n_bytes
    with baler_vae.open(path) as local:
        assert replace(found, path="") == replace(local.info(), path="")


@pytest.mark.parametrize("name", ["autoregressive", "hints", "vae", "free", "independent"])
def test_every_column_by_itself_is_what_it_is_in_the_whole(name, decoded, monkeypatch):
    """Networks, formulas, latents and columns of the events among what it depends on."""
    for module, constant in ((container, "SMALL_SECTION"), (storage, "TAIL_BYTES"), (parts, "NEAR")):
        monkeypatch.setattr(module, constant, 0)
    with baler_vae.open(GOLDEN / f"{name}.bvae") as archive:
        (whole,) = archive.batches(archive.schema)
        expected = {column: values for table in whole for column, values in table.arrays.items()}
        n_parts = sum(archive.engine._model(group.name).n_parts for group in archive.schema.groups)
    fewest = n_parts
    with serving(GOLDEN) as served, baler_vae.open(f"{served.url}/{name}.bvae") as archive:
        for column in archive:
            decoded.clear()
            (batch,) = archive.batches(archive.schema.select([column]))
            values = next(table[column] for table in batch if column in table.group.names)
            assert values.dtype == expected[column].dtype
            text = values.dtype == object
            assert values.tolist() == expected[column].tolist() if text else same_bits(values, expected[column])
            fewest = min(fewest, sum(number for _, number in decoded))
    assert fewest < n_parts


def same_bits(a, b):
    return a.tobytes() == b.tobytes()


def test_the_verbs_take_urls(tmp_path):
    with serving(GOLDEN) as served:
        url = f"{served.url}/independent.bvae"
        baler_vae.decompress(url, tmp_path / "here.parquet")
        baler_vae.decompress(GOLDEN / "independent.bvae", tmp_path / "there.parquet")
        assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()
        done = baler_vae.verify(url, against=tmp_path / "here.parquet")
        assert (done.path, done.broken) == (url, ())


def test_an_archive_behind_a_url_can_be_evaluated(tmp_path):
    pytest.importorskip("scipy")
    with serving(GOLDEN) as served:
        url = f"{served.url}/flat.bvae"
        baler_vae.decompress(url, tmp_path / "here.parquet")
        assert baler_vae.evaluate(tmp_path / "here.parquet", f"{url}?token=1").columns
