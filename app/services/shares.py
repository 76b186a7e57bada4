"""What each user may do of something in this process: never waits, so it may stand in the way of a message."""

from collections import OrderedDict
from collections.abc import Callable

from app.core.allowance import Allowance, Exceeded
from app.core.buckets import Bucket

MAX_NAMES = 100_000


class Shares:
    """A bucket for each name, the least used forgotten first; `per_s` and `burst` are the same for all."""

    def __init__(self, per_s: float, burst: int, monotonic: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = burst
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str) -> Allowance:
        """Count one act and tell what is left. Raises `Exceeded` with the time after which the next is let through."""
        now_s = self._monotonic()
        bucket = self._buckets.pop(name, None) or Bucket.full(self._per_s, self._burst, now_s)
        self._buckets[name] = bucket
        if len(self._buckets) > MAX_NAMES:
            self._buckets.popitem(last=False)
        wait_ms = bucket.take(now_s)
        full_ms = round((self._burst - bucket.tokens) / self._per_s * 1000)
        allowance = Allowance(self._burst, int(bucket.tokens), wait_ms or full_ms)
        if wait_ms:
            raise Exceeded("writes", allowance)
        return allowance
