"""Advice on tables whose needs are known."""

import math

import numpy as np
import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.settings.evaluation import CutSettings, EvaluationSettings, PeakSettings, QuantitySettings
from baler_vae.study.advise import advise
from baler_vae.table.bounds import bound_of_text
from tests.tables import flat_batch


def advised(path, **options):
    found = advise(path, **{"fitted": False, **options})
    return found, {column.name: column for column in found.columns}


def allowed(column, typical):
    """By how much a typical value may change."""
    bound = bound_of_text(column.bound)
    return max(bound.relative * abs(typical), bound.absolute)


def gaussian(n, seed=1):
    return np.random.default_rng(seed).normal(0, 1, n).astype(np.float32)


@pytest.mark.parametrize("n", [4_000, 64_000])
def test_a_gaussian_gets_the_bits_that_it_needs(write, n):
    """Differences within e of unit width move the mean by about e / sqrt(3) errors, the width by sqrt(2) of that; with
    the realised sums in quadrature, by sqrt(2) more. Then the bias e^2 / 6 of the width, which has the error
    sqrt(1 / 2n), decides.
    """
    found, columns = advised(write(*flat_batch({"x": gaussian(n)})), part=0.02)
    most = 0.02 * math.sqrt(3) / math.sqrt(2)
    assert most / 4 < allowed(columns["x"], 1.0) < 1.5 * most
    assert found.joint[0].in_errors <= 0.02
    assert columns["x"].limit.in_errors > 0.02


def test_more_rows_need_more_bits(write):
    """A sample stands for a larger file: its bias counts for more."""
    path = write(*flat_batch({"x": gaussian(60_000)}))
    whole, of_whole = advised(path)
    few, of_few = advised(path, sample_rows=4_000)
    assert whole.n_sampled == {"events": 60_000}
    assert 4_000 <= few.n_sampled["events"] < 10_000
    assert few.n_rows == {"events": 60_000}
    assert allowed(of_few["x"], 1.0) < allowed(of_whole["x"], 1.0)


def test_a_smaller_part_needs_more_bits(write):
    path = write(*flat_batch({"x": gaussian(5_000)}))
    sizes = [advised(path, part=part)[1]["x"].n_bytes for part in (0.1, 0.01, 0.001)]
    assert sizes == sorted(sizes)
    assert sizes[2] / sizes[0] > 1.5


def test_what_is_decimal_or_truncated_is_noticed(write):
    rng = np.random.default_rng(4)
    truncated = rng.exponential(20, 4_000).astype(np.float32).view(np.uint32) & np.uint32(0xFFFFE000)
    arrays = {
        "decimal": np.round(rng.uniform(0, 10, 4_000), 2).astype(np.float32),
        "truncated": truncated.view(np.float32),
        "sixths": (rng.integers(0, 600, 4_000) / 16).astype(np.float64),
        "whole": rng.normal(0, 1, 4_000).astype(np.float32),
    }
    _, columns = advised(write(*flat_batch(arrays)), part=0.001)
    assert columns["decimal"].written_as == "decimals: 2 digits"
    assert columns["truncated"].written_as == "bit patterns without the lowest 13 bits"
    assert columns["sixths"].written_as == "steps of 0.0625"
    assert columns["whole"].written_as is None
    assert [columns[name].bound for name in ("decimal", "truncated", "sixths")] == ["exact"] * 3
    assert columns["decimal"].note == "written as decimals: 2 digits: exact for free"
    assert columns["whole"].bound != "exact"


def test_angles_get_an_absolute_bound_and_constants_nothing(write):
    rng = np.random.default_rng(5)
    arrays = {
        "phi": rng.uniform(-math.pi, math.pi, 5_000).astype(np.float32),
        "zero": np.zeros(5_000, np.float32),
        "one": np.ones(5_000),
    }
    _, columns = advised(write(*flat_batch(arrays)))
    assert columns["phi"].bound.startswith("abs:")
    assert {candidate.bound.partition(":")[0] for candidate in columns["phi"].candidates} == {"abs", "bits"}
    assert columns["zero"].bound == columns["one"].bound == "exact"
    assert columns["zero"].n_bytes < 200


