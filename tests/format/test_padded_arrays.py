"""Padded collections: the page against real files."""

import json

import numpy as np
import pytest

import baler_vae

from ..padded import padded_jets
from .by_hand import read_zip
from .padded_by_hand import padded_of
from .test_damage import GOLDEN


def written(folder, **arrays):
    """An archive of arrays, exact."""
    np.savez(folder / "in.npz", x=np.arange(len(next(iter(arrays.values())))), **arrays)
    baler_vae.compress(folder / "in.npz", folder / "a.bvae", bound="exact", kind="independent")
    return folder / "a.bvae"


@pytest.mark.parametrize(
    ("shape", "dtype", "padding"),
    [((9, 3), "f4", 0), ((4, 2), "f8", np.nan), ((7, 3), "i2", -9), ((20, 4), "u1", 255)],
)
def test_padded_arrays_are_what_the_page_says(tmp_path, shape, dtype, padding):
    """Bit for bit, also where padding or zeros of another sign stand between objects."""
    jets = padded_jets(60, shape[0], int(np.prod(shape[1:])), dtype, padding).reshape(60, *shape)
    jets[5, 1], jets[7, 1] = padding, -0.0 if jets.dtype.kind == "f" else 0
    contents = read_zip(written(tmp_path, jets=jets).read_bytes())
    manifest = json.loads(contents["manifest.json"])
    assert [entry["group"] for entry in manifest["padded"]] == ["jets"]
    assert padded_of(contents)["jets"].tobytes() == jets.tobytes()


def test_several_collections_are_what_the_page_says(tmp_path):
    path = GOLDEN / "second" / "padded.bvae"
    baler_vae.decompress(path, tmp_path / "back.npz")
    found = padded_of(read_zip(path.read_bytes()))
    with np.load(tmp_path / "back.npz") as back:
        assert {*found} == {"jets", "tracks"}
        assert all(found[name].tobytes() == back[name].tobytes() for name in found)
