"""The log of one deployment: what any node appends, every node hears, in one order.

Publisher and reader are put together and kept alive here; what an entry means is decided elsewhere. The log is a
cache: what must not be lost is in the store, and `on_gap` says when to look there.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from app.bus.backoff import Backoff
from app.bus.connection import parse
from app.bus.continuity import format_id
from app.bus.publisher import Publisher
from app.bus.reader import Listener, Reader

PENDING_BYTES = 67_108_864
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogHealth:
    """The state of a node's log: `connected` is for readiness, the counts are since the start.

    `position` is the id of the last entry heard, None before the start. `lag_s` is the time since the log last
    answered the reader, 2 s at most while all is well, infinite before the first answer. `dropped` entries of this
    node never reached the log, `skipped` ones in it were not ours. `last_error` names the kinds of the
    errors that hold now, or of the last ones, and no texts.
    """

    connected: bool
    position: str | None
    pending: int
    pending_bytes: int
    dropped: int
    skipped: int
    gaps: int
    failures: int
    crashes: int
    last_error: str | None
    lag_s: float


class Log:
    """A capped Redis Stream `{deployment}:log` that this node appends to and reads from its own position.

    Delivery: the entries of one node arrive at every node in the order in which they were appended; all nodes hear
    one order. An entry may arrive more than once after a fault. What may have been lost is told by `on_gap`, with the
    reason: "wiped", "rewound", "trimmed", "failover" (the server restarted or changed), "late" (it was away when this
    node started) or "dropped" (some node's queue overflowed). Both callbacks run in the reader's task and must not
    block; what they raise is logged.
    """

    def __init__(
        self,
        url: str,
        *,
        deployment: str,
        maxlen: int,
        on_entries: Callable[[Sequence[bytes]], None],
        on_gap: Callable[[str], None],
        max_pending: int = 10_000,
        max_pending_bytes: int = PENDING_BYTES,
        max_entry_bytes: int = 262_144,
        check_s: float = 5.0,
        chance: Callable[[], float] = random.random,
        new_epoch: Callable[[], str] = lambda: secrets.token_hex(16),
        logger: logging.Logger = _logger,
    ) -> None:
        """Prepare the log; nothing connects before `run`.

        `maxlen` entries are kept in the stream, about; every `check_s` seconds the reader makes sure that they are
        still those that it knows. `chance` gives numbers from 0 to 1, `new_epoch` a text that no other call gives.

        Raises: BadRedisUrl.
        """
        parse(url)
        self._publisher = Publisher(
            url,
            key=f"{deployment}:log",
            maxlen=maxlen,
            max_pending=max_pending,
            max_pending_bytes=max_pending_bytes,
            max_entry_bytes=max_entry_bytes,
            chance=chance,
            logger=logger,
        )
        self._reader = Reader(
            url,
            key=f"{deployment}:log",
            epoch_key=f"{deployment}:log:epoch",
            max_entry_bytes=max_entry_bytes,
            listener=Listener(on_entries, on_gap),
            check_s=check_s,
            new_epoch=new_epoch,
            chance=chance,
            logger=logger,
        )
        self._chance, self._logger = chance, logger
        self._crashes = 0
        self._crash: str | None = None

    def append(self, entry: bytes) -> None:
        """Say something to every node, this one too; returns at once and never raises for the server's sake.

        While the server is away entries wait, `max_pending` of them and `max_pending_bytes` at most. Beyond that the
        oldest are dropped, as is an entry over `max_entry_bytes`, and every node's `on_gap` says so once the server
        is back. Call it in the thread of the event loop.
        """
        self._publisher.append(entry)

    async def flush(self, timeout_s: float) -> bool:
        """Wait until the log has what was appended so far; False when it has not within `timeout_s` seconds."""
        return await self._publisher.flush(timeout_s)

    async def ready(self, timeout_s: float) -> None:
        """Wait until this node knows its place: every entry appended from now on, anywhere, will be heard.

        Raises: TimeoutError after `timeout_s` seconds.
        """
        async with asyncio.timeout(timeout_s):
            await self._reader.positioned.wait()

    async def run(self) -> None:
        """Read and publish until cancelled, then close both connections; entries that still wait stay unsent."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep("reader", self._reader.run))
            tasks.create_task(self._keep("publisher", self._publish))

    def health(self) -> LogHealth:
        """Return the state of the log as this node sees it now."""
        reader, publisher = self._reader, self._publisher
        heard_at = reader.heard_at
        return LogHealth(
            connected=reader.connected and not publisher.trouble.failing,
            position=format_id(reader.place.id) if reader.place else None,
            pending=publisher.pending,
            pending_bytes=publisher.pending_bytes,
            dropped=publisher.dropped,
            skipped=reader.skipped,
            gaps=reader.gaps,
            failures=reader.trouble.failures + publisher.trouble.failures,
            crashes=self._crashes,
            last_error=self._last_error(),
            lag_s=float("inf") if heard_at is None else max(0.0, asyncio.get_running_loop().time() - heard_at),
        )

    def _last_error(self) -> str | None:
        reader, publisher = self._reader.trouble, self._publisher.trouble
        told = {"reader": reader, "publisher": publisher}
        failing = {part: trouble for part, trouble in told.items() if trouble.failing} or told
        texts = [f"{part}: {trouble.last_error}" for part, trouble in failing.items() if trouble.last_error]
        return "; ".join(texts) or self._crash

    async def _publish(self) -> None:
        """Publish once the reader has its place: a node hears all that it says itself."""
        await self._reader.positioned.wait()
        await self._publisher.run()

    async def _keep(self, part: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a part again whenever it ends, for whatever reason: on its own it never should."""
        backoff = Backoff(self._chance)
        while True:
            task = asyncio.create_task(work(), name=f"log {part}")
            try:
                await asyncio.wait({task})
            finally:
                task.cancel()
                await asyncio.wait({task})
            self._note_crash(part, task)
            await asyncio.sleep(backoff.next_s())

    def _note_crash(self, part: str, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        self._crashes += 1
        self._crash = f"{part} ended: {type(error).__name__ if error else 'cancelled'}"
        self._logger.error("log %s ended and is started again", part, exc_info=error)
