"""Columns whose cells are centred on what formulas predict: bounds hold, and what follows takes almost nothing."""

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.archive.manifest import OriginEntry
from baler_vae.codec.batches import decode_batch, encode_batch
from baler_vae.codec.codec import Codec
from baler_vae.codec.guarding import Guard, _Pass
from baler_vae.codec.lengths import code_lengths
from baler_vae.codec.quantising import quantised
from baler_vae.errors import CorruptArchive
from baler_vae.explore.sampling import sample
from baler_vae.grid.grids import is_centred
from baler_vae.grid.judge import keeps_bound
from baler_vae.guarantees.promises import Promises
from baler_vae.model.columns import Contextual, Networked
from baler_vae.table.table import Table
from tests.centred import columns_of, muons
from tests.codec.test_odd_manifests import saying
from tests.format.test_damage import GOLDEN as GOLDENS
from tests.format.test_damage import decode
from tests.format.test_hostile_guards import lie
from tests.tables import short_row_groups

KINDS = {"formulas": Contextual, "autoregressive": Networked}
BOUND = ["bits:9", "met_pt=abs:0.05", "mu_dphi=abs:0.002"]
MASS = {
    "quantity": {"name": "m", "kind": "mass", "objects": ["mu_*"], "rows": [1, 2], "mass_of_each": 0.1056583755},
    "bound": "rel:1e-4",
}


@pytest.fixture(scope="module", params=KINDS)
def made(request):
    """A kind of models, a codec of it, and the muons that it was fitted on."""
    options = {"keep_network": True, "epochs": 2} if request.param == "autoregressive" else {}
    data = muons(n_events=1500)
    return request.param, baler_vae.fit(data, bound=BOUND, kind=request.param, **options), data


def test_energies_take_nothing_where_momenta_tell_them(made):
    kind, codec, data = made
    archive = baler_vae.open(baler_vae.compress(data, codec=codec))
    columns = {column.name: column for column in archive.info().columns}
    n_muons = int(ak.sum(ak.num(data["mu_px"])))
    assert columns["mu_px"].bytes > n_muons  # a byte or more of each
    assert columns["mu_e"].bytes < 0.05 * n_muons
    assert columns["met_pt"].bytes < 0.05 * len(data)
    models = {**codec.models["events"].columns, **codec.models["mu"].columns}
    assert {name for name, own in models.items() if is_centred(getattr(own, "grid", None))} >= {"mu_e", "met_pt"}
    assert any(isinstance(own, KINDS[kind]) and is_centred(own.grid) for own in models.values())
    assert archive.info().format_version == 2


def test_a_column_comes_back_alone_as_with_all_others(made):
    _, codec, data = made
    with short_row_groups(100):
        archive = baler_vae.open(baler_vae.compress(data, codec=codec))
    assert len(archive.manifest.row_groups) > 10
    whole = archive.arrays(library="ak")
    for name in ("mu_e", "met_phi", "met_pt"):
        alone = archive.arrays([name], library="ak")[name]
        assert (
            ak.to_numpy(ak.flatten(alone, axis=None)).tobytes()
            == ak.to_numpy(ak.flatten(whole[name], axis=None)).tobytes()
        )


@settings(max_examples=12)
@given(seed=st.integers(0, 1 << 32), n_events=st.integers(0, 60))
def test_rows_of_any_kind_keep_their_bounds(made, seed, n_events):
    """Those that the codec was not fitted on, whose predictions may be anything; restored ones give the same bytes."""
    _, codec, _ = made
    batch = jagged(codec, *columns_of(n_events, seed))
    sections = encode_batch(batch, codec)
    n_rows = [table.n_rows for table in batch]
    back = decode_batch(sections, codec.models, codec.schema, codec.schema, n_rows)
    for before, after in zip(batch, back, strict=True):
        for name, values in before.arrays.items():
            assert keeps_bound(values, after[name], codec.bounds[name]).all(), name
    assert encode_batch(back, codec) == sections


def jagged(codec, events, objects, counts):
    """A batch of events with a collection, as a codec's schema has it."""
    groups = codec.schema.groups
    events = {**events, groups[1].counter: counts.astype(groups[0].column(groups[1].counter).dtype)}
    tables = zip(groups, (events, objects), strict=True)
    return tuple(Table(group, {n: own[n] for n in group.names}) for group, own in tables)


def test_bits_of_rows_are_those_of_the_archive(made):
    _, codec, data = made
    batch = jagged(codec, *columns_of(1500))
    lengths = code_lengths(codec, batch)
    sizes = {
        column.name: column.bytes for column in baler_vae.open(baler_vae.compress(data, codec=codec)).info().columns
    }
    for group, name in (("events", "met_pt"), ("mu", "mu_e"), ("mu", "mu_px")):
        assert abs(float(lengths[group][name].sum()) / 8 - sizes[name]) < 80
    assert float(np.median(lengths["mu"]["mu_e"])) < 0.05


def test_new_rows_are_drawn_whose_formulas_hold(made):
    _, codec, _ = made
    drawn = sample(codec, 300, library="ak").data
    px, py, pz, e = (ak.to_numpy(ak.flatten(drawn[f"mu_{name}"])).astype(float) for name in ("px", "py", "pz", "e"))
    expected = np.sqrt(px**2 + py**2 + pz**2 + 0.1056583755**2)
    usual = np.isfinite(expected) & np.isfinite(e)
    assert np.mean(np.abs(e - expected)[usual] <= 2.0**-10 * expected[usual]) > 0.9


