"""Guarantees from where they are asked for to where they are proved, told and judged."""

import io
import re
from html import escape

import numpy as np
import pytest
import uproot

import baler_vae
from baler_vae.cli.project import show_evaluation
from baler_vae.cli.requests import fit_request
from baler_vae.errors import BoundBroken, UsageError
from baler_vae.guarantees.definitions import Guarantees
from baler_vae.report.record import signed_guarantee
from baler_vae.settings.project import Project
from baler_vae.verbs.proving import check_guarantees
from tests.tables import short_row_groups

N = 3_000
CUT = "hypot(px, py) > 20"
MASS = "hypot(px, py)=rel:1e-5"
ASKED = {"bound": "bits:8", "kind": "independent"}


def momenta(seed=0):
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(0, 20, N).astype(np.float32) for name in ("px", "py")}
    return {**columns, "charge": rng.integers(0, 2, N), "name": np.array(["a", "b"] * (N // 2), object)}


@pytest.fixture(scope="module")
def blob():
    with short_row_groups(1_000):
        return baler_vae.dumps(momenta(), guarantees=[CUT, MASS], **ASKED)


def test_what_is_guaranteed_is_proved_again_from_the_archive(blob):
    done = baler_vae.verify(blob, against=momenta())
    assert (done.broken, done.broken_guarantees) == ((), ())
    cut, mass = done.guarantees
    assert (cut.text, cut.n_values, cut.worst) == (CUT, N, 0.0)
    assert mass.text.startswith("hypot(px, py) within rel:1e-05")
    assert 0.5 < mass.worst <= 1
    before, after = momenta(), baler_vae.loads(blob)
    lengths = [np.hypot(*(own[name].astype(float) for name in ("px", "py"))) for own in (before, after)]
    assert (np.abs(lengths[1] - lengths[0]) <= 1e-5 * lengths[0]).all()
    assert ((lengths[0] > 20) == (lengths[1] > 20)).all()
    assert list(done.to_pandas()["name"])[-2:] == [cut.text, mass.text]
    assert "all bounds and guarantees kept" in done._repr_html_()


def test_another_value_breaks_a_guarantee_that_its_bound_allows(blob):
    data = momenta()
    data["px"] = (data["px"] * np.float32(1 + 2e-4)).astype(np.float32)
    done = baler_vae.verify(blob, against=data)
    mass = done.guarantees[1]
    assert mass.n_broken > N / 2
    assert mass.worst > 1
    assert "guarantees broken" in repr(done)
    with pytest.raises(BoundBroken, match=r"break the guarantee 'hypot\(px, py\) within rel:1e-05'"):
        check_guarantees(done.guarantees, "a.bvae")


def test_parts_of_an_archive_are_as_in_the_whole(blob, tmp_path):
    whole = baler_vae.loads(blob)
    (tmp_path / "a.bvae").write_bytes(blob)
    with baler_vae.open(tmp_path / "a.bvae") as opened:
        for name in ("px", "py"):
            alone = opened.arrays(name, library="np")[name]
            some = opened.arrays(name, entry_start=900, entry_stop=1_100, library="np")[name]
            assert np.array_equal(alone, whole[name])
            assert np.array_equal(some, whole[name][900:1_100])


def test_file_objects_hold_and_give_what_is_guaranteed(blob):
    file, restored = io.BytesIO(), io.BytesIO()
    with short_row_groups(1_000):
        baler_vae.compress(momenta(), file, guarantees=[CUT, MASS], **ASKED)
    assert file.getvalue() == blob
    assert baler_vae.verify(io.BytesIO(blob), against=momenta()).broken_guarantees == ()
    baler_vae.decompress(io.BytesIO(blob), restored, to="npz")
    with np.load(io.BytesIO(restored.getvalue())) as found:
        lengths = [np.hypot(*(own[name].astype(float) for name in ("px", "py"))) for own in (momenta(), found)]
    assert ((lengths[0] > 20) == (lengths[1] > 20)).all()
    assert (np.abs(lengths[1] - lengths[0]) <= 1e-5 * lengths[0]).all()


def test_quantities_are_declared_in_python():
    quantities = [{"name": "q", "formula": "px + 2 * py"}, {"name": "length", "formula": "hypot(px, q)"}]
    asked = {"quantities": quantities, "guarantees": [{"quantity": "length", "bound": "rel:1e-4"}, "q > 5"], **ASKED}
    blob = baler_vae.dumps(momenta(), **asked)
    assert [one.text for one in baler_vae.verify(blob).guarantees] == []
    done = baler_vae.verify(blob, against=momenta())
    assert [(one.text, one.n_broken) for one in done.guarantees] == [("length within rel:0.0001", 0), ("q > 5", 0)]
    before, after = ({n: own[n].astype(float) for n in ("px", "py")} for own in (momenta(), baler_vae.loads(blob)))
    sums = [own["px"] + 2 * own["py"] for own in (before, after)]
    assert ((sums[0] > 5) == (sums[1] > 5)).all()
    lengths = [np.hypot(own["px"], values) for own, values in zip((before, after), sums, strict=True)]
    assert (np.abs(lengths[1] - lengths[0]) <= 1e-4 * lengths[0]).all()
    with pytest.raises(UsageError, match="neither the name of a declared quantity nor a formula"):
        baler_vae.dumps(momenta(), **{**asked, "guarantees": [{"quantity": "no such", "bound": "rel:1e-4"}]})


def test_one_codec_for_blocks_and_files_that_are_merged(tmp_path):
    codec = baler_vae.fit(momenta(), guarantees=[CUT, MASS], **ASKED)
    for seed in (1, 2):
        data = momenta(seed)
        decoded = codec.decode(codec.encode(data))
        baler_vae.compress(data, tmp_path / f"{seed}.bvae", codec=codec)
        with baler_vae.open(tmp_path / f"{seed}.bvae") as opened:
            assert np.array_equal(opened.arrays("px", library="np")["px"], decoded["px"])
    told = codec.report()
    assert (
        told.guarantees == tuple(one.text for one in codec.guarantees.promised) == tuple(told.to_dict()["guarantees"])
    )
    assert f"guaranteed: {CUT.replace('>', '&gt;')}" in told._repr_html_()
    info = baler_vae.merge([tmp_path / "1.bvae", tmp_path / "2.bvae"], tmp_path / "all.bvae")
    assert [one.text for one in info.guarantees] == [one.text for one in codec.guarantees.promised]
    done = baler_vae.verify(tmp_path / "all.bvae", against=[momenta(1), momenta(2)])
    assert [check.n_values for check in done.guarantees] == [2 * N, 2 * N]
    assert done.broken_guarantees == ()
    baler_vae.compress(momenta(), tmp_path / "other.bvae", guarantees=[CUT], **ASKED)
    with pytest.raises(UsageError, match="different codec"):
        baler_vae.merge([tmp_path / "1.bvae", tmp_path / "other.bvae"], tmp_path / "b.bvae")
    with pytest.raises(UsageError, match="'py'"):
        baler_vae.compress({name: momenta()[name] for name in ("px", "charge", "name")}, codec=codec)
    with pytest.raises(UsageError, match="a codec has its own columns, bounds, guarantees"):
        baler_vae.compress(momenta(), codec=codec, guarantees=[CUT])


def test_an_evaluation_judges_what_its_archive_guarantees(blob):
    cut, mass = baler_vae.evaluate(momenta(), blob).guarantees
    assert (cut.n, cut.n_broken, cut.worst) == (N, 0, None)
    assert (mass.n, mass.n_broken) == (N, 0)
    assert 0.5 < mass.worst <= 1
    assert (cut.cut, cut.quantity, cut.group) == (CUT, None, "events")
    frame = baler_vae.evaluate(momenta(), blob).to_pandas("guarantees")
    assert list(frame["text"]) == [cut.text, mass.text]
    assert frame.loc[1, ["n", "worst"]].tolist() == [N, mass.worst]
    assert (mass.quantity, mass.bound, mass.definitions) == ("hypot(px, py)", "rel:1e-05", ())


def test_page_terminal_and_json_tell_the_same_of_guarantees(blob, tmp_path, capsys):
    evaluation = baler_vae.evaluate(momenta(), blob)
    evaluation.write_page(tmp_path / "page.html", date="2026-01-01")
    page = (tmp_path / "page.html").read_text("utf-8").partition('<section id="record">')[2]
    show_evaluation(evaluation)
    terminal = capsys.readouterr().out
    told = evaluation.to_dict()
    for result, stored in zip(evaluation.guarantees, told["guarantees"], strict=True):
        one = signed_guarantee(result)
        assert (stored["text"], stored["n"], stored["n_broken"]) == (result.text, N, 0)
        line = re.search(rf"<tr><th scope=\"row\" class=\"wrap\">{re.escape(escape(one.text))}</th>.*</tr>", page)[0]
        assert re.findall("<td>(.*?)</td>", line) == [one.judged, one.n_broken, one.worst]
        assert re.search(rf"{re.escape(one.text)} +{one.judged} +{one.n_broken} *{one.worst}", terminal)
    mass = told["guarantees"][1]
    assert f"<td>{mass['worst']!r}</td>" in page
    assert told["sizes"]["guarantees"].keys() == {
        CUT,
        mass["text"],
        "tables of moves, of all",
        "patched values, of all",
    }


def test_what_is_not_compared_is_not_judged(blob):
    some = {name: values for name, values in baler_vae.loads(blob).items() if name != "py"}
    found = baler_vae.evaluate(momenta(), some, archive=blob, columns=["px", "charge", "name"])
    assert [(one.is_judged, one.n, one.worst) for one in found.guarantees] == [(False, 0, None)] * 2
    assert "columns that were not compared" in " ".join(
        found.verdict().judgement.sentences + found.verdict().findings[-2].sentences
    )


def test_the_bytes_of_each_guarantee_and_of_what_they_share(blob):
    with baler_vae.open(blob) as opened:
        info, settings = opened.info(), opened.settings()
    cut, mass = info.guarantees
    assert cut.moves_bytes == 0 < mass.moves_bytes
    assert info.shared_bytes["tables"] == info.bytes.guarantees - mass.moves_bytes - info.shared_bytes["patches"] > 0
    assert sum(vars(info.bytes).values()) == info.archive_bytes
    again = baler_vae.fit(
        momenta(), **{name: settings[name] for name in ("bound", "guarantees", "quantities")}, kind="independent"
    )
    assert [one.text for one in again.guarantees.promised] == [cut.text, mass.text]


def test_a_guarantee_tells_what_its_quantities_are():
    declared = [{"name": "length", "formula": "hypot(px, py)"}, {"name": "m", "kind": "mass", "objects": ["*1", "*2"]}]
    asked = Guarantees.of(["length / m > 2", "m=rel:1e-3", "hypot(px, py)=abs:1"], declared)
    assert [asked.definitions(one) for one in asked.promised] == [
        ("length = hypot(px, py)", 'm: kind = "mass", objects = ["*1", "*2"]'),
        ('m: kind = "mass", objects = ["*1", "*2"]',),
        (),
    ]


def test_guarantees_that_cost_much_are_remarked_on(tmp_path):
    info = baler_vae.compress(momenta(), tmp_path / "a.bvae", guarantees=["hypot(px, py)=rel:1e-7"], **ASKED)
    (remark,) = [text for text in info.warnings if "guarantees take" in text]
    assert "px, py" in remark
    assert info.bytes.guarantees > 0.1 * info.archive_bytes


@pytest.mark.parametrize(
    ("guarantee", "options", "message"),
    [
        ("pz > 1", {}, "there is no column 'pz'"),
        (CUT, {"columns": ["px", "charge"]}, r"column 'py'.*Keep the column \(--columns\)"),
        ("name > 1", {}, "name"),
        (CUT, {"bound": ["px=free"], "kind": "vae", "epochs": 1, "hidden": (4,)}, "under `free`"),
        ("px > 1e9", {}, "nothing passes the cut"),
        ("1 / (px - px)=rel:1e-3", {}, "has no value"),
        ("px >", {}, "px >"),
        ("px=bits", {}, "bits"),
    ],
)
def test_what_cannot_be_guaranteed_is_refused_before_a_model_is_fitted(guarantee, options, message, monkeypatch):
    monkeypatch.setattr("baler_vae.verbs.fit.fit_group_model", None)
    with pytest.raises(UsageError, match=message):
        baler_vae.dumps(momenta(), guarantees=[guarantee], **{**ASKED, **options})


def test_a_guarantee_concerns_the_tables_that_have_its_columns(tmp_path):
    with uproot.recreate(tmp_path / "in.root") as file:
        file["a"] = {name: momenta()[name] for name in ("px", "py")}
        file["b"] = {"pz": momenta()["px"]}
    options = {"force": True, **ASKED}
    info = baler_vae.compress(tmp_path / "in.root", tmp_path / "all.bvae", guarantees=[CUT, "pz > 3"], **options)
    assert [one.text for one in info.guarantees] == [f"a: {CUT}", "b: pz > 3"]
    done = baler_vae.verify(tmp_path / "all.bvae", against=tmp_path / "in.root")
    assert [(own.text, own.n_broken) for own in done.guarantees] == [(f"a: {CUT}", 0), ("b: pz > 3", 0)]
    with pytest.raises(UsageError, match=r"no table has what the guarantee 'e > 1' reads"):
        baler_vae.compress(tmp_path / "in.root", tmp_path / "all.bvae", guarantees=["e > 1"], **options)


def test_a_project_guarantees_a_quantity_that_it_declares():
    project = Project(
        name="a",
        input="a.root",
        guarantees=[{"quantity": "length", "bound": "rel:1e-4"}],
        evaluation={"quantities": [{"name": "length", "formula": "hypot(px, py)"}]},
    )
    asked = fit_request(project, None, None, {}).guarantees
    assert [own.text for own in asked.promised] == ["length within rel:0.0001"]
    assert [own.formula for own in asked.quantities] == ["hypot(px, py)"]
    typed = fit_request(project, None, None, {}, guarantees=["length > 3"]).guarantees
    assert [own.text for own in typed.promised] == ["length > 3"]
    assert [own.name for own in typed.quantities] == ["length"]
