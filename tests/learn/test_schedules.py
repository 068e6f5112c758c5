"""Weights at given moments of a training."""

import math

import pytest

from baler_vae.learn.objectives import epochs_scheduled, schedule_of
from baler_vae.learn.schedules import END, Constant, CosineRise, CyclicalRise, LinearRise, Moment, Span
from baler_vae.settings.objective import KlSettings, ObjectiveSettings, WeightSettings


def at(steps=0, epochs=0):
    return Moment(steps=steps, epochs=epochs, past=0.0, whole=1.0)


def course(schedule, n, unit="epochs"):
    return [schedule(at(**{unit: moment})) for moment in range(n)]


def test_a_linear_rise_is_the_part_that_has_begun():
    assert course(LinearRise(2.0, Span(4)), 6) == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 2.0])
    assert course(LinearRise(2.0, Span(4, "steps")), 6, "steps") == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 2.0])
    assert course(LinearRise(2.0, Span(4, "steps")), 6, "epochs") == [0.5] * 6


def test_a_cosine_rises_slowly_at_both_ends():
    found = course(CosineRise(3.0, Span(6)), 8)
    assert found == pytest.approx([1.5 * (1 - math.cos(math.pi * min(n, 6) / 6)) for n in range(1, 9)])
    assert found[2] == pytest.approx(1.5)


def test_cycles_rise_in_their_first_half_and_stay_in_their_second():
    """Fu et al.: tau = mod(t - 1, T / M) / (T / M), and beta = tau / R up to R, then 1."""
    assert course(CyclicalRise(1.0, Span(16), 2), 18) == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1, 1, 1] * 2 + [1, 1])
    odd = course(CyclicalRise(1.0, Span(10), 3), 10)
    assert odd == pytest.approx([min(1, 2 * (n * 3 / 10 % 1)) for n in range(10)])


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "cyclical"])
@pytest.mark.parametrize("unit", ["epochs", "steps"])
def test_every_schedule_ends_at_its_weight(schedule, unit):
    settings = WeightSettings(weight=0.7, schedule=schedule, over=None if schedule == "constant" else 9, unit=unit)
    found = schedule_of(settings, settings.weight, 30)
    assert found(END) == found(at(steps=9, epochs=9)) == 0.7
    assert (found(at()) == 0.7) is (schedule == "constant")


def test_a_schedule_without_a_length_takes_all_of_the_training():
    assert schedule_of(KlSettings(schedule="linear"), 1.0, 20) == LinearRise(1.0, Span(20))
    assert schedule_of(KlSettings(), 0.3, 20) == Constant(0.3)
    cyclical = KlSettings(schedule="cyclical")
    assert schedule_of(cyclical, 1.0, 20) == CyclicalRise(1.0, Span(20), 4)
    assert schedule_of(cyclical, 1.0, 5) == CyclicalRise(1.0, Span(5), 2)  # a cycle needs two epochs
    assert schedule_of(cyclical, 1.0, 1) == CyclicalRise(1.0, Span(1), 1)


def test_patience_waits_for_the_last_schedule():
    def waits(**terms):
        return epochs_scheduled(ObjectiveSettings.model_validate(terms), n_epochs=20, steps_per_epoch=8)

    assert waits(kl={}) == 0
    assert waits(kl={"schedule": "linear", "over": 5}) == 5
    assert waits(kl={"schedule": "linear", "over": 17, "unit": "steps"}) == 3
    assert waits(kl={"schedule": "linear", "over": 5}, mmd={"schedule": "cosine"}) == 20
    assert waits(moments={"schedule": "linear", "over": 500}) == 20
