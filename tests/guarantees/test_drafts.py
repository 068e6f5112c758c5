"""What a correction computes from the values of rows is the quantity that evaluations compute from columns."""

import numpy as np
import pytest

from baler_vae.guarantees.drafts import draft_of
from baler_vae.kinematics.physics import Quantity, quantities_of
from baler_vae.table.schema import Origin
from tests.guarded import EVENT, FORMULAS, JET, OBJECTS
from tests.tables import batch_of

N = 60
QUANTITIES = {
    **{text: Quantity("q", formula=text) for text in FORMULAS},
    **{
        f"{own['kind']} of {own['objects'][0]}, rows {own.get('rows')}, {own.get('mass_of_each')}": Quantity("q", **own)
        for own in OBJECTS
    },
}


def ordinary_batch():
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 5, N).astype(np.int32)

    def column(name, size):
        is_angle = name.rstrip("12").endswith(("phi", "eta"))
        return (rng.uniform(-3, 3, size) if is_angle else rng.exponential(25, size)).astype(rng.choice(["f4", "f8"]))

    events = {name: column(name, N) for name in EVENT} | {"n": counts}
    return batch_of(
        {"events": events, "Jet": {name: column(name, counts.sum()) for name in JET}},
        {"Jet": "n"},
        Origin("root", "Events"),
    )


def values_read(draft, home, batch):
    """What a draft reads, float64 (items,) each by name; NaN for a row that an event has not."""
    counts = batch[0]["n"]
    starts = np.cumsum(counts) - counts
    found = {}
    for name, cell in draft.cells.items():
        jagged = cell.column in batch[1].arrays
        values = batch[jagged][cell.column].astype(np.float64)
        if cell.row is not None:
            there = counts > cell.row
            found[name] = np.full(N, np.nan)
            found[name][there] = values[starts[there] + cell.row]
        else:
            found[name] = np.repeat(values, counts) if home == 1 and not jagged else values
    for name, tail in draft.tails.items():
        each = tail.formula.evaluate(batch[1].arrays)
        parts = (each[start + tail.first : start + n] for start, n in zip(starts, counts, strict=True))
        found[name] = np.array([part.sum() for part in parts])
    return found


@pytest.mark.parametrize("name", QUANTITIES)
def test_a_draft_computes_the_quantity(name):
    schema, batch = ordinary_batch()
    quantities = quantities_of([QUANTITIES[name]], schema)
    draft, home = draft_of("q", quantities), quantities.homes["q"]
    expected = quantities.extend(batch)[home]["q"]
    found = draft.formula.evaluate(values_read(draft, home, batch))
    found[~np.isfinite(found)] = np.nan
    if draft.tails:
        assert np.isnan(found[batch[0]["n"] == 0]).all(), "a sum over no row needs no correction"
        some = batch[0]["n"] > 0
        np.testing.assert_allclose(found[some], expected[some], rtol=1e-12)
    else:
        np.testing.assert_array_equal(found, expected)
    assert np.isfinite(found).sum() > N / 6


def test_a_quantity_of_quantities_is_written_in_full():
    schema, batch = ordinary_batch()
    quantities = quantities_of([Quantity("a", formula="met + w"), Quantity("q", formula="-a**2 / met - a")], schema)
    draft = draft_of("q", quantities)
    assert set(draft.cells) == {"met", "w"}
    found = draft.formula.evaluate(values_read(draft, 0, batch))
    np.testing.assert_allclose(found, quantities.extend(batch)[0]["q"], rtol=1e-12)


def test_what_reads_a_quantity_of_objects_has_no_draft():
    ht = Quantity("ht", kind="ht", objects=("Jet_*",))
    quantities = quantities_of([ht, Quantity("q", formula="ht / met")], ordinary_batch()[0])
    assert draft_of("ht", quantities) is not None
    assert draft_of("q", quantities) is None
