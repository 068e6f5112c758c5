"""Which formulas are taken, and what a user says of them."""

import numpy as np
import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.fitting.relations import Numeric, choose_relations, parents_of
from baler_vae.grid.grids import Step
from baler_vae.io.files import write_file
from baler_vae.kinematics.find import find_relations
from baler_vae.settings.project import read_project
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table

N_ROWS = 2_000


def momenta(seed=0):
    rng = np.random.default_rng(seed)
    px, py, pz = rng.normal(0, 20, (3, N_ROWS))
    e = np.sqrt(px**2 + py**2 + pz**2 + 0.1056583755**2)
    return {"px": px, "py": py, "pz": pz, "e": e}


def numeric(arrays, step=1e-3):
    grid = Step(step)
    codes = {name: grid.quantise(values) for name, values in arrays.items()}
    return {n: Numeric(grid.dequantise(c, arrays[n].dtype), c, grid) for n, c in codes.items()}


@pytest.fixture
def source(tmp_path):
    arrays = momenta()
    group = Group("events", tuple(Column(name, values.dtype) for name, values in arrays.items()))
    path = tmp_path / "momenta.parquet"
    write_file(path, Schema((group,), tuple(arrays), Origin("parquet")), [(Table(group, arrays),)])
    return path


def test_the_energy_follows_from_the_momentum():
    chosen = choose_relations(numeric(momenta()), {})
    assert list(chosen) == ["e"]
    assert chosen["e"].names == ("px", "py", "pz")
    assert parents_of(["px", "py", "pz", "e"], chosen)["e"] == {"px", "py", "pz"}


def test_no_columns_follow_from_each_other():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 50, (2, N_ROWS))
    chosen = choose_relations(numeric({"x_a": a, "x_b": b, "x_sum": a + b}), {})
    assert len(chosen) == 1


def test_columns_of_events_are_read_too():
    arrays = momenta()
    pz = arrays.pop("pz")
    events = {"pz": numeric({"pz": pz})["pz"].values}
    chosen = choose_relations(numeric(arrays), events)
    assert chosen["e"].names == ("px", "py", "pz")
    assert "e" not in choose_relations(numeric(arrays), events, sought=())
    declared = choose_relations(numeric(arrays), events, {"e": "norm(px, py, pz)"}, sought=())
    assert declared["e"].names == ("px", "py", "pz")


@pytest.mark.parametrize("name", ["e", "*"])
def test_none_forbids(name):
    assert not choose_relations(numeric(momenta()), {}, {name: "none"})


def test_a_declared_formula_is_taken():
    chosen = choose_relations(numeric(momenta()), {}, {"e": "norm(px, py, pz)"})
    assert chosen["e"].text == "norm(px, py, pz)"


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"e": "norm(px, py, pt)"}, "reads 'pt'"),
        ({"e": "e * 2"}, "depends on itself"),
        ({"e": "1 + 1"}, "reads no column"),
        ({"e": "norm(px"}, "fails at character"),
        ({"px": "e + py", "e": "px - py"}, "depends on itself"),
    ],
)
def test_formulas_that_cannot_be(declared, said):
    with pytest.raises(UsageError, match=said):
        choose_relations(numeric(momenta()), {}, declared)


def test_a_project_declares_formulas(tmp_path, source):
    path = tmp_path / "project.toml"
    path.write_text(
        f'name = "m"\ninput = "{source.name}"\n'
        '[[derived]]\ncolumn = "e"\nformula = "norm(px, py, pz, 0.1)"\n'
        '[[derived]]\ncolumn = "p*"\nformula = "none"\n'
    )
    settings = read_project(path).model.model_copy(update={"kind": "autoregressive", "epochs": 1})
    codec = baler_vae.fit(source, bound="abs:0.01", settings=settings)
    columns = codec.models["events"].columns
    assert columns["e"].formula.text == "norm(px, py, pz, 0.1)"
    assert columns["e"].predicted
    assert not any(columns[name].formula for name in ("px", "py", "pz"))


def test_a_column_that_is_not_there_cannot_have_a_formula(source):
    with pytest.raises(UsageError, match="no column matches"):
        baler_vae.fit(source, kind="autoregressive", formulas={"energy": "none"})


def test_info_tells_formulas_and_what_they_save(tmp_path, source):
    info = baler_vae.compress(source, tmp_path / "a.bvae", bound="abs:0.001", kind="autoregressive", epochs=1)
    (column,) = (column for column in info.columns if column.name == "e")
    assert column.formula.startswith("norm(px, py, pz")
    (group,) = info.groups
    assert group.formulas_saved_bytes["e"] > 2_000
    assert set(group.candidate_bytes) == {"independent", "autoregressive"}
    assert not baler_vae.verify(tmp_path / "a.bvae", against=source).broken


def test_formulas_of_the_same_rows_are_looked_for_once(monkeypatch, source):
    looked_for = []
    monkeypatch.setattr(
        "baler_vae.fitting.relations.find_relations",
        lambda arrays, targets: looked_for.append(len(next(iter(arrays.values())))) or find_relations(arrays, targets),
    )
    monkeypatch.setattr("baler_vae.fitting.policy.TRIAL_ROWS", 300)
    fit = baler_vae.fit(source, effort="best", epochs=1).fits["events"]
    assert fit["candidate_bytes"].keys() > {"autoregressive", "formulas"}
    assert len(looked_for) == 2  # in the rows of trials, and in all
