"""Verbs on sessions and their refresh tokens, of which only hashes are stored. They never commit."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.model import Session, User
from app.store.given import ROWS, item
from app.store.tables import refresh_tokens, sessions, users
from app.store.users import USER, user_of

MAX_LISTED = 200

_SESSION = (
    sessions.c.id,
    sessions.c.user_id,
    sessions.c.device_name,
    sessions.c.ip,
    sessions.c.created_at,
    sessions.c.last_seen_at,
    sessions.c.expires_at,
    sessions.c.revoked_at,
)


class RefreshToken(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token that was given out: whose it is, and when it was spent, None while it is fresh."""

    session: Session
    user: User
    created_at_ms: int
    expires_at_ms: int
    spent_at_ms: int | None


_GET_LIVE = (
    select(*_SESSION, *USER)
    .join(users, users.c.id == sessions.c.user_id)
    .where(
        sessions.c.id == bindparam("session_id"),
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > bindparam("now_ms"),
        users.c.suspended_at.is_(None),
    )
)
_LIVING = (
    select(sessions.c.id)
    .select_from(ROWS)
    .join(sessions, sessions.c.id == item(0))
    .join(users, users.c.id == sessions.c.user_id)
    .where(sessions.c.revoked_at.is_(None), sessions.c.expires_at > bindparam("now_ms"), users.c.suspended_at.is_(None))
)
_TOKEN = (
    select(*_SESSION, *USER, refresh_tokens.c.created_at, refresh_tokens.c.expires_at, refresh_tokens.c.spent_at)
    .select_from(refresh_tokens)
    .join(sessions, sessions.c.id == refresh_tokens.c.session_id)
    .join(users, users.c.id == sessions.c.user_id)
    .where(refresh_tokens.c.token_hash == bindparam("token_hash"))
)


def row_of(session: Session) -> dict[str, Any]:
    """Give a session as a row of its table."""
    return {
        "id": session.id,
        "user_id": session.user_id,
        "device_name": session.device_name,
        "ip": session.ip,
        "created_at": session.created_at_ms,
        "last_seen_at": session.last_seen_at_ms,
        "expires_at": session.expires_at_ms,
        "revoked_at": session.revoked_at_ms,
    }


async def add(conn: AsyncConnection, session: Session) -> None:
    """Store a new session."""
    await conn.execute(insert(sessions), row_of(session))


async def get_live(conn: AsyncConnection, session_id: str, now_ms: int) -> tuple[Session, User] | None:
    """Read a session and its user; None where it is revoked, expired, or its user suspended."""
    row = (await conn.execute(_GET_LIVE, {"session_id": session_id, "now_ms": now_ms})).one_or_none()
    return None if row is None else _session_and_user(row)


async def living(conn: AsyncConnection, session_ids: Collection[str], now_ms: int) -> frozenset[str]:
    """Read which of these sessions are live: not revoked, not expired, their users not suspended."""
    given = {"given": [(session_id,) for session_id in session_ids], "now_ms": now_ms}
    return frozenset((await conn.execute(_LIVING, given)).scalars())


async def list_for(conn: AsyncConnection, user_id: str, now_ms: int) -> list[Session]:
    """List a user's live sessions, the one last seen first, at most 200."""
    query = (
        select(*_SESSION)
        .where(sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None), sessions.c.expires_at > now_ms)
        .order_by(sessions.c.last_seen_at.desc(), sessions.c.id)
        .limit(MAX_LISTED)
    )
    return [_session_of(row) for row in await conn.execute(query)]


async def revoke(conn: AsyncConnection, session_id: str, user_id: str, at_ms: int, reason: str) -> bool:
    """End a session of this user; False where the user has none of that id that is not ended already."""
    statement = (
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None))
        .values(revoked_at=at_ms, revoked_reason=reason)
    )
    return (await conn.execute(statement)).rowcount == 1


async def revoke_all(conn: AsyncConnection, user_id: str, at_ms: int, reason: str, except_id: str | None) -> list[str]:
    """End all sessions of a user but `except_id`, or all and every access token so far where that is None.

    Returns the ids of those that it ended.
    """
    statement = update(sessions).where(sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None))
    if except_id is None:
        await conn.execute(update(users).where(users.c.id == user_id).values(tokens_valid_after=at_ms))
    else:
        statement = statement.where(sessions.c.id != except_id)
    ended = statement.values(revoked_at=at_ms, revoked_reason=reason).returning(sessions.c.id)
    return list((await conn.execute(ended)).scalars())


async def touch(conn: AsyncConnection, session_id: str, at_ms: int, ip: str) -> None:
    """Note when and from where a session was last used."""
    await conn.execute(update(sessions).where(sessions.c.id == session_id).values(last_seen_at=at_ms, ip=ip))


async def add_token(
    conn: AsyncConnection, token_hash: bytes, session_id: str, created_at_ms: int, expires_at_ms: int
) -> None:
    """Store a fresh refresh token by the SHA-256 of it."""
    row = {
        "token_hash": token_hash,
        "session_id": session_id,
        "created_at": created_at_ms,
        "expires_at": expires_at_ms,
    }
    await conn.execute(insert(refresh_tokens), row)


async def token(conn: AsyncConnection, token_hash: bytes) -> RefreshToken | None:
    """Read a refresh token with its session and user, in whatever state they are."""
    row = (await conn.execute(_TOKEN, {"token_hash": token_hash})).one_or_none()
    if row is None:
        return None
    session, user = _session_and_user(row)
    created_at, expires_at, spent_at = row[-3:]
    return RefreshToken(
        session=session, user=user, created_at_ms=created_at, expires_at_ms=expires_at, spent_at_ms=spent_at
    )


async def spend(conn: AsyncConnection, token_hash: bytes, at_ms: int) -> bool:
    """Spend a refresh token; of any number that try at once, on any node, one is told True."""
    statement = (
        update(refresh_tokens)
        .where(refresh_tokens.c.token_hash == token_hash, refresh_tokens.c.spent_at.is_(None))
        .values(spent_at=at_ms)
    )
    return (await conn.execute(statement)).rowcount == 1


async def purge(conn: AsyncConnection, before_ms: int, limit: int) -> int:
    """Delete sessions that expired or ended before `before_ms`, and tokens that expired, at most `limit` of each.

    Returns how many rows it deleted, without the tokens that went with their session.
    """
    old_tokens = select(refresh_tokens.c.token_hash).where(refresh_tokens.c.expires_at < before_ms).limit(limit)
    old_sessions = (
        select(sessions.c.id)
        .where(or_(sessions.c.expires_at < before_ms, sessions.c.revoked_at < before_ms))
        .limit(limit)
    )
    tokens = await conn.execute(delete(refresh_tokens).where(refresh_tokens.c.token_hash.in_(old_tokens)))
    ended = await conn.execute(delete(sessions).where(sessions.c.id.in_(old_sessions)))
    return tokens.rowcount + ended.rowcount


def _session_and_user(row: Sequence[Any]) -> tuple[Session, User]:
    width = len(_SESSION)
    return _session_of(row[:width]), user_of(row[width : width + len(USER)])


def _session_of(row: Sequence[Any]) -> Session:
    identity, user_id, device_name, ip, created_at, last_seen_at, expires_at, revoked_at = row
    return Session(
        id=identity,
        user_id=user_id,
        device_name=device_name,
        ip=ip,
        created_at_ms=created_at,
        last_seen_at_ms=last_seen_at,
        expires_at_ms=expires_at,
        revoked_at_ms=revoked_at,
    )
