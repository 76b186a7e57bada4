"""Who calls: the bearer token of a request, and the address that is counted."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from app.core.claims import Claims
from app.core.errors import Unauthenticated
from app.core.policy import require
from app.edge.http.limits import ALLOWANCE
from app.engine.visitors import Proxies
from app.services.sessions import Sessions
from app.services.shares import Shares

SignedIn = Callable[[web.Request, Claims], Awaitable[web.StreamResponse]]
READS = frozenset({"GET", "HEAD"})


class Access:
    """Lets signed-in callers through to a handler, and tells where any caller is; `writes` is what each may change."""

    def __init__(self, sessions: Sessions, proxies: Proxies, writes: Shares) -> None:
        self._sessions = sessions
        self._writes = writes
        self._proxies = proxies

    def signed_in(
        self, handler: SignedIn, permission: str | None = None
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Wrap a handler so that it gets verified claims that hold `permission`; None asks for the token alone."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            claims = await self._sessions.authenticate(_bearer(request))
            if request.method not in READS:
                request[ALLOWANCE] = self._writes.take(claims.subject)
            if permission is not None:
                require(claims, permission)
            return await handler(request, claims)

        return guarded

    def address_of(self, request: web.Request) -> str:
        """Give the client's address, believing forwarding headers of trusted proxies only."""
        return self._proxies.client(request.remote or "", request.headers.getall("X-Forwarded-For", ()))

    def scheme_of(self, request: web.Request) -> str:
        """Give `http` or `https` as the client used it."""
        return self._proxies.scheme(request.remote or "", request.scheme, request.headers.get("X-Forwarded-Proto"))


def _bearer(request: web.Request) -> str:
    header = request.headers.get("Authorization")
    if header is None:
        raise Unauthenticated("no token", code="unauthenticated")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("not a bearer token")
    return token.strip()
