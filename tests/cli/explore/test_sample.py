"""`baler-vae explore sample`: files, tables, JSON and pages of new rows, and what cannot be drawn."""

import json

import uproot


def test_new_events_of_an_archive(call, folder, tmp_path):
    out, err = call("explore", "sample", folder / "jets.bvae", "-n", 40, "-o", "new.root", "--from", "posterior")
    assert "40 events drawn from jets.bvae, seed 0" in out
    assert "written: new.root" in out
    assert "restoring" not in err
    with uproot.open(tmp_path / "new.root") as file:
        tree = file["Events"]
        assert tree.num_entries == 40
        assert {name.partition("_")[0] for name in tree.keys()} == {"nJet", "Jet"}
        counts = tree["nJet"].array(library="np")
        assert [len(jets) for jets in tree["Jet_pt"].array(library="np")] == counts.tolist()


def test_json_and_a_page(call, folder, tmp_path):
    options = ("-n", 30, "-o", "new.parquet", "--from", "posterior", "--seed", 7, "--page", "page.html", "--json")
    out, err = call("explore", "sample", folder / "jets.bvae", *options)
    told = json.loads(out)
    assert told["seed"] == 7
    assert told["n_rows"]["events"] == 30
    assert set(told["latents_from"].values()) == {"posterior"}
    assert {shape["column"] for shape in told["shapes"]} >= {"Jet_pt", "nJet"}
    assert f"page: {tmp_path / 'page.html'}" in err
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<h2>Samples</h2>" in page
    assert "30 events were drawn from jets.bvae." in page
    assert "training rows" in page
    before = (tmp_path / "new.parquet").read_bytes()
    call("explore", "sample", folder / "jets.bvae", *options, "--force")
    assert (tmp_path / "new.parquet").read_bytes() == before
    assert (tmp_path / "page.html").read_text("utf-8") == page


def test_what_cannot_be_drawn(call, folder, tmp_path):
    sample = ("explore", "sample", folder / "jets.bvmodel")
    _, err = call(*sample, "-n", 5, "-o", "a.root", "--from", "prior", status=2)
    assert "a plain autoencoder puts them anywhere" in err
    assert "--from mixture --training FILE" in err
    _, err = call(*sample, "-n", 5, "-o", "a.root", "--from", "mixture", status=2)
    assert "there are no training rows whose latents a mixture needs" in err
    _, err = call(*sample, "-n", 5, "-o", "a.root", "--from", "chance", status=2)
    assert "chance" in err
    call(*sample, "-n", 0, "-o", "a.root", status=2)
    (tmp_path / "a.root").touch()
    _, err = call(*sample, "-n", 5, "-o", "a.root", status=8)
    assert "exists already" in err
    (tmp_path / "b.html").touch()
    _, err = call(*sample, "-n", 5, "-o", "b.root", "--page", "b.html", status=8)
    assert "is no page of `baler-vae explore`" in err
    assert not (tmp_path / "b.root").exists()
