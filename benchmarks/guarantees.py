"""Bytes of our archives that keep guarantees of physics, and of other ways to keep the same, on the same columns.

    python -m benchmarks.guarantees [--data jets,dimuons] [--only 'mass 1e-3;cut'] [--methods bits,safeguards,ours]

Writes `guarantees.json` (machine, versions, dates) and `guarantees.md` into FOLDER (`-o`). What is there already stays,
unless it is measured anew. All floats promise `bits:10` as well. Every way is judged by `guarantees_judge`, on what its
bytes alone give back: ours on files that the command line would write, rivals on arrays.

`bits` are searches over bits of mantissas through coders that know no physics, `safeguards` needs the packages
compression-safeguards and numcodecs-safeguards, `ours` are archives with the guarantee and under plain `bits:10`,
`our-bits` those without a guarantee whose bits happen to keep it.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import baler_vae
from baler_vae.errors import BalerError
from benchmarks.data import CASES, MissingDataError, flat_columns, read_batch
from benchmarks.guarantee_cases import DECLARED, OURS, SAFEGUARDS
from benchmarks.guarantee_rivals import MOST, PLAIN, WAYS, Coded, Stored, safeguarded
from benchmarks.guarantee_tables import Row, markdown
from benchmarks.guarantees_judge import GUARANTEES, Guarantee, Verdict, judge_files
from benchmarks.results import circumstances
from benchmarks.rivals import find_rival, missing_packages
from benchmarks.run import chosen
from benchmarks.worker import count_violations

CODERS = ("grid + pcodec", "truncation + pcodec", "truncation + zstd", "truncation + xz")
UNDER_SAFEGUARDS = ("grid + pcodec", "SZ3 (default)", "ZFP")
PACKAGES = ("compression-safeguards", "numcodecs-safeguards", "numcodecs")
METHODS = ("bits", "safeguards", "ours", "our-bits")
OUR_KIND = "auto"
SCOUT = "independent"
"""The kind of model with which bits are searched: grids, and so deviations, are hardly others, and it is fast."""


@dataclass(frozen=True)
class Task:
    """A guarantee on the columns of a table, in a file."""

    data: str
    guarantee: Guarantee
    source: str
    patterns: tuple[str, ...]

    def row(self, method: str, status: str, **figures: Any) -> Row:
        """A row of this task."""
        return Row(self.data, self.guarantee.name, method, status, **figures)

    def judged(self, method: str, verdict: Verdict, **figures: Any) -> Row:
        """A row with its verdict."""
        status = "violates" if verdict.n_violated else "ok"
        return self.row(method, status, **asdict(verdict), **figures)


def measure_bits(task: Task, tables: Mapping[str, Coded]) -> Iterator[Row]:
    """The rows of searches over bits, and of plain bits."""
    for coder, coded in tables.items():
        if coder not in CODERS:
            continue
        yield (plain := _plain(task, coded))
        for way, keep in WAYS.items():
            yield _kept(
                task, coded, f"{way}, {coder}", lambda keep=keep, coded=coded: keep(coded, task.guarantee), plain
            )


def measure_safeguards(task: Task, tables: Mapping[str, Coded]) -> Iterator[Row]:
    """The rows of `compression-safeguards` around rivals."""
    for coder in UNDER_SAFEGUARDS:
        method = f"safeguards, {coder}"
        missing = [name for name in ("numcodecs_safeguards",) if find_spec(name) is None]
        missing += missing_packages(find_rival(coder))
        if missing:
            yield task.row(method, "not installed", reason=f"needs {', '.join(missing)}")
            continue
        coded, expression = tables[coder], SAFEGUARDS[task.data][task.guarantee.name]
        plain = _plain(task, coded)
        if coder not in CODERS:
            yield plain
        yield _kept(
            task, coded, method, lambda coded=coded, own=expression: safeguarded(coded, task.guarantee, own), plain
        )


def _plain(task: Task, coded: Coded) -> Row:
    """The row of plain bits, which promise nothing to the guarantee."""
    data, restored = coded.table(PLAIN)
    verdict = task.guarantee.verdict(coded.columns, restored)
    return task.judged(f"plain bits:{PLAIN}, {coded.rival}", verdict, bytes=len(data), bits=f"bits:{PLAIN}")


def _kept(task: Task, coded: Coded, method: str, keep: Callable[[], Stored], plain: Row) -> Row:
    """The row of a way to keep the guarantee."""
    started = time.perf_counter()
    try:
        stored = keep()
    except (
        ArithmeticError,
        LookupError,
        MemoryError,
        NotImplementedError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        return task.row(method, "failed", reason=reason, plain_bytes=plain.bytes)
    seconds = round(time.perf_counter() - started, 2)
    n_broken, _ = count_violations(coded.columns, stored.restored, coded.bounds(PLAIN))
    figures = {"bytes": len(stored.data), "plain_bytes": plain.bytes, "bits": stored.bits, "s": seconds}
    if n_broken:
        return task.row(method, "violates", reason=f"{n_broken} values break bits:{PLAIN}", **figures)
    return task.judged(method, task.guarantee.verdict(coded.columns, stored.restored), **figures)


def measure_ours(task: Task, archives: "Archives") -> Iterator[Row]:
    """The rows of our archives under plain bits, with the guarantee, and with all guarantees on the data."""
    plain = archives.measure(task, f"bits:{PLAIN}", OUR_KIND)
    yield plain
    kept = archives.measure(task, f"bits:{PLAIN}", OUR_KIND, asked_of_ours(task.data, [task.guarantee.name]))
    yield replace(kept, plain_bytes=plain.bytes)
    together = archives.measure(task, f"bits:{PLAIN}", OUR_KIND, asked_of_ours(task.data, [*OURS[task.data]]))
    yield replace(together, method=f"guarantees, all together, baler_vae {OUR_KIND}", plain_bytes=plain.bytes)


def asked_of_ours(data: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Guarantees of these names as our archives are asked for them, and the quantities that their cuts read."""
    asked = [OURS[data][name] for name in names]
    cuts = [one.get("cut", "") for one in asked]
    declared = [one for one in DECLARED.get(data, ()) if any(one["quantity"]["name"] in cut for cut in cuts)]
    return [*declared, *asked]


