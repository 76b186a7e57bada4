"""Inserting what may be there already, without breaking the transaction; both databases spell it alike."""

from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def insert_unless(conn: AsyncConnection, table: Table, row: dict[str, Any], *taken: ColumnElement[Any]) -> bool:
    """Insert a row unless one with the same values in the unique columns `taken` is there; tell whether it was.

    Waits for another transaction that is inserting the same, within the lock timeout.
    """
    kind = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    result = await conn.execute(kind(table).on_conflict_do_nothing(index_elements=taken), row)
    return result.rowcount == 1
