"""The verbs of `baler-vae explore`."""

import typer

from baler_vae.cli.examples import examples
from baler_vae.cli.explore.distance import distance
from baler_vae.cli.explore.score import score

app = typer.Typer(
    name="explore",
    help="Look at what a codec learnt: latents, samples, paths, scores, distances, sweeps.",
    no_args_is_help=True,
)

app.command(epilog=examples("explore score"))(score)
app.command(epilog=examples("explore distance"))(distance)
