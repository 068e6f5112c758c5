"""Rows of figures to files: CSV, a table in Markdown, a picture, and what they were measured with."""

import csv
import json
import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.data import CASES
from benchmarks.measure import FIELDS, OURS, Row, as_record, our_name
from benchmarks.picture import draw
from benchmarks.rivals import all_rivals

_NUMBERS = {
    **dict.fromkeys(("bytes", "raw_bytes", "violations"), int),
    **dict.fromkeys(
        ("worst", "compress_s", "decompress_s", "compress_peak_mb", "decompress_peak_mb"),
        float,
    ),
}
_OURS = tuple(our_name(kind) for kind in ("auto", "independent", "autoregressive", "vae", "ae"))
_PACKAGES = (
    "baler-vae",
    "numpy",
    "torch",
    "pcodec",
    "zstandard",
    "pysz",
    "zfpy",
    "blosc2",
    "openzl",
    "pyarrow",
    "uproot",
    "hdf5plugin",
    "fpzip",
)
MOST_LARGER = 1.01
ALLOWANCE_BYTES = 4096


def read_rows(folder: Path) -> list[Row]:
    """The rows that `write_results` wrote; none where the file does not exist."""
    path = folder / "results.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [_row(record) for record in csv.DictReader(file)]


def _row(record: dict[str, str]) -> Row:
    values: dict[str, Any] = {
        name: (_NUMBERS[name](text) if text else None) if name in _NUMBERS else text for name, text in record.items()
    }
    return Row(**values)


def write_results(folder: Path, rows: Sequence[Row]) -> None:
    """Writes `results.csv`, `.md`, `.json` and, where anything can be compared, `.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(rows, key=_place)
    with (folder / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(as_record, ordered))
    (folder / "results.md").write_text(markdown(ordered), "utf-8")
    (folder / "results.json").write_text(json.dumps(circumstances(), indent=1) + "\n", "utf-8")
    draw(folder / "results.png", ordered)


def markdown(rows: Sequence[Row]) -> str:
    """A table of bytes, a line for each way to store and a column for each table and bound; then the fine print.

    The smallest size that keeps the bound is bold; † marks one that does not keep it.
    """
    cases = list(dict.fromkeys((row.data, row.bound) for row in rows))
    methods = list(dict.fromkeys(row.method for row in sorted(rows, key=lambda row: _place(row)[2])))
    by_key = {row.key: row for row in rows}
    lines = []
    for data in dict.fromkeys(data for data, _ in cases):
        bounds = [bound for other, bound in cases if other == data]
        lines += [f"## {data}: {CASES[data].what if data in CASES else data}", ""]
        lines += [f"| bytes | {' | '.join(f'`{bound}`' for bound in bounds)} |", "|---|" + "---:|" * len(bounds)]
        least = {
            bound: min((r.bytes for r in rows if (r.data, r.bound) == (data, bound) and r.keeps_bound), default=None)
            for bound in bounds
        }
        for method in methods:
            cells = [_cell(by_key.get((data, bound, method)), least[bound]) for bound in bounds]
            if any(cells):
                lines.append(f"| {method} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join([*lines, *_fine_print(rows), *_means(rows)])


def _cell(row: Row | None, least: int | None) -> str:
    if row is None:
        return ""
    if row.bytes is None:
        return row.status
    if not row.keeps_bound:
        return f"{row.bytes:,} †"
    return f"**{row.bytes:,}**" if row.bytes == least else f"{row.bytes:,}"


def _fine_print(rows: Sequence[Row]) -> list[str]:
    broken = [row for row in rows if row.violations]
    without = [row for row in rows if row.bytes is None]
    lines = ["## Bounds that are not kept", ""] if broken else []
    lines += [
        f"* {row.data}, `{row.bound}`, {row.method}: "
        f"{row.violations:,} values, the worst by {row.worst:.4g} times the bound"
        for row in broken
    ]
    lines += ["", "## Not measured", ""] if without else []
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for row in without:
        reasons.setdefault((row.method, row.status, row.reason), []).append(f"{row.data} `{row.bound}`")
    lines += [f"* {method}: {status}, {why} ({', '.join(where)})" for (method, status, why), where in reasons.items()]
    return [*lines, ""]


def _means(rows: Sequence[Row]) -> list[str]:
    """By kind of our archives, how much larger the best rival is for each table and bound, the geometric mean over real
    tables, and where the promise is broken that no archive is more than 1 % and 4 kB above the best rival.
    """
    lines: list[str] = []
    for method in dict.fromkeys(row.method for row in rows if row.method.startswith(OURS)):
        pairs = _pairs(rows, method)
        ratios = [best / ours for (data, _), (ours, best) in pairs.items() if data in CASES and CASES[data].is_averaged]
        if not pairs:
            continue
        lines += [f"## {method} against the best rival", ""]
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            lines += [f"Geometric mean {mean:.3f}, least {min(ratios):.3f}.", ""]
        for (data, bound), (ours, best) in pairs.items():
            larger = ", **larger than promised**" if ours > MOST_LARGER * best + ALLOWANCE_BYTES else ""
            lines.append(f"* {data}, `{bound}`: {best / ours:.3f} ({ours - best:+,} bytes){larger}")
        lines.append("")
    return lines


def _pairs(rows: Sequence[Row], method: str) -> dict[tuple[str, str], tuple[int, int]]:
    """The bytes of one kind of our archives and of the best rival that keeps the bound, by table and bound."""
    best: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.keeps_bound and row.bytes and not row.method.startswith(OURS):
            best[row.data, row.bound] = min(row.bytes, best.get((row.data, row.bound), row.bytes))
    return {
        (row.data, row.bound): (row.bytes, best[row.data, row.bound])
        for row in rows
        if row.method == method and row.keeps_bound and row.bytes and (row.data, row.bound) in best
    }


def _place(row: Row) -> tuple[float, float, tuple[float, str]]:
    cases, rivals = list(CASES), list(all_rivals())
    bounds = ("bits", "rel", "range", "abs", "exact")
    kind = row.bound.partition(":")[0]
    number = rivals.index(row.method) if row.method in rivals else math.inf
    return (
        cases.index(row.data) if row.data in cases else math.inf,
        bounds.index(kind) if kind in bounds else math.inf,
        (_OURS.index(row.method) - len(_OURS) if row.method in _OURS else number, row.method),
    )


def circumstances() -> dict[str, Any]:
    """The date, the machine and the versions of packages."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"architecture": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": versions,
    }
