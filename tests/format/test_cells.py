"""Cells of arrays under networks: the page against real files."""

import json

import numpy as np
import pytest

import baler_vae
from baler_vae.model.cells import MOST_CELL_AXES, Seen
from baler_vae.model.coders import CELLS

from .by_hand import Group, read_zip
from .celled import celled, examples
from .test_damage import GOLDEN

EXAMPLES = examples()


def written(folder, name):
    """An archive of an example, and its data."""
    data, bound, plans = EXAMPLES[name]
    path = folder / f"{name}.bvae"
    baler_vae.compress(data, path, codec=celled(data, bound, plans))
    return path, data


@pytest.mark.parametrize("name", EXAMPLES)
def test_cells_are_what_the_page_says(tmp_path, name):
    """All cells by numbers of Python, under networks of every kind of input."""
    path, data = written(tmp_path, name)
    contents = read_zip(path.read_bytes())
    manifest = json.loads(contents["manifest.json"])
    codings = {column["name"]: column["coding"] for column in manifest["groups"][0]["columns"]}
    assert [column for column, coding in codings.items() if coding == "cells-1"] == [*EXAMPLES[name][2]]
    read = Group(contents, 0)
    with baler_vae.open(path) as archive:
        back = archive.arrays(library="np")
    for place, column in enumerate(read.columns):
        assert read.values(place).tobytes() == back[column["name"]].tobytes(), column["name"]
        if EXAMPLES[name][1].startswith("abs"):
            expected = data[column["name"]]
            np.testing.assert_allclose(back[column["name"]], expected, rtol=1e-6, atol=0.051)


def test_the_examples_have_every_kind_of_input():
    kinds = {entry.kind for data, bound, plans in EXAMPLES.values() for entry in inputs_of(data, bound, plans)}
    assert kinds == {*Seen}


def inputs_of(data, bound, plans):
    (model,) = celled(data, bound, plans).models.values()
    return [entry for name in plans for entry in model.columns[name].cells.inputs]


@pytest.mark.parametrize(
    "name", ["cells", *(pytest.param(own, marks=pytest.mark.full) for own in ("latents", "distances"))]
)
def test_golden_archives_are_what_the_page_says(name):
    """Under networks that were trained, of latents too."""
    path = GOLDEN / "second" / f"{name}.bvae"
    read = Group(read_zip(path.read_bytes()), 0)
    with baler_vae.open(path) as archive:
        back = archive.arrays(library="np")
    for place, column in enumerate(read.columns):
        assert read.values(place).tobytes() == back[column["name"]].tobytes(), column["name"]


def test_arrays_of_more_axes_than_networks_have_are_coded_otherwise():
    data = {"x": np.random.default_rng(0).integers(0, 9, (8, *(2,) * (MOST_CELL_AXES + 1)))}
    codec = baler_vae.fit(data, kind="autoregressive", bound="exact")
    (model,) = codec.models.values()
    assert model.columns["x"].coding != CELLS
    assert np.array_equal(codec.decode(codec.encode(data))["x"], data["x"])
