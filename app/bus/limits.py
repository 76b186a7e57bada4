"""Counts that all nodes share, in the deployment's Redis: how often somebody did something of late.

Where Redis is away or does not answer within a second, this process counts on its own until it is back: there is
always a limit, and it never shuts anybody out by itself. Nothing on the way of a message may ask here.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from hashlib import blake2b
from typing import NamedTuple, TypeVar

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.storage import Storage as Windows
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis

from app.bus.connection import COMMAND_S, connect
from app.bus.trouble import FAILURES, Trouble
from app.bus.window import OwnWindows
from app.core.allowance import Allowance, Rule

REST_S = 5.0
"""For so long Redis is not asked after it failed, so that nobody waits for it again and again."""

T = TypeVar("T")
_logger = logging.getLogger(__name__)


class Health(NamedTuple):
    """Whether all nodes count together, and how many questions this process has answered alone."""

    shared: bool
    alone: int
    last_error: str | None


class Limits:
    """Moving windows and counters under names that only their digest is stored of.

    monotonic: seconds, for resting; wall: seconds since the Unix epoch.
    """

    def __init__(
        self, redis: Redis, *, deployment: str, monotonic: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._shared = RedisStorage(
            "redis://",
            implementation="redispy",
            key_prefix=f"{deployment}:limits",
            connection_pool=redis.connection_pool,  # type: ignore[arg-type]  # the library's type leaves it out
        )
        self._own = OwnWindows(wall)
        self._monotonic = monotonic
        self._wall = wall
        self._rests_until_s = float("-inf")
        self._trouble = Trouble("limits", _logger)
        self._alone = 0

    async def enter(self, rule: Rule, *who: str) -> tuple[bool, Allowance]:
        """Count one entry if the rule allows it; tell whether it did, and where that leaves one."""

        async def ask(windows: Windows) -> tuple[bool, Allowance]:
            item, name = RateLimitItemPerSecond(rule.amount, rule.per_s, rule.name), _digest(*who)
            limiter = MovingWindowRateLimiter(windows)
            entered = await limiter.hit(item, name)
            stats = await limiter.get_window_stats(item, name)
            reset_s = min(max(stats.reset_time - self._wall(), 0.001), rule.per_s)
            return entered, Allowance(rule.amount, max(0, stats.remaining), round(reset_s * 1000))

        return await self._ask(ask)

    async def count(self, name: str, *who: str, for_s: int) -> int:
        """Count one more in a window that began with the first and lasts so many seconds; tell how many it is."""
        key = f"{name}/{_digest(*who)}"
        return await self._ask(lambda windows: windows.incr(key, for_s))

    async def counted(self, name: str, *who: str) -> tuple[int, int]:
        """Tell how many were counted in the window that is open, and the milliseconds until it ends; (0, 0) if none."""
        key = f"{name}/{_digest(*who)}"

        async def ask(windows: Windows) -> tuple[int, int]:
            found = await windows.get(key)
            return (found, max(1, round((await windows.get_expiry(key) - self._wall()) * 1000))) if found else (0, 0)

        return await self._ask(ask)

    async def forget(self, name: str, *who: str) -> None:
        """Close a window that `count` opened, in this process too."""
        key = f"{name}/{_digest(*who)}"
        await self._own.clear(key)
        await self._ask(lambda windows: windows.clear(key))

    def health(self) -> Health:
        """Tell how it is going, without asking Redis."""
        return Health(not self._trouble.failing, self._alone, self._trouble.last_error)

    async def _ask(self, question: Callable[[Windows], Awaitable[T]]) -> T:
        """Ask Redis; where it does not answer, ask this process."""
        if self._monotonic() >= self._rests_until_s:
            try:
                async with asyncio.timeout(COMMAND_S):
                    answer = await question(self._shared)
            except FAILURES as error:
                self._trouble.note(error)
                self._rests_until_s = self._monotonic() + REST_S
            else:
                self._trouble.clear()
                return answer
        self._alone += 1
        return await question(self._own)


@asynccontextmanager
async def open_limits(
    url: str, *, deployment: str, monotonic: Callable[[], float], wall: Callable[[], float]
) -> AsyncIterator[Limits]:
    """Own the connections for the block. Opens none before the first question. Raises: BadRedisUrl."""
    async with aclosing(connect(url)) as redis:
        yield Limits(redis, deployment=deployment, monotonic=monotonic, wall=wall)


def _digest(*who: str) -> str:
    """Give a name of fixed length that says nobody's name or address."""
    return blake2b("\0".join(who).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
