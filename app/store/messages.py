"""Verbs on messages. `seq` was taken by the caller under the channel's lock; nothing here allots one."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.errors import AppError
from app.core.model import Message
from app.core.sending import Key, Sent
from app.store.faults import is_taken
from app.store.given import ROWS, item
from app.store.tables import messages

UNREADABLE = {"unreadable": True}
"""What stands for a message's data that an older or a foreign program has stored in a form that is not ours."""

MESSAGE = (
    messages.c.id,
    messages.c.channel_id,
    messages.c.seq,
    messages.c.author_id,
    messages.c.text,
    messages.c.data,
    messages.c.reply_to,
    messages.c.client_msg_id,
    messages.c.created_at,
    messages.c.edited_at,
    messages.c.deleted_at,
)
"""The columns of a message, in the order in which `message_of` takes them."""


def message_of(row: Sequence[Any]) -> Message:
    """Make a message of the values of `MESSAGE`."""
    (identity, channel_id, seq, author_id, text, data, reply_to, client_msg_id, created_at, edited_at, deleted_at) = row
    return Message(
        id=identity,
        channel_id=channel_id,
        seq=seq,
        author_id=author_id,
        text=text,
        data=_data_of(data),
        reply_to=reply_to,
        client_msg_id=client_msg_id,
        created_at_ms=created_at,
        edited_at_ms=edited_at,
        deleted_at_ms=deleted_at,
    )


_GET = select(*MESSAGE).where(messages.c.id == bindparam("message_id"))
_FIND_SENT = (
    select(*MESSAGE, messages.c.fingerprint)
    .select_from(ROWS)
    .join(messages, and_(messages.c.author_id == item(0), messages.c.client_msg_id == item(1)))
)
_INSERT = messages.insert()
_IN_CHANNEL = select(*MESSAGE).where(messages.c.channel_id == bindparam("channel_id")).limit(bindparam("limit"))
_FIRST, _LAST = (
    select(messages.c.seq).where(messages.c.channel_id == bindparam("channel_id")).order_by(order).limit(1)
    for order in (messages.c.seq, messages.c.seq.desc())
)
_BOUNDS = select(_FIRST.scalar_subquery(), _LAST.scalar_subquery())
_CHANNELS_OF = select(messages.c.id, messages.c.channel_id).select_from(ROWS).join(messages, messages.c.id == item(0))
_NEWEST = _IN_CHANNEL.order_by(messages.c.seq.desc())
_BEFORE = _NEWEST.where(messages.c.seq < bindparam("seq"))
_AFTER = _IN_CHANNEL.where(messages.c.seq > bindparam("seq")).order_by(messages.c.seq)


async def find_sent(conn: AsyncConnection, keys: Collection[Key]) -> dict[Key, Sent]:
    """Read which of these keys are taken and by what, in one round trip; the others are left out."""
    rows = await conn.execute(_FIND_SENT, {"given": keys})
    sent = [Sent(message_of(row[:-1]), row[-1]) for row in rows]
    return {(each.message.author_id, each.message.client_msg_id or ""): each for each in sent}


async def insert(conn: AsyncConnection, rows: Sequence[Sent]) -> None:
    """Store new messages, in one round trip.

    Raises `AppError("conflict")` where a `seq` or a `client_msg_id` was taken meanwhile by another transaction: the
    whole transaction is void then, and to be done again from its beginning.
    """
    if not rows:
        return
    try:
        await conn.execute(_INSERT, [_row_of(sent) for sent in rows])
    except IntegrityError as error:
        if not is_taken(error):
            raise
        raise AppError("conflict", reason="a seq or client_msg_id was taken meanwhile") from error


async def page(
    conn: AsyncConnection,
    channel_id: str,
    *,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int,
) -> list[Message]:
    """Read at most `limit` messages of a channel, ascending by `seq`, deleted ones too.

    At most one anchor is given: those just `before` a seq, just `after` it, or `around` it, the seq itself in the
    middle as far as there are enough on both sides. Without one they are the newest.
    """
    if around is not None:
        return await _around(conn, channel_id, around, limit)
    values = {"channel_id": channel_id, "limit": limit}
    if after is not None:
        return [message_of(row) for row in await conn.execute(_AFTER, {**values, "seq": after})]
    if before is not None:
        rows = await conn.execute(_BEFORE, {**values, "seq": before})
    else:
        rows = await conn.execute(_NEWEST, values)
    return [message_of(row) for row in rows][::-1]


async def get(conn: AsyncConnection, message_id: str) -> Message | None:
    """Read a message, whoever asks: whether they may see its channel is for the caller to find out."""
    row = (await conn.execute(_GET, {"message_id": message_id})).one_or_none()
    return None if row is None else message_of(row)


async def bounds(conn: AsyncConnection, channel_id: str) -> tuple[int, int]:
    """Read the `seq` of a channel's first and last message; (0, 0) where it has none."""
    first, last = (await conn.execute(_BOUNDS, {"channel_id": channel_id})).one()
    return first or 0, last or 0


async def channels_of(conn: AsyncConnection, message_ids: Collection[str]) -> dict[str, str]:
    """Read in which channel each of these messages is; unknown ones are left out."""
    rows = await conn.execute(_CHANNELS_OF, {"given": [(message_id,) for message_id in message_ids]})
    return {message_id: channel_id for message_id, channel_id in rows}  # noqa: C416  rows are not the pairs that dict() takes


async def _around(conn: AsyncConnection, channel_id: str, seq: int, limit: int) -> list[Message]:
    older = await page(conn, channel_id, before=seq, limit=limit)
    newer = await page(conn, channel_id, after=seq - 1, limit=limit)
    taken = min(len(newer), max(limit - len(older), limit - limit // 2))
    return [*older[len(older) - min(len(older), limit - taken) :], *newer[:taken]]


def _row_of(sent: Sent) -> dict[str, Any]:
    message = sent.message
    return {
        "id": message.id,
        "channel_id": message.channel_id,
        "seq": message.seq,
        "author_id": message.author_id,
        "text": message.text,
        "data": None if message.data is None else msgspec.json.encode(message.data).decode(),
        "reply_to": message.reply_to,
        "client_msg_id": message.client_msg_id,
        "fingerprint": sent.fingerprint,
        "created_at": message.created_at_ms,
        "edited_at": message.edited_at_ms,
        "deleted_at": message.deleted_at_ms,
    }


def _data_of(stored: str | None) -> dict[str, Any] | None:
    if stored is None:
        return None
    try:
        return msgspec.json.decode(stored, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return UNREADABLE
