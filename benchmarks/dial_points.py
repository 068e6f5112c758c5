"""What the dial measures: a point for each table and each way to store it."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measure import OURS


@dataclass(frozen=True, kw_only=True)
class Point:
    """What a method made of a table: bytes, the seconds of compressing (ours with a stored codec; the fit apart) and of
    decoding in the inner loop and as a whole process, and the values that break the bound; or the reason why nothing.
    """

    data: str
    bound: str
    method: str
    bytes: int = 0
    raw_bytes: int = 0
    fit_s: float = 0.0
    compress_s: float = 0.0
    decode_s: float = 0.0
    process_s: float = 0.0
    violations: int = 0
    reason: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.data, self.method

    def speed(self, seconds: float) -> float:
        """MB/s of work that took so many seconds."""
        return self.raw_bytes / 1e6 / seconds if seconds else 0.0


def markdown(points: Sequence[Point]) -> str:
    """A table for each set of data, the smallest first; methods that break the bound, and those without figures, in a
    line below.
    """
    lines = []
    for data, bound in dict.fromkeys((point.data, point.bound) for point in points):
        own = [point for point in points if point.data == data]
        found = sorted((point for point in own if not point.reason), key=lambda point: point.bytes)
        first = next((point.bytes for point in found if point.method == f"{OURS} default"), 0)
        lines += [
            f"## {data}, `{bound}`, {found[0].raw_bytes if found else 0:,} bytes of values",
            "",
            "| method | bytes | / default | decode, MB/s | whole process, MB/s | compress, MB/s | fit, s |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        for point in found:
            speeds = [f"{point.speed(s):,.3g}" for s in (point.decode_s, point.process_s, point.compress_s)]
            ratio = f"{point.bytes / first:.3f}" if first else ""
            fit = f"{point.fit_s:.1f}" if point.fit_s else ""
            name = f"**{point.method}**" if point.method.startswith(OURS) else point.method
            broken = f" † {point.violations:,}" if point.violations else ""
            lines.append(f"| {' | '.join([name, f'{point.bytes:,}{broken}', ratio, *speeds, fit])} |")
        lines.append("")
        lines += [f"* {point.method}: {point.reason}" for point in own if point.reason]
        lines += [""] * any(point.reason for point in own)
    if any(point.violations for point in points):
        lines += ["† so many values break the bound.", ""]
    return "\n".join(lines)
