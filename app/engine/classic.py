"""Handlers in upstream's own conventions: sids, several arguments, results as acknowledgements, binary data.

For programs, and conformance suites, written for python-socketio. Every event of a client is started in order and
they run side by side, as upstream does it, so there is no time limit on handlers here.
"""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, Final

import socketio  # type: ignore[import-untyped]  # upstream ships no types
from aiohttp import web
from engineio.async_drivers.aiohttp import translate_request  # type: ignore[import-untyped]  # as above

from app.engine.connection import GONE, Connection, Place
from app.engine.limits import Binary, Limits
from app.engine.manager import frames_of
from app.engine.namespace import ConnectRefused, Namespace
from app.engine.packets import ACK, DISCONNECT, Incoming, Rules
from app.engine.server import Server
from app.engine.socket import Socket

# Test clients await one packet and only then listen for the next: two in one segment are one too many for them.
SPACING_S: Final = 0.003
# When the reference server ends a poll after the probe; some of its tests count the packets until then.
NOOP_DELAY_S: Final = 0.1


class Handlers(Namespace):
    """One namespace whose events go to the handlers that were registered on the server."""

    async def connected(self, connection: Connection, auth: dict[str, Any] | None) -> None:
        """Ask the connect handler; one that returns False, or raises, refuses."""
        server: ClassicServer = self.server
        server.manager.transit[connection.id] = connection
        try:
            accepted = await server.trigger("connect", self.namespace, connection.id, connection.socket.environ, auth)
        except socketio.exceptions.ConnectionRefusedError as error:
            raise _refusal(error.error_args) from None
        finally:
            server.manager.transit.pop(connection.id, None)
        if accepted is False:
            raise _refusal(socketio.exceptions.ConnectionRefusedError().error_args)

    async def disconnected(self, connection: Connection, reason: str) -> None:
        """Call the disconnect handler; the client can still be looked up meanwhile."""
        server: ClassicServer = self.server
        server.manager.transit[connection.id] = connection
        try:
            await server.trigger("disconnect", self.namespace, connection.id, reason)
        finally:
            server.manager.transit.pop(connection.id, None)
            server.manager.forget(connection)


class EngineHandlers:
    """The layer above sessions for handlers that are registered on the Engine.IO server itself."""

    def __init__(self, server: "ClassicServer") -> None:
        self._engine = server.eio

    def opened(self, socket: Socket, request: web.BaseRequest) -> None:
        """Keep the request's environment for the connect handler."""
        environ_of(socket, request)

    async def admit(self, socket: Socket) -> bool:
        """Call the connect handler; one that returns anything but None or True refuses the session."""
        accepted = await self._call("connect", socket.sid, socket.environ)
        return accepted is None or accepted is True

    def message(self, socket: Socket, text: str) -> None:
        """Queue a message event."""
        socket.handle(("message", socket.sid, text), len(text))

    def attachment(self, socket: Socket, data: bytes) -> None:
        """Queue a message event with binary data."""
        socket.handle(("message", socket.sid, data), len(data))

    async def handle(self, _: Socket, item: tuple[Any, ...]) -> None:
        """Call the event's handler."""
        await self._call(*item)

    def gone(self, socket: Socket) -> None:
        """Do nothing yet: what was received before comes first."""

    def ended(self, socket: Socket) -> None:
        """Call the disconnect handler."""
        self._engine.spawn(self._call("disconnect", socket.sid, socket.ending), "disconnect handler")

    async def _call(self, event: str, *arguments: Any) -> Any:
        handler = self._engine.handlers.get(event)
        return await call(handler, event, arguments) if handler is not None else None


