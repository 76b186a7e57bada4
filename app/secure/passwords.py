"""Hashes and checks passwords, off the event loop, a bounded number at a time.

bcrypt takes at most 72 bytes, so what it is given is HMAC-SHA384 of the password under a key that is not in the
database (OWASP Password Storage, "Pre-Hashing Passwords with bcrypt"): every character of a long password counts.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from app.core.errors import Unavailable

MAX_WAITING = 16
"""Hashes that may wait for the one worker. At cost 12 the last of them waits for about four seconds."""

T = TypeVar("T")


class Passwords:
    """One worker thread with a short queue; a full queue is an error to the caller, never a longer queue.

    Arguments: `pepper`, the key of the pre-hash; `cost`, bcrypt's work factor, each step doubling the time.
    """

    def __init__(self, pepper: bytes, cost: int) -> None:
        self._pepper = pepper
        self._cost = cost
        self._waiting = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._nobody = bcrypt.hashpw(self._prehash("nobody"), bcrypt.gensalt(cost))

    def close(self) -> None:
        """Stop the worker after the hash that it is at."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def hash(self, password: str, check: Callable[[], None] | None = None) -> str:
        """Hash a new password, in the worker, after `check` has run there, whose errors are raised here.

        Raises `Unavailable` where too many wait.
        """

        def work() -> bytes:
            if check is not None:
                check()
            return bcrypt.hashpw(self._prehash(password), bcrypt.gensalt(self._cost))

        return (await self._run(work)).decode()

    async def matches(self, password: str, stored: str | None) -> bool:
        """Tell whether a password is the one whose hash is stored; None, an unknown user, costs the same time.

        Raises `Unavailable` where too many wait. A stored hash that is no hash matches nothing.
        """
        candidate = self._prehash(password)
        found = await self._run(lambda: _check(candidate, stored.encode() if stored else self._nobody))
        return found and bool(stored)

    def _prehash(self, password: str) -> bytes:
        digest = hmac.digest(self._pepper, password.encode("utf-8", "surrogatepass"), hashlib.sha384)
        return base64.b64encode(digest)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("password queue is full", retry_after_ms=2000)
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()


def _check(candidate: bytes, stored: bytes) -> bool:
    try:
        return bcrypt.checkpw(candidate, stored)
    except ValueError:
        return False
