"""What autoencoders and the codec make of the fluid: each study writes a file of results and a picture.

    python projects/lj_fluid/study.py NAME

The README beside this file shows what came out. Names: equilibration, models, latents, gamma, shapes, spectra,
anomalies, filling, walks, occupancy.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
sys.path.append(str(Path(__file__).resolve().parents[1]))

from anomalies import study_anomalies
from data import FOLDER, Record, Study
from equilibration import study_equilibration
from gravity import study_gamma
from occupancy import study_occupancy
from places import study_filling, study_shapes, study_spectra, study_walks
from reconstruction import study_latents, study_models
from studies import listed

STUDIES: Mapping[str, tuple[Callable[[Study], list[Record]], tuple[str, ...], Mapping[str, str]]] = {
    "equilibration": (study_equilibration, ("gamma", "sweeps"), {"energy": ".2f", "error": ".2f"}),
    "models": (study_models, ("model", "latents"), {"share": ".3g", "bits": ".0f", "active": ".0f"}),
    "latents": (study_latents, ("model", "latents", "beta"), {"share": ".4f", "bits": ".0f"}),
    "gamma": (
        study_gamma,
        ("from",),
        {"accuracy": ".3f", "accuracy of trees": ".3f", "R2": ".3f", "clusters": ".3f", "first two": ".1%"},
    ),
    "shapes": (
        study_shapes,
        ("model",),
        {"rest": ".3f", "misplaced": ".3f", "tumbler tilt": ".1f", "tumbler within 15": ".0%", "order tilt": ".1f",
         "order within 15": ".0%"},
    ),
    "spectra": (
        study_spectra,
        ("model",),
        {"mean": ".2f", "deviation": ".2f", "distance": ".3f", "missed": ".3f"},
    ),
    "anomalies": (
        study_anomalies,
        ("kind", "score"),
        {"AUC": ".4f", "error": ".4f", "ordinary": ".3g", "median": ".3g"},
    ),
    "filling": (study_filling, ("model",), {"error": ".4f", "rms": ".3f"}),
    "walks": (study_walks, ("latent",), {"nats": ".2f", "moved": ".2f", "most": ".2f", "nearer than 1": ".1%"}),
    "occupancy": (study_occupancy, ("model",), {"found": ".3f", "nats": ".1f", "share": ".3f"}),
}  # fmt: skip
"""By name the study, and what its table has: the columns that tell its lines apart, and formats of values."""


def main() -> None:
    """Read the command line, make studies and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("names", nargs="+", choices=tuple(STUDIES), metavar="NAME", help="studies to make")
    add("--data", type=Path, default=FOLDER / "output" / "fluid.npz", help="configurations (default: %(default)s)")
    add("--results", type=Path, default=FOLDER / "results", help="folder of results (default: %(default)s)")
    add("--pictures", type=Path, default=FOLDER, help="folder of pictures (default: %(default)s)")
    add("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="seeds of fits (default: %(default)s)")
    add("--training", type=int, default=4_000, help="training rows of each gamma (default: %(default)s)")
    add("--test", type=int, default=1_000, help="test rows of each gamma, at most (default: %(default)s)")
    add("--epochs", type=float, default=1.0, help="by what the epochs of recipes are multiplied")
    own = parser.parse_args()
    study = Study(own.data, own.results, own.pictures, tuple(own.seeds), own.training, own.test, own.epochs)
    for name in own.names:
        function, keys, formats = STUDIES[name]
        found = function(study)
        print(name, *listed([{**dict.fromkeys(keys), **one} for one in found], keys, formats), sep="\n", flush=True)


if __name__ == "__main__":
    main()
