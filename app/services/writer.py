"""The group-commit writer: while one transaction commits, the next batch of messages gathers.

A message is answered after its commit, and told to the nodes after its commit. The queue is bounded; a full one is an
error to the sender, who may try again, and nothing of the refused is stored.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.errors import AppError, Unavailable
from app.core.sending import Draft, Known, Outcome, Plan, Stored, plan
from app.core.times import Clock
from app.core.wire import message_created
from app.services.outbox import Outbox
from app.store import channels, members, messages
from app.store.database import Database

MAX_WAITING = 5000
MAX_BATCH = 500
RETRY_AFTER_MS = 500

logger = logging.getLogger("heliograph.writer")


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    draft: Draft
    outcome: asyncio.Future[Outcome]


class Writer:
    """Stores messages, many in one transaction, in the order in which they were given."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._filled = asyncio.Event()

    async def store(self, draft: Draft) -> Stored:
        """Store one message and return after the commit.

        Returns the stored message; raises what stood against it, or `Unavailable` where the queue is full or
        the store is away. Whoever is cancelled meanwhile does not know whether the message is stored; sending it
        again with the same key tells.
        """
        if len(self._queue) >= MAX_WAITING:
            raise Unavailable("write queue is full", retry_after_ms=RETRY_AFTER_MS)
        waiting = _Waiting(draft, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._filled.set()
        outcome = await waiting.outcome
        if isinstance(outcome, AppError):
            raise outcome
        return outcome

    async def run(self) -> None:
        """Write until cancelled; what is in flight then is answered as unavailable."""
        try:
            while True:
                await self._filled.wait()
                await self._write(self._take())
        finally:
            _answer(list(self._queue), [Unavailable("shutting down")] * len(self._queue))
            self._queue.clear()

    async def drained(self) -> None:
        """Return when nothing waits any more."""
        while self._queue:
            await asyncio.wait([waiting.outcome for waiting in self._queue])

    def _take(self) -> list[_Waiting]:
        batch = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
        if not self._queue:
            self._filled.clear()
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        """Commit a batch and answer it; a batch that lost a race for one key is committed one by one."""
        try:
            outcomes: list[Outcome] = await self._commit([waiting.draft for waiting in batch])
        except AppError as error:
            if error.code == "conflict" and len(batch) > 1:
                for waiting in batch:
                    await self._write([waiting])
                return
            outcomes = [_told(error)] * len(batch)
        except asyncio.CancelledError:
            _answer(batch, [Unavailable("shutting down")] * len(batch))
            raise
        except Exception:
            logger.exception("a batch of %d messages failed", len(batch))
            outcomes = [AppError("internal_error")] * len(batch)
        _answer(batch, outcomes)

    async def _commit(self, drafts: Sequence[Draft]) -> list[Outcome]:
        async with self._database.transaction() as conn:
            locked = await channels.lock(conn, {draft.channel_id for draft in drafts})
            pairs = {(draft.channel_id, draft.author_id) for draft in drafts}
            keys = {(draft.author_id, draft.client_msg_id) for draft in drafts if draft.client_msg_id}
            replies = {draft.reply_to for draft in drafts if draft.reply_to}
            known = Known(
                channels=locked,
                roles=await members.roles(conn, pairs),
                sent=await messages.find_sent(conn, keys) if keys else {},
                reply_channels=await messages.channels_of(conn, replies) if replies else {},
            )
            made: Plan = plan(drafts, known, self._clock())
            if made.rows:
                await messages.insert(conn, made.rows)
                await channels.advance(conn, made.heads)
        self._outbox.publish_facts(message_created(row.message) for row in made.rows)
        return made.outcomes


def _told(error: AppError) -> AppError:
    """Turn a lost race for one key into an answer after which trying again finds the winner's message."""
    return Unavailable("lost a race", retry_after_ms=RETRY_AFTER_MS) if error.code == "conflict" else error


def _answer(batch: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if not waiting.outcome.done():
            waiting.outcome.set_result(outcome)
