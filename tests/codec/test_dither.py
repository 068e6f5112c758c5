"""Dithered columns in archives: the same rows from whatever way they are read, under formulas and networks."""

from itertools import pairwise

import awkward as ak
import numpy as np
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.manifest import FIRST_FORMAT, SECOND_FORMAT
from baler_vae.codec.codec import Codec
from baler_vae.codec.density import sample_batches
from baler_vae.codec.lengths import code_lengths
from baler_vae.errors import CorruptArchive
from baler_vae.io.files import open_source, write_file
from baler_vae.model.columns import Networked, OnGrid
from baler_vae.table.schema import Origin
from baler_vae.table.table import concatenate
from tests.tables import batch_of, short_row_groups

N_EVENTS, LIMIT = 700, 300


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A file of jets, of which one column follows from two others and one from the event, a codec of it, its archive in
    short row groups, and what is restored.
    """
    folder = tmp_path_factory.mktemp("dither")
    rng = np.random.default_rng(7)
    counts = rng.poisson(2, N_EVENTS).astype(np.int32)
    met = rng.exponential(30, N_EVENTS).astype(np.float32)
    met[[3, 400]] = np.nan, 0.0
    n_jets = int(counts.sum())
    px, py = rng.normal(0, 20, (2, n_jets))
    pt = np.hypot(px, py) + np.repeat(np.nan_to_num(met), counts)
    jets = {"Jet_px": px.astype(np.float32), "Jet_pt": pt, "Jet_sum": px + pt, "Jet_id": rng.integers(0, 9, n_jets)}
    schema, batch = batch_of(
        {"events": {"met": met, "nJet": counts}, "Jet": jets}, {"Jet": "nJet"}, Origin("root", "Events")
    )
    write_file(folder / "in.root", schema, [batch])
    codec = baler_vae.fit(
        folder / "in.root",
        kind="autoregressive",
        bound=["bits:12,floor:0.001,dither", "Jet_px=abs:0.005,dither"],
        epochs=2,
        keep_network=True,
    )
    codec.save(folder / "c.bvmodel")
    with short_row_groups(LIMIT):
        baler_vae.compress(folder / "in.root", folder / "a.bvae", codec=codec)
        baler_vae.decompress(folder / "a.bvae", folder / "back.root")
    return folder, codec


def all_of(path):
    with baler_vae.open(path) as archive:
        return archive.arrays()


def without_nan(array):
    return ak.to_list(ak.nan_to_num(array, nan=-1.0))


def test_formulas_and_networks_are_over_dithered_columns(made):
    folder, codec = made
    columns = codec.models["Jet"].columns
    on_grid = {name: column for name, column in columns.items() if isinstance(column, OnGrid)}
    assert {n for n, column in on_grid.items() if column.grid.kind.startswith("dithered")} == {
        "Jet_px", "Jet_pt", "Jet_sum"
    }  # fmt: skip
    assert any(column.formula is not None for column in on_grid.values())
    assert any(isinstance(column, Networked) for column in on_grid.values())
    keys = {column.grid.key for column in on_grid.values() if column.grid.kind.startswith("dithered")}
    assert len(keys) == 3
    with ArchiveFile(folder / "a.bvae") as archive, ArchiveFile(folder / "c.bvmodel") as stored:
        assert len(archive.manifest.row_groups) > 3
        assert archive.manifest.version == stored.manifest.version == SECOND_FORMAT
        bounds = {column.name: column.bound for group in archive.manifest.groups for column in group.columns}
    assert bounds == {
        "met": "bits:12,floor:0.001,dither",
        "nJet": "exact",
        "Jet_px": "abs:0.005,dither",
        "Jet_pt": "bits:12,floor:0.001,dither",
        "Jet_sum": "bits:12,floor:0.001,dither",
        "Jet_id": "exact",
    }


def test_every_value_keeps_its_bound_and_comes_back_to_the_same_bytes(made, tmp_path):
    folder, codec = made
    assert baler_vae.verify(folder / "a.bvae", against=folder / "in.root").broken == ()
    with short_row_groups(LIMIT):
        baler_vae.compress(folder / "back.root", tmp_path / "again.bvae", codec=codec)
    with ArchiveFile(folder / "a.bvae") as one, ArchiveFile(tmp_path / "again.bvae") as other:
        assert all(one.section(name) == other.section(name) for name in one.manifest.sections)
    before, after = (open_source(folder / name) for name in ("in.root", "back.root"))
    for table, back in zip(
        concatenate(list(before.read(before.select())), before.schema),
        concatenate(list(after.read(after.select())), after.schema),
        strict=True,
    ):
        for name in {"met", "Jet_pt", "Jet_sum"} & set(table.group.names):
            x, y = table[name].astype(float), back[name].astype(float)
            finite = np.isfinite(x)
            assert np.array_equal(finite, np.isfinite(y))
            assert np.all(np.abs(y - x)[finite] <= np.maximum(2.0**-13 * np.abs(x[finite]), 0.001) * (1 + 1e-15))
            assert np.array_equal(x == 0, y == 0)


def test_rows_are_the_same_from_every_way_of_reading(made):
    folder, _ = made
    whole = all_of(folder / "a.bvae")
    with baler_vae.open(folder / "a.bvae") as archive:
        edges = [0, 1, 137, 420, 421, N_EVENTS]
        parts = [archive.arrays(entry_start=a, entry_stop=b) for a, b in pairwise(edges)]
        assert without_nan(ak.concatenate(parts)) == without_nan(whole)
        for name in ("Jet_sum", "Jet_px", "met"):
            some = archive.arrays([name], entry_start=299, entry_stop=555)
            assert without_nan(some[name]) == without_nan(whole[name][299:555])
            assert without_nan(archive[name].array()) == without_nan(whole[name])
        steps = list(archive.iterate(step_size=130))
        assert without_nan(ak.concatenate(steps)) == without_nan(whole)


def test_merged_archives_have_the_rows_of_each(made, tmp_path):
    folder, codec = made
    baler_vae.compress(folder / "in.root", tmp_path / "long.bvae", codec=codec)
    merged = baler_vae.merge([folder / "a.bvae", tmp_path / "long.bvae"], tmp_path / "merged.bvae")
    assert merged.format_version == SECOND_FORMAT
    both = without_nan(all_of(folder / "a.bvae")) + without_nan(all_of(tmp_path / "long.bvae"))
    assert without_nan(all_of(tmp_path / "merged.bvae")) == both


def test_blocks_are_row_groups_of_their_own(made):
    folder, codec = made
    loaded = Codec.load(folder / "c.bvmodel")
    assert loaded == codec
    restored = all_of(folder / "a.bvae")
    block = loaded.encode(restored[:60])
    decoded = codec.decode(block)
    first = all_of(folder / "a.bvae")[:60]
    assert without_nan(decoded) == without_nan(first)  # the rows have the same numbers as there
    later = codec.decode(codec.encode(restored[60:120]))
    assert without_nan(codec.decode(codec.encode(later))) == without_nan(later)


def test_the_codec_is_a_density_still(made):
    folder, codec = made
    source = open_source(folder / "in.root")
    batch = concatenate(list(source.read(source.select())), source.schema)
    lengths = code_lengths(codec, batch)
    with baler_vae.open(folder / "a.bvae") as archive:
        taken = {column.name: column.bytes for column in archive.info().columns}
    for name, bits in lengths["Jet"].items():
        assert bits.sum() / 8 == pytest.approx(taken[name], rel=0.2, abs=100)
    for drawn in sample_batches(codec, 300, np.random.default_rng(3)):
        jets = drawn[1]
        assert drawn[0].n_rows == 300
        assert np.median(np.abs(jets["Jet_sum"] - jets["Jet_px"] - jets["Jet_pt"])) < 0.1


HOSTILE = ({"key": -1}, {"key": 1 << 60}, {"parts": 2}, {"parts": 1 << 20}, {"step": 0.0}, {"more": 1})


@pytest.mark.parametrize("wrong", HOSTILE, ids=str)
def test_hostile_grids_are_corrupt(made, tmp_path, wrong):
    folder, _ = made

    def change(grid):
        return grid.model_copy(update={"parameters": grid.parameters | wrong})

    path = saying(folder / "a.bvae", tmp_path / "odd.bvae", "Jet_px", grid=change)
    with pytest.raises(CorruptArchive, match="grid"):
        baler_vae.open(path)


def test_grids_where_they_may_not_be(made, tmp_path):
    folder, _ = made

    def dithered(grid):
        return grid.model_copy(update={"kind": "dithered-step", "parameters": {"step": 1.0, "parts": 3, "key": 0}})

    path = saying(folder / "a.bvae", tmp_path / "odd.bvae", "Jet_id", grid=dithered)
    with pytest.raises(CorruptArchive, match="a grid 'dithered-step' for int64"):
        baler_vae.open(path)
    path = saying(folder / "a.bvae", tmp_path / "old.bvae", "Jet_px", version=FIRST_FORMAT)
    with pytest.raises(CorruptArchive, match="'met' is dithered, which format 1 does not know"):
        baler_vae.open(path)


def saying(original, target, name, grid=lambda grid: grid, **fields):
    """Writes a copy of an archive whose manifest says something else of the grid of a column."""
    with ArchiveFile(original) as file, writing_archive(target, force=True) as writer:
        for section in file.manifest.sections:
            writer.add(section, file.section(section))
        groups = tuple(
            group.model_copy(
                update={
                    "columns": tuple(
                        column.model_copy(update={"grid": grid(column.grid)}) if column.name == name else column
                        for column in group.columns
                    )
                }
            )
            for group in file.manifest.groups
        )
        writer.finish(file.manifest.model_copy(update={"groups": groups, **fields}))
    return target
