"""`baler-vae explore latents`, `interpolate` and `traverse`, as typed."""

import json

import pandas as pd
import pytest

from tests.cli.conftest import INPUT

pytestmark = pytest.mark.filterwarnings("error")


def test_latents_are_told_written_and_drawn(call, folder, tmp_path):
    out, _ = call(
        *("explore", "latents", folder / "jets.bvmodel", INPUT, "-o", "z.csv", "--page", "page.html"),
        *("--colour", "Jet_pt", "--clusters", "2", "--no-tsne", "--no-progress"),
    )
    assert "Latents of Jet" in out
    assert f"latents: {tmp_path / 'z.csv'}" in out
    written = pd.read_csv("z.csv")
    assert [name for name in written if name.startswith("latent_")] == [f"latent_{j}" for j in range(4)]
    assert f"{len(written):,} rows" in out
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<h2>Latents</h2>" in page
    assert "by Jet_pt" in page

    told, err = call(
        *("explore", "latents", folder / "jets.bvmodel", INPUT, "--clusters", "0", "--no-tsne", "--json"),
    )
    assert err == ""
    (found,) = json.loads(told)["groups"]
    assert found["n_rows"] == len(written)
    assert found["clusters"] is None
    _, err = call("explore", "latents", folder / "jets.bvmodel", INPUT, "-o", "z.csv", "--no-tsne", status=8)
    assert "exists already" in err


def test_walks_add_sections_to_the_same_page(call, folder, tmp_path):
    codec = folder / "jets.bvmodel"
    out, _ = call(
        *("explore", "interpolate", codec, INPUT, "--rows", "0", "3", "--steps", "5", "--pairs", "9"),
        *("-o", "way.parquet", "--page", "page.html"),
    )
    assert "From row 0 to row 3 of Jet" in out
    assert "half-way between 9 random pairs, straight" in out
    assert len(pd.read_parquet("way.parquet")) == 10
    out, _ = call("explore", "traverse", codec, INPUT, "--steps", "3", "--page", "page.html")
    assert "Each latent of Jet moved, the others at the mean" in out
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.index("<h2>Interpolation</h2>") < page.index("<h2>Traversal</h2>")
    told, _ = call("explore", "interpolate", codec, INPUT, "--means", "Jet_pt > 60", "Jet_pt < 60", "--json")
    assert json.loads(told)["ends"] == ["Jet_pt > 60", "Jet_pt < 60"]


def test_mistakes_are_told(call, folder):
    codec = folder / "jets.bvmodel"
    _, err = call("explore", "latents", folder / "jets.bvae", INPUT, status=2)
    assert "an archive holds none. Name the codec itself" in err
    _, err = call("explore", "interpolate", codec, INPUT, status=2)
    assert "Give either --rows or --means" in err
    _, err = call("explore", "traverse", folder / "jets.bvae", status=2)
    assert "have no prior" in err
    (folder.parent / "no page.html").write_text("mine", "utf-8")
    _, err = call("explore", "traverse", codec, INPUT, "--page", folder.parent / "no page.html", status=8)
    assert "is no page of `baler-vae explore`" in err