def measure_our_bits(task: Task, archives: "Archives") -> Iterator[Row]:
    """The row of our archive with the coarsest bits in all columns."""
    plain = archives.measure(task, f"bits:{PLAIN}", OUR_KIND)
    coarsest = _coarsest(task, archives, OUR_KIND, _bits_of(_coarsest(task, archives, SCOUT, PLAIN)))
    yield replace(coarsest, method=f"bits in all columns, baler_vae {OUR_KIND}", plain_bytes=plain.bytes)


def _coarsest(task: Task, archives: "Archives", kind: str, start: int) -> Row:
    """The row of the archive with the fewest bits, from `start` on, that happens to keep the guarantee, or of the one
    that cannot be made.
    """
    rows = (archives.measure(task, f"bits:{bits}", kind) for bits in range(start, max(MOST.values()) + 1))
    return next(row for row in rows if row.status != "violates")


def _bits_of(row: Row) -> int:
    return int(row.bits.partition(":")[2] or PLAIN)


class Archives:
    """Archives and what they restore, each made once, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, ...], dict[str, Any]] = {}

    def measure(self, task: Task, bound: str, kind: str, guarantees: Sequence[dict[str, Any]] = ()) -> Row:
        """The row of an archive of the file of a task, judged on the file that it restores."""
        method = f"guarantee, baler_vae {kind}" if guarantees else f"plain {bound}, baler_vae {kind}"
        key = (task.data, bound, kind, json.dumps(guarantees))
        if key not in self._made:
            self._made[key] = self._make(task, bound, kind, guarantees)
        made = self._made[key]
        if "reason" in made:
            return task.row(method, "failed", reason=made["reason"])
        original = task.source.rpartition(":")[0] or task.source
        (verdict,) = judge_files(task.data, original, made["restored"], [task.guarantee.name]).values()
        return task.judged(method, verdict, bytes=made["bytes"], bits=bound, s=made["s"])

    def _make(self, task: Task, bound: str, kind: str, guarantees: Sequence[dict[str, Any]]) -> dict[str, Any]:
        number = len(self._made)
        archive = self._folder / f"{number}.bvae"
        suffix = Path(task.source.rpartition(":")[0] or task.source).suffix
        restored = self._folder / f"{number}{suffix}"
        more = {"guarantees": list(guarantees)} if guarantees else {}
        if task.patterns:
            more["columns"] = list(task.patterns)
        started = time.perf_counter()
        try:
            baler_vae.compress(task.source, archive, bound=bound, kind=kind, verify=False, **more)
            seconds = round(time.perf_counter() - started, 2)
            baler_vae.decompress(archive, restored)
        except (BalerError, TypeError) as error:
            return {"reason": f"{type(error).__name__}: {error}".partition("\n")[0]}
        return {"bytes": archive.stat().st_size, "restored": restored, "s": seconds}


def tasks_of(data: str, only: Sequence[str]) -> list[Task]:
    """The tasks on one table; those named, or all.

    Raises:
        MissingDataError: its file is not there.
    """
    source, patterns = CASES[data].source(Path())
    return [Task(data, own, source, patterns) for own in GUARANTEES[data] if not only or own.name in only]


def read_rows(path: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The rows in a file that `write` wrote, each with the date of its measurement; none where there is no file."""
    if not path.exists():
        return {}
    return {(one["data"], one["guarantee"], one["method"]): one for one in json.loads(path.read_text("utf-8"))["rows"]}


