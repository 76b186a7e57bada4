"""The audit log: writing down beside a deed that it was done, asking for it, and forgetting it after its time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.core.audit import Deed, Filter, Record
from app.core.errors import AppError
from app.core.ids import NewId
from app.core.times import Clock
from app.services.channels import Page
from app.services.deeds import record
from app.store import audit as store
from app.store import invites, resets
from app.store.database import Connection, Database

DAY_MS = 86_400_000
PURGE_EVERY_S = 3600.0
RETRY_S = 60.0
BATCH = 500
"""How many rows one transaction deletes: few enough that nobody waits for it."""
PAUSE_S = 0.05
KEEP_OVER_MS = 30 * DAY_MS
"""How long invitations and reset codes stay listed or stored when they are over."""

logger = logging.getLogger("heliograph.audit")


@dataclass(frozen=True, slots=True)
class Audit:
    """The record of who did what; `keep_days` is for how long it is kept."""

    database: Database
    clock: Clock
    new_id: NewId
    keep_days: int

    async def note(self, deed: Deed) -> None:
        """Write down what no transaction of its own does, such as a refusal.

        Where the store is away it goes to the log of the process instead, and what was refused stays refused.
        """
        try:
            async with self.database.transaction() as conn:
                await record(conn, self.clock(), self.new_id, deed)
        except AppError as error:
            logger.warning("%s could not be recorded: %s", deed.action, error)

    async def list_for(self, wanted: Filter, limit: int, after: str | None) -> Page[Record]:
        """List records, the newest first; who may ask is decided at the door."""
        async with self.database.reading() as conn:
            found = await store.list_for(conn, wanted, limit + 1, after)
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)

    async def run(self) -> None:
        """Forget what is older than its time, now and every hour, until cancelled."""
        while True:
            try:
                await self.purge()
                await asyncio.sleep(PURGE_EVERY_S)
            except AppError as error:
                logger.warning("cannot purge the audit log: %s", error)
                await asyncio.sleep(RETRY_S)

    async def purge(self) -> int:
        """Delete what is older than its time, in small batches; tell how many rows that were.

        Invitations and reset codes that are over go as well: their deeds are in the log.
        """
        before_ms = self.clock() - self.keep_days * DAY_MS
        over_ms = self.clock() - KEEP_OVER_MS
        gone = await self._in_batches(lambda conn: store.purge(conn, before_ms, BATCH))
        gone += await self._in_batches(lambda conn: invites.purge(conn, over_ms, BATCH))
        return gone + await self._in_batches(lambda conn: resets.purge(conn, over_ms, BATCH))

    async def _in_batches(self, delete: Callable[[Connection], Awaitable[int]]) -> int:
        gone = 0
        while True:
            async with self.database.transaction() as conn:
                deleted = await delete(conn)
            gone += deleted
            if deleted < BATCH:
                return gone
            await asyncio.sleep(PAUSE_S)
