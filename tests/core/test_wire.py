"""The shapes that leave the service, by the letter of the wire contract."""

import json
import re
from typing import Any

import pytest

from app.core import wire
from app.core.model import Fact, Member, Membership, Session, User
from tests.core.values import CHANNEL, MESSAGE, NOW_MS, SESSION, USER, a_channel, a_message

AT = "2027-01-15T08:00:00.000Z"
ANA = User(id=USER, username="ana", display_name="Ana", roles=("member",), created_at_ms=NOW_MS, suspended_at_ms=NOW_MS)
ANA_JSON = {"id": USER, "username": "ana", "display_name": "Ana", "roles": ["member"], "created_at": AT}
MESSAGE_JSON = {
    "id": MESSAGE,
    "channel_id": CHANNEL,
    "seq": 7,
    "author_id": USER,
    "text": "hello",
    "data": None,
    "reply_to": None,
    "client_msg_id": "c-1",
    "reactions": {},
    "created_at": AT,
    "edited_at": None,
    "deleted_at": None,
}
DURABLE = """message.created message.updated message.deleted reaction.added reaction.removed
             member.joined member.left member.updated channel.updated channel.archived"""
PASSING = """hello channel.added channel.removed read.updated typing.updated presence.updated
             auth.expiring session.revoked server.draining"""


def test_the_durable_facts_are_those_of_the_contract() -> None:
    assert frozenset(DURABLE.split()) == wire.DURABLE_FACTS


def test_the_passing_facts_hold_those_of_the_contract_and_the_reasons_of_a_close() -> None:
    assert frozenset(PASSING.split()) | {"sync.required", "connection.closing"} == wire.PASSING_FACTS


def test_facts_are_a_noun_and_a_verb() -> None:
    names = (wire.DURABLE_FACTS | wire.PASSING_FACTS) - {wire.HELLO}
    assert [name for name in names if not re.fullmatch(r"[a-z]+\.[a-z]+", name)] == []
    assert wire.DURABLE_FACTS.isdisjoint(wire.PASSING_FACTS)


def test_the_namespace_and_the_protocol_are_those_of_the_contract() -> None:
    assert (wire.CHAT, wire.PROTOCOL) == ("/chat", 1)


def test_a_user_is_written_without_what_others_need_not_know() -> None:
    assert wire.user_json(ANA) == ANA_JSON


def test_a_message_is_written_in_full() -> None:
    assert wire.message_json(a_message()) == MESSAGE_JSON


def test_a_deleted_message_keeps_its_place() -> None:
    gone = a_message(text=None, edited_at_ms=NOW_MS + 1, deleted_at_ms=NOW_MS + 2)
    changed = {"text": None, "edited_at": "2027-01-15T08:00:00.001Z", "deleted_at": "2027-01-15T08:00:00.002Z"}
    assert wire.message_json(gone) == MESSAGE_JSON | changed


def test_a_channel_is_written_as_its_member_sees_it() -> None:
    membership = Membership(channel=a_channel(topic="t", last_seq=9), role="owner", last_read_seq=5, unread=4)
    assert wire.channel_json(membership) == {
        "id": CHANNEL,
        "name": "news",
        "kind": "public",
        "topic": "t",
        "last_seq": 9,
        "my_role": "owner",
        "unread": 4,
        "mentions": 0,
        "created_at": AT,
        "archived_at": None,
    }


def test_who_is_no_member_has_no_role_there() -> None:
    assert wire.channel_json(Membership(channel=a_channel(), role=None))["my_role"] is None


def test_a_session_says_whether_it_is_the_one_that_asks() -> None:
    session = Session(
        id=SESSION,
        user_id=USER,
        device_name="phone",
        ip="192.0.2.1",
        created_at_ms=NOW_MS,
        last_seen_at_ms=NOW_MS,
        expires_at_ms=NOW_MS,
    )
    written = {"id": SESSION, "device": "phone", "ip": "192.0.2.1", "created_at": AT, "last_seen_at": AT}
    assert wire.session_json(session, SESSION) == written | {"current": True}
    assert wire.session_json(session, "ses_other") == written | {"current": False}


def test_a_member_is_a_user_with_a_role() -> None:
    member = Member(user=ANA, role="moderator", joined_at_ms=NOW_MS)
    assert wire.member_json(member) == {"user": ANA_JSON, "role": "moderator", "joined_at": AT}


def test_a_durable_fact_is_the_envelope_of_the_contract() -> None:
    fact = wire.message_created(a_message())
    assert (fact.channel_id, fact.seq, fact.type) == (CHANNEL, 7, "message.created")
    assert json.loads(fact.envelope) == {
        "type": "message.created",
        "channel_id": CHANNEL,
        "seq": 7,
        "at": AT,
        "actor_id": USER,
        "data": {"message": MESSAGE_JSON},
    }
    assert wire.is_envelope_of(fact)


