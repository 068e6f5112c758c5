"""The picture of the results."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Row


def draw(path: Path, rows: Sequence[Row]) -> None:
    """Nothing yet."""
