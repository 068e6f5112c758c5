"""The sizes of rivals for the same rows under the same bound, as a benchmark measured them."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from baler_vae.errors import SourceError, UsageError

OURS = "baler_vae"


def read_rivals(path: str | Path, *, original_bytes: int | None, bounds: Sequence[str]) -> dict[str, int]:
    """Bytes by name of a rival, the fewest first.

    A JSON file holds them as they are (name -> bytes). Of a table of figures (`benchmarks/results/results.csv`) those
    rows are taken that keep the one bound of `bounds` and whose values took `original_bytes`.

    Raises:
        SourceError: the file cannot be read, or holds something else.
        UsageError: nothing was measured for such rows under such a bound.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot be read: {error}", path=path) from error
    rivals = _from_json(path, text) if path.suffix == ".json" else _from_table(path, text, original_bytes, bounds)
    return dict(sorted(rivals.items(), key=lambda rival: rival[1]))


def _from_json(path: Path, text: str) -> dict[str, int]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of too many digits
        raise SourceError(f"is not JSON: {error}", path=path) from error
    if not (isinstance(document, dict) and document and all(map(_is_size, document.values()))):
        raise SourceError("does not give the sizes of rivals", path=path, expected='{"name": bytes, ...}')
    return document


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 63


def _from_table(path: Path, text: str, original_bytes: int | None, bounds: Sequence[str]) -> dict[str, int]:
    try:
        records = list(csv.DictReader(text.splitlines()))
    except csv.Error as error:
        raise SourceError(f"is not a table of figures: {error}", path=path) from error
    wanted = {"bound", "method", "status", "bytes", "raw_bytes"}
    if not records or not wanted <= records[0].keys():
        raise SourceError("is not a table of figures", path=path, expected=f"columns {', '.join(sorted(wanted))}")
    try:
        measured = [
            (record["bound"], int(record["raw_bytes"]), record["method"], int(record["bytes"]))
            for record in records
            if record["status"] == "ok" and not record["method"].startswith(OURS)
        ]
    except (TypeError, ValueError) as error:
        raise SourceError(f"is not a table of figures: {error}", path=path) from error
    found = {
        method: n_bytes
        for bound, raw_bytes, method, n_bytes in measured
        if raw_bytes == original_bytes and [bound] == list(bounds)
    }
    if not found:
        known = sorted({f"{raw_bytes:,} bytes under {bound}" for bound, raw_bytes, _, _ in measured})
        raise UsageError(
            "has no sizes for these rows under this bound",
            path=path,
            found="; ".join(known[:12]) or "nothing",
            expected=f"{original_bytes or 0:,} bytes under {', '.join(bounds) or 'the default bound'}",
            way_out='Measure them with the benchmarks, or give a JSON file {"name": bytes, ...}',
        )
    return found


def bounds_of(settings: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The bounds that the settings of an archive name."""
    return tuple((settings or {}).get("bound", ()))
