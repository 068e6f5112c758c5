"""What users of uproot type without a thought."""

import numpy as np
import pytest

from baler_vae.errors import UnknownName, UsageError


@pytest.mark.parametrize("number", [10, 10.0, np.int32(10), np.float32(10)])
def test_whole_numbers_of_any_kind_are_ranges(archive, number):
    assert len(archive.arrays(archive.keys()[:1], entry_stop=number)) == 10
    assert len(next(archive.iterate(archive.keys()[:1], step_size=number))) == 10


@pytest.mark.parametrize("number", [1.5, "a", np.nan, [1]])
def test_what_is_no_number_is_refused(archive, number):
    name = archive.keys()[0]
    with pytest.raises(UsageError, match="invalid entry_start"):
        archive.arrays(entry_start=number)
    with pytest.raises(UsageError, match="invalid entry_stop"):
        archive[name].array(entry_stop=number)
    with pytest.raises(UsageError, match=r"step_size|step size"):
        list(archive.iterate(step_size=number))


def test_a_step_must_be_given(archive):
    with pytest.raises(UsageError, match="1 or more"):
        list(archive.iterate(step_size=None))


@pytest.mark.parametrize("expressions", [5, [], (), b"x", "", [5]])
def test_expressions_that_are_none_are_refused(archive, expressions):
    """Not taken for all columns."""
    with pytest.raises(UsageError):
        archive.arrays(expressions)


def test_columns_have_no_numbers(archive):
    with pytest.raises(UnknownName, match="columns have names"):
        archive[0]
    assert archive.get(0) is None
    assert 0 not in archive


@pytest.mark.parametrize("made", ["{name}{zeros}", "{name} == ''", "{minus}{name}"])
def test_expressions_fail_fast(archive, made):
    text = made.format(name=archive.keys()[0], zeros="[0]" * 500, minus="-" * 3000)
    with pytest.raises(UsageError):
        archive.arrays(text)
