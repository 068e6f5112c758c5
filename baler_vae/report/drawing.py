"""How figures are drawn: as SVG text that can be embedded in a page, in its font and the colour of its text.

The same numbers give the same bytes.
"""

import hashlib
import html
import io
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from baler_vae.errors import shown
from baler_vae.evaluation.residuals import Floats
from baler_vae.output import replacing
from baler_vae.report.wording import MINUS, power_of_ten

# Two colours of M. A. Petroff's palette (arXiv:2107.02270), told apart in all forms of colour blindness and on dark
# and light ground.
BEFORE, AFTER = "#5790fc", "#f89c20"
DIVERGING = "RdBu_r"
"""Red above and blue below: distinguishable in the common forms of colour blindness (ColorBrewer)."""

INK = "#010203"
"""Stands for the colour of the page's text, which a figure cannot know."""

RASTER_DPI = 140
STYLE: dict[Any, Any] = {
    **mplhep.style.ATLAS,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"),
    **dict.fromkeys(("xtick.minor.visible", "ytick.minor.visible", "xtick.top", "ytick.right"), False),
    **dict.fromkeys(("font.size", "axes.labelsize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 9),
    "axes.autolimit_mode": "data",
    "axes.labelpad": 4,
    "axes.linewidth": 0.8,
    "legend.borderpad": 0.0,
    "lines.linewidth": 1.4,
    "svg.fonttype": "none",
    "svg.hashsalt": "baler_vae",
    "text.parse_math": False,  # a column's name may hold a dollar sign
    "xaxis.labellocation": "center",
    "xtick.major.size": 4,
    "yaxis.labellocation": "center",
    "ytick.major.size": 4,
}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@contextmanager
def new_figure(inches: tuple[float, float]) -> Iterator[Figure]:
    """An empty figure in the style of the report, which holds inside of the block only."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # The text is set in the page's font: that a name's letters are missing in matplotlib's font is no matter.
        warnings.filterwarnings("ignore", message="Glyph")
        yield Figure(figsize=inches)


def two_panels(figure: Figure, *, left: float, bottom: float, top: float) -> tuple[Axes, Axes]:
    """A main panel and a lower one with the same horizontal axis."""
    grid = figure.add_gridspec(2, height_ratios=(3, 1), hspace=0.08, left=left, right=0.95, bottom=bottom, top=top)
    main = figure.add_subplot(grid[0])
    lower = figure.add_subplot(grid[1], sharex=main)
    main.tick_params(labelbottom=False)
    figure.align_ylabels([main, lower])
    return main, lower


def legend(axes: Axes, *, columns: int) -> None:
    """A legend in one line above the axes."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, borderaxespad=0.2, columnspacing=1.2)


def count_axis(axes: Axes, *counts: NDArray[np.int64]) -> None:
    """Logarithmic when the highest bin would hide most others."""
    filled = np.concatenate(counts)
    filled = filled[filled > 0]
    axes.set_ylabel("rows")
    if len(filled) and filled.max() > 50 * np.percentile(filled, 50, method="lower"):
        axes.set_yscale("log")
        axes.set_ylim(0.5, 2 * filled.max())
        powers_of_ten(axes.yaxis)
    else:
        axes.set_ylim(0, 1.1 * max(filled, default=1))
        plain_ticks(axes.yaxis)


def powers_of_ten(axis: Axis) -> None:
    """The ticks of a logarithmic axis, without mathematics in their labels."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"10{power_of_ten(round(np.log10(value)))}"))
    axis.set_minor_locator(NullLocator())


def around(axes: Axes, centre: float, reach: float) -> None:
    """Limits the same way above and below the centre, with three ticks."""
    step = float(f"{reach / 2:.1g}")
    plain_ticks(axes.yaxis)
    axes.set_ylim(centre - reach, centre + reach)
    axes.set_yticks([centre - step, centre, centre + step])


def plain_ticks(axis: Axis, *, whole: bool = False) -> None:
    """Few ticks, labelled in full: a common factor at the end of the axis would be overlooked."""
    low, high = axis.get_view_interval()
    # As many digits as tell one tick from the next; long labels leave room for few.
    digits = max(6, 2 + math.ceil(math.log10(max(abs(low), abs(high)) / (high - low)))) if low < high else 6
    axis.set_major_locator(MaxNLocator(5 if digits == 6 else 2, integer=whole))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.{digits}g}".replace("-", MINUS)))


def error_bars(x: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Points of one broken line, x and y float64 (3 n,), that is a vertical bar at each x from `low` to `high`, all
    float64 (n,): a hundredth of the bytes that bars of their own would take.
    """
    gaps = np.full(len(x), np.nan)
    return np.repeat(x, 3), np.stack([low, high, gaps], axis=1).ravel()


def in_unit(unit_name: str) -> str:
    """What stands behind an axis' label."""
    return f" [{unit_name}]" if unit_name else ""


def short(name: str, limit: int = 40) -> str:
    """A name that is safe to show, cut where it is too long for a figure."""
    name = shown(name)
    return name if len(name) <= limit else name[: limit - 1] + "…"


def svg_text(figure: Figure, description: str) -> str:
    """The figure as one `<svg>` element whose identifiers no other figure of a page shares, if no other has the same
    description.
    """
    description = shown(description)
    for label in figure.findobj(Text):
        label.set_text("\n".join(map(shown, label.get_text().split("\n"))))
    text = io.StringIO()
    figure.savefig(text, format="svg", dpi=RASTER_DPI, metadata=NO_METADATA)
    svg = text.getvalue()
    svg = svg[svg.index("<svg ") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r" font-family: [^;\"]*;?", "", svg)
    svg = re.sub(r' (?:d|x|y)="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), svg)
    svg = svg.replace(INK, "currentColor")

    used = set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", svg))
    prefix = hashlib.sha256(description.encode()).hexdigest()[:8]
    svg = re.sub(r' id="([^"]+)"', lambda found: f' id="{prefix}-{found[1]}"' if found[1] in used else "", svg)
    svg = re.sub(r"(url\(|href=\")#", rf"\1#{prefix}-", svg)
    svg = re.sub(r">\s+<", "><", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(description)}" ', 1)


def write_svg(path: Path, svg: str, *, force: bool) -> None:
    """Writes an SVG element as a file of its own, on white ground."""
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    style = ' style="background: #ffffff; color: #000000; font-family: sans-serif"'
    with replacing(path, force=force) as part:
        part.write_text(head + svg.replace("<svg ", f"<svg{style} ", 1) + "\n", "utf-8")
