"""What names, messages and their data must look like."""

import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FieldError, Invalid
from app.core.text import (
    MAX_DATA_DEPTH,
    check_channel_name,
    check_client_msg_id,
    check_data,
    check_display_name,
    check_message_text,
    check_topic,
    check_username,
    name_key,
)
from tests.core.laws import law

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


def refused(check: Callable[[], object]) -> tuple[str, FieldError]:
    """Give the code and the field with which something is refused."""
    with pytest.raises(Invalid) as caught:
        check()
    (field,) = caught.value.fields
    return caught.value.code, field


@law
@given(st.text(max_size=40))
def test_a_name_key_is_a_fixed_point(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


@law
@given(st.text(max_size=40))
def test_canonically_equal_names_have_one_key(name: str) -> None:
    assert name_key(unicodedata.normalize("NFD", name)) == name_key(unicodedata.normalize("NFC", name))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana", "aNA"),
        ("Straße", "STRASSE"),
        ("Ǆ", "ǆ"),
        ("ﬁle", "FILE"),
        ("\uff21\uff2e\uff21", "ana"),
        ("\u212b", "å"),
        ("cafe\u0301", "CAFÉ"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("№1", "no1"),
    ],
)
def test_names_that_read_alike_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_different_names_have_different_keys() -> None:
    assert len({name_key(name) for name in ("ana", "anna", "an-a", "an_a", "a.na")}) == 5


@pytest.mark.parametrize("name", ["an", "a" * 32, "Ana.B-c_9", "9lives", "__"])
def test_a_user_name_is_kept_as_it_is(name: str) -> None:
    assert check_username(name) == name


@pytest.mark.parametrize(
    "name", ["", "a", "a" * 33, ".ana", "-ana", "an a", "ana\n", "anä", "\u0430na", "a\x00b", "ana\u200b", "٣٣"]
)
def test_a_user_name_is_short_ascii_without_blanks(name: str) -> None:
    assert refused(lambda: check_username(name)) == (
        "validation_failed",
        FieldError("username", "invalid", min=2, max=32),
    )


@pytest.mark.parametrize(
    ("name", "kept"),
    [("  Ana  ", "Ana"), ("e\u0301", "é"), (FAMILY, FAMILY), ("😀" * 64, "😀" * 64), ("\U0001fae8", "\U0001fae8")],
)
def test_a_display_name_is_stored_in_nfc_without_outer_blanks(name: str, kept: str) -> None:
    assert check_display_name(name) == kept


def test_an_emoji_newer_than_this_python_may_be_in_a_name() -> None:
    newer = "\U0001faff"
    assert check_display_name(f"Ana {newer}") == f"Ana {newer}"


@pytest.mark.parametrize(
    "name",
    ["", "   ", "a" * 65, "a\x00b", "a\nb", "a\u2028b", "a\ud800b", "a\x7fb", "a\uffffb", "a\ufdd0b", "\U0001fffe"],
)
def test_a_display_name_without_length_or_with_controls_is_refused(name: str) -> None:
    field = FieldError("display_name", "invalid", min=1, max=64)
    assert refused(lambda: check_display_name(name)) == ("validation_failed", field)


@pytest.mark.parametrize(
    "name", ["news", "a", "9", "team_a-b", "новости", "ニュース", "हिन्दी", "พูดคุย", "العربية", "n" * 64, "²"]
)
def test_a_channel_name_may_be_of_any_script(name: str) -> None:
    assert check_channel_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name",
    ["", "-a", "_a", "\u0301a", "a b", "a.b", "a/b", "#a", "a*", "a\n", "a\x00", "n" * 65, "😀", "a\u200bb", "\ud800"],
)
def test_a_channel_name_has_no_blanks_marks_or_signs(name: str) -> None:
    assert refused(lambda: check_channel_name(name)) == (
        "validation_failed",
        FieldError("name", "invalid", min=1, max=64),
    )


def test_a_channel_name_is_measured_after_normalising() -> None:
    assert check_channel_name("e\u0301" * 64) == "é" * 64


def test_a_topic_is_short_and_printable() -> None:
    assert check_topic("  about  ") == "about"
    assert check_topic("") == ""
    assert check_topic("t" * 250) == "t" * 250
    assert refused(lambda: check_topic("t" * 251))[1] == FieldError("topic", "too_long", max=250)
    assert refused(lambda: check_topic("a\nb"))[1] == FieldError("topic", "invalid")


@pytest.mark.parametrize("key", [None, "c", "01J9ZQ3V8F6S7T2W4X5Y6Z7A8B", "!~", "k" * 64])
def test_an_idempotency_key_is_visible_ascii(key: str | None) -> None:
    assert check_client_msg_id(key) == key


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 65, "é", "a\n", "\x00", "\x7f", "😀"])
def test_any_other_idempotency_key_is_refused(key: str) -> None:
    field = FieldError("client_msg_id", "invalid", min=1, max=64)
    assert refused(lambda: check_client_msg_id(key)) == ("validation_failed", field)


@pytest.mark.parametrize("text", [" a ", "a\nb\tc", "\u202eabc", "a" + "\u0301" * 9, "\ufffe", "<b>", "e\u0301"])
def test_a_message_is_kept_as_it_came(text: str) -> None:
    assert check_message_text(text, 10) == text


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u3000\u00a0\u2003"])
def test_a_blank_message_is_empty(text: str) -> None:
    assert refused(lambda: check_message_text(text, 10)) == ("message_empty", FieldError("text", "empty"))


def test_a_message_is_measured_in_code_points() -> None:
    assert check_message_text("😀" * 10, 10) == "😀" * 10
    assert check_message_text(FAMILY * 2, 10) == FAMILY * 2
    assert refused(lambda: check_message_text("😀" * 11, 10)) == (
        "message_too_long",
        FieldError("text", "too_long", max=10),
    )


@pytest.mark.parametrize("text", ["a\x00", "\x00", "a\ud800", "\udfff", "\ude00\ud83d"])
def test_a_message_with_nul_or_a_lone_surrogate_is_refused(text: str) -> None:
    assert refused(lambda: check_message_text(text, 10)) == ("validation_failed", FieldError("text", "invalid"))


def nested(levels: int, leaf: Any = 1) -> dict[str, Any]:
    """Give data of so many levels, objects and lists in turn."""
    value: Any = leaf
    for level in range(levels - 1):
        value = [value] if level % 2 else {"k": value}
    return {"k": value}


def test_data_is_bounded_in_bytes_and_depth() -> None:
    deepest = nested(MAX_DATA_DEPTH)
    assert check_data(deepest, 100, 100) is deepest
    assert refused(lambda: check_data({}, 101, 100)) == ("message_too_long", FieldError("data", "too_long", max=100))
    assert refused(lambda: check_data(nested(MAX_DATA_DEPTH + 1), 50, 100)) == (
        "validation_failed",
        FieldError("data", "too_deep", max=15),
    )


@pytest.mark.parametrize("bad", ["\x00", "a\ud800"])
def test_nul_and_lone_surrogates_are_refused_anywhere_in_data(bad: str) -> None:
    for data in ({"a": bad}, {bad: 1}, {"a": [{"b": [bad]}]}, nested(MAX_DATA_DEPTH, bad)):
        assert refused(partial(check_data, data, 10, 100))[1] == FieldError("data", "invalid")
