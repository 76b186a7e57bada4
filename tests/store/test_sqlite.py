"""What only SQLite does: one file, one writer, locks of other processes, a disk that is full."""

import asyncio
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.core.errors import Unavailable
from app.store import channels, messages, users
from app.store.database import Connection, Database, open_database
from app.store.faults import OutcomeUnknown
from tests.store.values import a_message, add_channel, add_messages, add_users, sent


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    async with open_database(sqlite_url) as opened:
        yield opened


@contextmanager
def outsider(path: Path, begin: str) -> Iterator[sqlite3.Connection]:
    """Hold a transaction on the file as another process would."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(begin)
        yield connection
    finally:
        connection.close()


async def shorten_patience(database: Database) -> None:
    async with database.transaction() as conn:
        await conn.exec_driver_sql("SELECT 1")
        await conn.exec_driver_sql("PRAGMA busy_timeout = 50")


async def pragma(conn: Connection, name: str) -> object:
    return (await conn.exec_driver_sql(f"PRAGMA {name}")).scalar_one()


async def test_every_connection_keeps_its_promises(database: Database) -> None:
    for block in (database.transaction, database.reading):
        async with block() as conn:
            assert await pragma(conn, "journal_mode") == "wal"
            assert await pragma(conn, "synchronous") == 2, "not FULL"
            assert await pragma(conn, "foreign_keys") == 1
            assert await pragma(conn, "busy_timeout") == 5000


async def test_reader_cannot_write(database: Database) -> None:
    with pytest.raises(Unavailable, match="unavailable"):
        async with database.reading() as conn:
            await add_users(conn, "ada")


async def test_file_is_private_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "new.db"

    async with open_database(f"sqlite:///{path}") as database:
        await database.ping()
        names = sorted(os.listdir(tmp_path))  # noqa: PTH208  names only
        modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names}

    assert "new.db" in names
    assert modes == {0o600}


async def test_folder_that_is_missing_is_unavailable(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/nowhere/a.db") as database:
        with pytest.raises(Unavailable):
            await database.ping()


async def test_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"this is something else" * 100)

    async with open_database(f"sqlite:///{path}") as database:
        with pytest.raises(Unavailable):
            await database.ping()


async def test_lock_of_another_process_is_unavailable_for_writers_and_heals(database: Database, path: Path) -> None:
    await shorten_patience(database)
    with outsider(path, "BEGIN IMMEDIATE"):
        with pytest.raises(Unavailable) as raised:
            async with database.transaction() as conn:
                await add_users(conn, "ada")
        assert raised.value.reason == "OperationalError: database is locked"
        await database.ping()

    async with database.transaction() as conn:
        await add_users(conn, "ada")
    async with database.reading() as conn:
        assert await users.count(conn) == 1


async def test_writer_waits_for_the_lock_of_another_process(database: Database, path: Path) -> None:
    with outsider(path, "BEGIN IMMEDIATE") as other:
        writing = asyncio.create_task(write_one(database, "ada"))
        await database.ping()
        assert not writing.done()
        other.execute("COMMIT")
        await writing

    async with database.reading() as conn:
        assert await users.count(conn) == 1


async def test_cancelled_wait_for_the_lock_of_another_process_takes_no_lock(database: Database, path: Path) -> None:
    await shorten_patience(database)
    with outsider(path, "BEGIN IMMEDIATE"):
        writing = asyncio.create_task(write_one(database, "ada"))
        await database.ping()
        writing.cancel()
        with pytest.raises((asyncio.CancelledError, Unavailable)):
            await writing

    with outsider(path, "BEGIN IMMEDIATE"):
        pass


@pytest.mark.parametrize("depth", [1, 3])
async def test_commit_for_which_there_is_no_room_stores_nothing_and_heals(database: Database, depth: int) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")
        await add_channel(conn, "general", "ada")
        pages = await pragma(conn, "page_count")
    async with database.transaction() as conn:
        await conn.exec_driver_sql("SELECT 1")
        await conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    for attempt in range(depth):
        with pytest.raises(Unavailable) as raised:
            async with database.transaction() as conn:
                await messages.insert(conn, sent(*(a_message(seq, text="x" * 4000) for seq in range(1, 200))))
        assert not isinstance(raised.value, OutcomeUnknown), attempt
        async with database.reading() as conn:
            assert await messages.page(conn, "chn_general", limit=10) == []

    async with database.transaction() as conn:
        await conn.exec_driver_sql("PRAGMA max_page_count = 1000000")
        await add_messages(conn, a_message(1))


async def test_file_that_may_not_grow_is_unavailable_and_heals(database: Database, path: Path) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")
        await add_channel(conn, "general", "ada")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = max(each.stat().st_size for each in path.parent.iterdir())
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, hard))
    try:
        with pytest.raises(Unavailable):
            async with database.transaction() as conn:
                await messages.insert(conn, sent(*(a_message(seq, text="x" * 4000) for seq in range(1, 500))))
        async with database.reading() as conn:
            assert await channels.heads(conn, ["chn_general"]) == {"chn_general": 0}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)

    async with database.transaction() as conn:
        await add_messages(conn, a_message(1))
    async with database.reading() as conn:
        assert [message.seq for message in await messages.page(conn, "chn_general", limit=10)] == [1]
        assert await pragma(conn, "integrity_check") == "ok"


async def test_interrupted_statement_is_undone(database: Database) -> None:
    async def write() -> None:
        async with database.transaction() as conn:
            await add_users(conn, "ada")
            driver = (await conn.get_raw_connection()).driver_connection
            assert driver is not None
            slow = asyncio.create_task(conn.exec_driver_sql(ENDLESS))
            while not slow.done():
                await driver.interrupt()
                await asyncio.sleep(0)
            await slow

    with pytest.raises(Unavailable):
        await write()

    async with database.reading() as conn:
        assert await users.count(conn) == 0


async def test_stranger_to_a_table_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="FOREIGN KEY"):
        async with database.transaction() as conn:
            await messages.insert(conn, sent(a_message(1)))


async def test_missing_table_is_a_mistake_of_the_program(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/empty.db") as database:
        with pytest.raises(OperationalError):
            async with database.reading() as conn:
                await users.count(conn)


async def test_what_was_committed_outlives_a_kill_and_the_rest_is_gone(sqlite_url: str) -> None:
    for number in (10, 17, 24):
        acked = await killed_after(number, sqlite_url)
        async with open_database(sqlite_url) as database, database.reading() as conn:
            stored = (await conn.execute(text("SELECT seq FROM messages ORDER BY seq"))).scalars().all()
            heads = await channels.heads(conn, ["chn_general"])
            assert set(acked) <= set(stored)
            assert list(stored) == list(range(1, len(stored) + 1))
            assert heads == {"chn_general": len(stored)}
            assert await pragma(conn, "integrity_check") == "ok"


async def killed_after(number: int, url: str) -> list[int]:
    """Run a writer, kill it after so many messages, and return all that it said to have stored."""
    program = str(Path(__file__).with_name("killed_writer.py"))
    async with asyncio.timeout(30):
        writer = await asyncio.create_subprocess_exec(
            sys.executable, program, url, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        acked = [int(await writer.stdout.readline()) for _ in range(number)]
        writer.kill()
        acked += [int(line) for line in (await writer.stdout.read()).split(b"\n")[:-1]]
        await writer.wait()
    return acked


async def write_one(database: Database, name: str) -> None:
    async with database.transaction() as conn:
        await add_users(conn, name)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
