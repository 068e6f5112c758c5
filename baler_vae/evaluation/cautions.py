"""What does not break a tolerance, but should be known before anybody trusts the numbers."""

from collections.abc import Iterator
from dataclasses import dataclass

from baler_vae.evaluation.numbers import EvaluationNumbers
from baler_vae.evaluation.peaks import PeakShift
from baler_vae.evaluation.spectra import FEWEST_STEPS, SpectrumShift
from baler_vae.evaluation.tolerances import spectrum_name
from baler_vae.evaluation.units import unit

LEAST_P_VALUE = 1e-4
"""Of the chi2 of a fit before compression: a good fit is called bad once in ten thousand times."""


@dataclass(frozen=True)
class Caution:
    """A warning: what it is about, of which column or quantity, and a line of text."""

    what: str
    where: str
    text: str


def cautions(evaluation: EvaluationNumbers) -> tuple[Caution, ...]:
    """The warnings of an evaluation: fits that are bad before compression, and bins that hold few steps of a grid."""
    fits = (found for shift in evaluation.peaks for found in _of_fit(shift))
    return (*fits, *(found for shift in evaluation.spectra for found in _of_steps(shift)))


def _of_fit(shift: PeakShift) -> Iterator[Caution]:
    fit, (low, high) = shift.before, shift.peak.window
    if fit.p_value is None or fit.chi2 is None or fit.p_value >= LEAST_P_VALUE:
        return
    window = f"{low:g} to {high:g} {unit(shift.peak.column)}".rstrip()
    p_value = f"p-value {fit.p_value:.1g}" if fit.p_value > 1e-300 else "p-value 0"
    yield Caution(
        "reference fit",
        shift.peak.column,
        f"the fit to {shift.peak.column} in {window} is bad before compression: chi2 {fit.chi2:.4g} for {fit.n_dof:,} "
        f"degrees of freedom, {p_value}; do not trust its errors, nor shifts in units of them",
    )


def _of_steps(shift: SpectrumShift) -> Iterator[Caution]:
    if shift.has_comb:
        text = f"{spectrum_name(shift)}: a bin holds {shift.steps:.2g} grid steps, fewer than {FEWEST_STEPS}"
        advice = "expect a comb, and choose a finer bound, dither or wider bins"
        yield Caution("grid steps", shift.spectrum.column, f"{text}; {advice}")
