import importlib.metadata
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from baler_vae.grid.codes import SPECIAL
from baler_vae.grid.judge import keeps_bound
from baler_vae.table.bounds import EXACT, Bound
from baler_vae.table.schema import TEXT
from benchmarks.rivals import MODULES, address_of, all_rivals, find_rival, missing_packages
from benchmarks.rivals.by_column import narrowed, truncated, widened
from benchmarks.rivals.frame import pack, unpack
from benchmarks.worker import count_violations

RIVALS = all_rivals()
PROMISING = [name for name, rival in RIVALS.items() if rival.promises]
BOUNDS = [Bound("bits", 6), Bound("rel", 1e-3, 0.5), Bound("abs", 0.05), EXACT]


def installed(name):
    missing = missing_packages(RIVALS[name])
    if missing:
        pytest.skip(f"{name} needs {', '.join(missing)}: pip install 'baler-vae[bench]'")
    return RIVALS[name]


def table(n_rows=300):
    random = np.random.default_rng(1)
    pt = (20 + random.exponential(30, n_rows)).astype(np.float32)
    pt[::7] = 0
    return {
        "pt": pt,
        "eta": random.normal(0, 2, n_rows),
        "sentinel": np.where(random.random(n_rows) < 0.3, -999, random.normal(0, 1, n_rows)).astype(np.float32),
        "constant": np.full(n_rows, 1 / 3, np.float32),
        "count": random.poisson(3, n_rows).astype(np.int32),
        "hash": random.integers(0, 1 << 64, n_rows, np.uint64),
        "flag": random.random(n_rows) < 0.5,
        "small": random.integers(-3, 3, n_rows).astype(np.int8),
        "kind": np.array(["GT", "TT", ""][: max(1, min(3, n_rows))] * n_rows, TEXT)[:n_rows],
        "longer": random.normal(0, 1, 2 * n_rows).astype(np.float32),
    }


def bounds_for(columns, bound):
    return {name: bound if values.dtype.kind == "f" else EXACT for name, values in columns.items()}


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
@pytest.mark.parametrize("name", PROMISING)
def test_a_rival_keeps_bounds_from_its_bytes_alone(name, bound):
    rival, columns = installed(name), table()
    bounds = bounds_for(columns, bound)
    data = rival.compress(columns, bounds)
    assert isinstance(data, bytes)
    assert count_violations(columns, rival.decompress(data), bounds)[0] == 0


@pytest.mark.parametrize("n_rows", [0, 1, 2])
@pytest.mark.parametrize("name", PROMISING)
def test_a_rival_takes_the_smallest_tables(name, n_rows):
    rival, columns = installed(name), table(n_rows)
    bounds = bounds_for(columns, Bound("bits", 6))
    assert count_violations(columns, rival.decompress(rival.compress(columns, bounds)), bounds) == (
        0,
        pytest.approx(0, abs=1),
    )


@pytest.mark.parametrize("name", PROMISING)
def test_a_bound_makes_smaller(name):
    rival = installed(name)
    columns = {"x": np.random.default_rng(0).normal(0, 1, 5_000).astype(np.float32)}
    loose, tight = (len(rival.compress(columns, {"x": bound})) for bound in (Bound("abs", 0.1), EXACT))
    assert loose < 0.7 * tight


def test_the_ancestor_promises_nothing_and_gives_back_all_columns():
    pytest.importorskip("torch")
    (rival,) = (rival for rival in RIVALS.values() if not rival.promises)
    columns = {name: values for name, values in table(200).items() if name != "longer"}
    restored = rival.decompress(rival.compress(columns, {}))
    assert list(restored) == list(columns)
    for name, values in columns.items():
        assert restored[name].dtype == values.dtype
        assert values.dtype.kind == "f" or np.array_equal(restored[name], values)


def test_rivals_are_found_by_name_and_address():
    assert find_rival("ZFP").needs == ("zfpy",)
    assert all(find_rival(address_of(name)) == rival for name, rival in RIVALS.items())
    assert {address_of(name).split(":")[0].rpartition(".")[2] for name in RIVALS} == set(MODULES)
    with pytest.raises(LookupError, match="no rival 'lz5'"):
        find_rival("lz5")
    with pytest.raises(LookupError, match="not a rival"):
        find_rival("benchmarks.rivals.frame:pack")


def test_the_extra_has_what_rivals_need():
    root = Path(__file__).resolve().parents[2]
    extras = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    declared = {line.partition(">")[0] for line in extras["bench"]}
    needed = {package for rival in RIVALS.values() for package in rival.needs} - {"torch"}
    assert needed == {name for name in declared if not name.startswith("baler-vae")}
    pins = dict(line.split("==") for line in (root / "constraints.txt").read_text("utf-8").splitlines() if "==" in line)
    assert needed <= set(pins)
    for package in needed:
        try:
            found = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        assert found == pins[package], f"{package} is not the pinned one"


@given(st.binary(), st.lists(st.binary(), max_size=5))
def test_frames_come_back(text, streams):
    assert unpack(pack(text.hex(), streams)) == (text.hex(), streams)


@given(
    hnp.arrays(np.int64, hnp.array_shapes(max_dims=1, max_side=20)),
    st.lists(st.integers(0, 4), max_size=3),
)
def test_narrowed_codes_come_back(codes, specials):
    codes = np.append(codes, np.array([SPECIAL + special for special in specials], np.int64))
    narrow, least, first = narrowed(codes)
    assert narrow.dtype.kind == "u"
    np.testing.assert_array_equal(widened(narrow, least, first), codes)


def test_few_codes_are_narrow():
    assert narrowed(np.array([1000, 1255, 1000]))[0].dtype == np.uint8
    assert narrowed(np.array([1000, 1255, SPECIAL + 4]))[0].dtype == np.uint16


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data(), bound=st.sampled_from([*BOUNDS, Bound("rel", 0.3), Bound("abs", 1e-30)]))
def test_truncation_keeps_bounds(data, bound, dtype):
    values = data.draw(hnp.arrays(dtype, hnp.array_shapes(max_dims=1, max_side=20)))
    assert keeps_bound(values, truncated(values, bound), bound).all()


def test_truncation_leaves_empty_bits():
    values = np.random.default_rng(0).normal(0, 1, 100).astype(np.float32)
    assert not np.any(truncated(values, Bound("bits", 10)).view(np.uint32) & ((1 << 13) - 1))
    assert np.all(truncated(values, Bound("abs", 0.25)) % 0.5 == 0)
