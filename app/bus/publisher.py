"""What one node says to all: entries wait here, in order, until the log has taken them.

Nothing here reads the log, and nothing here makes a caller wait. Guards the order of one node's entries: a batch is
repeated until it is answered, and the next one goes out after it. What had to be dropped is announced.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

from redis.exceptions import OutOfMemoryError

from app.bus.backoff import Backoff
from app.bus.connection import Line, line
from app.bus.trouble import FAILURES, Trouble

BATCH_ENTRIES = 500
BATCH_BYTES = 1_048_576
LEAST_BATCH_BYTES = 1024
ANNOUNCE_S = 1.0  # while more is dropped than sent, every announcement makes all clients read again
ROOM_ENTRIES = 1000  # what a full server must not take from the log

# One answer for a whole batch, and all of it or nothing: a server that runs out of memory refuses a script at its
# first write only. KEYS: log. ARGV: entries to keep, what is announced first (empty for nothing), then the entries.
APPEND = """
if ARGV[2] ~= '' then redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'gap', ARGV[2]) end
for i = 3, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'e', ARGV[i]) end
return #ARGV - 2
"""


class Batch(NamedTuple):
    """What goes out in one command: the entries up to number `end`, and the drops announced with it in all."""

    entries: Sequence[bytes]
    end: int
    announced: int


class Publisher:
    """The bounded queue of one node's entries and the task that empties it into the log."""

    def __init__(
        self,
        url: str,
        *,
        key: str,
        maxlen: int,
        max_pending: int,
        max_pending_bytes: int,
        max_entry_bytes: int,
        chance: Callable[[], float],
        logger: logging.Logger,
    ) -> None:
        self.dropped = 0
        self.pending_bytes = 0
        self.trouble = Trouble("publisher", logger)
        self._url, self._key, self._maxlen = url, key, maxlen
        self._max_pending, self._max_pending_bytes = max_pending, max_pending_bytes
        self._max_entry_bytes = max_entry_bytes
        self._pending: deque[bytes] = deque()
        self._settled = 0  # the number of the first entry that waits; every entry has the next number
        self._announced, self._announce_at = 0, 0.0
        self._batch_bytes = BATCH_BYTES
        self._work, self._progress = asyncio.Event(), asyncio.Event()
        self._backoff = Backoff(chance)

    @property
    def pending(self) -> int:
        """How many entries the log has not taken yet."""
        return len(self._pending)

    def append(self, entry: bytes) -> None:
        """Add an entry behind all others; drop the oldest where there are too many, and one that is too large."""
        if len(entry) > self._max_entry_bytes:
            self.dropped += 1
        else:
            self._pending.append(entry)
            self.pending_bytes += len(entry)
            while len(self._pending) > self._max_pending or self.pending_bytes > self._max_pending_bytes:
                self._settle_one()
                self.dropped += 1
        self._work.set()

    async def flush(self, timeout_s: float) -> bool:
        """Wait until the log has all that was appended so far; False when it has not within `timeout_s` seconds."""
        target = self._settled + len(self._pending)
        try:
            async with asyncio.timeout(timeout_s):
                while self._settled < target or self._announced < self.dropped:
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Send what waits until cancelled, over one connection after another."""
        while True:
            try:
                async with line(self._url) as wire:
                    await self._send_all(wire)
            except FAILURES as error:
                self.trouble.note(error)
                if isinstance(error, TimeoutError):  # a slow network takes a smaller batch in time
                    self._batch_bytes = max(LEAST_BATCH_BYTES, self._batch_bytes // 4)
            await asyncio.sleep(self._backoff.next_s())

    async def _send_all(self, wire: Line) -> None:
        if not self._work.is_set():
            self.trouble.clear()
        while True:
            await self._work.wait()
            batch = self._next_batch()
            try:
                await self._send(wire, batch)
            except OutOfMemoryError:
                await self._make_room(wire)
                raise
            self._settle(batch)

    def _next_batch(self) -> Batch:
        entries: list[bytes] = []
        size = 0
        for entry in islice(self._pending, BATCH_ENTRIES):
            size += len(entry)
            if entries and size > self._batch_bytes:
                break
            entries.append(entry)
        announced = self.dropped if not entries or _now() >= self._announce_at else self._announced
        return Batch(entries, self._settled + len(entries), announced)

    async def _send(self, wire: Line, batch: Batch) -> None:
        dropped = batch.announced - self._announced
        if batch.entries or dropped:
            await wire.ask("EVAL", APPEND, 1, self._key, self._maxlen, dropped or "", *batch.entries)

    def _settle(self, batch: Batch) -> None:
        """Forget what the log has; some of it may have been dropped while it was on its way."""
        while self._settled < batch.end:
            self._settle_one()
        if batch.announced > self._announced:
            self._announced = batch.announced
            self._announce_at = _now() + ANNOUNCE_S
        self._batch_bytes = min(BATCH_BYTES, self._batch_bytes * 2)
        if not self._pending and self._announced == self.dropped:
            self._work.clear()
        self._progress.set()
        self._backoff.reset()
        self.trouble.clear()

    def _settle_one(self) -> None:
        self.pending_bytes -= len(self._pending.popleft())
        self._settled += 1

    async def _make_room(self, wire: Line) -> None:
        """Halve the log of a server without memory: it is a cache, and trimming is the one write still allowed."""
        length = await wire.ask("XLEN", self._key)
        if length > ROOM_ENTRIES:
            await wire.ask("XTRIM", self._key, "MAXLEN", max(ROOM_ENTRIES, length // 2))


def _now() -> float:
    return asyncio.get_running_loop().time()
