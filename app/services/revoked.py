"""This node's copy of what ended before its time: filled by the log as it happens, and from Redis at the start."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from app.core.claims import Claims
from app.core.entries import Ended, decode_entry
from app.core.errors import Unauthenticated
from app.core.revocation import Revocations
from app.core.times import Clock
from app.secure.seals import Seal

FORGET_S = 60.0
RETRY_S = 1.0

logger = logging.getLogger("heliograph.revoked")


class Revoked:
    """Knows at every message whether its claims are over, without asking anybody.

    Where Redis is away the node keeps what it has; it hears the rest when Redis is back. `load` reads what is kept
    there, sealed.
    """

    def __init__(self, load: Callable[[int], Awaitable[list[bytes]]], seal: Seal, clock: Clock) -> None:
        self._load = load
        self._seal = seal
        self._clock = clock
        self._known = Revocations()
        self._stale = asyncio.Event()
        self._stale.set()

    @property
    def complete(self) -> bool:
        """Tell whether this node has read what is kept in Redis since it last missed something."""
        return not self._stale.is_set()

    def add(self, ended: Ended) -> None:
        """Take in that sessions ended."""
        self._known.add(ended)

    def require_not(self, claims: Claims) -> None:
        """Raise `Unauthenticated` where the claims are over before their time."""
        if self._known.cover(claims):
            raise Unauthenticated("revoked", code="session_revoked")

    def doubt(self) -> None:
        """Hear that ends may have been missed: what is kept in Redis is read again."""
        self._stale.set()

    async def run(self) -> None:
        """Read what is kept whenever something may have been missed, and forget what is over, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(FORGET_S):
                    await self._stale.wait()
            except TimeoutError:
                self._known.forget(self._clock())
                continue
            try:
                await self._read()
            except OSError as error:
                logger.warning("%s; this node keeps what it has", error)
                await asyncio.sleep(RETRY_S)

    async def _read(self) -> None:
        for sealed in await self._load(self._clock()):
            opened = self._seal.open(sealed)
            entry = None if opened is None else decode_entry(opened)
            if isinstance(entry, Ended):
                self._known.add(entry)
        self._stale.clear()
