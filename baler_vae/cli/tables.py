"""What archives and experiments look like on a terminal."""

from collections.abc import Sequence
from itertools import groupby

from baler_vae.errors import listed
from baler_vae.reader.archive_info import SHARED, ArchiveInfo
from baler_vae.report.listing import (
    Cell,
    Heading,
    Listing,
    Paragraph,
    bytes_cell,
    bytes_text,
    guarantee_cell,
    numbers,
    short_numbers,
)
from baler_vae.study.experiment import ExperimentRun, Spread, spread
from baler_vae.table.schema import mask_name
from baler_vae.verbs.verification import ColumnCheck, GuaranteeCheck, Verification


def summary(info: ArchiveInfo) -> Paragraph:
    """One sentence on what became of the bytes: of the values in their types, and of the file where that is known."""
    rows = ", ".join(f"{count:,} {name}" for name, count in info.n_rows.items())
    text = f"{info.path}: {rows}; {bytes_text(info.original_bytes)} of values -> "
    text += f"{bytes_text(info.archive_bytes)}, ratio {info.ratio:.2f}"
    if info.source is not None and info.source.bytes:
        text += f"; {bytes_text(info.source.bytes)} on disk, ratio {info.source.bytes / info.archive_bytes:.2f}"
        n_left_out = info.source.n_columns - _n_columns(info)
        s = "" if n_left_out == 1 else "s"
        text += f" with the {n_left_out} column{s} left out" if n_left_out else ""
    model = info.settings.get("model", {})
    if model.get("effort", "default") in ("fast", "best"):
        text += f"; effort {model['effort']}"
    wanted = model.get("kind", "auto")
    if wanted not in {"auto", info.model_kind}:
        text += f"; the {wanted} would cost more than it saves and was left out"
    return Paragraph(text)


def _n_columns(info: ArchiveInfo) -> int:
    """How many columns of its source an archive holds: what says where values are missing was none."""
    names = {column.name for column in info.columns}
    return len(names - set(map(mask_name, names)))


def info_tables(info: ArchiveInfo) -> tuple[Listing, Listing]:
    """The sizes of an archive's parts, and its columns."""
    parts = Listing("", [Heading("part"), numbers("bytes"), numbers("share")])
    for name, n_bytes in (*vars(info.bytes).items(), ("archive", info.archive_bytes)):
        parts.add(name, bytes_cell(n_bytes), f"{100 * n_bytes / info.archive_bytes:.1f} %")
    headings = [
        Heading("column"),
        Heading("group", 5),
        Heading("type", 3),
        Heading("bound", 1),
        Heading("stored as", 4),
    ]
    columns = Listing("", [*headings, numbers("original bytes", 2), numbers("bytes")])
    for column in info.columns:
        columns.add(
            column.name,
            column.group,
            column.typename or column.dtype,
            short_numbers(column.bound + (" (whole numbers)" if column.whole_numbers else "")),
            short_numbers(column.kept_as) if column.formula is None else column.kept_as,
            bytes_cell(column.original_bytes),
            "in the latents" if column.bytes is None else bytes_cell(column.bytes),
        )
    return parts, columns


def guaranteed_table(info: ArchiveInfo) -> Listing:
    """What an archive guarantees, each with the bytes of its moves, and below them the bytes of what they share."""
    table = Listing("", [Heading("guarantee"), numbers("bytes"), numbers("share")])
    for one in info.guarantees:
        table.add(guarantee_cell(one.text), *_bytes_and_share(one.moves_bytes, info))
        for text in one.definitions:
            table.remark(text)
    for name, n_bytes in info.shared_bytes.items():
        table.add(f"{SHARED[name]}, of all", *_bytes_and_share(n_bytes, info))
    return table


def _bytes_and_share(n_bytes: int, info: ArchiveInfo) -> tuple[Cell, str]:
    """A number of bytes, and its share of the archive."""
    return bytes_cell(n_bytes), f"{100 * n_bytes / info.archive_bytes:.2f} %"


