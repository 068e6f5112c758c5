"""Of wide files, which columns get networks, and what these see."""

import numpy as np
import pytest

from baler_vae.codec.coded import coded_table
from baler_vae.fitting import columns as fitted_columns
from baler_vae.fitting.choosing import fit_group_model
from baler_vae.fitting.columns import fit_conditional_group
from baler_vae.fitting.rows import rows_of_group
from baler_vae.fitting.wide import rank_bits, seen_of_events
from baler_vae.progress import silent
from baler_vae.settings.model import ModelSettings
from baler_vae.table.bounds import EXACT
from baler_vae.table.schema import Origin
from tests.tables import batch_of

MANY = 300


@pytest.fixture(scope="module")
def rows():
    """Objects whose momenta fall in each event, a code that follows from another one but for chance, and noise; events
    with a flag, a constant, and numbers that vary.
    """
    rng = np.random.default_rng(3)
    counts = rng.poisson(10, 300).astype(np.int32)
    n = int(counts.sum())
    events = np.repeat(np.arange(300), counts)
    pt = rng.exponential(30, n)
    cause = np.minimum(rng.geometric(0.3, n), 15).astype(np.uint8)
    arrays = {
        "events": {
            "flag": rng.random(300) < 0.5,
            "constant": np.full(300, 7, np.int32),
            **{f"x{number}": rng.integers(0, 9, 300).astype(np.int32) for number in range(4)},
            "nJet": counts,
        },
        "Jet": {
            "Jet_pt": np.floor(64 * pt[np.lexsort((-pt, events))]).astype(np.int32),
            "Jet_cause": cause,
            "Jet_effect": (rng.permutation(16)[cause] ^ (rng.random(n) < 0.1)).astype(np.uint8),
            "Jet_noise": rng.integers(0, 16, n).astype(np.uint8),
        },
    }
    schema, (event_table, jets) = batch_of(arrays, {"Jet": "nJet"}, Origin("root", "Events"))
    bounds = dict.fromkeys(schema.order, EXACT)
    model = fit_group_model(event_table, bounds, ModelSettings(kind="independent"), silent).fit.model
    seen = coded_table(event_table, model, bounds).as_events(counts.astype(np.int64))
    return {many: rows_of_group(jets, bounds, seen, many_columns=many) for many in (0, MANY)}


def test_networks_see_numbers_of_events_that_vary(rows, monkeypatch):
    assert seen_of_events(rows[0]) == {"flag", "constant", "x0", "x1", "x2", "x3", "nJet"}
    assert seen_of_events(rows[MANY]) == {"x0", "x1", "x2", "x3", "nJet"}
    monkeypatch.setattr("baler_vae.fitting.policy.MOST_EVENT_COLUMNS", 2)
    assert seen_of_events(rows[MANY]) == {"x0", "nJet"}


def test_formulas_read_no_flags(rows):
    assert {*rows[0].sought_of_events} - {*rows[MANY].sought_of_events} == {"flag"}


def test_what_falls_within_events_takes_more_rank_by_rank(rows):
    columns = {name: kept.model for name, kept in rows[MANY].independent.items()}
    more = rank_bits(rows[MANY], columns)
    assert list(more) == ["Jet_pt"]
    assert more["Jet_pt"] > 0.02 * rows[MANY].bits


def test_only_what_another_column_tells_gets_a_network(rows, monkeypatch):
    pytest.importorskip("torch")
    asked = []

    def trained(targets, context, *_arguments, parents, **_others):
        (last,) = (target for target in targets if target.number == 2)
        lags = {lag for _, lag in parents.information(context[2].view, last.coded, 2, last.before)}
        asked.append(([target.number for target in targets], lags))
        return {}, ()

    monkeypatch.setattr(fitted_columns, "fit_conditionals", trained)
    for many in (0, MANY):
        fit_conditional_group(rows[many], ModelSettings(), silent, names=rows[many].names)
    (every, lags), (promising, none) = asked
    assert every == [0, 1, 2, 3]
    assert lags == {0, 1, 2}
    assert 2 in promising
    assert not {1, 3} & set(promising)
    assert none == {0}
