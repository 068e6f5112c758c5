"""The page of the laboratory: a section for each thing that was looked at, in one self-contained file.

Commands that explore one after the other may write to the same page: each adds its section, or replaces the one that
it wrote before. A page is read back by the comments that stand around its sections, and only where this module wrote
it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from baler_vae.errors import OutputError
from baler_vae.output import check_output, replacing
from baler_vae.paths import exists
from baler_vae.report.page import environment

_GENERATOR = Markup('<meta name="generator" content="baler-vae explore">')
_SECTION = re.compile(
    r"<!-- section (?P<key>[a-z0-9-]+) -->\n<h2>(?P<title>[^\n]*)</h2>\n(?P<body>.*?)\n<!-- end of section -->",
    re.DOTALL,
)


@dataclass(frozen=True)
class Section:
    """A section of a page: its `key`, of small letters, digits and hyphens, which the same section has every time; its
    `title`; and its `body`, HTML that needs nothing else and contains no comments.
    """

    key: str
    title: str
    body: Markup


@dataclass(frozen=True)
class Table:
    """A table of a section: headings and rows of texts; the first cell of a row is its name."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def section_of(
    key: str,
    title: str,
    *,
    sentences: Sequence[str] = (),
    tables: Sequence[Table] = (),
    figures: Sequence[str] = (),
) -> Section:
    """A section of sentences, tables and figures, which are SVG elements of `report.drawing`."""
    body = (
        environment()
        .get_template("section.html.j2")
        .render(
            sentences=[_sentence(text) for text in sentences],
            tables=tables,
            figures=[Markup(figure) for figure in figures],  # noqa: S704 - made here
        )
    )
    return Section(key, title, Markup(body.strip()))  # noqa: S704 - made here


def _sentence(text: str) -> str:
    """A line of a terminal as a sentence: with a capital where it begins with a word, and a full stop."""
    begun = text[:1].upper() + text[1:] if re.match(r"[a-z]+[ ,:]", text) else text
    return begun if begun.endswith((".", "?", ":")) else f"{begun}."


def write_section(path: str | Path, section: Section) -> None:
    """Write a section into a page: a new one, or one that holds sections already, of which that with the same key is
    replaced; the same sections give the same bytes.

    Raises:
        OutputError: the file exists and is no such page, or cannot be written.
    """
    with replacing(path, force=True) as part:
        found = {one.key: one for one in _sections(Path(path))} | {section.key: section}
        text = (
            environment()
            .get_template("laboratory.html.j2")
            .render(generator=_GENERATOR, title=Path(path).stem, sections=list(found.values()))
        )
        part.write_text(text, "utf-8")


def check_page(path: str | Path) -> None:
    """Check that a page can be written to before the work is done.

    Raises:
        OutputError: the file exists and is no page of the laboratory, or cannot be written.
    """
    _sections(Path(path))
    check_output(path, force=True)


def _sections(path: Path) -> list[Section]:
    if not exists(path):
        return []
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    if _GENERATOR not in text:
        raise OutputError(
            "exists already and is no page of `baler-vae explore`", path=path, way_out="Name another file"
        )
    return [
        Section(one["key"], str(Markup(one["title"]).unescape()), Markup(one["body"]))  # noqa: S704 - written here
        for one in _SECTION.finditer(text)
    ]
