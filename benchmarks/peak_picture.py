"""The picture of the README: a mass peak before, and after two recipes of an experiment.

python -m benchmarks.peak_picture projects/zprime_jets/project.toml INPUT OUT.png
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl
import mplhep
import numpy as np
from matplotlib.figure import Figure

import baler_vae
from baler_vae.evaluation.peaks import PeakShift
from baler_vae.settings.checking import check_settings
from baler_vae.settings.model import ModelSettings
from baler_vae.settings.project import Project, read_project

COLOURS = ("#f89c20", "#e42536")


def peak_shifts(project: Project, source: str, kind: str, seed: int) -> dict[str, tuple[PeakShift, float]]:
    """By recipe, the first peak before and after, and the archive's bytes per row of its largest group."""
    if project.experiment is None:
        raise SystemExit("the project declares no experiment")
    found = {}
    base = project.model.model_dump(exclude_defaults=True)
    with TemporaryDirectory() as folder:
        for recipe in (project.experiment.recipes[0], project.experiment.recipes[-1]):
            settings = check_settings(ModelSettings, {**base, **recipe.model, "kind": kind, "seed": seed})
            codec = baler_vae.fit(source, columns=project.columns, bound=project.bound, settings=settings)
            archive = Path(folder) / f"{len(found)}.bvae"
            info = baler_vae.compress(source, archive, codec=codec)
            evaluation = baler_vae.evaluate(source, archive, settings=project.evaluation)
            found[recipe.name] = evaluation.peaks[0], info.archive_bytes / max(info.n_rows.values())
    return found


def draw(path: Path, shifts: dict[str, tuple[PeakShift, float]], title: str) -> None:
    """Writes the histograms of the peak's window, and their ratio to the original, as a PNG file."""
    mpl.rcParams.update({**mplhep.style.ATLAS, "font.size": 12, "axes.labelsize": 12, "legend.fontsize": 11})
    mpl.rcParams.update({"xtick.labelsize": 11, "ytick.labelsize": 11, "axes.titlesize": 12})
    figure = Figure(figsize=(8, 5.2))
    grid = figure.add_gridspec(2, height_ratios=(3, 1), hspace=0.07, left=0.1, right=0.97, bottom=0.11, top=0.93)
    main = figure.add_subplot(grid[0])
    lower = figure.add_subplot(grid[1], sharex=main)
    before = next(iter(shifts.values()))[0].before
    label = "original" if before.width is None else f"original: width {before.width:.2f} GeV"
    mplhep.histplot(before.counts, before.edges, ax=main, histtype="fill", color="#c5d5f7", label=label)
    for colour, (recipe, (shift, row_bytes)) in zip(COLOURS, shifts.items(), strict=True):
        after = shift.after
        width = "fit failed" if after.width is None else f"width {after.width:.2f} GeV"
        label = f"{recipe}: {width}, {row_bytes:.1f} bytes a jet"
        mplhep.histplot(after.counts, after.edges, ax=main, yerr=False, color=colour, label=label)
        lower.stairs(after.counts / np.maximum(before.counts, 1), after.edges, baseline=None, color=colour, lw=1.5)
    main.set_ylabel("jets per bin")
    main.set_ylim(0, 1.25 * before.counts.max())
    main.tick_params(labelbottom=False)
    main.legend(loc="upper left")
    main.set_title(title, loc="left")
    lower.axhline(1, color="black", lw=0.8)
    lower.set_ylim(0.4, 1.6)
    lower.set_ylabel("ratio")
    lower.set_xlabel("jet mass [GeV]")
    lower.set_xlim(*before.edges[[0, -1]])
    figure.align_ylabels([main, lower])
    figure.savefig(path, dpi=110)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("input")
    parser.add_argument("output", type=Path)
    parser.add_argument("--kind", choices=("ae", "vae"), default="vae")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    shifts = peak_shifts(read_project(arguments.project), arguments.input, arguments.kind, arguments.seed)
    draw(
        arguments.output, shifts, r"Jets of $Z' \to t\bar{t}$: 8 columns through 4 latents (as float32: 32 bytes a jet)"
    )


if __name__ == "__main__":
    main()
