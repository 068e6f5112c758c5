"""The verbs of `baler-vae explore`."""

import typer

from baler_vae.cli.examples import examples
from baler_vae.cli.explore.sweep import sweep

app = typer.Typer(
    name="explore",
    help="Look at what a codec learnt: latents, samples, paths, scores, distances, sweeps.",
    no_args_is_help=True,
)
app.command(epilog=examples("explore sweep"))(sweep)
