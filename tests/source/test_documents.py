"""The documents of extras: what is not as it was written is a ValueError, whatever it is."""

import json

import pytest

from baler_vae.source.documents import VERSION, read_document


def test_keys_come_back_without_the_version():
    assert read_document(json.dumps({"version": VERSION, "a": [1]}).encode(), {"a", "b"}) == {"a": [1]}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "Expecting value"),
        (b"\xff", "decode"),
        (b"[1]", "not a JSON object of version 1"),
        (b"[" * 100_000, "nested too deeply"),
        (b"{}", "version 1"),
        (b'{"version": 2}', "version 1"),
        (b'{"version": 1, "z": 0, "c": 0}', "unknown key 'c'"),
    ],
)
def test_what_is_refused(data, why):
    with pytest.raises(ValueError, match=why):
        read_document(data, {"a"})
