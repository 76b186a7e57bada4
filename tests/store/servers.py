"""What tests of PostgreSQL do from both sides: through the store, and past it."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.errors import Unavailable
from app.store import users
from app.store.database import Database
from tests.postgres import Postgres
from tests.store.values import add_users


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def backends(postgres: Postgres, url: str) -> list[int]:
    found = postgres.sql(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name_of(url)}'")
    return [int(line) for line in found.split()]


def idle_in_transaction(postgres: Postgres, url: str) -> list[str]:
    query = f"SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = '{name_of(url)}'"
    return postgres.sql(query).split()


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


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """Stop backends without ending them, as a machine does that swaps or a network that drops everything."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
