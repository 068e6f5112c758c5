"""What archives and experiments look like on a terminal."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from baler_vae.pipeline.experiment import Run, Spread, spread
from baler_vae.pipeline.verify import Verification


def bytes_text(n_bytes: float) -> str:
    """A size in decimal units with three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000 or unit == "GB":
            break
        n_bytes /= 1000
    return f"{n_bytes:.3g} {unit}" if n_bytes < 1000 else f"{n_bytes:,.0f} {unit}"


def summary_line(info: Mapping[str, Any]) -> str:
    """One sentence on what became of the bytes."""
    rows = ", ".join(f"{count:,} {name}" for name, count in info["n_rows"].items())
    wanted = info["settings"].get("model", {}).get("kind", "auto")
    found = {"auto", info["model_kind"]}
    left_out = "" if wanted in found else f"; the {wanted} would cost more than it saves and was left out"
    return (
        f"{info['path']}: {rows}; {bytes_text(info['original_bytes'])} -> {bytes_text(info['archive_bytes'])}, "
        f"ratio {info['ratio']:.2f}{left_out}"
    )


def info_tables(info: Mapping[str, Any]) -> tuple[Table, Table]:
    """The sizes of an archive's parts, and its columns."""
    parts = Table("part", "bytes", "share", box=SIMPLE_HEAD, pad_edge=False)
    for name, n_bytes in (*info["bytes"].items(), ("archive", info["archive_bytes"])):
        parts.add_row(name, f"{n_bytes:,}", f"{100 * n_bytes / info['archive_bytes']:.1f} %")
    headings = ("column", "group", "type", "bound", "kept as", "original bytes", "bytes")
    columns = Table(*headings, box=SIMPLE_HEAD, pad_edge=False)
    for name in ("original bytes", "bytes"):
        next(column for column in columns.columns if column.header == name).justify = "right"
    for column in info["columns"]:
        own = "in the latents" if column["bytes"] is None else f"{column['bytes']:,}"
        columns.add_row(
            Text(column["name"]),
            Text(column["group"]),
            column["typename"] or column["dtype"],
            column["bound"],
            Text(kept_as(column)),
            f"{column['original_bytes']:,}",
            own,
        )
    parts.columns[1].justify = parts.columns[2].justify = "right"
    return parts, columns


def kept_as(column: Mapping[str, Any]) -> str:
    """What a column is stored as, in a few words."""
    if column["grid"] is None:
        return "values" if column["coding"] else "what the decoder gives"
    text = str(column["grid"])
    if column["coding"] == "network-1":
        text += ", given others"
    if column["formula"] is None:
        return text
    return f"{text}, {'less' if column['predicted'] else 'knowing'} {column['formula']}"


def candidates_table(info: Mapping[str, Any]) -> Table | None:
    """What each kind of model would take, where `auto` compares them as a sample tells it, group by group, and what the
    one that was fitted took; None where nothing was compared.
    """
    groups = [group for group in info["groups"] if group["candidate_bytes"]]
    if not groups:
        return None
    kinds = list(dict.fromkeys(kind for group in groups for kind in group["candidate_bytes"]))
    table = Table("group", "kept as", box=SIMPLE_HEAD, pad_edge=False)
    for name in (*kinds, "fitted", "pays from rows"):
        table.add_column(name, justify="right")
    for group in groups:
        sizes = (group["candidate_bytes"].get(kind) for kind in kinds)
        table.add_row(
            Text(group["name"]),
            group["kind"],
            *map(_count, (*sizes, group["fitted_bytes"], group["pays_from_rows"])),
        )
    return table


def orders_table(info: Mapping[str, Any]) -> Table | None:
    """What each order of the columns would take, group by group; None where nothing was compared."""
    groups = [group for group in info["groups"] if group["order_bytes"]]
    if not groups:
        return None
    names = list(dict.fromkeys(name for group in groups for name in group["order_bytes"]))
    table = Table("group", box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(f"columns in order: {name}", justify="right")
    for group in groups:
        sizes = (group["order_bytes"].get(name) for name in names)
        table.add_row(Text(group["name"]), *map(_count, sizes))
    return table


def sample_lines(info: Mapping[str, Any]) -> tuple[str, ...]:
    """One line for each group whose model was fitted on a sample."""
    return tuple(
        f"{group['name']}: fitted on {sample['rows']:,} of {sample['of_rows']:,} rows in {sample['chunks']:,} chunks"
        for group in info["groups"]
        if (sample := group["sample"]) is not None
    )


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def verification_table(done: Verification) -> Table:
    """One line per column: values, how many miss their bound, and the worst in units of the bound."""
    table = Table("column", "bound", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("values", "broken", "worst / bound", "in row"):
        table.add_column(name, justify="right")
    for name in ("original", "restored"):
        table.add_column(name)
    for column in done.columns:
        promised = column.bound != "free"
        table.add_row(
            Text(column.name),
            column.bound,
            f"{column.n_values:,}",
            f"{column.n_broken:,}" if promised else "",
            f"{column.worst:.6f}" if promised else "",
            "" if column.worst_row is None else f"{column.worst_row:,}",
            Text(column.original),
            Text(column.restored),
        )
    return table


def experiment_table(runs: Sequence[Run]) -> Table:
    """The runs of an experiment, averaged over seeds."""
    table = Table(title="mean ± standard deviation over seeds", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    headings = ("archive bytes", "bytes/row", "ratio", "train s", "compress s", "decompress s")
    for name in ("model", "recipe"):
        table.add_column(name)
    for name in (*headings, "mass difference %", "width change %"):
        table.add_column(name, justify="right")
    ordered = sorted(runs, key=lambda run: [r.recipe for r in runs].index(run.recipe))
    for (recipe, kind), members in groupby(ordered, key=lambda run: (run.recipe, run.kind)):
        same = list(members)
        n_bytes = spread([float(run.archive_bytes) for run in same])
        mean_bytes = n_bytes.mean or 0.0
        table.add_row(
            kind,
            Text(recipe),
            f"{mean_bytes:,.0f}",
            f"{mean_bytes / same[0].n_rows:.2f}",
            f"{same[0].original_bytes / mean_bytes:.2f}",
            *(
                spread_text(spread([getattr(run, name) for run in same]), digits)
                for name, digits in (
                    ("training_seconds", 1),
                    ("compression_seconds", 2),
                    ("decompression_seconds", 2),
                    ("mass_difference_percent", 3),
                    ("width_change_percent", 1),
                )
            ),
        )
    return table


def spread_text(value: Spread, digits: int) -> str:
    """A mean with its deviation; failed fits are counted, never averaged."""
    if value.mean is None:
        return "fit failed"
    failed = f" ({value.n_failed} failed)" if value.n_failed else ""
    return f"{value.mean:.{digits}f} ± {value.deviation:.{digits}f}{failed}"
