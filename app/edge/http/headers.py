"""The headers that every answer carries: what a browser may do with it, and with what else."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from app.edge.http.errors import REQUEST_ID
from app.edge.http.limits import ALLOWANCE, headers_of
from app.edge.http.origins import readable_by

SERVER = "heliograph"
HSTS = "max-age=31536000; includeSubDomains"
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def content_security_policy(host: str, *, https: bool) -> str:
    """Write the policy of the page that is served at `host`: nothing but its own files and its own socket."""
    socket = f"{'wss' if https else 'ws'}://{host}"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            f"connect-src 'self' {socket}",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "object-src 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def on_prepare(
    scheme_of: Callable[[web.Request], str], is_allowed: Callable[[str], bool]
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Make the signal handler that adds the headers.

    `scheme_of` tells http from https behind trusted proxies; `is_allowed` says which origins' scripts may read answers
    of the API, refusals too.
    """

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        https = scheme_of(request) == "https"
        headers = response.headers
        headers.update(FIXED)
        headers.setdefault("Content-Security-Policy", content_security_policy(_host(request), https=https))
        headers["Server"] = SERVER
        if https:
            headers["Strict-Transport-Security"] = HSTS
        if REQUEST_ID in request:
            headers["X-Request-Id"] = request[REQUEST_ID]
        if ALLOWANCE in request:
            headers.update(headers_of(request[ALLOWANCE]))
        if request.path.startswith("/v1/"):
            headers["Cache-Control"] = "no-store"
            headers.update(readable_by(request.headers.get("Origin"), is_allowed))

    return add


def _host(request: web.Request) -> str:
    """Give the host that the page came from, if it can stand in a header; `'self'` covers the rest."""
    host = request.host
    return host if host.isascii() and all(char.isalnum() or char in ".-:[]" for char in host) else "localhost"
