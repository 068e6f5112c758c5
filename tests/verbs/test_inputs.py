"""The files that are named on a page, with their digests."""

import hashlib

import pytest

from baler_vae.errors import SourceError
from baler_vae.verbs.inputs import input_files


def test_files_and_bytes_have_digests_and_data_and_addresses_have_none(tmp_path):
    path = tmp_path / "a.root"
    path.write_bytes(b"abc")
    digest = hashlib.sha256(b"abc").hexdigest()
    first, second, third = input_files(f"{path}:Events", b"abc", path)
    assert (first.role, first.name, first.n_bytes, first.sha256) == ("original", f"{path}:Events", 3, digest)
    assert (second.role, second.name, second.n_bytes, second.sha256) == ("restored", "bytes", 3, digest)
    assert (third.role, third.name, third.sha256) == ("archive", str(path), digest)
    first, second = input_files([1.0], "https://example.org/a.root", None)
    assert (first.name, first.n_bytes, first.sha256) == ("data in memory", None, None)
    assert (second.name, second.sha256) == ("https://example.org/a.root", None)


def test_an_archive_is_named_once(tmp_path):
    path = tmp_path / "a.bvae"
    path.write_bytes(b"")
    assert [file.role for file in input_files(path, path, path)] == ["original", "restored"]


def test_a_file_that_cannot_be_read_is_our_error(tmp_path, monkeypatch):
    path = tmp_path / "a.root"
    path.write_bytes(b"abc")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(SourceError, match=r"a\.root: cannot be read: Permission denied"):
        list(input_files(path, path, None))
