# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
import contextlib
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine import strict_json

REFUSED = [
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1E400", '{"x":NaN}', '"\\ud800"', '"\\udc00x"', '"\\u0000"',
    '{"\\u0000":1}', '["a",{"b":["\\u0000"]}]', '"\x00"', "9007199254740992", "-9007199254740992",
    '{"id":9007199254740993}', "[1,]", "{'a':1}", "", " ", "tru", '"a', "\ufeff1", "[1] x", "01",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_not_every_peer_can_read_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        strict_json.loads(text)
    with pytest.raises(ValueError, match=r"."):
        strict_json.loads(text.encode())


@pytest.mark.parametrize(
    "text",
    ['{"a":[1,2.5,-0,null,true,"é😀"]}', '"\\ud83d\\ude00"', "9007199254740991", '"\\\\u0000"', '"\\ufffe"', "[]", "0"],
)
def test_ordinary_documents_are_read_as_json_says(text):
    assert strict_json.loads(text) == json.loads(text)


def test_whole_numbers_beyond_64_bits_are_the_floats_that_javascript_reads():
    assert strict_json.loads("123456789012345678901234567890") == 1.2345678901234568e29


def test_the_last_of_duplicate_keys_counts():
    assert strict_json.loads('{"room":"a","room":"b"}') == {"room": "b"}


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_allowed_up_to_the_limit_and_not_beyond(opening, closing):
    assert strict_json.loads(opening * 16 + "1" + closing * 16, 16)
    with pytest.raises(ValueError, match=r"."):
        strict_json.loads(opening * 17 + "1" + closing * 17, 16)


def test_an_empty_container_beyond_the_limit_is_refused_too():
    with pytest.raises(ValueError, match=r"."):
        strict_json.loads("[" * 17 + "]" * 17, 16)


def test_brackets_in_strings_are_no_nesting():
    assert strict_json.loads('["' + "[{" * 100 + '"]', 16) == ["[{" * 100]


def test_a_hundred_thousand_brackets_are_refused_at_once():
    with pytest.raises(ValueError, match=r"."):
        strict_json.loads("[" * 100_000)


@pytest.mark.parametrize("value", [2**53, object(), "\ud800", {"a": {1, 2}}])
def test_what_json_cannot_say_is_not_written(value):
    with pytest.raises(TypeError):
        strict_json.dumps(value)


def test_floats_that_are_no_numbers_are_written_as_null():
    assert strict_json.dumps([float("nan"), float("inf")]) == b"[null,null]"


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def depth_of(value):
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 0


@given(values, st.integers(0, 6))
def test_the_depth_limit_is_exact(value, depth):
    text = orjson.dumps(value).decode()
    if depth_of(value) > depth:
        with pytest.raises(ValueError, match=r"."):
            strict_json.loads(text, depth)
    elif "\\u0000" not in text:
        assert strict_json.loads(text, depth) == json.loads(text)


@given(st.text())
def test_any_text_is_read_or_refused_with_a_value_error(text):
    with contextlib.suppress(ValueError):
        strict_json.loads(text)
