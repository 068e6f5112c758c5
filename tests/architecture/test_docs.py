"""The table of rooms in docs/architecture.md is that of floors.toml; run this file to write it anew."""

import tomllib
from pathlib import Path

DATA = Path(__file__).with_name("floors.toml")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
START, END = "<!-- rooms -->\n", "<!-- end of rooms -->\n"


def rooms_table() -> str:
    """The rooms of floors.toml as a table in Markdown, from the ground up."""
    rooms = tomllib.loads(DATA.read_text("utf-8"))["rooms"]
    lines = ["| floor | room | may import | what lives there |", "|---|---|---|---|"]
    for room in sorted(rooms, key=lambda room: room["floor"]):
        packages = ", ".join(f"`{package}`" for package in room["may_use"])
        lines.append(f"| {room['floor']} | `{room['name']}` | {packages} | {room['holds']} |")
    return "".join(f"{line}\n" for line in lines)


def with_table(page: str, table: str) -> str:
    """The page with a table between its two markers."""
    head, _, rest = page.partition(START)
    _, _, tail = rest.partition(END)
    assert head != page, f"no line {START!r}"
    assert rest.count(END) == 1, f"not one line {END!r}"
    return f"{head}{START}{table}{END}{tail}"


def test_the_page_shows_the_rooms_as_they_are():
    page = PAGE.read_text("utf-8")
    assert page == with_table(page, rooms_table()), (
        "docs/architecture.md and floors.toml differ; run: python tests/architecture/test_docs.py"
    )


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), rooms_table()), "utf-8")
