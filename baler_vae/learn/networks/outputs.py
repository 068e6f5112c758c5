"""What an autoencoder makes of a batch."""

from dataclasses import dataclass

from torch import Tensor, nn

from baler_vae.learn.networks.posterior import Posterior


@dataclass(frozen=True, eq=False)
class Outputs:
    """Scores float32 (rows, columns) restored from sampled latents, the posterior, those latents float32 (rows, k), the
    network itself; standard normal numbers float32 (rows, continuous latents), and the log-variance of each column
    (columns,), where the network has them.
    """

    reconstruction: Tensor
    posterior: Posterior
    latents: Tensor
    network: nn.Module
    prior: Tensor | None = None
    log_variances: Tensor | None = None
