"""No verb touches an output that another run is writing, with --force or without; most see it before they work."""

import pytest

from baler_vae.locks import acquire
from baler_vae.output import beside
from baler_vae.sample import SAMPLE

INPUT = f"{SAMPLE}:Events"
QUICK = ("--columns", "Jet_pt", "--model", "independent", "--no-progress")


@pytest.fixture
def archive(call, tmp_path):
    call("compress", INPUT, "-o", "jets.bvae", *QUICK)
    return tmp_path / "jets.bvae"


@pytest.mark.parametrize(
    ("output", "arguments"),
    [
        ("a.bvmodel", ("fit", INPUT, "-o", "a.bvmodel", "--force", *QUICK)),
        ("a.bvae", ("compress", INPUT, "-o", "a.bvae", "--force", *QUICK)),
        ("a.bvae", ("compress", INPUT, "-o", "a.bvae", "--resume", *QUICK)),
        ("a.csv", ("decompress", "jets.bvae", "-o", "a.csv", "--force", "--no-progress")),
        ("a.bvae", ("merge", "jets.bvae", "-o", "a.bvae", "--force", "--no-progress")),
        ("evaluation.json", ("evaluate", INPUT, "jets.bvae", "-o", ".", "--force")),
        ("a.svg", ("advise", INPUT, "--columns", "Jet_pt", "--figure", "a.svg", "--force", "--no-progress")),
    ],
)
def test_the_output_of_a_living_run_is_left_alone(call, tmp_path, archive, output, arguments):
    target = tmp_path / output
    target.write_text("of before")
    lock = acquire(beside(target, ".lock"))
    try:
        _, said = call(*arguments, status=8)
    finally:
        lock.release()
    assert "is being written by another run (process " in said
    assert target.read_text() == "of before"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({"jets.bvae", output})


def test_a_project_owns_all_its_outputs(call, tmp_path):
    call("new", "jets")
    (tmp_path / "jets" / "output").mkdir()
    lock = acquire(beside(tmp_path / "jets" / "output" / "evaluation.json", ".lock"))
    try:
        _, said = call("run", "jets", "--force", "--no-progress", status=8)
    finally:
        lock.release()
    assert "evaluation.json: is being written by another run (process " in said
    assert not list((tmp_path / "jets" / "output").iterdir())
