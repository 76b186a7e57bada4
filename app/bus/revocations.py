"""What ended before its time, kept where nodes that start later find it: a sorted set with the end of each as score.

Entries are opaque and sealed by the room above. Live nodes hear of an end through the log; this is for those that
were not there. The database knows as well, so nothing is lost for good where this is.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing

from app.bus.backoff import Backoff
from app.bus.connection import connect
from app.bus.trouble import FAILURES, Trouble

MAX_WAITING = 10_000
MAX_LOADED = 200_000

_logger = logging.getLogger(__name__)


class RevocationList:
    """The set `{deployment}:revoked` of one deployment.

    `remember` never waits; what it takes is written by `run`, again and again until Redis has it, the oldest dropped
    where more than `MAX_WAITING` wait.
    """

    def __init__(self, url: str, *, deployment: str, chance: Callable[[], float]) -> None:
        self._redis = connect(url)
        self._key = f"{deployment}:revoked"
        self._waiting: dict[bytes, int] = {}
        self._work = asyncio.Event()
        self._backoff = Backoff(chance)
        self._trouble = Trouble("revocations", _logger)

    def remember(self, entry: bytes, until_ms: int) -> None:
        """Keep an entry until a moment, in milliseconds since the Unix epoch."""
        self._waiting[entry] = until_ms
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._work.set()

    async def load(self, now_ms: int) -> list[bytes]:
        """Read what is kept and not over yet, and drop the rest. Raises: OSError where the server is away."""
        try:
            await self._redis.zremrangebyscore(self._key, "-inf", now_ms)
            found = await self._redis.zrangebyscore(self._key, now_ms, "+inf", start=0, num=MAX_LOADED)
        except FAILURES as error:
            self._trouble.note(error)
            raise OSError("the list of revocations cannot be read") from None
        return [entry for entry in found if isinstance(entry, bytes)]

    async def flush(self) -> None:
        """Write what waits, once. Raises: OSError where the server is away."""
        batch = dict(self._waiting)
        if not batch:
            return
        try:
            await self._redis.zadd(self._key, dict(batch))
        except FAILURES as error:
            self._trouble.note(error)
            raise OSError("the list of revocations cannot be written") from None
        for entry in batch:
            self._waiting.pop(entry, None)

    async def run(self) -> None:
        """Write what is to be remembered until cancelled."""
        async with aclosing(self._redis):
            while True:
                await self._work.wait()
                self._work.clear()
                try:
                    await self.flush()
                    self._trouble.clear()
                    self._backoff.reset()
                except OSError:
                    self._work.set()
                    await asyncio.sleep(self._backoff.next_s())
