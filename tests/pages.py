"""An evaluation that has everything which a page can show."""

from dataclasses import replace

import numpy as np

from baler_vae.evaluation.cuts import Migration
from baler_vae.evaluation.distances import Distances
from baler_vae.evaluation.evaluate import evaluate_tables
from baler_vae.evaluation.joint import Density, GroupStatistics
from baler_vae.evaluation.numbers import ArchiveSizes, CandidateSizes, GuaranteeResult
from baler_vae.evaluation.peaks import PairedErrors
from baler_vae.evaluation.profiles import ColumnStatistics, Profile
from baler_vae.table.schema import TEXT, Column, Group
from baler_vae.table.table import Table

ODD_NAME = '<b>&"'
SIZES = ArchiveSizes(
    original_bytes=100_000,
    archive_bytes=20_000,
    model_bytes=4000,
    latents_bytes=1000,
    codes_bytes=14_000,
    metadata_bytes=700,
    guarantees_bytes=300,
    guarantees={"dijet_mass within rel:0.00123456": 200, "patched values, of all": 100},
    candidates=(
        CandidateSizes(group="events", kind="independent", bytes={"independent": 700}, fitted_bytes=None),
        CandidateSizes(group="Jet", kind="vae", bytes={"independent": 21_000, "vae": 19_300}, fitted_bytes=18_100),
    ),
)
RIVALS = {"grid + zstd": 24_000, "grid + pcodec": 22_000, "truncation + xz": 31_000}
HISTORY = {"Jet": [{"number": n, "training_loss": 5.0 / n, "validation_error": 6.0 / n} for n in range(1, 9)]}
CUTS = (
    Migration("Jet_mass > 150", None, "rows", 6000, 3850, 3848, 3, 1),
    Migration("Jet_mass > 100", 2, "events", 1500, 900, 900, 0, 0),
)
GUARANTEES = (
    GuaranteeResult(
        text="dijet_mass within rel:0.00123456",
        definitions=('dijet_mass: kind = "mass", objects = ["Jet_*"], rows = [0, 1]',),
        quantity="dijet_mass",
        bound="rel:0.00123456",
        n=1500,
        worst=0.9996,
    ),
    GuaranteeResult(text="(Jet_mass > 150) & (abs(Jet_phi) < 2.4)", group="Jet", n=6000, n_broken=3),
    GuaranteeResult(text="MET > 20", cut="MET > 20", is_judged=False),
)


def table(**arrays):
    columns = tuple(Column(name, array.dtype) for name, array in arrays.items())
    return Table(Group("Jet", columns), arrays)


def small_evaluation(*, smear=1.0, sizes=SIZES):
    """Six columns of all kinds with a peak, as `evaluate_tables` finds them, without what a sample tells."""
    rng = np.random.default_rng(0)
    masses = np.concatenate([rng.normal(172, 6, 3000), rng.uniform(100, 225, 3000)])
    n = len(masses)
    original = {
        "Jet_mass": masses,
        "Jet_phi": rng.uniform(-np.pi, np.pi, n).astype(np.float32),
        ODD_NAME: rng.normal(size=n),
        "flag": rng.random(n) < 0.5,
        "text": np.full(n, "a", TEXT),
        "nan": np.full(n, np.nan),
    }
    restored = {name: array.copy() for name, array in original.items()}
    restored["Jet_mass"] += rng.normal(0, smear, n)
    restored["Jet_phi"] *= np.float32(0.99)
    restored[ODD_NAME][0] += 1
    restored["flag"][7] ^= True
    found = evaluate_tables((table(**original),), (table(**restored),), sizes=sizes)
    return replace(found, n_sampled={}, statistics={}, groups=(), cuts=())


def profile(against, *, low=100.0, high=250.0, of="response"):
    edges = np.linspace(low, high, 11)
    n = np.array([900, 800, 700, 600, 500, 400, 300, 200, 100, 0])
    mean = np.where(n > 0, np.linspace(-1e-3, 2e-3, 10), np.nan)
    rms = np.where(n > 0, 0.01, np.nan)
    return Profile(against=against, edges=edges, n=n, mean=mean, rms=rms, half_width_68=0.8 * rms, of=of)


def group_statistics(names=("Jet_mass", "Jet_phi", ODD_NAME)):
    k = len(names)
    before = np.eye(k) + 0.5 * (1 - np.eye(k))
    after = before.copy()
    after[0, 1] = after[1, 0] = 0.53
    information = np.full((k, k), 1.25)
    lost = information.copy()
    lost[0, k - 1] = lost[k - 1, 0] = 1.0
    counts = np.arange(30).reshape(5, 6)
    changed = counts.copy()
    changed[2, 2] += 3
    density = Density(names[0], names[1], np.linspace(100, 250, 6), np.linspace(-3, 3, 7), counts, changed)
    return GroupStatistics(
        group="Jet",
        names=tuple(names),
        correlation_before=before,
        correlation_after=after,
        mutual_information_before=information,
        mutual_information_after=lost,
        sliced_wasserstein=0.0123,
        sliced_wasserstein_of_halves=0.0045,
        densities=(density,),
    )


def full_evaluation(evaluation=None):
    """The small evaluation, or another of those columns, with all statistics."""
    evaluation = evaluation or small_evaluation()
    columns = {column.name: column for column in evaluation.columns}
    columns["Jet_mass"] = replace(
        columns["Jet_mass"], bound="abs:5", largest_in_bounds=0.75, half_width_68=0.99, half_width_95=1.98
    )
    columns["Jet_phi"] = replace(columns["Jet_phi"], bound="rel:0.0125", largest_in_bounds=0.8, half_width_68=0.01)
    distances = Distances(
        kolmogorov_smirnov=0.00321,
        ks_p_value=0.999,
        wasserstein=0.25,
        wasserstein_in_widths=0.0071,
        chi2=11.5,
        n_dof=99,
    )
    statistics = {"Jet_mass": ColumnStatistics(distances, profile("Jet_mass"), profile("Jet_phi", low=-3, high=3))}
    paired = PairedErrors(0.012, 0.034, 21.0, 100, 2)
    peaks = [
        replace(
            shift,
            paired=paired,
            before=replace(shift.before, p_value=0.42),
            after=replace(shift.after, p_value=0.37),
        )
        for shift in evaluation.peaks
    ]
    return replace(
        evaluation,
        columns=tuple(columns.values()),
        peaks=tuple(peaks),
        n_sampled={"Jet": 4096},
        statistics=statistics,
        groups=(group_statistics(),),
        cuts=CUTS,
        guarantees=GUARANTEES,
    )
