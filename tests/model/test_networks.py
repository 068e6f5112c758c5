"""Networks of codes as bytes: nothing is lost, and damage is refused."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.entropy.plain import encode_numbers
from baler_vae.entropy.tables import encode_alphabets
from baler_vae.model.conditional import Conditional, Input
from baler_vae.model.networks import decode_networks, encode_networks

from .conditionals import SOME_INPUTS, alphabet_of, conditional_of


def same(a, b):
    layers = zip(a.layers, b.layers, strict=True)
    return (
        a.inputs == b.inputs
        and a.alphabet.same_as(b.alphabet)
        and all(
            (x.weights.tobytes(), x.bias.tobytes(), x.shift) == (y.weights.tobytes(), y.bias.tobytes(), y.shift)
            and (x.weights.dtype, x.bias.dtype) == (y.weights.dtype, y.bias.dtype)
            for x, y in layers
        )
    )


@st.composite
def networks(draw):
    """Networks of some columns, and views."""
    made = {}
    for column in draw(st.lists(st.integers(0, 300), unique=True, max_size=4)):
        inputs = [Input(source) for source in range(draw(st.integers(1, 20)))]
        made[column] = conditional_of(
            inputs,
            n_ranges=draw(st.integers(1, 63)),
            hidden=draw(st.lists(st.integers(1, 12), max_size=3)),
            seed=draw(st.integers(0, 99)),
        )
    views = draw(st.dictionaries(st.integers(0, 99), st.integers(1, 9), max_size=3))
    return made, {source: alphabet_of(n, source) for source, n in views.items()}


@settings(max_examples=60, deadline=None)
@given(networks())
def test_networks_come_back(drawn):
    made, views = drawn
    back, seen = decode_networks(encode_networks(made, views))
    assert list(back) == list(made)
    assert all(same(back[column], network) for column, network in made.items())
    assert list(seen) == list(views)
    assert all(seen[source].same_as(view) for source, view in views.items())


TWO = {1: conditional_of(SOME_INPUTS, n_ranges=3, hidden=(3,)), 4: conditional_of([Input(1), Input(2)], hidden=())}
PARTS = encode_networks(TWO, {2: alphabet_of(4)})


def refused_or_whole(parts):
    """Nothing but a ValueError, or networks."""
    try:
        found, views = decode_networks(parts)
    except ValueError:
        return
    assert len(found) + len(views) <= 1_000
    for network in found.values():
        assert isinstance(network, Conditional)
        inputs = np.zeros((1, len(network.inputs)), np.float32)
        assert network.tables(inputs).shape == (1, network.alphabet.n_symbols)


def test_every_damage_is_refused_or_leaves_networks():
    for number, part in enumerate(PARTS):
        before, after = PARTS[:number], PARTS[number + 1 :]
        for broken in ([], [part, part]):
            with pytest.raises(ValueError, match="parts"):
                decode_networks([*before, *broken, *after])
        for length in range(len(part)):
            with pytest.raises(ValueError):  # noqa: PT011  the texts differ, the kind of error does not
                decode_networks([*before, part[:length], *after])
        for place in range(len(part)):
            for mask in (0x01, 0x80, 0xFF):
                changed = part[:place] + bytes([part[place] ^ mask]) + part[place + 1 :]
                refused_or_whole([*before, changed, *after])


def described(*numbers, claimed=None):
    numbers = np.array(numbers, np.int64)
    return struct.pack("<I", len(numbers) if claimed is None else claimed) + encode_numbers(numbers)


def int64(*numbers):
    return encode_numbers(np.array(numbers, np.int64))


GOOD = [2, 1, 1, 7, 2, 3, 6, 4, 8, 4, 2, 1, 6, 8]


def test_the_description_is_what_the_page_says():
    assert PARTS[0] == described(*GOOD)
    assert PARTS[1] == int64(2)
    assert PARTS[2] == int64(0, 0, 2, 1, -1, -1, -2, 1, 2, *(0, 1, 2), *[0] * 6, *(-1, -1, -1, 1, 0, 3, -1, -1, -1))
    assert PARTS[3:6] == encode_alphabets([TWO[1].alphabet, TWO[4].alphabet, alphabet_of(4)])
    assert len(PARTS) == 3 + 3 + 4 + 4


@pytest.mark.parametrize(
    "description",
    [
        b"",
        b"\0\0\0",
        described(),
        described(2),
        described(*GOOD[:-1]),
        described(*GOOD, 0),
        described(*GOOD, claimed=len(GOOD) + 1),
        described(*GOOD, claimed=2**32 - 1),
        described(2**62, *GOOD[1:]),
        described(-1, *GOOD[1:]),
        described(2, -1, *GOOD[2:]),
        described(2, 2**40, *GOOD[2:]),
        described(2, 1, -1, *GOOD[3:]),
        described(2, 1, 4, *GOOD[3:]),  # two networks of column 4
        described(2, 1, 1, 0, *GOOD[4:]),
        described(2, 1, 1, 256, *GOOD[4:]),
        described(2, 1, 1, 7, 0, *GOOD[5:]),
        described(2, 1, 1, 7, 5, *GOOD[5:]),
        described(*GOOD[:5], 0, *GOOD[6:]),
        described(*GOOD[:5], 1_025, *GOOD[6:]),
        described(*GOOD[:5], 2**40, *GOOD[6:]),
        described(*GOOD[:6], -1, *GOOD[7:]),
        described(*GOOD[:6], 21, *GOOD[7:]),
        described(*GOOD[:6], 2**63 - 1, *GOOD[7:]),
        described(0, 1),
        described(1, 1, 4, 2, 1, 6, 8),
    ],
)
def test_hostile_descriptions_are_refused(description):
    with pytest.raises(ValueError):  # noqa: PT011  the texts differ, the kind of error does not
        decode_networks([description, *PARTS[1:]])


@pytest.mark.parametrize(
    ("number", "part"),
    [
        (1, int64(-1)),
        (1, int64()),
        (1, int64(2, 3)),
        (2, int64()),
        (2, int64(*[0] * 26)),
        (2, int64(*[-3] * 27)),
        (2, int64(*[2**62] * 27)),
    ],
)
def test_hostile_sources_are_refused(number, part):
    with pytest.raises(ValueError):  # noqa: PT011  the texts differ, the kind of error does not
        decode_networks([*PARTS[:number], part, *PARTS[number + 1 :]])


def test_views_of_one_source_are_refused():
    parts = encode_networks(TWO, {2: alphabet_of(4), 3: alphabet_of(4)})
    parts[1] = int64(3, 3)
    with pytest.raises(ValueError, match="alphabets for"):
        decode_networks(parts)


def test_alphabets_of_too_many_symbols_are_refused():
    wide = conditional_of([Input(0)], n_ranges=64, hidden=())
    with pytest.raises(ValueError, match="too many symbols"):
        decode_networks(encode_networks({0: wide}, {}))


def test_a_few_bytes_cannot_claim_many_inputs():
    numbers = [1 << 15, 0]
    for column in range(1 << 15):
        numbers += [column, 255, 1, 1, 0]
    description = described(*numbers)
    assert len(description) < 200_000
    with pytest.raises(ValueError, match="8355840 inputs"):
        decode_networks([description, *PARTS[1:]])


def test_a_few_bytes_cannot_claim_many_weights():
    """Four layers of 1,024 units in each of 200 networks."""
    layers = (4, *(1_024, 0) * 4)
    numbers = [200, 0]
    for column in range(200):
        numbers += [column, 255, *layers]
    parts = [described(*numbers), int64(), int64(*[0] * (3 * 255 * 200))]
    with pytest.raises(ValueError, match=r"alphabets for|networks of \d+ numbers"):
        decode_networks([*parts, *encode_alphabets([alphabet_of(3)] * 200), *PARTS[6:]])
    with pytest.raises(ValueError, match=r"."):
        decode_networks([*parts, *PARTS[3:]])
