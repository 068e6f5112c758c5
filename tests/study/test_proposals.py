"""What guarantees might cost, and when they are proposed."""

import numpy as np

from baler_vae.settings.evaluation import CutSettings, EvaluationSettings, PeakSettings, QuantitySettings
from baler_vae.study.advise import advise
from baler_vae.table.bounds import bound_of_text
from tests.tables import flat_batch


def test_a_narrow_peak_of_two_wide_columns_is_better_guaranteed(write):
    """The difference of two columns needs bits that neither of them does."""
    rng = np.random.default_rng(3)
    one = rng.uniform(1_000, 2_000, 3_000)
    path = write(*flat_batch({"one": one, "two": one - rng.normal(3, 0.1, 3_000)}))
    settings = EvaluationSettings(
        quantities=(QuantitySettings(name="gap", formula="one - two"),),
        peaks=(PeakSettings(column="gap", window=(2.0, 4.0), bins=40),),
        cuts=(CutSettings(cut="one > 1500"),),
    )
    found = advise(path, settings=settings, fitted=False)
    (proposal,) = found.proposals
    (quantity, cut) = proposal.guarantees
    assert quantity["quantity"] == "gap"
    assert bound_of_text(quantity["bound"]).kind == "rel"
    assert cut == {"cut": "one > 1500"}
    advised, coarser = (
        [bound_of_text(text.partition("=")[2]) for text in bounds] for bounds in (found.bounds, proposal.bounds)
    )
    assert all(new.relative > 8 * old.relative for old, new in zip(advised, coarser, strict=True))
    assert proposal.n_bytes < 0.99 * proposal.plain_bytes
    assert found.notes[-1] == proposal.text
    assert found.to_dict()["proposals"][0]["text"] == proposal.text
    plain = EvaluationSettings(cuts=(CutSettings(cut="one > 0"),))
    assert advise(path, settings=plain, fitted=False).proposals == ()
