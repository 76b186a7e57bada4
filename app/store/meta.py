"""Verbs on what is known of the database as a whole."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.conflicts import insert_unless
from app.store.tables import meta


async def epoch(conn: AsyncConnection, candidate: str) -> str:
    """Read the name of this history of facts; the first time it is given the name `candidate`.

    Where it has changed, no `seq` that was seen before means anything.
    """
    await insert_unless(conn, meta, {"key": "epoch", "value": candidate}, meta.c.key)
    name: str = (await conn.execute(select(meta.c.value).where(meta.c.key == "epoch"))).scalar_one()
    return name


async def renew_epoch(conn: AsyncConnection, name: str) -> None:
    """Name a new history, as after a restore of an older backup: all clients will load everything anew."""
    await epoch(conn, name)
    await conn.execute(update(meta).where(meta.c.key == "epoch").values(value=name))
