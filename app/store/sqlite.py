"""How SQLite is opened: one connection that writes, several that read, in WAL, so neither waits for the other.

Nothing is acknowledged before it is on the disk. Writers take the lock when they begin, never in the middle, where
SQLite could only refuse.
"""

import os
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.store.address import Address
from app.store.engines import Engines

BUSY_TIMEOUT_MS = 5000
_WAL_BYTES = 64 * 1024 * 1024

_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA journal_size_limit = {_WAL_BYTES}",
)


def open_sqlite(address: Address, readers: int, pool_timeout_s: float) -> Engines:
    """Make the engine that writes, over one connection, and the one that reads, over `readers`; connects nothing."""
    writer = _engine(address, 1, pool_timeout_s)
    reader = _engine(address, readers, pool_timeout_s, read_only=True)
    event.listen(writer.sync_engine, "begin", _begin_immediate)
    return Engines(writer, reader, lambda: None)  # its threads end with the process


def _engine(address: Address, size: int, pool_timeout_s: float, *, read_only: bool = False) -> AsyncEngine:
    pragmas = (*_PRAGMAS, "PRAGMA query_only = ON") if read_only else _PRAGMAS
    engine = create_async_engine(
        address.url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=pool_timeout_s,
        hide_parameters=True,
        # The driver begins nothing by itself: no transaction for a reader, BEGIN IMMEDIATE for the writer.
        connect_args={"isolation_level": None},
        skip_autocommit_rollback=read_only,
    )

    def prepare(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    keep_private(engine)
    event.listen(engine.sync_engine, "connect", prepare)
    return engine


def keep_private(engine: AsyncEngine) -> None:
    """Have a new file made readable by its owner only, before SQLite makes it for all; it holds password hashes.

    A file that is there is not opened: closing it again would drop this process's locks on it (POSIX), and the next
    process to leave would take itself for the last one and remove the log that we go on writing to.
    """
    path = engine.url.database or ""

    def make(*_: object) -> None:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    event.listen(engine.sync_engine, "do_connect", make)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
