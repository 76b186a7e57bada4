"""The door to the database: transactions and reads, each with a limit, on one path for SQLite and PostgreSQL.

A connection lives inside `transaction()` or `reading()` and nowhere else; what the drivers raise leaves these as
`Unavailable`. No table is named here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction

from app.core.errors import Unavailable
from app.store.address import parse_address
from app.store.faults import OutcomeUnknown, explain, told_apart, was_refused
from app.store.postgres import open_postgres
from app.store.sqlite import open_sqlite

Connection = AsyncConnection
"""What the verbs of this room take; it lives within `transaction()` or `reading()` and nowhere else."""

POOL_TIMEOUT_S = 3.0
LIMIT_S = 10.0
"""How long a transaction or a read may take in all: several statements, and what the caller does between them."""
PING_LIMIT_S = 2.0
CLOSE_LIMIT_S = 5.0


class Database:
    """An open database. Made by `open_database`."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine, limit_s: float = LIMIT_S) -> None:
        self._writer = writer
        self._reader = reader
        self._limit_s = limit_s

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection whose work is stored in whole when the block ends, or not at all where it raises.

        On SQLite one transaction runs at a time. Raises `Unavailable` where the database cannot be had in time and
        nothing was stored, `OutcomeUnknown` where it went away while committing.
        """
        with told_apart():
            async with asyncio.timeout(self._limit_s), self._writer.connect() as connection:
                transaction = await connection.begin()
                try:
                    yield connection
                except BaseException:
                    # What went wrong first is what the caller must hear. A connection that cannot roll back is thrown
                    # away by the pool.
                    with suppress(Exception):
                        await transaction.rollback()
                    raise
                await _commit(transaction)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection to read with; each statement sees what was committed when it began.

        Raises `Unavailable` where the database cannot be had in time.
        """
        with told_apart():
            async with asyncio.timeout(self._limit_s), self._reader.connect() as connection:
                yield connection

    async def ping(self) -> None:
        """Ask the database for a sign of life; raises `Unavailable` where none comes within 2 seconds."""
        with told_apart():
            async with asyncio.timeout(PING_LIMIT_S), self._reader.connect() as connection:
                await connection.execute(_ALIVE)


_ALIVE = select(1)


async def _commit(transaction: AsyncTransaction) -> None:
    try:
        await transaction.commit()
    except Exception as error:
        told = explain(error)
        if isinstance(told, Unavailable) and not was_refused(error):
            raise OutcomeUnknown(f"while committing: {told.reason}") from error
        raise


@asynccontextmanager
async def open_database(
    url: str, pool_size: int = 10, *, pool_timeout_s: float = POOL_TIMEOUT_S, limit_s: float = LIMIT_S
) -> AsyncIterator[Database]:
    """Give the database at `url` (see `app.store.address`) while the block runs; it connects when first asked.

    At most `pool_size` connections are open (on SQLite that many read, and one more writes), and one is waited for
    `pool_timeout_s` seconds. Raises `ValueError` where `url` is not understood.
    """
    address = parse_address(url)
    open_engines = open_sqlite if address.is_sqlite else open_postgres
    engines = open_engines(address, pool_size, pool_timeout_s)
    try:
        yield Database(engines.writer, engines.reader, limit_s)
    finally:
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await engines.dispose()
        except TimeoutError:  # the server does not answer a goodbye, and need not
            engines.abandon()
