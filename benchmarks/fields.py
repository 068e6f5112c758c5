"""Bytes, seconds and memory of our archives of arrays with a shape, and of every rival, under the same bounds.

    python -m benchmarks.fields [--data cfd,showers] [--rivals none] [--kinds auto] [--made FOLDER] -o FOLDER

Writes `fields.json` (machine, versions, dates) and `fields.md` into FOLDER. What is there already stays, unless it is
measured anew: `--rivals none` measures ours beside the stored figures of rivals, `--kinds ''` rivals only. Arrays that
generators make are kept in the folder that `--made` names. A rival may be `mymodule:MY_RIVAL`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import ROOT, MissingDataError
from benchmarks.field_data import AS_IT_IS, FIELDS, FieldCase, bounds_of
from benchmarks.field_tables import markdown
from benchmarks.measure import Row, as_record, measure_table, our_name, write_table
from benchmarks.results import circumstances
from benchmarks.rivals import all_rivals, find_rival, rivals_in_dimensions
from benchmarks.rivals.signature import Columns
from benchmarks.run import BOUNDS, chosen, said
from benchmarks.worker import count_violations

Record = dict[str, Any]


def rivals_for(n_axes: int) -> list[str]:
    """The names or addresses of all rivals for arrays of so many axes, the rows among them, but the one without bounds
    and those that see more axes than there are.
    """
    beyond = tuple(f"{number}-D)" for number in range(n_axes + 1, 5))
    plain = [name for name, rival in all_rivals().items() if rival.promises]
    return [*plain, *(address for address in rivals_in_dimensions() if not address.endswith(beyond))]


def measure_rivals(case: FieldCase, bounds: Sequence[str], rivals: Sequence[str], folder: Path) -> Iterator[Row]:
    """The rows of rivals on the arrays of a case, in each form; without names, all rivals."""
    arrays = case.arrays(folder)
    for form, made in {AS_IT_IS: case.columns, **case.forms}.items():
        columns = made(arrays)
        with tempfile.TemporaryDirectory() as place:
            table = Path(place) / "columns.table"
            write_table(table, columns, {text: bounds_of(columns, text) for text in bounds})
            names = rivals or rivals_for(max(values.ndim for values in columns.values()))
            for name in names:
                for row in measure_table(case.name, lambda _: table, bounds, name, Path(place)):  # noqa: B023
                    yield row if form == AS_IT_IS else as_form(row, form)


def as_form(row: Row, form: str) -> Row:
    """The row of a rival that was given another form of the arrays."""
    return Row(**as_record(row) | {"method": f"{row.method}, {form}"})


def measure_ours(case: FieldCase, bound: str, kind: str, folder: Path) -> Row:
    """The row of an archive, made and restored by the command line: whole processes, reading and writing included."""
    arrays = case.arrays(folder)
    keys = f":{case.keys[0]}" if len(case.keys) == 1 else ""
    with tempfile.TemporaryDirectory() as place:
        archive, back = Path(place) / "a.bvae", Path(place) / "back.npz"
        source = [f"{case.source(folder)}{keys}", "-o", f"{archive}"]
        there = _whole("compress", *source, "--bound", bound, "--model", kind, "--no-verify")
        again = _whole("decompress", f"{archive}", "-o", f"{back}") if isinstance(there, dict) else there
        if isinstance(there, str) or isinstance(again, str):
            return Row(case.name, bound, our_name(kind), "failed", reason=f"{again}")
        columns = case.columns(arrays)
        restored = case.columns(_restored(back, arrays))
        violations, worst = count_violations(columns, restored, bounds_of(columns, bound))
        return Row(
            case.name,
            bound,
            our_name(kind),
            "violates" if violations else "ok",
            archive.stat().st_size,
            sum(values.nbytes for values in arrays.values()),
            violations,
            worst,
            there["s"],
            again["s"],
            there["peak_mb"],
            again["peak_mb"],
        )


def _restored(path: Path, arrays: Columns) -> Columns:
    """The arrays of a file that we wrote; one array alone may stand there under another name."""
    with np.load(path) as stored:
        if len(stored.files) == len(arrays) == 1:
            return {name: stored[stored.files[0]].reshape(arrays[name].shape) for name in arrays}
        return {name: stored[name] for name in arrays}


def _whole(*arguments: str) -> dict[str, float] | str:
    """Seconds and peak memory in MB of our command line, or why it failed."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    paths = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    with tempfile.TemporaryFile("w+") as told:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", "baler_vae", *arguments, "--no-progress"],
            env={**one, **os.environ, "PYTHONPATH": paths},
            stdout=subprocess.DEVNULL,
            stderr=told,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        if process.returncode:
            told.seek(0)
            return (told.read().strip().splitlines() or ["no message"])[0]
    return {"s": round(seconds, 3), "peak_mb": usage.ru_maxrss / 1000}


