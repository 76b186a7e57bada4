"""What one may still ask for: a rule, what is left under it, and how long failing makes one wait. Plain arithmetic."""

from typing import NamedTuple

from app.core.errors import RateLimited

FREE_FAILURES = 5
FIRST_DELAY_S = 5
MAX_DELAY_S = 900


class Rule(NamedTuple):
    """So many of something in any `per_s` seconds; `name` tells rules that count the same callers apart."""

    name: str
    amount: int
    per_s: int


class Allowance(NamedTuple):
    """Where one stands under a rule: its amount, what is left of it, and the milliseconds until there is more."""

    amount: int
    remaining: int
    reset_ms: int


class Exceeded(RateLimited):
    """A rule was exceeded; `allowance` says when to come back."""

    def __init__(self, reason: str, allowance: Allowance) -> None:
        super().__init__(reason, allowance.reset_ms)
        self.allowance = allowance


def delay_s(failures: int) -> int:
    """Give the seconds to wait after so many failures in a row: none for the first four, then twice as long each.

    5 s after the fifth, a quarter of an hour at most.
    """
    late = failures - FREE_FAILURES
    return 0 if late < 0 else min(MAX_DELAY_S, FIRST_DELAY_S * 2 ** min(late, 16))
