"""Several columns or bounds in one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.table.lists import is_bound, listed_bounds, listed_columns

NAMES = ["pt", "eta", "a,b", "x[0]", "x[1]"]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["pt,eta"], ("pt", "eta")),
        (["pt, eta,"], ("pt", "eta")),
        (["p*,x"], ("p*", "x")),
        (["a,b"], ("a,b",)),
        (["a,*"], ("a,*",)),
        (["pt", "eta"], ("pt", "eta")),
        (["pt,no"], ("pt", "no")),
        ([], ()),
    ],
)
def test_columns(patterns, expected):
    assert listed_columns(patterns, NAMES) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["bits:10,pt=abs:1e-4"], ("bits:10", "pt=abs:1e-4")),
        (["bits:10; pt=rel:1e-3,floor:0.1, eta=exact"], ("bits:10", "pt=rel:1e-3,floor:0.1", "eta=exact")),
        (["bits:10,floor:0.1"], ("bits:10,floor:0.1",)),
        (["rel:0.1, floor:0.1"], ("rel:0.1, floor:0.1",)),
        (["bits:10,dither, pt=rel:0.1,dither,floor:2"], ("bits:10,dither", "pt=rel:0.1,dither,floor:2")),
        (["pt,eta=abs:1, dither;x=default,dither"], ("pt=abs:1, dither", "eta=abs:1, dither", "x=default,dither")),
        (["pt,eta=bits:10"], ("pt=bits:10", "eta=bits:10")),
        (["a,b=bits:10"], ("a,b=bits:10",)),
        (["a,b=bits:10;pt=exact"], ("a,b=bits:10", "pt=exact")),
        (["bits:10,loose"], ("bits:10,loose",)),
        (["bits:10,pt,eta=exact;x=abs:1"], ("bits:10", "pt=exact", "eta=exact", "x=abs:1")),
        (["bits:10,a,b=exact"], ("bits:10", "a,b=exact")),
        (["pt,bits:10"], ("pt,bits:10",)),
        (["pt=loose:1,eta=exact"], ("pt=loose:1,eta=exact",)),
        ([""], ("",)),
        (["bits:10", "pt=exact"], ("bits:10", "pt=exact")),
    ],
)
def test_bounds(texts, expected):
    assert listed_bounds(texts, NAMES) == expected


@given(
    st.lists(
        st.sampled_from(
            ["exact", "default,dither", "abs:0.5", "bits:3,floor:2,dither", "pt=rel:0.1,floor:1", "x*=range:0.1"]
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([",", ";", ", ", " ; "]),
)
def test_a_list_is_what_was_joined(bounds, separator):
    joined = separator.join(bounds)
    assert listed_bounds([joined], NAMES) == tuple(bounds)
    assert is_bound(joined)
    assert not is_bound(f"{joined}{separator}loose")
