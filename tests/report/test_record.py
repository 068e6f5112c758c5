"""What stands at the foot of a page to be signed."""

from dataclasses import replace

import numpy as np
import pytest

from baler_vae.errors import UsageError
from baler_vae.evaluation.inputs import InputFile
from baler_vae.evaluation.residuals import column_residuals
from baler_vae.report.record import _SAYS, Origin, date_of_source, record
from baler_vae.settings.evaluation import ToleranceSettings
from tests.pages import GUARANTEES


def columns(**bounds):
    one = np.zeros(1)
    return [replace(column_residuals(name, one, one), bound=bound) for name, bound in bounds.items()]


def test_bounds_have_three_digits_and_the_exact_ones_are_kept():
    found = record(Origin(), columns(a="bits:12,floor:0.00123456", b="bits:12,floor:0.00123499", c="exact", d=None))
    assert [(bound.text, bound.columns) for bound in found.bounds] == [
        ("bits:12,floor:0.00123", "a, b"),
        ("exact", "c"),
    ]
    assert found.exact_bounds == {"a": "bits:12,floor:0.00123456", "b": "bits:12,floor:0.00123499", "c": "exact"}


def test_short_bounds_need_no_second_list_unless_names_are_left_out():
    assert record(Origin(), columns(a="bits:10", b="exact")).exact_bounds == {}
    many = record(Origin(), columns(**{f"c{n}": "bits:10" for n in range(15)}))
    assert many.bounds[0].columns.endswith(", c11 and 3 more columns")
    assert len(many.exact_bounds) == 15


def test_guarantees_have_three_digits_and_exactly_what_these_leave_out():
    mass, cut, other = record(Origin(), [], GUARANTEES).guarantees
    assert (mass.text, mass.judged, mass.n_broken) == ("dijet_mass within rel:0.00123", "1,500 events", "0")
    assert mass.worst == "0.999"  # never rounded up to what is allowed
    assert (mass.exact_text, mass.exact_worst) == ("dijet_mass within rel:0.00123456", "0.9996")
    assert (cut.judged, cut.n_broken, cut.worst, cut.is_broken) == ("6,000 Jet", "3", "", True)
    assert (other.judged, other.n_broken, other.is_broken) == ("none", "", False)
    assert record(Origin(), [], GUARANTEES).exact_guarantees == (mass,)
    assert record(Origin(), [], GUARANTEES[1:]).exact_guarantees == ()


def test_every_tolerance_has_words():
    assert set(_SAYS) == set(ToleranceSettings.model_fields)
    found = record(Origin(tolerances=ToleranceSettings(largest={"x": 0.5}, spectrum_chi2=np.inf).judged()), [])
    assert found.tolerances["width of a peak, standard errors"] == "0.500"
    assert found.tolerances["largest residual"] == '{"x": 0.5}'
    assert not any("χ²" in name for name in found.tolerances)


def test_the_date_is_that_of_the_source(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert date_of_source() is None
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert date_of_source() == "2023-11-14"
    for wrong in ("yesterday", "1e9", "9" * 30):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
        with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH is not a date"):
            date_of_source()


def test_a_file_without_a_digest_is_one(page_of):
    words = page_of(Origin(files=(InputFile(role="original", name="<b>data"),)))
    assert "&lt;b&gt;data" in words
    assert "no digest: not a local file" in words
    assert '<span class="blank"></span>' in words.partition("<dt>Date</dt>")[2][:60]


@pytest.fixture
def page_of():
    from baler_vae.evaluation.evaluate import evaluate_tables
    from baler_vae.report.page import render_page
    from tests.pages import table

    empty = evaluate_tables((table(x=np.zeros(1)),), (table(x=np.zeros(1)),))
    return lambda origin: render_page(empty, title="t", subtitle="", origin=origin)
