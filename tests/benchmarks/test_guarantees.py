import json
from importlib.util import find_spec

import h5py
import numpy as np
import pytest

from baler_vae.guarantees.definitions import Guarantees
from baler_vae.table.schema import Origin
from benchmarks.data import Case, MissingDataError, flat_columns
from benchmarks.guarantee_cases import DECLARED, OURS, SAFEGUARDS
from benchmarks.guarantee_rivals import WAYS, Coded, safeguarded, with_exact_rows
from benchmarks.guarantee_tables import Row, markdown
from benchmarks.guarantees import asked_of_ours, main
from benchmarks.guarantees_judge import (
    GUARANTEES,
    MUON,
    Verdict,
    judge_decisions,
    judge_files,
    judge_values,
    read_columns,
)
from benchmarks.guarantees_judge import main as judge
from benchmarks.worker import count_violations

BY_NAME = {data: {own.name: own for own in guarantees} for data, guarantees in GUARANTEES.items()}


def two_muons(pt=(5.0, 5.0), eta=(0.0, 0.0), phi=(0.0, np.pi)):
    pt, eta, phi = map(np.asarray, (pt, eta, phi))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return {
        "nmuons": np.array([len(pt)]),
        "px": px,
        "py": py,
        "pz": pz,
        "e": np.sqrt(px**2 + py**2 + pz**2 + MUON**2),
    }


def test_decisions_that_change_are_counted():
    old, new = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert judge_decisions(old, new) == Verdict(4, 2, 0.5)
    assert judge_decisions(old[:0], new[:0]) == Verdict(0, 0, 0.0)


def test_values_are_judged_in_units_of_the_bound():
    old = np.array([100.0, 100.0, 0.0, np.nan, 10.0])
    assert judge_values(old, np.array([100.0, 99.95, 0.0, np.nan, 10.0]), 1e-3) == Verdict(4, 0, pytest.approx(0.5))
    assert judge_values(old, np.array([100.0, 99.8, 1e-9, np.nan, 10.0]), 1e-3) == Verdict(4, 2, np.inf)
    assert judge_values(old, np.array([np.nan, 100.0, 0.0, 1.0, 10.0]), 1e-3) == Verdict(5, 2, np.inf)


def test_noise_keeps_what_rounding_alone_moved():
    old, new = np.array([1.0, 1.0]), np.array([1.0 + 1.5e-3, 1.0 + 1.1e-3])
    assert judge_values(old, new, 1e-3, noise=2e-4) == Verdict(2, 1, pytest.approx(1.5), 1)


def test_masses_of_muons_are_known():
    mass, noise = BY_NAME["dimuons"]["mass 1e-5"].of(two_muons())
    assert mass == pytest.approx(2 * np.hypot(5, MUON), rel=1e-14)
    assert 0 < noise < 1e-13
    by_e, _ = BY_NAME["dimuons"]["mass by e 1e-5"].of(two_muons())
    assert by_e == pytest.approx(mass, rel=1e-14)
    spacelike = two_muons() | {"e": np.array([1.0, 1.0]), "px": np.array([5.0, 5.0])}
    assert BY_NAME["dimuons"]["mass by e 1e-5"].of(spacelike)[0] == 0
    assert np.isnan(BY_NAME["dimuons"]["mass 1e-5"].of(two_muons((5.0,), (0.0,), (0.0,)))[0])


def test_all_ways_to_write_a_mass_agree():
    pt, eta, phi = (30.0, 41.0), (0.7, -1.1), (3.0, -2.9)
    muons = two_muons(pt, eta, phi)
    expected, _ = BY_NAME["dimuons"]["mass 1e-3"].of(muons)
    of_rows = {
        f"{name}{number + 1}": muons[name][number : number + 1] for name in ("px", "py", "pz") for number in (0, 1)
    }
    assert BY_NAME["zmumu"]["mass 1e-3"].of(of_rows)[0] == pytest.approx(expected, rel=1e-14)
    angles = {
        f"{name}{n + 1}": np.array([own[n]]) for name, own in (("pt", pt), ("eta", eta), ("phi", phi)) for n in (0, 1)
    }
    assert BY_NAME["zmumu"]["mass by angles 1e-3"].of(angles)[0] == pytest.approx(expected, rel=1e-4)
    jets = {f"Jet_{name}": np.asarray(own) for name, own in (("pt", pt), ("eta", eta), ("phi", phi))}
    jets |= {"Jet_mass": np.full(2, MUON), "nJet": np.array([2])}
    assert BY_NAME["jets"]["mass 1e-3"].of(jets)[0] == pytest.approx(expected, rel=1e-14)


