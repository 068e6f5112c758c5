"""Bounds: their texts, which columns they are for, and the numbers they become."""

import math
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.errors import UsageError
from baler_vae.table.bounds import (
    EXACT,
    FREE,
    Bound,
    BoundRule,
    ColumnLimits,
    assign_rules,
    bound_of_text,
    column_limits,
    parse_bound,
    resolve_bound,
)
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from tests.strategies import bounds as any_bounds

F4, F8, I4 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int32)
EVENTS = Group("events", (Column("met", F4), Column("nJet", I4), Column("pass", np.dtype(bool)), Column("tag", TEXT)))
JETS = Group("Jet", (Column("Jet_pt", F4), Column("Jet_id", I4), Column("x[0]", I4)), "nJet")
SCHEMA = Schema((EVENTS, JETS), (*EVENTS.names, *JETS.names), Origin("root"))
COLUMNS = {column.name: column for column in SCHEMA.columns}

positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False)
below_one = st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True)
bounds = any_bounds(positive, below_one, free=True)


@given(bounds)
def test_a_bound_comes_back_from_its_text(bound):
    assert bound_of_text(str(bound)) == bound
    rule = parse_bound(str(bound))
    assert resolve_bound(rule, COLUMNS["met"], ColumnLimits()) == bound
    assert parse_bound(f"a=b*={bound}") == BoundRule(rule.kind, rule.size, rule.floor, "a=b*", bound.dither)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("free", BoundRule("free")),
        (" Jet_* = exact ", BoundRule("exact", pattern="Jet_*")),
        ("abs:1e-3", BoundRule("abs", 0.001)),
        ("rel:0.001", BoundRule("rel", 0.001)),
        ("rel:0.001,floor:0.5", BoundRule("rel", 0.001, 0.5)),
        ("x=bits:12, floor:2", BoundRule("bits", 12.0, 2.0, "x")),
        ("bits:0", BoundRule("bits", 0.0)),
        ("range:0.01", BoundRule("range", 0.01)),
        ("bits:10,dither", BoundRule("bits", 10.0, dither=True)),
        ("x=rel:0.1, dither ,floor:2", BoundRule("rel", 0.1, 2.0, "x", dither=True)),
        ("range:0.01,dither", BoundRule("range", 0.01, dither=True)),
        ("default", BoundRule("default")),
        ("Jet_*=default,dither", BoundRule("default", pattern="Jet_*", dither=True)),
    ],
)
def test_bounds_are_read(text, rule):
    assert parse_bound(text) == rule


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (EXACT, "exact"),
        (Bound("abs", 1.0), "abs:1"),
        (Bound("abs", 1e-3), "abs:0.001"),
        (Bound("rel", 1e-3, 0.5), "rel:0.001,floor:0.5"),
        (Bound("bits", 12.0, 2.0**-13), "bits:12,floor:0.0001220703125"),
        (Bound("abs", 1e22), "abs:1e+22"),
        (Bound("bits", 10.0, dither=True), "bits:10,dither"),
        (Bound("rel", 1e-3, 0.5, dither=True), "rel:0.001,floor:0.5,dither"),
    ],
)
def test_texts_of_bounds(bound, text):
    assert bound.text == str(bound) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "=exact", "exact=", "bits", "abs", "x=loose", "FREE", "exact:1", "free:", ":1", "abs 1"),
        *("abs:1,floor:1", "range:1,floor:1", "exact,floor:1"),
        *("rel:0.1,floor:1,floor:2", "rel:0.1,roof:1", "rel:0.1,1"),
        *("dither", "bits:3,dither,dither", "bits:3,dithered", "default:3", "default,floor:1"),
    ],
)
def test_texts_that_are_no_bounds(text):
    with pytest.raises(UsageError, match=r"not a bound.*abs:0\.01"):
        parse_bound(text)


@pytest.mark.parametrize("number", ["0", "-1", "nan", "inf", "-inf", "", "one", "-0.0", "1e999", "1e-999"])
@pytest.mark.parametrize("form", ["abs:{}", "rel:{}", "range:{}", "rel:0.1,floor:{}", "x=bits:12,floor:{}"])
def test_numbers_that_no_bound_has(form, number):
    with pytest.raises(UsageError, match=r"must be a positive number.*Write, say,"):
        parse_bound(form.format(number))


