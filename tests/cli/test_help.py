"""What a newcomer types first."""

import shlex

import pytest
import typer

import baler_vae
from baler_vae.cli.app import app
from baler_vae.cli.examples import EXAMPLES
from baler_vae.sample import SAMPLE

VERBS = ["advise", "compare", "demo", "fit", "compress", "decompress", "evaluate", "verify", "info", "run", "new"]


def test_the_verbs_are_listed(call):
    out, _ = call("-h")
    assert set(VERBS) < set(out.split())
    assert call(status=2)[0].split() == out.split()


def test_the_version_is_that_of_the_package(call):
    assert call("--version") == (f"baler-vae {baler_vae.__version__}\n", "")


@pytest.mark.parametrize("verb", VERBS)
def test_h_is_help(call, verb):
    out, err = call(verb, "-h")
    assert err == ""
    assert call(verb, "--help")[0] == out
    assert f"baler-vae {verb}" in out


@pytest.mark.parametrize("weight", ["=2", "Jet_mass=", "Jet_mass=heavy", "Jet_mass=nan", "Jet_mass"])
def test_weights_that_are_none(call, weight):
    _, err = call("compress", f"{SAMPLE}:Events", "-o", "a.bvae", "--weight", weight, status=2)
    assert f"invalid weight {weight!r} (expected GLOB=NUMBER, such as Jet_mass=20)" in err


def commands():
    """All commands by the words that name them."""
    found = dict(typer.main.get_command(app).commands)
    laboratory = found.pop("explore")
    return found | {f"explore {name}": command for name, command in laboratory.commands.items()}


@pytest.mark.parametrize("verb", EXAMPLES)
def test_the_help_of_each_verb_shows_two_examples_that_can_be_typed(call, verb):
    out, _ = call(*verb.split(), "--help")
    shown = [line.strip() for line in out.splitlines() if line.strip().startswith("baler-vae ")]
    assert shown == list(EXAMPLES[verb])
    assert all(len(line) < 79 for line in shown)
    for line in shown:
        words = shlex.split(line)
        n_words = 1 + len(verb.split())
        assert words[:n_words] == ["baler-vae", *verb.split()]
        commands()[verb].make_context(verb, words[n_words:])


def test_every_verb_has_examples():
    assert set(commands()) == set(EXAMPLES)
