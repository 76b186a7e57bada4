"""Counts attempts per name (an account, an address) and says when there were too many."""

from collections import OrderedDict
from collections.abc import Callable

from app.core.buckets import Bucket
from app.core.errors import RateLimited

MAX_NAMES = 100_000


class Throttle:
    """A bucket for each name, the least used forgotten first; `per_s` and `burst` are the same for all."""

    def __init__(self, per_s: float, burst: float, monotonic: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = burst
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str) -> None:
        """Count one attempt. Raises `RateLimited` with the time after which the next one is let through."""
        now_s = self._monotonic()
        bucket = self._buckets.pop(name, None) or Bucket.full(self._per_s, self._burst, now_s)
        self._buckets[name] = bucket
        if len(self._buckets) > MAX_NAMES:
            self._buckets.popitem(last=False)
        if wait_ms := bucket.take(now_s):
            raise RateLimited(name.partition(":")[0], wait_ms)
