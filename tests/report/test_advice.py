"""Advice and comparisons as tables and pictures."""

import io
import json
import math
from dataclasses import replace
from xml.etree import ElementTree as ET

from rich.console import Console

from baler_vae.evaluation.advice import Advice, Candidate, ColumnAdvice
from baler_vae.evaluation.comparison import Compared, ComparedColumn, ComparedPeak, Comparison
from baler_vae.evaluation.effect import Effect
from baler_vae.report.advice import advice_figure, advice_lines, advice_table
from baler_vae.report.comparison import archives_table, rate_distortion_figure, residuals_table, shifts_table

ODD_NAME = '<b>&"$x_1$ 日本'
SVG = "{http://www.w3.org/2000/svg}"


def candidate(bits, in_errors):
    return Candidate(f"bits:{bits},floor:0.1", 1000.0 * bits, (Effect(ODD_NAME, "mean", in_errors),))


COLUMN = ColumnAdvice(
    name=ODD_NAME,
    group="events",
    dtype="float32",
    n_rows=1000,
    bound="bits:9,floor:0.1",
    n_bytes=9000.0,
    exact_bytes=18_000.0,
    written_as="decimals: 2 digits",
    limit=Effect(ODD_NAME, "mean", math.inf),
    candidates=(candidate(8, math.inf), candidate(9, 0.005), candidate(10, 0.0)),
)
CONSTANT = replace(COLUMN, name="zero", bound="exact", n_bytes=0.0, limit=None, candidates=(), written_as=None)
ADVICE = Advice(
    part=0.01,
    n_rows={"events": 5000},
    n_sampled={"events": 1000},
    columns=(COLUMN, CONSTANT),
    joint=(Effect(ODD_NAME, "mean", 0.005),),
    skipped=("peak of m: no row lies in the window",),
    others=("n=exact",),
    original_bytes=40_000.0,
    other_bytes=500.0,
    fitted_bytes=7_000.0,
    fitted_rows=800,
)
PEAK = ComparedPeak("m", (80.0, 102.0), 0.01, -0.2, 0.1, -0.3)
ARCHIVE = Compared(
    name="a.bvae",
    archive_bytes=1000,
    original_bytes=4000,
    model_kind="independent",
    n_rows=100,
    n_values=300,
    columns=(
        ComparedColumn(ODD_NAME, "float32", "bits:9", 800, 90, 0.5, 0.25, 2.0),
        ComparedColumn("constant", "float64", "bits:9", None, 0, 0.0, 0.0, 0.0),
        ComparedColumn("text", "text", "exact", 10, 0, None, None, None),
    ),
    peaks=(PEAK, replace(PEAK, window=(2.0, 4.0), position_percent=None, position_in_errors=None)),
)


def printed(*tables):
    console = Console(width=200, record=True, file=io.StringIO())
    for table in tables:
        console.print(table)
    return console.export_text()


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_advice_in_words():
    assert COLUMN.worst == 0.005
    assert COLUMN.note == "written as decimals: 2 digits: exact would take 100 % more"
    assert ADVICE.bounds == ("n=exact", f"{ODD_NAME}=bits:9,floor:0.1", "zero=exact")
    assert ADVICE.independent_bytes == 9500
    text = printed(advice_table(ADVICE))
    assert "0.500 %" in text
    assert "by ∞" in text
    lines = "\n".join(advice_lines(ADVICE))
    assert (
        "about 9.50 kB of 40 kB, each column by itself; about 7 kB with networks, according to a fit to 800 rows"
        in lines
    )
    assert "1,000 of 5,000 events" in lines
    assert "not examined: peak of m" in lines
    assert "nothing moves" in advice_lines(replace(ADVICE, joint=()))[0]


def test_advice_as_json_has_no_infinity():
    document = json.loads(json.dumps(ADVICE.to_dict(), allow_nan=False))
    assert document["columns"][0]["limit"]["in_errors"] is None
    assert document["bounds"] == list(ADVICE.bounds)


def test_advice_as_a_picture():
    shown = texts(advice_figure(ADVICE))
    assert f"{ODD_NAME}: bits:9" in shown
    assert {"8", "9", "10", "mantissa bits"} <= set(shown)
    assert not any(text.startswith("zero") for text in shown)
    assert advice_figure(ADVICE) == advice_figure(ADVICE)
    ET.fromstring(advice_figure(replace(ADVICE, columns=(CONSTANT,))))


def test_a_comparison_in_numbers():
    assert ARCHIVE.ratio == 4
    assert ARCHIVE.bits_per_row == 80
    assert ARCHIVE.rms_in_widths == 0.125
    assert ARCHIVE.largest_in_widths == 0.25
    assert ARCHIVE.peak_in_errors == 0.3
    comparison = Comparison(
        against="in.root", archives=(replace(ARCHIVE, bound="bits:9"),), rivals={"bits:9": {"zstd": 2000}}
    )
    text = printed(archives_table(comparison), shifts_table(comparison), residuals_table(comparison))
    assert "zstd, bits:9" in text
    assert "in latents" in text
    lines = text.splitlines()
    shifts = [lines[lines.index(f"m in {window}") + 1].split() for window in ("80 to 102", "2 to 4")]
    assert shifts[0] == ["a.bvae", "+0.0100", "%", "+0.100", "-0.200", "%", "-0.300"]
    assert shifts[1][1:3] == ["\N{EN DASH}", "\N{EN DASH}"]
    json.dumps(comparison.to_dict(), allow_nan=False)


def test_a_comparison_as_a_picture():
    finer = replace(ARCHIVE, name="b.bvae", archive_bytes=1500)
    exact = replace(ARCHIVE, name="exact.bvae", columns=ARCHIVE.columns[1:], peaks=())
    shown = texts(rate_distortion_figure(Comparison(against="in.root", archives=(ARCHIVE, finer, exact), rivals={})))
    assert {"a.bvae", "b.bvae", "largest shift of a peak in errors"} <= set(shown)
    shown = texts(rate_distortion_figure(Comparison(against="in.root", archives=(exact,), rivals={})))
    assert "largest shift of a peak in errors" not in shown
