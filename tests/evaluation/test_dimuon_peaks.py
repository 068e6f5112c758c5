"""Peaks of real muon pairs before and after their momenta are rounded as `bits:12` allows."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from baler_vae.evaluation.peaks import Peak, PeakCounter

DATA = Path(os.environ.get("BALER_VAE_DATA", Path(__file__).parents[3] / "shared" / "data"))
MUON = 0.1056583745
# A Gaussian does not describe the J/psi, whose resolution differs from event to event; of the three Upsilon states the
# window has the first one only.
JPSI = Peak("mass", (2.9, 3.3), 100, "crystal-ball", "unbinned")
UPSILON = Peak("mass", (9.0, 9.8), 80, "gauss", "unbinned")
Z = Peak("mass", (70, 110), 100, "breit-wigner", "unbinned")


@pytest.fixture(scope="module")
def momenta():
    """GeV, float64 (events, muons, 3)."""
    path = DATA / "dimuons_100k.hdf5"
    if not path.exists():
        pytest.skip(f"the data are not there: {path}")
    with h5py.File(path) as file:
        columns = [file["muons"][name][:] for name in ("px", "py", "pz")]
    return np.stack(columns, axis=-1).astype(np.float64).reshape(-1, 2, 3)


def masses(momenta):
    energies = np.sqrt(np.sum(momenta**2, axis=-1) + MUON**2).sum(axis=1)
    return np.sqrt(energies**2 - np.sum(momenta.sum(axis=1) ** 2, axis=-1))


def rounded(values, relative):
    """Values on a logarithmic grid, none further off than that."""
    step = 2 * np.log1p(relative)
    logarithms = np.log(np.abs(values), where=values != 0, out=np.zeros_like(values))
    return np.where(values == 0, 0, np.sign(values) * np.exp(np.round(logarithms / step) * step))


def shift_of(peak, momenta, relative):
    after = rounded(momenta, relative)
    assert np.all(np.abs(after - momenta) <= 1.0001 * relative * np.abs(momenta))
    counter = PeakCounter(peak)
    counter.add(masses(momenta), masses(after))
    return counter.shift()


@pytest.mark.parametrize(
    ("peak", "mass", "width"),
    [(JPSI, 3.0969, 0.031), (UPSILON, 9.4603, 0.087), (Z, 91.19, 1.43)],
    ids=["J/psi", "Upsilon", "Z"],
)
def test_twelve_bits_move_no_peak(momenta, peak, mass, width):
    shift = shift_of(peak, momenta, 2.0**-13)
    assert shift.before.mean == pytest.approx(mass, rel=0.003)  # momenta are known to 0.2 %
    assert shift.before.width == pytest.approx(width, rel=0.05)
    assert shift.before.p_value > 0.05
    assert abs(shift.mean_shift_in_errors) < 0.1
    assert abs(shift.width_shift_in_errors) < 0.1
    assert abs(shift.yield_shift_in_errors) < 0.1


def test_six_bits_widen_the_peak(momenta):
    shift = shift_of(JPSI, momenta, 2.0**-6)
    assert shift.width_shift_in_errors > 3
