"""What is taken for padded objects, and what is not though it has zeros."""

import numpy as np
import pytest

from baler_vae.errors import SourceError
from baler_vae.io.files import open_source
from baler_vae.memory.opening import open_data
from baler_vae.source.padding import found_in, with_collections
from baler_vae.source.source import Source
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table
from tests.padded import padded_jets

N = 400


def found(**arrays):
    """The collections that arrays (rows, ...) of one table are taken for: each as the names of its arrays."""
    columns = tuple(Column(name, array.dtype, shape=array.shape[1:]) for name, array in arrays.items())
    group = Group("events", columns)
    made = found_in((Table(group, arrays),), Schema((group,), group.names, Origin("npz")))
    return [tuple(array.name for array in one.arrays) for one in made]


def images(rng, size):
    """Strokes like those of handwritten digits in the middle of dark images."""
    place = np.arange(size)
    centre = size / 2 + rng.normal(0, 1, (N, 2))
    radius = rng.uniform(size / 5, size / 3.2, N)
    away = np.hypot(place[:, None] - centre[:, 0, None, None], place - centre[:, 1, None, None])
    ink = 255 * np.exp(-(((away - radius[:, None, None]) / 1.5) ** 2))
    return np.where(ink > 20, ink, 0).astype(np.uint8)


def counter_examples():
    rng = np.random.default_rng(1)
    digits = images(rng, 28)
    points = rng.random((N, 20, 2))
    distances = np.hypot(*np.moveaxis(points[:, :, None] - points[:, None], 3, 0)).astype("f4")
    layers = np.arange(24)
    depth = rng.uniform(6, 12, N)
    profile = np.exp(-(((layers - depth[:, None]) / 4) ** 2))
    hits = rng.poisson(profile[:, :, None] * np.exp(-np.arange(9) / 1.5) * 3).astype("f4")
    classes = rng.integers(0, 10, N)
    several = np.zeros((N, 10, 4), "f4")
    several[np.arange(N), classes] = rng.normal(size=(N, 4))
    return {
        "images": digits,
        "flat images": digits.reshape(N, -1),
        "one-hot rows": np.eye(10, dtype="f4")[classes],
        "one-hot rows of features": several,
        "distances": distances,
        "upper triangles": np.triu(distances),
        "calorimeters": hits,
        "sparse cells": (rng.random((N, 50)) < 0.1) * rng.exponential(1, (N, 50)).astype("f4"),
        "normal numbers": rng.normal(size=(N, 30, 4)),
        "constants": np.zeros((N, 30, 4), "f4"),
        "as many in every row": np.where(np.arange(30)[:, None] < 7, rng.random((N, 30, 4)), 0),
        "hardly any padding": np.where(np.arange(30)[:, None] < rng.integers(27, 31, N)[:, None, None], 1.5, 0.0),
        "few slots": padded_jets(N, 2, 4),
        "vectors": np.where(rng.random((N, 1)) < 0.5, rng.random((N, 3)), [1.0, 0, 0]),
        "many features": padded_jets(N, 8, 65),
        "bins": np.sort(rng.poisson(0.7, (N, 12)))[:, ::-1].astype("f4") * (rng.random((N, 12)) < 0.9),
        "three axes": padded_jets(N, 8, 4).reshape(N, 8, 2, 2),
    }


EXAMPLES = counter_examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_other_arrays_stay_as_they_are(name):
    assert found(x=EXAMPLES[name]) == []


@pytest.mark.parametrize("padding", [0, -999, np.nan, [0, -5, -9, 0]])
@pytest.mark.parametrize("shape", [(30, 4), (10, 4), (3, 4)])
def test_padded_objects_are_found(shape, padding):
    jets = padded_jets(N, *shape, padding=padding)
    assert found(jets=jets) == [("jets",)]
    jets[3, 1] = jets[5, 0] = jets[1, 0]  # padding before the last object, in few rows
    jets[0, 0, 1:] = 0
    assert found(jets=jets) == [("jets",)]


