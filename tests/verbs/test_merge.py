"""Archives of one codec become one archive."""

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_vae
from baler_vae.errors import CorruptArchive, UsageError


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Files of 300, 0 and 200 events, and their archives under a codec fitted on the first."""
    folder = tmp_path_factory.mktemp("parts")
    rng = np.random.default_rng(5)
    files, archives = [], []
    codec = None
    for number, n_events in enumerate((300, 0, 200)):
        counts = rng.poisson(3, n_events)
        arrays = {
            "event": np.arange(n_events) + 1000 * number,
            "nJet": counts.astype(np.int32),
            "Jet_pt": ak.unflatten(rng.exponential(30, counts.sum()).astype(np.float32), counts),
        }
        path = folder / f"part{number}.root"
        with uproot.recreate(path) as file:
            kinds = {"event": np.dtype("i8"), "Jet_pt": ak.types.ListType(ak.types.NumpyType("float32"))}
            tree = file.mktree("Events", kinds, counter_name=lambda _: "nJet")
            tree.extend({name: arrays[name] for name in ("event", "Jet_pt")})
        codec = codec or baler_vae.fit(f"{path}:Events", kind="independent", bound="abs:0.1")
        baler_vae.compress(f"{path}:Events", folder / f"part{number}.bvae", codec=codec)
        files.append(path)
        archives.append(folder / f"part{number}.bvae")
    return files, archives


def test_the_events_of_all_follow_each_other(parts, tmp_path):
    files, archives = parts
    info = baler_vae.merge(archives, tmp_path / "all.bvae")
    assert info.n_rows["events"] == 500
    singles = []
    for path in archives:
        with baler_vae.open(path) as archive:
            singles.append(archive.arrays())
            assert info.archive_bytes >= archive.n_bytes
    with baler_vae.open(tmp_path / "all.bvae") as archive:
        assert archive.check_sections() > 0
        assert ak.to_list(archive.arrays()) == ak.to_list(ak.concatenate(singles))
        assert archive.info().original_bytes == info.original_bytes
    originals = [uproot.open(f"{path}:Events")["event"].array(library="np") for path in files]
    baler_vae.decompress(tmp_path / "all.bvae", tmp_path / "all.root")
    with uproot.open(f"{tmp_path}/all.root:Events") as tree:
        assert np.array_equal(tree["event"].array(library="np"), np.concatenate(originals))


def test_one_archive_alone_stays_as_it_is(parts, tmp_path):
    _, archives = parts
    baler_vae.merge(archives[:1], tmp_path / "one.bvae")
    assert (tmp_path / "one.bvae").read_bytes() == archives[0].read_bytes()


def test_merging_in_steps_gives_the_same_bytes(parts, tmp_path):
    _, (a, b, c) = parts
    baler_vae.merge([a, b, c], tmp_path / "at_once.bvae")
    baler_vae.merge([a, b], tmp_path / "ab.bvae")
    baler_vae.merge([tmp_path / "ab.bvae", c], tmp_path / "in_steps.bvae")
    assert (tmp_path / "in_steps.bvae").read_bytes() == (tmp_path / "at_once.bvae").read_bytes()


def test_archives_of_another_codec_are_refused(parts, tmp_path):
    files, archives = parts
    baler_vae.compress(f"{files[2]}:Events", tmp_path / "other.bvae", kind="independent", bound="abs:0.2")
    with pytest.raises(UsageError, match=r"other\.bvae: was compressed with a different codec"):
        baler_vae.merge([archives[0], tmp_path / "other.bvae"], tmp_path / "all.bvae")
    with pytest.raises(UsageError, match="no archives"):
        baler_vae.merge([], tmp_path / "all.bvae")
    assert not (tmp_path / "all.bvae").exists()


def test_a_damaged_archive_is_refused(parts, tmp_path):
    _, archives = parts
    content = bytearray(archives[2].read_bytes())
    content[content.index(b"groups/1/0") + 40] ^= 1
    (tmp_path / "damaged.bvae").write_bytes(content)
    with pytest.raises(CorruptArchive):
        baler_vae.merge([archives[0], tmp_path / "damaged.bvae"], tmp_path / "all.bvae")
    assert not (tmp_path / "all.bvae").exists()


def test_text_that_the_encoding_of_the_first_lacks_is_not_merged_behind_it(tmp_path):
    (tmp_path / "1.csv").write_bytes("a,b\n1,€\n".encode("cp1252"))
    (tmp_path / "2.csv").write_bytes("a,b\n2,Ω\n".encode())
    codec = baler_vae.fit(tmp_path / "1.csv", kind="independent")
    for name in ("1", "2"):
        baler_vae.compress(tmp_path / f"{name}.csv", tmp_path / f"{name}.bvae", codec=codec)
    archives = [tmp_path / "1.bvae", tmp_path / "2.bvae"]
    with pytest.raises(UsageError, match=r"different encoding.*found utf-8, expected cp1252"):
        baler_vae.merge(archives, tmp_path / "all.bvae")
    baler_vae.merge(archives[::-1], tmp_path / "all.bvae")
    baler_vae.decompress(tmp_path / "all.bvae", tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_text("utf-8") == "a,b\n2,Ω\n1,€\n"
