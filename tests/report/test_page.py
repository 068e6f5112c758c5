from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from baler_vae.evaluation.evaluate import evaluate_tables
from baler_vae.evaluation.numbers import ArchiveSizes
from baler_vae.evaluation.tolerances import Failure
from baler_vae.report.columns import column_sections
from baler_vae.report.page import MOST_FIGURE_BYTES, render_page
from baler_vae.report.wording import measured
from tests.pages import HISTORY, ODD_NAME, RIVALS, SIZES, full_evaluation, small_evaluation, table

MINUS = "\N{MINUS SIGN}"
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """The elements, text and references of a page; fails where elements are not nested."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(" ".join(data.split()))

    def attributes(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def words(self):
        return " ".join(filter(None, self.text))


FAILURE = Failure("peak_position_percent", "Jet_mass", 2.0, 1.0, "Peak of Jet_mass: moved by 2 %, allowed 1 %")


def rendered(evaluation, **more):
    return Page(render_page(evaluation, title="t", subtitle="", **more))


def full_text():
    return render_page(
        full_evaluation(),
        title="A & B",
        subtitle="jets.root",
        settings={"model": "auto", "bounds": {ODD_NAME: "bits:10"}, "weights": {}},
        failures=[FAILURE],
        rivals=RIVALS,
        history=HISTORY,
    )


@pytest.fixture(scope="module")
def text():
    return full_text()


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_no_reference_leaves_the_page(page, text):
    identifiers = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    references = [
        attributes[name]
        for _, attributes in page.elements
        for name in ("href", "src", "xlink:href", "srcset", "data", "action")
        if name in attributes
    ]
    assert references
    for reference in references:
        assert reference.startswith("data:image/png;base64,") or (reference[0] == "#" and reference[1:] in identifiers)
    assert page.attributes("script") == [{}]
    assert not page.attributes("link", "img", "iframe", "object", "base")
    assert "@import" not in text
    assert "@font-face" not in text
    assert text.count("url(") == text.count("url(#")


def test_identifiers_are_unique(page):
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)


def test_its_parts_are_named_for_those_who_listen(page):
    assert page.attributes("html") == [{"lang": "en"}]
    assert len(page.attributes("h1")) == 1
    assert len(page.attributes("caption")) == len(page.attributes("table")) == 13
    assert all("scope" in attributes for attributes in page.attributes("th"))
    figures = page.attributes("svg")
    # the peak; three each for mass, phi, the odd column and the flag; text and NaN have none; two profiles of the mass;
    # three maps and a density; the training
    assert len(figures) == 1 + 3 * 4 + 2 + 3 + 1 + 1
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in figures)
    assert len(page.attributes("figcaption")) == len(page.attributes("figure"))


def test_it_says_what_was_found(page):
    words = page.words
    assert "A & B" in words
    assert "FAIL: 1 tolerance is exceeded Peak of Jet_mass: moved by 2 %, allowed 1 %" in words
    assert "5 times smaller 100 kB became 20 kB." in words
    assert "Peak of Jet_mass: moved by" in words
    assert "1 of 12,000 values in 2 columns of integers, flags or text differ. Changed: flag." in words
    assert "4,000" in words  # bytes of the model
    assert "20 %" in words  # its share
    assert 'bounds.<b>&" bits:10 weights {}' in words
    assert "Residuals are wrapped" in words


def test_the_user_s_text_is_escaped(page, text):
    assert ODD_NAME not in text
    assert not page.attributes("b")
    assert page.words.count(ODD_NAME) >= 3


def test_the_same_numbers_give_the_same_bytes(text):
    assert full_text() == text


def test_peaks_show_paired_errors_parameters_and_p_values(page):
    words = page.words
    shift = full_evaluation().peaks[0]
    moved = f"{shift.after.mean - shift.before.mean:.3f} ± 0.012"
    assert f"after {MINUS} before {moved}" in words
    assert "Errors of the differences from 100 toys that resample both together, of which 2 failed." in words
    value, error = shift.before.parameters["tilt"]
    assert f"tilt {measured(value, error)}" in words
    assert "p-value before" in words
    assert f"{shift.before.chi2:.0f} / {shift.before.n_dof} 0.420" in words
    assert "Gaussian on a straight line: least squares with equal weights" in words


def test_other_shapes_are_named():
    evaluation = small_evaluation()
    (shift,) = evaluation.peaks
    peak = replace(shift.peak, shape="breit-wigner", fit="unbinned", natural_width=2.4955)
    words = rendered(replace(evaluation, peaks=(replace(shift, peak=peak),))).words
    assert "Breit-Wigner smeared by a Gaussian (natural width 2.50) on a straight line: unbinned likelihood" in words


def test_cuts_tell_who_changes_sides(page):
    assert "Jet_mass > 150 rows 6,000 3,850 3,848 3 1 0.104 %" in page.words
    assert "at least 2 rows with Jet_mass > 100 events 1,500 900 900 0 0 0 %" in page.words


def test_joint_distributions_tell_what_changed_most(page):
    assert "Sliced Wasserstein distance over 3 columns: 0.0123 standard deviations; two random" in page.words
    assert "two random halves of the original: 0.00450." in page.words
    assert "Largest change of a correlation: +0.0300, of Jet_mass and Jet_phi." in page.words
    assert f"Largest change of mutual information: {MINUS}0.250 bits, of Jet_mass and {ODD_NAME}." in page.words


def test_a_sample_is_owned_up_to(page):
    assert "Rows: Jet 6,000 (sample 4,096)." in page.words


def test_rivals_stand_beside_the_archive(page):
    rows = "this archive 20 kB grid + pcodec 22 kB +10.0 % grid + zstd 24 kB +20.0 % truncation + xz 31 kB +55.0 %"
    assert rows in page.words
    tracks = [attributes["style"] for tag, attributes in page.elements if attributes.get("class") == "bar"]
    assert tracks == [f"width: {100 * n / 31:.4g}%" for n in (20, 22, 24, 31)]
    alone = rendered(small_evaluation())
    assert "this archive 20 kB" in alone.words
    assert "against ours" not in alone.words


@pytest.mark.parametrize(
    ("failures", "headline"),
    [([FAILURE], "FAIL: "), ([], "PASS: all tolerances are met, though"), (None, "No tolerances were judged")],
)
def test_tolerances_come_first(failures, headline):
    page = rendered(small_evaluation(), failures=failures)
    assert headline in page.words
    assert page.words.index(headline) < page.words.index("Exact columns")


def test_sections_are_folded_and_found_from_the_table(page):
    assert all("open" not in attributes for attributes in page.attributes("details"))
    targets = {attributes["href"] for attributes in page.attributes("a")}
    assert {f"#column-{number}" for number in range(1, 7)} <= targets


def test_of_many_columns_the_worst_are_drawn():
    rng = np.random.default_rng(3)
    original = {f"c{number}": rng.normal(size=50) for number in range(60)}
    restored = {name: values + 1e-3 * (int(name[1:]) % 7 == 0) for name, values in original.items()}
    page = rendered(evaluate_tables((table(**original),), (table(**restored),)))
    assert len([name for name in page.attributes("figure") if name.get("id", "").startswith("column-")]) == 40
    linked = {attributes["href"] for attributes in page.attributes("a") if attributes["href"].startswith("#column-")}
    assert len(linked) == 40
    assert "20 of 60 columns have no figures here" in page.words
    left_out = page.words.split("relative to their bounds. ")[1].split(" ")[0:20]
    assert not {f"c{number}" for number in range(0, 60, 7)} & {name.strip(",") for name in left_out}


def test_figures_stay_within_their_bytes():
    rng = np.random.default_rng(3)
    original = {f"c{number}": rng.normal(size=2000) for number in range(6)}
    restored = {name: values + rng.normal(scale=0.1, size=2000) for name, values in original.items()}
    evaluation = evaluate_tables((table(**original),), (table(**restored),))
    evaluation = replace(evaluation, statistics={}, groups=())
    everything = column_sections(evaluation, MOST_FIGURE_BYTES)[0]
    assert len(everything) == 6
    half = sum(section.n_bytes for section in everything) // 2
    drawn, undrawn = column_sections(evaluation, half)
    assert sum(section.n_bytes for section in drawn) <= half
    assert (len(drawn), len(undrawn)) in {(2, 4), (3, 3)}


def test_without_sizes_peaks_and_settings_their_sections_are_left_out():
    evaluation = evaluate_tables(*[(table(x=np.arange(5.0)),)] * 2)
    page = Page(render_page(evaluation, title="t", subtitle=""))
    assert "Sizes" not in page.text
    assert "Peaks" not in page.text
    assert "Settings" not in page.text
    assert "All 5 values in 1 column of floats came back exactly." in page.words


def test_sizes_may_be_known_in_part():
    words = Page(render_page(small_evaluation(sizes=ArchiveSizes(archive_bytes=5)), title="t", subtitle="")).words
    assert "archive 5 5 B" in words
    assert "original / archive" not in words


def test_models_that_were_compared_are_told():
    page = Page(render_page(small_evaluation(), title="t", subtitle=""))
    assert "events independent 700 Jet vae 21,000 19,300 18,100" in page.words
    without = render_page(small_evaluation(sizes=replace(SIZES, candidates=())), title="t", subtitle="")
    assert "kind of model" in page.words
    assert "kind of model" not in Page(without).words


def test_a_failed_fit_is_said_in_the_verdict_and_in_the_table():
    words = Page(render_page(small_evaluation(smear=1000), title="t", subtitle="")).words
    assert "Peak of Jet_mass: Fit after compression failed: " in words
    assert "fit failed: " in words


def test_tables_without_rows_have_a_page():
    evaluation = evaluate_tables(*[(table(x=np.empty(0), n=np.empty(0, int)),)] * 2)
    assert "no finite numbers" in Page(render_page(evaluation, title="t", subtitle="")).words
