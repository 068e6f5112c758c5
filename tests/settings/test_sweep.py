"""The table `[sweep]` of a project."""

import tomllib

import pytest

from baler_vae.errors import UsageError
from baler_vae.settings.checking import check_settings
from baler_vae.settings.project import Project
from baler_vae.settings.sweep import RangeSettings


def sweep_of(text):
    return check_settings(Project, {"name": "a", "input": "a.npz", **tomllib.loads(text)}).sweep


def test_names_may_be_dotted_or_tables_in_tables():
    dotted = sweep_of('[sweep.settings]\n"objective.kl.beta" = [1e-3, 1]\nlatent = 2\n')
    nested = sweep_of("[sweep.settings]\nlatent = 2\n[sweep.settings.objective.kl]\nbeta = [1e-3, 1]\n")
    assert dotted is not None
    assert nested is not None
    assert dotted.settings == nested.settings == {"objective.kl.beta": (1e-3, 1), "latent": (2,)}


def test_ranges_keep_their_kind():
    found = sweep_of("[sweep.settings]\nlatent = {low = 1, high = 9}\nbeta = {low = 1e-5, high = 1, log = true}\n")
    assert found is not None
    assert found.settings == {"latent": RangeSettings(low=1, high=9), "beta": RangeSettings(low=1e-5, high=1, log=True)}
    assert [found.settings[name].is_whole for name in ("latent", "beta")] == [True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[sweep]\nmetod = "grid"', "Did you mean 'sweep.method'?"),
        ('[sweep]\nminimise = "validation_eror"', "Did you mean 'validation_error'?"),
        ("[sweep]\nseeds = [1, 1]", "seeds should differ"),
        ("[sweep]\nseeds = []", "at least 1 item"),
        ('[sweep]\naxes = ["rate", "rate"]', "different measures"),
        ("[sweep.settings]\nseed = [1]", "`seeds`"),
        ("[sweep.settings]\nlatent = []", "latent should have at least one value"),
        ("[sweep.settings]\nlatent = {low = 3, high = 1}", "low should be less than high"),
        ("[sweep.settings]\nbeta = {low = 0, high = 1, log = true}", "low should be positive"),
        ("[sweep.settings]\nlatent = {low = 1, high = 3, steps = 2}", "steps"),
        ('[[sweep.variants]]\nname = "f"\n[[sweep.variants]]\nname = "f"', "different names"),
        ('[[sweep.variants]]\nname = "f"\nsettings.latent = [1]\n[sweep.settings]\nlatent = [2]', "latent is varied"),
    ],
)
def test_what_makes_no_sense_is_refused(text, said):
    with pytest.raises(UsageError) as caught:
        sweep_of(text)
    assert said in str(caught.value)


def test_what_decides_is_measured():
    found = sweep_of('[sweep]\nmeasures = ["bytes"]\nminimise = "rate"')
    assert found is not None
    assert found.measured(has_peak=True) == ("rate", "bytes")
    drawn = sweep_of('[sweep]\nmeasures = ["bytes"]\naxes = ["sample_auc", "distortion"]')
    assert drawn is not None
    assert drawn.measured(has_peak=False) == ("validation_error", "distortion", "bytes", "sample_auc")
    cheap = sweep_of("[sweep]")
    assert cheap is not None
    assert "peak" not in cheap.measured(has_peak=False)
    assert "peak" in cheap.measured(has_peak=True)
    assert "sample_auc" not in cheap.measured(has_peak=True)
