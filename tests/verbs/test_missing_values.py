"""Numbers that may be missing: a column of values and one that says where there are none."""

import awkward as ak
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.errors import UsageError
from baler_vae.io.files import open_source
from baler_vae.table.branches import branches_of
from baler_vae.table.schema import Mask

RUN = np.array([160957, 0, 160958, 0, 160959], np.int64)
MISSING = np.array([False, True, False, True, False])
COUNTS = np.array([1, 0, 2, 1, 2], np.int32)
HITS = np.array([3, 0, 5, 6, 0, 8], np.uint8)
NO_HITS = np.array([False, True, False, False, True, False])


def file_of(folder, *, optional=True):
    """A Parquet file of runs, and of hits in lists, of which some are missing; of none that are without `optional`."""
    hits = pa.array(HITS, mask=NO_HITS if optional else None)
    lists = pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(COUNTS)]), pa.int32()), hits)
    table = pa.table(
        {"run": pa.array(RUN, mask=MISSING if optional else None), "nhits": pa.array(COUNTS), "hits": lists}
    )
    pq.write_table(table, folder / "t.parquet")
    return folder / "t.parquet"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("missing")
    baler_vae.compress(file_of(folder), folder / "a.bvae", kind="independent")
    return folder / "a.bvae"


def test_a_mask_stands_before_its_values_and_belongs_to_their_branch(tmp_path):
    schema = open_source(file_of(tmp_path)).schema
    assert schema.order == ("run[missing]", "run", "nhits", "hits[missing]", "hits")
    assert schema.masks == (Mask("run", "run[missing]"), Mask("hits", "hits[missing]"))
    assert [branch.name for branch in branches_of(schema)] == ["run", "nhits", "hits"]
    assert [branch.name for branch in branches_of(schema, masks=False)] == list(schema.order)
    assert schema.only(["run"]).order == ("run[missing]", "run")
    assert schema.only(["hits[missing]"]).order == ("nhits", "hits[missing]", "hits")


def test_an_archive_says_so_in_the_second_format(archive):
    with ArchiveFile(archive) as file:
        assert file.manifest.version == 2
        assert [mask.missing for mask in file.manifest.masks] == ["run[missing]", "hits[missing]"]


def test_each_library_has_its_own_missing_values(archive):
    with baler_vae.open(archive) as opened:
        assert opened.keys() == ["run", "nhits", "hits"]
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


def test_a_codec_with_masks_is_used_where_nothing_is_missing(tmp_path):
    codec = baler_vae.fit(file_of(tmp_path), kind="independent")
    baler_vae.compress(file_of(tmp_path, optional=False), tmp_path / "b.bvae", codec=codec)
    with baler_vae.open(tmp_path / "b.bvae") as opened:
        assert opened["run"].array(library="np").mask.tolist() == [False] * 5


def test_a_codec_without_masks_refuses_missing_values(tmp_path):
    codec = baler_vae.fit(file_of(tmp_path, optional=False), kind="independent")
    with pytest.raises(UsageError, match="does not allow missing values") as caught:
        baler_vae.compress(file_of(tmp_path), tmp_path / "b.bvae", codec=codec)
    assert caught.value.column == "run"


def test_files_of_which_one_has_missing_values_are_one_source(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    files = [file_of(tmp_path / "a", optional=False), file_of(tmp_path / "b")]
    baler_vae.compress(files, tmp_path / "c.bvae", kind="independent")
    with baler_vae.open(tmp_path / "c.bvae") as opened:
        assert opened["run"].array().tolist() == [*RUN.tolist(), 160957, None, 160958, None, 160959]
    assert not baler_vae.verify(tmp_path / "c.bvae", against=files).broken


def test_a_column_with_gaps_in_one_file_and_text_in_another_is_named(tmp_path):
    (tmp_path / "1.csv").write_text("run,x\n1,0.5\n,1.5\n")
    (tmp_path / "2.csv").write_text("run,x\nA,0.5\nB,1.5\n")
    for first, second, found in (
        ("1.csv", "2.csv", "text, expected int64"),
        ("2.csv", "1.csv", "int64, expected text"),
    ):
        with pytest.raises(UsageError, match=f"'run'.*different dtype.*found {found}"):
            baler_vae.compress([str(tmp_path / first), str(tmp_path / second)], tmp_path / "a.bvae", kind="independent")
