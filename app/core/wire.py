"""Names and shapes that leave the service: namespaces, facts, rooms and the JSON of every resource.

Facts are `noun.verb` in the past tense, commands (in `core.commands`) in the imperative. What is encoded here is
encoded once; nothing downstream parses and writes it again.
"""

from typing import Any, Final, TypeVar

import msgspec

from app.core.model import Fact, Member, Membership, Message, Session, User
from app.core.times import rfc3339, rfc3339_or_none

PROTOCOL: Final = 1
CHAT: Final = "/chat"

MESSAGE_CREATED: Final = "message.created"
MEMBER_JOINED: Final = "member.joined"
MEMBER_LEFT: Final = "member.left"
DURABLE_FACTS: Final = frozenset(
    {
        MESSAGE_CREATED,
        "message.updated",
        "message.deleted",
        "reaction.added",
        "reaction.removed",
        MEMBER_JOINED,
        MEMBER_LEFT,
        "member.updated",
        "channel.updated",
        "channel.archived",
    }
)

HELLO: Final = "hello"
CHANNEL_ADDED: Final = "channel.added"
CHANNEL_REMOVED: Final = "channel.removed"
AUTH_EXPIRING: Final = "auth.expiring"
SESSION_REVOKED: Final = "session.revoked"
SERVER_DRAINING: Final = "server.draining"
SYNC_REQUIRED: Final = "sync.required"
CONNECTION_CLOSING: Final = "connection.closing"
PASSING_FACTS: Final = frozenset(
    {
        HELLO,
        CHANNEL_ADDED,
        CHANNEL_REMOVED,
        "read.updated",
        "typing.updated",
        "presence.updated",
        AUTH_EXPIRING,
        SESSION_REVOKED,
        SERVER_DRAINING,
        SYNC_REQUIRED,
        CONNECTION_CLOSING,
    }
)
"""The facts that have no `seq` and are stored nowhere."""


def encode(value: object) -> bytes:
    """Write a value as compact JSON in UTF-8."""
    return msgspec.json.encode(value)


def decode(envelope: bytes) -> Any:
    """Read an envelope of our own, however deep what older versions let into it."""
    return msgspec.json.decode(envelope)


def user_json(user: User) -> dict[str, Any]:
    """Write a user as others see it."""
    return {
        "id": user.id,
        "username": user.username,
        "display_name": user.display_name,
        "roles": list(user.roles),
        "created_at": rfc3339(user.created_at_ms),
    }


def session_json(session: Session, current_id: str) -> dict[str, Any]:
    """Write a session for its owner; `current_id` is the session that asks."""
    return {
        "id": session.id,
        "device": session.device_name,
        "ip": session.ip,
        "created_at": rfc3339(session.created_at_ms),
        "last_seen_at": rfc3339(session.last_seen_at_ms),
        "current": session.id == current_id,
    }


def channel_json(membership: Membership) -> dict[str, Any]:
    """Write a channel as one user sees it."""
    channel = membership.channel
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "topic": channel.topic,
        "last_seq": channel.last_seq,
        "my_role": membership.role,
        "unread": membership.unread,
        "mentions": 0,
        "created_at": rfc3339(channel.created_at_ms),
        "archived_at": rfc3339_or_none(channel.archived_at_ms),
    }


def member_json(member: Member) -> dict[str, Any]:
    """Write a member of a channel."""
    return {"user": user_json(member.user), "role": member.role, "joined_at": rfc3339(member.joined_at_ms)}


def message_json(message: Message) -> dict[str, Any]:
    """Write a message in full, as history, acks and facts carry it."""
    return {
        "id": message.id,
        "channel_id": message.channel_id,
        "seq": message.seq,
        "author_id": message.author_id,
        "text": message.text,
        "data": message.data,
        "reply_to": message.reply_to,
        "client_msg_id": message.client_msg_id,
        "reactions": {},
        "created_at": rfc3339(message.created_at_ms),
        "edited_at": rfc3339_or_none(message.edited_at_ms),
        "deleted_at": rfc3339_or_none(message.deleted_at_ms),
    }


def fact(kind: str, *, channel_id: str, seq: int, at_ms: int, actor_id: str, data: dict[str, Any]) -> Fact:
    """Make a durable fact with the envelope that sockets and `sync` carry alike."""
    envelope = {
        "type": kind,
        "channel_id": channel_id,
        "seq": seq,
        "at": rfc3339(at_ms),
        "actor_id": actor_id,
        "data": data,
    }
    return Fact(channel_id=channel_id, seq=seq, type=kind, envelope=encode(envelope))


def message_created(message: Message) -> Fact:
    """Make the fact that a message was created; it can be made again from the message at any time."""
    return fact(
        MESSAGE_CREATED,
        channel_id=message.channel_id,
        seq=message.seq,
        at_ms=message.created_at_ms,
        actor_id=message.author_id,
        data={"message": message_json(message)},
    )


def subject_of(fact: Fact) -> str:
    """Read out of a `member.joined` or `member.left` whom it is about."""
    return msgspec.json.decode(fact.envelope, type=_Membership).data.user_id


def is_envelope_of(fact: Fact) -> bool:
    """Tell whether the envelope is JSON that says of itself what the entry says of it, and whom it is about."""
    try:
        head = _decode(fact.envelope, _Head)
        if fact.type in (MEMBER_JOINED, MEMBER_LEFT):
            subject_of(fact)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return (head.type, head.channel_id, head.seq) == (fact.type, fact.channel_id, fact.seq)


def is_notice_of(kind: str, envelope: bytes) -> bool:
    """Tell whether the envelope is that of a passing fact of this kind."""
    try:
        return kind in PASSING_FACTS and _decode(envelope, _Kind).type == kind
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False


T = TypeVar("T")


def _decode(envelope: bytes, kind: type[T]) -> T:
    """Read a part of an envelope; what is passed over must be UTF-8 too, or every client would hang up over it."""
    return msgspec.json.decode(envelope.decode(), type=kind)


class _Kind(msgspec.Struct, frozen=True):
    type: str


class _Head(_Kind, frozen=True):
    channel_id: str
    seq: int


class _Subject(msgspec.Struct, frozen=True):
    user_id: str


class _Membership(msgspec.Struct, frozen=True):
    data: _Subject


def notice(kind: str, *, at_ms: int, data: dict[str, Any], channel_id: str | None = None) -> bytes:
    """Write the envelope of a fact that has no `seq` and is stored nowhere.

    Its fields stand in `data`, as in every envelope, and beside it, so that a handler of `hello` or `auth.expiring`
    reads them without a level between.
    """
    head = {"type": kind, "at": rfc3339(at_ms)} | ({} if channel_id is None else {"channel_id": channel_id})
    return encode({**data, **head, "data": data})
