"""Numbers that may be missing: a column of values and one that says where there are none."""

import awkward as ak
import numpy as np
import pandas as pd
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.errors import UsageError
from baler_vae.io.grouping import Described, Jagged, batch_from_lists, schema_of_branches
from baler_vae.io.source import Source
from baler_vae.pipeline.compress import compress
from baler_vae.pipeline.fit import fit
from baler_vae.table.branches import branches_of
from baler_vae.table.schema import Column, Mask, Origin
from baler_vae.table.table import Batch, slice_events

RUN = np.array([160957, 0, 160958, 0, 160959], np.int64)
MISSING = np.array([False, True, False, True, False])
COUNTS = np.array([1, 0, 2, 1, 2], np.int32)
HITS = np.array([3, 0, 5, 6, 0, 8], np.uint8)
NO_HITS = np.array([False, True, False, False, True, False])


def source_of(*, optional: bool = True) -> Source:
    """A source of runs, and of hits under a counter, of which some are missing; of none that are without `optional`."""
    described = [
        Described(Column("run", RUN.dtype), optional=optional),
        Described(Column("n", COUNTS.dtype)),
        Described(Jagged(Column("hits", HITS.dtype), "n"), optional=optional),
    ]
    schema = schema_of_branches(described, Origin("parquet"))
    flat = described[0].split(RUN, MISSING if optional else None) | {"n": COUNTS}
    lists = {name: (COUNTS, values) for name, values in described[2].split(HITS, NO_HITS).items()}

    def batches(selection, step, ranges=None, /):
        whole: Batch = batch_from_lists(schema, selection, flat, lists, path="here", first_event=0)
        for start, stop in ranges or [(0, len(RUN))]:
            yield slice_events(whole, start, stop)

    return Source("here", schema, len(RUN), batches)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("missing") / "a.bvae"
    codec = fit(source_of(), kind="independent")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baler_vae.pipeline.compress.open_sources", lambda _: source_of())
        compress("a.parquet", path, codec=codec)
    return path


def test_a_mask_stands_before_its_values_and_belongs_to_their_branch():
    schema = source_of().schema
    assert schema.order == ("run[missing]", "run", "n", "hits[missing]", "hits")
    assert schema.masks == (Mask("run", "run[missing]"), Mask("hits", "hits[missing]"))
    assert [branch.name for branch in branches_of(schema)] == ["run", "n", "hits"]
    assert [branch.name for branch in branches_of(schema, masks=False)] == list(schema.order)
    assert schema.only(["run"]).order == ("run[missing]", "run")
    assert schema.only(["hits[missing]"]).order == ("n", "hits[missing]", "hits")


def test_an_archive_says_so_in_the_second_format(archive):
    with ArchiveFile(archive) as file:
        assert file.manifest.version == 2
        assert [mask.missing for mask in file.manifest.masks] == ["run[missing]", "hits[missing]"]


def test_each_library_has_its_own_missing_values(archive):
    with baler_vae.open(archive) as opened:
        assert opened.keys() == ["run", "n", "hits"]
        records = opened.arrays()
        assert records.run.tolist() == [160957, None, 160958, None, 160959]
        assert records.hits.tolist() == [[3], [], [None, 5], [6], [None, 8]]
        assert str(records.run.type.content) == "?int64"
        assert opened.arrays(library="np")["run"].tolist() == [160957, None, 160958, None, 160959]
        frame = opened.arrays("run", library="pd")
        expected = pd.DataFrame({"run": pd.array([160957, None, 160958, None, 160959], "Int64")})
        pd.testing.assert_frame_equal(frame, expected)
        assert opened["run"].array(library="pd").isna().tolist() == MISSING.tolist()
        assert ak.is_none(opened["hits"].array(), axis=1).tolist() == [
            [False],
            [],
            [True, False],
            [False],
            [True, False],
        ]


def test_a_codec_with_masks_is_used_where_nothing_is_missing(tmp_path, monkeypatch):
    codec = fit(source_of(), kind="independent")
    monkeypatch.setattr("baler_vae.pipeline.compress.open_sources", lambda _: source_of(optional=False))
    compress("a.parquet", tmp_path / "b.bvae", codec=codec)
    with baler_vae.open(tmp_path / "b.bvae") as opened:
        assert opened["run"].array(library="np").mask.tolist() == [False] * 5


def test_a_codec_without_masks_refuses_missing_values():
    codec = fit(source_of(optional=False), kind="independent")
    with pytest.raises(UsageError, match="has no place for missing values") as caught:
        codec.match(source_of())
    assert caught.value.column == "run"
