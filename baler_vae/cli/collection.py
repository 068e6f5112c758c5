"""What archives of several tables look like on a terminal, and their tables one after the other."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from baler_vae.cli.console import note, say
from baler_vae.cli.tables import candidates_table, guaranteed_table, info_tables, orders_table, sample_lines, summary
from baler_vae.errors import ToleranceFailed, UsageError
from baler_vae.reader.archive_info import ArchiveInfo, CollectionInfo
from baler_vae.report.listing import Heading, Listing, Paragraph, bytes_cell, numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType


def shown_info(info: ArchiveInfo, *, columns: bool) -> Iterator["RenderableType"]:
    """What became of the bytes in a sentence, and with `columns` all that `info_parts` gives."""
    yield summary(info)
    if columns:
        yield from info_parts(info)


def info_parts(info: ArchiveInfo) -> Iterator["RenderableType"]:
    """Parts and columns of an archive, and what was compared when it was fitted; of one of several tables these, what
    was left out, and the same of each.
    """
    if isinstance(info, CollectionInfo):
        yield from _tables(info)
        for name, table in info.tables.items():
            yield Text()
            yield Paragraph(name, style="bold")
            yield from info_parts(table)
    else:
        yield from info_tables(info)
        if info.guarantees:
            yield guaranteed_table(info)
        yield from (table for table in (candidates_table(info), orders_table(info)) if table is not None)
        yield from map(Paragraph, sample_lines(info))


def _tables(info: CollectionInfo) -> Iterator["RenderableType"]:
    headings = [Heading("table"), Heading("stored as", 2), numbers("events"), numbers("original bytes", 1)]
    tables = Listing("", [*headings, numbers("bytes"), numbers("ratio")])
    for name, table in info.tables.items():
        tables.add(
            name,
            table.model_kind,
            f"{info.n_rows[name]:,}",
            bytes_cell(table.original_bytes),
            bytes_cell(table.archive_bytes),
            f"{table.ratio:.2f}",
        )
    yield tables
    for name, why in info.left_out.items():
        yield Paragraph(f"left out: {name} ({why})")


def evaluate_each(
    evaluate: "Callable[..., None]",
    original: str,
    restored: str,
    *,
    output: Path | None,
    pdf: Path | None,
    archive: Path | None,
    json: bool,
    **options: Any,
) -> bool:
    """Whether two files hold several tables; then those that both have were evaluated one after the other, each with
    its results in a folder of its own.

    Raises:
        UsageError: they have no table in common, or one document is asked for.
        ToleranceFailed: the first tolerance of any table that is exceeded; all results are there.
    """
    from baler_vae.verbs.tables import file_name, tables_in

    first, second = tables_in(original), tables_in(restored)
    if max(len(first), len(second)) < 2:
        return False
    shared = [name for name in first if name in second]
    if not shared:
        raise UsageError(
            "have no table in common",
            path=f"{original} and {restored}",
            found=", ".join(filter(None, [*first, *second][:8])),
            way_out="Name the same table in both, after a colon",
        )
    if json or pdf is not None:
        raise UsageError(
            "--json describes one table at a time",
            path=restored,
            way_out=f"Name one: {original}:{shared[0]} and {restored}:{shared[0]}",
        )
    failed: ToleranceFailed | None = None
    for name in shared:
        say(Text(), Paragraph(name, style="bold"))
        own = output / file_name(name) if output is not None else None
        bounds = Path(f"{archive}:{name}") if archive is not None else None
        try:
            evaluate(
                f"{original}:{name}", f"{restored}:{name}", output=own, pdf=None, archive=bounds, json=False, **options
            )
        except ToleranceFailed as error:
            failed = failed or error
    for name in (*first, *second):
        if name not in shared:
            note(f"only in one of them: {name}")
    if failed is not None:
        raise failed
    return True
