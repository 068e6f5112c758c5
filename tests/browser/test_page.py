"""The page as a browser shows it."""

import json

import pytest

from baler_vae.evaluation.tolerances import Failure
from baler_vae.report.page import render_page
from baler_vae.report.pdf import print_page
from tests.pages import HISTORY, ODD_NAME, RIVALS, full_evaluation

NAMES = "Array.from(document.querySelectorAll('#columns-table tbody tr:not([hidden]) th'), h => h.dataset.order)"
TOLERANCE = Failure("peak_position_percent", "Jet_mass", 2.0, 1.0, "Peak of Jet_mass: moved by 2 %, allowed 1 %")


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    settings = {"bound": ["bits:10"], "model": {"kind": "auto"}, "long": "x" * 500}
    text = render_page(
        full_evaluation(),
        title="jets.bvae",
        subtitle="jets.bvae against a-file-with-a-rather-long-name-in-a-folder/zprime_jets.root:Events",
        settings=settings,
        failures=[TOLERANCE],
        rivals=RIVALS,
        history=HISTORY,
    )
    path.write_text(text, "utf-8")
    return path


def heading(label, of=None):
    """An expression that finds a button of the table's head."""
    place = f"[title*={json.dumps(of)}]" if of else ""
    buttons = f"Array.from(document.querySelectorAll('th{place} button'))"
    return f"{buttons}.find(b => b.textContent === {json.dumps(label)})"


def test_nothing_is_asked_of_a_network_and_nothing_goes_wrong(tab, page):
    tab.open(page, width=1280)
    assert tab.run("document.title") == "jets.bvae"
    requests = [event["request"]["url"] for event in tab.of("Network.requestWillBeSent")]
    assert requests[0] == page.as_uri()
    assert all(url.startswith(("file:", "data:")) for url in requests)
    assert tab.of("Runtime.exceptionThrown") == tab.of("Runtime.consoleAPICalled") == []
    assert tab.of("Log.entryAdded") == []


def test_a_request_would_be_seen_and_is_refused(tab, page, tmp_path):
    tampered = tmp_path / "page.html"
    tampered.write_text(page.read_text("utf-8").replace("</main>", '<img src="http://127.0.0.1:9/x.png"></main>'))
    tab.open(tampered, width=1280)
    assert [event for event in tab.of("Log.entryAdded") if "Content Security Policy" in event["entry"]["text"]]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("opened", [False, True])
