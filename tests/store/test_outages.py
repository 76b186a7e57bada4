"""PostgreSQL restarts, dies, freezes or becomes a replica: what is told, what is stored, and that it heals."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text

from app.core.errors import Unavailable
from app.store import database as database_module
from app.store import postgres as module
from app.store.database import Database, open_database
from app.store.faults import OutcomeUnknown
from tests.helpers import eventually
from tests.postgres import Postgres
from tests.store.servers import add, backends, count, frozen, recovered, warm
from tests.store.values import add_users


@pytest.mark.parametrize("mode", ["immediate", "fast"])
async def test_restart_between_two_requests_is_not_noticed(
    on_postgres: Database, postgres: Postgres, mode: str
) -> None:
    await warm(on_postgres)

    await asyncio.to_thread(postgres.restart, mode)

    for number in range(8):
        await add(on_postgres, f"u{number}")
    assert await count(on_postgres) == 9


async def test_restart_within_a_transaction_is_unavailable_and_nothing_is_stored(
    on_postgres: Database, postgres: Postgres
) -> None:
    async def write() -> None:
        async with on_postgres.transaction() as conn:
            await add_users(conn, "bob")
            await asyncio.to_thread(postgres.restart)
            await add_users(conn, "cyd")

    with pytest.raises(Unavailable) as raised:
        await write()

    assert not isinstance(raised.value, OutcomeUnknown)
    assert await count(on_postgres) == 1


async def test_connection_that_is_lost_before_the_commit_leaves_the_outcome_unknown(
    on_postgres: Database, postgres: Postgres
) -> None:
    async def write() -> None:
        async with on_postgres.transaction() as conn:
            await add_users(conn, "bob")
            pid = (await conn.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
            postgres.sql(f"SELECT pg_terminate_backend({pid}, 5000)")

    with pytest.raises(OutcomeUnknown):
        await write()

    assert await count(on_postgres) == 1


async def test_killed_backends_are_replaced(on_postgres: Database, postgres: Postgres, postgres_url: str) -> None:
    for _ in range(3):
        await warm(on_postgres)
        for pid in backends(postgres, postgres_url):
            await asyncio.to_thread(postgres.sql, f"SELECT pg_terminate_backend({pid}, 5000)")

        await asyncio.gather(*(count(on_postgres) for _ in range(10)))


async def test_server_that_is_down_is_unavailable_at_once_and_heals_by_itself(
    on_postgres: Database, postgres: Postgres
) -> None:
    await warm(on_postgres)
    await asyncio.to_thread(postgres.stop, "immediate")
    try:
        async with asyncio.timeout(3):
            for _ in range(10):
                with pytest.raises(Unavailable):
                    await count(on_postgres)
                with pytest.raises(Unavailable):
                    await add(on_postgres, "bob")
                with pytest.raises(Unavailable):
                    await on_postgres.ping()
    finally:
        await asyncio.to_thread(postgres.start)

    await eventually(lambda: recovered(on_postgres))
    await add(on_postgres, "bob")
    assert await count(on_postgres) == 2


async def test_requests_during_a_restart_are_done_or_unavailable_and_what_is_acked_is_there(
    on_postgres: Database, postgres: Postgres
) -> None:
    stop = asyncio.Event()

    async def write(worker: int) -> set[str]:
        acked, number = set(), 0
        while not stop.is_set():
            number += 1
            name = f"w{worker}_{number}"
            try:
                await add(on_postgres, name)
            except Unavailable:
                continue
            acked.add(name)
        return acked

    writers = [asyncio.create_task(write(worker)) for worker in range(6)]
    for _ in range(2):
        await asyncio.to_thread(postgres.restart)
        await eventually(lambda: recovered(on_postgres))
    stop.set()
    acked = set().union(*await asyncio.gather(*writers))

    async with on_postgres.reading() as conn:
        stored = set((await conn.execute(text("SELECT username FROM users"))).scalars())
    assert acked
    assert acked <= stored


async def test_frozen_connections_cost_one_limit_together_and_heal(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND_TIMEOUT_S", 0.3)
    async with open_database(postgres_url, 3, pool_timeout_s=0.5) as database:
        await warm(database, 3)
        with frozen(backends(postgres, postgres_url)):
            async with asyncio.timeout(15):
                with pytest.raises(Unavailable):
                    await count(database)
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


async def test_connections_to_a_server_that_became_a_replica_are_given_up(
    on_postgres: Database, postgres: Postgres, postgres_url: str
) -> None:
    await warm(on_postgres)
    before = set(backends(postgres, postgres_url))

    async def write() -> None:
        async with on_postgres.transaction() as conn:
            await conn.exec_driver_sql("SET TRANSACTION READ ONLY")
            await add_users(conn, "bob")

    with pytest.raises(Unavailable):
        await write()

    await warm(on_postgres)
    assert await count(on_postgres) == 1
    assert not before & set(backends(postgres, postgres_url))


async def test_frozen_server_does_not_keep_a_process_from_ending(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "CLOSE_LIMIT_S", 0.3)
    async with AsyncExitStack() as stack, asyncio.timeout(10), open_database(postgres_url, 2) as database:
        await warm(database, 2)
        stack.enter_context(frozen(backends(postgres, postgres_url)))
