"""How a model is built and trained."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from baler_vae.settings.checking import Globs, NotNegative, Positive, RowCount, Seed, Settings, as_list, in_lower_case
from baler_vae.settings.kinds import WantedKind


class ModelSettings(Settings):
    """How a model is built and trained.

    `latent` is the number of latents per group (half of the group's float columns by default, never more than those).
    `epochs` and `batch_rows` follow from the number of rows by default, about 5,000 steps in all. `weights` multiplies
    the squared error of columns by glob. `beta` scales the KL divergence of a VAE and rises linearly from zero over
    `warmup_epochs`; `l1` scales the mean absolute latent. `transform` says how columns become scores; `transforms`
    overrides it by glob. `latents` says whether latents are rounded to a step or stored as float64, and then whether
    together with the log-variances of a VAE. Where values keep a bound, `keep_network` keeps networks and latents
    that take more bytes than they save. `formulas` says by column which formula predicts it (its grammar is in
    `baler_vae.kinematics.formula`), or by glob that `none` does; formulas of all other columns are looked for.
    `threads` is fixed, so that results do not depend on the number of cores; these networks are so small that more
    threads gain little, and lose a hundredfold where another process wants the same cores. `sample_rows` is the number
    of rows of the largest group beyond which a model is fitted on a sample of about so many.
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

    def described(self) -> dict[str, Any]:
        """All settings as plain values, but for a `sample_rows` that is the default: archives of what is fitted whole
        are what they were before there were samples.
        """
        is_default = self.sample_rows == type(self).model_fields["sample_rows"].default
        return self.model_dump(mode="json", exclude={"sample_rows"} if is_default else None)
