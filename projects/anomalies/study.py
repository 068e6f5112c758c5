"""Which score finds strange events: those that `baler-vae explore score` wrote, and rivals that see a few features.

    python projects/anomalies/study.py background.root test.root scores/*.parquet --picture roc.png

Files of scores are named KIND_SEED.parquet. The README beside this file has the table that this prints.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import uproot
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import StandardScaler

from baler_vae.measures.roc import Roc, roc_of
from baler_vae.report.drawing import INK, legend, new_figure, powers_of_ten
from baler_vae.report.wording import measured

Floats = NDArray[np.float64]
Processes = NDArray[np.int64]

SIGNALS: Final = {"Z'": 1, "W'": 2}
"""The numbers of their processes; that of the background is 0."""
SCORES: Final = ("bits", "standard_bits", "squared_error", "negative_elbo", "mahalanobis")
SHOWN: Final = (*SCORES, *(f"{name}_Jet_mean" for name in SCORES))
"""The columns of a file of scores that are looked at: over everything in an event, and the mean over its jets."""
ON_LOGARITHMS: Final = ("pt", "mass", "emEnergy", "hadEnergy", "invisibleEnergy", "auxiliaryEnergy", "nConstituents")
N_JETS: Final = 3
"""Jets of an event that the rivals look at."""
COMPONENTS: Final = 12
"""Of the 26 features, that PCA keeps."""
TREES: Final = 300
SEEDS: Final = (1, 2, 3, 4, 5)
COLOURS: Final = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd")
"""Of M. A. Petroff's palette (arXiv:2107.02270)."""


@dataclass(frozen=True, eq=False)
class Scored:
    """One score of the events of a test, from models of one or more seeds: `values` float64 (seeds, events), and the
    `process` of each event, int64 (events,).
    """

    values: Floats
    process: Processes

    def rocs(self, signal: int) -> list[Roc]:
        """By seed how well it tells a signal from the background."""
        known = np.isfinite(self.values).all(axis=0)
        background, strange = (known & (self.process == number) for number in (0, signal))
        return [roc_of(own[background], own[strange]) for own in self.values]


def features(path: str) -> tuple[Floats, Processes]:
    """What the rivals see of events, float64 (events, 26): of the first three jets the eta and logarithms of all else
    but phi, zeros where there are fewer, the number of jets and the logarithm of HT; and the process of each event.
    """
    with uproot.open(path) as file:
        events = file["Events"].arrays()

    def leading(name: str) -> Floats:
        padded = ak.pad_none(events[f"Jet_{name}"], N_JETS, clip=True)
        return ak.fill_none(padded, 0).to_numpy().astype(np.float64)

    jets = [np.log1p(np.maximum(leading(name), 0.0)) for name in ON_LOGARITHMS]
    ht = np.log(ak.sum(events["Jet_pt"], axis=1).to_numpy())
    columns = [leading("eta"), *jets, events["nJet"].to_numpy()[:, None], ht[:, None]]
    return np.hstack(columns).astype(np.float64), events["process"].to_numpy().astype(np.int64)


def forest_scores(background: Floats, tested: Floats, seed: int) -> Floats:
    """How strange an isolation forest (Liu et al. 2008) that saw the background finds other events, float64."""
    forest = IsolationForest(n_estimators=TREES, random_state=seed).fit(background)
    return -forest.score_samples(tested)


def pca_scores(background: Floats, tested: Floats) -> Floats:
    """What the principal components of the background leave of other events: squares of standardised features."""
    scaler = StandardScaler().fit(background)
    pca = PCA(COMPONENTS).fit(scaler.transform(background))
    scaled = scaler.transform(tested)
    return np.sum((scaled - pca.inverse_transform(pca.transform(scaled))) ** 2, axis=1)


def distances(background: Floats, tested: Floats) -> Floats:
    """The squared Mahalanobis distance of events from the background's mean, by the covariance of its features."""
    moved = tested - background.mean(axis=0)
    return np.sum(moved @ np.linalg.pinv(np.cov(background.T)) * moved, axis=1)


