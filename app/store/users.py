"""Verbs on people's accounts. They take a connection, return core values and never commit."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, bindparam, exists, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.errors import AppError, FieldError
from app.core.model import User
from app.core.text import name_key
from app.store.conflicts import insert_unless
from app.store.tables import members, users

USER = (users.c.id, users.c.username, users.c.display_name, users.c.roles, users.c.created_at, users.c.suspended_at)
"""The columns of a user, in the order in which `user_of` takes them."""


def user_of(row: Sequence[Any]) -> User:
    """Make a user of the values of `USER`."""
    identity, username, display_name, roles, created_at, suspended_at = row
    return User(
        id=identity,
        username=username,
        display_name=display_name,
        roles=msgspec.json.decode(roles, type=tuple[str, ...]),
        created_at_ms=created_at,
        suspended_at_ms=suspended_at,
    )


_GET = select(*USER).where(users.c.id == bindparam("user_id"))
_CREDENTIALS = select(*USER, users.c.password_hash).where(users.c.username_key == bindparam("username_key"))


async def add(conn: AsyncConnection, user: User, username_key: str, password_hash: str | None) -> None:
    """Store a new account; `password_hash` is None for one that signs in elsewhere.

    Raises `AppError("already_exists")` where the name is taken.
    """
    row = {
        "id": user.id,
        "username": user.username,
        "username_key": username_key,
        "display_name": user.display_name,
        "display_key": name_key(user.display_name),
        "password_hash": password_hash,
        "roles": _roles(user.roles),
        "created_at": user.created_at_ms,
        "suspended_at": user.suspended_at_ms,
    }
    if not await insert_unless(conn, users, row, users.c.username_key):
        raise AppError("already_exists", fields=[FieldError("username", "taken")])


async def get(conn: AsyncConnection, user_id: str) -> User | None:
    """Read one user, whoever asks."""
    row = (await conn.execute(_GET, {"user_id": user_id})).one_or_none()
    return None if row is None else user_of(row)


async def credentials(conn: AsyncConnection, username_key: str) -> tuple[User, str | None] | None:
    """Read who has this name and the hash of their password, None for one that signs in elsewhere."""
    row = (await conn.execute(_CREDENTIALS, {"username_key": username_key})).one_or_none()
    return None if row is None else (user_of(row[:-1]), row[-1])


async def set_roles(conn: AsyncConnection, user_id: str, roles: Sequence[str]) -> bool:
    """Replace a user's roles; False where there is no such user, as with all the setters here."""
    return await _set(conn, user_id, roles=_roles(roles))


async def set_suspended(conn: AsyncConnection, user_id: str, at_ms: int | None) -> bool:
    """Suspend an account as of `at_ms`, or take it into use again with None."""
    return await _set(conn, user_id, suspended_at=at_ms)


async def set_display_name(conn: AsyncConnection, user_id: str, display_name: str) -> bool:
    """Change the name that others see."""
    return await _set(conn, user_id, display_name=display_name, display_key=name_key(display_name))


async def set_password(conn: AsyncConnection, user_id: str, password_hash: str) -> bool:
    """Replace the hash of the password; sessions are ended by `sessions.revoke_all`."""
    return await _set(conn, user_id, password_hash=password_hash)


async def lock(conn: AsyncConnection, user_id: str) -> User | None:
    """Read a user and keep everyone else from changing the account until the transaction ends."""
    row = (await conn.execute(_GET.with_for_update(key_share=True), {"user_id": user_id})).one_or_none()
    return None if row is None else user_of(row)


async def lock_administrators(conn: AsyncConnection) -> frozenset[str]:
    """Read the ids of all administrators that are not suspended, and lock them, in one order, as in `lock`."""
    query = (
        select(users.c.id)
        .where(users.c.roles.contains('"admin"', autoescape=True), users.c.suspended_at.is_(None))
        .order_by(users.c.id)
        .with_for_update(key_share=True)
    )
    return frozenset((await conn.execute(query)).scalars())


async def tokens_valid_after(conn: AsyncConnection, user_id: str) -> int | None:
    """Tell before when, in milliseconds, issued access tokens are void; 0 where none are, None for no such user.

    `sessions.revoke_all` moves it where it spares no session.
    """
    query = select(users.c.tokens_valid_after).where(users.c.id == user_id)
    return (await conn.execute(query)).scalar_one_or_none()


async def count(conn: AsyncConnection) -> int:
    """Count the accounts."""
    return (await conn.execute(select(func.count()).select_from(users))).scalar_one()


async def sharing_channel_with(
    conn: AsyncConnection, user_id: str, query: str | None, limit: int, after: str | None
) -> list[User]:
    """List the people who are in a channel with this user, the user included, ordered by name.

    `query` is part of a name, None for all; `after` is the id of the last user of the page before, None for the first.
    """
    mine, theirs = members.alias("mine"), members.alias("theirs")
    shared = (
        select(theirs.c.user_id)
        .join(mine, mine.c.channel_id == theirs.c.channel_id)
        .where(mine.c.user_id == user_id, theirs.c.user_id == users.c.id)
    )
    wanted = select(*USER).where(or_(users.c.id == user_id, exists(shared.correlate(users))))
    return await _page(conn, wanted, query, limit, after)


async def shares_channel(conn: AsyncConnection, user_id: str, other_id: str) -> bool:
    """Tell whether two users are in a channel together; everybody is with themselves."""
    if user_id == other_id:
        return True
    mine, theirs = members.alias("mine"), members.alias("theirs")
    query = (
        select(mine.c.channel_id)
        .join(theirs, theirs.c.channel_id == mine.c.channel_id)
        .where(mine.c.user_id == user_id, theirs.c.user_id == other_id)
        .limit(1)
    )
    return (await conn.execute(query)).first() is not None


async def search_all(conn: AsyncConnection, query: str | None, limit: int, after: str | None) -> list[User]:
    """List all people, for those who may see everyone; arguments and order as in `sharing_channel_with`."""
    return await _page(conn, select(*USER), query, limit, after)


async def _page(
    conn: AsyncConnection, wanted: Select[Any], query: str | None, limit: int, after: str | None
) -> list[User]:
    if query is not None:
        wanted = wanted.where(_is_named(name_key(query)))
    if after is not None:
        last = users.alias("last")
        place = select(last.c.username_key, last.c.id).where(last.c.id == after)
        wanted = wanted.where(tuple_(users.c.username_key, users.c.id) > place.scalar_subquery())
    rows = await conn.execute(wanted.order_by(users.c.username_key, users.c.id).limit(limit))
    return [user_of(row) for row in rows]


def _is_named(key: str) -> ColumnElement[bool]:
    return or_(users.c.username_key.contains(key, autoescape=True), users.c.display_key.contains(key, autoescape=True))


async def _set(conn: AsyncConnection, user_id: str, **values: str | int | None) -> bool:
    result = await conn.execute(update(users).where(users.c.id == user_id).values(**values))
    return result.rowcount == 1


def _roles(roles: Sequence[str]) -> str:
    return msgspec.json.encode(tuple(roles)).decode()
