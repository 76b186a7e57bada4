"""What is checked of an HTTP request before anything is made for it, and the answers to those that fail.

The checks run in constant work and answer with the protocol's own error objects. Nothing here opens a session.
Source: Engine.IO protocol v4, "Query parameters"; the codes are those of the reference server.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from app.engine import strict_json
from app.engine.visitors import Proxies, Visitor

_KEPT: Final = ("user-agent", "authorization", "origin")
_MAX_FIELDS: Final = 16
_CLIENTS_HEADER: Final = "content-type"


class Refused(Exception):
    """A request that is answered with an error object: its HTTP status, code and message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


UNKNOWN_TRANSPORT: Final = (400, 0, "Transport unknown")
UNKNOWN_SID: Final = (400, 1, "Session ID unknown")
BAD_METHOD: Final = (400, 2, "Bad handshake method")
BAD_REQUEST: Final = (400, 3, "Bad request")
FORBIDDEN: Final = (403, 4, "Forbidden")
BAD_VERSION: Final = (400, 5, "Unsupported protocol version")
UNAUTHORIZED: Final = (401, 4, "Unauthorized")
TOO_LARGE: Final = (413, 3, "Payload too large")
SHUTTING_DOWN: Final = (503, 4, "Shutting down")
TOO_MANY: Final = (429, 4, "Too many connections")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request asks for. sid: the session that it belongs to, None for a new one."""

    transport: str
    sid: str | None
    upgrade: bool


class Door:
    """The rules for requests.

    origins: those that browsers may come from, None for any; a request without Origin is not a browser's and passes.
    transports: those that are offered. forbidden_query: names that must not be in a query, since it ends up in logs.
    """

    def __init__(
        self,
        origins: frozenset[str] | None,
        transports: Iterable[str],
        forbidden_query: Iterable[str],
        proxies: Proxies,
    ) -> None:
        self._origins = origins
        self._transports = frozenset(transports)
        self._forbidden = frozenset(forbidden_query)
        self._proxies = proxies

    def ask(self, request: web.BaseRequest) -> Ask:
        """Return what a request asks for. Raises Refused."""
        query = self._query(request.rel_url.raw_query_string)
        if not self.allows(request.headers.get("Origin")):
            raise Refused(*FORBIDDEN)
        transport, sid = query.get("transport", ""), query.get("sid")
        if transport not in self._transports:
            raise Refused(*UNKNOWN_TRANSPORT)
        if query.get("EIO") != "4":
            raise Refused(*BAD_VERSION)
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if upgrade != (transport == "websocket"):
            raise Refused(*BAD_REQUEST)
        if request.method != "GET" and (sid is None or request.method != "POST" or upgrade):
            raise Refused(*BAD_METHOD)
        return Ask(transport, sid, upgrade)

    def allows(self, origin: str | None) -> bool:
        """Tell whether a request from that origin may come in; None stands for no Origin header."""
        return origin is None or self._origins is None or origin in self._origins

    def visitor(self, request: web.BaseRequest) -> Visitor:
        """Return who is asking, as far as trusted peers say."""
        headers = request.headers
        peer = request.remote or ""
        return Visitor(
            self._proxies.client(peer, headers.getall("X-Forwarded-For", ())),
            self._proxies.scheme(peer, request.scheme, headers.get("X-Forwarded-Proto")),
            tuple((name, headers[name]) for name in _KEPT if name in headers),
        )

    def cors(self, request: web.BaseRequest) -> Mapping[str, str]:
        """Return the headers that let an allowed origin's scripts read the answer."""
        origin = request.headers.get("Origin")
        if origin is None or not self.allows(origin):
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}

    def preflight(self, request: web.BaseRequest) -> web.Response:
        """Answer a browser's question before a request of another origin."""
        if not self.allows(request.headers.get("Origin")):
            return refusal(Refused(*FORBIDDEN))
        headers = {**self.cors(request), "Access-Control-Allow-Methods": "GET,POST"}
        asked = request.headers.get("Access-Control-Request-Headers", _CLIENTS_HEADER)
        if asked.replace(",", "").replace("-", "").replace(" ", "").isalnum():
            headers["Access-Control-Allow-Headers"] = asked
        return web.Response(status=204, headers=headers)

    def _query(self, raw: str) -> dict[str, str]:
        try:
            fields = parse_qsl(raw, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        except ValueError:
            raise Refused(*BAD_REQUEST) from None
        query = dict(fields)
        if len(query) != len(fields) or "j" in query or not self._forbidden.isdisjoint(query):
            raise Refused(*BAD_REQUEST)
        return query


def refusal(error: Refused, headers: Mapping[str, str] | None = None) -> web.Response:
    """Build the answer to a request that was refused.

    The connection ends with it, unless it is a plain 400. A 413 says nothing, as from the reference server.
    """
    body = b"" if error.status == 413 else strict_json.dumps({"code": error.code, "message": str(error)})
    response = web.Response(status=error.status, body=body, content_type="application/json", headers=headers)
    if error.status != 400:
        response.force_close()
    if error.status == 429:
        response.headers["Retry-After"] = "1"
    return response
