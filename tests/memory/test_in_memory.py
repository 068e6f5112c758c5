"""Archives of data in memory, and objects out of archives of files."""

import awkward as ak
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.errors import ArchiveError, UsageError
from tests.memory.test_opening import EXACT, FRAME, JETS


@pytest.fixture(scope="module")
def blob():
    return baler_vae.dumps(FRAME, **EXACT)


def test_bytes_are_those_of_the_file(tmp_path, blob):
    path = tmp_path / "frame.bvae"
    info = baler_vae.compress(FRAME, path, **EXACT)
    assert path.read_bytes() == blob
    assert info.source.bytes is None
    with ArchiveFile(path) as archive:
        assert (archive.manifest.version, archive.manifest.origin.format) == (2, "memory")
    assert baler_vae.decompress(path).equals(FRAME)


def test_libraries(blob):
    assert baler_vae.loads(blob, library="pd").equals(FRAME)
    assert baler_vae.loads(blob, library="pa").equals(pa.Table.from_pandas(FRAME))
    assert baler_vae.loads(blob, library="np")["x"].tolist() == [1.0, 2.0, 3.0]
    assert baler_vae.loads(blob, library="ak", columns="x").to_list() == [{"x": 1.0}, {"x": 2.0}, {"x": 3.0}]
    with pytest.raises(UsageError, match="unknown library 'xr'"):
        baler_vae.loads(blob, library="xr")
    with pytest.raises(ArchiveError):
        baler_vae.loads(blob[:-10])


def test_a_frame_becomes_any_file(tmp_path, blob):
    archive = tmp_path / "frame.bvae"
    archive.write_bytes(blob)
    for name, read in (("a.parquet", pd.read_parquet), ("a.feather", pd.read_feather)):
        baler_vae.decompress(archive, tmp_path / name)
        assert read(tmp_path / name).equals(FRAME)
    baler_vae.decompress(archive, tmp_path / "a.csv")
    assert pd.read_csv(tmp_path / "a.csv")["event"].tolist() == [3, 2, 1]


def test_jets_become_a_root_file(tmp_path):
    archive = tmp_path / "jets.bvae"
    baler_vae.compress(JETS, archive, **EXACT)
    baler_vae.decompress(archive, tmp_path / "jets.root")
    baler_vae.compress(tmp_path / "jets.root", archive, force=True, **EXACT)
    found = baler_vae.decompress(archive)
    assert found.fields == ["nJet", "Jet_pt", "Jet_eta", "met"]
    assert found.Jet_eta.to_list() == [[2.0], []]


def test_arrays_become_a_numpy_file_and_come_back(tmp_path):
    data = {"x": np.arange(3.0), "m": np.asfortranarray(np.arange(6).reshape(3, 2)), "s": np.array(["a", "bc", ""])}
    archive, path = tmp_path / "arrays.bvae", tmp_path / "arrays.npz"
    baler_vae.compress(data, archive, **EXACT)
    baler_vae.decompress(archive, path)
    baler_vae.compress(path, archive, force=True, **EXACT)
    for found in (np.load(path), baler_vae.decompress(archive)):
        for name, array in data.items():
            assert (found[name].dtype, found[name].tolist()) == (array.dtype, array.tolist())


def test_files_become_what_wrote_them(tmp_path):
    archive = tmp_path / "file.bvae"
    FRAME.to_parquet(tmp_path / "a.parquet")
    ak.to_parquet(JETS, tmp_path / "b.parquet")
    FRAME.to_csv(tmp_path / "c.csv", index=False)
    found = {}
    for name in ("a.parquet", "b.parquet", "c.csv"):
        baler_vae.compress(tmp_path / name, archive, force=True, **EXACT)
        found[name] = baler_vae.decompress(archive)
    assert found["a.parquet"].equals(FRAME)
    assert found["b.parquet"].to_list() == JETS.to_list()
    assert found["c.csv"]["x"].tolist() == [1.0, 2.0, 3.0]


def test_a_codec_of_a_file_serves_data(tmp_path):
    codec = baler_vae.fit(FRAME, **EXACT)
    other = FRAME.assign(x=[7.0, 8.0, np.nan])
    assert baler_vae.loads(baler_vae.dumps(other, codec=codec)).equals(other)


def test_a_run_is_resumed_only_with_the_same_data(tmp_path, monkeypatch):
    path = tmp_path / "frame.bvae"

    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("baler_vae.verbs.compress_table.verify_bounds", interrupted)
        with pytest.raises(KeyboardInterrupt):
            baler_vae.compress(FRAME, path, **EXACT)
    with pytest.raises(UsageError, match="content changed"):
        baler_vae.compress(FRAME.assign(x=[1.0, 2.0, 4.0]), path, resume=True, **EXACT)
    baler_vae.compress(FRAME, path, resume=True, **EXACT)
    assert baler_vae.decompress(path).equals(FRAME)


def test_options_of_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match="workers is for files"):
        baler_vae.compress(FRAME, tmp_path / "a.bvae", workers=2)
    with pytest.raises(UsageError, match="dialect"):
        baler_vae.fit(FRAME, dialect={"separator": ";"})
    baler_vae.compress(FRAME, tmp_path / "a.bvae", **EXACT)
    with pytest.raises(UsageError, match="library"):
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "a.csv", library="pd")
