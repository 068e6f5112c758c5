"""Figures of what changes along an axis: responses along a column, errors along a training."""

from collections.abc import Mapping, Sequence

import numpy as np

from baler_vae.evaluation.profiles import Profile
from baler_vae.evaluation.residuals import Floats
from baler_vae.report.drawing import (
    AFTER,
    BEFORE,
    INK,
    error_bars,
    in_unit,
    legend,
    new_figure,
    plain_ticks,
    powers_of_ten,
    short,
    svg_text,
)
from baler_vae.report.wording import MINUS, unit

_CURVES = {
    "training_loss": "training loss",
    "validation_error": "validation error",
    "training_bits": "bits of a row",
}
"""What is drawn of a history, by its key."""

WIDE_RANGE = 100
"""Of the last edge to the first: a profile over more is drawn on a logarithmic axis."""


def profile_figure(name: str, profile: Profile) -> str | None:
    """One SVG element: mean and central 68 % of a column's responses or residuals in bins of a column; None without any
    bin that has rows.
    """
    filled = (profile.n > 0) & np.isfinite(profile.mean)
    if not filled.any():
        return None
    is_response = profile.of == "response"
    centres = (profile.edges[:-1] + profile.edges[1:]) / 2
    errors = np.divide(profile.rms, np.sqrt(profile.n), where=filled, out=np.full(len(filled), np.nan))
    low, high = profile.mean - profile.half_width_68, profile.mean + profile.half_width_68
    with new_figure((4.2, 3.4)) as figure:
        axes = figure.add_axes((0.2, 0.13, 0.75, 0.78))
        axes.axhline(0, color=INK, lw=0.8, ls=":")
        axes.stairs(high, profile.edges, baseline=low, fill=True, color=BEFORE, alpha=0.4, label="central 68 %")
        axes.plot(*error_bars(centres, profile.mean - errors, profile.mean + errors), color=AFTER, lw=1.2)
        axes.stairs(profile.mean, profile.edges, baseline=None, color=AFTER, lw=1.4, label="mean")
        legend(axes, columns=2)
        reach = _reach(np.stack([low, high, profile.mean - errors, profile.mean + errors])[:, filled])
        axes.set_ylim(-reach, reach)
        axes.set_ylabel("response" if is_response else f"restored {MINUS} original{in_unit(unit(name))}")
        axes.set_xlabel(short(profile.against) + in_unit(unit(profile.against)))
        axes.set_xlim(profile.edges[0], profile.edges[-1])
        if 0 < WIDE_RANGE * profile.edges[0] < profile.edges[-1]:
            axes.set_xscale("log")
            powers_of_ten(axes.xaxis)
        else:
            plain_ticks(axes.xaxis)
        plain_ticks(axes.yaxis)
        what = "Responses" if is_response else "Residuals"
        return svg_text(figure, f"{what} of {name} against {profile.against}: mean and central 68 %")


def training_figure(name: str, history: Sequence[Mapping[str, float]]) -> str | None:
    """One SVG element: training loss and validation error of a group by epoch, or the bits of its networks by step;
    None without a finite one.

    Every epoch has a `number`, a `training_loss` and a `validation_error`, every step a `number` and `training_bits`.
    """
    epochs = np.array([epoch["number"] for epoch in history], np.float64)
    curves = {
        label: np.array([epoch.get(key, np.nan) for epoch in history], np.float64) for key, label in _CURVES.items()
    }
    shown = {label: values for label, values in curves.items() if np.isfinite(values).any()}
    if not shown:
        return None
    with new_figure((5.2, 3.2)) as figure:
        axes = figure.add_axes((0.15, 0.15, 0.8, 0.75))
        for colour, (label, values) in zip((BEFORE, AFTER), shown.items(), strict=False):
            axes.plot(epochs, values, color=colour, label=label, marker="o", markersize=3)
        everything = np.concatenate([values[np.isfinite(values)] for values in shown.values()])
        if everything.min() > 0 and everything.max() > 10 * everything.min():
            axes.set_yscale("log")
            powers_of_ten(axes.yaxis)
        else:
            plain_ticks(axes.yaxis)
        unit_of_work = "step" if "bits of a row" in shown else "epoch"
        axes.set_xlabel(unit_of_work)
        plain_ticks(axes.xaxis, whole=True)
        legend(axes, columns=2)
        return svg_text(figure, f"Training of {name}: {' and '.join(shown)} by {unit_of_work}")


def _reach(values: Floats) -> float:
    """How far an axis around zero must go."""
    return 1.1 * float(np.nanmax(np.abs(np.where(np.isfinite(values), values, np.nan)))) or 1.0
