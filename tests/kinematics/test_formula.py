"""Formulas: text and tree, values, and what is refused."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.errors import UsageError
from baler_vae.kinematics.formula import BLOCK, Formula, parse_formula
from baler_vae.kinematics.grammar import DEEPEST, FUNCTIONS, LONGEST

words = st.sampled_from(["px", "Jet_pt", "_x1", "class", "mass", "sin"])
names = st.one_of(words, st.text(min_size=1, max_size=6).map(lambda name: f"`{name.replace('`', '``')}`"))
numbers = st.floats(0, allow_infinity=False).map(repr)


def larger(texts):
    calls = st.sampled_from(sorted(FUNCTIONS)).flatmap(
        lambda name: st.lists(texts, min_size=FUNCTIONS[name][0], max_size=FUNCTIONS[name][1]).map(
            lambda arguments: f"{name}({','.join(arguments)})"
        )
    )
    return st.one_of(
        calls,
        st.tuples(texts, st.sampled_from("+-*/"), texts).map(" ".join),
        texts.map("({})".format),
        texts.map("- {}".format),
        st.tuples(texts, st.integers(-16, 16)).map(lambda pair: f"({pair[0]})**{pair[1]}"),
    )


formulas = st.recursive(st.one_of(names, numbers), larger, max_leaves=12)


def value_of(text, **columns):
    return parse_formula(text).evaluate({name: np.array([value]) for name, value in columns.items()})[0]


@given(formulas)
def test_the_text_of_a_formula_gives_it_back(text):
    formula = parse_formula(text)
    again = parse_formula(formula.text)
    assert again == formula
    assert again.tree == formula.tree
    assert again.text == formula.text


@given(formulas, st.data())
def test_formulas_take_any_values_and_give_the_same_bits_again(text, data):
    formula = parse_formula(text)
    dtypes = st.one_of(npst.floating_dtypes(endianness="="), npst.integer_dtypes(endianness="="), npst.boolean_dtypes())
    dtypes = dtypes.filter(lambda dtype: dtype.itemsize <= 8)
    arrays = {name: data.draw(dtypes.flatmap(lambda dtype: npst.arrays(dtype, 3))) for name in formula.names}
    results = formula.evaluate({**arrays, "one more": np.zeros(3)})
    assert results.shape == (3,)
    assert results.dtype == np.float64
    assert results.tobytes() == formula.evaluate({**arrays, "one more": np.zeros(3)}).tobytes()
    assert np.all(results[np.isnan(results)].view(np.uint64) == 0x7FF8_0000_0000_0000)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a+( b-c )-(d)", "a + (b - c) - d"),
        ("((a+b))+c", "a + b + c"),
        ("a*(b*c)/d", "a*(b*c)/d"),
        ("(a*b)*c", "a*b*c"),
        ("-(a*b)", "-(a*b)"),
        ("-a**2", "-a**2"),
        ("(-a)**2", "(-a)**2"),
        ("a - -b", "a - -b"),
        ("2.0*a**-2", "2*a**-2"),
        ("1e-5 + .5 + 1.e3 + 1e16", "1e-05 + 0.5 + 1000 + 1e+16"),
        ("`muons/px` + `plain` + `a``b`", "`muons/px` + plain + `a``b`"),
        ("lambda + sin\n*\tsin(sin)", "lambda + sin*sin(sin)"),
    ],
)
def test_canonical_text(text, canonical):
    assert parse_formula(text).text == canonical


def test_names_come_in_the_order_of_their_first_use():
    assert parse_formula("b + a*b - hypot(c, a)").names == ("b", "a", "c")
    assert parse_formula("1 + 1").names == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a - b - c", -4),
        ("a - (b - c)", 2),
        ("a/b/c", 1 / 6),
        ("2 + 3*4", 14),
        ("-b**2", -4),
        ("b**3", 8),
        ("b**-2", 0.25),
        ("b**0", 1),
        ("sqrt(-a)", 0),
        ("sqrt(b*b) + abs(-c)", 5),
        ("norm(c, 4)", 5),
        ("mass(5, c, 4)", 0),
        ("mass(13, c, 4)", 12),
        ("wrap(7)", 7 - 2 * np.pi),
        ("a/0", np.inf),
    ],
)
def test_values(text, value):
    assert value_of(text, a=1.0, b=2, c=np.float32(3)) == pytest.approx(value, rel=1e-15)


def test_rows_are_evaluated_in_blocks():
    rows = np.arange(2 * BLOCK + 5)
    assert np.array_equal(parse_formula("2*x + 1").evaluate({"x": rows}), 2.0 * rows + 1)
    assert np.array_equal(parse_formula("7").evaluate({"x": rows}), np.full(len(rows), 7.0))
    assert parse_formula("x").evaluate({"x": rows[:0]}).shape == (0,)
    assert parse_formula("7").evaluate({}).shape == (0,)


def test_columns_are_left_as_they_are():
    columns = {"x": np.array([1.0, np.nan]), "y": np.array([2.0, 3.0])}
    assert np.isnan(parse_formula("x").evaluate(columns)).tolist() == [False, True]
    parse_formula("x").evaluate(columns)[:] = 5
    parse_formula("x + y - x*y").evaluate(columns)
    assert columns["x"][0] == 1
    assert columns["y"].tolist() == [2, 3]


def test_a_missing_column_is_named():
    with pytest.raises(UsageError, match="'y'"):
        parse_formula("x + y").evaluate({"x": np.zeros(1)})


HOSTILE = [
    *("", " ", "x y", "x**y", "x**2**3", "x**17", "x**1.5", "x**(2)", "foo(x)", "sin()", "sin(x, y)", "hypot(x)"),
    *("1_0", "0x10", "2x", "1e", "1.2.3", "1e999", "(x", "x)", "sin(x", "+x", "x +", "x,y", "x.real", "x[0]"),
    *("x; y", "x if y else z", "'x'", "`", "``", "`x", "λ", "x\0", '__import__("os")', "x := 1", "#", "\udc80"),
    *(
        "-" * (LONGEST - 1) + "x",
        "(" * LONGEST,
        "sin(" * 900,
        "x" * (LONGEST + 1),
        "1" * LONGEST,
        "x+" * (LONGEST // 2),
    ),
    *("(" * DEEPEST + "-x" + ")" * DEEPEST, "x" + "+x" * 1999),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_other_texts_are_refused(text):
    with pytest.raises(UsageError):
        parse_formula(text)


@given(st.text(alphabet="x1.e-+*/(), `sinλ\n"))
def test_any_text_is_a_formula_or_refused(text):
    with contextlib.suppress(UsageError):
        assert isinstance(parse_formula(text), Formula)


def test_an_error_names_the_place_and_what_is_allowed():
    with pytest.raises(UsageError, match=r"'pt \+ foo\(x\)' fails at character 6: there is no function 'foo'.*atan2"):
        parse_formula("pt + foo(x)")


def test_the_largest_formulas_work():
    deep = "(" * DEEPEST + "x" + ")" * DEEPEST
    assert value_of(deep, x=2.0) == 2
    nested = "-(" * (DEEPEST // 2) + "x" + ")" * (DEEPEST // 2)
    assert value_of(nested, x=2.0) == -2
    assert value_of("+".join("x" * 1000), x=2.0) == 2000
    assert value_of("/".join("x" * 1900), x=1.0) == 1
