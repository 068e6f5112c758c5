"""Guarantees are kept, for values of every kind, and restored values are encoded to the same bytes."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.archive.parts import unpack_parts
from baler_vae.codec.batches import decode_batch, encode_batch
from baler_vae.codec.correcting import (
    Classes,
    Moves,
    decode_modes,
    decode_moves,
    decode_patched_rows,
    decode_patches,
    differences_of,
    encode_moves,
    encode_patches,
    patched,
)
from baler_vae.entropy.tables import fit_table
from baler_vae.kinematics.formula import parse_formula
from baler_vae.model.correction import Cell, ClassTables, Correction, Lever, unzigzag, zigzag
from tests.guarded import check_laws, drawn_case, fitted, source_of
from tests.tables import flat_batch, short_row_groups


@settings(max_examples=12)
@given(st.integers(0, 2**32 - 1))
def test_random_guarantees_of_random_tables(seed):
    case = drawn_case(Random(seed), most_events=16)
    codec = fitted(case)
    for batch in case.tables if codec is not None else ():
        check_laws(codec, batch)


@settings(max_examples=6)
@given(st.integers(0, 2**32 - 1))
def test_row_groups_of_random_tables_keep_random_guarantees(seed):
    """Those of an archive, whose rows are cut where they fall."""
    case = drawn_case(Random(seed), most_events=30)
    codec = fitted(case)
    for batch in case.tables if codec is not None else ():
        source = source_of(case.schema, batch)
        with short_row_groups(11):
            blob = baler_vae.dumps(source, codec=codec)
        done = baler_vae.verify(blob, against=source)
        assert (done.broken, done.broken_guarantees) == ((), ())
        assert len(done.guarantees) == len(codec.guarantees.promised)
        with baler_vae.open(blob) as opened:
            assert len(opened.manifest.row_groups) >= batch[0].n_rows / 11


# Moves of coarse columns, which are not linear; what a move shares with a sum, or with rows of another quantity; two
# quantities of which the second moves what the first only reads.
@pytest.mark.parametrize("seed", [3, 13, 16, 27, 32, 225])
def test_tables_that_were_once_restored_otherwise(seed):
    case = drawn_case(Random(seed))
    codec = fitted(case)
    for batch in case.tables:
        check_laws(codec, batch)


def test_a_judge_that_is_numpy_alone():
    rng = np.random.default_rng(5)
    pt1, pt2 = (np.round(20 + 30 * rng.exponential(size=(2, 400)), 1)).astype(np.float32)
    pt1[:60] = 30
    phi1, phi2 = rng.uniform(-3.1, 3.1, (2, 400))
    eta1, eta2 = rng.normal(0, 1.5, (2, 400))
    schema, batch = flat_batch({"pt1": pt1, "pt2": pt2, "eta1": eta1, "eta2": eta2, "phi1": phi1, "phi2": phi2})
    mass = {"quantity": {"name": "m", "kind": "mass", "objects": ["*1", "*2"], "mass_of_each": 0}, "bound": "rel:1e-4"}
    asked = ["(pt1 > 30) & ((abs(eta1) < 2.4) | ~(pt2 <= 25))", mass]
    codec = baler_vae.fit(source_of(schema, batch), kind="independent", bound="bits:7", guarantees=asked)
    (back,) = decode_batch(encode_batch(batch, codec), codec.models, schema, schema, [400])
    (plain,) = (table.arrays for table in batch)

    def passed(c):
        return (c["pt1"] > 30) & ((np.abs(c["eta1"]) < 2.4) | ~(c["pt2"] <= 25))

    def squared(c):
        c = {name: values.astype(np.float64) for name, values in c.items()}
        return 2 * c["pt1"] * c["pt2"] * (np.cosh(c["eta1"] - c["eta2"]) - np.cos(c["phi1"] - c["phi2"]))

    assert np.array_equal(passed(plain), passed(back.arrays))
    before, after = np.sqrt(squared(plain)), np.sqrt(squared(back.arrays))
    np.testing.assert_allclose(after, before, rtol=1.0001e-4)
    assert np.abs(back["pt1"] / pt1 - 1).max() <= 2.0**-8
    moves = codec.models["events"].corrections
    assert len(moves) == 1
    assert np.abs(after / before - 1).max() > 1e-5, "not all is stored to the bit"


def test_a_block_keeps_guarantees():
    rng = np.random.default_rng(6)
    data = {name: rng.normal(10, 3, 200).astype(np.float32) for name in ("x", "y")}
    codec = baler_vae.fit(data, kind="independent", bound="bits:6", guarantees=["hypot(x, y)=rel:1e-4", "x > 10"])
    other = {name: values[::-1] * np.float32(0.9) for name, values in data.items()}
    back = codec.decode(codec.encode(other))
    np.testing.assert_array_equal(back["x"] > 10, other["x"] > 10)
    before, after = (np.hypot(*(own[n].astype(np.float64) for n in ("x", "y"))) for own in (other, back))
    np.testing.assert_allclose(after, before, rtol=1.0001e-4)
    assert codec.encode(back) == codec.encode(other)


def correction_of(text, movable, tables, modes=()):
    formula = parse_formula(text)
    return Correction(
        formula=formula,
        cells={name: Cell(name) for name in formula.names},
        tails={},
        movable=movable,
        relative=0.0,
        absolute=0.5,
        own=tables,
        others=ClassTables((fit_table(np.array([0, 1, 2])),)),
        modes=modes or (fit_table(np.array([0, 0, 1])),),
    )


def test_a_lever_of_known_slopes():
    one = correction_of("3*x - y", ("x", "y"), ClassTables((fit_table(np.array([0])),)))
    values = {"x": np.array([1.0, 2.0]), "y": np.array([5.0, np.nan])}
    lever = one.lever(values, np.array([[0.25, 0.0], [1.0, 1.0]]))
    np.testing.assert_array_equal(lever.quantity, [-2.0, np.nan])
    np.testing.assert_array_equal(lever.changes, [[0.75, 0.0], [-1.0, 0.0]])
    assert lever.order[:, 0].tolist() == [1, 0]
    # A move by 1 in the first mode is all of y: 0.5 less of it.
    np.testing.assert_array_equal(lever.shares(0, np.array([1.0, 1.0])), [[0, 0], [-0.5, 0]])
    # In the second mode, of x: 0.5 / 3 more of it, which is 2/3 of its step.
    np.testing.assert_allclose(lever.shares(1, np.array([1.0, 1.0]))[:, 0], [2 / 3, 0])
    both = lever.shares(3, np.array([4.0, 0.0]))[:, 0]
    assert both @ lever.changes[:, 0] == pytest.approx(2.0)


def test_octaves_and_ratios_of_changes():
    changes = np.array([[1.0, 2.0, 0.0, 1e-3], [0.5, 2.0, 0.0, 1e-3]])
    ones = np.ones(4)
    lever = Lever(ones, ones, changes, np.array([[0] * 4, [1] * 4]), changes)
    # 1, 2, none and 0.001, of which the exponents of the square, fourth and eighth power are told.
    assert lever.octaves(0, 1).tolist() == [1, 3, -(1 << 20), -19]
    assert lever.octaves(0, 3).tolist() == [1, 9, -(1 << 20), -79]
    # Both together reach (1 + 0.25) / 1, and (4 + 4) / 2.
    assert lever.octaves(3, 2).tolist()[:2] == [2, 9]
    # The second alone in the second mode.
    assert lever.octaves(1, 1).tolist()[:2] == [-1, 3]
    # The square of the second is 1/4, 1, nothing and 1 of that of the first, in eighths.
    assert lever.ratios().tolist() == [2, 8, 0, 8]


@pytest.mark.parametrize("n_mode_tables", [1, 3])
def test_moves_come_back(n_mode_tables):
    rng = np.random.default_rng(1)
    moves = np.where(rng.random(300) < 0.4, rng.integers(-40, 41, 300), 0)
    modes = np.where(moves == 0, 0, rng.integers(0, 2, 300)).astype(np.uint8)
    classes = Classes(np.where(modes, 0, rng.integers(0, 2, 300)), rng.integers(0, n_mode_tables, 300))
    assert zigzag(np.array([0, -1, 1, -2, 2])).tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(unzigzag(zigzag(moves)), moves)
    tables = tuple(fit_table(zigzag(moves)[classes.moves == number]) for number in range(2))
    of_modes = tuple(fit_table(modes[classes.modes == number].astype(np.int64)) for number in range(n_mode_tables))
    one = correction_of("x", ("x",), ClassTables(tables), of_modes)
    parts = unpack_parts(encode_moves(Moves(moves, modes), one, classes))
    found = decode_modes(parts[0], one, classes.modes)
    np.testing.assert_array_equal(found, modes)
    back = decode_moves(parts[1], one, found, classes.moves)
    np.testing.assert_array_equal(back.moves, moves)
    np.testing.assert_array_equal(back.modes, modes)
    assert encode_moves(Moves(0 * moves, 0 * modes), one, classes) == b""


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u8"])
def test_patches_come_back(dtype):
    rng = np.random.default_rng(2)
    first, wanted = (rng.integers(0, 256, 8 * 20, np.uint8).view(dtype)[:20] for _ in range(2))
    rows = np.array([0, 3, 4, 15, 17])
    differences = differences_of(first[rows], wanted[rows])
    parts = encode_patches({"y": (rows, differences)}, ["x", "y"])
    assert parts[1] == b""
    np.testing.assert_array_equal(decode_patched_rows(parts[0], 20), rows)
    made = patched(first[rows], decode_patches(parts[2], 5))
    assert made.tobytes() == wanted[rows].tobytes()
    with pytest.raises(ValueError, match="does not exist"):
        decode_patched_rows(parts[0], 17)


def test_one_correction_keeps_several_bounds_of_a_quantity():
    rng = np.random.default_rng(9)
    data = {name: rng.normal(10, 3, 300).astype(np.float32) for name in ("x", "y")}
    made = {}
    for asked in (["rel:1e-5"], ["rel:1e-3", "rel:1e-5", "rel:1e-4"]):
        guarantees = [
            {"quantity": {"name": f"q{number}", "formula": "hypot(x, y)"}, "bound": bound}
            for number, bound in enumerate(asked)
        ]
        codec = baler_vae.fit(data, kind="independent", bound="bits:8", guarantees=guarantees)
        assert [len(model.corrections) for model in codec.models.values()] == [1]
        made[len(asked)] = codec.encode(data)
    assert len(made[1]) == len(made[3])