def test_flags_that_are_mostly_zero_are_features():
    rng = np.random.default_rng(2)
    jets = padded_jets(N, 20, 9)
    jets[:, :, 3:] *= rng.random((N, 20, 6)) < 0.1
    assert found(jets=jets) == [("jets",)]


def test_padding_in_the_middle_of_many_rows_is_none():
    jets = padded_jets(N, 10, 4)
    jets[np.random.default_rng(3).random((N, 10)) < 0.1] = 0
    assert found(jets=jets) == []


def test_arrays_of_as_many_slots_are_told_apart_by_where_they_end():
    rng = np.random.default_rng(4)
    pt, tokens = padded_jets(N, 12, 1)[:, :, 0], padded_jets(N, 12, 2, seed=7)
    is_there = pt != 0
    mass = np.where(rng.random(pt.shape) < 0.05, 0, pt / 10)
    flags = (rng.random(pt.shape) < 0.05) & is_there
    eta, other = np.where(is_there, rng.normal(size=pt.shape), 0), rng.normal(size=(N, 12))
    arrays = {"flag": flags, "pt": pt, "tokens": tokens, "eta": eta, "mass": mass, "mask": is_there, "other": other}
    assert found(**arrays) == [("flag", "pt", "eta", "mass", "mask"), ("tokens",)]


def test_one_array_of_numbers_needs_more_padding():
    pt = padded_jets(N, 12, 1)[:, :, 0]
    assert found(pt=pt) == [("pt",)]
    assert found(pt=pt[:, :7]) == []
    full = np.where(np.arange(12) < np.random.default_rng(5).integers(8, 13, N)[:, np.newaxis], 1.5, 0)
    assert found(pt=full) == []
    assert found(pt=full, eta=full.astype("f4")) == [("pt", "eta")]


def test_names_are_not_taken_twice():
    jets = padded_jets(N, 10, 2)
    source = open_data({"njets": np.arange(N), "jets": jets, "events": padded_jets(N, 9, 2, seed=3)})
    assert source.schema.order == (
        *("njets", "njets_2", "jets[:,0]", "jets[:,1]"),
        *("nevents_2", "events[:,0]", "events[:,1]"),
    )
    assert [group.name for group in source.schema.groups] == ["events", "jets", "events_2"]
    assert len(source.notes) == 2
    own = open_data({"jets": jets, "jets[:,1]": np.arange(N)})
    assert own.schema.padded == ()


def test_small_tables_stay_as_they_are(tmp_path):
    for rows in (0, 1, 15):
        np.savez(tmp_path / "a.npz", jets=padded_jets(rows, 10, 4), x=np.arange(rows))
        assert open_source(tmp_path / "a.npz").schema.padded == ()


def test_a_sample_is_looked_at(monkeypatch):
    """The beginning, the middle and the end; later rows may be anything."""
    monkeypatch.setattr("baler_vae.source.padding._SAMPLE_ROWS", 20)
    jets = padded_jets(N, 10, 2)
    jets[100:150] = 1  # without any padding, in rows that no sample has
    asked = []
    source = open_data({"jets": jets})

    def batches(selection, step, ranges=None, /):
        asked.append(ranges)
        yield from source.batches(selection, step, ranges)

    plain = source.arrays
    again = with_collections(Source("data", plain.schema, plain.n_events, batches))
    assert again.schema.padded == source.schema.padded
    assert asked == [[(0, 20), (190, 210), (380, 400)]]


def test_what_cannot_be_read_is_told_by_those_who_read_it():
    plain = open_data({"jets": padded_jets(N, 10, 2)}).arrays

    def batches(_selection, _step, _ranges=None, /):
        raise SourceError("damaged")
        yield

    assert with_collections(Source("data", plain.schema, N, batches)).schema == plain.schema
