"""How restored ROOT files are compressed, and how large they are."""

from pathlib import Path

import numpy as np
import pytest
import uproot

import baler_vae
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.manifest import Manifest
from baler_vae.errors import CorruptArchive, UsageError
from baler_vae.io.files import open_source, write_file
from baler_vae.root.compression import ROOT_COMPRESSION, Setting, check_compression

HERE = Path(__file__).parent
QUICK = {"kind": "independent", "bound": "exact"}
SETTINGS = {"zlib:1": 101, "lzma:9": 209, "lz4:4": 404, "zstd:5": 505, "none": 0}


def made(path, compression, n=400):
    """A tree that uproot writes."""
    with uproot.recreate(path, compression=compression) as file:
        file.mktree("T", {"x": "f8"}).extend({"x": np.arange(n) / 7})
    return path


@pytest.mark.parametrize(("text", "code"), SETTINGS.items())
def test_every_setting_is_what_root_calls_it_and_comes_back(text, code):
    data = b"Jet_pt and Jet_eta, " * 50
    setting = Setting(text)
    assert setting.code == code
    stored = setting.compressed(data)
    assert stored[:2] == {"zlib": b"ZL", "lzma": b"XZ", "lz4:": b"L4", "zstd": b"ZS", "none": b"Je"}[text[:4]]
    assert len(stored) < len(data) or text == "none"
    assert setting.compressed(b"x") == b"x"


def test_higher_levels_take_fewer_bytes():
    values = ", ".join(f"{value:.2f}" for value in np.random.default_rng(1).normal(size=9000)).encode()
    for levels in (("lz4:1", "lz4:4"), ("zstd:1", "zstd:5", "zstd:8")):
        sizes = [len(Setting(level).compressed(values)) for level in levels]
        assert sizes == sorted(sizes, reverse=True)
        assert len(set(sizes)) == len(sizes)


def test_without_a_setting_the_smaller_block_is_written():
    lists = np.random.default_rng(1).integers(0, 99, 3000).cumsum().astype(">i4").tobytes()
    sizes = {text: len(Setting(text).compressed(lists)) for text in ("", ROOT_COMPRESSION, "zlib:1")}
    assert sizes[""] == min(sizes.values())
    assert Setting().code == Setting(ROOT_COMPRESSION).code


@pytest.mark.parametrize(
    ("text", "full"), [("zstd", "zstd:5"), ("LZMA", "lzma:7"), ("zlib:9", "zlib:9"), ("none", "none")]
)
def test_a_level_may_be_left_out(text, full):
    assert check_compression(text) == full


@pytest.mark.parametrize("text", ["", "gzip", "zstd:0", "zstd:23", "zlib:-1", "lzma:٣", "none:1", "zstd:", "zlib: 1"])
def test_what_root_has_not_is_refused(text):
    with pytest.raises(UsageError, match=r"invalid compression.*zlib:1 to zlib:9, .*or none"):
        check_compression(text)


@pytest.mark.parametrize(
    ("compression", "found"),
    [
        (uproot.ZLIB(9), "zlib:9"),
        (uproot.LZMA(8), "lzma:8"),
        (uproot.LZ4(4), "lz4:4"),
        (uproot.ZSTD(3), "zstd:3"),
        (uproot.ZSTD(5), ""),
        (None, "none"),
    ],
)
@pytest.mark.parametrize("rntuple", [False, True])
def test_a_file_comes_back_as_it_was_compressed(compression, found, rntuple, tmp_path):
    path = tmp_path / "in.root"
    if rntuple:
        with uproot.recreate(path, compression=compression) as file:
            file.mkrntuple("T", {"x": np.arange(400) / 7})
    else:
        made(path, compression)
    assert open_source(path).schema.origin.compression == found
    baler_vae.compress(path, tmp_path / "a.bvae", **QUICK)
    with ArchiveFile(tmp_path / "a.bvae") as archive:
        assert archive.manifest.version == (2 if found else 1)
        assert archive.manifest.origin.compression == found
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.root")
    assert open_source(tmp_path / "out.root").schema.origin.compression == found
    with uproot.open(path) as before, uproot.open(tmp_path / "out.root") as after:
        assert after.file.fCompress == before.file.fCompress
        assert after["T"].arrays().to_list() == before["T"].arrays().to_list()


def test_levels_without_an_algorithm_are_no_setting(data_dir):
    """The files of ROOT 5 say 1: any algorithm that the writer likes."""
    with uproot.open(data_dir / "uproot-HZZ.root") as file:
        assert file.file.fCompress == 1
    assert open_source(data_dir / "uproot-HZZ.root").schema.origin.compression == ""