def write(folder: Path, records: Mapping[tuple[str, str, str], dict[str, Any]]) -> None:
    """Writes `guarantees.json` and `guarantees.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    order = [(data, own.name) for data, guarantees in GUARANTEES.items() for own in guarantees]
    kept = sorted(records.values(), key=lambda one: order.index((one["data"], one["guarantee"])))
    around = circumstances()
    around["versions"] |= {name: _version(name) for name in PACKAGES}
    head = json.dumps(around, indent=1).removesuffix("\n}")
    lines = ",\n".join(json.dumps(one) for one in kept)
    (folder / "guarantees.json").write_text(f'{head},\n "rows": [\n{lines}\n]\n}}\n', "utf-8")
    rows = [Row(**{name: value for name, value in one.items() if name != "date"}) for one in kept]
    (folder / "guarantees.md").write_text(markdown(rows), "utf-8")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _rows(data: str, only: Sequence[str], methods: Sequence[str], archives: Archives) -> Iterator[Row]:
    try:
        tasks = tasks_of(data, only)
    except MissingDataError as error:
        print(f"{data}: {error}", file=sys.stderr)
        return
    if not tasks:
        return
    schema, batch = read_batch(tasks[0].source, tasks[0].patterns)
    columns = flat_columns(schema, batch)
    names = dict.fromkeys((*CODERS, *UNDER_SAFEGUARDS))
    tables = {name: Coded(schema, columns, name) for name in names if not missing_packages(find_rival(name))}
    for task in tasks:
        if "bits" in methods:
            yield from measure_bits(task, tables)
        if "safeguards" in methods:
            yield from measure_safeguards(task, tables)
        if "ours" in methods:
            yield from measure_ours(task, archives)
        if "our-bits" in methods:
            yield from measure_our_bits(task, archives)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="all", help=f"all or some of {', '.join(GUARANTEES)} (default: all)")
    parser.add_argument("--only", default="", help="names of guarantees, with ; between them (default: all)")
    parser.add_argument("--methods", default="all", help=f"all or some of {', '.join(METHODS)} (default: all)")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args(arguments)
    only = [name.strip() for name in options.only.split(";") if name.strip()]
    methods = chosen(options.methods, METHODS, {"all": METHODS})
    for data in chosen(options.data, tuple(GUARANTEES), {"all": tuple(GUARANTEES)}):
        with tempfile.TemporaryDirectory() as place:
            for row in _rows(data, only, methods, Archives(Path(place))):
                records = read_rows(options.output / "guarantees.json")
                records[row.key] = asdict(row) | {"date": circumstances()["date"]}
                print(f"{row.data:8} {row.guarantee:20} {row.method:46} {said(row)}", file=sys.stderr, flush=True)
                write(options.output, records)


def said(row: Row) -> str:
    """A line on a row for somebody who waits."""
    if row.bytes is None:
        return f"{row.status}: {row.reason}"
    more = "" if row.plain_bytes is None else f"  {row.bytes / row.plain_bytes - 1:+.2%}"
    return f"{row.bytes:>11,} bytes{more}  {row.bits}  {row.n_violated} of {row.n} violated  {row.s} s {row.reason}"


if __name__ == "__main__":
    main()
