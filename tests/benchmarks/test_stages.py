"""Functions of a profile belong to stages."""

import pytest

from benchmarks.stages import REST, shares, stage_of


@pytest.mark.parametrize(
    ("file", "function", "stage"),
    [
        ("/x/baler_vae/model/kernels/coding.py", "decode_codes", "networks, tables and coder"),
        ("/x/baler_vae/entropy/kernels.py", "split_codes", "ranges, places and bits"),
        ("/x/baler_vae/grid/codes.py", "quantise_column", "grids and bounds"),
        ("~", "<built-in method pcodec.standalone.simple_compress>", "pcodec"),
        ("/x/numpy/_core/fromnumeric.py", "grid/", REST),
    ],
)
def test_a_function_belongs_to_the_stage_of_its_file(file, function, stage):
    assert stage_of(file, function) == stage


def test_shares_are_parts_of_a_whole():
    found = shares(lambda: sorted(range(1000), key=lambda number: -number))
    assert sum(found.values()) == pytest.approx(1)
    assert set(found) == {REST}
