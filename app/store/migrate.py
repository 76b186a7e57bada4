"""Brings a database to the schema of this program, once, however many processes ask for it at the same time.

PostgreSQL: an advisory lock, then one transaction per revision with limits on locks and statements. SQLite: one
transaction for all, under the lock that it takes when it begins.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.store.address import Address, parse_address
from app.store.faults import told_apart
from app.store.postgres import connect_args
from app.store.sqlite import keep_private

LOCK_LIMIT_S = 60
"""How long a process waits for another one that is migrating."""
_PAUSE_S = 0.05
_LOCK = 0x48_45_4C_49  # any number that nobody else locks; it spells HELI
_COMMAND_LIMIT_S = 600.0

_MIGRATIONS = Path(__file__).with_name("migrations")
_SETTINGS = {
    "lock_timeout": "4000",
    "statement_timeout": "300000",
    "idle_in_transaction_session_timeout": "60000",
    "synchronous_commit": "on",
}


async def migrate(url: str) -> list[str]:
    """Apply all revisions that are missing and return them, oldest first; none where another process did it.

    Raises `Unavailable` where the database is away, or where the lock is not had within a minute. Each revision is
    applied in whole or not at all.
    """
    address = parse_address(url)
    with told_apart():
        async with _connected(address) as connection:
            await _lock(connection)
            applied = await connection.run_sync(missing)
            if connection.dialect.name != "sqlite":
                await connection.rollback()  # without a transaction around them all, each revision gets its own
            if applied:
                await connection.run_sync(_upgrade)
            await connection.commit()
            return applied


async def pending(url: str) -> list[str]:
    """List the revisions that are missing, oldest first; none where the database is newer than this program."""
    with told_apart():
        async with _connected(parse_address(url)) as connection:
            return await connection.run_sync(missing)


def config(connection: Connection) -> Config:
    """Give Alembic's configuration: our scripts, wherever they are installed, over this connection."""
    made = Config()
    made.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def missing(connection: Connection) -> list[str]:
    """List the revisions that this database lacks, oldest first."""
    scripts = ScriptDirectory.from_config(config(connection))
    ours = [script.revision for script in scripts.walk_revisions()][::-1]
    heads = MigrationContext.configure(connection).get_current_heads()
    done = {ours.index(head) + 1 if head in ours else len(ours) for head in heads}
    return ours[max(done, default=0) :]


def _upgrade(connection: Connection) -> None:
    """Run the scripts; where a transaction is open they share it, else each has its own."""
    command.upgrade(config(connection), "head")


async def _lock(connection: AsyncConnection) -> None:
    """Wait until no other process migrates, and keep all others waiting until the connection is closed.

    SQLite keeps its transaction open for that; PostgreSQL's lock belongs to the connection.
    """
    if connection.dialect.name == "sqlite":
        async with asyncio.timeout(LOCK_LIMIT_S):
            while not await _uses_wal(connection):  # noqa: ASYNC110  another process has the lock, and tells nobody
                await asyncio.sleep(_PAUSE_S)
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_LIMIT_S}s'")
    await connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
    await connection.commit()


async def _uses_wal(connection: AsyncConnection) -> bool:
    """Put a file of SQLite into WAL, where it stays; for this one change SQLite does not wait for a lock itself."""
    try:
        await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


@asynccontextmanager
async def _connected(address: Address) -> AsyncIterator[AsyncConnection]:
    engine = _engine(address)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


def _engine(address: Address) -> AsyncEngine:
    """Make an engine of one connection, with limits that fit the changing of a schema."""
    if not address.is_sqlite:
        arguments = connect_args(address, _SETTINGS, _COMMAND_LIMIT_S)
        return create_async_engine(address.url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
    arguments = {"isolation_level": None, "timeout": LOCK_LIMIT_S}
    engine = create_async_engine(address.url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
    keep_private(engine)
    return engine