def test_cuts_are_applied_in_float64():
    jets = {
        "nJet": np.array([0, 3, 1]),
        "Jet_pt": np.array([30, 30.000002, 40, 31], np.float32),
        "Jet_eta": np.array([0, -2.3999999, 2.4, 0.5], np.float32),
    }
    assert BY_NAME["jets"]["cut"].of(jets)[0].tolist() == [False, True, False, True]
    assert BY_NAME["jets"]["cut of two"].of(jets)[0].tolist() == [False, False, False]
    jets["Jet_pt"][0] = 31
    assert BY_NAME["jets"]["cut of two"].of(jets)[0].tolist() == [False, True, False]
    rows = BY_NAME["jets"]["cut of two"].rows(jets, np.array([False, True, False]))
    assert rows.tolist() == [True, True, True, False]
    assert BY_NAME["jets"]["mass 1e-3"].rows(jets, np.array([False, True, True])).tolist() == [True, True, False, True]


def test_distances_go_round_the_circle():
    near = two_muons(phi=(np.pi - 0.2, 0.2 - np.pi))
    assert BY_NAME["dimuons"]["delta_r < 0.5"].of(near)[0].tolist() == [True]
    assert BY_NAME["dimuons"]["delta_r < 0.5"].of(two_muons(eta=(0.4, -0.4), phi=(1, 1.4)))[0].tolist() == [False]
    assert BY_NAME["dimuons"]["pt > 4 of both"].of(two_muons((5, 3.9)))[0].tolist() == [False]


def test_files_are_judged_on_the_command_line(tmp_path, capsys):
    muons = two_muons((5.0, 4.001))
    for name, scale in (("old", 1.0), ("new", 0.999)):
        with h5py.File(tmp_path / f"{name}.hdf5", "w") as file:
            for key, values in muons.items():
                file[f"muons/{key}"] = values * scale if key in {"px", "py"} else values
            file["other/px"] = np.zeros(3)
    files = (tmp_path / "old.hdf5", tmp_path / "new.hdf5")
    with pytest.raises(SystemExit) as ended:
        judge(["dimuons", *map(str, files), "--only", "mass 1e-4, pt > 4 of both"])
    assert ended.value.code == 1
    assert capsys.readouterr().out.split("\n")[1].split()[-6:] == ["1", "of", "1", "violated,", "worst", "1"]
    verdicts = judge_files("dimuons", *files, ["mass 1e-3", "delta_r < 0.5"])
    assert [own.n_violated for own in verdicts.values()] == [0, 0]
    with pytest.raises(LookupError, match="no mass 1e-9"):
        judge_files("dimuons", *files, ["mass 1e-9"])
    with pytest.raises(ValueError, match=r"no \.root"):
        read_columns("jets.txt")


def test_guarantees_are_written_for_all_three():
    for data, guarantees in BY_NAME.items():
        assert set(OURS[data]) == set(SAFEGUARDS[data]) == set(guarantees)
        asked = asked_of_ours(data, [*guarantees])
        assert len(Guarantees.of(asked).promised) == len(guarantees) + len(DECLARED.get(data, ()))
    assert [one.name for one in Guarantees.of(asked_of_ours("dimuons", ["delta_r < 0.5"])).quantities] == ["delta_r"]


@pytest.fixture
def muons(table, write, monkeypatch):
    """300 events with up to three muons, in place of the real ones."""
    random = np.random.default_rng(0)
    counts = np.tile([2, 0, 3, 2, 1], 60)
    momenta = {f"Muon_P{axis}": random.normal(0, 20, counts.sum()).astype(np.float32) for axis in "xyz"}
    events = {"MET": random.normal(0, 5, len(counts)).astype(np.float32), "NMuon": counts.astype(np.int32)}
    schema, batch = table(events, {"Muon": ("NMuon", momenta)}, Origin("root"))
    path = write(schema, batch)
    case = Case("hzz", "muons", lambda _folder: (path, ()))
    for module in ("guarantees", "guarantee_tables"):
        monkeypatch.setattr(f"benchmarks.{module}.CASES", {"hzz": case, "jets": Case("jets", "", missing)})
    return Coded(schema, flat_columns(schema, batch), "truncation + zstd")


def missing(_folder):
    raise MissingDataError("nowhere.root is not there")


@pytest.mark.parametrize("name", ["mass 1e-4", "pt > 20 of two"])
def test_searches_keep_guarantees_from_their_bytes(muons, name):
    guarantee = BY_NAME["hzz"][name]
    sizes = {}
    for way, keep in WAYS.items():
        stored = keep(muons, guarantee)
        assert guarantee.verdict(muons.columns, stored.restored).n_violated == 0
        assert count_violations(muons.columns, stored.restored, muons.bounds(10))[0] == 0
        sizes[way] = len(stored.data)
    everywhere, own, exact = sizes.values()
    assert exact <= own <= everywhere


