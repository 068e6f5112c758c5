"""Archives side by side."""

import json

import numpy as np
import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.evaluation.comparison import Comparison
from baler_vae.io.files import open_source
from baler_vae.report.comparison import guarantees_table
from baler_vae.settings.evaluation import EvaluationSettings, PeakSettings, QuantitySettings
from baler_vae.study.compare import compare_archives, compare_ways, widths_of
from tests.tables import flat_batch, jagged_batch

PEAK = EvaluationSettings(peaks=(PeakSettings(column="m", window=(80.0, 102.0), bins=40),))


@pytest.fixture
def masses(write):
    rng = np.random.default_rng(1)
    m = np.concatenate([rng.normal(91, 2, 2_000), rng.uniform(70, 110, 2_000)]).astype(np.float32)
    return write(*flat_batch({"m": m, "x": rng.normal(0, 3, len(m)), "n": np.arange(len(m))}))


def test_numbers_are_those_of_info_and_evaluate(masses, tmp_path):
    folder = tmp_path / "archives"
    folder.mkdir()
    infos = [
        baler_vae.compress(masses, folder / f"{bits}.bvae", bound=f"bits:{bits}", kind="independent") for bits in (6, 9)
    ]
    found = list(compare_archives([folder], masses, settings=PEAK))
    assert [own.name for own in found] == ["6.bvae", "9.bvae"]
    for own, info in zip(found, infos, strict=True):
        evaluation = baler_vae.evaluate(masses, info.path, settings=PEAK)
        assert (own.archive_bytes, own.original_bytes) == (info.archive_bytes, info.original_bytes)
        assert own.ratio == info.ratio
        assert own.model_kind == info.model_kind
        assert own.bits_per_row == 8 * info.archive_bytes / 4_000
        assert own.bits_per_value == pytest.approx(own.bits_per_row / 3)
        for column, entry, judged in zip(own.columns, info.columns, evaluation.columns, strict=True):
            assert (column.name, column.bound, column.n_bytes) == (entry.name, entry.bound, entry.bytes)
            assert (column.largest, column.rms, column.n_different) == (
                judged.largest,
                judged.rms,
                judged.n_different,
            )
        (peak,), (shift,) = own.peaks, evaluation.peaks
        assert peak.position_percent == shift.mean_change_percent
        assert peak.width_in_errors == shift.width_shift_in_errors
    assert found[0].rms_in_widths > 4 * found[1].rms_in_widths
    assert found[0].largest_in_widths > 4 * found[1].largest_in_widths


def test_ways_are_compared_through_real_archives(masses):
    told = []
    found = list(
        compare_ways(
            masses,
            bounds=["bits:8", "m=abs:0.01; x=exact"],
            columns=["m", "x"],
            settings=PEAK,
            progress=lambda what, *_: told.append(what),
        )
    )
    assert [(own.model, own.bound) for own in found] == [
        ("independent", "bits:8"),
        ("independent", "m=abs:0.01; x=exact"),
    ]
    assert [column.bound for column in found[1].columns] == ["abs:0.01", "exact"]
    assert found[1].columns[0].largest <= 0.01
    assert found[1].columns[1].largest == 0
    assert found[0].n_values == 2 * found[0].n_rows == 8_000
    assert any(what.startswith("1/2 settings: independent, bits:8, 1/3 fitting, ") for what in told)
    document = Comparison(against="masses", archives=tuple(found)).to_dict()
    assert json.loads(json.dumps(document))["archives"][0]["bits_per_value"] == found[0].bits_per_value


def test_ways_keep_guarantees_and_tell_what_they_take(masses):
    settings = EvaluationSettings(quantities=(QuantitySettings(name="double", formula="m + m"),))
    asked = ["double=rel:1e-4", {"cut": "x > 0.5"}]
    comparison = baler_vae.compare(masses, bounds=["bits:8", "bits:12"], guarantees=asked, settings=settings)
    texts = ["double within rel:0.0001", "x > 0.5"]
    for own in comparison.archives:
        assert [(one.text, one.n, one.n_broken) for one in own.guarantees] == [(text, 4_000, 0) for text in texts]
        assert own.guarantees[0].worst <= 1
        assert own.guarantees[1].worst is None
        assert own.guarantees_bytes >= sum(one.moves_bytes for one in own.guarantees)
    assert comparison.archives[0].guarantees[0].moves_bytes > comparison.archives[1].guarantees[0].moves_bytes > 0
    lines = [line.plain for line in guarantees_table(comparison).lines(120)]
    assert [line for line in lines if "independent" not in line][-3:] == [*texts, "all, with tables and patched values"]
    assert f"{comparison.archives[1].guarantees_bytes:,}" in lines[-1]
    assert guarantees_table(Comparison(against="a", archives=())) is None
    assert comparison.to_dict()["archives"][0]["guarantees"][1]["text"] == "x > 0.5"


def test_widths_are_those_of_all_rows(write):
    schema, batch = jagged_batch(500)
    array = batch[1].arrays["Jet_eta"]
    array[3] = np.nan
    path = write(schema, batch)
    widths = widths_of(open_source(path))
    assert widths["Jet_eta"] == pytest.approx(np.nanstd(array))
    assert widths["met"] == pytest.approx(np.std(batch[0]["met"].astype(np.float64)))


def test_what_cannot_be_compared(masses, tmp_path):
    with pytest.raises(UsageError, match=r"holds no \.bvae files"):
        list(compare_archives([_empty(tmp_path)], masses))
    with pytest.raises(UsageError, match="kind"):
        list(compare_ways(masses, bounds=["bits:8"], models=["zip"]))
    with pytest.raises(UsageError, match="is not a bound"):
        list(compare_ways(masses, bounds=["bits"]))


def _empty(folder):
    (folder / "empty").mkdir()
    return folder / "empty"