def rivals(background: str, tested: str) -> dict[str, Scored]:
    """The scores that follow from features of the same background."""
    (ordinary, _), (events, process) = features(background), features(tested)
    forests = np.stack([forest_scores(ordinary, events, seed) for seed in SEEDS])
    linear = {"PCA": pca_scores(ordinary, events), "Mahalanobis": distances(ordinary, events)}
    return {
        "isolation forest": Scored(forests, process),
        **{name: Scored(values[None], process) for name, values in linear.items()},
    }


def read_scores(paths: Sequence[Path]) -> dict[str, Scored]:
    """All scores of events in files of scores, by kind of the codec and score; the files of a kind are its seeds."""
    kinds: dict[str, list[Path]] = {}
    for path in paths:
        kinds.setdefault(path.stem.rpartition("_")[0], []).append(path)
    found = {}
    for kind, own in kinds.items():
        tables = [pq.read_table(path) for path in own]
        process = tables[0]["process"].to_numpy().astype(np.int64)
        for name in SHOWN:
            if name in tables[0].column_names:
                values = np.stack([table[name].to_numpy() for table in tables]).astype(np.float64)
                found[f"{kind}: {name}"] = Scored(values, process)
    return found


def told(values: Sequence[float], errors: Sequence[float]) -> str:
    """The mean over seeds with the error of one of them: that of the finite test and the spread of seeds together."""
    spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
    return measured(float(np.mean(values)), float(np.hypot(np.mean(errors), spread)))


def lines(scored: Mapping[str, Scored]) -> list[str]:
    """A table in Markdown: for each score and signal the AUC and the rejection of background at 50 and 30 %."""
    heads = [f"{name} {what}" for name in SIGNALS for what in ("AUC", "at 50 %", "at 30 %")]
    table = [f"| score | seeds | {' | '.join(heads)} |", f"|---|---|{'---|' * len(heads)}"]
    for name, own in scored.items():
        cells = [name, str(len(own.values))]
        for number in SIGNALS.values():
            rocs = own.rocs(number)
            cells.append(told([roc.auc.value for roc in rocs], [roc.auc.error for roc in rocs]))
            for efficiency in ("50", "30"):
                rejections = [roc.rejections[efficiency] for roc in rocs]
                cells.append(told([one.value for one in rejections], [one.error for one in rejections]))
        table.append(f"| {' | '.join(cells)} |")
    return table


def draw(path: Path, scored: Mapping[str, Scored]) -> None:
    """Writes a picture with the ROC curves of some scores, means over seeds."""
    with new_figure((8.4, 4.2)) as drawn:
        for panel, (signal, number) in zip(drawn.subplots(1, 2, sharey=True), SIGNALS.items(), strict=True):
            for (name, own), colour in zip(scored.items(), COLOURS, strict=False):
                rocs = own.rocs(number)
                background = np.mean([roc.background for roc in rocs], axis=0)
                label = name if number == 1 else None
                panel.plot(rocs[0].signal, np.maximum(background, 1e-4), color=colour, label=label)
            panel.plot([1e-3, 1], [1e-3, 1], color=INK, lw=0.8, ls=":")
            panel.set(yscale="log", ylim=(1e-3, 1), xlim=(0, 1), xlabel=f"efficiency for the {signal}")
            powers_of_ten(panel.yaxis)
        drawn.axes[0].set_ylabel("efficiency for QCD")
        drawn.subplots_adjust(left=0.08, right=0.98, bottom=0.13, top=0.8, wspace=0.08)
        legend(drawn.axes[0], columns=3)
        drawn.savefig(path, dpi=110, facecolor="white")


def main() -> None:
    """Read the command line, print the table and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("background", help="events that the rivals learn from")
    parser.add_argument("tested", help="events that were scored")
    parser.add_argument("scores", type=Path, nargs="*", help="files of scores, KIND_SEED.parquet")
    parser.add_argument("--picture", type=Path, help="ROC curves to draw")
    parser.add_argument("--drawn", nargs="*", default=(), help="the scores to draw; all by default")
    arguments = parser.parse_args()
    scored = {**read_scores(arguments.scores), **rivals(arguments.background, arguments.tested)}
    unknown = sorted(set(arguments.drawn) - scored.keys())
    if unknown:
        sys.exit(f"there is no score {unknown[0]!r}, only {', '.join(scored)}")
    print("\n".join(lines(scored)))
    if arguments.picture:
        draw(arguments.picture, {name: scored[name] for name in arguments.drawn or scored})


if __name__ == "__main__":
    main()
