"""Limits as HTTP tells them: who is counted before a handler runs, and the headers that say what is left.

`RateLimit-Limit`, `-Remaining` and `-Reset` follow draft-ietf-httpapi-ratelimit-headers-06; times are seconds.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps

from aiohttp import web

from app.core.addresses import network_of
from app.core.allowance import Allowance
from app.services.throttle import Throttle

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ALLOWANCE = web.RequestKey("allowance", Allowance)
"""Where the caller of a request stands; the last one noted is the one that is told."""


@dataclass(frozen=True, slots=True)
class Guards:
    """What one address may try of signing in, registering, refreshing, and using codes that let one in."""

    login: Throttle
    register: Throttle
    refresh: Throttle
    codes: Throttle
    address_of: Callable[[web.Request], str]

    def limited(self, throttle: Throttle, handler: Handler) -> Handler:
        """Wrap a handler so that each request counts for the network that it comes from, before it is read."""

        @wraps(handler)
        async def guarded(request: web.Request) -> web.StreamResponse:
            request[ALLOWANCE] = await throttle.take(network_of(self.address_of(request)))
            return await handler(request)

        return guarded


def headers_of(allowance: Allowance) -> dict[str, str]:
    """Write an allowance as headers."""
    return {
        "RateLimit-Limit": str(allowance.amount),
        "RateLimit-Remaining": str(allowance.remaining),
        "RateLimit-Reset": str(-(-allowance.reset_ms // 1000)),
    }
