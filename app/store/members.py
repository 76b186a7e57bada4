"""Verbs on who is in which channel, and how far they have read. They never commit."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, bindparam, case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.model import Member
from app.store.conflicts import insert_unless
from app.store.given import ROWS, item
from app.store.tables import channels, members, users
from app.store.users import USER, user_of

Pair = tuple[str, str]
"""A channel's id and a user's."""

_MEMBER = select(*USER, members.c.role, members.c.joined_at).join(members, members.c.user_id == users.c.id)
_ROLES = (
    select(members.c.channel_id, members.c.user_id, members.c.role)
    .select_from(ROWS)
    .join(members, and_(members.c.channel_id == item(0), members.c.user_id == item(1)))
)
_CHANNELS_OF = (
    select(channels.c.id, channels.c.last_seq)
    .join(members, members.c.channel_id == channels.c.id)
    .where(members.c.user_id == bindparam("user_id"))
)


async def add(  # noqa: PLR0917  a row's columns in their order
    conn: AsyncConnection, channel_id: str, user_id: str, role: str, joined_at_ms: int, last_read_seq: int
) -> bool:
    """Make a user a member; False, and nothing changed, where the user is one already."""
    row = {
        "channel_id": channel_id,
        "user_id": user_id,
        "role": role,
        "joined_at": joined_at_ms,
        "last_read_seq": last_read_seq,
    }
    return await insert_unless(conn, members, row, members.c.channel_id, members.c.user_id)


async def remove(conn: AsyncConnection, channel_id: str, user_id: str) -> bool:
    """Make a user no member; False where the user was none."""
    return (await conn.execute(delete(members).where(_is(channel_id, user_id)))).rowcount == 1


async def set_role(conn: AsyncConnection, channel_id: str, user_id: str, role: str) -> bool:
    """Change a member's role; False where the user is no member."""
    return (await conn.execute(update(members).where(_is(channel_id, user_id)).values(role=role))).rowcount == 1


async def roles(conn: AsyncConnection, pairs: Collection[Pair]) -> dict[Pair, str]:
    """Read the roles of many at once; pairs that are no membership are left out."""
    rows = await conn.execute(_ROLES, {"given": pairs})
    return {(channel_id, user_id): role for channel_id, user_id, role in rows}


async def list_for(conn: AsyncConnection, channel_id: str, limit: int, after: str | None) -> list[Member]:
    """List the members of a channel, ordered by id; `after` is the last user's id of the page before, or None."""
    query = _MEMBER.where(members.c.channel_id == channel_id).order_by(members.c.user_id).limit(limit)
    if after is not None:
        query = query.where(members.c.user_id > after)
    return [_member_of(row) for row in await conn.execute(query)]


async def get(conn: AsyncConnection, channel_id: str, user_id: str) -> Member | None:
    """Read one member, None where the user is none."""
    row = (await conn.execute(_MEMBER.where(_is(channel_id, user_id)))).one_or_none()
    return None if row is None else _member_of(row)


async def channels_of(conn: AsyncConnection, user_id: str) -> dict[str, int]:
    """Read all channels of which the user is a member, each with its newest `seq`."""
    rows = await conn.execute(_CHANNELS_OF, {"user_id": user_id})
    return {channel_id: last_seq for channel_id, last_seq in rows}  # noqa: C416 (rows are not the pairs that dict() takes)


async def mark_read(conn: AsyncConnection, channel_id: str, user_id: str, seq: int) -> bool:
    """Move a member's read cursor, backwards too, never past the channel's newest fact; False for no member."""
    statement = update(members).where(_is(channel_id, user_id)).values(last_read_seq=_at_most_last(channel_id, seq))
    return (await conn.execute(statement)).rowcount == 1


def _member_of(row: Sequence[Any]) -> Member:
    *user, role, joined_at = row
    return Member(user=user_of(user), role=role, joined_at_ms=joined_at)


def _at_most_last(channel_id: str, seq: int) -> ScalarSelect[Any]:
    capped = case((channels.c.last_seq < seq, channels.c.last_seq), else_=seq)
    return select(capped).where(channels.c.id == channel_id).scalar_subquery()


def _is(channel_id: str, user_id: str) -> ColumnElement[bool]:
    return and_(members.c.channel_id == channel_id, members.c.user_id == user_id)
