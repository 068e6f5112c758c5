"""The sizes of files."""

import pytest

from baler_vae.io.sizes import bytes_on_disk
from benchmarks.server import serving


def test_each_file_counts_once(tmp_path):
    for name, n_bytes in (("a.root", 10), ("b.root", 300)):
        (tmp_path / name).write_bytes(bytes(n_bytes))
    a, b = (str(tmp_path / name) for name in ("a.root", "b.root"))
    assert bytes_on_disk([a]) == 10
    assert bytes_on_disk([f"{a}:Events", f"{a}:Runs", b]) == 310


def test_a_server_tells_or_nothing_is_known(tmp_path):
    pytest.importorskip("aiohttp")
    (tmp_path / "a.csv").write_bytes(bytes(1_234))
    with serving(tmp_path) as served:
        assert bytes_on_disk([f"{served.url}/a.csv", str(tmp_path / "a.csv")]) == 2_468
        assert bytes_on_disk([f"{served.url}/none.csv", str(tmp_path / "a.csv")]) is None
