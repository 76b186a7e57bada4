"""Decides what becomes of the messages that one transaction commits. Pure: the writer reads, asks here, writes.

The channel's row is locked while this decides, so membership, numbers and repeats are those of the commit.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from app.core.channel_policy import ground
from app.core.errors import AppError, FieldError, Invalid, NotFound
from app.core.model import Channel, Message


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A message that somebody asks to send.

    `fingerprint` tells whether a repeat of its key has the same content, `channels` is the token's map of that name.
    """

    id: str
    author_id: str
    channel_id: str
    text: str | None
    data: dict[str, Any] | None
    reply_to: str | None
    client_msg_id: str | None
    fingerprint: bytes
    channels: Mapping[str, tuple[str, ...]] | None = None


class Sent(msgspec.Struct, frozen=True):
    """A message as it is stored, and the 32 bytes by which a repeat of it is known to be one."""

    message: Message
    fingerprint: bytes


class Stored(NamedTuple):
    """A message that is committed, and whether an earlier request with the same key had stored it."""

    message: Message
    duplicate: bool = False


Outcome = Stored | AppError
"""What became of one draft."""


class Plan(NamedTuple):
    """An outcome per draft, the rows to insert, and the new `last_seq` of every channel that gets some."""

    outcomes: list[Outcome]
    rows: list[Sent]
    heads: dict[str, int]


Key = tuple[str, str]
"""An author's id and the `client_msg_id` that the author chose."""


class Known(NamedTuple):
    """What the transaction has read: channels, roles by (channel, user), sent by (author, key), replies' channels."""

    channels: Mapping[str, Channel]
    roles: Mapping[tuple[str, str], str]
    sent: Mapping[Key, Sent]
    reply_channels: Mapping[str, str]


def fingerprint(channel_id: str, text: str | None, data: dict[str, Any] | None, reply_to: str | None) -> bytes:
    """Give 32 bytes that are the same exactly for the same content in the same channel."""
    content = msgspec.json.encode([channel_id, text, data, reply_to], order="deterministic")
    return hashlib.sha256(content).digest()


def plan(drafts: Sequence[Draft], known: Known, now_ms: int) -> Plan:
    """Decide on each draft in order; numbers are given out without gaps, and only to what will be stored."""
    made = Plan([], [], {})
    sent = dict(known.sent)
    for draft in drafts:
        try:
            made.outcomes.append(_repeat(draft, sent) or _store(draft, known, made, sent, now_ms))
        except AppError as error:
            made.outcomes.append(error)
    return made


def _repeat(draft: Draft, sent: Mapping[Key, Sent]) -> Stored | None:
    first = sent.get((draft.author_id, draft.client_msg_id)) if draft.client_msg_id else None
    if first is None:
        return None
    if first.fingerprint != draft.fingerprint:
        raise AppError("idempotency_key_reused")
    return Stored(first.message, duplicate=True)


def _store(draft: Draft, known: Known, made: Plan, sent: dict[Key, Sent], now_ms: int) -> Stored:
    channel = known.channels.get(draft.channel_id)
    role = known.roles.get((draft.channel_id, draft.author_id))
    may = channel is not None and ground("send", channel, role, draft.channels) is not None
    if channel is None or (role is None and not may):
        raise NotFound(draft.channel_id)
    if channel.archived_at_ms is not None:
        raise AppError("channel_archived")
    if not may:
        raise AppError("channel_read_only")
    if draft.reply_to is not None and known.reply_channels.get(draft.reply_to) != draft.channel_id:
        raise Invalid(FieldError("reply_to", "not_found"))
    seq = made.heads.get(channel.id, channel.last_seq) + 1
    row = Sent(_message(draft, seq, now_ms), draft.fingerprint)
    made.heads[channel.id] = seq
    made.rows.append(row)
    if draft.client_msg_id:
        sent[draft.author_id, draft.client_msg_id] = row
    return Stored(row.message)


def _message(draft: Draft, seq: int, now_ms: int) -> Message:
    return Message(
        id=draft.id,
        channel_id=draft.channel_id,
        seq=seq,
        author_id=draft.author_id,
        text=draft.text,
        data=draft.data,
        reply_to=draft.reply_to,
        client_msg_id=draft.client_msg_id,
        created_at_ms=now_ms,
    )
