"""Counting what clients do wrong, and saying so in a log that they cannot fill.

Every complaint is counted; at most a burst of lines is written, then one line a second, which says how many were
left out. A line never holds what a client sent: only our own word for it, and the address.
"""

import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

_BURST: Final = 10.0


class Complaints:
    """Counters by kind, and a rate-limited log of them. clock: monotonic seconds."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float]) -> None:
        self.counts: Counter[str] = Counter()
        self._logger = logger
        self._clock = clock
        self._tokens = _BURST
        self._filled_s = clock()
        self._unsaid = 0

    def note(self, kind: str, address: str) -> None:
        """Count one complaint and write a line if there is room for it."""
        self.counts[kind] += 1
        now_s = self._clock()
        self._tokens = min(_BURST, self._tokens + now_s - self._filled_s)
        self._filled_s = now_s
        if self._tokens < 1:
            self._unsaid += 1
            return
        self._tokens -= 1
        more, self._unsaid = self._unsaid, 0
        self._logger.warning("refused: %s from %s%s", kind, address, f" and {more} more" if more else "")