def candidates_table(info: ArchiveInfo) -> Listing | None:
    """What each kind of model would take, where `auto` compares them as a sample tells it, group by group, and what the
    one that was fitted took; None where nothing was compared.
    """
    groups = [group for group in info.groups if group.candidate_bytes]
    if not groups:
        return None
    kinds = list(dict.fromkeys(kind for group in groups for kind in group.candidate_bytes))
    headings = [Heading("group"), Heading("stored as"), *(numbers(f"{kind} bytes", 2) for kind in kinds)]
    table = Listing("", [*headings, numbers("fitted bytes"), numbers("pays off from rows", 3)])
    for group in groups:
        sizes = (group.candidate_bytes.get(kind) for kind in kinds)
        table.add(
            group.name,
            group.kind,
            *map(_bytes_or_nothing, (*sizes, group.fitted_bytes)),
            "" if group.pays_from_rows is None else f"{group.pays_from_rows:,}",
        )
    return table


def orders_table(info: ArchiveInfo) -> Listing | None:
    """What each order of the columns would take, group by group; None where nothing was compared."""
    groups = [group for group in info.groups if group.order_bytes]
    if not groups:
        return None
    names = list(dict.fromkeys(name for group in groups for name in group.order_bytes))
    table = Listing("Bytes by column order", [Heading("group"), *(numbers(name, 1) for name in names)])
    for group in groups:
        table.add(group.name, *(_bytes_or_nothing(group.order_bytes.get(name)) for name in names))
    return table


def sample_lines(info: ArchiveInfo) -> tuple[str, ...]:
    """One line for each group whose model was fitted on a sample."""
    return tuple(
        f"{group.name}: fitted to {sample.rows:,} of {sample.of_rows:,} rows in {sample.chunks:,} chunks"
        for group in info.groups
        if (sample := group.sample) is not None
    )


def verification_table(done: Verification) -> Listing:
    """One line per column: values, how many miss their bound, and the worst in units of the bound."""
    headings = [
        Heading("column"),
        Heading("bound", 1),
        numbers("values", 3),
        numbers("broken"),
        numbers("worst / bound"),
    ]
    table = Listing("", [*headings, numbers("in row", 4), Heading("original", 6), Heading("restored", 5)])
    for column in done.columns:
        promised = column.bound != "free"
        table.add(
            column.name,
            short_numbers(column.bound),
            f"{column.n_values:,}",
            f"{column.n_broken:,}" if promised else "",
            Cell(f"{column.worst:.6g}", _in_bounds(column.worst)) if promised else "",
            "" if column.worst_row is None else f"{column.worst_row:,}",
            column.original,
            column.restored,
        )
    return table


def guarantees_table(done: Verification) -> Listing:
    """One line per guarantee: rows or events, how many break it, and the worst in units of the bound."""
    headings = [Heading("guarantee"), Heading("group", 5), numbers("rows", 3), numbers("broken")]
    headings += [numbers("worst / bound"), numbers("in row", 4), Heading("original", 6), Heading("restored", 5)]
    table = Listing("", headings)
    for check in done.guarantees:
        table.add(
            guarantee_cell(check.text),
            check.group,
            f"{check.n_values:,}",
            f"{check.n_broken:,}",
            Cell(f"{check.worst:.6g}", _in_bounds(check.worst)),
            "" if check.worst_row is None else f"{check.worst_row:,}",
            check.original,
            check.restored,
        )
    return table


def verification_lines(done: Verification, archive: str) -> tuple[Paragraph, list[str]]:
    """What is intact, whether all bounds are kept or what broke, and the same of guarantees where there are any."""
    rows = ", ".join(f"{count:,} {name}" for name, count in done.n_rows.items())
    intact = f"{archive}: {done.n_sections} sections and {done.n_bytes:,} bytes intact, {rows} decoded"
    return Paragraph(intact), [_bounds_line(done.columns), *_guarantees_line(done.guarantees)]


