import asyncio

from app.store import resets, users
from app.store.database import Connection, Database
from tests.store.values import NOW, a_user, add_users

OLD, NEW = b"o" * 32, b"n" * 32


async def test_code_is_found_until_its_end(conn: Connection) -> None:
    await add_users(conn, "ada")
    await resets.put(conn, "usr_ada", NEW, NOW, NOW + 10)

    assert await resets.find(conn, NEW, NOW + 9) == a_user("ada")
    assert await resets.find(conn, NEW, NOW + 10) is None
    assert await resets.take(conn, NEW, NOW + 10) is None
    assert await resets.find(conn, OLD, NOW) is None


async def test_newer_code_voids_the_older(conn: Connection) -> None:
    await add_users(conn, "ada", "bob")
    await resets.put(conn, "usr_ada", OLD, NOW, NOW + 10)
    await resets.put(conn, "usr_ada", NEW, NOW, NOW + 10)

    assert await resets.find(conn, OLD, NOW) is None
    assert await resets.find(conn, NEW, NOW) == a_user("ada")


async def test_code_of_somebody_suspended_is_not_found(conn: Connection) -> None:
    await add_users(conn, "ada")
    await resets.put(conn, "usr_ada", NEW, NOW, NOW + 10)
    await users.set_suspended(conn, "usr_ada", NOW)

    assert await resets.find(conn, NEW, NOW) is None


async def test_of_many_that_take_one_code_at_once_one_does(database: Database) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")
        await resets.put(conn, "usr_ada", NEW, NOW, NOW + 10)

    async def take() -> str | None:
        async with database.transaction() as conn:
            return await resets.take(conn, NEW, NOW)

    assert sorted(map(str, await asyncio.gather(*(take() for _ in range(8))))) == ["None"] * 7 + ["usr_ada"]


async def test_purge_deletes_codes_that_are_over(conn: Connection) -> None:
    await add_users(conn, "ada", "bob")
    await resets.put(conn, "usr_ada", OLD, NOW, NOW + 10)
    await resets.put(conn, "usr_bob", NEW, NOW, NOW + 20)

    assert await resets.purge(conn, NOW + 11, 10) == 1
    assert await resets.find(conn, NEW, NOW) is not None