def test_a_message_gives_the_same_envelope_whenever_it_is_made() -> None:
    assert wire.message_created(a_message()) == wire.message_created(a_message())


def test_envelopes_are_compact_utf8() -> None:
    envelope = wire.message_created(a_message(text="grüße 😀")).envelope
    assert "grüße 😀".encode() in envelope
    assert b'":' in envelope
    assert b": " not in envelope


def test_a_passing_fact_carries_its_fields_in_data_and_beside_it() -> None:
    envelope = wire.notice(wire.AUTH_EXPIRING, at_ms=NOW_MS, data={"expires_in_s": 60})
    assert json.loads(envelope) == {
        "type": "auth.expiring",
        "at": AT,
        "data": {"expires_in_s": 60},
        "expires_in_s": 60,
    }


def test_a_passing_fact_of_a_channel_names_it_and_has_no_seq() -> None:
    envelope = wire.notice(wire.CHANNEL_REMOVED, at_ms=NOW_MS, data={"reason": "left"}, channel_id=CHANNEL)
    said = json.loads(envelope)
    assert said["channel_id"] == CHANNEL
    assert "seq" not in said


def test_the_fields_of_a_passing_fact_cannot_overwrite_its_head() -> None:
    data = {"type": "x", "at": "x", "channel_id": "x", "data": "x"}
    said = json.loads(wire.notice(wire.SYNC_REQUIRED, at_ms=NOW_MS, data=data, channel_id=CHANNEL))
    assert said == {"type": "sync.required", "at": AT, "channel_id": CHANNEL, "data": data}


def head(kind: str = "message.created", **fields: Any) -> dict[str, Any]:
    return {"type": kind, "channel_id": CHANNEL, "seq": 7, "data": {}} | fields


def is_envelope(envelope: bytes, kind: str = "message.created") -> bool:
    return wire.is_envelope_of(Fact(channel_id=CHANNEL, seq=7, type=kind, envelope=envelope))


def test_an_envelope_that_says_what_its_entry_says_is_believed() -> None:
    assert is_envelope(wire.encode(head()))


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"not json",
        wire.encode(head("message.updated")),
        wire.encode(head(seq=8)),
        wire.encode(head(seq="7")),
        wire.encode(head(channel_id="chn_other")),
        wire.encode(head())[:-1],
        wire.encode(head()) + b"x",
    ],
)
def test_an_envelope_that_says_something_else_is_not_believed(envelope: bytes) -> None:
    assert not is_envelope(envelope)


@pytest.mark.parametrize(
    "value", [b'"\xff"', b'"\xed\xa0\x80"', b"NaN", b"Infinity", b"01", b'"\x01"', b"[" * 100_000 + b"]" * 100_000]
)
def test_an_envelope_over_which_clients_would_hang_up_is_not_believed(value: bytes) -> None:
    sound = wire.encode(head(data="?"))
    assert is_envelope(sound)
    assert not is_envelope(sound.replace(b'"?"', value))


@pytest.mark.parametrize("kind", [wire.MEMBER_JOINED, wire.MEMBER_LEFT])
def test_an_envelope_of_a_membership_must_say_whose(kind: str) -> None:
    said = Fact(channel_id=CHANNEL, seq=7, type=kind, envelope=wire.encode(head(kind, data={"user_id": USER})))
    assert wire.is_envelope_of(said)
    assert wire.subject_of(said) == USER
    for data in ({}, None, {"user_id": 5}, {"user": USER}):
        assert not is_envelope(wire.encode(head(kind, data=data)), kind)


def test_a_notice_is_believed_where_it_says_its_kind() -> None:
    envelope = wire.notice(wire.CHANNEL_ADDED, at_ms=NOW_MS, data={})
    assert wire.is_notice_of("channel.added", envelope)
    assert not wire.is_notice_of("channel.removed", envelope)


@pytest.mark.parametrize("kind", ["connect", "disconnect", "message.created", "channel.gone", ""])
def test_a_notice_of_no_known_kind_is_not_believed(kind: str) -> None:
    assert not wire.is_notice_of(kind, wire.encode({"type": kind}))


@pytest.mark.parametrize("envelope", [b"", b"[]", b"{}", b'{"type":"hello","x":"\xff"}', b'{"type":"hello","x":NaN}'])
def test_a_notice_that_is_no_json_is_not_believed(envelope: bytes) -> None:
    assert not wire.is_notice_of("hello", envelope)