def test_rows_that_miss_are_exact(muons):
    guarantee, muons = BY_NAME["hzz"]["mass 1e-3"], Coded(muons.schema, muons.columns, "grid + pcodec")
    stored = with_exact_rows(muons, guarantee)
    coarse = guarantee.violated(muons.columns, muons.table(int(stored.bits[5:]), guarantee.columns)[1])
    rows = guarantee.rows(muons.columns, coarse)
    assert 0 < rows.sum() < len(rows)
    for name in guarantee.columns:
        np.testing.assert_array_equal(stored.restored[name][rows], muons.columns[name][rows])


def test_the_coarsest_bits_are_found(muons):
    guarantee = BY_NAME["hzz"]["mass 1e-4"]
    bits = muons.coarsest(guarantee)
    broken = [guarantee.violated(muons.columns, muons.table(number)[1]).any() for number in (bits - 1, bits)]
    assert broken == [True, False]
    assert muons.called(bits) == f"bits:{bits}"
    assert muons.called(24) == "exact"
    assert {str(bound) for bound in muons.bounds(24).values()} == {"exact"}


@pytest.mark.skipif(find_spec("numcodecs_safeguards") is None, reason="numcodecs-safeguards is not installed")
@pytest.mark.parametrize("name", ["mass 1e-4", "pt > 20 of two"])
def test_safeguards_keep_guarantees(muons, name):
    guarantee = BY_NAME["hzz"][name]
    stored = safeguarded(muons, guarantee, SAFEGUARDS["hzz"][name])
    assert guarantee.verdict(muons.columns, stored.restored).n_violated == 0
    assert count_violations(muons.columns, stored.restored, muons.bounds(10))[0] == 0


def test_a_rival_that_cannot_say_it_is_reported(muons, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.guarantees.WAYS", {"never": lambda *_: 1 // 0})
    main([f"-o={tmp_path}", "--only=mass 1e-3", "--data=hzz", "--methods=bits"])
    rows = json.loads((tmp_path / "guarantees.json").read_text())["rows"]
    failed = [row for row in rows if row["method"].startswith("never")]
    assert {(row["status"], row["reason"].split(":")[0]) for row in failed} == {("failed", "ZeroDivisionError")}


def test_the_command_measures_and_keeps_what_is_there(muons, tmp_path, capsys):
    arguments = [f"-o={tmp_path}", "--only=mass 1e-3"]
    main([*arguments, "--data=hzz,jets", "--methods=bits"])
    main([*arguments, "--data=hzz", "--methods=safeguards"])
    stored = json.loads((tmp_path / "guarantees.json").read_text())
    rows = {row["method"]: row for row in stored["rows"]}
    assert {row["guarantee"] for row in rows.values()} == {"mass 1e-3"}
    searched = [row for name, row in rows.items() if name.startswith("bits")]
    assert len(searched) == 12
    assert all(row["status"] == "ok" and row["n"] == 180 and row["plain_bytes"] > 1000 for row in searched)
    assert "safeguards, grid + pcodec" in rows
    assert stored["versions"]["numpy"]
    assert "jets: nowhere.root is not there" in capsys.readouterr().err
    assert "| bits in all columns, grid + pcodec |" in (tmp_path / "guarantees.md").read_text()


def test_ours_are_judged_on_the_files_that_come_back(muons, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.guarantees.OUR_KIND", "independent")
    main([f"-o={tmp_path}", "--only=mass 1e-4", "--data=hzz", "--methods=ours,our-bits"])
    rows = {row["method"]: row for row in json.loads((tmp_path / "guarantees.json").read_text())["rows"]}
    plain, searched = rows["plain bits:10, baler_vae independent"], rows["bits in all columns, baler_vae independent"]
    assert plain["status"] == "violates"
    assert searched["status"] == "ok"
    assert searched["bytes"] > plain["bytes"] == searched["plain_bytes"]
    for way in ("guarantee", "guarantees, all together"):
        kept = rows[f"{way}, baler_vae independent"]
        assert (kept["status"], kept["n_violated"], kept["plain_bytes"]) == ("ok", 0, plain["bytes"])


def test_tables_say_what_is_broken_and_why():
    rows = [
        Row("jets", "cut", "plain bits:10, x", "violates", 100, n=1000, n_violated=5),
        Row("jets", "cut", "bits, x", "ok", 110, 100, "bits:12", 1000, 0, n_within_noise=1),
        Row("jets", "cut", "guarantee, y", "violates", 90, 88, "bits:10", 1000, 2),
        Row("jets", "cut", "safeguards, z", "not installed", reason="needs z"),
    ]
    text = markdown(rows)
    assert "| bits, x | **110** (+10.0%) `bits:12` |" in text
    assert "| guarantee, y | 90 † (+2.3%) |" in text
    assert "| plain bits:10, x | 100 | 5 of 1,000 (0.5 %) |" in text
    assert "* † guarantee, y, cut: 2 of 1,000 violated" in text
    assert "bits, x, cut: 1 beyond the bound by less than float64 rounds" in text
    assert "* not installed, needs z: safeguards, z, cut" in text
