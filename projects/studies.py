"""Studies of projects: fits that are repeated with several seeds, what is measured of each, and tables of it."""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import baler_vae
from baler_vae.codec.codec import Codec
from baler_vae.explore.sweep_plan import Setting, grid, request_of
from baler_vae.settings.project import Project

Columns = Mapping[str, NDArray[Any]]
Record = dict[str, Any]

N_SHOWN = 1_500
"""Points of each model that a picture shows."""


def settings_of(project: Project, only: Sequence[str] = ()) -> Iterator[Setting]:
    """The settings of the grid of a project, or `only` those of some variants or names."""
    if project.sweep is None:
        raise ValueError("a project without a sweep")
    for setting in grid(project.sweep):
        if not only or {setting.variant, name_of(setting)} & set(only):
            yield setting


def fitted(project: Project, setting: Setting, seed: int, data: Columns) -> Codec:
    """A codec fitted to columns (rows,) as a setting of the project asks for."""
    request = request_of(project, setting, seed)
    bounds = [bound.text for bound in request.bounds]
    return baler_vae.fit(dict(data), bound=bounds, settings=request.settings)


def stacked(data: Columns) -> NDArray[np.float64]:
    """The columns x, y and z, float64 (rows, 3)."""
    return np.stack([np.asarray(data[name], np.float64) for name in "xyz"], axis=1)


def shown(drawn: NDArray[np.float64], seed: int) -> Record:
    """Some of points float64 (rows, 3) to be drawn later, of the first seed alone."""
    return {"points": drawn[:N_SHOWN].round(3).tolist()} if seed == 1 else {}


def draw(path: Path, panels: Mapping[str, NDArray[np.float64]], reach: float) -> None:
    """Points float64 (rows, 2) in a panel each, under its name, from -reach to reach."""
    from matplotlib.figure import Figure  # noqa: PLC0415  it is slow to import

    figure = Figure(figsize=(2.4 * len(panels), 2.7), layout="constrained")
    for axes, (name, points) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        axes.scatter(*points.T, s=4, lw=0, color="#1f5f8b", alpha=0.6)
        axes.set(title=name, xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.title.set_size(9)
        axes.tick_params(labelsize=7)
    figure.savefig(path, dpi=110)


def points_of(records: Sequence[Record], name: str, source: str) -> NDArray[np.float64]:
    """The points float64 (rows, 3) that are kept of a line of the table and a source of samples."""
    kept = (one["points"] for one in records if (one["model"], one["from"]) == (name, source) and "points" in one)
    return np.array(next(kept))


def name_of(setting: Setting) -> str:
    """A setting in a line of a table."""
    values = [f"{name.rpartition('.')[2]} {value:g}" for name, value in setting.values.items()]
    return ", ".join([setting.variant, *values])


def repeated(
    path: Path,
    tasks: Iterable[tuple[Setting, int]],
    measured: Callable[[Setting, int], Iterable[Record]],
    told: Callable[[str], None] = print,
) -> list[Record]:
    """What is `measured` of settings and seeds, one line of JSON each in the file at a path; those that it holds
    already are not measured again.
    """
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    done = {(record["model"], record["seed"]) for record in found}
    for setting, seed in tasks:
        if (name_of(setting), seed) in done:
            continue
        new = [{"model": name_of(setting), "seed": seed, **record} for record in measured(setting, seed)]
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in new)
        found += new
        told(f"{name_of(setting)}, seed {seed}")
    return found


def listed(records: Sequence[Record], keys: Sequence[str], formats: Mapping[str, str]) -> Iterator[str]:
    """A table in Markdown: a line for all records that are equal in `keys`, with the mean and the standard deviation
    over seeds of each value that has a format.
    """
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(record[key] for key in keys), []).append(record)
    yield "| " + " | ".join([*keys, "seeds", *formats]) + " |"
    yield "|" + "---|" * (len(keys) + 1 + len(formats))
    for group, own in groups.items():
        cells = [spread([one.get(name) for one in own], form) for name, form in formats.items()]
        yield "| " + " | ".join([*map(str, group), str(len(own)), *cells]) + " |"


def spread(values: Sequence[float | None], form: str) -> str:
    """The mean and the standard deviation of those values that are there."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    mean = format(statistics.fmean(known), form)
    return mean if len(known) == 1 else f"{mean} ± {format(statistics.stdev(known), form)}"


def arguments_of(description: str | None, seeds: Sequence[int]) -> argparse.Namespace:
    """The command line of a study."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the file of results, one line of JSON each; those there are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds), help="seeds (default: %(default)s)")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="variants, or lines of the table")
    parser.add_argument("--figure", type=Path, help="draw samples beside the data into this file, too")
    return parser.parse_args()
