"""Archives made once: every release that names their codings reads them, on every machine and with every numpy.

`digests.json` holds what they gave back when they were made. Neither it nor they are ever made again by a test.
"""

import hashlib
import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.codec.sections import read_model
from baler_vae.entropy import plain
from baler_vae.grid.grids import GRID_KINDS
from baler_vae.model import coders
from baler_vae.model.columns import Networked

from .digest import branches, digests, extras

FOLDER = Path(__file__).parent
GOLDEN = json.loads((FOLDER / "digests.json").read_text("utf-8"))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_archives_give_the_same_bytes_for_ever(name):
    path = FOLDER / f"{name}.bvae"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == GOLDEN[name]["archive"]
    assert digests(path) == GOLDEN[name]["columns"]
    assert baler_vae.verify(path).n_rows == GOLDEN[name]["rows"]
    assert extras(path) == GOLDEN[name].get("extras", {})
    if "branches" in GOLDEN[name]:
        assert branches(path) == GOLDEN[name]["branches"]


def test_every_archive_here_is_read():
    assert {path.stem for path in FOLDER.glob("*.bvae")} == set(GOLDEN)


def test_every_coding_and_grid_is_among_them():
    codings, grids, dtypes, predicted, under_networks = set(), set(), set(), set(), set()
    for name in GOLDEN:
        with ArchiveFile(FOLDER / f"{name}.bvae") as archive:
            for group in archive.manifest.groups:
                codings |= set(group.latents.codings if group.latents else ())
                codings |= {column.coding for column in group.columns}
                grids |= {column.grid.kind for column in group.columns if column.grid}
                dtypes |= {column.dtype for column in group.columns}
                predicted |= {(column.grid.kind, column.coding) for column in group.columns if column.predicted}
                under_networks |= {column.grid.kind for column in group.columns if column.coding == coders.NETWORK}
    assert codings == {*get_args(plain.Coding), *get_args(coders.CodesCoding), coders.NETWORK, None}
    assert codings >= {"pcodec-1", "text-1", "arrow-1", "raw-1", "pcodec-codes-1", "table-1", "network-1"}
    assert grids == set(GRID_KINDS)
    assert dtypes >= {"bool", "uint16", "int32", "int64", "float16", "float32", "float64", "text", "nested"}
    assert {kind for kind, _ in predicted} >= {"integers", "pattern", "step", "logarithmic"}
    assert {coding for _, coding in predicted} >= {coders.TABLE, coders.NETWORK}
    assert under_networks >= {"integers", "pattern", "decimal", "step", "logarithmic"}


def test_networks_see_all_that_there_is_to_see():
    """In some group: codes of the row, ranges of them, objects before, places, latents, events and formulas."""
    seen, flat = set(), set()
    for name in GOLDEN:
        with ArchiveFile(FOLDER / f"{name}.bvae") as archive:
            for number, group in enumerate(archive.manifest.groups):
                model = read_model(archive, number)
                for column in model.columns.values():
                    for entry in column.conditional.inputs if isinstance(column, Networked) else ():
                        first_latent = len(model.columns)
                        kind = {-1: "place", -2: "formula"}.get(entry.source) or (
                            "event"
                            if entry.source >= model.first_event_source
                            else "latent"
                            if entry.source >= first_latent
                            else "column"
                        )
                        own = "" if entry.source < 0 else "own" if entry.source not in model.views else "view"
                        (seen if group.counter else flat).add((kind, entry.lag, entry.symbol >= 0, own))
    assert {(kind, lag) for kind, lag, _, _ in seen} >= {
        *((kind, lag) for kind in ("column", "latent", "event") for lag in range(3)),
        ("place", 0),
        ("formula", 0),
    }
    assert {kind for kind, _, is_range, _ in seen if is_range} >= {"latent", "place"}
    assert {kind for kind, *_ in flat} == {"column", "latent"}
    assert {own for *_, own in seen} == {"", "own", "view"}


def test_what_they_hold_is_what_was_put_in():
    """A few values known by heart, so that the digests are not those of something else."""
    with baler_vae.open(FOLDER / "independent.bvae") as archive:
        back = archive.arrays(library="np")
    assert back["run"].tolist() == np.repeat(np.arange(6) * 10**10, 50).tolist()
    assert back["name"].tolist()[:9] == [None, "é", "éé", "ééé", "éééé", "", "é", None, "ééé"]
    eta = np.concatenate(back["eta"])
    assert [np.isnan(eta[3]), eta[40], eta[41]] == [True, np.inf, -np.inf]
    assert np.concatenate(back["e"]).view(np.uint64)[5] == 0x7FF0_0000_0000_BEEF


def test_nested_columns_and_arrays_are_what_was_put_in():
    with baler_vae.open(FOLDER / "nested.bvae") as archive:
        assert archive.manifest.origin.rntuple
        assert {array.name: array.shape for array in archive.schema.arrays} == {
            "vertex": (3,),
            "grid": (2, 2),
            "Jet_cov": (2,),
        }
        types = {name: str(archive[name].array().type) for name in ("deep", "triggers", "track")}
        events = archive.arrays()[[0, 3]].to_list()
    assert types == {
        "deep": "40 * var * var * float64",
        "triggers": "40 * var * string",
        "track": "40 * var * {id: int64, chi2: float64}",
    }
    assert events[1]["event"] == 9
    assert [event["label"] for event in events] == ["muon", "tau"]
    assert events[1]["grid"] == [[39, 36], [38, 20]]
    assert events[1]["Jet_cov"] == [[0.25, 2.0]]
    assert events[1]["deep"] == [[3.0]]
    assert events[1]["triggers"] == ["HLT_tau"]
    assert events[1]["hit"] == {"layer": 3, "charge": 1.5}
    assert events[1]["track"] == [{"id": 30, "chi2": 0.25}]


def test_what_lies_beside_columns_is_what_was_put_in():
    found = extras(FOLDER / "extras.bvae")
    assert found["/"] == [{"beam_energy": ["<f8", 6.5], "title": "a run", "triggers": ["<i2", [3, 5, 8]]}]
    assert found["pt"] == [None, {"unit": "GeV"}]
    assert found["comment"][-2:] == ["made once", {}]
    assert found["calibration"] == [{"by": "the crew"}]
    assert found["calibration/gain"][:2] == ["<f4", [7]]