def test_what_a_guarantee_moves_and_what_follows_from_it_stays_as_it_is():
    data = muons(n_events=800)
    options = {"bound": BOUND, "effort": "fast"}
    of_mass = {"name": "m", "formula": "sqrt(mu_e**2 - mu_pz**2)"}
    moved = baler_vae.fit(data, guarantees=["m=rel:1e-4"], quantities=[of_mass], **options)
    cut = baler_vae.fit(data, guarantees=["mu_e > 5"], **options)
    assert not is_centred(moved.models["mu"].columns["mu_e"].grid)
    assert is_centred(moved.models["events"].columns["met_pt"].grid)
    assert is_centred(cut.models["mu"].columns["mu_e"].grid)
    for codec in (moved, cut):
        archive = baler_vae.compress(data, codec=codec)
        assert baler_vae.verify(archive, against=data).n_rows["mu"]


def test_what_follows_from_moved_momenta_is_centred_on_where_they_are():
    """A mass by momenta moves them, to other codes too; energies, which no guarantee of a quantity reads, follow."""
    data = muons(n_events=1500)
    options = {"bound": BOUND, "effort": "fast"}
    codec = baler_vae.fit(data, guarantees=[MASS, "mu_e > 7"], **options)
    assert is_centred(codec.models["mu"].columns["mu_e"].grid)
    assert len(codec.models["mu"].corrections) == 1
    archive = baler_vae.compress(data, codec=codec)
    assert baler_vae.verify(archive, against=data).n_rows["mu"]
    opened = baler_vae.open(archive)
    assert {column.name: column.bytes for column in opened.info().columns}["mu_e"] < 200
    again = baler_vae.compress(opened.arrays(library="ak"), codec=codec)
    assert baler_vae.open(again).info().bytes.codes == opened.info().bytes.codes
    assert ak.array_equal(baler_vae.open(again).arrays(library="ak"), opened.arrays(library="ak"), equal_nan=True)


def test_neither_exact_nor_dithered_columns_are_centred():
    data = muons(n_events=800)
    for bound in (["bits:9", "mu_e=exact"], "bits:9,dither"):
        codec = baler_vae.fit(data, bound=bound, effort="fast")
        assert not is_centred(codec.models["mu"].columns["mu_e"].grid)


def test_a_codec_is_the_same_after_it_was_stored(made, tmp_path):
    _, codec, data = made
    codec.save(tmp_path / "a.bvmodel")
    again = Codec.load(tmp_path / "a.bvmodel")
    assert baler_vae.compress(data, codec=again) == baler_vae.compress(data, codec=codec)


GOLDEN = GOLDENS / "second" / "centred.bvae"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"formula": None, "predicted": False}, "centred on what no formula predicts"),
        ({"predicted": False}, "centred on what no formula predicts"),
        ({"dtype": "int32"}, "for int32"),
        ({"grid": {"kind": "centred-step", "parameters": {"step": 0.1, "parts": 8}}}, "cells of 8 steps"),
        ({"grid": {"kind": "centred-step", "parameters": {"step": 0.1}}}, "has .*parts"),
        ({"grid": {"kind": "centred-step", "parameters": {"step": 0.0, "parts": 63}}}, "steps of 0"),
    ],
)
def test_grids_that_nobody_wrote_are_corrupt(tmp_path, change, why):
    def of_met(content):
        next(column for column in content["groups"][0]["columns"] if column["name"] == "met_pt").update(change)

    with pytest.raises(CorruptArchive, match=why):
        decode(lie(GOLDEN, tmp_path / "lies.bvae", of_met))


def test_the_first_format_has_no_centred_cells(tmp_path):
    origin = OriginEntry(format="parquet", name="", title="", shape=(500,))
    with pytest.raises(CorruptArchive, match="centred, which format 1 does not know"):
        decode(saying(GOLDEN, tmp_path / "lies.bvae", version=1, origin=origin))


def test_a_correction_that_moves_a_centred_column_is_corrupt(tmp_path):
    def of_mass(content):
        cells = content["groups"][1]["guard"]["corrections"][0]["cells"]
        next(cell for cell in cells.values() if cell["column"] == "mu_px")["column"] = "mu_e"

    codec = baler_vae.fit(muons(n_events=800), bound=BOUND, guarantees=[MASS], effort="fast")
    baler_vae.compress(muons(n_events=60), tmp_path / "a.bvae", codec=codec)
    with pytest.raises(CorruptArchive, match="moves a value that cannot move"):
        decode(lie(tmp_path / "a.bvae", tmp_path / "lies.bvae", of_mass))


@pytest.mark.parametrize("n_takes", range(1, 7))
def test_what_was_moved_several_times_is_followed(n_takes):
    """Arrays that were replaced are gone, and the last one may stand where the first one did."""
    codec = baler_vae.fit(muons(n_events=300), bound=BOUND, guarantees=["mu_e > 7"], effort="fast")
    assert is_centred(codec.models["mu"].columns["mu_e"].grid)
    batch = jagged(codec, *columns_of(300))
    guard = Guard(Promises(codec.guarantees, codec.schema), codec.models, codec.bounds)
    own = _Pass(guard, batch, quantised(batch, codec.models, codec.bounds))
    rows = np.arange(100)
    for number in range(3 * n_takes):
        momenta = own._base[1]["mu_px"][rows] + np.float32(number + 1)
        own._take(1, "mu_px", rows, own._coded[1]["mu_px"].codes[rows], momenta)
        own._moved[1]["mu_px"] = own._base[1]["mu_px"].copy()
        if number % n_takes == n_takes - 1:
            assert own._centre().any()
