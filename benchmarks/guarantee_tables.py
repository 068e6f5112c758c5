"""Tables in Markdown of what guarantees take: bytes of each way, and what plain bits violate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.data import CASES

PLAIN = "plain "
"""How the names of ways begin that promise nothing to a guarantee."""


@dataclass(frozen=True)
class Row:
    """What came of keeping a guarantee in one way.

    `status` is `ok`, `violates`, `not installed` or `failed`; `reason` says why. `bytes` are those of the whole table,
    `plain_bytes` those of the same way under plain bits; `bits` is what a search found. Verdicts are those of
    `guarantees_judge.Verdict`. Seconds include the search.
    """

    data: str
    guarantee: str
    method: str
    status: str
    bytes: int | None = None
    plain_bytes: int | None = None
    bits: str = ""
    n: int | None = None
    n_violated: int | None = None
    worst: float | None = None
    n_within_noise: int | None = None
    s: float | None = None
    reason: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.data, self.guarantee, self.method

    @property
    def promises(self) -> bool:
        """Whether it was made to keep the guarantee."""
        return not self.method.startswith(PLAIN)


def markdown(rows: Sequence[Row]) -> str:
    """For each table: bytes of each way and guarantee, the smallest bold; what plain bits violate; the fine print."""
    parts: list[list[str]] = []
    for data in dict.fromkeys(row.data for row in rows):
        own = [row for row in rows if row.data == data]
        parts += [[f"## {data}: {CASES[data].what}"], _bytes_table(own), _plain_table(own), _fine_print(own)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _bytes_table(rows: Sequence[Row]) -> list[str]:
    guarantees = list(dict.fromkeys(row.guarantee for row in rows))
    kept = {(row.method, row.guarantee): row for row in rows if row.promises}
    least = {
        name: min((row.bytes for row in kept.values() if row.guarantee == name and _is_kept(row)), default=None)
        for name in guarantees
    }
    methods = sorted(
        dict.fromkeys(method for method, _ in kept),
        key=lambda method: [_size(kept.get((method, name))) for name in guarantees],
    )
    lines = [f"| bytes | {' | '.join(guarantees)} |", "|---|" + "---:|" * len(guarantees)]
    for method in methods:
        cells = [_cell(kept.get((method, name)), least[name]) for name in guarantees]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return lines if methods else []


def _is_kept(row: Row) -> bool:
    return row.status == "ok" and row.bytes is not None


def _size(row: Row | None) -> float:
    return math.inf if row is None or row.bytes is None else row.bytes


def _cell(row: Row | None, least: int | None) -> str:
    if row is None:
        return ""
    if row.bytes is None:
        return row.status
    size = f"{row.bytes:,}"
    if row.status != "ok":
        size += " †"
    elif row.bytes == least:
        size = f"**{size}**"
    more = "" if not row.plain_bytes else f" ({row.bytes / row.plain_bytes - 1:+.1%})"
    bits = row.bits.partition(",")[0]
    return f"{size}{more}" + (f" `{bits}`" if bits and not row.method.startswith("guarantee") else "")


def _plain_table(rows: Sequence[Row]) -> list[str]:
    plain = {(row.method, row.guarantee): row for row in rows if not row.promises and row.bytes is not None}
    guarantees = list(dict.fromkeys(row.guarantee for row in rows))
    methods = list(dict.fromkeys(method for method, _ in plain))
    lines = [f"| violated | bytes | {' | '.join(guarantees)} |", "|---|---:|" + "---:|" * len(guarantees)]
    for method in methods:
        cells = [_violated(plain.get((method, name))) for name in guarantees]
        size = next(row.bytes for (other, _), row in plain.items() if other == method)
        lines.append(f"| {method} | {size:,} | {' | '.join(cells)} |")
    return lines if methods else []


def _violated(row: Row | None) -> str:
    if row is None or row.n_violated is None or row.n is None:
        return ""
    share = 100 * row.n_violated / max(row.n, 1)
    return f"{row.n_violated:,} of {row.n:,} ({share:.2g} %)" if row.n_violated else "0"


def _fine_print(rows: Sequence[Row]) -> list[str]:
    broken = [
        f"* † {row.method}, {row.guarantee}: {row.reason or f'{row.n_violated:,} of {row.n:,} violated'}"
        for row in rows
        if row.promises and row.status == "violates"
    ]
    noise = [
        f"* {row.method}, {row.guarantee}: {row.n_within_noise:,} beyond the bound by less than float64 rounds"
        for row in rows
        if row.promises and row.n_within_noise
    ]
    notes: dict[str, list[str]] = {}
    for row in rows:
        note = row.bits.partition(", ")[2] if row.bytes is not None else f"{row.status}, {row.reason}"
        if note:
            notes.setdefault(note, []).append(f"{row.method}, {row.guarantee}")
    return [*broken, *noise, *(f"* {note}: {'; '.join(where)}" for note, where in notes.items())]
