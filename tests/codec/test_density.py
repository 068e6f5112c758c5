"""New rows from a codec: a decoder that is fed with random bits draws from the codec's tables and networks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import baler_vae
from baler_vae.codec.batches import decode_batch, encode_batch
from baler_vae.codec.density import drawable, kept_rows, sample_batches
from baler_vae.codec.drawing import ConditionalDrawer, TableDrawer, Tally, Target, drawn_from_ranges
from baler_vae.codec.rows import Rows
from baler_vae.entropy.alphabet import Alphabet
from baler_vae.entropy.frequencies import TOTAL, frequencies
from baler_vae.entropy.tables import FrequencyTable
from baler_vae.errors import UsageError
from baler_vae.grid.codes import SPECIAL
from baler_vae.grid.grids import Integers, Step
from baler_vae.io.files import open_source
from baler_vae.memory.opening import open_data
from baler_vae.model.columns import Networked
from baler_vae.model.layout import flat_layout
from baler_vae.table.table import concatenate, counts_of
from tests.codec.test_networks import TINY, write

INT = np.dtype(np.int64)
FLOAT = np.dtype(np.float32)
EVENTS = 1_500


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A codec of networks, tables, text, formulas and special values, and the rows that it was fitted on."""
    path = tmp_path_factory.mktemp("density") / "in.parquet"
    write(path, EVENTS)
    codec = baler_vae.fit(path, bound=["bits:8", "met*=abs:0.01"], kind="autoregressive", **TINY)
    return codec, concatenate(list(open_source(path).read(codec.schema)), codec.schema)


def drawn(codec, n_events, seed=0, **options):
    batches = list(sample_batches(codec, n_events, np.random.default_rng(seed), **options))
    return concatenate(batches, drawable(codec, kept=options.get("kept", ())).schema)


def table(starts, shifts, levels):
    return FrequencyTable(Alphabet(np.array(starts, np.int64), np.array(shifts, np.uint8)), np.array(levels, np.uint8))


def test_codes_have_the_frequencies_of_their_table():
    own, tally = table([-4, 0, 8], [2, 0, 3], [16, 0, 8, 255]), Tally()
    codes = TableDrawer(own, Target("x", Integers(), INT), np.random.default_rng(3), tally).read(0, 40_000)
    shares = frequencies(own.levels)[:3] / TOTAL
    expected = np.concatenate([np.full(4, shares[0] / 4), shares[1:2], np.full(8, shares[2] / 8)])
    values = [*range(-4, 0), 0, *range(8, 16)]
    found = np.array([np.count_nonzero(codes == value) for value in values])
    assert found.sum() == len(codes)
    assert stats.chisquare(found, expected / expected.sum() * len(codes)).pvalue > 0.01
    assert sum(tally.escapes.values()) < 5


def test_escapes_are_drawn_again_from_the_same_table_and_counted():
    own, tally = table([0, 1], [0, 0], [16, 0, 0]), Tally()  # the escape is the likeliest, with 1
    codes = TableDrawer(own, Target("x", Integers(), INT), np.random.default_rng(0), tally).read(0, 20_000)
    assert set(codes.tolist()) == {0, 1}
    assert abs(np.mean(codes == 1) - 2 / 3) < 0.02
    assert abs(tally.escapes["x"] / len(codes) - 0.4) < 0.02
    assert not tally.valueless


@pytest.mark.parametrize(("dtype", "kept"), [(FLOAT, {0, 1, SPECIAL + 1}), (INT, {0, 1})])
def test_codes_without_a_value_are_drawn_again(dtype, kept):
    """NaN is a value, what stands verbatim is none: it is not known."""
    own, tally = table([SPECIAL, 0], [1, 1], [0, 16, 255]), Tally()
    codes = TableDrawer(own, Target("x", Step(0.5), dtype), np.random.default_rng(0), tally).read(0, 3_000)
    assert set(codes.tolist()) == kept
    assert tally.valueless["x"] > 900


def test_codes_from_ranges_have_a_value():
    """Networks may see codes of what stands verbatim, and of what is beyond a grid."""
    seen = Alphabet(np.array([SPECIAL, 0, 1 << 61]), np.array([0, 1, 0], np.uint8))
    on_grid, whole = Target("x", Step(0.5), FLOAT), Target("x", Integers(), INT)
    for target, expected in ((on_grid, {0, 1}), (whole, {SPECIAL, 0, 1, 1 << 61})):
        codes = drawn_from_ranges(seen, target, 1_000, np.random.default_rng(0))
        assert set(codes.tolist()) == expected


def test_sums_stay_within_the_dtype():
    """What a formula predicts may lie beyond it, and counts are not negative."""
    small = Target("n", Integers(), np.dtype(np.int8), counts=True)
    assert small.sensible(np.array([-3, 5, 400])).tolist() == [0, 5, 127]
    assert Target("n", Integers(), np.dtype(np.int8)).sensible(np.array([-300, 5])).tolist() == [-128, 5]
    assert Target("n", Integers(), np.dtype(np.uint8)).sensible(np.array([-3, 300])).tolist() == [0, 255]
    far = np.array([SPECIAL + 1, 1 << 62])
    assert Target("x", Step(1.0), FLOAT).sensible(far).tolist()[0] == SPECIAL + 1
    assert abs(Target("x", Step(1.0), FLOAT).sensible(far)[1]) < 1 << 61


