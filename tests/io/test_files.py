"""Opening and writing: suffixes, what is named inside a file, bad input, outputs that appear whole or not at all."""

import resource
import subprocess
import sys
from contextlib import contextmanager

import fsspec
import numpy as np
import pytest

from baler_vae.errors import OutputError, SourceError, UsageError
from baler_vae.io.files import MODULES, open_source, split_spec, write_file
from baler_vae.table.table import slice_events

SUFFIXES = [".root", ".csv", ".parquet", ".h5", ".npz"]


@pytest.fixture
def numbers(table):
    rng = np.random.default_rng(3)
    return table({"event": np.arange(5000), "x": rng.normal(size=5000)})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("file.root", ("file.root", "")),
        ("file.root:Events", ("file.root", "Events")),
        ("dir/file.root:sub/Events;2", ("dir/file.root", "sub/Events;2")),
        ("FILE.ROOT:Events", ("FILE.ROOT", "Events")),
        ("file.h5:/muons/", ("file.h5", "muons")),
        ("C:\\data\\file.npz:data", ("C:\\data\\file.npz", "data")),
        ("C:\\data\\file.npz", ("C:\\data\\file.npz", "")),
        ("root://host:1094//path/file.root", ("root://host:1094//path/file.root", "")),
        ("root://host:1094//path/file.root:Events", ("root://host:1094//path/file.root", "Events")),
        ("https://host:8080/file.csv?a=1", ("https://host:8080/file.csv?a=1", "")),
        ("https://host/file.root?a=1:Events", ("https://host/file.root?a=1", "Events")),
        ("file.csv.gz:x", ("file.csv.gz", "x")),
        ("file.xlsx:Events", ("file.xlsx:Events", "")),
    ],
)
def test_a_spec_is_cut_where_the_file_name_ends(spec, expected):
    assert split_spec(spec) == expected


