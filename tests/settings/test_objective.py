"""Objectives in settings: those that make sense are taken, the others are refused with the reason and the way out."""

import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.settings.checking import check_settings
from baler_vae.settings.model import ModelSettings
from baler_vae.settings.objective import ObjectiveSettings, PosteriorSettings
from baler_vae.settings.project import read_project

KL = {"kl": {}}
NOISY = {"kind": "noisy", "snr": 15.0}
JOINT = {"kind": "joint", "categories": [3, 2]}


def model(kind="vae", objective=KL, **settings):
    return check_settings(ModelSettings, {"kind": kind, "objective": objective, **settings})


def test_a_project_names_an_objective(tmp_path):
    path = tmp_path / "project.toml"
    path.write_text("""
name = "z"
input = "z.root"
bound = ["free"]
[model]
kind = "vae"
[model.objective]
reconstruction = "gaussian"
[model.objective.posterior]
kind = "joint"
categories = 10
[model.objective.kl]
beta = 30
capacity = 5
capacity_categorical = 2.3
schedule = "linear"
over = 2_000
unit = "steps"
[model.objective.mmd]
width = 0.5
""")
    found = read_project(path).model.objective
    assert found.reconstruction == "gaussian"
    assert found.posterior_of("vae").categories == (10,)
    assert (found.beta, found.kl.capacity, found.kl.unit) == (30.0, 5.0, "steps")
    assert (found.mmd.width, found.mmd.weight, found.mmd.prior) == ((0.5,), 1.0, "normal")
    assert found.moments is None
    path.write_text(path.read_text().replace("categories = 10", "categorie = 10"))
    with pytest.raises(UsageError, match=r"Did you mean 'model.objective.posterior.categories'") as caught:
        read_project(path)
    assert caught.value.path == str(path)
    path.write_text(path.read_text().replace("categorie = 10", ""))
    with pytest.raises(UsageError, match=r"project.toml: categories and a .joint. posterior need each other"):
        read_project(path)


WRONG = {
    "a kind that auto chooses": ({"kind": "auto"}, r"found model.kind 'auto'.*Set kind = \"vae\" or \"ae\""),
    "a kind without latents": ({"kind": "autoregressive"}, "objective is that of an autoencoder"),
    "beta as well": ({"beta": 0.1}, r"beta and an objective are both given.*set objective.kl.beta instead"),
    "a warm-up as well": ({"warmup_epochs": 9}, "set objective.kl.over instead"),
    "l1 as well": ({"kind": "ae", "objective": {}, "l1": 0.1}, "set objective.l1_latents instead"),
    "a posterior of the other kind": ({"objective": {"posterior": NOISY}}, r"found objective.posterior.kind 'noisy'"),
    "and the other way round": ({"kind": "ae", "objective": {"posterior": JOINT}}, r"Set kind = \"vae\""),
    "no ratio": ({"kind": "ae", "objective": {"posterior": {"kind": "noisy"}}}, "found neither snr nor snr_db"),
    "two ratios": ({"kind": "ae", "objective": {"posterior": NOISY | {"snr_db": 3}}}, "found both snr and snr_db"),
    "a ratio of no noise": ({"kind": "ae", "objective": {"posterior": {"kind": "point", "snr": 3}}}, "leave out snr"),
    "a ratio of no number": ({"kind": "ae", "objective": {"posterior": NOISY | {"snr": 0}}}, "objective.posterior.snr"),
    "categories of another": ({"objective": {"posterior": {"kind": "gaussian", "categories": [2]}, **KL}}, "need each"),
    "no categories": ({"objective": {"posterior": {"kind": "joint"}, **KL}}, r"such as kind = .joint., categories ="),
    "one category": ({"objective": {"posterior": JOINT | {"categories": [1]}, **KL}}, "categories.0"),
    "KL of points": ({"kind": "ae"}, "a 'point' posterior has no KL divergence"),
    "KL of noise": ({"kind": "ae", "objective": {"posterior": NOISY, **KL}}, r"rate is 0.5 log2\(1 \+ SNR\)"),
    "nothing that holds variances": ({"objective": {}}, "variances of a 'gaussian' posterior from vanishing"),
    "two priors": ({"objective": {**KL, "mmd": {"prior": "fitted"}}}, "to another one"),
    "free bits of categories": (
        {"objective": {"posterior": JOINT, "kl": {"free_bits": 1}}},
        "free_bits and categorical latents do not go together",
    ),
    "free bits and a capacity": ({"objective": {"kl": {"free_bits": 1, "capacity": 3}}}, "Leave out one of the two"),
    "a capacity of no categories": ({"objective": {"kl": {"capacity_categorical": 1}}}, "'gaussian' posterior lacks"),
    "a capacity beyond all": (
        {"objective": {"posterior": JOINT, "kl": {"capacity_categorical": 2}}},
        r"found capacity_categorical 2, expected at most 1.792 nats",
    ),
    "a length of no schedule": ({"objective": {"kl": {"over": 3}}}, r"Set schedule = .linear.*objective.kl"),
    "more cycles than epochs": (
        {"objective": {"kl": {"schedule": "cyclical", "over": 7}}},
        "4 cycles do not fit into 7 epochs: each needs two",
    ),
    "an unknown schedule": ({"objective": {"kl": {"schedule": "linar"}}}, "Did you mean 'linear'"),
    "a width of no kernel": (
        {"objective": {"mmd": {"width": -1.0}}},
        r"setting 'objective.mmd.width': .*\"median\", a number above 0, or a list.*found -1.0",
    ),
    "no width": ({"objective": {"mmd": {"width": []}}}, r"objective.mmd.width'.*found \[\]"),
    "an unknown term": ({"objective": {"kll": {}}}, "Did you mean 'objective.kl'"),
    "logits of standard scores": (
        {"objective": {"reconstruction": "cross_entropy", **KL}, "transform": "standard"},
        r"values between 0 and 1, which only the transform min-max gives \(found transform 'standard'\)",
    ),
    "logits of some other scores": (
        {"objective": {"reconstruction": "cross_entropy", **KL}, "transforms": {"x": "asinh"}},
        "found transform 'asinh'",
    ),
    "log-variances of categories": (
        {"objective": {"posterior": JOINT, **KL}, "keep_log_variance": True, "latents": "float64"},
        "Leave out keep_log_variance",
    ),
}


