"""Which columns have their cells centred, and that they are then coded as differences from their formula."""

import numpy as np
import pytest

import baler_vae
from baler_vae.fitting import formulas
from baler_vae.grid.grids import is_centred


def momenta(n_rows, spread):
    """Momenta and an energy that follows from them but for a relative spread, float64 (rows,) each."""
    rng = np.random.default_rng(1)
    px, py, pz = rng.normal(0, 10, (3, n_rows))
    return {"px": px, "py": py, "pz": pz, "e": np.sqrt(px**2 + py**2 + pz**2) * (1 + spread * rng.normal(size=n_rows))}


@pytest.mark.parametrize("spread", [0.15, 0.5, 0.6])
def test_what_is_centred_is_predicted_even_where_that_hardly_saves_anything(spread):
    """Its differences save enough without their table, and not enough with it."""
    data = momenta(150, spread)
    options = {"kind": "autoregressive", "epochs": 1, "keep_network": True, "hidden": (8, 4)}
    formulas = {"e": "sqrt(px**2 + py**2 + pz**2)"}
    codec = baler_vae.fit(data, bound="rel:0.02", formulas=formulas, **options)
    column = codec.models["events"].columns["e"]
    assert column.predicted or not is_centred(column.grid)
    archive = baler_vae.dumps(data, codec=codec)
    assert baler_vae.verify(archive, against=data).broken == ()


@pytest.mark.parametrize("n_rows", [200, 400])
def test_contexts_look_at_codes_of_the_grid_that_a_column_has_in_the_end(monkeypatch, n_rows):
    """Where a context takes more than it saves, cells are not centred after all."""
    shown, show = {}, formulas._Columns.show

    def spy(search, number, column):
        shown[number] = column.grid
        show(search, number, column)

    monkeypatch.setattr(formulas._Columns, "show", spy)
    codec = baler_vae.fit(momenta(n_rows, 0.05), bound="rel:0.02", kind="formulas")
    columns = list(codec.models["events"].columns.values())
    assert shown == {number: columns[number].grid for number in range(4)}
