"""The picture of docs/latent-spaces.md: rate and distortion of several codecs, beside the Gaussian bound of the data.

python -m benchmarks.latent_picture jets.root:Events out.svg vae1.bvmodel vae2.bvmodel ...
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from baler_vae.explore import latents
from baler_vae.measures.information import RateDistortion
from baler_vae.report.drawing import write_svg
from baler_vae.report.latents_figures import rate_distortion_figure


def rates_of(codecs: Sequence[str], source: str) -> RateDistortion:
    """The points of all codecs, named by the number of their latents, and the bound of what they were fitted on."""
    points = []
    for codec in codecs:
        (found,) = latents(codec, source, tsne=False, clusters=0).groups
        n = len(found.latents)
        label = f"{n} latents" if n > 1 else "1 latent"
        points += [replace(point, name=label) for point in found.rates.points]
    return replace(found.rates, points=tuple(points))


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("output", type=Path)
    parser.add_argument("codecs", nargs="+")
    arguments = parser.parse_args()
    svg = rate_distortion_figure(rates_of(arguments.codecs, arguments.source), "Rate and distortion of jets")
    write_svg(arguments.output, svg, force=True)


if __name__ == "__main__":
    main()