def read_records(path: Path) -> dict[tuple[str, str, str], Record]:
    """The rows in a file that `write` wrote, each with the date of its measurement; none where there is no file."""
    if not path.exists():
        return {}
    return {(one["data"], one["bound"], one["method"]): one for one in json.loads(path.read_text("utf-8"))["rows"]}


def write(folder: Path, records: dict[tuple[str, str, str], Record]) -> None:
    """Writes `fields.json` and `fields.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    order = list(FIELDS)
    kept = sorted(records.values(), key=lambda one: order.index(one["data"]))
    lines = ",\n".join(json.dumps(one) for one in kept)
    head = json.dumps(circumstances(), indent=1).removesuffix("\n}")
    (folder / "fields.json").write_text(f'{head},\n "rows": [\n{lines}\n]\n}}\n', "utf-8")
    rows = [Row(**{name: value for name, value in one.items() if name != "date"}) for one in kept]
    (folder / "fields.md").write_text(markdown(rows), "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="all", help=f"all or some of {', '.join(FIELDS)} (default: all)")
    parser.add_argument("--bounds", default=";".join(BOUNDS), help="bounds, with ; between them")
    parser.add_argument("--rivals", default="all", help="names or MODULE:NAME, with ; between them, all or none")
    parser.add_argument("--kinds", default="auto", help="our kinds of model, or nothing (default: auto)")
    parser.add_argument("--made", type=Path, help="folder of what generators made (default: made anew)")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args(arguments)
    rivals = [] if options.rivals in {"all", "none"} else _named(options.rivals)
    kinds = [kind for kind in options.kinds.split(",") if kind]
    bounds = [bound.strip() for bound in options.bounds.split(";")]
    records = read_records(options.output / "fields.json")
    with tempfile.TemporaryDirectory() as made:
        folder = options.made or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        for name in chosen(options.data, tuple(FIELDS), {"all": tuple(FIELDS)}):
            for row in _rows(FIELDS[name], bounds, rivals, kinds, folder, with_rivals=options.rivals != "none"):
                records[row.key] = as_record(row) | {"date": circumstances()["date"]}
                print(f"{row.data:12} {row.bound:10} {row.method:40} {said(row)}", file=sys.stderr, flush=True)
                write(options.output, records)


def _named(text: str) -> list[str]:
    """The rivals in a list with semicolons: of those that see axes the name alone will do.

    Raises:
        LookupError: there is no such rival.
    """
    further = {rival.name: address for address, rival in rivals_in_dimensions().items()}
    names = [further.get(name.strip(), name.strip()) for name in text.split(";")]
    return [name for name in names if find_rival(name)]


def _rows(
    case: FieldCase,
    bounds: Sequence[str],
    rivals: Sequence[str],
    kinds: Sequence[str],
    folder: Path,
    *,
    with_rivals: bool,
) -> Iterator[Row]:
    try:
        case.source(folder)
    except MissingDataError as error:
        print(f"{case.name}: {error}", file=sys.stderr)
        return
    if with_rivals:
        yield from measure_rivals(case, bounds, rivals, folder)
    for kind in kinds:
        yield from (measure_ours(case, bound, kind, folder) for bound in bounds)


if __name__ == "__main__":
    main()
