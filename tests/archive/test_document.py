"""JSON from strangers: what is read, and what is refused before it takes memory."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.archive import document
from baler_vae.archive.document import DEEPEST, LARGEST_VALUES, check_size, read_json

TEXTS = st.text(st.sampled_from('a"\\[]{},é\ud800'), max_size=8)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def written(content, **options):
    return json.dumps(content, **options).encode("utf-8", "surrogatepass")


@given(DOCUMENTS, st.booleans())
def test_documents_come_back(content, ascii_only):
    assert read_json(written(content, ensure_ascii=ascii_only)) == content


def values_of(content):
    """Commas and opening brackets of a document."""
    inner = content.values() if isinstance(content, dict) else content if isinstance(content, list) else None
    return 0 if inner is None else 1 + max(0, len(inner) - 1) + sum(map(values_of, inner))


def depth_of(content):
    inner = content.values() if isinstance(content, dict) else content if isinstance(content, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


@given(DOCUMENTS, st.booleans())
def test_values_and_levels_are_counted_outside_of_texts(content, ascii_only):
    data = written(content, ensure_ascii=ascii_only)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "LARGEST_VALUES", values_of(content))
        patch.setattr(document, "DEEPEST", depth_of(content))
        check_size(data)
        if values_of(content):
            patch.setattr(document, "LARGEST_VALUES", values_of(content) - 1)
            with pytest.raises(ValueError, match=r"more than .* values"):
                check_size(data)
            patch.undo()
            patch.setattr(document, "DEEPEST", depth_of(content) - 1)
            with pytest.raises(ValueError, match="levels deep"):
                check_size(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "more than 32 levels deep"),
        (b'{"a":' * 99_999, "levels deep"),
        (b"[" + b"0," * LARGEST_VALUES + b"0]", "more than 4,194,304 values"),
        (b"[" + b"{}," * LARGEST_VALUES + b"{}]", "more than .* values"),
        (b'["', "Unterminated"),
        (b'["\\', "Unterminated"),
        (b'"' + b'\\"' * 10_000_000, "Unterminated"),
        (b"[NaN]", "NaN is not a number"),
        (b"\xff", "decode"),
        (b"", "Expecting value"),
    ],
)
def test_what_is_refused(data, words):
    with pytest.raises(ValueError, match=words):
        read_json(data)


def test_constants_are_read_where_they_may_be():
    assert read_json(b"[Infinity]", constants=True) == [float("inf")]


def test_the_deepest_is_read():
    assert depth_of(read_json(b"[" * DEEPEST + b"]" * DEEPEST)) == DEEPEST
