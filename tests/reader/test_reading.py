"""Archives as users read them, and archives that are damaged."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import baler_vae
from baler_vae.codec.report import pays_from_rows
from baler_vae.errors import ArchiveError, CorruptArchive, SourceError, TruncatedArchive, UsageError
from baler_vae.model.columns import Networked
from baler_vae.table.table import Table
from tests.golden.digest import expected
from tests.tables import flat_batch, jagged_batch

GOLDEN = sorted((Path(__file__).parents[1] / "golden").rglob("*.bvae"))


@pytest.fixture
def archive_path(jets, tmp_path, quick):
    path = tmp_path / "a.bvae"
    baler_vae.compress(jets, path, codec=baler_vae.fit(jets, bound="free", settings=quick))
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


def test_every_range_of_events_is_what_the_whole_holds(archive_path):
    with baler_vae.open(archive_path) as archive:
        whole = ak.to_list(archive.arrays())
        for start, stop in [(0, 0), (0, 1), (39, 40), (17, 23), (-5, None), (30, 99), (20, 10), (50, 60)]:
            part = archive.arrays(entry_start=start, entry_stop=stop)
            assert ak.to_list(part) == whole[slice(start, stop)], (start, stop)
            jet_pt = archive.arrays("Jet_pt", entry_start=start, entry_stop=stop, library="np")["Jet_pt"]
            assert [row.tolist() for row in jet_pt] == part["Jet_pt"].to_list()


def test_one_name_needs_no_list_and_a_name_with_brackets_matches_itself(tmp_path, quick):
    np.savez(tmp_path / "x.npz", **{"x[0]": np.arange(9.0), "x[1]": np.arange(9), "y": np.arange(9)})
    baler_vae.compress(tmp_path / "x.npz", tmp_path / "x.bvae", columns="x[*", settings=quick)
    with baler_vae.open(tmp_path / "x.bvae") as archive:
        assert archive.keys() == archive.keys("x*") == ["x[0]", "x[1]"]
        assert archive.keys("x[1]") == ["x[1]"]
        assert archive.arrays("x[1]", library="np")["x[1]"].tolist() == list(range(9))
    baler_vae.decompress(tmp_path / "x.bvae", tmp_path / "y.npz", columns="x[1]")
    assert np.load(tmp_path / "y.npz").files == ["x[1]"]


def test_lists_of_equal_length_stay_one_array_an_event(write, tmp_path):
    schema, (events, jets) = jagged_batch()
    events["nJet"][:] = 2
    two = {name: np.resize(array, 80) for name, array in jets.arrays.items()}
    baler_vae.compress(write(schema, (events, Table(jets.group, two))), tmp_path / "a.bvae", bound="exact")
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        rows = archive.arrays("Jet_id", library="np")["Jet_id"]
    assert rows.shape == (40,)
    assert [row.dtype for row in rows] == [np.dtype(np.uint8)] * 40
    assert np.array_equal(np.stack(rows).ravel(), two["Jet_id"])


def test_text_in_every_library(write, tmp_path):
    words = np.array(["a", "é", "", "bb"], object)
    baler_vae.compress(write(*flat_batch({"w": words, "n": np.arange(4)}), "in.csv"), tmp_path / "a.bvae")
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert archive.arrays("w")["w"].to_list() == words.tolist()
        assert archive.arrays("w", library="pd")["w"].tolist() == words.tolist()
        for stop in (4, 0):
            got = archive.arrays("w", library="np", entry_stop=stop)["w"]
            assert got.dtype == object
            assert got.tolist() == words[:stop].tolist()


def test_an_unknown_library_is_refused(archive_path):
    with baler_vae.open(archive_path) as archive, pytest.raises(UsageError, match=r"'pandas'.*ak or np or pd"):
        archive.arrays(library="pandas")


def test_info_has_the_keys_that_it_promises(archive_path):
    with baler_vae.open(archive_path) as archive:
        info = archive.info()
    document = info.to_dict()
    assert set(document) == {
        *("path", "writer", "format_version", "model_kind", "n_rows", "original_bytes", "archive_bytes", "ratio"),
        *("bytes", "columns", "groups", "guarantees", "shared_bytes", "settings"),
    }
    assert set(document["bytes"]) == {"model", "latents", "codes", "metadata", "guarantees"}
    assert {frozenset(column) for column in document["columns"]} == {
        frozenset(
            {
                "name",
                "group",
                "dtype",
                "typename",
                "title",
                "bound",
                "whole_numbers",
                "grid",
                "coding",
                "formula",
                "predicted",
                "original_bytes",
                "bytes",
            }
        )
    }
    assert {frozenset(group) for group in document["groups"]} == {
        frozenset(
            {
                "name",
                "kind",
                "model_bytes",
                "fitted_bytes",
                "candidate_bytes",
                "order_bytes",
                "pays_from_rows",
                "formulas_saved_bytes",
                "sample",
            }
        )
    }
    assert json.loads(json.dumps(document)) == document
    assert document["ratio"] == info.ratio == info.original_bytes / info.archive_bytes


def test_info_adds_up(archive_path):
    with baler_vae.open(archive_path) as archive:
        info = archive.info()
    assert info.archive_bytes == archive_path.stat().st_size == sum(vars(info.bytes).values())
    assert {name for name, n_bytes in vars(info.bytes).items() if n_bytes <= 0} == {"guarantees"}
    assert sum(column.bytes or 0 for column in info.columns) == info.bytes.codes
    assert info.original_bytes == sum(column.original_bytes for column in info.columns)
    by_name = {column.name: column for column in info.columns}
    assert by_name["event"].original_bytes == 40 * 8
    assert by_name["Jet_pt"].bytes is None
    assert by_name["Jet_id"].bound == "exact"


def test_latents_as_the_ancestor_kept_them(jets, tmp_path):
    model = {"kind": "vae", "latents": "float64", "keep_log_variance": True, "hidden": (8, 4), "epochs": 1}
    info = baler_vae.compress(jets, tmp_path / "a.bvae", bound="free", columns=["Jet_*"], latent=1, **model)
    assert info.bytes.latents == 2 * 8 * info.n_rows["Jet"]
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
        assert archive.info().n_rows["events"] == 40
    assert not baler_vae.verify({str(archive_path)!r}, against={str(tmp_path / "r.root")!r}).broken
    baler_vae.compress({str(tmp_path / "i.npz")!r}, {str(tmp_path / "i.bvae")!r}, codec={str(tmp_path / "i.bvmodel")!r})
    baler_vae.decompress({str(tmp_path / "i.bvae")!r}, {str(tmp_path / "back.npz")!r})
    for golden in {[str(path) for path in GOLDEN]!r}:  # of which no original is left
        baler_vae.decompress(golden, {str(tmp_path / "golden.parquet")!r}, force=True)
        assert baler_vae.verify(golden).n_sections
        with baler_vae.open(golden) as archive:
            assert archive.info().columns
    baler_vae.fit({str(tmp_path / "r.root")!r}, kind="independent")
    try:
        baler_vae.fit({str(tmp_path / "r.root")!r}, kind="vae")
    except baler_vae.MissingExtra as error:
        assert "baler-vae[train]" in str(error), error
    else:
        raise SystemExit("fitted without torch")
    """
    fit = {"hidden": (8, 4), "epochs": 1, "transform": "standard", "keep_network": True}
    codec = baler_vae.fit(jets, kind="vae", bound=["abs:0.1"], **fit)
    assert codec.models["Jet"].encoder is not None
    assert any(isinstance(column, Networked) for column in codec.models["Jet"].columns.values())
    codec.save(tmp_path / "c.bvmodel")
    images = np.random.default_rng(0).normal(size=(40, 20, 15)).astype(np.float32)
    np.savez(tmp_path / "i.npz", image=images, number=np.arange(40))
    baler_vae.fit(tmp_path / "i.npz", kind="conv-ae", bound="free", epochs=1).save(tmp_path / "i.bvmodel")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "r.root").exists()
    assert np.load(tmp_path / "back.npz")["image"].shape == (40, 20, 15)


