"""Tables in context in real files, read by whole numbers of Python from FORMAT.md alone; and files that lie."""

import json

import pytest

import baler_vae

from ..contexts import awkward_jets
from .by_hand import read_zip
from .contexts_by_hand import collection


@pytest.fixture(scope="module")
def archive():
    return baler_vae.compress(awkward_jets(n_events=3000), bound=["bits:9", "Jet_n=exact"], effort="fast")


def test_streams_and_tables_are_what_the_page_says(archive):
    contents = read_zip(archive)
    manifest = json.loads(contents["manifest.json"])
    assert manifest["version"] == 2
    with baler_vae.open(archive) as opened:
        (batch,) = opened.batches(opened.schema)
    events, objects = batch
    columns = manifest["groups"][1]["columns"]
    assert sum(column["coding"] == "context-1" for column in columns) >= 5
    assert any(column["predicted"] for column in columns)
    codes = {0: [int(n) for n in events["nJet"]]}
    found = collection(contents, manifest, 1, codes, events["nJet"].tolist())
    for name, values in objects.arrays.items():
        assert found[name].tobytes() == values.tobytes(), name