def test_the_nearest_code_that_was_seen():
    lowest, highest = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    seen = Target("x", Integers(), INT, seen=Alphabet(np.array([0, 100, 128]), np.array([0, 2, 3], np.uint8)))
    codes = np.array([lowest, -1, 0, 49, 51, 100, 103, 104, 116, 130, highest])
    assert seen.nearest_seen(codes).tolist() == [0, 0, 0, 0, 100, 100, 103, 103, 128, 130, 135]
    assert seen.stands_alone(np.array([0, 1, 100, 130])).tolist() == [True, False, False, False]
    unknown = Target("x", Integers(), INT)
    assert unknown.nearest_seen(codes).tolist() == codes.tolist()
    assert not unknown.stands_alone(codes).any()


def test_symbols_have_the_probabilities_that_their_network_gives(made):
    """Given what a network sees of a row, its symbols come as often as it says, whatever row that is."""
    codec, _ = made
    model = codec.models["events"]
    name = next(name for name, column in model.columns.items() if isinstance(column, Networked))
    column, n_rows = model.columns[name], 20_000
    rows = Rows(model, codec.schema.events, flat_layout(n_rows), None)
    shown = np.random.default_rng(1).integers(0, 40, 2)
    for source in model.sources_of(name):
        if source < len(model.columns):
            rows.sources.show(source, np.repeat(shown, n_rows // 2))
    target = Target(name, column.grid, codec.schema.events.column(name).dtype)
    drawer = ConditionalDrawer(column.conditional, target, rows, np.random.default_rng(5), Tally())
    codes = drawer.read(0, n_rows)
    for half in (slice(0, n_rows // 2), slice(n_rows // 2, n_rows)):
        inputs = rows.sources.inputs(column.conditional.inputs, column.conditional.alphabet, half.start, half.stop)
        weights = column.conditional.tables(inputs)[0, :-1]
        symbols = column.conditional.alphabet.split(codes[half])[0]
        found = np.bincount(symbols, minlength=len(weights))
        expected = weights / weights.sum() * len(symbols)
        often = expected > 5
        found, expected = (
            np.append(found[often], found[~often].sum()),
            np.append(expected[often], expected[~often].sum()),
        )
        assert stats.chisquare(found[expected > 0], expected[expected > 0]).pvalue > 1e-3


def test_the_same_seed_gives_the_same_rows(made):
    codec, _ = made
    one, same, other = (drawn(codec, 400, seed) for seed in (1, 1, 2))
    for first, second, third in zip(one, same, other, strict=True):
        assert first.n_rows == second.n_rows
        assert all(first[name].tobytes() == second[name].tobytes() for name in first.group.names)
        assert any(first[name].tobytes() != third[name].tobytes() for name in first.group.names)


def test_rows_are_those_of_the_schema_and_can_be_encoded(made):
    """Counts are those of the objects, values lie on their grids, and formulas hold: rows that were drawn are encoded
    without loss.
    """
    codec, batch = made
    kept = kept_rows(codec, batch)
    new = drawn(codec, 700, kept=kept)
    assert [table.group for table in new] == list(codec.schema.groups)
    assert new[0].n_rows == 700
    assert counts_of(new, new[1].group).sum() == new[1].n_rows
    sections = encode_batch(new, codec)
    back = decode_batch(sections, codec.models, codec.schema, codec.schema, [table.n_rows for table in new])
    for before, after in zip(new, back, strict=True):
        for name, values in before.arrays.items():
            same = values.tolist() == after[name].tolist() if values.dtype == object else None
            assert np.array_equal(values, after[name], equal_nan=True) if same is None else same


def test_formulas_hold(made):
    codec, _ = made
    assert codec.models["jet"].columns["pz"].predicted
    jets = drawn(codec, 2_000)[1]
    pz = jets["pt"].astype(np.float64) * np.sinh(jets["eta"].astype(np.float64))
    usual = np.isfinite(pz) & np.isfinite(jets["pz"]) & (np.abs(pz) > 1e-3)
    assert usual.sum() > 2_500
    wrong = np.abs(jets["pz"][usual] / pz[usual] - 1) > 2.0**-6
    assert wrong.mean() < 0.01  # a special value may have been drawn in place of the difference


def test_text_is_taken_from_rows_or_left_out(made):
    codec, batch = made
    found = drawable(codec)
    assert "name" in found.left_out
    assert "name" not in drawn(codec, 10)[0].group.names
    new = drawn(codec, 3_000, kept=kept_rows(codec, batch))
    shares = [{text: np.mean(own["name"] == text) for text in ("a", "ab", "")} for own in (new[0], batch[0])]
    assert all(abs(shares[0][text] - share) < 0.05 for text, share in shares[1].items())


def test_rows_of_text_columns_stay_together(tmp_path):
    texts = np.array([f"run {number}" for number in range(300)], object)
    frame = {"one": texts, "two": texts + "!", "x": np.arange(300.0)}
    codec = baler_vae.fit(frame, kind="independent")
    source = open_data(frame)
    batch = concatenate(list(source.read(codec.schema)), codec.schema)
    new = drawn(codec, 500, kept=kept_rows(codec, batch))[0]
    assert np.array_equal(new["one"] + "!", new["two"])
    assert len(set(new["one"])) > 200


def test_batches_are_as_large_as_row_groups(made):
    codec, _ = made
    assert [batch[0].n_rows for batch in sample_batches(codec, 10, np.random.default_rng(0))] == [10]
    large = replace(codec, fits={"events": {"rows": 10}, "jet": {"rows": 655_360}})
    assert [batch[0].n_rows for batch in sample_batches(large, 3, np.random.default_rng(0))] == [1, 1, 1]


def test_nothing_but_text_cannot_be_drawn():
    codec = baler_vae.fit({"text": np.array(["a", "b"], object)}, kind="independent")
    with pytest.raises(UsageError, match="no column of the codec can be drawn"):
        drawable(codec)