class ClassicServer(Server):
    """A server for handlers in upstream's conventions, whose door is as open as python-socketio's own.

    names: the namespaces that exist beside those with handlers; None lets every name in. options: those of `Server`.
    """

    def __init__(self, names: frozenset[str] | None, limits: Limits, **options: Any) -> None:
        super().__init__(limits=limits, **options)
        self.async_handlers = True
        self._decide_s = self._goodbye_s = None
        self._names = names
        self._rules = Rules(json_depth=900, event_name_chars=1 << 16, printable=False, binary=True)
        self.eio.on = self._engine_on
        self.eio.prefixed = True
        self.eio.spacing_s = SPACING_S
        self.eio.noop_delay_s = NOOP_DELAY_S

    def _engine_on(self, event: str, handler: Callable[..., Any] | None = None) -> Any:
        """Register a handler on the Engine.IO server, which takes all sessions over from the layer above."""
        if not isinstance(self.eio.upper, EngineHandlers):
            self.eio.handlers.clear()
            self.eio.upper = EngineHandlers(self)
            self.eio.gate = self.eio.upper.admit
        return type(self.eio).on(self.eio, event, handler)

    def register_namespace(self, namespace_handler: Any) -> None:
        """Add a namespace object of this engine, or one of upstream's."""
        if isinstance(namespace_handler, Namespace):
            super().register_namespace(namespace_handler)
        else:
            socketio.AsyncServer.register_namespace(self, namespace_handler)

    def opened(self, socket: Socket, request: web.BaseRequest) -> None:
        """Keep the request's environment for the connect handler."""
        super().opened(socket, request)
        environ_of(socket, request)

    def find_place(self, name: str) -> Place | None:
        """Return the namespace of that name, made now if handlers or the options allow it."""
        place = super().find_place(name)
        if place is not None:
            return place
        if self._names is None or name in self._names or name in self.handlers or name in self.namespace_handlers:
            handlers = Handlers(name)
            handlers._set_server(self)  # noqa: SLF001  what registering does, without replacing upstream's object
            place = self.places[name] = Place(name, handlers)
        return place

    def unknown(self, socket: Socket, name: str) -> None:
        """Refuse a namespace, and leave the session to the others."""
        self._connect_error(socket, name, b'{"message":"Invalid namespace"}')

    def after_refusal(self, socket: Socket) -> None:
        """Leave the session to other namespaces, for a while."""
        if not socket.clients:
            socket.expect(self.limits.connect_timeout_s, "connect timeout")

    async def _welcome(self, connection: Connection, place: Place) -> None:
        if connection.socket.upgraded:
            await asyncio.sleep(SPACING_S)
        await super()._welcome(connection, place)

    async def _event(self, connection: Connection, packet: Incoming) -> None:
        self.eio.spawn(self._answer(connection, packet), "event handler")

    async def _answer(self, connection: Connection, packet: Incoming) -> None:
        result = await self.trigger(packet.data[0], connection.namespace, connection.id, *packet.data[1:])
        if packet.id is None or result is self.not_handled or connection.state == GONE:
            return
        data = [] if result is None else list(result) if isinstance(result, tuple) else [result]
        answer = self.packet_class(ACK, namespace=connection.namespace, id=packet.id, data=data)
        connection.send(frames_of(answer.encode()))

    async def trigger(self, event: str, namespace: str, *arguments: Any) -> Any:
        """Call the handler of an event, or the namespace object's; `not_handled` if there is neither."""
        handler, given = self._get_event_handler(event, namespace, arguments)
        if handler is not None:
            return await call(handler, event, given)
        handler, given = self._get_namespace_handler(namespace, arguments)
        if handler is None:
            return self.not_handled
        method = getattr(handler, f"on_{event}", None) if event in self.reserved_events else None
        return await (call(method, event, given) if method is not None else handler.trigger_event(event, *given))

    async def disconnect(self, sid: str, namespace: str | None = None, **_: Any) -> None:
        """Send DISCONNECT and forget the client; the session ends with its last namespace."""
        connection = self.manager.find(sid, namespace or "/")
        if connection is None or not connection.connected:
            return
        connection.open()
        connection.send(frames_of(self.packet_class(DISCONNECT, namespace=connection.namespace).encode()))
        self.part(connection, self.reason.SERVER_DISCONNECT)
        if not connection.socket.clients:
            connection.socket.expect(self.limits.close_timeout_s, self.reason.SERVER_DISCONNECT)

    def get_environ(self, sid: str, namespace: str | None = None) -> dict[str, Any] | None:
        """Return the environment of the request that opened a client's session."""
        return self._known(sid, namespace).socket.environ

    async def get_session(self, sid: str, namespace: str | None = None) -> Any:
        """Return a client's own dictionary. Raises KeyError if there is no such client."""
        connection = self._known(sid, namespace)
        if connection.session is None:
            connection.session = {}
        return connection.session

    async def save_session(self, sid: str, session: Any, namespace: str | None = None) -> None:
        """Keep a client's own dictionary. Raises KeyError if there is no such client."""
        self._known(sid, namespace).session = session

    def _known(self, sid: str, namespace: str | None) -> Connection:
        connection: Connection | None = self.manager.find(sid, namespace or "/")
        if connection is None:
            raise KeyError("Session not found")
        return connection


async def call(handler: Callable[..., Any], event: str, arguments: tuple[Any, ...]) -> Any:
    """Call a handler, a coroutine function or not; connect and disconnect get as many arguments as they take."""
    if event in ("connect", "disconnect"):
        takes = [
            parameter.kind for parameter in inspect.signature(handler).parameters.values()
            if parameter.kind is not parameter.KEYWORD_ONLY
        ]  # fmt: skip
        if inspect.Parameter.VAR_POSITIONAL not in takes:
            arguments = arguments[: len(takes)]
    result = handler(*arguments)
    return await result if inspect.isawaitable(result) else result


def environ_of(socket: Socket, request: web.BaseRequest) -> dict[str, Any]:
    """Make the environment that upstream's handlers expect, with the address and scheme that are the client's own."""
    environ: dict[str, Any] = translate_request(request)
    environ["REMOTE_ADDR"] = socket.visitor.address
    environ["wsgi.url_scheme"] = socket.visitor.scheme
    socket.environ = environ
    return environ


def _refusal(error: dict[str, Any]) -> ConnectRefused:
    return ConnectRefused(error["message"], error.get("data"))


def classic_limits(frame_bytes: int, connect_timeout_s: float, ping_timeout_s: float) -> Limits:
    """Return limits that leave to handlers and tests what python-socketio leaves to them.

    Handlers have no time limit here; what a client that has left had sent is handled for nearly a ping timeout.
    """
    return Limits(
        frame_bytes=frame_bytes,
        connect_timeout_s=connect_timeout_s,
        outbox_bytes=1 << 26,
        outbox_frames=100_000,
        sockets_per_address=100_000,
        handshakes_per_s=100_000,
        handshakes_burst=100_000,
        handler_timeout_s=ping_timeout_s * 0.9,
        binary=Binary(attachments=1000, bytes=1 << 26),
    )
