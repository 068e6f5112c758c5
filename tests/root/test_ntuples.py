"""RNTuples as they are written: what uproot reads of them, and pages to the byte."""

import awkward as ak
import numpy as np
import pytest
import uproot

from baler_vae.root.compression import Setting
from baler_vae.root.ntuples import _page, ntuple_writer

TYPES = ("bool", *(f"{sign}int{bits}" for bits in (8, 16, 32, 64) for sign in ("", "u")), "float32", "float64")


def optional(values, index):
    return ak.Array(ak.contents.IndexedOptionArray(ak.index.Index64(np.array(index)), ak.to_layout(ak.Array(values))))


def chunk(rng, n):
    """Entries of every type."""
    counts = rng.integers(0, 4, n)
    numbers = {kind: rng.integers(-99, 99, n).astype(kind) for kind in TYPES}
    limits = {
        f"limits of {kind}": np.resize(np.array([np.iinfo(kind).min, np.iinfo(kind).max], kind), n)
        for kind in TYPES
        if "int" in kind
    }
    lists = {f"lists of {kind}": ak.unflatten(rng.integers(0, 99, counts.sum()).astype(kind), counts) for kind in TYPES}
    words = ak.Array([f"word {k}" * int(k) for k in counts]) if n else ak.Array(["x"])[:0]
    pairs = ak.zip({"a": lists["lists of int16"], "b": lists["lists of float32"]})
    return {
        **numbers,
        **limits,
        **lists,
        "words": words,
        "deep": ak.unflatten(ak.unflatten(np.arange(3.0 * n), 3 * np.ones(n, int)), np.ones(n, int)),
        "pairs": pairs,
        "fixed": ak.from_numpy(rng.normal(size=(n, 2, 3)), regulararray=True),
        "some": optional(rng.normal(size=max(1, n)), np.where(counts > 1, np.cumsum(counts > 1) - 1, -1)),
    }


@pytest.mark.parametrize("setting", ["", "none", "lzma:1"])
@pytest.mark.parametrize("sizes", [(), (0,), (1,), (5, 0, 40)])
def test_what_is_written_is_read(setting, sizes, tmp_path):
    rng = np.random.default_rng(3)
    chunks = [chunk(rng, n) for n in sizes]
    types = {name: ak.Array(values).type.content for name, values in chunk(rng, 3).items()}
    with uproot.recreate(tmp_path / "t.root", compression=Setting(setting).compression) as file:
        ntuple = ntuple_writer(file, "a/T", "a title", types, Setting(setting))
        for values in chunks:
            ntuple.extend(values)
        ntuple.close()
    with uproot.open(tmp_path / "t.root") as file:
        read = file["a/T"]
        assert (read.num_entries, read.description) == (sum(sizes), "a title")
        for name in types:
            expected = [value for values in chunks for value in ak.Array(values[name]).to_list()]
            assert read[name].array().to_list() == expected, name


def test_entries_of_other_types_are_refused(tmp_path):
    with uproot.recreate(tmp_path / "t.root") as file:
        ntuple = ntuple_writer(file, "T", "", {"x": ak.Array([1.0]).type.content}, Setting())
        with pytest.raises(ValueError, match=r"the types of the entries are .*int64.*, not .*float64"):
            ntuple.extend({"x": ak.Array([1])})


def test_pages_of_the_same_bytes_are_written_once(tmp_path):
    counts = np.arange(200) % 7
    values = {
        "a": ak.unflatten(np.arange(counts.sum()), counts),
        "b": ak.unflatten(np.arange(counts.sum()) / 3, counts),
        "c": np.arange(200) % 3,
        "d": np.arange(200) % 3,
    }
    types = {name: ak.Array(own).type.content for name, own in values.items()}
    with uproot.recreate(tmp_path / "t.root") as file:
        ntuple = ntuple_writer(file, "T", "", types, Setting())
        for _ in range(2):
            ntuple.extend(values)
        ntuple.close()
    with uproot.open(f"{tmp_path}/t.root:T") as read:
        for cluster in read.page_link_list:
            places = [column.pages[0].locator.offset for column in cluster]
            assert len(places) == 6
            assert len(set(places)) == 4
            assert places[0] == places[2]
            assert places[4] == places[5]
        for name, own in values.items():
            assert read[name].array().to_list() == 2 * ak.Array(own).to_list()


def test_pages_to_the_byte():
    """Source: ROOT, BinaryFormatSpecification.md, "Column Encoding"."""
    assert _page(np.array([True, False, True]), 0x00) == b"\5"
    assert _page(np.array([1, -1], np.int8), 0x03) == b"\1\xff"
    assert _page(np.array([0x0102, 0x0304], np.uint16), 0x06) == b"\2\4\1\3"
    assert _page(np.array([-1, 1, -(2**15), 2**15 - 1], np.int16), 0x05) == b"\1\2\xff\xfe\0\0\xff\xff"
    assert _page(np.array([3, 3, 10], np.int64), 0x0F) == b"\3\0\7" + b"\0" * 21
    assert _page(np.array([1.0], np.float32), 0x0C) == b"\0\0\x80\x3f"
    assert _page(np.zeros(0, np.float64), 0x0D) == b""
