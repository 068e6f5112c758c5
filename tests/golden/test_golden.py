"""Archives made once: every release that names their codings reads them, on every machine and with every numpy.

`digests.json` holds what they gave back when they were made. Neither it nor they are ever made again by a test. Those
in `second` are of format 2.
"""

import hashlib
import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.archive.manifest import SECOND_FORMAT
from baler_vae.archive.parts import unpack_checked_parts, unpack_parts
from baler_vae.codec.sections import read_model
from baler_vae.entropy import plain
from baler_vae.entropy.tables import decode_codes
from baler_vae.grid.grids import PlainGrid
from baler_vae.model import coders
from baler_vae.model.cells import Seen
from baler_vae.model.columns import Celled, Networked
from baler_vae.model.convolution import Convolution
from baler_vae.model.correction import MODES, MOST_MODE_TABLES
from baler_vae.model.network import Dense

from .digest import branches, digests, extras

FOLDER = Path(__file__).parent
GOLDEN = json.loads((FOLDER / "digests.json").read_text("utf-8"))
SECOND = FOLDER / "second"
OF_SECOND = json.loads((SECOND / "digests.json").read_text("utf-8"))["archives"]


@pytest.mark.parametrize("name", OF_SECOND)
def test_archives_of_the_second_format_give_the_same_bytes(name):
    path = SECOND / f"{name}.bvae"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == OF_SECOND[name]["archive"]
    assert digests(path) == OF_SECOND[name]["columns"]
    assert baler_vae.verify(path).n_rows == OF_SECOND[name]["rows"]
    with ArchiveFile(path) as archive:
        assert archive.manifest.version == SECOND_FORMAT


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
    assert {path.stem for path in SECOND.glob("*.bvae")} == set(OF_SECOND)


def test_networks_of_cells_see_all_that_there_is_to_see():
    """Every kind of input, rows before, mirror images, points and latents; and convolutions."""
    cells, layers = [], []
    for name in OF_SECOND:
        with ArchiveFile(SECOND / f"{name}.bvae") as archive:
            model = read_model(archive, 0)
            cells += [column.cells for column in model.columns.values() if isinstance(column, Celled)]
            latents = range(len(model.columns), model.first_event_source)
            layers += [*model.decoder.network] if model.decoder else []
        if name == "latents":
            assert set(cells[-1].sources) & set(latents)
    assert {entry.kind for own in cells for entry in own.inputs} == {*Seen}
    assert {own.looks_back for own in cells} == {own.mirrored for own in cells} == {True, False}
    assert any(predictor.is_geometric for own in cells for predictor in own.predictors)
    assert {type(layer) for layer in layers} == {Dense, Convolution}


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
    assert grids == {grid.kind for grid in get_args(PlainGrid)}
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


def test_arrays_are_what_was_put_in():
    with baler_vae.open(SECOND / "cells.bvae") as archive:
        back = archive.arrays(library="np")
    rows, i, j = np.ogrid[:10, :8, :9]
    assert back["counts"].tolist() == ((7 * rows + i * j) % 11 - 4).tolist()
    assert (back["flags"] == (back["counts"] > 2)).all()
    shower = back["shower"].view(np.uint32)
    assert shower[3, 2, :4].tolist() == [0x7FC0_0000, 0x7F80_0000, 0xFF80_0000, 0x8000_0000]
    assert shower[5, 0, 0] == 0x7FC0_BEEF
    smooth = np.sin(0.4 * i + 0.2 * rows) * np.cos(0.3 * j - 0.1 * rows)
    assert np.abs(back["field"] - smooth).max() < 0.15
    assert np.argwhere(np.isnan(back["matrix"])).tolist() == [[2, 3, 5]]


def test_values_move_in_every_way():
    """In all modes, under tables by class, of rows and of events, with tails; and patches."""
    modes, n_classes, kinds, n_patched = set(), set(), set(), 0
    with ArchiveFile(SECOND / "guards.bvae") as archive:
        for number, (group, n_rows) in enumerate(
            zip(archive.manifest.groups, archive.manifest.row_groups[0], strict=True)
        ):
            model = read_model(archive, number)
            parts = unpack_checked_parts(archive.section(f"groups/{number}/0"), model.n_parts)[model.first_guard_part :]
            for correction, part in zip(model.corrections, parts, strict=False):
                n_items = archive.manifest.row_groups[0][0] if correction.is_of_events else n_rows
                if len(correction.modes) == 1:
                    modes |= set(decode_codes(unpack_parts(part)[0], correction.modes[0], n_items).tolist())
                n_classes |= {len(correction.own.tables), len(correction.others.tables), -len(correction.modes)}
                kinds.add((correction.is_of_events, bool(correction.tails), bool(group.counter)))
            n_patched += sum(map(bool, parts[len(model.corrections) :]))
    assert modes == set(range(len(MODES)))
    assert n_classes >= {1, 5, 11, -1, -MOST_MODE_TABLES}
    assert kinds == {(True, False, True), (True, True, True), (False, False, True), (False, False, False)}
    assert n_patched > 6


def test_dithered_columns_are_under_networks_and_in_several_row_groups():
    with ArchiveFile(SECOND / "dither.bvae") as archive:
        columns = [column for group in archive.manifest.groups for column in group.columns if column.grid]
        assert len(archive.manifest.row_groups) > 1
        assert read_model(archive, 1).event_columns(["Jet_pt"], ("met", "nJet"))
    grids = {(c.grid.kind, c.dtype, bool(c.grid.parameters.get("floor"))) for c in columns}
    assert grids >= {
        ("dithered-step", "float32", False),
        ("dithered-logarithmic", "float32", True),
        ("dithered-logarithmic", "float64", False),
    }
    assert {c.coding for c in columns if "dithered" in c.grid.kind} == {coders.TABLE, coders.NETWORK}
    with baler_vae.open(SECOND / "dither.bvae") as archive:
        px, pt = (np.concatenate(archive[name].array(library="np")) for name in ("Jet_px", "Jet_pt"))
    assert px.view(np.uint32)[[3, 7, 9]].tolist() == [0, 0, 0xFF80_0000]
    assert pt.view(np.uint64)[11] == 0x7FF0_0000_DEAD_BEEF


def test_padded_arrays_are_what_was_put_in(tmp_path):
    baler_vae.decompress(SECOND / "padded.bvae", tmp_path / "back.npz")
    with np.load(tmp_path / "back.npz") as back:
        jets, tracks = back["jets"], back["tracks"]
    rows, slots = np.ogrid[:80, :6]
    assert ((jets == 0).all(axis=2) == (slots >= rows % 5)).all()
    rows, slots = np.ogrid[:80, :32]
    assert (np.isnan(tracks) == (slots >= 7 * rows % 33)[..., None]).all()
    assert np.array_equal(tracks, np.round(tracks, 2), equal_nan=True)
