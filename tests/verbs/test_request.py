"""What is asked of a verb is checked where it comes in, before anything is read or made."""

import dataclasses

import numpy as np
import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.io.chain import open_sources
from baler_vae.verbs import fit as fit_module
from baler_vae.verbs import many
from baler_vae.verbs.request import AskedBound, FitRequest, Request, RunRequest


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(2)
    path = tmp_path / "in.npz"
    np.savez(path, x=rng.normal(size=50), y=rng.normal(size=50), n=rng.integers(0, 5, 50))
    return path


WRONG = {
    "syntax": ({"bound": "bits"}, "'bits' is not a bound"),
    "syntax of the second": ({"bound": ["bits:8", "x=abs:0"]}, "must be a positive number"),
    "in a list": ({"bound": "x,y=bits:99"}, "mantissa bits in 'x=bits:99'"),
    "setting": ({"latent": 0}, "setting 'latent'"),
    "unknown setting": ({"latents_": 1}, "there is no setting 'latents_'"),
    "kind": ({"kind": "zip"}, "setting 'kind'"),
    "dialect": ({"dialect": {"header": "maybe"}}, "invalid header"),
}


@pytest.mark.parametrize(("asked", "said"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(
    "verb", [baler_vae.compress, many.compress_each, baler_vae.fit], ids=["compress", "compress_each", "fit"]
)
def test_a_mistake_is_told_before_anything_is_made(source, tmp_path, verb, asked, said):
    """What an interrupted run left stays, also where it would be overwritten."""
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "archive").write_bytes(b"what was written")
    places = [source] if verb is baler_vae.fit else [source, tmp_path / "out"]
    options = asked if verb is baler_vae.fit else asked | {"force": True}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match=said):
        verb(*places, **options)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("asked", "said"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_told_before_a_file_is_looked_for(tmp_path, asked, said):
    with pytest.raises(UsageError, match=said):
        baler_vae.compress(tmp_path / "nowhere.npz", tmp_path / "a.bvae", **asked)


def test_a_request_does_not_change():
    request = Request.of(columns="x", bound="bits:8", run=RunRequest(force=True))
    for part in (request, request.run, request.fit, request.fit.bounds[0]):
        with pytest.raises(dataclasses.FrozenInstanceError):
            part.bounds = ()
    assert request == Request.of(columns=["x"], bound=["bits:8"], run=RunRequest(force=True))
    with pytest.raises(TypeError):
        RunRequest(True)


def test_lists_are_taken_apart_where_the_columns_are_known(source):
    request = FitRequest.of(columns="x,n", bound="x,y=bits:8,n=abs:1; exact")
    assert request.texts == ("x,y=bits:8,n=abs:1; exact",)
    assert [rule.pattern for rule in request.rules] == ["x", "y", "n", None]
    listed = request.listed_for(open_sources(source))
    assert listed.columns == ("x", "n")
    assert listed.texts == ("x=bits:8", "y=bits:8", "n=abs:1", "exact")
    assert listed == listed.listed_for(open_sources(source))
    assert request.listed(["x,n"], ["x,y"]).columns == ("x,n",)
    assert [rule.pattern for rule in request.listed((), ["x,y"]).rules] == ["x,y", "n", None]
    assert AskedBound.parsed("T:x=bits:8").of_columns("x") == AskedBound.parsed("x=bits:8")


def test_both_doors_ask_for_the_same(source, monkeypatch):
    """Settings as one value, as keywords, or `model` for the kind: one request."""
    asked = []
    monkeypatch.setattr(fit_module, "fit_source", lambda _, request, __: asked.append(request))
    settings = FitRequest.of(model={"kind": "vae", "latent": 2}).settings
    baler_vae.fit(source, settings=settings)
    baler_vae.fit(source, kind="vae", latent=2)
    baler_vae.fit(source, model="VAE", latent=2)
    assert asked[0] == asked[1] == asked[2] == FitRequest(settings=settings)
