"""Verbs on channels. A channel is read as one user sees it; what the user may not see is not found."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, bindparam, case, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.errors import AppError, FieldError
from app.core.model import Channel, Membership
from app.store.conflicts import insert_unless
from app.store.given import ROWS, item
from app.store.tables import channels, members, messages

MAX_UNREAD = 1000
"""How far back unread messages are counted, in facts of the channel; who is further behind is told about so many."""

_CHANNEL = (
    channels.c.id,
    channels.c.name,
    channels.c.kind,
    channels.c.topic,
    channels.c.last_seq,
    channels.c.created_at,
    channels.c.archived_at,
)
_GIVEN_IDS = select(item(0)).select_from(ROWS)


def _unread() -> ScalarSelect[int]:
    floor = channels.c.last_seq - MAX_UNREAD
    return (
        select(func.count())
        .select_from(messages)
        .where(
            messages.c.channel_id == members.c.channel_id,
            messages.c.seq > case((members.c.last_read_seq > floor, members.c.last_read_seq), else_=floor),
            messages.c.author_id != members.c.user_id,
            messages.c.deleted_at.is_(None),
        )
        .correlate(channels, members)
        .scalar_subquery()
    )


_IS_MINE = and_(members.c.channel_id == channels.c.id, members.c.user_id == bindparam("user_id"))
_MEMBERSHIP = select(*_CHANNEL, members.c.role, func.coalesce(members.c.last_read_seq, 0), _unread())
_MINE = _MEMBERSHIP.select_from(members.join(channels, _IS_MINE))
_VISIBLE = _MEMBERSHIP.select_from(channels.outerjoin(members, _IS_MINE))
_GET_ANY = _VISIBLE.where(channels.c.id == bindparam("channel_id"))
_GET_FOR = _GET_ANY.where(or_(members.c.user_id.is_not(None), channels.c.kind == "public"))
_DISCOVER = _VISIBLE.where(channels.c.kind == "public", channels.c.archived_at.is_(None))
_LOCK = select(*_CHANNEL).where(channels.c.id.in_(_GIVEN_IDS)).order_by(channels.c.id).with_for_update(key_share=True)
_ADVANCE = update(channels).where(channels.c.id == bindparam("channel_id")).values(last_seq=bindparam("seq"))
_HEADS = select(channels.c.id, channels.c.last_seq).where(channels.c.id.in_(_GIVEN_IDS))


async def add(conn: AsyncConnection, channel: Channel, created_by: str, name_key: str | None) -> None:
    """Store a new channel; `name_key` is None for one whose name need not be its own.

    Raises `AppError("already_exists")` where the name is taken.
    """
    row = {
        "id": channel.id,
        "name": channel.name,
        "name_key": name_key,
        "kind": channel.kind,
        "topic": channel.topic,
        "last_seq": channel.last_seq,
        "created_at": channel.created_at_ms,
        "created_by": created_by,
        "archived_at": channel.archived_at_ms,
    }
    if not await insert_unless(conn, channels, row, channels.c.name_key):
        raise AppError("already_exists", fields=[FieldError("name", "taken")])


async def get_for(conn: AsyncConnection, user_id: str, channel_id: str, *, any_kind: bool = False) -> Membership | None:
    """Read a channel of which the user is a member, or a public one, then with the role None.

    `any_kind` reads every other one as well; whether the user may see it is for the caller to find out.
    """
    query = _GET_ANY if any_kind else _GET_FOR
    row = (await conn.execute(query, {"user_id": user_id, "channel_id": channel_id})).one_or_none()
    return None if row is None else _membership_of(row)


async def list_for(conn: AsyncConnection, user_id: str, limit: int, after: str | None) -> list[Membership]:
    """List the user's channels, archived ones too, ordered by name.

    `after` is the id of the last channel of the page before, None for the first.
    """
    return await _page(conn, _MINE, func.coalesce(channels.c.name_key, ""), user_id, limit, after)


async def discover(conn: AsyncConnection, user_id: str, limit: int, after: str | None) -> list[Membership]:
    """List the public channels that are in use, the user's own too; arguments and order as in `list_for`."""
    return await _page(conn, _DISCOVER, channels.c.name_key, user_id, limit, after)


async def lock(conn: AsyncConnection, channel_ids: Collection[str]) -> dict[str, Channel]:
    """Read channels and keep everyone else from advancing them until the transaction ends.

    They are locked in one order, so that two writers never wait for each other. Ids of no channel are left out.
    """
    rows = await conn.execute(_LOCK, {"given": [(channel_id,) for channel_id in channel_ids]})
    return {row[0]: _channel_of(row) for row in rows}


async def advance(conn: AsyncConnection, last_seqs: Mapping[str, int]) -> None:
    """Store the newest `seq` of channels that this transaction has locked."""
    if last_seqs:
        rows = [{"channel_id": channel_id, "seq": seq} for channel_id, seq in sorted(last_seqs.items())]
        await conn.execute(_ADVANCE, rows)


async def heads(conn: AsyncConnection, channel_ids: Collection[str]) -> dict[str, int]:
    """Read the newest `seq` of channels; ids of no channel are left out."""
    rows = await conn.execute(_HEADS, {"given": [(channel_id,) for channel_id in channel_ids]})
    return {channel_id: last_seq for channel_id, last_seq in rows}  # noqa: C416 (rows are not the pairs that dict() takes)


async def _page(  # noqa: PLR0917  only called from above
    conn: AsyncConnection, wanted: Select[Any], name: ColumnElement[str], user_id: str, limit: int, after: str | None
) -> list[Membership]:
    if after is not None:
        last = select(name, channels.c.id).where(channels.c.id == after).correlate(None).scalar_subquery()
        wanted = wanted.where(tuple_(name, channels.c.id) > last)
    rows = await conn.execute(wanted.order_by(name, channels.c.id).limit(limit), {"user_id": user_id})
    return [_membership_of(row) for row in rows]


def _membership_of(row: Sequence[Any]) -> Membership:
    *channel, role, last_read_seq, unread = row
    return Membership(channel=_channel_of(channel), role=role, last_read_seq=last_read_seq, unread=unread)


def _channel_of(row: Sequence[Any]) -> Channel:
    identity, name, kind, topic, last_seq, created_at, archived_at = row
    return Channel(
        id=identity,
        name=name,
        kind=kind,
        topic=topic,
        last_seq=last_seq,
        created_at_ms=created_at,
        archived_at_ms=archived_at,
    )
