from html.parser import HTMLParser

import numpy as np
import pytest

from baler_vae.errors import OutputError
from baler_vae.evaluation.evaluate import evaluate_tables
from baler_vae.report.page import render_page, write_page
from baler_vae.table.schema import TEXT, Column, Group
from baler_vae.table.table import Table

ODD_NAME = '<b>&"'
SIZES = {
    "original_bytes": 100_000,
    "archive_bytes": 20_000,
    "model_bytes": 4000,
    "latents_bytes": 1000,
    "codes_bytes": 14_000,
    "metadata_bytes": 1000,
    "candidates": [
        {"group": "events", "kind": "independent", "bytes": {"independent": 700}, "fitted_bytes": None},
        {"group": "Jet", "kind": "vae", "bytes": {"independent": 21_000, "vae": 19_300}, "fitted_bytes": 18_100},
    ],
}
VOID = {"meta", "br", "img", "link", "input", "hr"}


def table(**arrays):
    columns = tuple(Column(name, array.dtype) for name, array in arrays.items())
    return Table(Group("Jet", columns), arrays)


def example(*, smear=1.0, sizes=SIZES):
    rng = np.random.default_rng(0)
    masses = np.concatenate([rng.normal(172, 6, 3000), rng.uniform(100, 225, 3000)])
    n = len(masses)
    original = {
        "Jet_mass": masses,
        "Jet_phi": rng.uniform(-np.pi, np.pi, n).astype(np.float32),
        ODD_NAME: rng.normal(size=n),
        "flag": rng.random(n) < 0.5,
        "text": np.full(n, "a", TEXT),
        "nan": np.full(n, np.nan),
    }
    restored = {name: array.copy() for name, array in original.items()}
    restored["Jet_mass"] += rng.normal(0, smear, n)
    restored["Jet_phi"] *= np.float32(0.99)
    restored[ODD_NAME][0] += 1
    restored["flag"][7] ^= True
    return evaluate_tables((table(**original),), (table(**restored),), sizes=sizes)


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


@pytest.fixture(scope="module")
def text():
    return render_page(
        example(),
        title="A & B",
        subtitle="jets.root",
        settings={"model": "auto", "bounds": {ODD_NAME: "bits:10"}},
    )


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
    assert all(reference[0] == "#" and reference[1:] in identifiers for reference in references)
    assert not page.attributes("script", "link", "img", "iframe", "object", "base")
    assert "@import" not in text
    assert "@font-face" not in text
    assert text.count("url(") == text.count("url(#")


def test_identifiers_are_unique(page):
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)


def test_its_parts_are_named_for_those_who_listen(page):
    assert page.attributes("html") == [{"lang": "en"}]
    assert len(page.attributes("h1")) == 1
    assert len(page.attributes("caption")) == len(page.attributes("table")) == 5
    assert all("scope" in attributes for attributes in page.attributes("th"))
    figures = page.attributes("svg")
    # the peak; three each for mass, phi, the odd column and the flag; text and NaN have none
    assert len(figures) == 1 + 3 * 4
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in figures)
    assert len(page.attributes("figcaption")) == len(page.attributes("figure"))


def test_it_says_what_was_found(page):
    words = page.words
    assert "A & B" in words
    assert "The archive is 5 times smaller than the original: 100 kB became 20 kB." in words
    assert "Peak of Jet_mass: moved by" in words
    assert "1 of 12,000 values in 2 columns of integers, flags or text differ: flag." in words
    assert "4,000" in words  # bytes of the model
    assert "20 %" in words  # its share
    assert '{"<b>&\\"": "bits:10"}' in words
    assert "Residuals are wrapped" in words


def test_the_user_s_text_is_escaped(page, text):
    assert ODD_NAME not in text
    assert not page.attributes("b")
    assert page.words.count(ODD_NAME) >= 3


def test_the_same_numbers_give_the_same_bytes(text):
    again = render_page(
        example(), title="A & B", subtitle="jets.root", settings={"model": "auto", "bounds": {ODD_NAME: "bits:10"}}
    )
    assert again == text


def test_without_sizes_peaks_and_settings_their_sections_are_left_out():
    evaluation = evaluate_tables(*[(table(x=np.arange(5.0)),)] * 2)
    page = Page(render_page(evaluation, title="t", subtitle=""))
    assert "Sizes" not in page.text
    assert "Peaks" not in page.text
    assert "Settings" not in page.text
    assert "All 5 values in 1 column of floats came back exactly." in page.words


def test_sizes_may_be_known_in_part():
    words = Page(render_page(example(sizes={"archive_bytes": 5}), title="t", subtitle="")).words
    assert "archive 5 5 B" in words
    assert "original / archive" not in words


def test_models_that_were_compared_are_told():
    page = Page(render_page(example(), title="t", subtitle=""))
    assert "events independent 700 Jet vae 21,000 19,300 18,100" in page.words
    without = render_page(example(sizes={**SIZES, "candidates": []}), title="t", subtitle="")
    assert "kind of model" in page.words
    assert "kind of model" not in Page(without).words


def test_a_failed_fit_is_said_in_the_verdict_and_in_the_table():
    words = Page(render_page(example(smear=1000), title="t", subtitle="")).words
    assert "Peak of Jet_mass: Fit after compression failed: " in words
    assert "fit failed: " in words


def test_tables_without_rows_have_a_page():
    evaluation = evaluate_tables(*[(table(x=np.empty(0), n=np.empty(0, int)),)] * 2)
    assert "no finite numbers" in Page(render_page(evaluation, title="t", subtitle="")).words


def test_it_is_written_whole_and_never_over_another_file_unasked(tmp_path, text):
    path = tmp_path / "page.html"
    arguments = {"title": "A & B", "subtitle": "jets.root"}
    write_page(path, example(), **arguments)
    assert path.read_text("utf-8") == render_page(example(), **arguments)
    with pytest.raises(OutputError, match="exists already"):
        write_page(path, example(), **arguments)
    write_page(path, example(sizes=None), **arguments, force=True)
    assert "Sizes" not in Page(path.read_text("utf-8")).text
    assert list(tmp_path.iterdir()) == [path]
