"""Codecs with latents, and the rows that they were fitted on."""

from pathlib import Path

import numpy as np

import baler_vae
from baler_vae.io.files import write_file
from baler_vae.settings.model import ModelSettings
from baler_vae.table.schema import Origin
from tests.tables import batch_of

N_EVENTS = 150


def make_spaces(folder: Path) -> None:
    """Fills a folder with `in.root`, of two jets and a muon in every event, and `holed.root`, where a jet has a value
    that is not finite; `vae.bvmodel`, `ae.bvmodel`, `joint.bvmodel` and `judge.bvmodel` of the jets' floats;
    `both.bvmodel` of jets and events; `other.bvmodel`, which knows a flag besides.
    """
    rng = np.random.default_rng(6)
    side = rng.integers(0, 2, 2 * N_EVENTS)
    x = (4 * side - 2 + 0.3 * rng.normal(size=2 * N_EVENTS)).astype(np.float32)
    y = (x + 0.2 * rng.normal(size=2 * N_EVENTS)).astype(np.float32)
    z = rng.normal(size=2 * N_EVENTS).astype(np.float32)
    schema, batch = batch_of(
        {
            "events": {
                "met": rng.normal(size=N_EVENTS).astype(np.float32),
                "mht": rng.normal(size=N_EVENTS).astype(np.float32),
                "run": np.repeat(np.arange(3), N_EVENTS // 3).astype(np.int32),
                "word": np.array(["a", "b"] * (N_EVENTS // 2), object),
                "nJet": np.full(N_EVENTS, 2, np.int32),
                "nMuon": np.full(N_EVENTS, 1, np.int32),
            },
            "Jet": {"Jet_x": x, "Jet_y": y, "Jet_z": z, "Jet_side": side.astype(bool)},
            "Muon": {"Muon_pt": rng.normal(size=N_EVENTS).astype(np.float32)},
        },
        {"Jet": "nJet", "Muon": "nMuon"},
        Origin("root", "Events"),
    )
    write_file(folder / "in.root", schema, [batch])
    holed = dict(batch[1].arrays)
    holed["Jet_x"] = np.where(np.arange(2 * N_EVENTS) == 4, np.nan, x).astype(np.float32)
    write_file(folder / "holed.root", schema, [(batch[0], type(batch[1])(batch[1].group, holed), batch[2])])
    floats = ["Jet_x", "Jet_y", "Jet_z"]
    small = {"hidden": (8,), "epochs": 20, "seed": 1, "learning_rate": 0.02, "transform": "standard"}
    joint = {"posterior": {"kind": "joint", "categories": [2]}, "kl": {"beta": 0.001}}
    for name, kind, columns, objective in (
        ("vae", "vae", floats, None),
        ("ae", "ae", floats, None),
        ("joint", "vae", floats, joint),
        ("both", "vae", [*floats, "met", "mht"], None),
    ):
        settings = ModelSettings(kind=kind, latent=2, objective=objective, **small)
        codec = baler_vae.fit(folder / "in.root", columns=columns, bound="free", settings=settings)
        codec.save(folder / f"{name}.bvmodel")
        if name == "vae":
            baler_vae.compress(folder / "in.root", folder / "vae.bvae", codec=codec)
    for name, columns in (("judge", floats), ("other", [*floats, "Jet_side"])):
        judge = baler_vae.fit(folder / "in.root", columns=columns, bound="abs:0.01", model="independent")
        judge.save(folder / f"{name}.bvmodel")
