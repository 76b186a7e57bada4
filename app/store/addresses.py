"""Reads where an account was signed in. Addresses are stored with its sessions, and go with them."""

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import sessions, users

MAX_KNOWN = 200

_KNOWN = (
    select(sessions.c.ip)
    .join(users, users.c.id == sessions.c.user_id)
    .where(
        users.c.username_key == bindparam("username_key"),
        or_(sessions.c.revoked_at.is_(None), sessions.c.revoked_reason == "signed_out"),
    )
    .group_by(sessions.c.ip)
    .order_by(func.max(sessions.c.last_seen_at).desc(), sessions.c.ip)
    .limit(MAX_KNOWN)
)


async def known_for(conn: AsyncConnection, username_key: str) -> frozenset[str]:
    """List the addresses from which an account was signed in lately, at most 200; none for an unknown account.

    Sessions count that live, ran out, or that their owner ended; those that were ended for a reason do not.
    """
    return frozenset((await conn.execute(_KNOWN, {"username_key": username_key})).scalars())