def test_damage_is_named(archive_path, jets, tmp_path):
    data = archive_path.read_bytes()
    damaged = tmp_path / "damaged.bvae"
    damaged.write_bytes(data[:-10])
    with pytest.raises(TruncatedArchive, match="end of the archive is missing"):
        baler_vae.open(damaged)
    damaged.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    with pytest.raises(CorruptArchive, match="section model/0"), baler_vae.open(damaged) as archive:
        archive.arrays()
    with pytest.raises(ArchiveError, match="not a baler-vae archive"):
        baler_vae.open(jets)
    with pytest.raises(SourceError, match="does not exist"):
        baler_vae.open(tmp_path / "none.bvae")


USUAL = [("", 2), ("Prescott", 1), ("Haswell", 8), ("SkylakeX", 2)]
CORES = ("", "Prescott", "Haswell", "SkylakeX")


@pytest.mark.parametrize(
    ("core", "threads"),
    [
        pytest.param(core, threads, marks=() if (core, threads) in USUAL else pytest.mark.full)
        for core in CORES
        for threads in (1, 2, 8)
    ],
)
def test_decoding_gives_the_same_bytes_on_any_core(exact_archives, core, threads):
    paths, expected = exact_archives
    if core == "SkylakeX" and not has_avx512():
        pytest.skip("this processor has no AVX-512")
    found = decoded(paths, core, threads)
    if core:  # or nothing would have been tested; OpenBLAS gives what it has for Prescott the name of an older one
        assert found["architecture"] in ({"Prescott", "Katmai"} if core == "Prescott" else {core})
    assert found["digests"] == expected


