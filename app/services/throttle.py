"""One rule of how often something may be done, counted by all nodes together."""

from dataclasses import dataclass

from app.bus.limits import Limits
from app.core.allowance import Allowance, Exceeded, Rule


@dataclass(frozen=True, slots=True)
class Throttle:
    """Counts attempts by name (an account, an address, a session) under one rule."""

    limits: Limits
    rule: Rule

    async def take(self, *who: str) -> Allowance:
        """Count one attempt and tell what is left. Raises `Exceeded`; an attempt that is refused does not count."""
        entered, allowance = await self.limits.enter(self.rule, *who)
        if not entered:
            raise Exceeded(self.rule.name, allowance)
        return allowance
