"""The verbs of `baler-vae explore`."""

import typer

from baler_vae.cli.dialects import with_dialect
from baler_vae.cli.examples import examples
from baler_vae.cli.explore.distance import distance
from baler_vae.cli.explore.latents import latents
from baler_vae.cli.explore.paths import interpolate, traverse
from baler_vae.cli.explore.sampling import sample
from baler_vae.cli.explore.score import score
from baler_vae.cli.explore.sweep import sweep

app = typer.Typer(
    name="explore",
    help="Look at what a codec learnt: latents, samples, paths, scores, distances, sweeps.",
    no_args_is_help=True,
)
app.command(epilog=examples("explore latents"))(with_dialect(latents))
app.command(epilog=examples("explore sample"))(with_dialect(sample))
app.command(epilog=examples("explore interpolate"))(with_dialect(interpolate))
app.command(epilog=examples("explore traverse"))(with_dialect(traverse))
app.command(epilog=examples("explore score"))(score)
app.command(epilog=examples("explore distance"))(distance)
app.command(epilog=examples("explore sweep"))(sweep)