@pytest.mark.parametrize("text", ["rel:1", "rel:2", "range:1"])
def test_relative_sizes_are_below_one(text):
    with pytest.raises(UsageError, match="must be less than 1"):
        parse_bound(text)


@pytest.mark.parametrize("number", ["-1", "53", "1.5", "nan", "", "9" * 5000, "²"])
def test_mantissa_bits_are_whole(number):
    with pytest.raises(UsageError, match="whole number from 0 to 52"):
        parse_bound(f"bits:{number}")


@pytest.mark.parametrize("text", ["range:0.1", "x=exact", "abs:0", "", "12", "default,dither", "exact,dither"])
def test_texts_that_are_no_explicit_bounds(text):
    with pytest.raises(ValueError, match=r"bound|number"):
        bound_of_text(text)


def test_what_bounds_promise():
    assert Bound("bits", 10.0).relative == 2.0**-11
    assert Bound("rel", 0.25, 2.0).relative == 0.25
    assert (Bound("abs", 0.25).relative, EXACT.relative, FREE.relative) == (0, 0, 0)
    assert (Bound("abs", 0.25).absolute, Bound("rel", 0.25, 2.0).absolute, EXACT.absolute) == (0.25, 2.0, 0)


def kinds(*texts):
    rules = assign_rules(SCHEMA, [parse_bound(text) for text in texts])
    assert tuple(rules) == SCHEMA.order
    return {name: rule.kind for name, rule in rules.items() if rule is not None}


def test_rules_are_for_floats_unless_a_name_says_otherwise():
    assert kinds() == {}
    assert kinds("abs:1") == {"met": "abs", "Jet_pt": "abs"}
    assert kinds("*=abs:1") == {"met": "abs", "Jet_pt": "abs"}
    assert kinds("nJe?=abs:1", "x[0]=abs:1") == {}
    assert kinds("Jet_id=abs:1", "pass=rel:0.1") == {"Jet_id": "abs", "pass": "rel"}
    assert kinds("Jet_id=abs:1", "*=bits:3") == {"met": "bits", "Jet_id": "abs", "Jet_pt": "bits"}
    assert kinds("Jet_id=abs:1", "Jet_i*=exact") == {"Jet_id": "exact"}
    assert kinds("Jet_id=abs:1", "Jet_id=range:0.1") == {"Jet_id": "range"}
    assert kinds("tag=exact") == {"tag": "exact"}
    assert kinds("free", "met=exact") == {"met": "exact", "Jet_pt": "free"}
    assert kinds("bits:3,dither") == kinds("*=bits:3,dither") == {"met": "bits", "Jet_pt": "bits"}


@given(st.lists(st.tuples(st.sampled_from((None, "*", "J*", "met", "Jet_pt")), bounds), max_size=5))
def test_the_last_rule_decides(asked):
    rules = [BoundRule(bound.kind, bound.size, bound.floor, pattern, bound.dither) for pattern, bound in asked]
    assigned = assign_rules(SCHEMA, rules)
    for name in ("met", "Jet_pt"):
        fitting = [rule for rule in rules if rule.pattern is None or fnmatchcase(name, rule.pattern)]
        assert assigned[name] == (fitting[-1] if fitting else None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Jet_id=free", "'Jet_id': only float columns.*found int32"),
        ("pass=free", "'pass': only float columns"),
        ("tag=abs:1", "'tag': text columns are always exact"),
        ("nJet=abs:1", "'nJet': counters are always exact"),
        ("Jet_px=exact", "no column matches.*'Jet_pt'"),
        ("Jet_id=abs:2,dither", "'Jet_id': only float columns can be dithered.*found int32"),
        ("pass=default,dither", "'pass': only float columns can be dithered"),
        ("tag=rel:0.1,dither", "'tag': only float columns can be dithered.*text"),
        ("nJet=abs:1,dither", "'nJet': only float columns can be dithered.*a counter"),
    ],
)
def test_rules_that_columns_cannot_have(text, message):
    with pytest.raises(UsageError, match=message):
        kinds(text)


