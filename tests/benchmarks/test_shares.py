import numpy as np
import pytest

from baler_vae.io.files import write_file
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table
from benchmarks.data import Case
from benchmarks.shares import shares_of

pytest.importorskip("torch")


@pytest.fixture
def case(tmp_path):
    """Objects of which the momentum follows from two columns, `near` from another, and `again` from the event."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4, 1_200)
    met = np.rint(rng.exponential(8, len(counts)))
    n_rows = int(counts.sum())
    pt, eta = np.rint(rng.exponential(3_000, n_rows)), np.rint(rng.normal(0, 40, n_rows)) / 16
    objects = {
        "pt": pt,
        "eta": eta,
        "pz": np.rint(pt * np.sinh(eta)),
        "near": np.rint(pt + rng.normal(0, 20, n_rows)),
        "again": np.repeat(met, counts) + rng.integers(0, 2, n_rows),
    }
    groups = (
        Group("", (Column("n", counts.dtype), Column("met", met.dtype))),
        Group("jet", tuple(Column(name, values.dtype) for name, values in objects.items()), "n"),
    )
    batch = (Table(groups[0], {"n": counts, "met": met}), Table(groups[1], objects))
    write_file(tmp_path / "a.parquet", Schema(groups, ("n", "met", *objects), Origin("parquet")), [batch])
    return Case("made", "objects", lambda _: (str(tmp_path / "a.parquet"), ()))


def test_every_part_has_its_share(case, tmp_path):
    shares = {found.group: found for found in shares_of(case, "exact", tmp_path)}["jet"]
    assert shares.formulas > 0.1 * shares.alone
    assert shares.row > 0.02 * shares.alone
    assert shares.event > 0.02 * shares.alone
    assert 0 < shares.model < shares.formulas + shares.row + shares.event
    whole = tmp_path / "whole.bvae"
    assert shares.total <= whole.stat().st_size < shares.total + 6_000
