"""How long to wait before the next try: from 50 ms up to a second, never twice the same.

No sleeping happens here; whoever waits owns the wait.
"""

from collections.abc import Callable

FIRST_S = 0.05
LONGEST_S = 1.0


class Backoff:
    """Waits that double from 50 ms to 1 s, each shortened by chance so that nodes do not return in step."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._tries = 0

    def next_s(self) -> float:
        """Return the seconds to wait now: between half and all of this try's turn."""
        turn_s = min(LONGEST_S, FIRST_S * (1 << min(self._tries, 10)))
        self._tries += 1
        return turn_s * (0.5 + self._chance() / 2)

    def reset(self) -> None:
        """Start over: something worked."""
        self._tries = 0
