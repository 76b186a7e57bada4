"""What only PostgreSQL does: limits on the server, locks of rows, plans, users of its own."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from app.core.errors import AppError, Unavailable
from app.core.model import User
from app.store import channels, messages, users
from app.store.database import Database, open_database
from tests.helpers import eventually
from tests.postgres import MAX_CONNECTIONS, Postgres
from tests.store.servers import backends, count, idle_in_transaction, name_of, warm
from tests.store.values import a_message, add_channel, add_users, sent


async def test_every_connection_has_its_limits_on_the_server(on_postgres: Database) -> None:
    for block in (on_postgres.transaction, on_postgres.reading):
        async with block() as conn:
            for name, value in (
                ("statement_timeout", "5s"),
                ("lock_timeout", "4s"),
                ("idle_in_transaction_session_timeout", "15s"),
                ("synchronous_commit", "on"),
                ("application_name", "heliograph"),
            ):
                assert (await conn.exec_driver_sql(f"SHOW {name}")).scalar_one() == value


async def test_cancelled_statement_ends_on_the_server_too(
    on_postgres: Database, postgres: Postgres, postgres_url: str
) -> None:
    async def sleep() -> None:
        async with on_postgres.transaction() as conn:
            await conn.exec_driver_sql("SELECT pg_sleep(4)")

    def sleeping() -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(4)%' AND state = 'active'"
        return postgres.sql(f"{query} AND datname = '{name_of(postgres_url)}'") == "1"

    task = asyncio.create_task(sleep())
    await eventually(sleeping)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await eventually(lambda: not sleeping())
    await eventually(lambda: len(idle_in_transaction(postgres, postgres_url)) == 0)


async def test_locked_channel_is_unavailable_after_the_limit_and_others_go_on(on_postgres: Database) -> None:
    async with on_postgres.transaction() as conn:
        await add_channel(conn, "other", "ada")

    async def write(channel_id: str) -> None:
        async with on_postgres.transaction() as conn:
            await conn.exec_driver_sql("SET LOCAL lock_timeout = 200")
            channel = (await channels.lock(conn, [channel_id]))[channel_id]
            await messages.insert(conn, sent(a_message(channel.last_seq + 1, channel_id)))

    async with on_postgres.transaction() as conn:
        await channels.lock(conn, ["chn_general"])
        with pytest.raises(Unavailable) as raised:
            await write("chn_general")
        await write("chn_other")
        assert await count(on_postgres) == 1

    assert raised.value.reason == "LockNotAvailableError: canceling statement due to lock timeout"
    await write("chn_general")


async def test_locked_channel_may_still_be_joined_and_read(on_postgres: Database) -> None:
    async with on_postgres.transaction() as conn:
        await channels.lock(conn, ["chn_general"])
        async with asyncio.timeout(2), on_postgres.transaction() as other:
            await other.exec_driver_sql("SET LOCAL lock_timeout = 500")
            await add_users(other, "bob")
            await add_channel(other, "second", "bob")
        async with on_postgres.reading() as reader:
            assert await messages.page(reader, "chn_general", limit=5) == []


async def test_deadlock_is_unavailable_for_one_and_the_other_goes_on(on_postgres: Database) -> None:
    async with on_postgres.transaction() as conn:
        await conn.exec_driver_sql("SELECT 1")
    gate = asyncio.Barrier(2)

    async def cross(first: int, second: int) -> str:
        try:
            async with on_postgres.transaction() as conn:
                await conn.exec_driver_sql("SET LOCAL deadlock_timeout = 50")
                await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": first})
                await gate.wait()
                await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": second})
        except Unavailable as error:
            return error.code
        return "done"

    assert sorted(await asyncio.gather(cross(1, 2), cross(2, 1))) == ["done", "unavailable"]


async def test_statement_that_takes_too_long_is_unavailable(on_postgres: Database) -> None:
    async def sleep() -> None:
        async with on_postgres.transaction() as conn:
            await conn.exec_driver_sql("SET LOCAL statement_timeout = 100")
            await conn.exec_driver_sql("SELECT pg_sleep(4)")

    with pytest.raises(Unavailable):
        await sleep()

    assert await count(on_postgres) == 1


async def test_server_without_a_connection_to_spare_is_unavailable_until_it_has_one(
    postgres: Postgres, postgres_url: str
) -> None:
    postgres.sql(f"ALTER DATABASE {name_of(postgres_url)} CONNECTION LIMIT 0")
    postgres.sql("DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN")
    plain = postgres_url.replace("postgres@", "plain@")
    async with open_database(plain) as database:
        with pytest.raises(Unavailable):
            await database.ping()

        postgres.sql(f"ALTER DATABASE {name_of(postgres_url)} CONNECTION LIMIT {MAX_CONNECTIONS}")
        await database.ping()


@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:{port}/postgres", "postgresql://postgres@127.0.0.1:{port}/none"]
)
async def test_wrong_name_or_database_is_unavailable(postgres: Postgres, url: str) -> None:
    async with open_database(url.format(port=postgres.port)) as database:
        with pytest.raises(Unavailable):
            await database.ping()


async def test_plan_that_a_migration_made_stale_is_made_anew(on_postgres: Database) -> None:
    async with on_postgres.reading() as first, on_postgres.reading() as second:
        await users.get(first, "usr_ada")
        await users.get(second, "usr_ada")
    async with on_postgres.transaction() as conn:
        await conn.exec_driver_sql("ALTER TABLE users ALTER COLUMN roles TYPE VARCHAR(500)")

    async def ask() -> Any:
        async with on_postgres.reading() as conn:
            return await users.get(conn, "usr_ada")

    answers = await asyncio.gather(*(ask() for _ in range(4)), return_exceptions=True)
    assert all(isinstance(answer, User | AppError) for answer in answers), answers
    assert [type(answer) for answer in await asyncio.gather(*(ask() for _ in range(4)))] == [User] * 4


async def test_no_connection_is_left_when_the_database_is_closed(postgres: Postgres, postgres_url: str) -> None:
    async with open_database(postgres_url, 4) as database:
        await warm(database)
        assert len(backends(postgres, postgres_url)) == 4

    await eventually(lambda: not backends(postgres, postgres_url))
