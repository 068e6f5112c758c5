"""The search on functions that are known: no fit is made."""

import pytest

optuna = pytest.importorskip("optuna")

from baler_vae.explore.sweep_search import search  # noqa: E402
from baler_vae.measures.sweep_statistics import best_of, summarised  # noqa: E402
from baler_vae.measures.sweeps import SweepRun  # noqa: E402
from baler_vae.settings.checking import check_settings  # noqa: E402
from baler_vae.settings.sweep import SweepSettings  # noqa: E402


def settings_of(**changes):
    choices = {"x": {"low": -3.0, "high": 3.0}, "kind": ["flat", "steep"], "k": {"low": 1, "high": 64, "log": True}}
    return check_settings(
        SweepSettings, {"method": "optuna", "settings": choices, "seeds": [1, 2, 3], "trials": 40, **changes}
    )


def value_of(values, seed):
    """Least, up to the noise of seeds, where x is 1 and k is 8."""
    slope = {"flat": 1.0, "steep": 3.0}[values["kind"]]
    return slope * (values["x"] - 1) ** 2 + abs(values["k"] - 8) / 8 + 0.01 * seed


class Made:
    """Runs by that function, and which were asked for."""

    def __init__(self, fails=lambda _values, _seed: False):
        self.asked = []
        self.fails = fails

    def __call__(self, asked):
        self.asked += [(number, setting.key, seed) for number, setting, seed in asked]
        return [self.run(*one) for one in asked]

    def run(self, number, setting, seed):
        run = SweepRun(number, setting.variant, setting.values, seed)
        if self.fails(setting.values, seed):
            return SweepRun(number, setting.variant, setting.values, seed, failure="diverged")
        return SweepRun.from_dict({**run.to_dict(), "values": {"validation_error": value_of(setting.values, seed)}})


def test_it_finds_the_minimum_with_the_same_trials_every_time():
    first, again = Made(), Made()
    runs = search(settings_of(), first)
    assert runs == search(settings_of(), again)
    assert first.asked == again.asked
    settings = summarised(runs, 3)
    best = best_of(settings, "validation_error")
    assert best is not None
    found = settings[best].settings
    assert abs(found["x"] - 1) < 0.5
    assert 4 <= found["k"] <= 16


def test_another_seed_gives_other_trials():
    assert search(settings_of(), Made()) != search(settings_of(sampler_seed=1), Made())


@pytest.mark.parametrize("rule", ["median", "hyperband"])
def test_bad_trials_end_after_some_seeds(rule):
    settings = summarised(search(settings_of(prune=rule), Made()), 3)
    pruned = [one for one in settings if one.is_pruned]
    whole = [one for one in settings if one.is_whole]
    assert pruned
    assert whole
    mean = {id(one): one.estimates["validation_error"].mean for one in settings}
    assert min(mean[id(one)] for one in pruned) > min(mean[id(one)] for one in whole)


def test_without_a_rule_every_trial_has_every_seed():
    runs = search(settings_of(prune="none", trials=10), Made())
    assert {len(one.seeds) for one in summarised(runs, 3)} == {3}


def test_a_trial_that_fails_is_not_the_end():
    made = Made(fails=lambda values, seed: values["kind"] == "steep" and seed == 2)
    settings = summarised(search(settings_of(prune="none", trials=12), made), 3)
    failed = [one for one in settings if one.n_failed]
    assert {one.settings["kind"] for one in failed} == {"steep"}
    assert {one.seeds for one in failed} == {(1, 2)}
    assert {one.seeds for one in settings if one not in failed} == {(1, 2, 3)}


def test_nothing_is_made_twice():
    made = Made()
    runs = search(settings_of(settings={"x": [0.0, 1.0], "kind": ["flat"], "k": [8]}, trials=9), made)
    assert len(runs) == len(made.asked) == len({(run.key, run.seed) for run in runs}) <= 6
    assert len({run.number for run in runs}) == len(runs)


def test_each_variant_is_searched():
    variants = [{"name": "a"}, {"name": "b"}]
    runs = search(settings_of(variants=variants, trials=6, prune="none"), Made())
    assert {run.variant for run in runs} == {"a", "b"}
    assert len({run.number for run in runs}) == len(runs) == 36


def test_optuna_is_left_as_loud_as_it_was():
    before = optuna.logging.get_verbosity()
    search(settings_of(trials=1), Made())
    assert optuna.logging.get_verbosity() == before
