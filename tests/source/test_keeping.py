"""Small sources are read once."""

from dataclasses import replace

import pytest

from baler_vae.source import keeping as module
from baler_vae.source.keeping import keeping
from baler_vae.source.source import Source
from baler_vae.table.table import slice_events
from tests.tables import jagged_batch


@pytest.fixture
def passes():
    """Which passes over the source were made: the columns and the ranges."""
    return []


@pytest.fixture
def source(passes):
    schema, batch = jagged_batch(40)

    def batches(selection, step, ranges=None, /):
        passes.append((selection.order, ranges))
        for start, stop in ranges or [(0, 40)]:
            for first in range(start, stop, step):
                yield slice_events(batch, first, min(first + step, stop))

    return Source("some.root", schema, 40, batches)


def values(batches):
    return [{name: table[name].tolist() for name in table.group.names} for batch in batches for table in batch]


def test_what_was_read_whole_is_given_again(source, passes):
    kept = keeping(source)
    first = values(kept.read_in_steps(source.schema, 16))
    assert values(kept.read_in_steps(source.schema, 16)) == first == values(source.read_in_steps(source.schema, 16))
    assert len(passes) == 2  # one of them without keeping


def test_whatever_differs_is_read_anew(source, passes):
    kept = keeping(source)
    part = source.schema.select(["met"])
    for selection, step, ranges in ((source.schema, 16, None), (part, 16, None), (source.schema, 16, None)):
        assert values(kept.read_in_steps(selection, step, ranges)) == values(
            source.read_in_steps(selection, step, ranges)
        )
    list(kept.read_in_steps(source.schema, 9))
    list(kept.read_in_steps(source.schema, 9, [(3, 5)]))
    assert len(passes) == 3 + 3 + 2


def test_a_pass_that_is_broken_off_is_not_kept(source):
    kept = keeping(source)
    next(iter(kept.read_in_steps(source.schema, 16)))
    assert len(list(kept.read_in_steps(source.schema, 16))) == 3


def test_a_large_source_is_not_kept(source, monkeypatch):
    many = replace(source, n_events=1 << 30)
    assert keeping(many) is many
    heavy = replace(source, event_bytes={"met": 1e9})
    assert keeping(heavy) is heavy
    monkeypatch.setattr(module, "KEPT_BYTES", 0)
    assert keeping(source) is source
