import asyncio

import pytest

from app.store import sessions, users
from app.store.database import Connection, Database
from tests.store.values import DAY, NOW, a_session, a_user, add_users

HASH = bytes(range(32))


@pytest.fixture
async def conn(conn: Connection) -> Connection:
    """Have two people to sign in."""
    await add_users(conn, "ada", "bob")
    return conn


async def test_live_session_is_read_with_its_user(conn: Connection) -> None:
    await sessions.add(conn, a_session())

    assert await sessions.get_live(conn, "ses_1", NOW) == (a_session(), a_user("ada"))


async def test_session_is_over_from_the_millisecond_of_its_expiry(conn: Connection) -> None:
    await sessions.add(conn, a_session(expires_at_ms=NOW + 10))

    assert await sessions.get_live(conn, "ses_1", NOW + 9) is not None
    assert await sessions.get_live(conn, "ses_1", NOW + 10) is None


async def test_session_of_a_suspended_user_is_not_live_until_the_suspension_is_lifted(conn: Connection) -> None:
    await sessions.add(conn, a_session())

    await users.set_suspended(conn, "usr_ada", NOW)
    assert await sessions.get_live(conn, "ses_1", NOW) is None

    await users.set_suspended(conn, "usr_ada", None)
    assert await sessions.get_live(conn, "ses_1", NOW) is not None


async def test_session_is_revoked_once_and_only_by_its_user(conn: Connection) -> None:
    await sessions.add(conn, a_session())

    assert not await sessions.revoke(conn, "ses_1", "usr_bob", NOW, "signed_out")
    assert await sessions.get_live(conn, "ses_1", NOW) is not None
    assert await sessions.revoke(conn, "ses_1", "usr_ada", NOW + 1, "signed_out")
    assert not await sessions.revoke(conn, "ses_1", "usr_ada", NOW + 2, "again")
    assert await sessions.get_live(conn, "ses_1", NOW) is None


async def test_list_shows_a_user_the_own_live_sessions_newest_first(conn: Connection) -> None:
    for number in (1, 2, 3, 4):
        await sessions.add(conn, a_session(number, last_seen_at_ms=NOW + number))
    await sessions.add(conn, a_session(5, "usr_bob"))
    await sessions.add(conn, a_session(6, expires_at_ms=NOW))
    await sessions.revoke(conn, "ses_2", "usr_ada", NOW, "signed_out")

    await sessions.touch(conn, "ses_1", NOW + 100, "2001:db8::1")

    found = await sessions.list_for(conn, "usr_ada", NOW)
    assert [session.id for session in found] == ["ses_1", "ses_4", "ses_3"]
    assert found[0] == a_session(1, last_seen_at_ms=NOW + 100, ip="2001:db8::1")


async def test_all_sessions_but_one_end_and_are_named(conn: Connection) -> None:
    for number in (1, 2, 3):
        await sessions.add(conn, a_session(number))
    await sessions.add(conn, a_session(4, "usr_bob"))
    await sessions.revoke(conn, "ses_3", "usr_ada", NOW, "signed_out")

    assert await sessions.revoke_all(conn, "usr_ada", NOW, "password", "ses_1") == ["ses_2"]

    assert await sessions.get_live(conn, "ses_1", NOW) is not None
    assert await sessions.get_live(conn, "ses_4", NOW) is not None
    assert await sessions.revoke_all(conn, "usr_ada", NOW, "signed_out", None) == ["ses_1"]
    assert await sessions.list_for(conn, "usr_ada", NOW) == []


async def test_token_is_read_with_session_and_user_in_whatever_state(conn: Connection) -> None:
    await sessions.add(conn, a_session())
    await sessions.add_token(conn, HASH, "ses_1", NOW, NOW + DAY)
    await sessions.revoke(conn, "ses_1", "usr_ada", NOW + 5, "signed_out")
    await users.set_suspended(conn, "usr_ada", NOW + 6)

    assert await sessions.token(conn, HASH) == sessions.RefreshToken(
        session=a_session(revoked_at_ms=NOW + 5),
        user=a_user("ada", suspended_at_ms=NOW + 6),
        created_at_ms=NOW,
        expires_at_ms=NOW + DAY,
        spent_at_ms=None,
    )
    assert await sessions.token(conn, bytes(32)) is None


async def test_token_is_spent_once_and_keeps_the_first_instant(conn: Connection) -> None:
    await sessions.add(conn, a_session())
    await sessions.add_token(conn, HASH, "ses_1", NOW, NOW + DAY)

    assert await sessions.spend(conn, HASH, NOW + 1)
    assert not await sessions.spend(conn, HASH, NOW + 2)
    assert not await sessions.spend(conn, bytes(32), NOW)

    token = await sessions.token(conn, HASH)
    assert token is not None
    assert token.spent_at_ms == NOW + 1


async def test_of_twenty_that_spend_a_token_at_once_one_succeeds(database: Database) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")
        await sessions.add(conn, a_session())
        await sessions.add_token(conn, HASH, "ses_1", NOW, NOW + DAY)

    async def spend() -> bool:
        async with database.transaction() as conn:
            return await sessions.spend(conn, HASH, NOW)

    assert sorted(await asyncio.gather(*(spend() for _ in range(20)))) == [False] * 19 + [True]


async def test_purge_deletes_what_is_long_over_and_nothing_else(conn: Connection) -> None:
    await sessions.add(conn, a_session(1, expires_at_ms=NOW - 1))
    await sessions.add(conn, a_session(2, revoked_at_ms=NOW - 1))
    await sessions.add(conn, a_session(3, revoked_at_ms=NOW))
    await sessions.add(conn, a_session(4))
    for number in (1, 2, 3, 4):
        await sessions.add_token(conn, bytes([number]) * 32, f"ses_{number}", NOW - DAY, NOW)
    await sessions.add_token(conn, bytes([5]) * 32, "ses_4", NOW - DAY, NOW - 1)

    assert await sessions.purge(conn, NOW, 100) == 3
    assert await sessions.purge(conn, NOW, 100) == 0

    left = [number for number in range(1, 6) if await sessions.token(conn, bytes([number]) * 32)]
    assert left == [3, 4]
    assert await sessions.get_live(conn, "ses_4", NOW) is not None


async def test_purge_takes_no_more_than_it_may(conn: Connection) -> None:
    for number in range(5):
        await sessions.add(conn, a_session(number, expires_at_ms=NOW - 1))

    assert [await sessions.purge(conn, NOW, 2) for _ in range(4)] == [2, 2, 1, 0]


async def test_living_sessions_are_told_from_ended_expired_suspended_and_unknown_ones(conn: Connection) -> None:
    await sessions.add(conn, a_session())
    await sessions.add(conn, a_session(2, expires_at_ms=NOW))
    await sessions.add(conn, a_session(3))
    await sessions.add(conn, a_session(4, user_id="usr_bob"))
    await sessions.revoke(conn, "ses_3", "usr_ada", NOW, "signed_out")
    await users.set_suspended(conn, "usr_bob", NOW)

    assert await sessions.living(conn, [f"ses_{number}" for number in range(9)], NOW) == {"ses_1"}
    assert await sessions.living(conn, [], NOW) == frozenset()
