"""Verbs on the people whom trusted issuers know: who they are here, and their sessions. They never commit."""

import msgspec
from sqlalchemy import bindparam, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.foreign import Foreign, Known
from app.core.model import Session
from app.store import sessions as verbs
from app.store.conflicts import insert_unless
from app.store.tables import external_identities, sessions, users
from app.store.users import USER, user_of

_IS_IT = (external_identities.c.issuer == bindparam("issuer"), external_identities.c.subject == bindparam("subject"))
_GET = (
    select(
        *USER,
        users.c.tokens_valid_after,
        external_identities.c.stated_name,
        external_identities.c.stated_roles,
        external_identities.c.stated_at_s,
        sessions.c.expires_at,
        sessions.c.revoked_at,
    )
    .select_from(external_identities)
    .join(users, users.c.id == external_identities.c.user_id)
    .outerjoin(sessions, (sessions.c.id == bindparam("session_id")) & (sessions.c.user_id == users.c.id))
    .where(*_IS_IT)
)
_LOCK = (
    select(users.c.id)
    .join(external_identities, external_identities.c.user_id == users.c.id)
    .where(*_IS_IT)
    .with_for_update(of=users)
)


async def get(conn: AsyncConnection, foreign: Foreign) -> Known | None:
    """Read what is known of a token's subject and session; None for a subject that was never seen."""
    row = (await conn.execute(_GET, {**_identity(foreign), "session_id": foreign.session_id()})).one_or_none()
    if row is None:
        return None
    valid_after, stated_name, stated_roles, stated_at_s, expires_at, revoked_at = row[len(USER) :]
    return Known(
        user=user_of(row[: len(USER)]),
        stated_name=stated_name,
        stated_roles=None if stated_roles is None else msgspec.json.decode(stated_roles, type=tuple[str, ...]),
        stated_at_s=stated_at_s,
        valid_after_ms=valid_after,
        session_expires_at_ms=expires_at,
        session_revoked=revoked_at is not None,
    )


async def lock(conn: AsyncConnection, foreign: Foreign) -> None:
    """Keep the subject's account as it is until the transaction ends; nothing where it is not known."""
    await conn.execute(_LOCK, _identity(foreign))


async def add(conn: AsyncConnection, foreign: Foreign, user_id: str, at_ms: int) -> None:
    """Store who a subject is here, and what its issuer says of it."""
    row = {**_identity(foreign), "user_id": user_id, "created_at": at_ms, **_stated(foreign)}
    await conn.execute(insert(external_identities), row)


async def restate(conn: AsyncConnection, foreign: Foreign) -> None:
    """Store what an issuer says of a subject by now; what it does not mention stays as it was."""
    told = {name: value for name, value in _stated(foreign).items() if value is not None}
    await conn.execute(update(external_identities).filter_by(**_identity(foreign)).values(told))


async def open_session(conn: AsyncConnection, session: Session) -> None:
    """Store a session, or let one that is there live as long as this one; one that was ended stays so."""
    row = verbs.row_of(session)
    if not await insert_unless(conn, sessions, row, sessions.c.id):
        longer = case(
            (sessions.c.expires_at < session.expires_at_ms, session.expires_at_ms), else_=sessions.c.expires_at
        )
        mine = (sessions.c.id == session.id) & (sessions.c.user_id == session.user_id)
        await conn.execute(update(sessions).where(mine).values(expires_at=longer, last_seen_at=session.last_seen_at_ms))


def _identity(foreign: Foreign) -> dict[str, str]:
    return {"issuer": foreign.issuer, "subject": foreign.subject}


def _stated(foreign: Foreign) -> dict[str, str | int | None]:
    roles = None if foreign.roles is None else msgspec.json.encode(foreign.roles).decode()
    return {"stated_name": foreign.name, "stated_roles": roles, "stated_at_s": foreign.issued_at_s}
