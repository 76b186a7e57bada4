"""The published keys of one trusted issuer, fetched when they are needed and kept while they cannot be had.

Strangers choose what a token's header says, so an unknown `kid` costs at most one fetch per cool-down, whoever asks and
however often; tokens under known keys never wait for such a fetch.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from app.core.errors import Unauthenticated, Unavailable
from app.secure.issuers import keys_of_set
from app.secure.keys import Key

TTL_S = 300.0
"""How long keys are taken to be the issuer's without asking again; it is how late a withdrawn key is noticed."""
COOL_DOWN_S = 30.0
"""The least time between two fetches."""
FIRST_COOL_DOWN_S = 5.0
"""The same, as long as none has succeeded yet."""

logger = logging.getLogger("heliograph.issuers")

Fetch = Callable[[str], Awaitable[bytes]]
"""Fetches what is at an address, with its own limits on time and size. Raises OSError."""


class PublishedKeys:
    """The key set at one address; `algorithms` are those that its keys may have, `monotonic` tells seconds."""

    def __init__(self, url: str, algorithms: tuple[str, ...], fetch: Fetch, monotonic: Callable[[], float]) -> None:
        self._url = url
        self._algorithms = algorithms
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, Key] | None = None
        self._fetched_s = float("-inf")
        self._asked_s = float("-inf")
        self._flight: asyncio.Task[None] | None = None

    async def find(self, kid: object) -> Key:
        """Find a key by a token's `kid`.

        Raises `Unauthenticated` where the issuer has no such key, `Unavailable` where its keys were never had.
        """
        if self._is_due(kid):
            await self._refreshed()
        if self._keys is None:
            raise Unavailable("the issuer's keys cannot be had", retry_after_ms=int(FIRST_COOL_DOWN_S * 1000))
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise Unauthenticated("unknown key of the issuer")
        return key

    def close(self) -> None:
        """Give up a fetch that is under way."""
        if self._flight is not None:
            self._flight.cancel()

    def _is_due(self, kid: object) -> bool:
        """Tell whether a token has to wait for a fetch: for an unknown key, or when the keys are old."""
        now_s = self._monotonic()
        if self._keys is not None and isinstance(kid, str) and kid in self._keys and now_s - self._fetched_s < TTL_S:
            return False
        if self._flight is not None:
            return True
        return now_s - self._asked_s >= (FIRST_COOL_DOWN_S if self._keys is None else COOL_DOWN_S)

    async def _refreshed(self) -> None:
        """Wait for the one fetch that is under way, starting it if there is none; who gives up does not stop it."""
        if self._flight is None:
            self._asked_s = self._monotonic()
            self._flight = asyncio.create_task(self._refresh(), name="issuer keys")
        await asyncio.shield(self._flight)

    async def _refresh(self) -> None:
        try:
            self._keys = keys_of_set(await self._fetch(self._url), self._algorithms)
            self._fetched_s = self._monotonic()
        except Exception as error:  # noqa: BLE001  whatever is published there, the keys that are known stay
            logger.warning("cannot fetch the keys at %s: %s; those that are known stay", self._url, error)
        finally:
            self._flight = None
