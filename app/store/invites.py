"""Verbs on invitations, of which only the hash of the code is stored. They never commit."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.invite import Invite
from app.store.tables import invites, users

_INVITE = (
    invites.c.id,
    invites.c.created_by,
    invites.c.created_at,
    invites.c.expires_at,
    invites.c.max_uses,
    invites.c.uses,
    invites.c.revoked_at,
)


async def add(conn: AsyncConnection, invite: Invite, code_hash: bytes) -> None:
    """Store a new invitation by the SHA-256 of its code."""
    row = {
        "id": invite.id,
        "code_hash": code_hash,
        "created_by": invite.created_by,
        "created_at": invite.created_at_ms,
        "expires_at": invite.expires_at_ms,
        "max_uses": invite.max_uses,
        "uses": invite.uses,
        "revoked_at": invite.revoked_at_ms,
    }
    await conn.execute(insert(invites), row)


async def is_open(conn: AsyncConnection, code_hash: bytes, now_ms: int) -> bool:
    """Tell whether a code would let somebody in right now; `use` decides."""
    query = select(invites.c.id).where(*_usable(code_hash, now_ms))
    return (await conn.execute(query)).scalar_one_or_none() is not None


async def use(conn: AsyncConnection, code_hash: bytes, now_ms: int) -> Invite | None:
    """Count one use; None where the code is unknown, used up, expired, revoked, or from somebody suspended.

    Of any number that try at once, on any node, no more than `max_uses` are told an invitation. Whoever comes while
    another transaction counts waits for its end.
    """
    statement = update(invites).where(*_usable(code_hash, now_ms)).values(uses=invites.c.uses + 1).returning(*_INVITE)
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else _invite_of(row)


async def list_for(conn: AsyncConnection, created_by: str | None, limit: int, after: str | None) -> list[Invite]:
    """List invitations, the newest first, also those that are over until they are purged.

    `created_by` is None for everybody's; `after` is the last invitation's id of the page before, None for the first.
    """
    query = select(*_INVITE).order_by(invites.c.created_at.desc(), invites.c.id.desc()).limit(limit)
    if created_by is not None:
        query = query.where(invites.c.created_by == created_by)
    if after is not None:
        last = invites.alias("last")
        place = select(last.c.created_at, last.c.id).where(last.c.id == after).scalar_subquery()
        query = query.where(tuple_(invites.c.created_at, invites.c.id) < place)
    return [_invite_of(row) for row in await conn.execute(query)]


async def count_open(conn: AsyncConnection, created_by: str, now_ms: int) -> int:
    """Count the invitations of somebody that could still be used."""
    query = select(func.count()).select_from(invites).where(invites.c.created_by == created_by, *_is_open(now_ms))
    return (await conn.execute(query)).scalar_one()


async def revoke(conn: AsyncConnection, invite_id: str, created_by: str | None, at_ms: int) -> bool:
    """Take an invitation back; False where there is none of that id that is not taken back already.

    `created_by` is whose it has to be, None for anybody's.
    """
    statement = update(invites).where(invites.c.id == invite_id, invites.c.revoked_at.is_(None))
    if created_by is not None:
        statement = statement.where(invites.c.created_by == created_by)
    return (await conn.execute(statement.values(revoked_at=at_ms))).rowcount == 1


async def purge(conn: AsyncConnection, before_ms: int, limit: int) -> int:
    """Delete invitations that expired before a moment, at most `limit`; tell how many they were."""
    old = select(invites.c.id).where(invites.c.expires_at < before_ms).limit(limit)
    return (await conn.execute(delete(invites).where(invites.c.id.in_(old)))).rowcount


def _is_open(now_ms: int) -> tuple[ColumnElement[bool], ...]:
    return invites.c.revoked_at.is_(None), invites.c.expires_at > now_ms, invites.c.uses < invites.c.max_uses


def _usable(code_hash: bytes, now_ms: int) -> tuple[ColumnElement[bool], ...]:
    inviter = exists().where(users.c.id == invites.c.created_by, users.c.suspended_at.is_(None))
    return invites.c.code_hash == code_hash, *_is_open(now_ms), inviter


def _invite_of(row: Sequence[Any]) -> Invite:
    identity, created_by, created_at, expires_at, max_uses, uses, revoked_at = row
    return Invite(
        id=identity,
        created_by=created_by,
        created_at_ms=created_at,
        expires_at_ms=expires_at,
        max_uses=max_uses,
        uses=uses,
        revoked_at_ms=revoked_at,
    )
