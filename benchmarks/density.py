"""How good the samples of a codec are, on jets.

    python -m benchmarks.density                             # all of it, into benchmarks/results/density.json
    python -m benchmarks.density --only vae --codecs FOLDER  # one part; codecs that were fitted before are in a folder

A codec is fitted to the first half of the events, and boosted trees try to tell its samples from the second half, as it
is and as the codec restores it; by jet, and by event (the number of jets and the first three). Parts: `jets`, a density
with the settings below; `default`, one with those that make the smallest archive; `vae`, an autoencoder, with latents
from the prior and from a mixture, where only the eight columns of floats are looked at. Muons are in
`benchmarks/muons.py`.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

import baler_vae
from baler_vae.explore import sample
from baler_vae.measures.classifier import classifier_auc
from baler_vae.settings.model import ModelSettings
from benchmarks.data import FOLDER, JETS

RESULTS = Path(__file__).parent / "results" / "density.json"
JET_COLUMNS = (*JETS, "Jet_nConstituents")
PARTS = ("jets", "default", "vae")
FIRST_JETS = 3
MOST_ROWS = 60_000
"""Of each of two samples that are told apart."""
BOUND = "bits:10"
_ENERGY = "norm(Jet_pt*cosh(Jet_eta), Jet_mass)"
JET_NETWORKS = ModelSettings(
    kind="autoregressive",
    keep_network=True,
    formulas={
        "Jet_emEnergy": _ENERGY,
        "Jet_invisibleEnergy": f"{_ENERGY} - Jet_emEnergy",
        "Jet_auxiliaryEnergy": f"{_ENERGY} - Jet_emEnergy - Jet_invisibleEnergy",
    },
    networks={
        "width": 40,
        "steps": 5000,
        "learning_rate": 0.01,
        "weight_cost": 0.2,
        "range_bits": 4,
        "most_in_range": 0.03,
        "differences": ["Jet_emEnergy"],
    },
)
"""Energies are parts of the whole, which networks see; ranges are finer than what makes the smallest archive."""

Floats = NDArray[np.float32]
Tables = Mapping[str, Callable[[ak.Array], Floats]]


def fitted_codec(
    data: Any,
    name: str,
    folder: Path | None,
    **options: Any,
) -> baler_vae.Codec:
    """The codec of that name in a folder of codecs that were fitted before, or a new one, which is kept there."""
    path = None if folder is None else folder / f"{name}.bvmodel"
    if path is not None and path.exists():
        return baler_vae.Codec.load(path)
    codec = baler_vae.fit(data, **options)
    if path is not None:
        codec.save(path)
    return codec


def measured_jets(part: str, folder: Path | None) -> dict[str, Any]:
    """AUC by jet and by event, the rate of samples, and how well restored events can be told from the held-out ones."""
    fitted, held_out = _halves((*JET_COLUMNS,))
    settings = JET_NETWORKS if part == "jets" else ModelSettings(kind="autoregressive")
    codec = fitted_codec(_columns(fitted), part, folder, bound=BOUND, settings=settings)
    restored = _awkward(codec.decode(codec.encode(_columns(held_out))))
    sample(codec, 100)  # what is compiled and imported once
    wall, cpu = time.perf_counter(), time.process_time()
    drawn = sample(codec, len(held_out), seed=1, library="ak")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    n_jets = drawn.n_rows["Jet"]
    tables: Tables = {"jet": _jets, "event": _first}
    return {
        "settings": settings.described() if part == "jets" else "default",
        "model_bytes": len(codec.to_bytes()),
        "jets": n_jets,
        "jets_per_second": n_jets / wall,
        "jets_per_second_of_one_core": n_jets / cpu,
        "drawn_again": drawn.redrawn,
        "AUC, samples and restored": _told_apart(drawn.data, restored, tables),
        "AUC, samples and held out": _told_apart(drawn.data, held_out, tables),
        "AUC, restored and held out": _told_apart(restored, held_out, {"jet": _jets}),
    }


def measured_vae(folder: Path | None) -> dict[str, Any]:
    """The same of an autoencoder of four latents, drawn from the prior and from a mixture fitted to the latents."""
    fitted, held_out = _halves(JETS)
    data = _columns(fitted)
    codec = fitted_codec(data, "vae", folder, bound="free", settings=ModelSettings(kind="vae", latent=4))
    drawn = {
        source: sample(codec, len(held_out), source=source, training=data, seed=1, library="ak").data
        for source in ("prior", "mixture")
    }
    drawn["encoded and decoded"] = _awkward(codec.decode(codec.encode(_columns(held_out))))
    return {
        f"AUC, {source} and held out": _told_apart(own, held_out, {"jet": _float_columns})
        for source, own in drawn.items()
    }


def _halves(columns: tuple[str, ...]) -> tuple[ak.Array, ak.Array]:
    """The events with some columns of the jets, the first half and the second."""
    with uproot.open(f"{FOLDER / 'zprime_jets.root'}:Events") as tree:
        events = tree.arrays(["nJet", *columns])
    half = len(events) // 2
    return events[:half], events[half:]


def _told_apart(samples: ak.Array, others: ak.Array, tables: Tables) -> dict[str, tuple[float, float]]:
    """The AUC and its error, by what is looked at."""
    found = {}
    for what, table in tables.items():
        auc = classifier_auc(table(samples), table(others), seed=0, most_rows=MOST_ROWS)
        found[what] = auc.value, auc.error
    return found


def _columns(events: ak.Array) -> dict[str, ak.Array]:
    return {name: ak.without_parameters(events[name]) for name in events.fields}


def _awkward(columns: Mapping[str, Any]) -> ak.Array:
    return ak.zip(dict(columns), depth_limit=1)


def _jets(events: ak.Array) -> Floats:
    """All jets, float32 (jets, columns)."""
    return np.stack([ak.to_numpy(ak.flatten(events[name])).astype(np.float32) for name in JET_COLUMNS], axis=1)


def _float_columns(events: ak.Array) -> Floats:
    """All jets without the numbers of their constituents, float32 (jets, columns)."""
    return np.stack([ak.to_numpy(ak.flatten(events[name])).astype(np.float32) for name in JETS], axis=1)


def _first(events: ak.Array) -> Floats:
    """The number of jets of each event and its first jets, NaN where it has fewer, float32 (events, columns)."""
    columns = [ak.to_numpy(events["nJet"]).astype(np.float32)[:, None]]
    for name in JET_COLUMNS:
        padded = ak.fill_none(ak.pad_none(events[name], FIRST_JETS, clip=True), np.nan)
        columns.append(ak.to_numpy(padded).astype(np.float32))
    return np.concatenate(columns, axis=1)


def write_results(path: Path, found: Mapping[str, Any]) -> None:
    """Puts what was found beside what is in a file of results, and shows it."""
    known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps(known | dict(found), indent=2) + "\n", "utf-8")
    print(json.dumps(found, indent=2), flush=True)


def main() -> None:
    """Measures and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--codecs", type=Path, help="a folder where codecs are kept, and used again")
    options = parser.parse_args()
    for part in PARTS if options.only is None else (options.only,):
        found = measured_vae(options.codecs) if part == "vae" else measured_jets(part, options.codecs)
        write_results(RESULTS, {part: found})


if __name__ == "__main__":
    main()