def test_a_file_whose_whole_name_exists_wins(tmp_path, numbers, read):
    schema, batch = numbers
    for suffix in SUFFIXES:
        path = tmp_path / f"a{suffix}:b{suffix}"
        write_file(path, schema, [batch])
        assert read(path)[0].n_events == 5000


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_url_is_read(suffix, tmp_path, numbers, read):
    schema, batch = numbers
    write_file(tmp_path / f"table{suffix}", schema, [batch])
    url = f"memory://tables/table{suffix}"
    with fsspec.open(url, "wb") as remote:
        remote.write((tmp_path / f"table{suffix}").read_bytes())
    source, _, back = read(url)
    assert source.n_events == 5000
    assert np.array_equal(back[0]["x"], batch[0]["x"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_url_that_leads_nowhere_is_a_source_error(suffix):
    with pytest.raises(SourceError, match="nowhere"):
        open_source(f"memory://nowhere/table{suffix}")


@pytest.mark.parametrize("suffix", MODULES)
def test_no_such_file_and_a_directory_are_source_errors(suffix, tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        open_source(tmp_path / f"absent{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(SourceError, match="is a directory"):
        open_source(tmp_path / f"folder{suffix}")


def test_an_unknown_suffix_lists_the_known_ones(tmp_path, numbers):
    with pytest.raises(UsageError, match=r"\.xlsx.*\.root.*\.npz"):
        open_source("table.xlsx")
    with pytest.raises(UsageError, match=r"no suffix.*\.parquet"):
        write_file(tmp_path / "table", numbers[0], [numbers[1]])


@pytest.mark.parametrize("suffix", [".root", ".parquet", ".h5", ".npz"])
@pytest.mark.parametrize(
    "content", [b"", b"px,py\n1,2\n" * 100, bytes(range(256)) * 40], ids=["empty", "text", "bytes"]
)
def test_a_file_of_another_kind_is_a_source_error(suffix, content, tmp_path):
    path = tmp_path / f"table{suffix}"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"table\S*: "):
        open_source(path)


@pytest.mark.parametrize("suffix", [".root", ".parquet", ".h5", ".npz"])
def test_a_file_cut_anywhere_is_a_source_error(suffix, tmp_path, table):
    rng = np.random.default_rng(5)
    counts = rng.integers(0, 4, 300).astype(np.int32)
    jets = {"Jet_pt": rng.normal(size=counts.sum()).astype("f4")}
    schema, batch = table({"x": rng.normal(size=300), "nJet": counts}, {"Jet": ("nJet", jets)})
    write_file(tmp_path / f"whole{suffix}", schema, [batch])
    content = (tmp_path / f"whole{suffix}").read_bytes()
    path = tmp_path / f"cut{suffix}"
    for length in np.linspace(0, len(content) - 1, 40).astype(int):
        path.write_bytes(content[:length])
        with pytest.raises(SourceError, match=r"cut\S*: "):
            open_source(path)


@pytest.mark.parametrize("suffix", [".root", ".parquet", ".h5", ".npz"])
def test_a_damaged_file_is_a_source_error_if_it_is_noticed(suffix, tmp_path, table):
    rng = np.random.default_rng(7)
    counts = rng.integers(0, 4, 300).astype(np.int32)
    jets = {"Jet_pt": rng.normal(size=counts.sum()).astype("f4")}
    schema, batch = table({"x": rng.normal(size=300), "nJet": counts}, {"Jet": ("nJet", jets)})
    write_file(tmp_path / f"whole{suffix}", schema, [batch])
    content = np.fromfile(tmp_path / f"whole{suffix}", np.uint8)
    path = tmp_path / f"damaged{suffix}"
    noticed = []
    for _ in range(60):
        damaged = content.copy()
        damaged[rng.integers(0, len(content), 20)] = rng.integers(0, 256, 20)
        damaged.tofile(path)
        try:
            source = open_source(path)
            for _ in source.batches(source.schema, 100):
                pass
        except SourceError as error:
            noticed.append(str(error))
    assert len(noticed) > 10
    assert all("damaged" in text for text in noticed)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_output_that_exists_stays_unless_forced(suffix, tmp_path, numbers):
    schema, batch = numbers
    path = tmp_path / f"table{suffix}"
    path.write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        write_file(path, schema, [batch])
    assert path.read_text() == "precious"
    write_file(path, schema, [batch], force=True)
    assert open_source(path).n_events == 5000


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_output_appears_whole_or_not_at_all(suffix, tmp_path, numbers):
    schema, batch = numbers

    def breaking():
        yield slice_events(batch, 0, 1000)
        raise SourceError("cannot be read", path="elsewhere.root")

    with pytest.raises(SourceError, match=r"elsewhere\.root"):
        write_file(tmp_path / f"table{suffix}", schema, breaking())
    assert list(tmp_path.iterdir()) == []


@contextmanager
def largest_file(n_bytes):
    """Writing beyond `n_bytes` fails as it does on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("n_bytes", [10, 5000, 20_000])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_is_an_output_error(suffix, n_bytes, tmp_path, numbers):
    schema, batch = numbers
    cuts = [slice_events(batch, i, i + 100) for i in range(0, 5000, 100)]
    with pytest.raises(OutputError, match=r"table\S*: cannot be written: "), largest_file(n_bytes):
        write_file(tmp_path / f"table{suffix}", schema, cuts)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_output_directory_is_an_output_error(tmp_path, numbers):
    with pytest.raises(OutputError, match="its directory does not exist"):
        write_file(tmp_path / "absent" / "table.csv", numbers[0], [numbers[1]])


def test_an_error_of_a_writer_names_the_output(tmp_path, table):
    schema, batch = table({"half": np.zeros(3, "f2")})
    with pytest.raises(OutputError, match=r"out\.root: ROOT has no type for columns of float16: half"):
        write_file(tmp_path / "out.root", schema, [batch])


@pytest.mark.parametrize(
    ("suffix", "others"),
    [
        (".csv", ["uproot", "awkward", "h5py"]),
        (".npz", ["uproot", "awkward", "h5py", "pandas", "pyarrow"]),
        (".h5", ["uproot", "awkward", "pandas", "pyarrow"]),
        (".parquet", ["uproot", "awkward", "h5py"]),
    ],
)
def test_reading_one_format_does_not_load_the_libraries_of_others(suffix, others, tmp_path, numbers):
    path = tmp_path / f"table{suffix}"
    write_file(path, numbers[0], [numbers[1]])
    code = f"""if True:
        import sys
        from baler_vae.io.files import open_source
        source = open_source({str(path)!r})
        assert sum(batch[0].n_rows for batch in source.batches(source.select(), 999)) == 5000
        print(*(name for name in {others} if name in sys.modules))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
