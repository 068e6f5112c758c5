"""Delimited text through archives: told, settled, verified and given back as it was written."""

import gzip
from io import BytesIO

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import baler_vae
from baler_vae.errors import SourceError, UsageError
from baler_vae.verbs.fit import fit
from baler_vae.verbs.many import compress_each, decompress_each

AMBIGUOUS = b"n;x\n1,234;2\n2,345;3\n"


@pytest.fixture
def through(tmp_path):
    """What comes back of some content through an archive, and what is said of it."""

    def compress_and_restore(content, name="in.csv", back="back.csv", **options):
        (tmp_path / name).write_bytes(content)
        said = baler_vae.compress(tmp_path / name, tmp_path / "a.bvae", kind="independent", force=True, **options)
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / back, force=True)
        return (tmp_path / back).read_bytes(), said

    return compress_and_restore


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("semicolon.csv", ["float64", "float64", "float64"]),
        ("comment.csv", ["float64", "float64"]),
        ("leading_zeros.csv", ["text", "text"]),
        ("int_missing.csv", ["bool", "int64", "int64"]),
        ("pandas_index.csv", ["int64", "float64", "float64"]),
    ],
)
def test_odd_files_come_back_to_the_byte(name, kinds, through, data_dir):
    content = (data_dir / "odd" / name).read_bytes()
    back, said = through(content, bound="exact")
    assert back == content
    assert [column.dtype for column in said.columns] == kinds


def test_integers_with_empty_cells_are_exact_by_default(through, tmp_path):
    rng = np.random.default_rng(2)
    runs = pd.array(rng.integers(270_000, 300_000, 300), "Int64")
    flags = pd.array(rng.integers(0, 2, 300) == 1, "boolean")
    runs[::9], flags[::7] = None, None
    frame = pd.DataFrame({"run": runs, "flag": flags, "pt": rng.exponential(30, 300)})
    content = frame.to_csv(index=False).encode()
    back, _ = through(content)
    restored = pd.read_csv(BytesIO(back), dtype={"run": "Int64", "flag": "boolean"})
    pd.testing.assert_frame_equal(restored[["run", "flag"]], frame[["run", "flag"]])
    assert 0 < np.abs(restored["pt"] - frame["pt"]).max() < 0.1
    done = baler_vae.verify(tmp_path / "a.bvae", against=tmp_path / "in.csv")
    assert not done.broken
    assert len(done.columns) == 5


def test_what_was_said_when_compressing_need_not_be_said_again(through, tmp_path):
    with pytest.raises(SourceError, match="--decimal"):
        through(AMBIGUOUS)
    back, said = through(AMBIGUOUS, dialect={"decimal": ","}, bound="exact")
    assert back == AMBIGUOUS
    assert said.notes == ("read as text with separator ';', decimal comma",)
    assert not baler_vae.verify(tmp_path / "a.bvae", against=tmp_path / "in.csv").broken
    for other in (tmp_path / "a.bvae", tmp_path / "back.csv"):
        found = baler_vae.evaluate(tmp_path / "in.csv", other, archive=tmp_path / "a.bvae")
        assert [column.n_different for column in found.columns] == [0, 0]
    with pytest.raises(UsageError, match="dtype"):
        baler_vae.verify(tmp_path / "a.bvae", against=tmp_path / "in.csv", dialect={"decimal": "."})


def test_the_suffix_of_the_output_says_how_it_is_compressed(through):
    content = b"# note\nx;n\n1,5;7\n;\n"
    back, _ = through(gzip.compress(content), name="in.txt.gz", back="back.csv.gz")
    assert gzip.decompress(back) == content
    assert back[4:8] == bytes(4)
    assert through(content, back="back.csv.gz")[0] == back
    assert through(content, back="back.tsv")[0] == content


def test_text_becomes_tables_of_other_kinds_and_they_text(through, tmp_path):
    through(b"n;x;w\n7;1,5;a\n;2,5;\n", back="back.parquet", bound="exact")
    assert pq.read_table(tmp_path / "back.parquet").to_pydict() == {"n": [7, None], "x": [1.5, 2.5], "w": ["a", None]}
    baler_vae.compress(tmp_path / "back.parquet", tmp_path / "b.bvae", kind="independent", bound="exact")
    baler_vae.decompress(tmp_path / "b.bvae", tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == b'n,x,w\n7,1.5,"a"\n,2.5,NA\n'


def test_files_of_a_folder_keep_their_stems_and_dialects(tmp_path):
    for name, content in (("a.csv", b"x;y\n1,5;2\n"), ("b.csv.gz", gzip.compress(b"x;y\n2,5;3\n"))):
        (tmp_path / name).write_bytes(content)
    compress_each([tmp_path / "a.csv", tmp_path / "b.csv.gz"], tmp_path / "out", kind="independent", bound="exact")
    archives = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in archives] == ["a.bvae", "b.bvae"]
    restored = decompress_each(archives, tmp_path / "back")
    assert [path.read_bytes() for path in restored] == [b"x;y\n1,5;2\n", b"x;y\n2,5;3\n"]


def test_a_codec_reads_other_files_under_their_own_dialect(tmp_path):
    (tmp_path / "one.csv").write_bytes(b"x;y\n1,5;2\n2,5;3\n")
    (tmp_path / "two.csv").write_bytes(b"y,x\n1,234.5\n2,7.5\n")
    codec = fit(tmp_path / "one.csv", kind="independent", bound="exact")
    baler_vae.compress(tmp_path / "two.csv", tmp_path / "a.bvae", codec=codec)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "back.csv")
    assert (tmp_path / "back.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_the_same_text_gives_the_same_bytes(through, tmp_path):
    content = b"% c\nx y\n1.5 2\n"
    through(content)
    first = (tmp_path / "a.bvae").read_bytes()
    through(content)
    assert (tmp_path / "a.bvae").read_bytes() == first
