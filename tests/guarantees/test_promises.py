"""Which values rows and events read, and which rows and events read values."""

import numpy as np
import pytest

from baler_vae.guarantees.promises import cells_read, items_reading
from baler_vae.kinematics.physics import Read
from baler_vae.table.schema import Origin
from tests.tables import batch_of

COUNTS = np.array([2, 0, 3, 1], np.int32)
BATCH = batch_of(
    {"events": {"met": np.arange(4.0), "n": COUNTS}, "Jet": {"pt": np.arange(6.0)}},
    {"Jet": "n"},
    Origin("root", "Events"),
)[1]


def mask(*places, size):
    return np.isin(np.arange(size), places)


@pytest.mark.parametrize(
    ("home", "item", "read", "rows"),
    [
        (1, 3, Read(1, "pt"), [3]),
        (1, 3, Read(0, "met"), [2]),
        (0, 2, Read(0, "met"), [2]),
        (0, 2, Read(1, "pt", ()), [2, 3, 4]),
        (0, 2, Read(1, "pt", (0, 2)), [2, 4]),
        (0, 3, Read(1, "pt", (1,)), []),
        (0, 1, Read(1, "pt", ()), []),
        (1, 0, Read(1, "pt", (1,)), [1]),
    ],
    ids=str,
)
def test_what_an_item_reads(home, item, read, rows):
    found = cells_read(BATCH, home, mask(item, size=BATCH[home].n_rows), [read])
    assert list(found) == [(read.group, read.name)]
    assert np.flatnonzero(found[read.group, read.name]).tolist() == rows


def test_reads_of_one_column_are_joined():
    found = cells_read(BATCH, 0, mask(0, 2, size=4), [Read(1, "pt", (0,)), Read(0, "met"), Read(1, "pt", (1,))])
    assert np.flatnonzero(found[1, "pt"]).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(found[0, "met"]).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("home", "read"),
    [(home, read) for home in (0, 1) for read in (Read(0, "met"), Read(1, "pt", ()), Read(1, "pt", (0, 2)))]
    + [(1, Read(1, "pt"))],
    ids=str,
)
def test_who_reads_a_cell_is_told_by_what_each_item_reads(home, read):
    """One is the other, read from the other end."""
    size, n_cells = BATCH[home].n_rows, BATCH[read.group].n_rows
    each = [cells_read(BATCH, home, mask(item, size=size), [read])[read.group, read.name] for item in range(size)]
    for cell in range(n_cells):
        found = items_reading(BATCH, home, [read], {(read.group, read.name): mask(cell, size=n_cells)})
        assert found.tolist() == [rows[cell] for rows in each]


def test_cells_of_other_columns_are_read_by_nobody():
    assert not items_reading(BATCH, 1, [Read(1, "pt"), Read(0, "n")], {(0, "met"): mask(0, 1, size=4)}).any()