def test_missing_values_do_not_matter(write):
    values = gaussian(5_000)
    holes = values.copy()
    holes[::7] = np.nan
    holes[3] = np.inf
    _, columns = advised(write(*flat_batch({"x": values, "holes": holes})))
    assert allowed(columns["holes"], 1.0) == pytest.approx(allowed(columns["x"], 1.0), rel=1)


@pytest.fixture
def events():
    """Two columns that nothing looks at but a cut and the peak of what follows from both."""
    rng = np.random.default_rng(6)
    mass = np.concatenate([rng.normal(91, 2.5, 6_000), rng.uniform(60, 120, 6_000)])
    one = rng.uniform(20, 60, len(mass))
    arrays = {"one": one.astype(np.float32), "two": (mass - one).astype(np.float32), "n": np.arange(len(mass)) % 7}
    return flat_batch(arrays)


DECLARED = EvaluationSettings(
    quantities=(QuantitySettings(name="mass", formula="one + two"),),
    peaks=(PeakSettings(column="mass", window=(75.0, 107.0), bins=64),),
    cuts=(CutSettings(cut="one > 30"),),
)


def test_declared_physics_needs_more_bits(write, events):
    path = write(*events)
    _, bare = advised(path)
    found, columns = advised(path, settings=DECLARED)
    for name in ("one", "two"):
        assert allowed(columns[name], 30.0) < allowed(bare[name], 30.0)
        assert "peak" in columns[name].limit.what or columns[name].limit.what == "cut"
    assert found.joint[0].in_errors <= 0.01
    assert {effect.name for candidate in columns["one"].candidates for effect in candidate.effects} == {
        "one",
        "mass",
        "one > 30",
    }


def test_advised_bounds_pass_when_used(write, events, tmp_path):
    path = write(*events)
    found, columns = advised(path, settings=DECLARED, fitted=True, model="independent", bound=["n=exact"])
    assert found.bounds[0] == "n=exact"
    info = baler_vae.compress(path, tmp_path / "a.bvae", bound=found.bounds, kind="independent")
    assert {column.name: column.bound for column in info.columns} == {
        "n": "exact",
        **{name: column.bound for name, column in columns.items()},
    }
    evaluation = baler_vae.evaluate(path, tmp_path / "a.bvae", settings=DECLARED)
    (shift,) = evaluation.peaks
    assert abs(shift.mean_shift_in_errors) < 0.012
    assert abs(shift.width_shift_in_errors) < 0.012
    assert shift.mass_difference_percent < 1
    (cut,) = evaluation.cuts
    assert cut.n_in + cut.n_out <= 1e-4 * cut.n_before
    assert info.archive_bytes == pytest.approx(found.independent_bytes, rel=0.1, abs=5_000)
    assert found.fitted_bytes == pytest.approx(info.archive_bytes, rel=0.2, abs=5_000)
    assert found.original_bytes == info.original_bytes


def muons(n=1_000):
    """Momenta that are ten times as large along the beam, the energy, and a number that belongs to nothing."""
    rng = np.random.default_rng(8)
    p = rng.normal(0, 10, (3, n)) * [[1], [1], [10]]
    arrays = dict(zip(("px", "py", "pz"), p, strict=True)) | {"e": np.sqrt((p**2).sum(axis=0)), "chi2": p[0] ** 2}
    return flat_batch({name: values.astype(np.float32) for name, values in arrays.items()})


TRANSVERSE = EvaluationSettings(
    quantities=(QuantitySettings(name="pt", formula="hypot(px, py)"),), cuts=(CutSettings(cut="pt > 20"),)
)


def test_one_vector_has_one_bound_unless_asked_otherwise(write):
    path = write(*muons())
    together, shared = advised(path)
    apart, separate = advised(path, share=False)
    vector = {"px", "py", "pz"}
    assert together.families == (("px", "py", "pz"),)
    assert len({shared[name].bound for name in vector}) == 1
    assert shared["py"].shares_with == ("px", "pz")
    assert apart.families == apart.unused == together.unused == ()
    assert len({separate[name].bound for name in vector}) > 1
    tried = {candidate.bound: candidate for candidate in shared["px"].candidates}
    chosen = tried[shared["px"].bound]
    assert {effect.name for effect in chosen.effects} == vector
    assert shared["px"].worst == shared["pz"].worst == chosen.worst <= 0.01
    assert shared["e"].bound == separate["e"].bound
    assert [column.name for column in together.columns] == ["px", "py", "pz", "e", "chi2"]


