"""Guessing passwords: how many tries an account gets, from where, and how failing slows them down.

An account's owner must not be locked out by strangers. So tries from an address where the account was signed in
before are counted for themselves, and all other addresses share what is left.
"""

from dataclasses import dataclass

from app.bus.limits import Limits
from app.core.addresses import network_of
from app.core.allowance import Allowance, Exceeded, delay_s
from app.services.throttle import Throttle

DAY_S = 86_400
MAX_FAILURES = 100
"""Of one account in a day: from all addresses that it does not know, and from each that it knows (NIST 800-63B-4)."""

ELSEWHERE = "elsewhere"
"""Stands for all addresses that an account does not know; no address reads so."""


@dataclass(frozen=True, slots=True)
class Place:
    """An account's name key, and the address that tries it; `known` if it was signed in from there before."""

    account: str
    address: str
    known: bool

    @property
    def pot(self) -> str:
        """Give the name of what this address shares with others."""
        return self.address if self.known else ELSEWHERE


@dataclass(frozen=True, slots=True)
class Attempts:
    """Counts tries at passwords. An account that does not exist is counted like one that does."""

    limits: Limits
    throttle: Throttle

    async def begin(self, account: str, ip: str, known: frozenset[str]) -> Place:
        """Count a try of the password of `account`, a name key, which was signed in from the addresses `known` before.

        Raises `Exceeded` where there were too many, or where it is too early after the last failure.
        """
        networks = {network_of(address) for address in known}
        address = network_of(ip)
        place = Place(account, address, address in networks)
        await self._require_patience(place)
        await self.throttle.take(account, place.pot)
        return place

    async def failed(self, place: Place) -> None:
        """Count a failure, and close the door to this address for a while that grows with each."""
        failures = await self.limits.count("failed", place.account, place.address, for_s=DAY_S)
        await self.limits.count("failed", place.account, "all", place.pot, for_s=DAY_S)
        if wait_s := delay_s(failures):
            await self.limits.count("waits", place.account, place.address, for_s=wait_s)

    async def succeeded(self, place: Place) -> None:
        """Forgive the failures of this address; those of others stay counted."""
        await self.limits.forget("failed", place.account, place.address)
        if place.known:
            await self.limits.forget("failed", place.account, "all", place.pot)

    async def _require_patience(self, place: Place) -> None:
        waits, wait_ms = await self.limits.counted("waits", place.account, place.address)
        if waits:
            raise Exceeded("failed sign-ins", Allowance(1, 0, wait_ms))
        failures, left_ms = await self.limits.counted("failed", place.account, "all", place.pot)
        if failures >= MAX_FAILURES:
            raise Exceeded("failed sign-ins of a day", Allowance(MAX_FAILURES, 0, left_ms))
