"""The engine behind python-socketio's own options and conventions, for conformance suites and ported programs.

Not for production: any origin may come in unless `cors_allowed_origins` says otherwise, and the limits are wide.
"""

from collections.abc import Iterable
from typing import Any

from app.engine.classic import ClassicServer, classic_limits

__all__ = ["create_server"]


def create_server(
    *,
    async_mode: str = "aiohttp",
    ping_interval: float = 25.0,
    ping_timeout: float = 20.0,
    max_http_buffer_size: int = 1_000_000,
    cors_allowed_origins: str | Iterable[str] | None = None,
    namespaces: str | Iterable[str] | None = None,
    transports: Iterable[str] | str | None = None,
    connect_timeout: float = 1.0,
    **_: Any,
) -> ClassicServer:
    """Return a server that takes handlers in python-socketio's conventions.

    ping_interval, ping_timeout: seconds, with fractions. cors_allowed_origins: None, "*" or [] lets every origin in.
    namespaces: those that exist beside those with handlers, "*" for any; None means `/`. transports: None means both.
    connect_timeout: seconds from a session's opening to its CONNECT. Other options are accepted and have no effect.
    Raises ValueError for another async_mode.
    """
    if async_mode != "aiohttp":
        raise ValueError("Invalid async_mode specified")
    return ClassicServer(
        None if namespaces == "*" else frozenset(namespaces or ("/",)),
        classic_limits(max_http_buffer_size, connect_timeout, ping_timeout),
        origins=_origins(cors_allowed_origins),
        transports=(transports,) if isinstance(transports, str) else tuple(transports or ("polling", "websocket")),
        ping_interval_s=ping_interval,
        ping_timeout_s=ping_timeout,
        forbidden_query=(),
    )


def _origins(allowed: str | Iterable[str] | None) -> frozenset[str] | None:
    origins = frozenset((allowed,) if isinstance(allowed, str) else allowed or ())
    return None if not origins or "*" in origins else origins
