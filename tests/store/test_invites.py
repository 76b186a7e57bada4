import asyncio
from contextlib import suppress

import pytest

from app.core.invite import Invite
from app.store import invites, users
from app.store.database import Connection, Database
from tests.store.values import DAY, NOW, add_users

HASH = b"h" * 32


def an_invite(number: int = 1, **changes: object) -> Invite:
    values = {"created_by": "usr_ada", "created_at_ms": NOW + number, "expires_at_ms": NOW + DAY, "max_uses": 1}
    return Invite(id=f"inv_{number}", **{**values, **changes})  # type: ignore[arg-type]  # values of a test


async def add(conn: Connection, invite: Invite, code_hash: bytes = HASH) -> None:
    await add_users(conn, "ada")
    await invites.add(conn, invite, code_hash)


async def test_invitation_is_read_back_as_it_was(conn: Connection) -> None:
    await add(conn, an_invite(revoked_at_ms=NOW))

    assert await invites.list_for(conn, None, 10, None) == [an_invite(revoked_at_ms=NOW)]


async def test_each_use_counts_until_none_is_left(conn: Connection) -> None:
    await add(conn, an_invite(max_uses=2))

    used = [await invites.use(conn, HASH, NOW) for _ in range(3)]

    assert [invite and invite.uses for invite in used] == [1, 2, None]


@pytest.mark.parametrize(
    "changes", [{"expires_at_ms": NOW}, {"revoked_at_ms": NOW}, {"uses": 1}], ids=["expired", "revoked", "used up"]
)
async def test_invitation_that_is_over_is_not_open_and_not_used(conn: Connection, changes: dict[str, int]) -> None:
    await add(conn, an_invite(**changes))

    assert not await invites.is_open(conn, HASH, NOW)
    assert await invites.use(conn, HASH, NOW) is None


async def test_invitation_of_somebody_suspended_lets_nobody_in(conn: Connection) -> None:
    await add(conn, an_invite())
    assert await invites.is_open(conn, HASH, NOW)

    await users.set_suspended(conn, "usr_ada", NOW)

    assert not await invites.is_open(conn, HASH, NOW)
    assert await invites.use(conn, HASH, NOW) is None


async def test_of_many_that_use_one_invitation_at_once_one_does(database: Database) -> None:
    async with database.transaction() as conn:
        await add(conn, an_invite())

    async def use() -> bool:
        async with database.transaction() as conn:
            return await invites.use(conn, HASH, NOW) is not None

    assert sorted(await asyncio.gather(*(use() for _ in range(10)))) == [False] * 9 + [True]


async def test_use_that_is_rolled_back_does_not_count(database: Database) -> None:
    async with database.transaction() as conn:
        await add(conn, an_invite())
    with suppress(LookupError):
        async with database.transaction() as conn:
            assert await invites.use(conn, HASH, NOW) is not None
            raise LookupError

    async with database.reading() as conn:
        assert await invites.is_open(conn, HASH, NOW)


async def test_list_goes_from_the_newest_on_and_shows_ones_own_where_asked(conn: Connection) -> None:
    await add_users(conn, "ada", "bob")
    for number, name in enumerate(("ada", "bob", "ada", "ada")):
        await invites.add(conn, an_invite(number, created_by=f"usr_{name}"), bytes([number]) * 32)

    first = await invites.list_for(conn, "usr_ada", 2, None)
    rest = await invites.list_for(conn, "usr_ada", 2, first[-1].id)

    assert [invite.id for invite in (*first, *rest)] == ["inv_3", "inv_2", "inv_0"]
    assert len(await invites.list_for(conn, None, 10, None)) == 4
    assert await invites.count_open(conn, "usr_ada", NOW) == 3
    assert await invites.count_open(conn, "usr_ada", NOW + DAY) == 0


async def test_only_ones_own_is_revoked_and_once(conn: Connection) -> None:
    await add(conn, an_invite())

    assert not await invites.revoke(conn, "inv_1", "usr_bob", NOW)
    assert await invites.revoke(conn, "inv_1", None, NOW)
    assert not await invites.revoke(conn, "inv_1", "usr_ada", NOW)


async def test_purge_deletes_what_expired_long_ago_a_few_at_a_time(conn: Connection) -> None:
    await add_users(conn, "ada")
    for number in range(3):
        await invites.add(conn, an_invite(number), bytes([number]) * 32)

    assert await invites.purge(conn, NOW + DAY, 2) == 0
    assert [await invites.purge(conn, NOW + DAY + 1, 2) for _ in range(3)] == [2, 1, 0]
