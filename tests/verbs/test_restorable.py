"""What is tried before any work is done."""

from dataclasses import replace

import pytest

from baler_vae.io.files import open_source
from baler_vae.verbs import restorable
from tests.tables import file_of_words, jagged_batch


@pytest.fixture
def tried(monkeypatch):
    """The files that are written to try a format."""
    found = []
    monkeypatch.setattr(restorable, "write_file", lambda path, *_arguments, **_options: found.append(path.name))
    return found


def test_branches_that_are_written_as_they_were_are_not_tried(write, tried):
    source = open_source(write(*jagged_batch()))
    assert not restorable.check_restorable(source, source.schema, b"")
    assert not tried


@pytest.mark.parametrize("rename", [{}, {"met": "met/x"}, {"met": "met[0]"}])
def test_anything_else_is(tmp_path, write, tried, rename):
    source = open_source(write(*jagged_batch())) if rename else open_source(file_of_words(tmp_path / "a.npz", 9))
    groups = [
        replace(group, columns=tuple(replace(c, name=rename.get(c.name, c.name)) for c in group.columns))
        for group in source.schema.groups
    ]
    order = tuple(rename.get(name, name) for name in source.schema.order)
    schema = replace(source.schema, groups=tuple(groups), order=order)
    restorable.check_restorable(replace(source, schema=schema, batches=lambda *_: iter(())), schema, b"")
    assert tried == ["trial.root" if rename else "trial.npz"]