@pytest.mark.parametrize(("settings", "words"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused_with_a_reason(settings, words):
    with pytest.raises(UsageError, match=f"(?i){words}"):
        model(**settings)


def test_python_takes_tables_and_refuses_the_same():
    assert baler_vae.ModelSettings(kind="vae", objective=KL).objective == ObjectiveSettings.model_validate(KL)
    with pytest.raises(UsageError, match="both given"):
        baler_vae.ModelSettings(kind="vae", objective=KL, beta=0.5)


def test_settings_that_were_changed_afterwards_are_checked_by_fit():
    changed = model().model_copy(update={"kind": "independent"})
    with pytest.raises(UsageError, match="objective is that of an autoencoder"):
        baler_vae.fit({"x": [1.0, 2.0]}, settings=changed, bound="free")


def test_an_objective_needs_a_column_under_free():
    with pytest.raises(UsageError, match=r"under the bound `free`, and there are none.*Set bound = \[\"free\"\]"):
        baler_vae.fit({"x": [1.0, 2.0]}, settings=model(), bound="bits:10")


def test_what_is_described_repeats_the_settings():
    assert "objective" not in ModelSettings().described()
    chosen = model(objective={"posterior": JOINT, **KL, "mmd": {"width": [0.5, 2]}})
    assert ModelSettings.model_validate(chosen.described()) == chosen
    assert check_settings(ModelSettings, chosen.model_dump(exclude_defaults=True)) == chosen
    assert chosen.described()["objective"]["posterior"] == {"temperature": 2 / 3, **JOINT}


def test_weights_of_the_kl_divergence_follow_what_it_is_added_to():
    assert ObjectiveSettings().beta == 0
    assert model().objective.beta == 1e-3
    assert model(objective={"reconstruction": "gaussian", **KL}).objective.beta == 1.0
    assert model(objective={"reconstruction": "gaussian", "kl": {"beta": 0.0}}).objective.beta == 0.0


def test_decibels_are_ten_to_a_factor_of_ten():
    assert PosteriorSettings(kind="noisy", snr_db=20.0).ratio == pytest.approx(100.0)
    assert PosteriorSettings(kind="noisy", snr=7.5).ratio == 7.5
