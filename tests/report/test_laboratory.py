"""The page of the laboratory: sections come, stay and are replaced."""

import pytest

from baler_vae.errors import OutputError
from baler_vae.report.laboratory import Table, check_page, section_of, write_section

LATENTS = section_of(
    "latents",
    "Latents of <Jet>",
    sentences=["2 of 3 latents are active & used."],
    tables=[Table("Latents", ["latent", "KL"], [["0", "1.5"], ["1 <", "0.2"]])],
    figures=['<svg role="img" aria-label="a"><path d="M0 0"/></svg>'],
)
SCORES = section_of("scores", "Scores", sentences=["AUC 0.9."])


def test_a_section_is_escaped_but_for_its_figures(tmp_path):
    write_section(tmp_path / "lab.html", LATENTS)
    text = (tmp_path / "lab.html").read_text("utf-8")
    assert "<h2>Latents of &lt;Jet&gt;</h2>" in text
    assert "<p>2 of 3 latents are active &amp; used.</p>" in text
    assert '<th scope="row">1 &lt;</th><td>0.2</td>' in text
    assert '<figure><svg role="img" aria-label="a"><path d="M0 0"/></svg></figure>' in text
    assert "http:" not in text
    assert "https:" not in text


def test_lines_of_a_terminal_become_sentences():
    said = section_of("x", "X", sentences=["drawn again: 3", "nJet is left out", "x_1 is", "How many? 2.", "Done"]).body
    for text in ("Drawn again: 3.", "nJet is left out.", "x_1 is.", "How many? 2.", "Done."):
        assert f"<p>{text}</p>" in said


def test_sections_are_added_and_replaced(tmp_path):
    page = tmp_path / "lab.html"
    write_section(page, LATENTS)
    write_section(page, SCORES)
    both = page.read_bytes()
    write_section(page, LATENTS)
    assert page.read_bytes() == both
    assert both.index(b'id="latents"') < both.index(b'id="scores"')
    write_section(page, section_of("latents", "Latents", sentences=["New."]))
    changed = page.read_text("utf-8")
    assert "New." in changed
    assert "active" not in changed
    assert "AUC 0.9." in changed
    assert changed.count('id="latents"') == 1


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"\xff\xfe", b"# notes"])
def test_other_files_are_never_written_to(tmp_path, content):
    page = tmp_path / "lab.html"
    page.write_bytes(content)
    for attempt in (lambda: check_page(page), lambda: write_section(page, SCORES)):
        with pytest.raises(OutputError, match="no page of `baler-vae explore`"):
            attempt()
    assert page.read_bytes() == content


def test_a_page_without_a_folder_is_told_before_the_work(tmp_path):
    with pytest.raises(OutputError, match="its directory does not exist"):
        check_page(tmp_path / "nowhere" / "lab.html")
