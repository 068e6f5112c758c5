"""Bytes, seconds and memory of our archives and of every rival, on the same rows under the same bounds.

    python -m benchmarks.run [--data jets,gsoc] [--bounds bits:10,exact] [--rivals all] [--kinds auto] -o FOLDER

Writes `results.csv`, `results.md`, `results.png` and `results.json` (machine, versions, date) into FOLDER. What is in
FOLDER already stays, unless it is measured anew; `--draw` only draws again. A rival may be `mymodule:MY_RIVAL`.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.data import CASES, REAL, Case, MissingDataError
from benchmarks.measure import Row, measure_ours, measure_rival, our_name
from benchmarks.results import read_rows, write_results
from benchmarks.rivals import all_rivals, find_rival

BOUNDS = ("bits:10", "range:1e-3", "exact")
GROUPS = {"real": REAL, "controls": tuple(name for name in CASES if name not in {*REAL, "generated"}), "all": (*CASES,)}


def measure_case(case: Case, bounds: Sequence[str], rivals: Sequence[str], kinds: Sequence[str]) -> Iterator[Row]:
    """The rows of one table, as they are ready."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        try:
            case.source(folder)
        except MissingDataError as error:
            for bound in bounds:
                methods = [*map(our_name, kinds), *(find_rival(name).name for name in rivals)]
                yield from (Row(case.name, bound, method, "not measured", reason=str(error)) for method in methods)
            return
        for kind in kinds:
            yield from (measure_ours(case, bound, kind, folder) for bound in bounds)
        for name in rivals:
            yield from measure_rival(case, bounds, name, folder)


def chosen(text: str, known: Sequence[str], groups: dict[str, tuple[str, ...]]) -> list[str]:
    """The names in a list with commas, groups spelt out.

    Raises:
        SystemExit: a name is unknown; names with a colon are taken as they are.
    """
    names = [name for part in filter(None, text.split(",")) for name in groups.get(part.strip(), (part.strip(),))]
    unknown = [name for name in names if name not in known and ":" not in name]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; known are {', '.join([*groups, *known])}")
    return list(dict.fromkeys(names))


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="real", help="names, or real, controls, all (default: real)")
    parser.add_argument("--bounds", default=";".join(BOUNDS), help="bounds, with ; between them")
    parser.add_argument("--rivals", default="all", help="names, MODULE:VARIABLE, all or none (default: all)")
    parser.add_argument("--kinds", default="auto", help="our kinds of model, or nothing (default: auto)")
    parser.add_argument("--draw", action="store_true", help="measure nothing, draw what is in the folder")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args(arguments)
    rivals = tuple(all_rivals())
    names = chosen(options.rivals, rivals, {"all": rivals, "none": ()})
    kinds = [kind for kind in options.kinds.split(",") if kind]
    bounds = [bound.strip() for bound in options.bounds.split(";")]
    rows = {row.key: row for row in read_rows(options.output)}
    for data in () if options.draw else chosen(options.data, tuple(CASES), GROUPS):
        for row in measure_case(CASES[data], bounds, names, kinds):
            rows[row.key] = row
            print(f"{row.data:12} {row.bound:10} {row.method:26} {said(row)}", file=sys.stderr, flush=True)
        write_results(options.output, list(rows.values()))
    write_results(options.output, list(rows.values()))


def said(row: Row) -> str:
    """A line on a row for somebody who waits."""
    if row.bytes is None:
        return f"{row.status}: {row.reason}"
    broken = f"  {row.violations:,} values break the bound" if row.violations else ""
    return f"{row.bytes:>12,} bytes {row.compress_s:8.2f} s {row.decompress_s:8.2f} s{broken}"


if __name__ == "__main__":
    main()
