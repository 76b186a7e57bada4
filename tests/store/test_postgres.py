"""What only PostgreSQL does: it restarts, hangs, locks rows, runs out of connections, becomes a replica."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text

from app.core.errors import AppError, Unavailable
from app.core.model import User
from app.store import channels, messages, users
from app.store import database as database_module
from app.store import postgres as module
from app.store.database import Database, open_database
from app.store.faults import OutcomeUnknown
from tests.helpers import eventually
from tests.postgres import MAX_CONNECTIONS, Postgres
from tests.store.values import a_message, add_channel, add_users, sent


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    async with open_database(postgres_url, 4) as opened:
        async with opened.transaction() as conn:
            await add_users(conn, "ada")
            await add_channel(conn, "general", "ada")
        yield opened


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def backends(postgres: Postgres, url: str) -> list[int]:
    found = postgres.sql(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name_of(url)}'")
    return [int(line) for line in found.split()]


async def count(database: Database) -> int:
    async with database.reading() as conn:
        return await users.count(conn)


async def add(database: Database, name: str) -> None:
    async with database.transaction() as conn:
        await add_users(conn, name)


async def warm(database: Database, number: int = 4) -> None:
    """Have that many connections open in the pool."""

    async def hold(gate: asyncio.Barrier) -> None:
        async with database.reading() as conn:
            await users.count(conn)
            await gate.wait()

    gate = asyncio.Barrier(number)
    await asyncio.gather(*(hold(gate) for _ in range(number)))


async def recovered(database: Database) -> bool:
    try:
        await database.ping()
    except Unavailable:
        return False
    return True


async def test_every_connection_has_its_limits_on_the_server(database: Database) -> None:
    for block in (database.transaction, database.reading):
        async with block() as conn:
            for name, value in (
                ("statement_timeout", "5s"),
                ("lock_timeout", "4s"),
                ("idle_in_transaction_session_timeout", "15s"),
                ("synchronous_commit", "on"),
                ("application_name", "heliograph"),
            ):
                assert (await conn.exec_driver_sql(f"SHOW {name}")).scalar_one() == value


@pytest.mark.parametrize("mode", ["immediate", "fast"])
async def test_restart_between_two_requests_is_not_noticed(database: Database, postgres: Postgres, mode: str) -> None:
    await warm(database)

    await asyncio.to_thread(postgres.restart, mode)

    for number in range(8):
        await add(database, f"u{number}")
    assert await count(database) == 9


async def test_restart_within_a_transaction_is_unavailable_and_nothing_is_stored(
    database: Database, postgres: Postgres
) -> None:
    async def write() -> None:
        async with database.transaction() as conn:
            await add_users(conn, "bob")
            await asyncio.to_thread(postgres.restart)
            await add_users(conn, "cyd")

    with pytest.raises(Unavailable) as raised:
        await write()

    assert not isinstance(raised.value, OutcomeUnknown)
    assert await count(database) == 1


async def test_connection_that_is_lost_before_the_commit_leaves_the_outcome_unknown(
    database: Database, postgres: Postgres
) -> None:
    async def write() -> None:
        async with database.transaction() as conn:
            await add_users(conn, "bob")
            pid = (await conn.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
            postgres.sql(f"SELECT pg_terminate_backend({pid}, 5000)")

    with pytest.raises(OutcomeUnknown):
        await write()

    assert await count(database) == 1


async def test_killed_backends_are_replaced(database: Database, postgres: Postgres, postgres_url: str) -> None:
    for _ in range(3):
        await warm(database)
        for pid in backends(postgres, postgres_url):
            await asyncio.to_thread(postgres.sql, f"SELECT pg_terminate_backend({pid}, 5000)")

        await asyncio.gather(*(count(database) for _ in range(10)))


async def test_server_that_is_down_is_unavailable_at_once_and_heals_by_itself(
    database: Database, postgres: Postgres
) -> None:
    await warm(database)
    await asyncio.to_thread(postgres.stop, "immediate")
    try:
        async with asyncio.timeout(3):
            for _ in range(10):
                with pytest.raises(Unavailable):
                    await count(database)
                with pytest.raises(Unavailable):
                    await add(database, "bob")
                with pytest.raises(Unavailable):
                    await database.ping()
    finally:
        await asyncio.to_thread(postgres.start)

    await eventually(lambda: recovered(database))
    await add(database, "bob")
    assert await count(database) == 2


async def test_requests_during_a_restart_are_done_or_unavailable_and_what_is_acked_is_there(
    database: Database, postgres: Postgres
) -> None:
    stop = asyncio.Event()

    async def write(worker: int) -> set[str]:
        acked, number = set(), 0
        while not stop.is_set():
            number += 1
            name = f"w{worker}_{number}"
            try:
                await add(database, name)
            except Unavailable:
                continue
            acked.add(name)
        return acked

    writers = [asyncio.create_task(write(worker)) for worker in range(6)]
    for _ in range(2):
        await asyncio.to_thread(postgres.restart)
        await eventually(lambda: recovered(database))
    stop.set()
    acked = set().union(*await asyncio.gather(*writers))

    async with database.reading() as conn:
        stored = set((await conn.execute(text("SELECT username FROM users"))).scalars())
    assert acked
    assert acked <= stored


async def test_frozen_server_is_unavailable_within_the_limit_and_heals(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND_TIMEOUT_S", 0.3)
    async with open_database(postgres_url, 1, pool_timeout_s=0.5) as database:
        await count(database)
        [pid] = backends(postgres, postgres_url)
        os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(5):
                with pytest.raises(Unavailable):
                    await count(database)
        finally:
            os.kill(pid, signal.SIGCONT)

        await add(database, "ada")
        assert await count(database) == 1


async def test_late_answer_of_a_frozen_server_is_given_to_nobody(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND_TIMEOUT_S", 0.3)
    async with open_database(postgres_url, 1, pool_timeout_s=5) as database:
        with pytest.raises(Unavailable):
            async with database.reading() as conn:
                await conn.exec_driver_sql("SELECT 'late', pg_sleep(0.6)")

        async with database.reading() as conn:
            assert (await conn.exec_driver_sql("SELECT 'mine'")).scalar_one() == "mine"


async def test_cancelled_statement_ends_on_the_server_too(
    database: Database, postgres: Postgres, postgres_url: str
) -> None:
    async def sleep() -> None:
        async with database.transaction() as conn:
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


def idle_in_transaction(postgres: Postgres, url: str) -> list[str]:
    query = f"SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = '{name_of(url)}'"
    return postgres.sql(query).split()


async def test_locked_channel_is_unavailable_after_the_limit_and_others_go_on(database: Database) -> None:
    async with database.transaction() as conn:
        await add_channel(conn, "other", "ada")

    async def write(channel_id: str) -> None:
        async with database.transaction() as conn:
            await conn.exec_driver_sql("SET LOCAL lock_timeout = 200")
            channel = (await channels.lock(conn, [channel_id]))[channel_id]
            await messages.insert(conn, sent(a_message(channel.last_seq + 1, channel_id)))

    async with database.transaction() as conn:
        await channels.lock(conn, ["chn_general"])
        with pytest.raises(Unavailable) as raised:
            await write("chn_general")
        await write("chn_other")
        assert await count(database) == 1

    assert raised.value.reason == "LockNotAvailableError: canceling statement due to lock timeout"
    await write("chn_general")


async def test_locked_channel_may_still_be_joined_and_read(database: Database) -> None:
    async with database.transaction() as conn:
        await channels.lock(conn, ["chn_general"])
        async with asyncio.timeout(2), database.transaction() as other:
            await other.exec_driver_sql("SET LOCAL lock_timeout = 500")
            await add_users(other, "bob")
            await add_channel(other, "second", "bob")
        async with database.reading() as reader:
            assert await messages.page(reader, "chn_general", limit=5) == []


async def test_deadlock_is_unavailable_for_one_and_the_other_goes_on(database: Database) -> None:
    async with database.transaction() as conn:
        await conn.exec_driver_sql("SELECT 1")
    gate = asyncio.Barrier(2)

    async def cross(first: int, second: int) -> str:
        try:
            async with database.transaction() as conn:
                await conn.exec_driver_sql("SET LOCAL deadlock_timeout = 50")
                await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": first})
                await gate.wait()
                await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": second})
        except Unavailable as error:
            return error.code
        return "done"

    assert sorted(await asyncio.gather(cross(1, 2), cross(2, 1))) == ["done", "unavailable"]


async def test_statement_that_takes_too_long_is_unavailable(database: Database) -> None:
    async def sleep() -> None:
        async with database.transaction() as conn:
            await conn.exec_driver_sql("SET LOCAL statement_timeout = 100")
            await conn.exec_driver_sql("SELECT pg_sleep(4)")

    with pytest.raises(Unavailable):
        await sleep()

    assert await count(database) == 1


async def test_server_without_a_connection_to_spare_is_unavailable_until_it_has_one(
    postgres: Postgres, postgres_url: str
) -> None:
    postgres.sql(f"ALTER DATABASE {name_of(postgres_url)} CONNECTION LIMIT 0")
    postgres.sql("CREATE ROLE plain LOGIN")
    plain = postgres_url.replace("postgres@", "plain@")
    async with open_database(plain) as database:
        with pytest.raises(Unavailable):
            await database.ping()

        postgres.sql(f"ALTER DATABASE {name_of(postgres_url)} CONNECTION LIMIT {MAX_CONNECTIONS}")
        await database.ping()


async def test_server_that_became_a_replica_takes_no_writes_and_is_read_on(database: Database) -> None:
    async def write() -> None:
        async with database.transaction() as conn:
            await conn.exec_driver_sql("SET TRANSACTION READ ONLY")
            await add_users(conn, "bob")

    with pytest.raises(Unavailable):
        await write()

    assert await count(database) == 1


@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:{port}/postgres", "postgresql://postgres@127.0.0.1:{port}/none"]
)
async def test_wrong_name_or_database_is_unavailable(postgres: Postgres, url: str) -> None:
    async with open_database(url.format(port=postgres.port)) as database:
        with pytest.raises(Unavailable):
            await database.ping()


async def test_plan_that_a_migration_made_stale_is_made_anew(database: Database) -> None:
    async with database.reading() as first, database.reading() as second:
        await users.get(first, "usr_ada")
        await users.get(second, "usr_ada")
    async with database.transaction() as conn:
        await conn.exec_driver_sql("ALTER TABLE users ALTER COLUMN roles TYPE VARCHAR(500)")

    async def ask() -> Any:
        async with database.reading() as conn:
            return await users.get(conn, "usr_ada")

    answers = await asyncio.gather(*(ask() for _ in range(4)), return_exceptions=True)
    assert all(isinstance(answer, User | AppError) for answer in answers), answers
    assert [type(answer) for answer in await asyncio.gather(*(ask() for _ in range(4)))] == [User] * 4


async def test_no_connection_is_left_when_the_database_is_closed(postgres: Postgres, postgres_url: str) -> None:
    async with open_database(postgres_url, 4) as database:
        await warm(database)
        assert len(backends(postgres, postgres_url)) == 4

    await eventually(lambda: not backends(postgres, postgres_url))


@asynccontextmanager
async def frozen(pids: list[int]) -> AsyncIterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def test_frozen_server_does_not_keep_a_process_from_ending(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "CLOSE_LIMIT_S", 0.3)
    async with asyncio.timeout(10):
        async with open_database(postgres_url, 2) as database:
            await warm(database, 2)
            freezing = frozen(backends(postgres, postgres_url))
            await freezing.__aenter__()
        await freezing.__aexit__(None, None, None)
