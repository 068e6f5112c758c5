"""One measurement of the dial in a process of its own: `python -m benchmarks.dial_worker VERB JOB.json`.

`ours` fits a codec, and compresses with it; `rival` compresses; `decode` restores from the bytes that either left, the
first time and then again. Figures go to a file beside the job. Neither importing nor reading files is in the seconds of
rivals; ours read the file that they compress, and the archive.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import baler_vae
from baler_vae.errors import BalerError
from benchmarks.rivals import find_rival
from benchmarks.rivals.signature import Columns, NotApplicableError
from benchmarks.worker import count_violations, from_archive, read_table


def seconds_of(work: Callable[[], Any], repeat: int = 1) -> float:
    """The seconds of the fastest of some repetitions."""
    found = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def ours(job: dict[str, Any]) -> dict[str, Any]:
    """Bytes, and the seconds of a fit and of compressing with the codec; the archive is left in `job["blob"]`."""
    blob, codecs = Path(job["blob"]), []
    settings = {"columns": job["patterns"], "bound": job["bound"], "kind": job["kind"], **job["settings"]}
    fit_s = seconds_of(lambda: codecs.append(baler_vae.fit(job["source"], **settings)))
    compress_s = seconds_of(
        lambda: baler_vae.compress(job["source"], blob, codec=codecs[0], verify=False, force=True), job["repeat"]
    )
    return {"bytes": blob.stat().st_size, "fit_s": fit_s, "compress_s": compress_s}


def rival(job: dict[str, Any]) -> dict[str, Any]:
    """Bytes and seconds of a rival; the bytes are left in `job["blob"]`."""
    columns, _, bounds = read_table(job)
    one, kept = find_rival(job["rival"]), []
    compress_s = seconds_of(lambda: kept.append(one.compress(columns, bounds[job["bound"]])))
    Path(job["blob"]).write_bytes(kept[0])
    return {"bytes": len(kept[0]), "compress_s": compress_s}


def decode(job: dict[str, Any]) -> dict[str, Any]:
    """The seconds of restoring arrays, the first time in this process and the best of further ones, and the values that
    break their bounds.
    """
    data = Path(job["blob"]).read_bytes()
    one = find_rival(job["rival"]) if job["rival"] else None
    kept: list[Columns] = []

    def restore() -> None:
        kept[:] = [from_archive(job["blob"]) if one is None else one.decompress(data)]

    first_s = seconds_of(restore)
    decode_s = seconds_of(restore, job["repeat"])
    columns, raw_bytes, bounds = read_table(job)
    violations, _ = count_violations(columns, kept[0], bounds[job["bound"]])
    return {"first_s": first_s, "decode_s": decode_s, "raw_bytes": raw_bytes, "violations": violations}


def main() -> None:
    """Does one job and writes its figures, or why there are none, beside it."""
    path = Path(sys.argv[2])
    job = json.loads(path.read_text())
    try:
        figures = {"ours": ours, "rival": rival, "decode": decode}[sys.argv[1]](job)
    except NotApplicableError as error:
        figures = {"reason": f"not applicable: {error}"}
    except (BalerError, ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        figures = {"reason": f"failed: {type(error).__name__}: {error}".partition("\n")[0]}
    path.with_suffix(".out").write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
