"""What is typed wrongly is answered with the right spelling, before any work."""

import shutil

import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.sample import SAMPLE

INPUT = f"{SAMPLE}:Events"
QUICK = ("--model", "independent", "--no-verify")


@pytest.fixture
def sample(call, tmp_path):
    """Runs the command line in a folder `runs` with a file `jets.root`."""
    (tmp_path / "runs").mkdir()
    shutil.copyfile(SAMPLE, tmp_path / "runs" / "jets.root")
    return call


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["compress", INPUT, "-o", "a.root"], 2, "a.root: has the suffix of a table, not of an archive"),
        (["compress", INPUT, "-o", "a.csv.gz"], 2, "baler-vae decompress ARCHIVE.bvae -o a.csv.gz"),
        (["compress", INPUT, "-o", "a.bvmodel"], 2, "a codec is fitted with `baler-vae fit`"),
        (["merge", "a.bvae", "b.bvae", "-o", "all.parquet"], 2, "Name it all.bvae"),
        (["fit", INPUT, "-o", "a.h5"], 2, "a.h5: has the suffix of a table, not of a codec (expected .bvmodel)"),
        (["fit", INPUT, "-o", "a.bvae"], 2, "an archive is made with `baler-vae compress`"),
        (["decompress", "a.bvae", "-o", "b.bvae"], 2, "Such files are written by `baler-vae compress`"),
        (["compress", INPUT, "-o", "a.bvae", "--model", "independent", "--bound", "free"], 2, "Choose the model vae"),
        (["fit", INPUT, "-o", "a.bvmodel", "--model", "autoregressive", "--bound", "Jet_pt=free"], 2, "'Jet_pt'"),
        (["compress", INPUT, "-o", "a.bvae", "--columns", "Jet_pt", "Jet_eta"], 2, "list such as --columns Jet_pt,"),
        (
            ["compress", "--columns", "Jet_pt", "Jet_eta", INPUT, "-o", "a.bvae"],
            2,
            "--columns Jet_pt --columns Jet_eta",
        ),
        (["decompress", "a.bvae", "-o", "b.root", "--columns", "pt", "eta"], 2, "'eta' was taken for a file"),
        (["advise", INPUT, "--columns", "Jet_pt", "Jet_eta"], 2, "--columns Jet_pt --columns Jet_eta"),
        (
            ["compress", INPUT, "-o", "a.bvae", "--bound", "bits:10", "Jet_phi=abs:1e-4"],
            2,
            "--bound bits:10 --bound Jet_phi=abs:1e-4, or one list such as --bound bits:10,Jet_phi=abs:1e-4",
        ),
        (["compare", "--against", INPUT, "--bounds", "bits:8", "bits:10"], 2, "--bounds bits:8 --bounds bits:10"),
        (["compress", INPUT, "-o", "a.bvae", "--model", "VEA"], 2, "vae"),
        (["compress", "runs", "-o", "a.bvae"], 3, "is a directory. Name a file in it, such as 'runs/jets.root'"),
        (["compress", "runs/jetz.root:Events", "-o", "a.bvae"], 3, "Did you mean 'runs/jets.root'?"),
        (["compress", "rnus/jets.root:Events", "-o", "a.bvae"], 3, "Did you mean 'runs/jets.root'?"),
        (["info", "runs/jets.rot"], 3, "Did you mean 'runs/jets.root'?"),
        (["advise", INPUT, "--write"], 2, "Name one with --project"),
    ],
)
def test_mistakes_are_answered(sample, tmp_path, arguments, status, words):
    out, err = sample(*arguments, status=status)
    assert words in err
    assert out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_lists_and_capitals_are_understood(sample):
    bounds = "bits:10,Jet_phi=abs:1e-4,Jet_pt,Jet_eta=bits:8,floor:0.1"
    sample(
        "compress",
        INPUT,
        "-o",
        "a.bvae",
        "--columns",
        "Jet_pt,Jet_*i,Jet_eta",
        "--bound",
        bounds,
        "--model",
        "INDEPENDENT",
    )
    out, _ = sample("info", "a.bvae")
    rows = {line.split()[0]: line.split()[3] for line in out.splitlines() if line.startswith(("Jet_", "nJet"))}
    assert rows == {
        "nJet": "exact",
        "Jet_pt": "bits:8,floor:0.1",
        "Jet_eta": "bits:8,floor:0.1",
        "Jet_phi": "abs:0.0001",
    }
    sample("decompress", "a.bvae", "-o", "b.npz", "--columns", "nJet,Jet_pt")


