"""What a fit tells before it begins."""

import numpy as np
import pytest

import baler_vae


class _BegunError(Exception):
    """Stands for a fit."""


def begin(*_, **__):
    raise _BegunError


@pytest.mark.parametrize(
    ("options", "many", "rows", "told"),
    [
        ({}, 2, 9, "3 columns: formulas and tables in context, networks without latents in events"),
        ({}, 2, 10, "3 columns: formulas and tables in context, no networks"),
        ({"effort": "best"}, 2, 9, "3 columns: formulas and tables in context, networks without latents in events"),
        ({"effort": "best"}, 2, 10, "3 columns: formulas and tables in context, no networks"),
        ({"effort": "fast"}, 2, 9, "3 columns: formulas and tables in context, no networks"),
        ({"kind": "autoregressive"}, 2, 9, None),
        ({}, 3, 9, None),
    ],
)
def test_of_many_columns_it_is_told_what_is_tried(options, many, rows, told, monkeypatch):
    monkeypatch.setattr("baler_vae.fitting.policy.MANY_COLUMNS", many)
    monkeypatch.setattr("baler_vae.verbs.fit.MANY_COLUMNS", many)
    monkeypatch.setattr("baler_vae.fitting.policy.LEAST_ROWS_IN_MANY_COLUMNS", rows)
    monkeypatch.setattr("baler_vae.fitting.policy.LEAST_ROWS_FOR_AUTO", rows)
    monkeypatch.setattr("baler_vae.verbs.fit.fit_group_model", begin)
    said = []
    with pytest.raises(_BegunError):
        baler_vae.fit({name: np.arange(9) for name in "abc"}, progress=lambda what, *_: said.append(what), **options)
    assert [what for what in said if "columns" in what] == ([told] if told else [])
