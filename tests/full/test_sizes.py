"""Bytes on real data: a column by itself is never left worse than pcodec would have it."""

import pytest

import baler_vae
from baler_vae.entropy.plain import encode_numbers, encode_text
from baler_vae.grid.codes import quantise_column
from baler_vae.io.files import open_source
from baler_vae.model.columns import OnGrid
from baler_vae.table.table import concatenate
from benchmarks.data import CASES

SPECS = ("zprime_jets.root:Events", "uproot-HZZ.root:events", "CFD_animation.npz:data", "dimuons_100k.hdf5:muons")


@pytest.mark.full
@pytest.mark.parametrize("bound", ["bits:10", "exact"])
@pytest.mark.parametrize("spec", SPECS)
def test_codes_take_no_more_than_pcodec_gives_them(data_dir, tmp_path, spec, bound):
    """pcodec has all rows of a column at once, where an archive begins anew with every row group; names, digests and
    grids, which pcodec does not store, are left out.
    """
    source = open_source(f"{data_dir}/{spec}")
    codec = baler_vae.fit(source, bound=bound, kind="independent")
    info = baler_vae.compress(f"{data_dir}/{spec}", tmp_path / "a.bvae", codec=codec, verify=False)
    rival = 0
    for table in concatenate(list(source.batches(codec.schema, 65_536)), codec.schema):
        for name, column in codec.models[table.group.name].columns.items():
            values = table[name]
            if isinstance(column, OnGrid):
                values = quantise_column(values, column.grid, codec.bounds[name]).codes
            rival += len(encode_text(values) if values.dtype == object else encode_numbers(values))
    assert info["bytes"]["codes"] + info["bytes"]["model"] <= 1.0002 * rival


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "bound", "largest"),
    [
        ("jets", "bits:10", 3_480_000),
        ("jets", "range:1e-3", 1_900_000),
        ("jets", "exact", 7_600_000),
        ("dimuons", "bits:10", 1_010_000),
        ("zmumu", "bits:10", 185_000),
        ("zmumu", "exact", 430_000),
        ("gsoc", "range:1e-3", 325_000),
    ],
)
@pytest.mark.usefixtures("data_dir")
def test_archives_are_as_small_as_they_were(tmp_path, name, bound, largest):
    """The whole archive with default settings; that every value keeps its bound is checked as it is written."""
    source, columns = CASES[name].source(tmp_path)
    info = baler_vae.compress(source, tmp_path / "a.bvae", columns=columns, bound=bound)
    assert info["archive_bytes"] <= largest
