"""Connections to a Redis or Valkey server from a URL, each with a deadline for everything it does.

Nothing here retries or reconnects: whoever uses a connection decides what a lost one means. An error never
repeats the URL, because the password is in it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError, ResponseError

COMMAND_S = 1.0
HEALTH_CHECK_S = 15
POOL_SIZE = 16
SCHEMES = {"redis": "redis", "valkey": "redis", "rediss": "rediss", "valkeys": "rediss", "unix": "unix"}
OPTIONS = frozenset({"db", "ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"})
CERT_REQS = frozenset({"none", "optional", "required"})


class BadRedisUrl(ValueError):
    """The URL cannot be used; the text says which part, and never repeats it."""


def parse(url: str) -> dict[str, Any]:
    """Read a server's URL into what a redis-py connection takes, timeouts left out.

    `redis://` and `valkey://` are plain, `rediss://` and `valkeys://` use TLS, `unix://` names a socket file. The
    query may set `db` and the `ssl_…` options; `ssl_cert_reqs=none` accepts self-signed certificates.

    Raises: BadRedisUrl.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES or not rest:
        raise BadRedisUrl(f"use one of {', '.join(f'{name}://' for name in SCHEMES)}")
    try:
        query = dict(parse_qsl(urlsplit(url).query))
        options = dict(parse_url(f"{SCHEMES[scheme]}://{rest}"))
    except ValueError:
        raise BadRedisUrl("the host, port, database or an option is malformed") from None
    if unknown := query.keys() - OPTIONS:
        raise BadRedisUrl(f"{len(unknown)} options are not among {', '.join(sorted(OPTIONS))}")
    if query.get("ssl_cert_reqs", "none") not in CERT_REQS:
        raise BadRedisUrl(f"ssl_cert_reqs is one of {', '.join(sorted(CERT_REQS))}")
    if any(name.startswith("ssl_") for name in query) and SCHEMES[scheme] != "rediss":
        raise BadRedisUrl("ssl_ options belong to rediss:// and valkeys://")
    if scheme == "unix" and not options.get("path"):
        raise BadRedisUrl("unix:// needs the path of a socket")
    return options | {"socket_connect_timeout": COMMAND_S, "protocol": 2, "driver_info": None}


def connect(url: str) -> Redis:
    """Make a client whose commands fail after 1 s and are not repeated; close it with `aclose()`.

    Connects at the first command, keeps at most 16 connections and checks those that rested for 15 s. A connection
    whose command was cancelled or timed out is closed, so no later command can read its answer.

    Raises: BadRedisUrl.
    """
    pool = BlockingConnectionPool(
        max_connections=POOL_SIZE,
        timeout=COMMAND_S,
        socket_timeout=COMMAND_S,
        health_check_interval=HEALTH_CHECK_S,
        retry=Retry(NoBackoff(), 0),
        **parse(url),
    )
    return Redis.from_pool(pool)


class Line:
    """One connection for one task: one command at a time, and dead for good after the first thing unexpected."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection

    async def ask(self, *command: bytes | str | int, within_s: float = COMMAND_S) -> Any:
        """Send a command and return its answer, as RESP 2 gives it.

        Raises: TimeoutError after `within_s` seconds, RedisError for a lost connection or the server's refusal.
        """
        if not self._connection.is_connected:
            raise ConnectionLost("the connection was lost before this command")
        async with asyncio.timeout(within_s):
            await self._connection.send_command(*command, check_health=False)
            return await self._connection.read_response()


@asynccontextmanager
async def line(url: str) -> AsyncIterator[Line]:
    """Open one connection for the block, signed in and with its database chosen, and close it after.

    Raises: BadRedisUrl, TimeoutError when it takes longer than 1 s, RedisError.
    """
    options = parse(url)
    make = options.pop("connection_class", Connection)
    connection: AbstractConnection = make(socket_timeout=None, **options)
    try:
        async with asyncio.timeout(COMMAND_S):
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py left it out
        yield Line(connection)
    finally:
        await _close(connection)


async def _close(connection: AbstractConnection) -> None:
    """Close a connection, in 1 s at most; that the other side no longer answers is no error here."""
    try:
        await connection.disconnect()
    except (RedisError, OSError):
        await connection.disconnect(nowait=True)


def refused(error: ResponseError, reason: str) -> bool:
    """Tell whether the server's refusal carries this text."""
    return reason in str(error)
