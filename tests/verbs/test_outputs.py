"""Outputs appear whole or not at all, whoever writes them and whatever fails."""

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.codec.codec import Codec
from baler_vae.errors import CorruptArchive, OutputError, SourceError, UsageError
from tests.tables import flat_batch

TINY = {"hidden": (4,), "epochs": 1, "transform": "standard"}


@pytest.fixture
def made(jets, tmp_path, quick):
    """What each writer of the pipeline needs: the input, a codec, and an archive in a folder of its own."""
    folder = tmp_path / "made"
    folder.mkdir()
    codec = baler_vae.fit(jets, bound="free", settings=quick)
    codec.save(folder / "c.bvmodel")
    baler_vae.compress(jets, folder / "a.bvae", codec=codec)
    return jets, codec, folder


WRITERS = {
    "compress": lambda made, path, **options: baler_vae.compress(made[0], path, codec=made[1], **options),
    "save": lambda made, path, **options: made[1].save(path, **options),
    "decompress": lambda made, path, **options: baler_vae.decompress(made[2] / "a.bvae", path, **options),
}


SUFFIXES = {"compress": ".bvae", "save": ".bvmodel", "decompress": ".root"}


@pytest.fixture(params=WRITERS)
def writer(request, made):
    def write(path, **options):
        WRITERS[request.param](made, path, **options)

    write.suffix = SUFFIXES[request.param]
    return write


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("taken.root", "exists already.*--force"),
        ("folder.root", "is a directory"),
        ("none/out.root", "directory does not exist"),
        ("taken.root/out.root", "directory does not exist"),
    ],
)
def test_outputs_that_cannot_be_written(writer, tmp_path, name, message):
    place = tmp_path / "place"
    (place / "folder.root").mkdir(parents=True)
    (place / "taken.root").write_text("mine")
    with pytest.raises(OutputError, match=message) as caught:
        writer(place / name)
    assert caught.value.path == str(place / name)
    assert (place / "taken.root").read_text() == "mine"
    assert sorted(path.name for path in place.rglob("*")) == ["folder.root", "taken.root"]


def test_force_overwrites_a_file_but_no_folder(writer, tmp_path):
    taken = tmp_path / f"taken{writer.suffix}"
    taken.write_text("mine")
    writer(taken, force=True)
    assert taken.stat().st_size > 1_000
    folder = tmp_path / f"folder{writer.suffix}"
    folder.mkdir()
    with pytest.raises(OutputError, match="is a directory"):
        writer(folder, force=True)


def test_an_unknown_suffix_writes_nothing(made, tmp_path):
    for name in ("out.xlsx", "out"):
        with pytest.raises(UsageError, match=r"unknown file format.*\.parquet"):
            baler_vae.decompress(made[2] / "a.bvae", tmp_path / name)
    assert not list(tmp_path.glob("*out*"))


def test_a_fit_that_fails_leaves_what_was_there(jets, tmp_path):
    taken = tmp_path / "a.bvae"
    taken.write_text("mine")
    with pytest.raises(UsageError, match="no column matches"):
        baler_vae.compress(jets, taken, columns="Jet_x*", force=True)
    assert taken.read_text() == "mine"
    assert not list(tmp_path.glob(".*"))


@pytest.fixture
def long_input(tmp_path):
    """70,000 rows, which make two row groups, the second with a value that its test may spoil."""
    values = np.random.default_rng(3).normal(size=70_000)

    def write(name, spoilt=None):
        x = values.copy()
        if spoilt is not None:
            x[spoilt] = np.nan
        np.savez(tmp_path / name, x=x, i=np.arange(70_000))
        return tmp_path / name

    return write


def test_a_failure_in_a_later_row_group_names_the_row_and_leaves_nothing(long_input, tmp_path):
    codec = baler_vae.fit(long_input("good.npz"), bound="free", **TINY)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(SourceError, match=r"bad.npz, column 'x', first in row 69123 of events"):
        baler_vae.compress(long_input("bad.npz", 69_123), out / "a.bvae", codec=codec)
    assert list(out.iterdir()) == []


def test_damage_in_a_later_row_group_leaves_nothing(long_input, tmp_path):
    codec = baler_vae.fit(long_input("good.npz"), bound="free", **TINY)
    baler_vae.compress(tmp_path / "good.npz", tmp_path / "a.bvae", codec=codec)
    data = bytearray((tmp_path / "a.bvae").read_bytes())
    place = data.index(b"groups/0/1") + 200
    data[place] ^= 1
    (tmp_path / "a.bvae").write_bytes(data)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert archive.arrays("i", entry_stop=65_536, library="np")["i"][-1] == 65_535
    out = tmp_path / "out"
    out.mkdir()
    for suffix in (".root", ".csv", ".parquet", ".h5", ".npz"):
        with pytest.raises(CorruptArchive, match=r"a.bvae, section groups/0/1"):
            baler_vae.decompress(tmp_path / "a.bvae", out / f"out{suffix}")
    assert list(out.iterdir()) == []


def test_a_damaged_codec_is_named(made):
    path = made[2] / "c.bvmodel"
    data = bytearray(path.read_bytes())
    data[data.index(b"encoder/1") + 300] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptArchive, match="section encoder/1"):
        Codec.load(path)


def test_one_output_for_one_input_of_one_column(write, tmp_path):
    path = write(*flat_batch({"x": np.arange(30, dtype=np.float32)}))
    baler_vae.compress(path, tmp_path / "a.bvae", **TINY)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bvae", "input.root"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 9_999, "levels deep"),
        (b"{", "is not JSON"),
        (b"\xff", "JSON"),
        (b"[]", "is no history"),
        (b'{"Jet": [{"number": "one"}]}', "is no history"),
    ],
)
def test_a_codec_with_a_hostile_history_is_named(made, tmp_path, content, words):
    with ArchiveFile(made[2] / "c.bvmodel") as file, writing_archive(tmp_path / "forged.bvmodel") as writer:
        for name in file.manifest.sections:
            writer.add(name, content if name == "history" else file.section(name))
        writer.finish(file.manifest)
    with pytest.raises(CorruptArchive, match=f"section history.*{words}"):
        Codec.load(tmp_path / "forged.bvmodel")
