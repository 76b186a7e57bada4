"""The long-polling transport: one GET that waits, one POST at a time, and nothing lost in between.

What goes to the client waits in the session's outbox until a GET takes all of it. A client that abandons its GET is
noticed when it does, and its session ends: a message that it may have missed is never taken for delivered.
Source: Engine.IO protocol v4, "HTTP long-polling".
"""

import asyncio
import base64
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NoReturn

from aiohttp import web

from app.engine.door import BAD_REQUEST, TOO_LARGE, Refused
from app.engine.frames import BINARY, split
from app.engine.packets import Malformed
from app.engine.socket import CLIENT_DISCONNECT, TRANSPORT_CLOSE, Socket
from app.engine.takeover import Watch

if TYPE_CHECKING:
    from app.engine.engine import Engine

TRANSPORT_ERROR: Final = "transport error"

_SEPARATOR: Final = b"\x1e"
_CLOSE: Final = b"1"
_NOOP: Final = b"6"
_GOODBYE: Final = b"6\x1e1"  # as the reference server says it to a poll that comes later
_MESSAGE: Final = "4"
# How much later a poll may arrive than the POST it was sent together with, over another TCP connection.
_OVERTAKEN_S: Final = 0.2


def payload(chunk: bytes) -> bytes:
    """Turn a chunk of frames into one polling body."""
    return _SEPARATOR.join(b"b" + base64.b64encode(data) if opcode == BINARY else data for opcode, data in split(chunk))


class Polling:
    """The polling transport of one session."""

    __slots__ = ("_engine", "_get", "_posting", "_room", "last", "socket")
    name = "polling"

    def __init__(self, engine: "Engine", socket: Socket) -> None:
        self._engine = engine
        self.socket = socket
        self._get: asyncio.Future[bytes | None] | None = None
        self._posting = False
        self._room: asyncio.Future[None] | None = None
        self.last: deque[bytes] = deque()

    # what requests do

    async def poll(self, request: web.BaseRequest, headers: Mapping[str, str]) -> web.StreamResponse:
        """Answer a GET: with what waits, or with what comes first. Raises Refused."""
        if self._get is not None:
            self.socket.close(TRANSPORT_ERROR, abort=True)
            raise Refused(*BAD_REQUEST)
        body = None
        if not self.socket.outbox:
            if self.socket.upgrading:
                self._engine.soon(lambda: self._engine.release_poll(self))
            body = await self._wait(request)
        if body is None:
            body = self._take(request)
        return answer(body, headers)

    async def post(self, request: web.BaseRequest, headers: Mapping[str, str]) -> web.StreamResponse:
        """Take a POST's packets, and answer once there is room for more. Raises Refused."""
        if self._posting:
            self.socket.close(TRANSPORT_ERROR, abort=True)
            raise Refused(*BAD_REQUEST)
        self._posting = True
        try:
            body = await self._body(request)
            self._receive(body)
            inbox = self.socket.inbox
            if inbox is not None and inbox.paused and not self.socket.closed:
                self._room = asyncio.get_running_loop().create_future()
                await self._room
        finally:
            self._posting = False
            self._room = None
        return answer(b"ok", headers)

    def release(self) -> None:
        """End a waiting GET with nothing to say."""
        self._end_get(_NOOP)

    # what the session calls

    def pause(self) -> None:
        """Let the POST that is under way wait: its answer is what lets the client send more."""

    def resume(self) -> None:
        """Answer the POST that waits for room."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def wake(self) -> None:
        """Let a waiting GET take what is in the outbox."""
        self._end_get(None)

    def finish(self, _: int) -> None:
        """Say what is left, then goodbye: in a waiting GET, and in those that come in time.

        The goodbye has a body of its own, since clients drop what comes with it.
        """
        outbox = self.socket.outbox
        left = payload(outbox.take(outbox.bytes)) if outbox else b""
        self.resume()
        if left:
            if not self._end_get(left):
                self.last.append(left)
        elif self._end_get(_CLOSE):
            return
        self.last.append(_GOODBYE)
        self._engine.remember(self, self._engine.limits.close_timeout_s)

    def abort(self) -> None:
        """Say goodbye in a waiting GET, if there is one."""
        self.resume()
        self._end_get(_CLOSE)

    def _end_get(self, body: bytes | None) -> bool:
        get = self._get
        if get is None or get.done():
            return False
        get.set_result(body)
        return True

    async def _wait(self, request: web.BaseRequest) -> bytes | None:
        """Wait until there is something to say; None means that the outbox has it."""
        transport = request.transport
        if transport is None:
            self._abandoned()
            return _NOOP
        self._get = asyncio.get_running_loop().create_future()
        watch = Watch(request, transport, self._abandoned)
        try:
            return await self._get
        except asyncio.CancelledError:
            self._abandoned()
            raise
        finally:
            self._get = None
            watch.remove()

    def _abandoned(self) -> None:
        if self.socket.link is self:
            self.socket.close(TRANSPORT_CLOSE, abort=True)

    def _take(self, request: web.BaseRequest) -> bytes:
        outbox = self.socket.outbox
        if request.transport is None:
            self._abandoned()
            return _NOOP
        if self.last:
            return self.last.popleft()
        if not outbox or self.socket.link is not self:
            return _NOOP
        return payload(outbox.take(outbox.bytes))

    async def _body(self, request: web.BaseRequest) -> bytes:
        """Read the whole body within its bounds of size and time; a client that breaks them is gone."""
        limits = self._engine.limits
        body = bytearray()
        try:
            if (request.content_length or 0) > limits.frame_bytes:
                raise Refused(*TOO_LARGE)
            async with asyncio.timeout(limits.body_timeout_s):
                while chunk := await request.content.readany():
                    body += chunk
                    if len(body) > limits.frame_bytes:
                        raise Refused(*TOO_LARGE)
        except TimeoutError:
            self.socket.close(TRANSPORT_ERROR, abort=True)
            raise Refused(408, 3, "Request timeout") from None
        except Refused:
            self.socket.refuse("body too large", abort=True)
            raise
        except web.RequestPayloadError:
            self.socket.refuse("body", abort=True)
            raise Refused(*BAD_REQUEST) from None
        except (ConnectionError, asyncio.CancelledError):
            self._abandoned()
            raise
        return bytes(body)

    def _receive(self, body: bytes) -> None:
        try:
            packets = body.decode().split("\x1e")
        except UnicodeDecodeError:
            self._violated("utf-8", abort=True)
        for packet in packets:
            if self.socket.closed:
                return
            if packet == "1":
                self._leave()
                return
            try:
                self.socket.packet(packet)
            except Malformed as error:
                self._violated(error.kind, abort=not packet.startswith(_MESSAGE))

    def _violated(self, kind: str, *, abort: bool) -> NoReturn:
        """Close the session; what is wrong in a message only leaves time for the last words. Raises Refused."""
        self.socket.refuse(kind, abort=abort)
        raise Refused(*BAD_REQUEST) from None

    def _leave(self) -> None:
        """End the session as its client asks, and its poll too, also one that is still on its way."""
        if not self._end_get(_NOOP):
            self.last.append(_NOOP)
            self._engine.remember(self, _OVERTAKEN_S)
        self.socket.close(CLIENT_DISCONNECT, abort=True)


def answer(body: bytes, headers: Mapping[str, str]) -> web.Response:
    """Build the answer that carries packets."""
    return web.Response(
        body=body, headers={**headers, "Content-Type": "text/plain; charset=UTF-8", "Cache-Control": "no-store"}
    )
