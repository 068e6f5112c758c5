"""Guarantees and dither in real files, read by whole numbers of Python from FORMAT.md alone."""

import json
from collections import Counter

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.archive.parts import unpack_checked_parts
from baler_vae.codec.sections import read_model

from .by_hand import read_zip
from .guarded import FLAT, JAGGED, flat, jagged, write
from .guards_by_hand import guarded
from .test_damage import GOLDEN

BOUNDS = {
    "jagged": (jagged, JAGGED, "bits:8"),
    "dithered": (jagged, JAGGED, ["bits:8,floor:0.01,dither", "Jet_phi=abs:0.005,dither"]),
    "flat": (flat, FLAT, ["abs:0.05", "py=bits:7", "n=exact"]),
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guards")
    return {
        name: write(folder, name, make(), bound=bound, guarantees=promised)[1]
        for name, (make, promised, bound) in BOUNDS.items()
    }


@pytest.mark.parametrize("name", [*BOUNDS, "golden"])
def test_moves_and_patches_are_what_the_page_says(archives, name):
    path = GOLDEN / "second" / "guards.bvae" if name == "golden" else archives[name]
    found = guarded(read_zip(path.read_bytes()))
    with baler_vae.open(path) as archive:
        (batch,) = archive.batches(archive.schema)
        for table in batch:
            for column, values in table.arrays.items():
                assert found[column].tobytes() == values.tobytes(), column


def test_the_archives_hold_all_that_there_is(archives):
    """Moves and patches, of rows and of events, tails, columns of the events and both dithered grids."""
    kinds, patched, grids = Counter(), 0, set()
    for path in archives.values():
        with ArchiveFile(path) as archive:
            manifest = archive.manifest
            for number, group in enumerate(manifest.groups):
                model = read_model(archive, number)
                parts = unpack_checked_parts(archive.section(f"groups/{number}/0"), model.n_parts)
                for place, correction in enumerate(model.corrections):
                    if parts[model.first_guard_part + place]:
                        kinds[correction.is_of_events, bool(correction.tails), bool(number)] += 1
                patched += sum(map(bool, parts[model.first_guard_part + len(model.corrections) :]))
                grids |= {column.grid.kind for column in group.columns if column.grid}
    assert kinds.keys() == {(True, False, True), (True, True, True), (False, False, True), (False, False, False)}
    assert patched > 8
    assert grids >= {"dithered-step", "dithered-logarithmic", "logarithmic", "step"}


def test_the_manifest_has_the_keys_of_the_page(archives):
    manifest = json.loads(read_zip(archives["jagged"].read_bytes())["manifest.json"])
    assert manifest["version"] == 2
    assert manifest["guarantees"].keys() == {"quantities", "promised"}
    assert [group["guard"].keys() for group in manifest["groups"]] == [{"corrections", "patched"}] * 2


def test_what_is_guaranteed_is_kept(archives):
    """By numpy alone."""
    data = jagged()[1]
    back = guarded(read_zip(archives["dithered"].read_bytes()))
    pt, eta, met = data[1].arrays["Jet_pt"], data[1].arrays["Jet_eta"], data[0].arrays["met"]
    assert ((pt > 30) & (abs(eta) < 2.4) == (back["Jet_pt"] > 30) & (abs(back["Jet_eta"]) < 2.4)).all()
    assert ((met > 20) == (back["met"] > 20)).all()
    events = np.repeat(np.arange(len(met)), data[0].arrays["nJet"])
    ht, after = (np.bincount(events, values.astype(float), len(met)) for values in (pt, back["Jet_pt"]))
    assert np.abs(ht - after).max() <= 0.01
