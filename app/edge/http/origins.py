"""Which pages may talk to the HTTP API: the listed origins (CORS); and which requests are our own page's."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from app.core.errors import AppError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Requested-With, Idempotency-Key",
    "Access-Control-Max-Age": "600",
}
EXPOSED_HEADERS = "Retry-After, X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"


def origins_checked(is_allowed: Callable[[str], bool]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Make the middleware that answers preflights and refuses writes of pages that are not listed.

    A request without `Origin` comes from no page and is let through; it needs a token like any other.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is None or not request.path.startswith("/v1/"):
            return await handler(request)
        if not is_allowed(origin):
            raise AppError("origin_not_allowed")
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        return web.Response(status=204, headers=PREFLIGHT) if preflight else await handler(request)

    return middleware


def readable_by(origin: str | None, is_allowed: Callable[[str], bool]) -> dict[str, str]:
    """Give the headers that let a listed origin's scripts read an answer; None is a request of no page."""
    if origin is None or not is_allowed(origin):
        return {"Vary": "Origin"}
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED_HEADERS, "Vary": "Origin"}


def require_own_page(request: web.Request, is_allowed: Callable[[str], bool]) -> None:
    """Refuse a request that carries the cookie and was not made by our own page's script.

    The custom header cannot be set across origins without a preflight; Fetch Metadata says where the request came
    from, and where a browser does not send it, the Origin header has to (OWASP CSRF Prevention).
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if request.headers.get("X-Requested-With") != "fetch":
        raise AppError("forbidden", reason="no X-Requested-With: fetch")
    if site is not None and site not in ("same-origin", "none"):
        raise AppError("forbidden", reason=f"Sec-Fetch-Site is {site}")
    if site is None and (origin is None or not is_allowed(origin)):
        raise AppError("forbidden", reason="neither Sec-Fetch-Site nor a listed Origin")


def https_only(
    scheme_of: Callable[[web.Request], str], public_url: str | None
) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Make the middleware that sends readers of plain http to https, and refuses what is not a read.

    They are sent to `public_url`, since the Host header is the sender's word; None sends them to the host they name.
    Health checks come from inside, over plain http, and are let through.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if scheme_of(request) == "https" or request.path in ("/healthz", "/readyz"):
            return await handler(request)
        if request.method not in ("GET", "HEAD"):
            raise AppError("forbidden", "Use https.", reason="plain http")
        named = request.url.with_scheme("https").with_port(None)
        raise web.HTTPPermanentRedirect(public_url.rstrip("/") + request.raw_path if public_url else named)

    return middleware
