"""Taking a TCP connection over from the HTTP server, and watching one on its behalf.

This file alone knows how aiohttp's request handler holds its connection; tests/engine/test_signatures.py fails when
that changes.
Source: RFC 6455 part 4.2.
"""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from app.engine.door import BAD_REQUEST, Refused

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_key(request: web.BaseRequest) -> bytes:
    """Return what answers a WebSocket handshake's key. Raises Refused if it is not a valid handshake."""
    headers = request.headers
    key = headers.get("Sec-WebSocket-Key", "")
    try:
        valid = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        valid = False
    tokens = [token.strip() for token in headers.get("Connection", "").lower().split(",")]
    if not valid or "upgrade" not in tokens or headers.get("Sec-WebSocket-Version") != "13" or request.body_exists:
        raise Refused(*BAD_REQUEST)
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())


class TakenOver(web.StreamResponse):
    """The response of a request whose connection is no longer the HTTP server's: there is nothing to write."""

    def __init__(self) -> None:
        super().__init__(status=101)

    async def prepare(self, _: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write nothing."""
        return None

    async def write_eof(self, _: bytes = b"") -> None:
        """Write nothing."""


def switch_protocols(transport: asyncio.Transport, accept: bytes, first: bytes) -> None:
    """Write the answer that opens a WebSocket, and the first frames with it."""
    transport.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + first
    )


def take_over(
    request: web.BaseRequest, make: Callable[[asyncio.Transport], asyncio.Protocol]
) -> tuple[asyncio.Protocol, bytes] | None:
    """Give a request's connection to another protocol, for good; the HTTP server forgets it.

    make: makes the protocol for the loop's transport. Returns it, and the bytes that had arrived behind the request;
    None if the client has left already.
    """
    handler, transport = request.protocol, request.transport
    if transport is None or transport.is_closing():
        return None
    tail = handler._message_tail  # noqa: SLF001  see the module's text
    handler._message_tail = b""  # noqa: SLF001
    protocol = make(transport)
    transport.set_protocol(protocol)
    handler.transport = None
    handler.connection_lost(None)
    transport.resume_reading()
    return protocol, tail


class Watch(asyncio.Protocol):
    """Stands in front of a connection's HTTP protocol to tell at once when the client has left.

    lost: called before the HTTP protocol hears of it.
    """

    __slots__ = ("_handler", "_lost", "_transport")

    def __init__(self, request: web.BaseRequest, transport: asyncio.Transport, lost: Callable[[], None]) -> None:
        self._handler = request.protocol
        self._transport: asyncio.Transport | None = transport
        self._lost = lost
        transport.set_protocol(self)

    def remove(self) -> None:
        """Give the connection back to its HTTP protocol."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.set_protocol(self._handler)

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        self._handler.data_received(data)

    def eof_received(self) -> None:
        """Pass on."""
        self._handler.eof_received()

    def pause_writing(self) -> None:
        """Pass on."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell, then pass on."""
        self._transport = None
        self._lost()
        self._handler.connection_lost(exc)
