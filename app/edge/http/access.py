"""Who calls: the bearer token of a request, and the address that is counted."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from app.core.claims import Claims
from app.core.errors import Unauthenticated
from app.core.policy import require
from app.engine.visitors import Proxies
from app.services.sessions import Sessions

SignedIn = Callable[[web.Request, Claims], Awaitable[web.StreamResponse]]


class Access:
    """Lets signed-in callers through to a handler, and tells where any caller is."""

    def __init__(self, sessions: Sessions, proxies: Proxies) -> None:
        self._sessions = sessions
        self._proxies = proxies

    def signed_in(
        self, handler: SignedIn, permission: str | None = None
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Wrap a handler so that it gets verified claims that hold `permission`; None asks for the token alone."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            claims = await self._sessions.authenticate(_bearer(request))
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
