"""Archives as users read them, and archives that are damaged."""

import subprocess
import sys
import textwrap

import awkward as ak
import numpy as np
import pytest

import baler_vae
from baler_vae.errors import ArchiveError, CorruptArchive, SourceError, TruncatedArchive, UsageError

from .conftest import jagged_batch


@pytest.fixture
def archive_path(jets, tmp_path, quick):
    path = tmp_path / "a.bvae"
    baler_vae.compress(jets, path, codec=baler_vae.fit(jets, settings=quick))
    return path


def test_arrays_as_awkward_numpy_and_pandas(archive_path):
    _, (events, jets) = jagged_batch()
    with baler_vae.open(archive_path) as archive:
        assert archive.keys() == ["event", "met", "trigger", "nJet", "Jet_pt", "Jet_eta", "Jet_id"]
        assert archive.keys("Jet_*") == ["Jet_pt", "Jet_eta", "Jet_id"]
        lists = archive.arrays(["Jet_id", "event"], entry_start=3, entry_stop=-2)
        assert ak.to_list(lists["event"]) == events["event"][3:-2].tolist()
        assert ak.num(lists["Jet_id"]).to_list() == events["nJet"][3:-2].tolist()
        assert ak.array_equal(ak.flatten(archive.arrays("Jet_id")["Jet_id"]), jets["Jet_id"])
        as_numpy = archive.arrays(library="np")
        assert as_numpy["trigger"].dtype == bool
        assert [len(row) for row in as_numpy["Jet_pt"]] == events["nJet"].tolist()
        frame = archive.arrays(["Jet_*"], library="pd")
        assert frame.index.names == ["entry", "subentry"]
        assert frame["Jet_id"].tolist() == jets["Jet_id"].tolist()
        assert archive.arrays(["event", "met"], library="pd").shape == (40, 2)
        with pytest.raises(UsageError, match="one collection"):
            archive.arrays(library="pd")
        with pytest.raises(UsageError, match="Jet_pt"):
            archive.arrays(["Jet_p"])


def test_info_adds_up(archive_path):
    with baler_vae.open(archive_path) as archive:
        info = archive.info()
    assert info["archive_bytes"] == archive_path.stat().st_size == sum(info["bytes"].values())
    assert all(n_bytes > 0 for n_bytes in info["bytes"].values())
    assert sum(column["bytes"] or 0 for column in info["columns"]) == info["bytes"]["codes"]
    assert info["original_bytes"] == sum(column["original_bytes"] for column in info["columns"])
    by_name = {column["name"]: column for column in info["columns"]}
    assert by_name["event"]["original_bytes"] == 40 * 8
    assert by_name["Jet_pt"]["bytes"] is None
    assert by_name["Jet_id"]["bound"] == "exact"


def test_latents_as_the_ancestor_kept_them(jets, tmp_path):
    model = {"kind": "vae", "latents": "float64", "keep_log_variance": True, "hidden": (8, 4), "epochs": 1}
    info = baler_vae.compress(jets, tmp_path / "a.bvae", columns=["Jet_*"], latent=1, **model)
    assert info["bytes"]["latents"] == 2 * 8 * info["n_rows"]["Jet"]
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert np.isfinite(ak.to_numpy(ak.flatten(archive.arrays("Jet_pt")["Jet_pt"]))).all()


def test_reading_needs_neither_torch_nor_the_original(archive_path, jets, tmp_path):
    script = f"""
    import sys
    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in ("torch", "scipy", "matplotlib", "iminuit", "jinja2"):
                raise ModuleNotFoundError(name=name.partition(".")[0])
    sys.meta_path.insert(0, Refuse())
    import os
    import baler_vae
    codec = {str(tmp_path / "c.bvmodel")!r}
    again = baler_vae.compress({jets!r}, {str(tmp_path / "again.bvae")!r}, codec=codec)
    os.remove({jets!r})
    baler_vae.decompress({str(archive_path)!r}, {str(tmp_path / "r.root")!r})
    with baler_vae.open({str(archive_path)!r}) as archive:
        assert archive.info()["n_rows"]["events"] == 40
    try:
        baler_vae.fit({str(tmp_path / "r.root")!r})
    except baler_vae.MissingExtra as error:
        assert "baler-vae[train]" in str(error), error
    else:
        raise SystemExit("fitted without torch")
    """
    baler_vae.fit(jets, hidden=(8, 4), epochs=1).save(tmp_path / "c.bvmodel")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "r.root").exists()


def test_damage_is_named(archive_path, jets, tmp_path):
    data = archive_path.read_bytes()
    damaged = tmp_path / "damaged.bvae"
    damaged.write_bytes(data[:-10])
    with pytest.raises(TruncatedArchive, match="end of the archive is missing"):
        baler_vae.open(damaged)
    damaged.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    with pytest.raises(CorruptArchive, match="section model/0"), baler_vae.open(damaged) as archive:
        archive.arrays()
    with pytest.raises(ArchiveError, match="not an archive of baler-vae"):
        baler_vae.open(jets)
    with pytest.raises(SourceError, match="no such file"):
        baler_vae.open(tmp_path / "none.bvae")
