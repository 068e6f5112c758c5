"""The laws of the loop, whatever is trained."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from baler_vae.errors import UsageError
from baler_vae.learn.loop import Optimisation, check_converged, train
from baler_vae.learn.objective import Objective, Term
from baler_vae.learn.plans import Epochs, RandomBatches
from baler_vae.learn.schedules import Constant, Cosine, LinearWarmup, Moment

ROWS = torch.linspace(-1, 1, 40).reshape(-1, 1)


class Line(nn.Module):
    """A network of one weight, whose outputs are its products with the batch."""

    def __init__(self, weight=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([weight]))

    def outputs(self, batch, _generator):
        return batch * self.weight


def error(batch, outputs):
    return (outputs - 3 * batch).square().mean(dim=1)


def size(batch, outputs):
    return outputs.abs().mean()


ERROR = (Term("error", error),)
SHORT = Epochs(40, 16, 5)


def run(terms=ERROR, plan=SHORT, network=None, **options):
    network = network or Line()
    found = train(
        network,
        Objective(tuple(terms)),
        ROWS.__getitem__,
        plan,
        Optimisation(Constant(0.5)),
        generator=torch.Generator().manual_seed(1),
        device=torch.device("cpu"),
        **options,
    )
    return network, found


@pytest.mark.parametrize("plan", [Epochs(40, 16, 30), RandomBatches(40, 16, 90, 7), RandomBatches(40, 64, 90, 7)])
def test_whatever_the_plan_the_loss_falls(plan):
    network, history = run(plan=plan)
    assert network.weight.item() == pytest.approx(3, abs=0.2)
    assert history[-1].loss < 0.05 * history[0].loss
    assert [point.number for point in history] == list(range(1, len(history) + 1))
    assert history[-1].n_steps == 90


def test_a_history_has_every_term_apart():
    terms = (Term("error", error), Term("size", size, LinearWarmup(0.2, 4)))
    _, history = run(terms)
    assert [point.term_weights["size"] for point in history] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2])
    for point in history:
        assert set(point.terms) == {"error", "size"}
        assert point.loss == pytest.approx(point.terms["error"] + point.term_weights["size"] * point.terms["size"])
        assert point.weight == 40


def test_a_term_without_weight_is_not_computed():
    def never(batch, outputs):
        raise AssertionError

    _, history = run((Term("error", error), Term("never", never, Constant(0.0))))
    assert set(history[0].terms) == {"error"}
    assert history[0].term_weights == {"error": 1.0, "never": 0.0}
    with pytest.raises(ValueError, match="all terms are zero"):
        run((Term("never", never, Constant(0.0)),))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_term_that_is_not_finite_stops_the_training_and_is_named(value):
    @dataclass
    class Late:
        calls: int = 0

        def __call__(self, _batch, outputs):
            self.calls += 1
            return outputs.abs().mean() + (value if self.calls == 8 else 0)

    terms = (Term("error", error), Term("late", Late()))
    _, history = run(terms, Epochs(40, 16, 9))
    assert [point.diverged for point in history] == [None, None, "late"]
    with pytest.raises(UsageError, match=rf"diverged: its term 'late' is {value} after 9 steps.*Lower learning_rate"):
        check_converged(history, 0.5)
    kept, judged = run((*ERROR, Term("late", Late())), Epochs(40, 16, 9), judge=lambda: 1.0)
    assert judged[-1].diverged == "late"
    check_converged(judged, 0.5)
    assert math.isfinite(kept.weight.item())


def test_the_best_network_is_kept_and_patience_ends_the_training():
    errors = iter([5.0, 2.0, 3.0, 2.0, 4.0, 1.0])
    weights = []
    network = Line()
    _, history = run(
        network=network,
        plan=Epochs(40, 16, 6),
        judge=lambda: next(errors),
        patience=3,
        after_interval=lambda _: weights.append(network.weight.item()),
    )
    assert [point.error for point in history] == [5.0, 2.0, 3.0, 2.0, 4.0]
    assert network.weight.item() == weights[1] != weights[-1]


def test_a_training_whose_every_error_is_infinite_did_not_converge():
    _, history = run(judge=lambda: math.inf)
    with pytest.raises(UsageError, match="no epoch has a finite validation error"):
        check_converged(history, 0.5)


def test_hooks_are_told_every_step_and_every_interval():
    moments, points = [], []
    run(plan=RandomBatches(40, 16, 10, 4), before_step=moments.append, after_interval=points.append)
    assert [moment.steps for moment in moments] == list(range(10))
    assert [point.n_steps for point in points] == [4, 8, 10]


@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_takes_every_row_once(shuffle):
    epochs = Epochs(40, 16, 3, shuffle).intervals(torch.Generator().manual_seed(0), torch.device("cpu"))
    orders = [torch.cat([step.rows for step in steps]).tolist() for steps in epochs]
    assert all(sorted(order) == list(range(40)) for order in orders)
    assert len(set(map(tuple, orders))) == (3 if shuffle else 1)


def test_schedules_begin_and_end_where_they_should():
    def at(steps, epochs=0):
        return Moment(steps=steps, epochs=epochs, past=steps, whole=100)

    cosine = Cosine(2.0)
    assert [cosine(at(0)), cosine(at(50)), cosine(at(100))] == pytest.approx([2.0, 1.0, 0.0])
    assert Cosine(2.0, 10)(at(4)) == pytest.approx(cosine(at(4)) / 2)
    assert [LinearWarmup(3.0, 2)(at(0, epochs)) for epochs in range(4)] == [1.5, 3.0, 3.0, 3.0]
    assert LinearWarmup(3.0, 0)(at(0)) == Constant(3.0)(at(7)) == 3.0
