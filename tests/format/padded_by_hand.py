"""Padded arrays made again in numbers of Python, written from FORMAT.md alone."""

import json
import math

import numpy as np

from .by_hand import Group


def padded_of(contents):
    """The arrays of all padded collections of an archive of one row group, (rows, slots, ...) by name."""
    manifest = json.loads(contents["manifest.json"])
    events = Group(contents, 0)
    names = [column["name"] for column in events.columns]
    numbers = {group["name"]: number for number, group in enumerate(manifest["groups"])}
    found = {}
    for collection in manifest["padded"]:
        counts = [int(n) for n in events.values(names.index(collection["counter"]))]
        objects = Group(contents, numbers[collection["group"]], None, counts)
        features = {column["name"]: objects.values(place) for place, column in enumerate(objects.columns)}
        assert {*features} <= {name for array in collection["arrays"] for name in array["features"]}
        for array in collection["arrays"]:
            if {*array["features"]} <= {*features}:
                found[array["name"]] = made(array, features, counts)
    return found


def made(array, features, counts):
    """One array; its objects are the next rows of the group."""
    (n_slots, *others), dtype = array["shape"], np.dtype(array["dtype"])
    assert len(array["features"]) == len(array["padding"]) == math.prod(others)
    found = np.empty((len(counts), n_slots, math.prod(others)), dtype)
    for k, (name, bits) in enumerate(zip(array["features"], array["padding"], strict=True)):
        values, row = features[name], 0
        found[..., k] = np.array(bits, f"u{dtype.itemsize}").view(dtype)
        for event, n in enumerate(counts):
            assert 0 <= n <= n_slots
            found[event, :n, k] = values[row : row + n]
            row += n
        assert row == len(values)
    return found.reshape(len(counts), *array["shape"])
