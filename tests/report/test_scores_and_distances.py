"""Sections on scores and distances: what the tables say, and pictures of odd results."""

import numpy as np
from rich.console import Console

from baler_vae.measures.distances import Distance, GroupDistance, column_distance
from baler_vae.measures.roc import Auc, roc_of
from baler_vae.measures.scores import Scores, profile_of, summary_of
from baler_vae.report.distance_section import distance_section, listed_distance
from baler_vae.report.scores_section import listed_scores, scores_section


def shown(lines):
    console = Console(width=200)
    with console.capture() as captured:
        console.print(*lines, sep="\n")
    return captured.get()


def scores_of(values, labels):
    roc = roc_of(values[~labels], values[labels], n_bootstraps=3)
    return Scores(
        n_events=len(values),
        levels={"event": {"bits": values, "squared_error": np.exp(4 * values)}},
        column_bits={"events": {"<b>": 3.0}},
        summaries=(summary_of("event", "bits", values),),
        label="signal",
        labels={"event": labels},
        rocs={"event": {"bits": roc}},
        profiles=(profile_of("bits", values, "run", np.arange(len(values)) % 4),),
        notes=("a note",),
    )


def test_scores_are_told_and_drawn():
    rng = np.random.default_rng(1)
    labels = np.arange(400) < 100
    scores = scores_of(rng.normal(size=400) + labels, labels)
    text = shown(listed_scores(scores))
    for part in ("Scores of 400 events", "Signal is signal", "bits of events: <b> 3", "along run", "a note"):
        assert part in text
    section = scores_section(scores)
    assert section.body.count("<svg") == 3
    assert "&lt;b&gt;" in section.body
    assert "<b>" not in section.body
    assert scores_section(scores) == section


def test_a_rejection_without_background_is_a_bound():
    labels = np.arange(60) < 20
    text = shown(listed_scores(scores_of(labels * 1.0, labels)))
    assert "> 40" in text


def test_scores_that_are_all_missing_or_equal_are_drawn():
    for values in (np.full(5, np.nan), np.ones(5), np.empty(0)):
        scores = Scores(
            n_events=len(values),
            levels={"event": {"bits": values}},
            column_bits={"events": {}},
            summaries=(summary_of("event", "bits", values),),
        )
        assert scores_section(scores).body.count("<svg") == 1
    empty = Scores(n_events=3, levels={"event": {}}, column_bits={}, summaries=())
    assert "<svg" not in scores_section(empty).body


def test_distances_are_told_and_drawn():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 50))
    events = np.arange(50), np.arange(50)
    columns = [column_distance(name, "events", a, b, events, seed=1, n_bootstraps=3) for name in ("x", "<y>")]
    columns.append(column_distance("z", "events", a, np.full(50, np.nan), events, seed=1, n_bootstraps=3))
    group = GroupDistance(name="events", n_a=50, n_b=50, of_a=500, of_b=50, auc=Auc(0.7, 0.02))
    event = GroupDistance(name="event", n_a=50, n_b=50, of_a=500, of_b=50, auc=None)
    distance = Distance(
        a="a.root", b="b.root", columns=tuple(columns), groups=(group, event), n_objects=2, seed=1, notes=("a note",)
    )
    text = shown(listed_distance(distance))
    for part in ("0.700 ± 0.020", "50 of 500 and 50 of 50 of events", "first 2 objects", "a note", "rows of events"):
        assert part in text
    section = distance_section(distance)
    assert section.body.count("<svg") == 2
    assert "&lt;y&gt;" in section.body
    nothing = Distance(a="a", b="b", columns=(), groups=(event,), n_objects=2, seed=1)
    assert "<svg" not in distance_section(nothing).body
    assert "AUC" in distance._repr_html_()
