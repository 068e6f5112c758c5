"""Tables fit the terminal: nothing is cut, nothing wraps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from baler_vae.report.listing import (
    Cell,
    Heading,
    Listing,
    Paragraph,
    bytes_cell,
    filled,
    numbers,
    short_numbers,
    shortened,
)

names = st.text(st.characters(categories=["L", "N"], include_characters="_/[]日"), min_size=1, max_size=40)


@st.composite
def listings(draw):
    ranks = draw(st.lists(st.integers(0, 5), min_size=1, max_size=7))
    table = Listing(
        "What is known", [Heading("column"), *(numbers(f"number {n}", rank) for n, rank in enumerate(ranks))]
    )
    for name in draw(st.lists(names, min_size=1, max_size=5)):
        table.add(name, *(Cell(f"{n}.123456789", f"{n}.12") for n in range(len(ranks))))
    return table


def texts(table, width):
    return [line.plain for line in table.lines(width)]


@given(listings(), st.integers(30, 200))
def test_only_long_names_are_longer_than_the_terminal(table, width):
    lines = texts(table, width)
    kept = [heading for heading in table.headings[1:] if not heading.rank]
    needed = 24 + sum(2 + max(len(heading.text), 4) for heading in kept)
    own = {row[0].full for row in table.rows}
    assert own <= {line for line in lines if cell_len(line) > 0} | {line.split("  ")[0] for line in lines}
    if needed <= width:
        assert all(cell_len(line) <= width or line in own for line in lines)


@given(listings())
def test_with_room_everything_is_shown_in_full(table):
    lines = texts(table, 1_000)
    assert len(lines) == 3 + len(table.rows)
    assert all(heading.text in lines[1] for heading in table.headings)
    for line, row in zip(lines[3:], table.rows, strict=True):
        assert line.split("  ")[0].strip() == row[0].full
        assert all(cell.full in line for cell in row)


def test_digits_go_first_then_columns_by_rank_then_names_stand_alone():
    table = Listing("", [Heading("column"), numbers("bytes", 1), numbers("worst"), numbers("row", 2)])
    table.add("a" * 30, bytes_cell(1_234_567), Cell("0.123456", "0.123"), "1,000")
    table.add("b", bytes_cell(12), Cell("0.999999", "1"), "1")
    assert texts(table, 80)[2].split() == ["a" * 30, "1,234,567", "0.123456", "1,000"]
    assert texts(table, 56)[2].split() == ["a" * 30, "1.23", "MB", "0.123", "1,000"]
    assert texts(table, 48)[2:] == [
        "a" * 30,
        f"{' ' * 6}  1.23 MB  0.123  1,000",
        f"b{' ' * 5}     12 B      1      1",
    ]
    assert texts(table, 26)[2:] == [
        "a" * 30,
        f"{' ' * 6}  1.23 MB  0.123",
        f"b{' ' * 5}     12 B      1",
        "No room for: row.",
    ]


def test_remarks_stand_below_their_row():
    table = Listing("Peaks", [Heading("peak"), numbers("mean")])
    table.add("m", "1")
    table.remark("the fit failed: no row lies in the window")
    assert texts(table, 30)[-2:] == ["  the fit failed: no row lies", "    in the window"]


@pytest.mark.parametrize("width", [30, 1_000])
def test_a_console_prints_names_as_they_are(width):
    table = Listing("[red]title", [Heading("column"), numbers("n")])
    table.add("[bold]x[/bold]", "1")
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(table)
        console.print(Paragraph("a [b]c[/b]"))
    assert {"[red]title", "[bold]x[/bold]  1", "a [b]c[/b]"} <= set(captured.get().splitlines())


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"]), max_size=200), st.integers(20, 90))
def test_sentences_end_between_words(text, width):
    lines = filled(text, width)
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    longest = max(map(len, text.split()), default=0)
    assert all(len(line) <= max(width, longest + 2) or " " in line.strip() for line in lines)


def test_a_number_stays_with_its_unit():
    assert filled("takes about 422 kB on disk", 16) == ["takes about", "  422 kB on disk"]


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("bits:12,floor:4.253818711731583e-06", "bits:12,floor:4.25e-06"),
        ("abs:0.0001", "abs:0.0001"),
        ("steps of 0.123457", "steps of 0.123"),
        ("decimals: 2 digits", "decimals: 2 digits"),
        ("exact", "exact"),
    ],
)
def test_bounds_and_grids_have_three_digits_where_there_is_little_room(text, short):
    assert shortened(text) == short
    assert short_numbers(text) == Cell(text, short)
