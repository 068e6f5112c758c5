"""Numbers at the edge of what floats hold: kept, or refused, and no library's warning reaches a user."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.errors import BalerError
from baler_vae.settings.evaluation import CutSettings, EvaluationSettings, PeakSettings, QuantitySettings

EXTREME = [np.inf, -np.inf, np.nan, 1.7e308, -1.7e308, 5e-324, -0.0, 1e300, 2.0**53, 65_504.0, 3.4e38]
BOUNDS = [
    "bits:4",
    "bits:12",
    "abs:1e-300",
    "abs:1e300",
    "rel:1e-3",
    "exact",
    "free",
    "bits:8,floor:1e-320",
    "abs:5e-324",
]
JUDGED = EvaluationSettings(
    peaks=(PeakSettings(column="x", window=(-1e150, 1e150)),),
    quantities=(
        QuantitySettings(name="m", kind="mass", objects=("Jet_*",), mass_of_each=1e308),
        QuantitySettings(name="f", formula="x * Jet_pt"),
    ),
    cuts=(CutSettings(cut="x > 1e308"), CutSettings(cut="x * Jet_pt > 1")),
)


@settings(max_examples=8)
@given(
    st.lists(st.sampled_from(EXTREME), max_size=30),
    st.sampled_from([-300, 0, 0, 3, 300]),
    st.sampled_from(["f2", "f4", "f8"]),
    st.sampled_from(BOUNDS),
    st.integers(0, 99),
)
def test_hostile_numbers_are_kept_or_refused(tmp_path_factory, extreme, power, dtype, bound, seed):
    folder = tmp_path_factory.getbasetemp()
    rng = np.random.default_rng(seed)
    columns = {}
    for name in ("x", "Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass"):
        values = rng.normal(size=60) * 10.0**power
        values[rng.permutation(60)[: len(extreme)]] = extreme
        with np.errstate(over="ignore"):
            columns[name] = values.astype(dtype)
    np.savez(folder / "hostile.npz", **columns)
    try:
        baler_vae.compress(folder / "hostile.npz", folder / "hostile.bvae", kind="independent", bound=bound, force=True)
        done = baler_vae.verify(folder / "hostile.bvae", against=folder / "hostile.npz")
    except BalerError:
        return
    assert not done.broken
    try:
        baler_vae.evaluate(folder / "hostile.npz", folder / "hostile.bvae", settings=JUDGED)
    except BalerError:
        return


def test_programs_see_no_warnings_of_libraries(tmp_path):
    """The command itself, in a process in which a warning would be printed."""
    np.savez(tmp_path / "a.npz", x=np.array(EXTREME * 9), y=np.full(99, 1.7e308))
    command = ["compress", "a.npz", "-o", "a.bvae", "--model", "independent", "--bound", "abs:1e-300"]
    done = subprocess.run(
        [sys.executable, "-m", "baler_vae", *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.full
def test_networks_and_advice_on_hostile_numbers(tmp_path):
    rng = np.random.default_rng(0)
    for seed, kind in enumerate(["vae", "ae", "autoregressive"] * 4):
        values = rng.normal(size=(4, 200)) * 10.0 ** rng.choice([-300, 0, 300])
        values[:, rng.permutation(200)[: 40 * (seed % 2)]] = rng.choice(EXTREME, 40 * (seed % 2))
        np.savez(tmp_path / "a.npz", **dict(zip("abcd", values, strict=True)))
        options = {"hidden": (4,), "epochs": 1, "latent": 1, "keep_network": True}
        try:
            baler_vae.compress(
                tmp_path / "a.npz", tmp_path / "a.bvae", kind=kind, bound="bits:8", force=True, **options
            )
            baler_vae.advise(tmp_path / "a.npz", fitted=False)
        except BalerError:
            continue