def test_nothing_stands_out_at_the_side(tab, page, width, opened, tmp_path):
    tab.open(page, width=width)
    if opened:
        tab.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert tab.run("innerWidth") == width  # a small screen would show a wider page smaller
    assert tab.run("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    tab.picture(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 20_000


def test_buttons_of_the_head_sort(tab, page):
    tab.open(page, width=1280)
    before = tab.run(NAMES)
    tab.run(heading("largest") + ".click()")
    assert tab.run(NAMES)[:2] == ["Jet_mass", ODD_NAME]
    assert tab.run(NAMES)[-2:] == ["text", "nan"]  # without a number, in the order they had
    assert tab.run("document.querySelectorAll('[aria-sort]').length") == 1
    assert tab.run(heading("largest") + ".closest('th').ariaSort") == "descending"
    tab.run(heading("largest") + ".click()")
    assert tab.run(heading("largest") + ".closest('th').ariaSort") == "ascending"
    assert tab.run(NAMES)[-3:] == ["Jet_mass", "text", "nan"]
    tab.run(heading("column") + ".click()")
    assert sorted(tab.run(NAMES)) == sorted(before)
    assert [name for name in tab.run(NAMES) if name[0] != "<"] == ["flag", "Jet_mass", "Jet_phi", "nan", "text"]


def test_the_keyboard_sorts_as_well(tab, page):
    tab.open(page, width=1280)
    tab.run("document.getElementById('filter').focus()")
    for _ in range(3):  # the field, the region that scrolls, its first button
        if tab.run("document.activeElement.tagName") == "BUTTON":
            break
        tab.press("Tab", 9)
    assert tab.run("document.activeElement.textContent") == "column"
    tab.press("Enter", 13)
    assert tab.run("document.activeElement.closest('th').ariaSort") == "ascending"
    tab.press("Tab", 9)
    tab.press(" ", 32)
    assert tab.run("document.activeElement.closest('th').ariaSort") == "descending"
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_field_filters_by_name_type_and_bound(tab, page):
    tab.open(page, width=1280)
    label = "document.querySelector('label:has(#filter)').innerText"
    assert tab.run(label).startswith("Filter columns")
    field = "document.getElementById('filter')"
    type_in = f"(text => {{ {field}.value = text; {field}.dispatchEvent(new Event('input')); }})"
    for text, names in (
        ("JET_", ["Jet_mass", "Jet_phi"]),
        ("float32", ["Jet_phi"]),
        ("jet abs:5", ["Jet_mass"]),
        ("no such column", []),
        ("", ["Jet_mass", "Jet_phi", ODD_NAME, "flag", "text", "nan"]),
    ):
        tab.run(f"{type_in}({json.dumps(text)})")
        assert tab.run(NAMES) == names
        assert tab.run("document.getElementById('shown').textContent") == f"{len(names)} of 6 shown"


def test_a_name_in_the_table_opens_its_section(tab, page):
    tab.open(page, width=1280)
    assert tab.run("document.querySelectorAll('#distributions details[open]').length") == 0
    tab.run("document.querySelector('#columns-table th a').click()")
    tab.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found = "Array.from(document.querySelectorAll('#distributions details[open] h3'), h => h.textContent)"
    assert tab.run(found) == ["Jet_mass"]


def test_all_sections_open_and_fold(tab, page):
    tab.open(page, width=1280)
    n_open = "document.querySelectorAll('#distributions details[open]').length"
    tab.run("document.getElementById('toggle').click()")
    assert tab.run(n_open) == 6
    assert tab.run("document.getElementById('toggle').textContent") == "Fold all"
    tab.run("document.getElementById('toggle').click()")
    assert tab.run(n_open) == 0


def test_it_reads_without_scripts(tab, page):
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.open(page, width=1280)
    document = tab.call("DOM.getDocument")["root"]["nodeId"]

    def count(selector):
        return len(tab.call("DOM.querySelectorAll", nodeId=document, selector=selector)["nodeIds"])

    assert count("#columns-table tbody tr") == 6
    assert count("th button") == 0  # nothing that would do nothing
    assert count(".tools:not([hidden])") == 0


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(tab, page, dark):
    """The contrast of the Web Content Accessibility Guidelines, level AA: 4.5."""
    tab.open(page, width=1280, dark=dark)
    contrast = """((texts, grounds) => {
      const root = getComputedStyle(document.documentElement);
      const light = name => {
        const hex = root.getPropertyValue(name).trim().replace(/^#(.)(.)(.)$/, '#$1$1$2$2$3$3');
        const parts = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16) / 255);
        const [r, g, b] = parts.map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return Math.min(...texts.flatMap(t => grounds.map(g => ratio(light(t), light(g)))));
    })"""
    colours = ["--ink", "--quiet", "--link", "--good", "--bad"], ["--ground", "--panel", "--good-panel", "--bad-panel"]
    assert tab.run(f"{contrast}(...{json.dumps(colours)})") >= 4.5
    is_dark = tab.run("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert is_dark == dark


def test_everything_that_can_be_reached_has_a_name(tab, page):
    tab.open(page, width=1280)
    tab.call("Accessibility.enable")
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    found = {}
    for node in nodes:
        role = node.get("role", {}).get("value")
        if not node.get("ignored") and role in {"button", "link", "image", "searchbox", "region", "table", "heading"}:
            found.setdefault(role, []).append(node.get("name", {}).get("value", ""))
    assert set(found) == {"button", "link", "image", "searchbox", "region", "table", "heading"}
    assert all(all(names) for names in found.values())


def test_all_sections_are_open_in_print(tab, page):
    tab.open(page, width=1280)
    state = "document.querySelectorAll('details:not([open])').length"
    n_folded = tab.run(state)
    tab.run(f"addEventListener('beforeprint', () => {{ window.folded = {state}; }})")
    tab.call("Page.printToPDF")
    assert tab.run("window.folded") == 0
    assert tab.run(state) == n_folded > 0


def test_a_page_is_printed(chromium, page, tmp_path):
    pdf = tmp_path / "report.pdf"
    print_page(page, pdf)
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    assert list(tmp_path.iterdir()) == [pdf]


def test_the_record_fits_a_small_screen(tab, page):
    tab.open(page, width=390)
    assert tab.run("document.querySelectorAll('#record .bad-line').length") == 1
    wide = (
        "Array.from(document.querySelectorAll('#record > .scroll')).filter(d => d.scrollWidth > d.clientWidth).length"
    )
    assert tab.run(wide) == 0
