"""The Engine.IO server: requests in, sessions out, and the few things that all sessions share.

It opens and forgets sessions and owns every background task. What their messages mean is up to `upper`, the layer
above. No word of Socket.IO here.
Source: Engine.IO protocol v4.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Protocol

import engineio  # type: ignore[import-untyped]  # upstream ships no types
from aiohttp import web

from app.engine import strict_json
from app.engine.complaints import Complaints
from app.engine.door import BAD_REQUEST, SHUTTING_DOWN, TOO_MANY, UNAUTHORIZED, UNKNOWN_SID, Ask, Door, Refused, refusal
from app.engine.frames import BINARY, close_frame, frame, text_frame
from app.engine.limits import Limits
from app.engine.mail import Mail
from app.engine.polling import Polling, answer
from app.engine.socket import TRANSPORT_CLOSE, Link, Socket
from app.engine.takeover import TakenOver, accept_key, switch_protocols, take_over
from app.engine.visitors import Visitor, Visitors
from app.engine.websocket import Upgrade, WebSocket
from app.engine.wheel import TimerWheel

_log = logging.getLogger(__name__)

_SLOT_S: Final = 0.02
SERVER_SHUTDOWN: Final = "server shutdown"


class Upper(Protocol):
    """The layer above: what sessions tell it. Only `handle` may wait."""

    def opened(self, socket: Socket, request: web.BaseRequest) -> None:
        """A session is open."""

    def message(self, socket: Socket, text: str) -> None:
        """A text message has come. Raises Malformed to have the session closed."""

    def attachment(self, socket: Socket, data: bytes) -> None:
        """A binary message has come. Raises Malformed to have the session closed."""

    async def handle(self, socket: Socket, item: Any) -> None:
        """Work on one item that was queued with `Socket.handle`."""

    def gone(self, socket: Socket) -> None:
        """A session is closed; nothing may be written to it any more."""

    def ended(self, socket: Socket) -> None:
        """A closed session's last item has been worked on."""


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # upstream ships no types
    """An Engine.IO server on aiohttp.

    prefixed: mount every path below the given one. spacing_s: how long after the WebSocket handshake the first packet
    is written, for clients that start to listen late; 0 writes them together. noop_delay_s: how long a poll may go on
    after the probe of an upgrade, for those that count packets. gate: asked before a handshake is
    answered, if there is one.
    limits, door: what is enforced. clock: monotonic seconds. new_id: returns a session id that cannot be guessed.
    Further options are upstream's; ping_interval and ping_timeout are in seconds, with fractions.
    """

    def __init__(
        self, *, limits: Limits, door: Door, clock: Callable[[], float], new_id: Callable[[], str], **options: Any
    ) -> None:
        super().__init__(async_mode="aiohttp", monitor_clients=False, logger=_log, **options)
        self.limits = limits
        self.door = door
        self.clock = clock
        self.upper: Upper
        self.wheel = TimerWheel(clock, min(_SLOT_S, self.ping_timeout / 200))
        self.mail = Mail(limits.joined_bytes)
        self.complaints = Complaints(_log, clock)
        self.visitors = Visitors(
            limits.sockets_per_address, limits.handshakes_per_s, limits.handshakes_burst, limits.addresses, clock
        )
        self.links: set[WebSocket] = set()
        self.endings: Counter[str] = Counter()
        self.closing = False
        self.prefixed = False
        self.spacing_s = 0.0
        self.noop_delay_s = 0.0
        self.gate: Callable[[Socket], Awaitable[bool]] | None = None
        self._new_id = new_id
        self._tasks: set[asyncio.Task[Any]] = set()
        self._last: dict[str, Polling] = {}
        self._quiet: asyncio.Event | None = None

    def attach(self, app: web.Application, engineio_path: str = "engine.io") -> None:
        """Mount the server on an application, and close it when the application shuts down."""
        path = "/" + engineio_path.strip("/")
        app.router.add_route("*", path + ("/{tail:.*}" if self.prefixed else "/"), self.handle_request)
        app.router.add_route("*", path, self.handle_request)
        app.on_shutdown.append(self._on_shutdown)

    async def _on_shutdown(self, _: web.Application) -> None:
        await self.shutdown()

    # what requests do

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request of a client."""
        if request.method == "OPTIONS":
            return self.door.preflight(request)
        try:
            ask = self.door.ask(request)
            if ask.upgrade:
                return await self._websocket(request, ask)
            return await self._polling(request, ask)
        except Refused as error:
            self._leave_unread(request)
            return refusal(error, self.door.cors(request))

    def _leave_unread(self, request: web.BaseRequest) -> None:
        """Give a body that nobody will read a moment to arrive, not as long as the HTTP server would."""
        content, transport = request.content, request.transport

        def end() -> None:
            if not content.is_eof():
                if transport is not None:
                    transport.abort()
                content.feed_eof()

        if not content.is_eof():
            self.wheel.after(self.limits.close_timeout_s, end)

    async def _polling(self, request: web.Request, ask: Ask) -> web.StreamResponse:
        headers = self.door.cors(request)
        if ask.sid is None:
            socket = await self._open(self._admit(request), request)
            return answer(self._hello(socket, ["websocket"]).encode(), headers)
        last = self._last.get(ask.sid)
        if last is not None and last.last and request.method == "GET":
            return answer(last.last.popleft(), headers)
        link = self._session(ask.sid).link
        if not isinstance(link, Polling):
            raise Refused(*BAD_REQUEST)
        if request.method == "POST":
            return await link.post(request, headers)
        return await link.poll(request, headers)

    async def _websocket(self, request: web.Request, ask: Ask) -> web.StreamResponse:
        accept = accept_key(request)
        if ask.sid is not None:
            return self._upgrade(request, self._session(ask.sid), accept)
        socket = await self._open(self._admit(request), request)
        hello = text_frame(self._hello(socket, []).encode())
        self._start(request, lambda transport: WebSocket(self, transport, socket), accept, hello)
        if not socket.upgraded:
            socket.close(TRANSPORT_CLOSE, abort=True)
        return TakenOver()

    def _upgrade(self, request: web.Request, socket: Socket, accept: bytes) -> web.StreamResponse:
        if socket.upgrading or socket.upgraded:  # the protocol wants the second WebSocket opened, then closed
            transport = request.transport
            if take_over(request, lambda _: asyncio.Protocol()) is not None and transport is not None:
                switch_protocols(transport, accept, close_frame(1008))
                transport.close()
            return TakenOver()
        self._start(request, lambda transport: Upgrade(self, transport, socket), accept, b"")
        return TakenOver()

    def _start(
        self,
        request: web.Request,
        make: Callable[[asyncio.Transport], WebSocket],
        accept: bytes,
        first: bytes,
    ) -> None:
        transport = request.transport
        taken = take_over(request, make)
        if taken is None or transport is None:
            return
        link, tail = taken
        assert isinstance(link, WebSocket)  # noqa: S101  for the type checker
        self.links.add(link)
        link.begin()
        if first and self.spacing_s:
            switch_protocols(transport, accept, b"")
            link.adopt_later(first, self.spacing_s)
        else:
            switch_protocols(transport, accept, first)
            if first:
                link.adopt()
        if tail:
            link.data_received(tail)

    def _admit(self, request: web.BaseRequest) -> Visitor:
        visitor = self.door.visitor(request)
        if self.closing:
            raise Refused(*SHUTTING_DOWN)
        if not self.visitors.admit(visitor.address):
            self.complaints.note("too many connections", visitor.address)
            raise Refused(*TOO_MANY)
        return visitor

    def _session(self, sid: str) -> Socket:
        socket = self.sockets.get(sid)
        if not isinstance(socket, Socket):
            raise Refused(*UNKNOWN_SID)
        return socket

    async def _open(self, visitor: Visitor, request: web.BaseRequest) -> Socket:
        socket = Socket(self, self._new_id(), visitor)
        socket.link = Polling(self, socket)
        self.sockets[socket.sid] = socket
        self.visitors.opened(visitor.address)
        self.upper.opened(socket, request)
        if self.gate is not None and not await self.gate(socket):
            socket.close("refused", abort=True)
            raise Refused(*UNAUTHORIZED)
        return socket

    def _hello(self, socket: Socket, upgrades: list[str]) -> str:
        opening = {
            "sid": socket.sid,
            "upgrades": [name for name in upgrades if name in self.transports],
            "pingInterval": round(self.ping_interval * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.limits.frame_bytes,
        }
        return "0" + strict_json.dumps(opening).decode()

    # what sessions and the layer above use

    def forget(self, socket: Socket, reason: str) -> None:
        """Take a session out of the index as it closes."""
        del self.sockets[socket.sid]
        self.visitors.closed(socket.visitor.address)
        self.endings[reason] += 1

    def remember(self, link: Polling, time_s: float) -> None:
        """Keep a closed polling session's last words for the polls that come within that time."""
        sid = link.socket.sid
        self._last[sid] = link
        self.wheel.after(time_s, lambda: self._forget_last(sid))

    def _forget_last(self, sid: str) -> None:
        self._last.pop(sid, None)

    def release_poll(self, link: Link) -> None:
        """End the poll that waits while its session is upgraded."""
        if isinstance(link, Polling):
            if self.noop_delay_s:
                self.wheel.after(self.noop_delay_s, link.release)
            else:
                link.release()

    def soon(self, callback: Callable[[], object]) -> None:
        """Run a callback in the loop's next turn."""
        asyncio.get_running_loop().call_soon(callback)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a coroutine as a task of the engine; an exception that it lets through is logged."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self.settle()
        if not task.cancelled() and (error := task.exception()) is not None:
            self.endings["task failed"] += 1
            _log.error("task failed: %s", task.get_name(), exc_info=error)

    async def send_packet(self, sid: str, pkt: Any) -> None:
        """Send an Engine.IO packet in upstream's form; nothing happens if the session is gone."""
        socket = self.sockets.get(sid)
        if socket is not None:
            data = pkt.encode()
            self.mail.send(socket, text_frame(data.encode()) if isinstance(data, str) else frame(BINARY, data))

    async def disconnect(self, sid: str | None = None) -> None:
        """Close one session, or all of them."""
        for socket in tuple(self.sockets.values()) if sid is None else (self.sockets.get(sid),):
            if socket is not None:
                socket.close(self.reason.SERVER_DISCONNECT)

    async def shutdown(self) -> None:
        """Close everything; see `aclose`."""
        await self.aclose(self.limits.close_timeout_s)

    async def aclose(self, timeout_s: float) -> None:
        """Close every session and wait until they, and the work on them, have ended; abort what is left by then.

        timeout_s: the longest that this waits for peers, and once more for handlers. It never raises or hangs.
        """
        self.closing = True
        for socket in tuple(self.sockets.values()):
            socket.close(SERVER_SHUTDOWN)
        self._quiet = asyncio.Event()
        self.settle()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._quiet.wait()
        for link in tuple(self.links):
            link.abort()
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
        self.wheel.close()

    def settle(self) -> None:
        """Notice, while closing, that no connection and no work is left."""
        if self._quiet is not None and not self.links and not self._tasks - {asyncio.current_task()}:
            self._quiet.set()