def _bounds_line(columns: Sequence[ColumnCheck]) -> str:
    if not columns:
        return "bounds not compared: name the original with --against"
    broken = [column for column in columns if column.n_broken]
    if broken:
        named = [f"{own.name} ({own.n_broken:,} of {own.n_values:,} values)" for own in broken]
        return f"FAIL: bounds broken: {listed(named)}"
    promised = [column for column in columns if column.bound != "free"]
    n_free = len(columns) - len(promised)
    free = f"; nothing is promised for {n_free} column{'' if n_free == 1 else 's'} under free" if n_free else ""
    if not promised:
        return f"no bounds to keep{free}"
    worst = max(promised, key=lambda column: column.worst)
    closest = f", the worst at {_in_bounds(worst.worst)} of its bound ({worst.name})" if worst.worst else ""
    return f"PASS: all bounds kept: {sum(own.n_values for own in promised):,} values{closest}{free}"


def _guarantees_line(checks: Sequence[GuaranteeCheck]) -> tuple[str, ...]:
    if not checks:
        return ()
    broken = [check for check in checks if check.n_broken]
    if broken:
        named = [f"{own.text} ({own.n_broken:,} of {own.n_values:,})" for own in broken]
        return (f"FAIL: guarantees broken: {listed(named)}",)
    judged = f"{len(checks)} guarantee{'' if len(checks) == 1 else 's'}"
    return (f"PASS: all guarantees kept: {judged}, judged {sum(own.n_values for own in checks):,} times",)


def _in_bounds(worst: float) -> str:
    """A deviation in units of a bound with three digits, which do not round it up to the bound."""
    text = f"{worst:.3g}"
    return "0.999" if worst < 1 and text == "1" else text


def experiment_table(runs: Sequence[ExperimentRun]) -> Listing:
    """The runs of an experiment, averaged over seeds."""
    headings = [Heading("recipe"), Heading("model"), numbers("archive bytes", 2), numbers("bytes/row", 4)]
    headings += [numbers("ratio"), numbers("train s", 3), numbers("compress s", 6), numbers("decompress s", 5)]
    headings += [numbers("mass difference %"), numbers("width change %", 1)]
    guaranteed = any(run.guarantees for run in runs)
    headings += [numbers("bytes of guarantees", 7), numbers("missed")] if guaranteed else []
    table = Listing("mean ± standard deviation over seeds", headings)
    ordered = sorted(runs, key=lambda run: [r.recipe for r in runs].index(run.recipe))
    for (recipe, kind), members in groupby(ordered, key=lambda run: (run.recipe, run.kind)):
        same = list(members)
        n_bytes = spread([float(run.archive_bytes) for run in same])
        mean_bytes = n_bytes.mean or 0.0
        table.add(
            recipe,
            kind,
            Cell(f"{mean_bytes:,.0f}", bytes_text(mean_bytes)),
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
            *(_guarantee_cells(same) if guaranteed else ()),
        )
    return table


def _guarantee_cells(runs: Sequence[ExperimentRun]) -> tuple[str, str]:
    """The mean bytes of what keeps guarantees, and how many rows or events of all runs miss one."""
    n_broken = sum(one.n_broken for run in runs for one in run.guarantees)
    return f"{sum(run.guarantees_bytes for run in runs) / len(runs):,.0f}", f"{n_broken:,}"


def spread_text(value: Spread, digits: int) -> str:
    """A mean with its deviation; failed fits are counted, never averaged."""
    if value.mean is None:
        return "fit failed"
    failed = f" ({value.n_failed} failed)" if value.n_failed else ""
    return f"{value.mean:.{digits}f} ± {value.deviation:.{digits}f}{failed}"


def _bytes_or_nothing(n_bytes: int | None) -> str | Cell:
    return "" if n_bytes is None else bytes_cell(n_bytes)
