"""Refuses requests that are HTTP to the parser and still have two readings, before anybody reads them one way.

A proxy in front may read them the other way. So they are answered with 400, and nothing behind them on the same
connection is served.
"""

import re
from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion10, hdrs, web

from app.core.errors import AppError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HOST = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?", re.ASCII)


class Malformed(AppError):
    """The request is not one that a client of ours sends; its connection is closed after the answer."""

    def __init__(self, reason: str) -> None:
        super().__init__("invalid_payload", reason=reason)


@web.middleware
async def well_formed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through that names one host and one path of it, and ends where it says."""
    if fault := _fault(request):
        raise Malformed(fault)
    return await handler(request)


def _fault(request: web.Request) -> str | None:
    if request.version < HttpVersion10:
        return "older than HTTP/1.0"
    if not request.raw_path.startswith("/") and not (request.method == hdrs.METH_OPTIONS and request.raw_path == "*"):
        return "the target is not a path"
    host = request.headers.get(hdrs.HOST)
    if host is not None and not HOST.fullmatch(host):
        return "the host is not one"
    if hdrs.UPGRADE in request.headers and (
        hdrs.TRANSFER_ENCODING in request.headers or request.headers.get(hdrs.CONTENT_LENGTH, "0") != "0"
    ):
        return "an upgrade with a body"
    return None