def test_a_setting_that_is_asked_for_overrides_that_of_the_source(tmp_path):
    made(tmp_path / "in.root", uproot.ZLIB(1), 2000)
    baler_vae.compress(tmp_path / "in.root", tmp_path / "a.bvae", **QUICK)
    for text, code in SETTINGS.items():
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.root", compression=text, force=True)
        with uproot.open(tmp_path / "out.root") as file:
            assert file.file.fCompress == (code or 100)
            assert file["T"]["x"].array(library="np").tolist() == (np.arange(2000) / 7).tolist()
    with pytest.raises(UsageError, match=r"only ROOT files have a choice.*--compression"):
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.parquet", compression="zstd")
    with pytest.raises(UsageError, match="invalid compression 'brotli'"):
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "b.root", compression="brotli")


def test_several_trees_keep_their_own(tmp_path):
    with uproot.recreate(tmp_path / "in.root", compression=uproot.ZLIB(1)) as file:
        for name, setting in (("T", uproot.ZLIB(1)), ("U", uproot.LZMA(2))):
            file.compression = setting
            file.mkrntuple(name, {"x": np.arange(400) / 7})
    baler_vae.compress(tmp_path / "in.root", tmp_path / "a.bvae", **QUICK)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.root")
    found = [open_source(f"{tmp_path}/out.root:{name}").schema.origin.compression for name in "TU"]
    assert found == ["zlib:1", "lzma:2"]


def test_codecs_do_not_know_how_a_file_was_compressed(tmp_path):
    first, second = made(tmp_path / "a.root", uproot.ZLIB(1)), made(tmp_path / "b.root", uproot.ZLIB(2))
    codec = baler_vae.fit(first, **QUICK)
    assert codec.schema.origin.compression == ""
    assert codec == baler_vae.Codec.from_bytes(codec.to_bytes())
    baler_vae.compress(second, tmp_path / "a.bvae", codec=codec)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert archive.schema.origin.compression == "zlib:2"


FORGED = {
    "unknown": {"origin": {"compression": "gzip:1"}},
    "line feed": {"origin": {"compression": "zlib:1\n"}},
    "empty": {"origin": {"compression": ""}},
    "not ROOT": {"origin": {"format": "parquet"}},
    "format 1": {"version": 1},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_manifest_that_lies_is_corrupt(forged, tmp_path, monkeypatch):
    baler_vae.compress(made(tmp_path / "in.root", uproot.ZLIB(1)), tmp_path / "a.bvae", **QUICK)
    written = Manifest.to_document

    def lying(manifest):
        document = written(manifest.model_copy(update={"version": 2}))
        return document | forged | {"origin": document["origin"] | forged.get("origin", {})}

    with ArchiveFile(tmp_path / "a.bvae") as archive, writing_archive(tmp_path / "b.bvae") as writer:
        for name in archive.manifest.sections:
            writer.add(name, archive.section(name))
        with monkeypatch.context() as patch:
            patch.setattr(Manifest, "to_document", lying)
            writer.finish(archive.manifest)
    with pytest.raises(CorruptArchive):
        baler_vae.decompress(tmp_path / "b.bvae", tmp_path / "out.root")


@pytest.mark.parametrize(("name", "most"), [("wide.root", 1.01), ("wide_ntuple.root", 1.0)])
def test_a_file_that_root_wrote_is_not_larger_when_it_comes_back(name, most, tmp_path):
    """346 branches of four events as nanoAOD has them, by ROOT 6.40, as a TTree with zlib:1 and as the RNTuple that
    RDataFrame makes of it: most of both are keys and descriptions.
    """
    source = open_source(HERE / name)
    write_file(tmp_path / "out.root", source.schema, source.read(source.schema))
    assert (tmp_path / "out.root").stat().st_size < most * (HERE / name).stat().st_size
    with uproot.open(f"{HERE}/{name}:Events") as before, uproot.open(f"{tmp_path}/out.root:Events") as after:
        assert before.keys() == after.keys()
        assert before.arrays().to_list() == after.arrays().to_list()
        if name == "wide.root":
            assert [branch.title for branch in before.branches] == [branch.title for branch in after.branches]


@pytest.mark.full
@pytest.mark.parametrize("compression", [101, 209, 404, 505, 508])
def test_root_reads_wide_files_that_are_not_larger_when_they_come_back(compression, root, tmp_path):
    path, back = tmp_path / "in.root", tmp_path / "out.root"
    root.write_wide(path, 40, 1250, compression)
    baler_vae.compress(path, tmp_path / "a.bvae", **QUICK)
    baler_vae.decompress(tmp_path / "a.bvae", back)
    assert back.stat().st_size < 1.1 * path.stat().st_size
    columns = [*(f"{name}_variable{i}" for name in ("Jet", "GenPart") for i in (0, 19)), "nGenPart", "MET_variable3"]
    assert root.read(back, "Events", columns) == root.read(path, "Events", columns)
