"""An open database per test, and the people and channels that most tests need."""

from collections.abc import AsyncIterator

import pytest

from app.store.database import Connection, Database, open_database
from tests.store.values import add_channel, add_users


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open a fresh database, once on SQLite and once on PostgreSQL."""
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
async def conn(database: Database) -> AsyncIterator[Connection]:
    """Give a transaction for the whole test."""
    async with database.transaction() as connection:
        yield connection


@pytest.fixture
async def on_postgres(postgres_url: str) -> AsyncIterator[Database]:
    """Open a fresh database on PostgreSQL, with one person in one channel."""
    async with open_database(postgres_url, 4) as opened:
        async with opened.transaction() as connection:
            await add_users(connection, "ada")
            await add_channel(connection, "general", "ada")
        yield opened
