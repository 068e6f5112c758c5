"""The verbs of `baler-vae explore`."""

import typer

app = typer.Typer(
    name="explore",
    help="Look at what a codec learnt: latents, samples, paths, scores, distances, sweeps.",
    no_args_is_help=True,
)
