"""What archives of several tables look like on a terminal, and their tables one after the other."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from baler_vae.cli.console import note, say
from baler_vae.cli.tables import bytes_text, info_tables, sample_lines
from baler_vae.errors import ToleranceFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType


def collection_parts(info: Mapping[str, Any]) -> Iterator["RenderableType"]:
    """The tables of an archive, what was left out, then parts and columns of each table."""
    tables = Table("table", "kept as", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("events", "original", "bytes", "ratio"):
        tables.add_column(name, justify="right")
    for name, table in info["tables"].items():
        tables.add_row(
            Text(name),
            table["model_kind"],
            f"{info['n_rows'][name]:,}",
            bytes_text(table["original_bytes"]),
            bytes_text(table["archive_bytes"]),
            f"{table['ratio']:.2f}",
        )
    yield tables
    for name, why in info["left_out"].items():
        yield Text(f"left out: {name} ({why})")
    for name, table in info["tables"].items():
        yield Text(f"\n{name}")
        yield from info_tables(table)
        yield from map(Text, sample_lines(table))


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
    from baler_vae.pipeline.tables import file_name, tables_in

    first, second = tables_in(original), tables_in(restored)
    if max(len(first), len(second)) < 2:
        return False
    shared = [name for name in first if name in second]
    if not shared:
        raise UsageError(
            "have no table in common",
            path=f"{original} and {restored}",
            found=", ".join(filter(None, [*first, *second][:8])),
            way_out="Name the same table in both, behind a colon",
        )
    if json or pdf is not None:
        raise UsageError(
            "one document is of one table",
            path=restored,
            way_out=f"Name one: {original}:{shared[0]} and {restored}:{shared[0]}",
        )
    failed: ToleranceFailed | None = None
    for name in shared:
        say(Text(f"\n{name}"))
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
