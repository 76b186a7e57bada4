"""Verbs on the codes that let somebody choose a new password: one a person, and only its hash. They never commit."""

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.model import User
from app.store.tables import password_resets, users
from app.store.users import USER, user_of


async def put(conn: AsyncConnection, user_id: str, code_hash: bytes, created_at_ms: int, expires_at_ms: int) -> None:
    """Store a code by its SHA-256; one that the user had before is void. The user must be locked."""
    await drop(conn, user_id)
    row = {"user_id": user_id, "code_hash": code_hash, "created_at": created_at_ms, "expires_at": expires_at_ms}
    await conn.execute(insert(password_resets), row)


async def find(conn: AsyncConnection, code_hash: bytes, now_ms: int) -> User | None:
    """Read whose code this is; None where it is unknown or over, or its user suspended."""
    query = (
        select(*USER)
        .join(password_resets, password_resets.c.user_id == users.c.id)
        .where(
            password_resets.c.code_hash == code_hash,
            password_resets.c.expires_at > now_ms,
            users.c.suspended_at.is_(None),
        )
    )
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else user_of(row)


async def take(conn: AsyncConnection, code_hash: bytes, now_ms: int) -> str | None:
    """Use a code up and give its user's id; of any number that try at once one is given it, the others None."""
    statement = (
        delete(password_resets)
        .where(password_resets.c.code_hash == code_hash, password_resets.c.expires_at > now_ms)
        .returning(password_resets.c.user_id)
    )
    user_id: str | None = (await conn.execute(statement)).scalar_one_or_none()
    return user_id


async def drop(conn: AsyncConnection, user_id: str) -> None:
    """Make the code of a user void, if there is one."""
    await conn.execute(delete(password_resets).where(password_resets.c.user_id == user_id))


async def purge(conn: AsyncConnection, before_ms: int, limit: int) -> int:
    """Delete codes that were over before a moment, at most `limit`; tell how many they were."""
    old = select(password_resets.c.user_id).where(password_resets.c.expires_at < before_ms).limit(limit)
    return (await conn.execute(delete(password_resets).where(password_resets.c.user_id.in_(old)))).rowcount
