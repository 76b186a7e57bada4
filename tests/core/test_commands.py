"""The strict door of requests: what is no command is refused, naming the field."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import commands
from app.core.commands import (
    MAX_ECHO,
    MAX_SYNC_CHANNELS,
    Command,
    CreateChannel,
    GetHistory,
    Login,
    Ping,
    PostMessage,
    PutMember,
    Refresh,
    Register,
    SendMessage,
    Sync,
    parse,
)
from app.core.errors import AppError, FieldError, Invalid
from tests.core.laws import law

KINDS = [kind for kind in vars(commands).values() if isinstance(kind, type) and issubclass(kind, Command)]
LOGIN = {"username": "ana", "password": "correct horse battery"}
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
SLY_TEXT = st.sampled_from(
    [
        "missing required field",
        "Object missing required field `x`",
        "Object contains unknown field `x`",
        "x - at `$.password`",
        "` - at `$.password",
        "of length <= 5",
        "Expected `int` <= 7",
        "<= " + "9" * 5000,
        "\ud800",
        "`",
        "",
    ]
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | SLY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT | SLY_TEXT, inner, max_size=3),
    max_leaves=8,
)


def refusal_of(kind: type[Command], raw: object) -> AppError | None:
    """Give the error with which a request is refused, None where it is taken; nothing else may be raised."""
    try:
        assert isinstance(parse(kind, raw), kind)
    except AppError as error:
        return error
    return None


def refused(kind: type[Command], raw: object) -> FieldError:
    """Give the one field for which a request is refused."""
    with pytest.raises(Invalid) as caught:
        parse(kind, raw)
    assert caught.value.code == "validation_failed"
    (field,) = caught.value.fields
    return field


@law
@given(st.sampled_from(KINDS), ANY_JSON)
def test_any_json_is_a_command_or_is_refused(kind: type[Command], raw: object) -> None:
    refusal = refusal_of(kind, raw)
    assert refusal is None or refusal.code in ("invalid_payload", "validation_failed")


@law
@given(st.sampled_from(KINDS), st.data())
def test_any_values_of_known_fields_are_a_command_or_are_refused(kind: type[Command], data: st.DataObject) -> None:
    known = [field.name for field in msgspec.structs.fields(kind)]
    raw = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(known, ANY_JSON)))
    refusal = refusal_of(kind, raw)
    for field in refusal.fields if refusal else ():
        assert field.path.partition("[")[0] in ("", *known)


@pytest.mark.parametrize("raw", [None, True, 5, 1.5, "text", [], [{}], b"{}"])
def test_what_is_no_object_is_no_command(raw: object) -> None:
    with pytest.raises(AppError) as caught:
        parse(Ping, raw)
    assert caught.value.code == "invalid_payload"


@pytest.mark.parametrize("kind", KINDS)
def test_every_command_refuses_unknown_fields(kind: type[Command]) -> None:
    assert refused(kind, {"txet": 1}) == FieldError("txet", "unknown_field")


@pytest.mark.parametrize("name", ["a - at b", "a`b", "<= 5", "of length <= 5", "missing required field", ""])
def test_an_unknown_field_is_named_whatever_its_name(name: str) -> None:
    assert refused(Ping, {name: 1}) == FieldError(name, "unknown_field")


def test_a_long_unknown_name_is_not_echoed_whole() -> None:
    assert refused(Ping, {"<= " + "9" * 50_000: 1}).path == "<= " + "9" * (MAX_ECHO - 3)


@pytest.mark.parametrize("text", ["missing required field", "x - at `$.password`", "<= " + "9" * 5000, "Expected `x"])
def test_a_value_cannot_pass_for_a_fault_of_another_kind(text: str) -> None:
    assert refused(Login, {**LOGIN, "refresh_in": text}) == FieldError("refresh_in", "invalid")


@pytest.mark.parametrize(
    ("kind", "raw", "field"),
    [
        (SendMessage, {}, FieldError("channel_id", "required")),
        (SendMessage, {"channel_id": 5}, FieldError("channel_id", "wrong_type")),
        (SendMessage, {"channel_id": "c" * 65}, FieldError("channel_id", "too_long", max=64)),
        (SendMessage, {"channel_id": "c", "text": ["a"]}, FieldError("text", "wrong_type")),
        (SendMessage, {"channel_id": "c", "data": [1]}, FieldError("data", "wrong_type")),
        (SendMessage, {"channel_id": "c", "reply_to": "m" * 65}, FieldError("reply_to", "too_long", max=64)),
        (PostMessage, {"channel_id": "c"}, FieldError("channel_id", "unknown_field")),
        (GetHistory, {"channel_id": "c", "limit": 201}, FieldError("limit", "too_large", max=200)),
        (GetHistory, {"channel_id": "c", "limit": 10**30}, FieldError("limit", "too_large", max=200)),
        (GetHistory, {"channel_id": "c", "limit": 0}, FieldError("limit", "too_small", min=1)),
        (GetHistory, {"channel_id": "c", "limit": True}, FieldError("limit", "wrong_type")),
        (GetHistory, {"channel_id": "c", "limit": "5"}, FieldError("limit", "wrong_type")),
        (GetHistory, {"channel_id": "c", "before": -1}, FieldError("before", "too_small", min=0)),
        (GetHistory, {"channel_id": "c", "after": 2**53}, FieldError("after", "too_large", max=2**53 - 1)),
        (GetHistory, {"channel_id": "c", "after": 1.5}, FieldError("after", "wrong_type")),
        (GetHistory, {"channel_id": "c", "before": 1, "after": 1}, FieldError("", "invalid")),
        (Register, LOGIN | {"password": ""}, FieldError("password", "too_short", min=1)),
        (Register, LOGIN | {"password": "p" * 1025}, FieldError("password", "too_long", max=1024)),
        (Register, LOGIN | {"refresh_in": "header"}, FieldError("refresh_in", "invalid")),
        (Register, LOGIN | {"display_name": 5}, FieldError("display_name", "wrong_type")),
        (Refresh, {"refresh_token": "t" * 257}, FieldError("refresh_token", "too_long", max=256)),
        (CreateChannel, {"name": "a", "kind": "secret"}, FieldError("kind", "invalid")),
        (CreateChannel, {"name": "a"}, FieldError("kind", "required")),
        (PutMember, {"role": "king"}, FieldError("role", "invalid")),
        (Sync, {"channels": {"c": "1"}}, FieldError("channels[...]", "wrong_type")),
        (Sync, {"channels": {"c": -1}}, FieldError("channels[...]", "too_small", min=0)),
        (Sync, {"channels": {"c" * 65: 1}}, FieldError("channels", "too_long", max=64)),
        (Sync, {"channels": [1]}, FieldError("channels", "wrong_type")),
    ],
)
def test_the_first_bad_field_is_named_with_its_bound(kind: type[Command], raw: Any, field: FieldError) -> None:
    assert refused(kind, raw) == field


def test_a_sync_of_too_many_channels_is_refused_and_of_the_most_is_taken() -> None:
    channels = {f"c{number}": number for number in range(MAX_SYNC_CHANNELS)}
    assert parse(Sync, {"channels": channels}).channels == channels
    assert refused(Sync, {"channels": channels | {"more": 1}}) == FieldError("channels", "too_long", max=1000)


def test_lists_default_to_fifty_and_take_two_hundred() -> None:
    assert parse(GetHistory, {"channel_id": "c"}).limit == 50
    assert parse(GetHistory, {"channel_id": "c", "limit": 200}).limit == 200


@pytest.mark.parametrize("anchor", ["before", "after", "around"])
def test_history_takes_each_anchor_alone(anchor: str) -> None:
    assert getattr(parse(GetHistory, {"channel_id": "c", anchor: 0}), anchor) == 0


def test_optional_fields_may_be_null() -> None:
    raw = {"channel_id": "c", "text": None, "data": None, "client_msg_id": None, "reply_to": None}
    assert parse(SendMessage, raw) == SendMessage(channel_id="c")


def test_a_lone_surrogate_in_a_name_or_a_choice_is_refused() -> None:
    for kind, raw in ((Ping, {"\ud800": 1}), (Login, {**LOGIN, "refresh_in": "\ud800"})):
        with pytest.raises(AppError) as caught:
            parse(kind, raw)
        assert caught.value.code == "invalid_payload"
