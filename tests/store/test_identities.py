"""Who the subjects of issuers are here, on both databases."""

import asyncio
from typing import Any

import msgspec

from app.core.foreign import Foreign
from app.core.model import Session
from app.store import identities, sessions, users
from app.store.database import Connection, Database
from tests.store.values import NOW, a_user

FOREIGN = Foreign(
    issuer="https://login.example.com",
    subject="s",
    family="sid:1",
    issued_at_s=NOW // 1000,
    expires_at_s=NOW // 1000 + 600,
    token_id="t",
    name="Ada",
    roles=("member",),
    default_roles=("member",),
    scope=None,
    channels=None,
    extra={},
)


def but(**changes: Any) -> Foreign:
    return msgspec.structs.replace(FOREIGN, **changes)


def a_session(user_id: str, expires_at_ms: int = NOW + 600_000) -> Session:
    return Session(
        id=FOREIGN.session_id(), user_id=user_id, device_name="d", ip="", created_at_ms=NOW, last_seen_at_ms=NOW,
        expires_at_ms=expires_at_ms,
    )  # fmt: skip


async def added(conn: Connection) -> str:
    user = a_user("ada")
    await users.add(conn, user, "ada", None)
    await identities.add(conn, FOREIGN, user.id, NOW)
    return user.id


async def test_a_subject_that_was_never_seen_is_nobody(conn: Connection) -> None:
    await identities.lock(conn, FOREIGN)
    assert await identities.get(conn, FOREIGN) is None


async def test_a_subject_is_found_by_issuer_and_subject_together(conn: Connection) -> None:
    user_id = await added(conn)
    known = await identities.get(conn, FOREIGN)
    assert known is not None
    assert (known.user.id, known.stated_name, known.stated_roles) == (user_id, "Ada", ("member",))
    assert (known.session_expires_at_ms, known.session_revoked, known.valid_after_ms) == (None, False, 0)
    assert await identities.get(conn, but(subject="S")) is None
    assert await identities.get(conn, but(issuer="https://other.example.com")) is None


async def test_what_is_not_mentioned_anew_stays_as_it_was_said(conn: Connection) -> None:
    await added(conn)
    await identities.restate(conn, but(roles=("admin",), name=None, issued_at_s=FOREIGN.issued_at_s + 5))
    known = await identities.get(conn, FOREIGN)
    assert known is not None
    assert (known.stated_name, known.stated_roles) == ("Ada", ("admin",))
    assert known.stated_at_s == FOREIGN.issued_at_s + 5


async def test_a_session_lives_as_long_as_its_longest_token(conn: Connection) -> None:
    user_id = await added(conn)
    for expires_at_ms, lives_until in ((NOW + 5, NOW + 5), (NOW + 9, NOW + 9), (NOW + 2, NOW + 9)):
        await identities.open_session(conn, a_session(user_id, expires_at_ms))
        known = await identities.get(conn, FOREIGN)
        assert known is not None
        assert known.session_expires_at_ms == lives_until


async def test_a_session_that_was_ended_is_not_opened_again(conn: Connection) -> None:
    user_id = await added(conn)
    await identities.open_session(conn, a_session(user_id))
    await sessions.revoke(conn, FOREIGN.session_id(), user_id, NOW, "signed_out")
    await identities.open_session(conn, a_session(user_id, NOW + 10**9))
    known = await identities.get(conn, FOREIGN)
    assert known is not None
    assert known.session_revoked
    assert await sessions.get_live(conn, FOREIGN.session_id(), NOW) is None


async def test_ending_all_sessions_is_seen(conn: Connection) -> None:
    user_id = await added(conn)
    await sessions.revoke_all(conn, user_id, NOW + 7, "signed_out", None)
    known = await identities.get(conn, FOREIGN)
    assert known is not None
    assert known.valid_after_ms == NOW + 7
    assert not known.may_open(FOREIGN)


async def test_a_locked_account_is_not_suspended_meanwhile(database: Database) -> None:
    async with database.transaction() as conn:
        user_id = await added(conn)

    async def suspend() -> None:
        async with database.transaction() as other:
            await users.set_suspended(other, user_id, NOW)

    async with database.transaction() as conn:
        await identities.lock(conn, FOREIGN)
        other = asyncio.create_task(suspend())
        known = await identities.get(conn, FOREIGN)
        assert known is not None
        await identities.open_session(conn, a_session(user_id))
        assert not other.done()
    await other
    async with database.reading() as conn:
        known = await identities.get(conn, FOREIGN)
    assert known is not None
    assert known.user.suspended_at_ms == NOW