def test_both_ratios_are_told_where_the_file_is_at_hand(sample, tmp_path):
    out, _ = sample("compress", "runs/jets.root:Events", "-o", "a.bvae", *QUICK)
    on_disk, archive = ((tmp_path / name).stat().st_size for name in ("runs/jets.root", "a.bvae"))
    assert out.endswith(f" on disk, ratio {on_disk / archive:.2f}\n")
    out, _ = sample("compress", "runs/jets.root:Events", "-o", "b.bvae", "--columns", "Jet_*", *QUICK)
    assert out.endswith(" with the 1 column left out\n")
    shutil.copyfile(tmp_path / "runs/jets.root", tmp_path / "runs/more.root")
    out, _ = sample("compress", "runs/*.root:Events", "-o", "c.bvae", *QUICK)
    assert out.endswith(f" on disk, ratio {2 * on_disk / (tmp_path / 'c.bvae').stat().st_size:.2f}\n")
    assert "on disk" not in sample("info", "a.bvae")[0]


def test_verify_ends_with_what_is_kept_or_what_broke(sample):
    sample("compress", INPUT, "-o", "a.bvae", "--bound", "bits:10", *QUICK)
    out, _ = sample("verify", "a.bvae")
    assert out.splitlines()[-1] == "bounds not compared: name the original with --against"
    out, _ = sample("verify", "a.bvae", "--against", INPUT)
    assert out.splitlines()[-1].startswith("PASS: all bounds kept: 185,628 values, the worst at 0.99")
    sample("decompress", "a.bvae", "-o", "other.root")
    sample("compress", INPUT, "-o", "tight.bvae", "--bound", "Jet_pt=abs:1e-3", "--bound", "Jet_eta=exact", *QUICK)
    out, err = sample("verify", "tight.bvae", "--against", "other.root:Events", status=4)
    last = out.splitlines()[-1]
    assert last.startswith("FAIL: bounds broken: Jet_pt (")
    assert ", Jet_eta (" in last
    assert "miss the bound abs:0.001" in err
    document, err = sample("verify", "a.bvae", "--against", INPUT, "--json")
    assert document.startswith("{")
    assert err.startswith("PASS: all bounds kept")


def test_what_says_where_values_are_missing_is_no_column_that_is_left_out(call, tmp_path):
    (tmp_path / "gaps.csv").write_text("run,x,y\n1,1.5,1\n,2.5,2\n")
    (tmp_path / "whole.csv").write_text("run,x,y\n1,1.5,1\n3,2.5,2\n")
    out, _ = call("compress", "gaps.csv", "-o", "a.bvae", "--columns", "run", *QUICK)
    assert out.splitlines()[0].endswith(" with the 2 columns left out")
    call("fit", "gaps.csv", "-o", "a.bvmodel", "--model", "independent")
    out, _ = call("compress", "whole.csv", "-o", "b.bvae", "--codec", "a.bvmodel")
    assert "left out" not in out


@pytest.mark.parametrize(
    ("wrong", "way_out"),
    [
        ({"bounds": "exact"}, "Did you mean 'bound'?"),
        ({"column": "x"}, "Did you mean 'columns'?"),
        ({"epoch": 2}, "Did you mean 'epochs'?"),
        ({"separator": ";"}, 'Write dialect={"separator": ...}'),
    ],
)
def test_a_keyword_that_is_none_names_the_one_that_is_meant(wrong, way_out, tmp_path):
    with pytest.raises(UsageError, match="there is no setting") as found:
        baler_vae.compress(SAMPLE, tmp_path / "a.bvae", **wrong)
    assert way_out in str(found.value)
