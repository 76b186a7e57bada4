"""The nouns of the service as frozen values. No rule, no storage, no wire form lives here."""

from typing import Any

import msgspec


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a bot with an account; `suspended_at_ms` is None while the account is in use."""

    id: str
    username: str
    display_name: str
    roles: tuple[str, ...]
    created_at_ms: int
    suspended_at_ms: int | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One signed-in device: the family of its refresh tokens; `revoked_at_ms` is None while it lives."""

    id: str
    user_id: str
    device_name: str | None
    ip: str
    created_at_ms: int
    last_seen_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None = None


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation; `last_seq` is the number of its newest durable fact, 0 before the first."""

    id: str
    name: str
    kind: str
    topic: str
    last_seq: int
    created_at_ms: int
    archived_at_ms: int | None = None


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as one user sees it; `role` is None for no member, `unread` counts what others wrote since."""

    channel: Channel
    role: str | None
    last_read_seq: int = 0
    unread: int = 0


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person in a channel."""

    user: User
    role: str
    joined_at_ms: int


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message; `text` and `data` are None where it has none or was deleted."""

    id: str
    channel_id: str
    seq: int
    author_id: str
    text: str | None
    data: dict[str, Any] | None
    reply_to: str | None
    client_msg_id: str | None
    created_at_ms: int
    edited_at_ms: int | None = None
    deleted_at_ms: int | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A durable fact of a channel: its number there, its name, and its envelope as it was sent live."""

    channel_id: str
    seq: int
    type: str
    envelope: bytes