def decoded(paths, core="", threads=1):
    """What the script of the golden archives says, with so many threads of ours and of the BLAS."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads)}
    if core:
        environment["OPENBLAS_CORETYPE"] = core
    script = Path(__file__).parents[1] / "golden" / "digest.py"
    done = subprocess.run(
        [sys.executable, str(script), "--threads", str(threads), *map(str, paths)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def has_avx512():
    cpu = Path("/proc/cpuinfo")
    return cpu.exists() and "avx512f" in cpu.read_text()


@pytest.fixture(scope="module")
def exact_archives(tmp_path_factory):
    """Two archives of 30,000 rows through layers of the default sizes, one of images through convolutions, and the
    digests of what they give back.
    """
    folder = tmp_path_factory.mktemp("exact")
    rng = np.random.default_rng(4)
    x, y, z = rng.normal(size=(3, 30_000)).astype(np.float32)
    np.savez(folder / "x.npz", a=x, b=np.exp(x + y), c=x * y, d=z, e=x + z)
    paths = []
    for bound in ("free", "bits:10"):
        paths.append(folder / f"{bound.partition(':')[0]}.bvae")
        settings = {"kind": "vae", "latent": 3, "epochs": 1, "bound": bound, "keep_network": True}
        baler_vae.compress(folder / "x.npz", paths[-1], transform="standard", **settings)
    images = {"a": rng.normal(size=(500, 19, 17)).astype(np.float32), "b": rng.normal(size=(500, 19, 17))}
    layers = {"residual_blocks": 1, "normalisation": "group", "channels": (8, 16)}
    paths.append(folder / "images.bvae")
    baler_vae.compress(images, paths[-1], kind="conv-vae", bound="free", latent=5, epochs=1, convolution=layers)
    return paths, decoded(paths)["digests"]


@pytest.mark.parametrize(("core", "threads"), [("", 8), ("Prescott", 1), ("Haswell", 2)])
def test_golden_archives_give_the_same_bytes_on_any_core(core, threads):
    """Networks of objects that look back, formulas, latents, convolutions and networks of cells among them."""
    assert decoded(GOLDEN, core, threads)["digests"] == expected()


@pytest.mark.parametrize("number", [10**400, 1e308, -1, True, "x", None, [1]])
def test_info_of_a_fit_that_nobody_made(number):
    found = pays_from_rows({"model_bytes": number, "bits_per_row": 1, "independent_bits_per_row": 2})
    assert found is None or isinstance(found, int)


@pytest.mark.parametrize("counts", [[2**62, 2**62, 2**62, 2**62, 3], [-1, 4], [1, 1]])
def test_counters_that_do_not_add_up_are_refused(jets, tmp_path, counts, monkeypatch):
    """Not even those whose sum of 64 bits does."""
    baler_vae.compress(jets, tmp_path / "a.bvae", kind="independent")
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        n_rows = archive.manifest.row_groups[0][1]
        found = np.array([*counts[:-1], counts[-1] + n_rows - 3])
        monkeypatch.setattr("baler_vae.codec.batches.counts_of", lambda *_: found)
        with pytest.raises(CorruptArchive, match="does not add up"):
            archive.row_group(0, archive.schema)
