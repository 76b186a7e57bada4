"""Counters in this process's memory, as the rate limit library stores them; its own memory storage starts threads.

Bounded: the names longest unused are forgotten first. Nothing is shared with other processes.
"""

from collections import OrderedDict
from collections.abc import Callable

from limits.aio.storage import MovingWindowSupport, Storage

MAX_NAMES = 100_000


class OwnWindows(Storage, MovingWindowSupport):
    """Fixed and moving windows by name. wall: seconds since the Unix epoch, as the library tells times."""

    def __init__(self, wall: Callable[[], float], names: int = MAX_NAMES) -> None:
        super().__init__()
        self._wall = wall
        self._names = names
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._entries: OrderedDict[str, list[float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Name what this may raise: nothing."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in a window that begins with the first count and lasts `expiry` seconds."""
        count = await self.get(key) + amount
        ends_s = self._counts.pop(key)[1] if count > amount else self._wall() + expiry
        self._counts[key] = (count, ends_s)
        if len(self._counts) > self._names:
            self._counts.popitem(last=False)
        return count

    async def get(self, key: str) -> int:
        """Tell the count of a window, 0 where it has ended."""
        count, ends_s = self._counts.get(key, (0, 0.0))
        if ends_s <= self._wall():
            self._counts.pop(key, None)
            return 0
        return count

    async def get_expiry(self, key: str) -> float:
        """Tell when a window ends; now, where there is none."""
        return self._counts.get(key, (0, self._wall()))[1]

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Enter now, unless that would be more than `limit` entries in the last `expiry` seconds."""
        now_s = self._wall()
        living = [at_s for at_s in self._entries.pop(key, []) if at_s > now_s - expiry]
        fits = len(living) + amount <= limit
        self._entries[key] = living + [now_s] * amount if fits else living
        if len(self._entries) > self._names:
            self._entries.popitem(last=False)
        return fits

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Tell when the oldest living entry was made, and how many live; `limit` bounds them already."""
        now_s = self._wall()
        living = [at_s for at_s in self._entries.get(key, []) if at_s > now_s - expiry]
        return (living[0] if living else now_s), len(living[:limit])

    async def clear(self, key: str) -> None:
        """Forget a name."""
        self._counts.pop(key, None)
        self._entries.pop(key, None)

    async def reset(self) -> int:
        """Forget all names and tell how many there were."""
        known = len(self._counts) + len(self._entries)
        self._counts.clear()
        self._entries.clear()
        return known

    async def check(self) -> bool:
        """Say that it works."""
        return True
