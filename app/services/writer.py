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
from app.store.faults import OutcomeUnknown

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
        self._idle = asyncio.Event()
        self._idle.set()

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
        self._idle.clear()
        outcome = await waiting.outcome
        if isinstance(outcome, AppError):
            raise outcome
        return outcome

    async def run(self) -> None:
        """Write until cancelled; what has not been committed then is answered as unavailable."""
        try:
            while True:
                await self._filled.wait()
                await self._write(self._take())
                if not self._queue:
                    self._idle.set()
        finally:
            _answer(list(self._queue), [Unavailable("shutting down") for _ in self._queue])
            self._queue.clear()
            self._idle.set()

    async def drained(self) -> None:
        """Return when nothing waits or is being committed any more."""
        await self._idle.wait()

    def _take(self) -> list[_Waiting]:
        batch = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
        if not self._queue:
            self._filled.clear()
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        """Commit a batch, answer it, tell of it. One that cannot be committed is halved, so that one draft fails alone.

        Where the store is away all of it fails: the halves would wait as long.
        """
        try:
            made = await self._commit([waiting.draft for waiting in batch])
        except asyncio.CancelledError:
            _answer(batch, [OutcomeUnknown("shutting down") for _ in batch])
            raise
        except Unavailable as error:
            # One exception each: whoever raises it writes into it.
            _answer(batch, [type(error)(error.reason or "", RETRY_AFTER_MS) for _ in batch])
        except Exception as error:  # noqa: BLE001  whatever it is, it is one draft's until that one is alone
            if len(batch) == 1:
                _answer(batch, [_told(error)])
                return
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])
        else:
            _answer(batch, made.outcomes)
            self._outbox.publish_facts(message_created(row.message) for row in made.rows)

    async def _commit(self, drafts: Sequence[Draft]) -> Plan:
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
            made = plan(drafts, known, self._clock())
            if made.rows:
                await messages.insert(conn, made.rows)
                await channels.advance(conn, made.heads)
        return made


def _told(error: Exception) -> AppError:
    """Turn what a single draft failed by into its answer; after a lost race for one key, a repeat finds the winner."""
    if not isinstance(error, AppError):
        logger.error("a message could not be stored", exc_info=error)
        return AppError("internal_error")
    return Unavailable("lost a race", retry_after_ms=RETRY_AFTER_MS) if error.code == "conflict" else error


def _answer(batch: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if not waiting.outcome.done():
            waiting.outcome.set_result(outcome)
