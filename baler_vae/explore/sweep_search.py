"""A search for the best settings by Optuna, which gives the same trials whenever and wherever their runs are made.

A trial is one setting; its steps are the seeds, after each of which the mean over those that are done is reported and
the pruner asked. Trials are asked for in batches of a fixed size, and told of in order once all of a batch are done:
what is tried depends on the settings of the sweep alone, not on workers or interruptions.
"""

import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.trial import Trial, TrialState

from baler_vae.explore.sweep_plan import Setting, choices_of, name_of, variants_of
from baler_vae.measures.sweeps import SweepRun
from baler_vae.settings.sweep import Choice, RangeSettings, SweepSettings, VariantSettings

Asked = tuple[int, Setting, int]
"""The number of a run, its setting and its seed."""
Runs = Callable[[Sequence[Asked]], Sequence[SweepRun]]
"""Makes runs, and gives them in the same order."""


def search(settings: SweepSettings, runs_of: Runs) -> list[SweepRun]:
    """All runs of a search in each variant, made by `runs_of`; of a trial that was pruned or failed, those before."""
    found: list[SweepRun] = []
    with _quiet():
        for number, variant in enumerate(variants_of(settings)):
            found += _search_variant(settings, variant, number * settings.trials * len(settings.seeds), runs_of)
    return found


def _search_variant(settings: SweepSettings, variant: VariantSettings, first: int, runs_of: Runs) -> Iterator[SweepRun]:
    choices = choices_of(settings, variant)
    # A liar: within a batch, trials that are still running count as bad ones, so that the next lie elsewhere.
    sampler = optuna.samplers.TPESampler(seed=settings.sampler_seed, constant_liar=settings.batch > 1)
    study = optuna.create_study(
        study_name=variant.name, direction="minimize", sampler=sampler, pruner=_pruner(settings)
    )
    known: dict[tuple[str, int], SweepRun] = {}
    for start in range(0, settings.trials, settings.batch):
        trials = [study.ask() for _ in range(min(settings.batch, settings.trials - start))]
        tried = [Setting(name_of(variant), _drawn(trial, choices)) for trial in trials]
        ends: dict[int, TrialState] = {}
        values: list[list[float]] = [[] for _ in trials]
        for step, seed in enumerate(settings.seeds):
            alive = [place for place in range(len(trials)) if place not in ends]
            number = first + start * len(settings.seeds) + step + 1
            # What was tried before, in another trial, is not made again.
            new = {(tried[place].key, seed): place for place in reversed(alive)}
            asked = [(number + place * len(settings.seeds), tried[place], seed) for place in sorted(new.values())]
            for run in runs_of([one for one in asked if (one[1].key, seed) not in known]):
                known[run.key, seed] = run
                yield run
            for place in alive:
                value = known[tried[place].key, seed].values.get(settings.minimise)
                if value is None:
                    ends[place] = TrialState.FAIL
                    continue
                values[place].append(value)
                trials[place].report(statistics.fmean(values[place]), step)
                if step + 1 < len(settings.seeds) and trials[place].should_prune():
                    ends[place] = TrialState.PRUNED
        for place, trial in enumerate(trials):
            if place in ends:
                study.tell(trial, state=ends[place])
            else:
                study.tell(trial, statistics.fmean(values[place]))


def _pruner(settings: SweepSettings) -> optuna.pruners.BasePruner:
    if settings.prune == "median":
        return optuna.pruners.MedianPruner()
    if settings.prune == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=len(settings.seeds))
    return optuna.pruners.NopPruner()


def _drawn(trial: Trial, choices: Mapping[str, Choice]) -> dict[str, Any]:
    """The value of each setting in a trial."""
    return {name: _value(trial, name, choice) for name, choice in choices.items()}


def _value(trial: Trial, name: str, choice: Choice) -> Any:  # noqa: ANN401  any setting
    if isinstance(choice, RangeSettings):
        if choice.is_whole:
            return trial.suggest_int(name, int(choice.low), int(choice.high), log=choice.log)
        return trial.suggest_float(name, choice.low, choice.high, log=choice.log)
    if len(choice) == 1:
        return choice[0]
    return json.loads(trial.suggest_categorical(name, [json.dumps(value) for value in choice]))


@contextmanager
def _quiet() -> Iterator[None]:
    """A context in which Optuna tells nothing of each trial."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