def resolved(text, values, dtype=F8):
    values = np.array(values, dtype)
    return resolve_bound(None if text is None else parse_bound(text), Column("x", dtype), column_limits(values))


@pytest.mark.parametrize("text", ["exact,dither", "free,dither", "x=exact,dither"])
def test_what_has_no_steps_cannot_be_dithered(text):
    with pytest.raises(UsageError, match=r"has no steps that could be dithered.*bits:10,dither"):
        parse_bound(text)


def test_cells_of_arrays_cannot_be_dithered():
    image = Column("image", np.dtype("f4"), shape=(4, 4))
    schema = Schema((Group("events", (COLUMNS["met"], image)),), ("met", "image"), Origin("npz"))
    with pytest.raises(UsageError, match=r"'image': the cells of arrays cannot be dithered.*image=bits:12"):
        assign_rules(schema, [parse_bound("bits:10,dither")])
    assigned = assign_rules(schema, [parse_bound("bits:10,dither"), parse_bound("image=bits:12")])
    assert [rule.dither for rule in assigned.values() if rule is not None] == [True, False]


def test_the_default_has_a_name():
    limits = ColumnLimits(0.0, 4.0, 2.0)
    bound = resolve_bound(None, COLUMNS["met"], limits)
    assert resolve_bound(parse_bound("default"), COLUMNS["met"], limits) == bound
    assert resolve_bound(parse_bound("default,dither"), COLUMNS["met"], limits) == replace(bound, dither=True)
    assert resolve_bound(parse_bound("default,dither"), COLUMNS["met"], ColumnLimits(whole=True)) == EXACT
    assert resolve_bound(parse_bound("default"), COLUMNS["Jet_id"], limits) == EXACT
    assert resolve_bound(parse_bound("range:0.5,dither"), COLUMNS["met"], limits) == Bound("abs", 2.0, dither=True)


def test_the_default_keeps_twelve_bits():
    assert resolved(None, [-4.5, 0, 0, 1, math.nan, math.inf, 2]) == Bound("bits", 12, 2.0**-12)
    assert resolved(None, []) == resolved(None, [math.nan, math.inf]) == Bound("bits", 12)
    assert resolved(None, [5e-324]) == Bound("bits", 12)
    assert resolved(None, [1, 2], I4) == EXACT
    assert resolve_bound(None, COLUMNS["tag"], ColumnLimits()) == EXACT


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_floats_that_are_whole_numbers_only_are_exact_by_default(dtype):
    dtype = np.dtype(dtype)
    assert resolved(None, [1, 1000, -0.0, math.nan, math.inf, -7], dtype) == EXACT
    assert resolved(None, [1, 1000, -0.0, math.nan, math.inf, -7.5], dtype).kind == "bits"
    assert resolved("bits:10", [1, 1000], dtype) == Bound("bits", 10)


def test_ranges_become_numbers():
    assert resolved("range:0.25", [-3.0, 5, math.inf, math.nan]) == Bound("abs", 2.0)
    assert resolved("range:0.25", [-3, 5], I4) == Bound("abs", 2.0)
    assert resolved("range:0.25", [3.0, 3, math.inf]) == resolved("range:0.25", []) == EXACT
    largest = float(np.finfo(F8).max)
    assert resolved("range:0.25", [-largest, largest]) == Bound("abs", largest / 2)
    assert resolved("range:0.75", [-largest, largest]) == Bound("abs", largest)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "?", "i1", "u2", "i8", "u8"])
def test_limits_of_any_dtype(dtype):
    found = column_limits(np.array([1, 0, 1, 1], dtype))
    assert (found.minimum, found.maximum, found.median_abs) == (0, 1, 1)
    assert repr(column_limits(np.empty(0, dtype))) == repr(ColumnLimits())


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_limits_are_exact(values):
    found = column_limits(np.array([*values, math.inf, math.nan, -math.inf]))
    assert (found.minimum, found.maximum) == (min(values), max(values))
    sizes = sorted(abs(value) for value in values if value)
    if sizes:
        low, high = sizes[(len(sizes) - 1) // 2], sizes[len(sizes) // 2]
        assert low <= found.median_abs <= high
        assert found.median_abs == pytest.approx(low / 2 + high / 2)
    else:
        assert math.isnan(found.median_abs)