def test_one_quantity_of_all_objects_has_one_bound(write):
    rng = np.random.default_rng(9)
    names = ("pt1", "phi1", "pt2", "phi2", "e1")
    arrays = {name: rng.uniform(-3, 3, 500) if "phi" in name else rng.exponential(20, 500) for name in names}
    arrays |= {"eta1": rng.normal(0, 1, 500), "eta2": np.zeros(500), "e2": arrays["e1"].astype(np.float32)}
    found, columns = advised(write(*flat_batch(arrays)))
    assert found.families == (("pt1", "pt2"), ("phi1", "phi2"))
    assert columns["phi1"].bound == columns["phi2"].bound
    assert {candidate.bound.partition(":")[0] for candidate in columns["phi2"].candidates} == {"abs", "bits"}
    assert columns["eta2"].bound == "exact"


def test_what_nothing_uses_keeps_the_default_bound(write, tmp_path):
    """Of a vector of which something is used, the rest shares the bound."""
    path = write(*muons())
    found, columns = advised(path, settings=TRANSVERSE)
    assert found.unused == ("e", "chi2")
    assert [columns[name].used for name in columns] == [True, True, True, False, False]
    assert columns["px"].bound == columns["pz"].bound
    assert {effect.name for effect in found.joint} <= {"px", "py", "pz", "pt", "pt > 20"}
    info = baler_vae.compress(path, tmp_path / "a.bvae", kind="independent")
    default = {column.name: bound_of_text(column.bound) for column in info.columns}
    for name in found.unused:
        kept = bound_of_text(columns[name].bound)
        assert (kept.kind, kept.size) == ("bits", 12)
        assert 0.9 * default[name].floor < kept.floor <= default[name].floor
        (candidate,) = columns[name].candidates
        assert {effect.name for effect in candidate.effects} == {name}
        assert columns[name].n_bytes == candidate.n_bytes > 0
    _, apart = advised(path, settings=TRANSVERSE, share=False)
    assert not apart["pz"].used


def test_table_and_notes_say_what_is_shared_and_unused(write):
    advice_lines = pytest.importorskip("baler_vae.report.advice").advice_lines
    found, _ = advised(write(*muons()), settings=TRANSVERSE)
    notes = (
        "one bound for px, py, pz, rounded together",
        "used by nothing that is declared, kept at the default bound: e, chi2",
    )
    assert found.notes == notes
    assert tuple(advice_lines(found)[-2:]) == notes
    assert all(note in found._repr_html_() for note in notes)
    document = found.to_dict()
    assert (document["families"], document["unused"]) == ([["px", "py", "pz"]], ["e", "chi2"])
    table = found.to_pandas().set_index("name")
    assert table["shares_with"].to_dict()["px"] == "py, pz"
    assert table["used"].to_dict() == {"px": True, "py": True, "pz": True, "e": False, "chi2": False}


def test_a_peak_that_cannot_be_fitted_is_told(write):
    settings = EvaluationSettings(peaks=(PeakSettings(column="x", window=(50.0, 60.0)),))
    found, _ = advised(write(*flat_batch({"x": gaussian(1_000)})), settings=settings)
    assert found.skipped == ("peak of x: no row lies in the window",)


def test_what_cannot_be_advised_on(write):
    path = write(*flat_batch({"n": np.arange(20)}))
    with pytest.raises(UsageError, match="no float columns"):
        advise(path)
    with pytest.raises(UsageError, match="a part of 2"):
        advise(path, part=2.0)
    with pytest.raises(UsageError, match="not a numeric column"):
        advised(
            write(*flat_batch({"x": gaussian(50)}), "other.root"),
            settings=EvaluationSettings(peaks=(PeakSettings(column="y", window=(0.0, 1.0)),)),
        )


def test_the_same_file_gets_the_same_advice(write):
    path = write(*flat_batch({"x": gaussian(30_000), "y": gaussian(30_000, 2) ** 2}))
    one, two = (advised(path, sample_rows=5_000)[0].to_dict() for _ in range(2))
    assert one == two
