"""The Socket.IO server: packets in, handlers called, acknowledgements and deliveries out.

It knows sessions below and namespaces above. What handlers in upstream's own conventions need is in classic.py.
Source: Socket.IO protocol v5.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Final

import socketio  # type: ignore[import-untyped]  # upstream ships no types
from aiohttp import web

from app.engine import strict_json
from app.engine.attachments import Assembly
from app.engine.connection import GONE, Connection, Place
from app.engine.door import Door
from app.engine.engine import Engine
from app.engine.frames import text_frame
from app.engine.limits import Limits
from app.engine.manager import Manager
from app.engine.namespace import ConnectRefused, Namespace
from app.engine.packets import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    Incoming,
    Malformed,
    Packet,
    Rules,
    decode,
    encode,
)
from app.engine.socket import CLIENT_DISCONNECT, Socket
from app.engine.visitors import Network, Proxies

_log = logging.getLogger(__name__)

FORBIDDEN_QUERY: Final = frozenset(("token", "access_token", "jwt", "authorization"))


def new_id() -> str:
    """Return an id that cannot be guessed: 120 bits of chance."""
    return secrets.token_urlsafe(15)


class Server(socketio.AsyncServer):  # type: ignore[misc]  # upstream ships no types
    """A Socket.IO server on aiohttp.

    namespaces: the application's; every other name is refused. origins: those that browsers may come from, None for
    any. trusted_proxies: networks whose forwarding headers are believed. transports: those offered.
    path: where it is mounted. forbidden_query: names that make a handshake fail. clock: monotonic seconds.
    new_id: returns an id that cannot be guessed. Raises ValueError for limits that contradict each other.
    """

    def __init__(
        self,
        namespaces: Iterable[Namespace] = (),
        *,
        limits: Limits | None = None,
        origins: frozenset[str] | None = frozenset(),
        trusted_proxies: Iterable[Network | str] = (),
        transports: Iterable[str] = ("websocket", "polling"),
        ping_interval_s: float = 20.0,
        ping_timeout_s: float = 15.0,
        path: str = "/socket.io",
        forbidden_query: Iterable[str] = FORBIDDEN_QUERY,
        clock: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        limits = limits or Limits()
        if limits.handler_timeout_s >= ping_timeout_s:
            raise ValueError("handler_timeout_s must be below ping_timeout_s")
        transports = tuple(transports)
        super().__init__(
            client_manager=Manager(),
            logger=_log,
            serializer=Packet,
            async_handlers=False,
            limits=limits,
            door=Door(origins, transports, forbidden_query, Proxies(trusted_proxies)),
            clock=clock,
            new_id=new_id,
            ping_interval=ping_interval_s,
            ping_timeout=ping_timeout_s,
            max_http_buffer_size=limits.frame_bytes,
            transports=list(transports),
        )
        self.eio.upper = self
        self.limits = limits
        self.path = path
        self.places: dict[str, Place] = {}
        self._new_id = new_id
        self._decide_s: float | None = limits.connect_timeout_s
        self._goodbye_s: float | None = limits.handler_timeout_s
        self._rules = Rules(limits.json_depth, limits.event_name_chars, binary=limits.binary is not None)
        for namespace in namespaces:
            self.register_namespace(namespace)

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    def register_namespace(self, namespace_handler: Namespace) -> None:
        """Add a namespace; clients may connect to it from now on."""
        super().register_namespace(namespace_handler)
        name = namespace_handler.namespace
        self.places[name] = Place(name, namespace_handler)

    def attach(self, app: web.Application, socketio_path: str | None = None) -> None:
        """Mount the server on an application, and close it when the application shuts down."""
        path = "/" + (socketio_path or self.path).strip("/")
        self.eio.attach(app, path)

    def stop_admitting(self) -> None:
        """Take no new sessions; those that there are go on.

        A handshake is answered with 503, after which stock clients try again, unlike after a refused CONNECT.
        """
        self.eio.closing = True

    def deliver(self, namespace: str, room: Hashable | None, packet: bytes, *, volatile: bool = False) -> int:
        """Deliver an encoded packet to the members of a room; return how many get it now.

        packet: as from `encode_event`. room: None means everyone connected. volatile: members that do not keep up
        miss it. All members get what is delivered in the order of the calls.
        """
        place = self.places.get(namespace)
        members = place.rooms.get(room) if place is not None else None
        if members is None:
            return 0
        frame = text_frame(b"4" + packet)
        mail = self.eio.mail
        return int(mail.cast_volatile(members, frame) if volatile else mail.cast(members, frame))

    def connections(self, namespace: str, room: Hashable | None = None) -> Iterator[Connection]:
        """Yield the connected clients of a room; None means everyone in the namespace."""
        place = self.places.get(namespace)
        return place.rooms.connections(room) if place is not None else iter(())

    def stats(self) -> dict[str, Any]:
        """Return counts: sockets, connections, pending, rooms; and counters: closed by reason, malformed by kind."""
        places = self.places.values()
        return {
            "sockets": len(self.eio.sockets),
            "links": len(self.eio.links),
            "connections": sum(len(place.rooms.by_id) for place in places),
            "pending": sum(place.rooms.pending for place in places),
            "rooms": sum(len(place.rooms.by_name) for place in places),
            "closed": dict(self.eio.endings),
            "malformed": dict(self.eio.complaints.counts),
        }

    async def aclose(self, timeout_s: float) -> None:
        """Close every connection; abort what does not close. It never hangs: see `Engine.aclose`."""
        await self.eio.aclose(timeout_s)

    async def shutdown(self) -> None:
        """Close every connection within the closing time."""
        await self.aclose(self.limits.close_timeout_s)

    # what sessions tell

    def opened(self, socket: Socket, _: web.BaseRequest) -> None:
        """Expect a CONNECT from a new session."""
        socket.expect(self.limits.connect_timeout_s, "connect timeout")

    def message(self, socket: Socket, text: str) -> None:
        """Take the text of one packet. Raises Malformed."""
        if socket.assembly is not None:
            raise Malformed("attachment expected")
        packet = decode(text, self._rules)
        if packet.attachments:
            self._assemble(socket, packet)
        else:
            self._route(socket, packet, len(text))

    def attachment(self, socket: Socket, data: bytes) -> None:
        """Take one attachment of the packet under way. Raises Malformed."""
        assembly = socket.assembly
        if assembly is None:
            raise Malformed("binary")
        packet = assembly.add(data)
        if packet is not None:
            socket.assembly = None
            socket.expect(None)
            self._route(socket, packet, assembly.size)

    async def handle(self, socket: Socket, packet: Incoming) -> None:
        """Work on one packet: a CONNECT, a DISCONNECT or an event."""
        if packet.type == CONNECT:
            await self._connect(socket, packet)
            return
        connection = socket.clients.get(packet.namespace)
        if connection is None:
            socket.refuse("not connected")
        elif packet.type == DISCONNECT:
            self.part(connection, CLIENT_DISCONNECT)
        else:
            await self._event(connection, packet)

    def gone(self, socket: Socket) -> None:
        """Take the clients of a closed session out of every index."""
        for connection in socket.clients.values():
            connection.detach()

    def ended(self, socket: Socket) -> None:
        """Tell the application of clients that are gone, now that nothing of them is being handled."""
        clients, socket.clients = socket.clients, {}
        for connection in clients.values():
            if connection.accepted:
                self._say_goodbye(connection, socket.ending)

    def part(self, connection: Connection, reason: str) -> None:
        """End one client's connection to one namespace; the session stays for others, or for a while."""
        socket = connection.socket
        if socket.clients.pop(connection.namespace, None) is None:
            return
        connection.detach()
        self._say_goodbye(connection, reason)
        if not socket.clients and not socket.closed:
            socket.expect(self.limits.connect_timeout_s, "connect timeout")

    def _say_goodbye(self, connection: Connection, reason: str) -> None:
        self.eio.spawn(self._goodbye(connection, reason), "saying goodbye")

    async def _goodbye(self, connection: Connection, reason: str) -> None:
        async with asyncio.timeout(self._goodbye_s):
            await connection.handler.disconnected(connection, reason)

    def _assemble(self, socket: Socket, packet: Incoming) -> None:
        binary = self.limits.binary
        if binary is None or packet.namespace not in socket.clients:
            raise Malformed("binary")
        socket.assembly = Assembly(packet, binary)
        socket.expect(binary.time_s, "attachment timeout")

    def _route(self, socket: Socket, packet: Incoming, size: int) -> None:
        if packet.type == ACK:
            connection = socket.clients.get(packet.namespace)
            if connection is None:
                raise Malformed("not connected")
            self.manager.acknowledged(connection, packet.id, packet.data)
        else:
            socket.handle(packet, size)

    # connecting

    async def _connect(self, socket: Socket, packet: Incoming) -> None:
        place = self.find_place(packet.namespace)
        if place is None:
            self.unknown(socket, packet.namespace)
        elif packet.namespace in socket.clients:
            socket.refuse("second connect")
        else:
            socket.expect(None)
            connection = socket.clients[place.name] = Connection(self._new_id(), place, socket)
            if await self._decide(connection, place, packet.data):
                await self._welcome(connection, place)

    async def _decide(self, connection: Connection, place: Place, auth: dict[str, Any] | None) -> bool:
        """Let the application decide; tell whether the client is connected now."""
        place.rooms.pending += 1
        try:
            async with asyncio.timeout(self._decide_s):
                await place.handler.connected(connection, auth)
        except ConnectRefused as refusal:
            self._refuse(connection, refusal)
        except Exception as error:  # noqa: BLE001  whatever goes wrong in deciding is a refusal
            self._refuse(connection, place.handler.failed(connection, error))
        except BaseException:  # cancelled: nothing may stay registered
            self._drop(connection)
            raise
        else:
            connection.accepted = True
            connection.confirm()
        finally:
            place.rooms.pending -= 1
        return connection.state != GONE

    async def _welcome(self, connection: Connection, place: Place) -> None:
        connection.open()
        try:
            async with asyncio.timeout(self.limits.connect_timeout_s):
                await place.handler.welcome(connection)
        except Exception:  # noqa: BLE001  whatever an application's code raises
            _log.exception("welcome failed")
            connection.close("failed")
        connection.go_live()

    def _refuse(self, connection: Connection, refusal: ConnectRefused) -> None:
        self._drop(connection)
        error: dict[str, Any] = {"message": refusal.code}
        if refusal.data is not None:
            error["data"] = refusal.data
        self._connect_error(connection.socket, connection.namespace, strict_json.dumps(error))
        self.after_refusal(connection.socket)

    def _drop(self, connection: Connection) -> None:
        connection.socket.clients.pop(connection.namespace, None)
        connection.detach()

    def after_refusal(self, socket: Socket) -> None:
        """End a session that was refused: each attempt costs a new one."""
        socket.close("refused")

    def find_place(self, name: str) -> Place | None:
        """Return the namespace of that name, None if there is none."""
        return self.places.get(name)

    def unknown(self, socket: Socket, name: str) -> None:
        """Refuse a namespace that does not exist; what the client called it is not repeated."""
        if name == "/":
            self._connect_error(socket, name, b'{"message":"Invalid namespace"}')
        socket.refuse("unknown namespace", code=1000)

    def _connect_error(self, socket: Socket, namespace: str, error: bytes) -> None:
        self.eio.mail.send(socket, text_frame(b"4" + encode(CONNECT_ERROR, namespace, error)))

    # events

    async def _event(self, connection: Connection, packet: Incoming) -> None:
        name, *arguments = packet.data
        if packet.id is None and not connection.handler.accepts(arguments):
            connection.socket.refuse("event arguments")
            return
        handler = connection.handler
        answer = await handler.handle(connection, name, arguments, self.limits.handler_timeout_s)
        if packet.id is None or connection.state == GONE:
            return
        try:
            answered = strict_json.dumps(answer)
        except TypeError as error:
            answered = strict_json.dumps(handler.refused(connection, name, "failed", error))
        connection.send(text_frame(b"4" + encode(ACK, connection.namespace, b"[%b]" % answered, packet.id)))
