"""Which columns must be known before which."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.archive.manifest import ColumnEntry, GridEntry, GroupEntry
from baler_vae.codec.dependencies import check_model
from baler_vae.entropy.tables import FrequencyTable
from baler_vae.grid.grids import grid_of
from baler_vae.kinematics.formula import parse_formula
from baler_vae.model.coders import TABLE, Coder
from baler_vae.model.columns import Coded, Networked, Plain
from baler_vae.model.conditional import Input
from baler_vae.model.group import GroupModel
from baler_vae.model.order import in_order

from .conditionals import alphabet_of, conditional_of

GRID = grid_of("step", {"step": 0.5})
VIEW = alphabet_of(4)
EVENT_NAMES = ("met", "n", "text")


def own():
    return Coded(grid=GRID, coder=Coder(FrequencyTable(VIEW, np.zeros(VIEW.n_symbols, np.uint8))))


def seeing(*inputs, formula=None):
    text = None if formula is None else parse_formula(formula)
    return Networked(grid=GRID, conditional=conditional_of(inputs), formula=text)


def differing(formula):
    return Coded(grid=GRID, coder=own().coder, formula=parse_formula(formula), predicted=True)


def group_of(views=(), **columns):
    return GroupModel(columns=columns, views=dict.fromkeys(views, VIEW))


def entry(name, dtype, coding, grid):
    return ColumnEntry(
        name=name, dtype=dtype, title="", typename="", implied=False, bound="exact", coding=coding, grid=grid,
        formula=None, predicted=False, original_bytes=0,
    )  # fmt: skip


STEP = GridEntry(kind="step", parameters={"step": 0.5})
EVENTS = GroupEntry(
    name="events",
    counter=None,
    columns=(
        entry("met", "float32", TABLE, STEP),
        entry("n", "int32", TABLE, STEP),
        entry("text", "text", "text-1", None),
    ),
    latents=None,
)


def test_columns_come_after_those_that_they_need():
    model = group_of(a=seeing(Input(2)), b=own(), c=seeing(Input(1), Input(1, 2)), d=differing("a + met"))
    check_model(model, EVENTS, {})
    assert model.needed("abcd") == ("b", "c", "a", "d")
    assert model.needed("a") == ("b", "c", "a")
    assert model.closure("c") == {"b", "c"}
    assert model.event_columns("abc", EVENT_NAMES) == set()
    assert model.event_columns("d", EVENT_NAMES) == {"met"}
    assert model.looks_back
    assert not group_of(a=own(), b=seeing(Input(0))).looks_back


def test_objects_before_may_be_those_of_any_column():
    """All columns of one rank are known before the next one is read."""
    model = group_of(a=seeing(Input(1, 1), Input(0, 2)), b=seeing(Input(0)))
    check_model(model, EVENTS, {})
    assert model.needed("a") == ("a", "b")
    assert model.needed("b") == ("a", "b")
    assert model.parents("a") == {"b"}
    assert model.parents("a", same_row=True) == set()


@pytest.mark.parametrize(
    "columns",
    [
        {"a": seeing(Input(0))},
        {"a": seeing(Input(1)), "b": seeing(Input(0))},
        {"a": seeing(Input(1)), "b": seeing(Input(2)), "c": seeing(Input(0))},
        {"a": differing("b"), "b": differing("a")},
        {"a": differing("2 * b"), "b": seeing(Input(0))},
        {"a": own(), "b": seeing(Input(0), Input(2)), "c": differing("b")},
    ],
)
def test_columns_that_depend_on_each_other_are_refused(columns):
    with pytest.raises(ValueError, match="depend on each other"):
        check_model(group_of(range(3), **columns), EVENTS, {})


def test_events_are_seen_by_number():
    model = group_of([1, 2], a=seeing(Input(1), Input(-1, 0, 0)))
    check_model(model, EVENTS, {})
    assert model.event_columns("a", EVENT_NAMES) == {"met"}
    assert model.first_event_source == 1
    with pytest.raises(ValueError, match="has an input that does not exist"):
        group_of([4], a=seeing(Input(4))).event_columns("a", EVENT_NAMES)


PLAIN = Plain(coding="pcodec-1")
TEXT = Plain(coding="text-1")


@pytest.mark.parametrize(
    ("model", "events", "words"),
    [
        (group_of([3], a=seeing(Input(3))), EVENTS, "no codes"),  # the text of the events
        (group_of([4], a=seeing(Input(4))), EVENTS, "does not exist"),
        (group_of([1], a=seeing(Input(1))), None, "does not exist"),
        (group_of(a=seeing(Input(1))), EVENTS, "no codes"),  # an event column without a view
        (group_of(a=seeing(Input(-1, 0, 0))), None, "no codes"),  # no place without events
        (group_of(a=seeing(Input(-2))), EVENTS, "no codes"),  # no formula
        (group_of(a=seeing(Input(1)), b=PLAIN), EVENTS, "no codes"),
        (group_of([1], a=seeing(Input(1)), b=PLAIN), EVENTS, "no codes"),
        (group_of(a=seeing(Input(1)), b=differing("met")), EVENTS, "no codes"),  # differences are no codes to see
        (group_of(a=differing("text")), EVENTS, "no codes"),
        (group_of(a=differing("other")), EVENTS, "is missing"),
        (group_of(a=differing("met")), None, "is missing"),
        (group_of(a=differing("b"), b=TEXT), EVENTS, "reads a column that it must not"),
        (group_of(a=differing("1 + 2")), EVENTS, "reads a column that it must not"),
        (group_of(a=differing("a")), EVENTS, "depend|reads what"),
    ],
)
def test_what_cannot_be_decoded_is_refused(model, events, words):
    with pytest.raises(ValueError, match=words):
        check_model(model, events, {})


def test_a_network_of_no_column_is_refused():
    with pytest.raises(ValueError, match="do not match"):
        check_model(group_of(a=own()), EVENTS, {7: conditional_of([Input(0)])})


def test_plain_columns_may_be_read_by_formulas():
    check_model(group_of(a=differing("b + met"), b=PLAIN), EVENTS, {})


NAMES = "abcdefgh"


@given(st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES))), st.sets(st.sampled_from(NAMES)))
def test_an_order_is_found_where_there_is_one(drawn, wanted):
    parents = {name: drawn.get(name, set()) for name in NAMES}
    closure, grown = set(), wanted
    while grown != closure:
        closure, grown = grown, grown.union(*(parents[name] for name in grown))
    left = set(closure)
    while ready := {name for name in left if not parents[name] & left}:
        left -= ready
    if left:
        with pytest.raises(ValueError, match="depend on each other"):
            in_order(NAMES, closure, parents)
        return
    ordered = in_order(NAMES, closure, parents)
    assert sorted(ordered) == sorted(closure)
    assert all(ordered.index(parent) < ordered.index(name) for name in ordered for parent in parents[name])


def test_a_long_chain_needs_no_deep_stack():
    names = [f"c{i}" for i in range(20_000)]
    parents = {name: {before} for name, before in pairwise(names)} | {names[-1]: set()}
    assert in_order(names, set(names), parents) == tuple(reversed(names))
