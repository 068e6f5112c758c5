"""How a model is built and trained."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from baler_vae.errors import UsageError
from baler_vae.settings.checking import Globs, NotNegative, Positive, RowCount, Seed, Settings, as_list, in_lower_case
from baler_vae.settings.convolution import ConvolutionSettings
from baler_vae.settings.kinds import AUTO, Effort, WantedKind, needs_torch, takes_images
from baler_vae.settings.objective import ObjectiveSettings

_LATER = ("sample_rows", "networks", "convolution", "effort")
"""Settings that older archives do not name; where they are the default, newer ones do not either."""


class NetworkSettings(Settings):
    """How the networks of codes are built and trained, where that shall not follow from the number of rows. Networks
    that are trained so give each symbol, on average over the rows, the frequency that it has there.

    Parameters
    ----------
    width : int, optional
        Units of each of the two hidden layers.
    steps : int, optional
        Steps of training, of 1,024 rows each.
    learning_rate : float, optional
        That of the optimiser at the beginning.
    weight_cost : float
        What a bit of the weights counts beside a bit of the rows: 1 makes the smallest archive, less makes a closer
        density, since weights stay that do not pay for themselves.
    range_bits : float, optional
        What a further range of codes counts. A network gives probabilities to ranges of codes, at most 63, and all
        codes of a range are alike to it; less makes more and finer ranges. 24 by default.
    most_in_range : float
        The largest part of the rows in a range of several codes, where 63 ranges suffice for that. By default ranges
        are those that describe a column alone with the fewest bits, which may be wide where its codes are evenly
        spread, and hide how they depend on others; 0.03 makes a closer density.
    differences : sequence of str
        Columns that are coded as differences from the formulas that `formulas` gives them, whatever that saves: a part
        of a whole, which is never more than that, is described best so.
    """

    width: Annotated[int, Field(ge=1, le=256)] | None = None
    steps: RowCount | None = None
    learning_rate: Positive | None = None
    weight_cost: NotNegative = 1.0
    range_bits: Positive | None = None
    most_in_range: Annotated[float, Field(gt=0, le=1)] = 1.0
    differences: Annotated[tuple[str, ...], BeforeValidator(as_list)] = ()


class ModelSettings(Settings):
    """How a model is built and trained.

    Parameters
    ----------
    kind : {"auto", "independent", "formulas", "autoregressive", "ae", "vae", "conv-ae", "conv-vae"}
        The kind of model; ``auto`` takes what makes the smallest archive. ``model`` means the same where keywords are
        taken.
    latent : int, optional
        Latents per group: by default half as many as there are float columns, and for arrays the root of the number of
        cells in a row; without an `objective` never more than there are columns and cells.
    hidden : sequence of int
        Units of the hidden layers.
    epochs, batch_rows : int, optional
        They follow from the number of rows by default, about 5,000 steps in all.
    learning_rate : float
        That of the optimiser at the beginning.
    schedule : {"cosine", "constant"}
        How the learning rate goes on.
    patience : int, optional
        Epochs without progress after which training ends.
    shuffle : bool
        Whether rows are shuffled before each epoch.
    validation_fraction : float
        The part of the rows that is not trained on, between 0 and 1.
    beta : float
        The weight of the KL divergence of a VAE, which rises linearly from zero over `warmup_epochs`; for arrays it is
        divided by the number of cells of a column, over which the error is a mean.
    warmup_epochs : int
        See `beta`.
    l1 : float
        The weight of the mean absolute latent.
    weights : mapping of str to float
        By glob of columns what their squared errors are multiplied by.
    transform : {"auto", "standard", "min-max", "asinh", "quantile"}
        How columns become scores.
    transforms : mapping of str to str
        The same by glob of columns, in place of `transform`.
    latents : {"rounded", "float64"}
        Whether latents are rounded to a step or stored as float64.
    keep_log_variance : bool
        Whether the log-variance of a VAE is stored beside latents that are float64.
    keep_network : bool
        Keep networks and latents that take more bytes than they save, where values keep a bound.
    formulas : mapping of str to str
        By column the formula that predicts it, in the grammar of `baler_vae.kinematics.formula`, or by glob that
        ``none`` does; formulas of all other columns are looked for.
    seed : int
        The seed of everything that is random.
    threads : int
        Threads of the training. It is fixed, so that results do not depend on the number of cores; these networks are
        so small that more threads gain little, and lose a hundredfold where another process wants the same cores.
    device : str
        Where networks are trained: ``auto``, ``cpu``, ``cuda`` and so on.
    sample_rows : int
        Rows of the largest group beyond which a model is fitted on a sample of about so many.
    objective : ObjectiveSettings or mapping, optional
        What the autoencoder of columns under the bound ``free`` minimises, in place of `beta`, `warmup_epochs` and
        `l1`.
    networks : NetworkSettings or mapping, optional
        How the networks of codes are built and trained, where values keep a bound.
    effort : {"fast", "default", "best"}
        What ``auto`` does for a small archive: ``fast`` makes formulas and tables only, which are fitted in seconds and
        decoded many times as fast, and needs no PyTorch.
    convolution : ConvolutionSettings or mapping, optional
        How the networks of ``conv-vae`` and ``conv-ae`` are built.
    """

    kind: Annotated[WantedKind, BeforeValidator(in_lower_case)] = "auto"
    latent: Annotated[int, Field(ge=1, le=4096)] | None = None
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], BeforeValidator(as_list)] = (200, 100, 50)
    epochs: RowCount | None = None
    batch_rows: RowCount | None = None
    learning_rate: Positive = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    patience: RowCount | None = 5
    shuffle: bool = True
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    beta: NotNegative = 1e-3
    warmup_epochs: Annotated[int, Field(ge=0, lt=2**53)] = 3
    l1: NotNegative = 0.0
    weights: Globs = {}
    transform: Literal["auto", "standard", "min-max", "asinh", "quantile"] = "auto"
    transforms: dict[str, Literal["standard", "min-max", "asinh", "quantile"]] = {}
    latents: Literal["rounded", "float64"] = "rounded"
    keep_log_variance: bool = False
    keep_network: bool = False
    formulas: dict[str, str] = {}
    seed: Seed = 0
    threads: Annotated[int, Field(ge=1, le=4096)] = 1
    device: str = "auto"
    sample_rows: RowCount = 1 << 20
    objective: ObjectiveSettings | None = None
    networks: NetworkSettings | None = None
    convolution: ConvolutionSettings | None = None
    effort: Annotated[Effort, BeforeValidator(in_lower_case)] = "default"

    @model_validator(mode="after")
    def _with_an_objective_that_makes_sense(self) -> "ModelSettings":
        self.check()
        return self

    def check(self) -> None:
        """Raise UsageError unless convolutions and an objective make sense for the model, and the latter is not
        described twice.
        """
        if self.convolution is not None and self.kind != AUTO and not takes_images(self.kind):
            raise UsageError(
                f"the model {self.kind!r} has no convolutions to be described",
                way_out='Set kind = "conv-vae" or "conv-ae" in [model], or leave out [model.convolution]',
            )
        if self.effort == "fast" and self.kind != AUTO and needs_torch(self.kind):
            raise UsageError(
                f"the effort fast trains no networks, which the model {self.kind!r} has",
                way_out="Leave out the model, or choose formulas or independent; or leave out the effort",
            )
        if self.objective is None:
            return
        self.objective.check(self.kind)
        replaced = {"beta": "objective.kl.beta", "warmup_epochs": "objective.kl.over", "l1": "objective.l1_latents"}
        for name, instead in replaced.items():
            if getattr(self, name) != type(self).model_fields[name].default:
                raise UsageError(
                    f"{name} and an objective are both given, which would describe what is minimised twice",
                    way_out=f"Leave out {name}, and set {instead} instead",
                )
        transforms = {self.transform, *self.transforms.values()} - {"auto", "min-max"}
        if self.objective.reconstruction == "cross_entropy" and transforms:
            raise UsageError(
                "cross entropy is for values between 0 and 1, which only the transform min-max gives",
                found=f"transform {min(transforms)!r}",
                way_out='Leave out transform and transforms, or choose another reconstruction, such as "gaussian"',
            )
        if self.keep_log_variance and self.objective.posterior_of(self.kind).kind == "joint":
            raise UsageError(
                'latents of a "joint" posterior cannot be stored with log-variances: categories have none',
                way_out="Leave out keep_log_variance",
            )

    def described(self) -> dict[str, Any]:
        """All settings as plain values, but for later ones that are the default: archives of what is fitted whole,
        without an objective, are what they were before there were any.
        """
        later = {name for name in _LATER if getattr(self, name) == type(self).model_fields[name].default}
        found = self.model_dump(mode="json", exclude=later | {"objective"})
        return found if self.objective is None else found | {"objective": self.objective.described()}
