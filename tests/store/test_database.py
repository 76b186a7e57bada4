import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from app.core.errors import AppError, Invalid, Unavailable
from app.store import channels, messages, sessions, users
from app.store.database import Connection, Database, open_database
from tests.helpers import eventually
from tests.store.values import add_channel, add_users

BAD_TEXTS = ["\ud800", "a\udfffb"]


async def count(database: Database) -> int:
    async with database.reading() as conn:
        return await users.count(conn)


async def test_block_that_ends_is_stored_and_one_that_raises_is_not(database: Database) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")
    await _fail_after_adding(database, "bob")

    assert await count(database) == 1


async def test_transaction_sees_its_own_work_and_others_do_not_before_it_ends(database: Database) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")
        assert await users.count(conn) == 1
        assert await count(database) == 0

    assert await count(database) == 1


async def test_long_write_does_not_keep_readers_waiting(database: Database) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")
        async with asyncio.timeout(2):
            assert await asyncio.gather(*(count(database) for _ in range(20))) == [0] * 20


async def test_ping_answers(database: Database) -> None:
    await database.ping()


async def test_mistake_in_a_statement_is_not_called_unavailable(database: Database) -> None:
    for block in (database.transaction, database.reading):
        with pytest.raises(Exception, match="no_such_table") as raised:
            async with block() as conn:
                await conn.execute(text("SELECT * FROM no_such_table WHERE a = :a"), {"a": "a secret"})

        assert not isinstance(raised.value, AppError)
        assert "a secret" not in str(raised.value)
    assert await count(database) == 0


@pytest.mark.parametrize("bad", BAD_TEXTS)
async def test_text_that_is_none_is_the_callers_fault(database: Database, bad: str) -> None:
    with pytest.raises(Invalid):
        async with database.reading() as conn:
            await users.get(conn, bad)
    with pytest.raises(Invalid):
        async with database.reading() as conn:
            await channels.heads(conn, [bad])


async def test_nul_in_an_id_finds_nothing_and_breaks_nothing(database: Database) -> None:
    async def ask(conn: Connection) -> object:
        return await users.get(conn, "usr_\x00")

    async def ask_many(conn: Connection) -> object:
        return await messages.find_sent(conn, [("usr_\x00", "k")])

    for question in (ask, ask_many):
        try:
            async with database.reading() as conn:
                assert not await question(conn)
        except Invalid:
            pass  # PostgreSQL has no such text at all
    await database.ping()


@pytest.mark.parametrize("evil", ["'; DROP TABLE users; --", '" OR ""="', "$1", ":id", "%(id)s", "{}", '"]', "\\"])
async def test_text_of_the_query_language_is_only_text(database: Database, evil: str) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada", evil)
        await add_channel(conn, evil, "ada")
        assert await users.credentials(conn, evil.casefold()) is not None
        assert await channels.heads(conn, [f"chn_{evil}"]) == {f"chn_{evil}": 0}
        assert await messages.find_sent(conn, [(evil, evil)]) == {}
        assert await sessions.get_live(conn, evil, 0) is None
        assert [u.username for u in await users.search_all(conn, evil, 10, None)] == [evil]

    assert await count(database) == 2


async def test_cancelled_statement_leaves_no_transaction_and_no_connection_behind(database_url: str) -> None:
    async with open_database(database_url, 1, pool_timeout_s=1) as database:
        for _ in range(5):
            started = asyncio.Event()
            task = asyncio.create_task(_write_slowly(database, started))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        async with database.transaction() as conn:
            await add_users(conn, "ada")
        assert await count(database) == 1


async def test_cancelled_reader_gives_its_connection_back(database_url: str) -> None:
    async with open_database(database_url, 1, pool_timeout_s=1) as database:
        for _ in range(5):
            task = asyncio.create_task(_read_slowly(database))
            await eventually(lambda: _checked_out(database))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        assert await count(database) == 0


async def test_cancelled_while_waiting_for_a_connection_loses_none(database_url: str) -> None:
    async with open_database(database_url, 1, pool_timeout_s=5) as database:
        async with database.transaction() as conn:
            waiting = [asyncio.create_task(_add_one(database, f"u{number}")) for number in range(10)]
            await users.count(conn)
            for task in waiting[::2]:
                task.cancel()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)

        assert [type(outcome) for outcome in outcomes[::2]] == [asyncio.CancelledError] * 5
        assert outcomes[1::2] == [None] * 5
        assert await count(database) == 5


async def test_pool_that_is_used_up_is_unavailable_until_one_is_given_back(database_url: str) -> None:
    async with open_database(database_url, 2, pool_timeout_s=0.05) as database:
        async with _readers(database, 2):
            with pytest.raises(Unavailable):
                await count(database)

        assert await count(database) == 0


async def test_block_that_takes_too_long_is_undone_and_unavailable(database_url: str) -> None:
    async with open_database(database_url, limit_s=0.2) as database:
        with pytest.raises(Unavailable):
            await _write_for_ever(database)

        assert await count(database) == 0


async def test_closed_database_leaves_no_connection_open(database_url: str) -> None:
    async with open_database(database_url) as database:
        await asyncio.gather(*(count(database) for _ in range(5)))
        opened = _pool_sizes(database)

    assert max(opened) >= 1
    assert _pool_sizes(database) == [0, 0]


async def _write_slowly(database: Database, started: asyncio.Event) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")
        started.set()
        await conn.execute(SLOW[conn.dialect.name])


async def _write_for_ever(database: Database) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")
        await asyncio.Event().wait()


async def _fail_after_adding(database: Database, name: str) -> None:
    async def fail() -> None:
        async with database.transaction() as conn:
            await add_users(conn, name)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()


async def _read_slowly(database: Database) -> None:
    async with database.reading() as conn:
        await conn.execute(SLOW[conn.dialect.name])


SLOW = {
    "postgresql": text("SELECT pg_sleep(4)"),
    "sqlite": text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT count(*) FROM n"
    ),
}


async def _add_one(database: Database, name: str) -> None:
    async with database.transaction() as conn:
        await add_users(conn, name)


@asynccontextmanager
async def _readers(database: Database, number: int) -> AsyncIterator[None]:
    async with database.reading() as conn:
        await users.count(conn)
        if number > 1:
            async with _readers(database, number - 1):
                yield
        else:
            yield


def _checked_out(database: Database) -> int:
    checked_out: int = database._reader.pool.checkedout()  # type: ignore[attr-defined]
    return checked_out


def _pool_sizes(database: Database) -> list[int]:
    return [engine.pool.checkedin() for engine in (database._writer, database._reader)]  # type: ignore[attr-defined]
