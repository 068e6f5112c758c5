"""Guarantees as a user types them: asked for, listed, proved again, kept by a codec for other files."""

import json

import numpy as np
import pytest

CUT = "hypot(px, py) > 20"
LENGTH = "hypot(px, py)=rel:1e-5"
ASKED = ("--bound", "bits:8", "--model", "independent", "--no-progress", "--guarantee", CUT, "--guarantee", LENGTH)


@pytest.fixture
def momenta(call, tmp_path):
    """Writes a file of momenta and gives them."""

    def write(name, seed):
        rng = np.random.default_rng(seed)
        found = {axis: rng.normal(0, 20, 2_000).astype(np.float32) for axis in ("px", "py")}
        np.savez(tmp_path / name, **found)
        return found

    return write


def check_kept(before, path):
    with np.load(path) as after:
        lengths = [np.hypot(own["px"].astype(float), own["py"].astype(float)) for own in (before, after)]
        assert any((before[name] != after[name]).any() for name in before)
    assert ((lengths[0] > 20) == (lengths[1] > 20)).all()
    assert (np.abs(lengths[1] - lengths[0]) <= 1e-5 * lengths[0]).all()


def test_from_the_request_to_the_proof(call, momenta):
    before = momenta("in.npz", 0)
    _, err = call("compress", "in.npz", "-o", "a.bvae", *ASKED)
    assert "guarantees take" in err
    out, _ = call("info", "a.bvae")
    assert CUT in out
    assert "hypot(px, py) within rel:1e-05" in out
    shown = json.loads(call("info", "a.bvae", "--json")[0])
    assert [one["text"] for one in shown["guarantees"]] == [CUT, "hypot(px, py) within rel:1e-05"]
    call("decompress", "a.bvae", "-o", "back.npz")
    check_kept(before, "back.npz")
    out, _ = call("verify", "a.bvae", "--against", "in.npz")
    assert out.splitlines()[-1] == "PASS: all guarantees kept: 2 guarantees, judged 4,000 times"
    checks = json.loads(call("verify", "a.bvae", "--against", "in.npz", "--json")[0])["guarantees"]
    assert [(one["text"], one["n_broken"]) for one in checks] == [(own["text"], 0) for own in shown["guarantees"]]


def test_what_is_not_what_was_compressed_breaks_them(call, momenta, tmp_path):
    momenta("in.npz", 0)
    call("compress", "in.npz", "-o", "a.bvae", *ASKED)
    call("decompress", "a.bvae", "-o", "back.npz")
    with np.load("back.npz") as back:
        np.savez(tmp_path / "other.npz", **{name: back[name] * np.float32(1 + 1e-4) for name in back.files})
    _, err = call("verify", "a.bvae", "--against", "other.npz", status=4)
    assert "break the guarantee 'hypot(px, py) within rel:1e-05'" in err


def test_a_codec_keeps_them_for_other_files(call, momenta):
    momenta("in.npz", 0)
    other = momenta("other.npz", 1)
    call("fit", "in.npz", "-o", "c.bvmodel", *ASKED)
    call("compress", "other.npz", "-o", "b.bvae", "--codec", "c.bvmodel", "--no-progress")
    call("decompress", "b.bvae", "-o", "back.npz")
    check_kept(other, "back.npz")


def test_what_is_no_guarantee_is_refused(call, momenta):
    momenta("in.npz", 0)
    for text, words in (("pz > 1", "there is no column 'pz'"), ("px >", "px >"), ("px=rel", "rel")):
        _, err = call("compress", "in.npz", "-o", "a.bvae", "--model", "independent", "--guarantee", text, status=2)
        assert words in err
        assert err.count("\n") == 1
