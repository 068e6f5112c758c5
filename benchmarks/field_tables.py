"""Tables in Markdown of what arrays with a shape take: bytes under each bound, and speeds beside them."""

import math
from collections.abc import Sequence

from benchmarks.field_data import FIELDS
from benchmarks.measure import OURS, Row

_SPEEDS = "bits:10"
"""The bound whose speeds are shown."""


def markdown(rows: Sequence[Row]) -> str:
    """A table for each case: a line for each way to store, the smallest first under the first bound;
    then what ours are against the best rival, given the arrays as they are, and in any form.
    """
    parts: list[list[str]] = []
    for data in dict.fromkeys(row.data for row in rows):
        own = [row for row in rows if row.data == data]
        parts += [[f"## {data}: {FIELDS[data].what}"], _table(own), [*_against(own), *_fine_print(own)]]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _table(rows: Sequence[Row]) -> list[str]:
    bounds = sorted(dict.fromkeys(row.bound for row in rows), key=lambda bound: (bound == "exact", bound))
    by_key = {(row.method, row.bound): row for row in rows}
    least = {
        bound: min((row.bytes for row in rows if row.bound == bound and row.keeps_bound and row.bytes), default=None)
        for bound in bounds
    }
    methods = sorted(
        dict.fromkeys(row.method for row in rows),
        key=lambda method: [_bytes(by_key.get((method, bound))) for bound in bounds],
    )
    lines = [
        f"| bytes | {' | '.join(f'`{bound}`' for bound in bounds)} | compress, MB/s | restore, MB/s | peak, MB |",
        "|---|" + "---:|" * (len(bounds) + 3),
    ]
    for method in methods:
        cells = [_cell(by_key.get((method, bound)), least[bound]) for bound in bounds]
        lines.append(f"| {method} | {' | '.join([*cells, *_speeds(by_key, method, bounds)])} |")
    return lines


def _bytes(row: Row | None) -> float:
    """The bytes of a row, more than any where there are none."""
    return math.inf if row is None or row.bytes is None else row.bytes


def _cell(row: Row | None, least: int | None) -> str:
    if row is None:
        return ""
    if row.bytes is None:
        return row.status
    if not row.keeps_bound:
        return f"{row.bytes:,} †"
    return f"**{row.bytes:,}**" if row.bytes == least else f"{row.bytes:,}"


def _speeds(by_key: dict[tuple[str, str], Row], method: str, bounds: Sequence[str]) -> list[str]:
    """Megabytes of the arrays a second, and the larger peak of memory, under the bound that stands for all."""
    row = next((by_key[method, bound] for bound in (_SPEEDS, *bounds) if (method, bound) in by_key), None)
    if row is None or not row.raw_bytes or not row.compress_s or not row.decompress_s:
        return ["", "", ""]
    peak = max(row.compress_peak_mb or 0, row.decompress_peak_mb or 0)
    return [*(_speed(row.raw_bytes / 1e6 / seconds) for seconds in (row.compress_s, row.decompress_s)), f"{peak:,.0f}"]


def _speed(speed: float) -> str:
    return f"{speed:,.0f}" if speed >= 100 else f"{speed:.2g}"


def _against(rows: Sequence[Row]) -> list[str]:
    forms = tuple(f", {form}" for form in FIELDS[rows[0].data].forms)
    lines = []
    for row in rows:
        if not row.method.startswith(OURS) or not row.bytes:
            continue
        rivals = [
            other
            for other in rows
            if other.bound == row.bound and not other.method.startswith(OURS) and other.keeps_bound and other.bytes
        ]
        plain = [other for other in rivals if not (forms and other.method.endswith(forms))]
        told = [_compared(row, some, form) for some, form in ((plain, ""), (rivals, " in any form")) if some]
        lines.append(f"* {row.method}, `{row.bound}`: {'; '.join(dict.fromkeys(told))}")
    return lines


def _compared(row: Row, rivals: Sequence[Row], form: str) -> str:
    best = min(rivals, key=_bytes)
    share = (row.bytes or 0) / (best.bytes or 1) - 1
    return f"{share:+.1%} against the best rival{form}, {best.method}"


def _fine_print(rows: Sequence[Row]) -> list[str]:
    broken = [
        f"* † {row.method}, `{row.bound}`: {row.violations:,} values break the bound, by up to {row.worst:.4g} times"
        for row in rows
        if row.violations
    ]
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.bytes is None and row.status != "not applicable":
            reasons.setdefault(f"{row.status}, {row.reason}", []).append(f"{row.method} `{row.bound}`")
    return [*broken, *(f"* {why}: {', '.join(where)}" for why, where in reasons.items())]
