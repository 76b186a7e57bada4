"""Values that are valid until a test says otherwise."""

from typing import Any

from app.core.claims import Claims
from app.core.model import Channel, Fact, Message
from app.core.sending import Draft, fingerprint

ULID = "01J9ZQ3V8F6S7T2W4X5Y6Z7A8B"
USER = f"usr_{ULID}"
CHANNEL = f"chn_{ULID}"
MESSAGE = f"msg_{ULID}"
SESSION = f"ses_{ULID}"
NOW_S = 1_800_000_000
NOW_MS = NOW_S * 1000


def an_id(prefix: str, number: int) -> str:
    """Give the nth id of a kind."""
    return f"{prefix}_{number:026d}"


def a_fact(seq: int, channel_id: str = CHANNEL) -> Fact:
    """Give a fact that only its number tells from others."""
    return Fact(channel_id=channel_id, seq=seq, type="message.created", envelope=b"%d" % seq)


def a_channel(channel_id: str = CHANNEL, **fields: Any) -> Channel:
    """Give a public channel without facts."""
    known: dict[str, Any] = {"name": "news", "kind": "public", "topic": "", "last_seq": 0, "created_at_ms": NOW_MS}
    return Channel(id=channel_id, **(known | fields))


def a_draft(number: int = 1, **fields: Any) -> Draft:
    """Give a message that is asked for; its fingerprint is that of its content."""
    known: dict[str, Any] = {
        "author_id": USER,
        "channel_id": CHANNEL,
        "text": "hello",
        "data": None,
        "reply_to": None,
        "client_msg_id": None,
    }
    known |= fields
    content = fingerprint(known["channel_id"], known["text"], known["data"], known["reply_to"])
    return Draft(id=an_id("msg", number), fingerprint=content, **known)


def a_message(**fields: Any) -> Message:
    """Give a message with text."""
    known: dict[str, Any] = {
        "id": MESSAGE,
        "channel_id": CHANNEL,
        "seq": 7,
        "author_id": USER,
        "text": "hello",
        "data": None,
        "reply_to": None,
        "client_msg_id": "c-1",
        "created_at_ms": NOW_MS,
    }
    return Message(**(known | fields))


def some_claims(**fields: Any) -> Claims:
    """Give claims that hold at `NOW_MS`."""
    known: dict[str, Any] = {
        "issuer": "heliograph",
        "subject": USER,
        "session_id": SESSION,
        "token_id": "jti-1",
        "issued_at_s": NOW_S,
        "expires_at_s": NOW_S + 600,
        "name": "Ana",
    }
    return Claims(**(known | fields))


def a_payload(**fields: Any) -> dict[str, Any]:
    """Give the payload of a token that holds at `NOW_MS`."""
    known: dict[str, Any] = {
        "iss": "heliograph",
        "aud": "heliograph",
        "sub": USER,
        "exp": NOW_S + 600,
        "iat": NOW_S,
        "jti": "jti-1",
        "sid": SESSION,
        "name": "Ana",
        "roles": ["member"],
        "scope": "messages:read messages:send",
    }
    return known | fields
