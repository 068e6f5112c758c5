import numpy as np
import pytest

from baler_vae.evaluation.residuals import column_residuals
from baler_vae.report.wording import (
    column_unit,
    count,
    few,
    in_bounds,
    measured,
    number,
    percent,
    setting,
    signed,
    size,
    unit,
)

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (float("nan"), "\N{EN DASH}"),
        (float("-inf"), f"{MINUS}∞"),
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-225.0, f"{MINUS}225"),
        (5.2379, "5.24"),
        (0.0049876, "0.00499"),
        (99.96, "100"),
        (1234.56, "1,235"),
        (1.23e6, "1.23 \N{MULTIPLICATION SIGN} 10⁶"),
        (-4.2e-11, f"{MINUS}4.20 \N{MULTIPLICATION SIGN} 10⁻¹¹"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_signs_and_per_cent():
    assert signed(0.5) == "+0.500"
    assert signed(0) == "0"
    assert percent(None) == "\N{EN DASH}"
    assert percent(12.34, sign=True) == "+12.3 %"


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (174.7414, 0.0667, "174.741 ± 0.067"),
        (174.7414, 0.0999, "174.74 ± 0.10"),
        (12938.6, 146.9, "12,939 ± 147"),
        (-1.5, 2.0, f"{MINUS}1.5 ± 2.0"),
        (1.5, None, "1.50"),
        (None, None, "\N{EN DASH}"),
    ],
)
def test_measured_values_have_two_digits_of_their_error(value, error, text):
    assert measured(value, error) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(None, "\N{EN DASH}"), (0, "0 B"), (999, "999 B"), (1500, "1.50 kB"), (11_910_727, "11.9 MB"), (3e9, "3 GB")],
)
def test_sizes(n_bytes, text):
    assert size(n_bytes) == text


def test_counts_and_settings():
    assert [count(n, "row") for n in (0, 1, 1234)] == ["0 rows", "1 row", "1,234 rows"]
    assert setting("bits:10") == "bits:10"
    assert setting({"Jet_*": "bits:10", "k": None}) == '{"Jet_*": "bits:10", "k": null}'


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Jet_pt", "pt", "pt1", "muons/px", "E", "E1", "M", "mass", "Jet_emEnergy", "jetPt", "MET.et"], "GeV"),
        (["Jet_phi", "phi", "phi2", "muPhi", "dphi"], "rad"),
        (["eta", "Jet_eta", "beta", "script", "type", "Q", "name", "sample", "phase", "time", "weight"], ""),
    ],
)
def test_units_are_guessed_from_names(names, expected):
    assert {name: unit(name) for name in names} == dict.fromkeys(names, expected)


def test_counts_have_no_unit():
    zeros = np.zeros(1)
    assert column_unit(column_residuals("pt", zeros, zeros)) == "GeV"
    assert column_unit(column_residuals("pt", zeros.astype(int), zeros.astype(int))) == ""


def test_few_names():
    assert few(["a", "b", "c"]) == "a, b, c"
    assert few(["a", "b", "c", "d"]) == "a, b, c, …"


def test_a_deviation_is_not_rounded_to_its_bound():
    assert [in_bounds(value) for value in (0.5, 0.99951, 1.0, 1.0004, 2.0)] == ["0.500", "0.999", "1", "1.01", "2"]
    assert in_bounds(None) == number(None)
