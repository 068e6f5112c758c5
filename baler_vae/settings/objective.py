"""What the training of an autoencoder minimises, and what its latents are: `[model.objective]`."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from baler_vae.errors import UsageError
from baler_vae.settings.checking import Finite, NotNegative, Positive, RowCount, Settings

PosteriorKind = Literal["point", "gaussian", "noisy", "joint"]
Reconstruction = Literal["squared_error", "absolute_error", "cross_entropy", "gaussian"]

POSTERIORS: Mapping[str, tuple[PosteriorKind, ...]] = {
    "ae": ("point", "noisy"),
    "vae": ("gaussian", "joint"),
    "conv-ae": ("point", "noisy"),
    "conv-vae": ("gaussian", "joint"),
}
"""The posteriors of each kind of autoencoder, its own first."""
LIKELIHOODS: tuple[Reconstruction, ...] = ("cross_entropy", "gaussian")
"""Reconstruction terms that are nats of a row; the others are a mean over columns."""
_SMALL_BETA = 1e-3
"""The weight of the KL divergence beside an error: about the one at which tables kept most of their latents."""


def _as_numbers(value: object) -> object:
    """A single number in place of a list, as a list; a text stays what it is."""
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else value


def _as_widths(value: object) -> object:
    """Widths as a list, or "median"."""
    found = _as_numbers(value)
    given = found if isinstance(found, list | tuple) else ()
    if found != "median" and not (given and all(_as_numbers(one) == [one] and 0 < one < math.inf for one in given)):
        raise ValueError('Input should be "median", a number above 0, or a list of such numbers')
    return found


class ScheduledSettings(Settings):
    """A weight that may follow a schedule: it rises `over` so many epochs or steps, over all of the training by
    default.

    Attributes
    ----------
    schedule : {"constant", "linear", "cyclical", "cosine"}
        ``linear`` and ``cosine`` rise from 0 to the weight once, ``cyclical`` so many times as there are `cycles`, each
        in the first half of its cycle.
    over : int, optional
        How long it takes.
    unit : {"epochs", "steps"}
        What is counted. In the first epoch, or step, the weight of ``linear`` is 1 / `over` of the whole.
    cycles : int
        Of ``cyclical``; fewer where a training has not two epochs for each.
    """

    schedule: Literal["constant", "linear", "cyclical", "cosine"] = "constant"
    over: RowCount | None = None
    unit: Literal["epochs", "steps"] = "epochs"
    cycles: Annotated[int, Field(ge=1, lt=2**31)] = 4


class KlSettings(ScheduledSettings):
    """The KL divergence of the posterior from the prior: the standard normal, and equal probabilities of categories.

    Attributes
    ----------
    beta : float, optional
        Its weight; 1 beside a likelihood (``cross_entropy``, ``gaussian``), 0.001 beside an error.
    free_bits : float
        Bits of each latent that cost no more than these.
    capacity : float, optional
        Nats of a row that are aimed at: the distance from them is what is minimised, and they, not the weight, follow
        the schedule.
    capacity_categorical : float, optional
        The same of categorical latents.
    """

    beta: NotNegative | None = None
    free_bits: NotNegative = 0.0
    capacity: NotNegative | None = None
    capacity_categorical: NotNegative | None = None


class WeightSettings(ScheduledSettings):
    """A term with a weight.

    Attributes
    ----------
    weight : float
        What it is multiplied by.
    """

    weight: NotNegative = 1.0


class MmdSettings(WeightSettings):
    """The maximum mean discrepancy between latents and draws of a prior.

    Attributes
    ----------
    kernel : {"rbf", "imq"}
        ``exp(-d^2 / 2 w^2)``, or the inverse multiquadric ``w^2 / (w^2 + d^2)``.
    width : "median", float or sequence of float
        The w, or several, whose kernels are added up; the median distance between all points of a batch by default.
    prior : {"normal", "fitted"}
        The standard normal distribution, or the normal one with the means and covariances of the batch.
    """

    kernel: Literal["rbf", "imq"] = "rbf"
    width: Annotated[
        Literal["median"] | Annotated[tuple[Positive, ...], Field(min_length=1)], BeforeValidator(_as_widths)
    ] = "median"
    prior: Literal["normal", "fitted"] = "normal"


class PosteriorSettings(Settings):
    """What an encoder says of the latents of a row.

    Attributes
    ----------
    kind : {"point", "gaussian", "noisy", "joint"}
        One number each (``ae``); a normal distribution each (``vae``); one number each to which noise is added that is
        so much weaker than latents are on average (``ae``); normal ones and categorical ones (``vae``).
    snr, snr_db : float, optional
        Of ``noisy``: the mean variance of the latents to the variance of the noise, as a ratio or in decibels.
    categories : sequence of int
        Of ``joint``: the number of categories of each categorical latent.
    temperature : float
        Of ``joint``: that of the Gumbel-softmax distribution.
    """

    kind: PosteriorKind
    snr: Positive | None = None
    snr_db: Finite | None = None
    categories: Annotated[tuple[Annotated[int, Field(ge=2, le=4096)], ...], BeforeValidator(_as_numbers)] = ()
    temperature: Positive = 2 / 3

    @property
    def ratio(self) -> float:
        """The signal-to-noise ratio of ``noisy``."""
        return 10 ** (self.snr_db / 10) if self.snr is None and self.snr_db is not None else self.snr or math.inf


class ObjectiveSettings(Settings):
    """What the training of an autoencoder under the bound ``free`` minimises: a reconstruction term and whichever
    others are named.

    Attributes
    ----------
    reconstruction : {"squared_error", "absolute_error", "cross_entropy", "gaussian"}
        Errors are means over columns; cross entropy (of values between 0 and 1) and the Gaussian likelihood with a
        learnt variance of each column are nats of a row.
    posterior : PosteriorSettings, optional
        By default the one of the kind: ``point`` for ``ae``, ``gaussian`` for ``vae``.
    kl : KlSettings, optional
        The KL divergence.
    mmd : MmdSettings, optional
        The maximum mean discrepancy.
    moments : WeightSettings, optional
        How far the latents of a batch are from mean 0 and variance 1.
    l1_latents, l1_weights, l2_weights : WeightSettings, optional
        Absolute latents, absolute and squared weights of the networks.
    """

    reconstruction: Reconstruction = "squared_error"
    posterior: PosteriorSettings | None = None
    kl: KlSettings | None = None
    mmd: MmdSettings | None = None
    moments: WeightSettings | None = None
    l1_latents: WeightSettings | None = None
    l1_weights: WeightSettings | None = None
    l2_weights: WeightSettings | None = None

    def posterior_of(self, kind: str) -> PosteriorSettings:
        """The posterior of an autoencoder of some kind."""
        return self.posterior or PosteriorSettings(kind=POSTERIORS[kind][0])

    @property
    def beta(self) -> float:
        """The weight of the KL divergence, 0 without it."""
        if self.kl is None:
            return 0.0
        if self.kl.beta is not None:
            return self.kl.beta
        return 1.0 if self.reconstruction in LIKELIHOODS else _SMALL_BETA

    @property
    def scheduled(self) -> dict[str, ScheduledSettings]:
        """The terms with a weight that are named."""
        names = ("kl", "mmd", "moments", "l1_latents", "l1_weights", "l2_weights")
        return {name: found for name in names if (found := getattr(self, name)) is not None}

    def described(self) -> dict[str, Any]:
        """What is said, as plain values."""
        return self.model_dump(mode="json", exclude_none=True)

    def check(self, kind: str) -> None:
        """Raise UsageError unless the objective makes sense for a kind of model."""
        if kind not in POSTERIORS:
            raise UsageError(
                "an objective is that of an autoencoder, which the model has no choice of its own about",
                found=f"model.kind {kind!r}",
                way_out='Set kind = "vae" or "ae" in [model], or leave out [model.objective]',
            )
        posterior = self.posterior_of(kind)
        _check_posterior(posterior, kind)
        self._check_kl(posterior)
        _check_schedules(self.scheduled)
        if posterior.kind in POSTERIORS["vae"] and not (self.kl or self.mmd or self.moments):
            raise UsageError(
                f"nothing in the objective keeps the variances of a {posterior.kind!r} posterior from vanishing",
                way_out='Add [model.objective.kl], or mmd or moments; or set kind = "ae" in [model]',
            )

    def _check_kl(self, posterior: PosteriorSettings) -> None:
        """Raise UsageError unless the KL divergence belongs to the posterior and the other terms."""
        kl = self.kl
        if kl is None:
            return
        if posterior.kind not in POSTERIORS["vae"]:
            why = "its rate is 0.5 log2(1 + SNR) bits a latent" if posterior.kind == "noisy" else "it has no width"
            raise UsageError(
                f"a {posterior.kind!r} posterior has no KL divergence: {why}",
                way_out='Leave out [model.objective.kl], or set kind = "vae" in [model]',
            )
        if self.mmd is not None and self.mmd.prior == "fitted":
            raise UsageError(
                'the KL divergence draws latents to the standard normal distribution, mmd with prior "fitted" to '
                "another one",
                way_out='Set prior = "normal" in [model.objective.mmd], or leave out one of the two',
            )
        is_joint = posterior.kind == "joint"
        if kl.free_bits and (kl.capacity is not None or is_joint):
            other = "categorical latents" if is_joint else "a capacity"
            raise UsageError(
                f"free_bits and {other} do not go together: each says how much latents may tell for nothing",
                way_out="Set capacity and capacity_categorical" if is_joint else "Leave out one of the two",
            )
        if kl.capacity_categorical is not None:
            most = sum(map(math.log, posterior.categories))
            if not is_joint:
                raise UsageError(
                    f"capacity_categorical is for categorical latents, which a {posterior.kind!r} posterior lacks",
                    way_out='Leave it out, or set kind = "joint" in [model.objective.posterior]',
                )
            if kl.capacity_categorical > most * (1 + 1e-9):
                raise UsageError(
                    f"categorical latents of {list(posterior.categories)} categories cannot tell so much",
                    found=f"capacity_categorical {kl.capacity_categorical:g}",
                    expected=f"at most {most:.4g} nats",
                )


def _check_posterior(posterior: PosteriorSettings, kind: str) -> None:
    """Raise UsageError unless a posterior is one of a kind of autoencoder, and has what it needs and nothing else."""
    if posterior.kind not in POSTERIORS[kind]:
        others = [name for name, kinds in POSTERIORS.items() if posterior.kind in kinds]
        other = next((name for name in others if name.startswith("conv-") == kind.startswith("conv-")), others[0])
        raise UsageError(
            f"the posterior of {kind!r} is {' or '.join(map(repr, POSTERIORS[kind]))}",
            found=f"objective.posterior.kind {posterior.kind!r}",
            way_out=f'Set kind = "{other}" in [model] for it',
        )
    n_ratios = (posterior.snr is not None) + (posterior.snr_db is not None)
    if posterior.kind == "noisy" and n_ratios != 1:
        raise UsageError(
            'a "noisy" posterior needs one signal-to-noise ratio',
            found="both snr and snr_db" if n_ratios else "neither snr nor snr_db",
            way_out="Set snr (a ratio of variances) or snr_db (decibels) in [model.objective.posterior]",
        )
    if posterior.kind != "noisy" and n_ratios:
        raise UsageError(
            f"a signal-to-noise ratio is that of a 'noisy' posterior, not of {posterior.kind!r}",
            way_out='Leave out snr and snr_db, or set kind = "noisy" in [model.objective.posterior]',
        )
    if (posterior.kind == "joint") is not bool(posterior.categories):
        raise UsageError(
            'categories and a "joint" posterior need each other',
            found=f"kind {posterior.kind!r}, categories {list(posterior.categories)}",
            way_out='Set both, such as kind = "joint", categories = [10], or none in [model.objective.posterior]',
        )


def _check_schedules(terms: Mapping[str, ScheduledSettings]) -> None:
    """Raise UsageError unless each schedule has something to do."""
    for name, term in terms.items():
        if term.schedule == "constant" and term.over is not None:
            raise UsageError(
                f"objective.{name}.over tells how long a weight rises, but its schedule is constant",
                way_out=f'Set schedule = "linear", "cosine" or "cyclical" in [model.objective.{name}]',
            )
        if term.schedule == "cyclical" and term.over is not None and term.over < 2 * term.cycles:
            raise UsageError(
                f"{term.cycles} cycles do not fit into {term.over} {term.unit}: each needs two",
                way_out=f"Set more for over, or fewer cycles in [model.objective.{name}]",
            )
