"""Upstream's client manager over this engine's own index: for code that speaks in sids and rooms.

Everything is local and immediate; the coroutines never wait. A client that is still being decided on, or whose
goodbye is being said, can be looked up but gets nothing that is emitted to rooms.
"""

import asyncio
import inspect
import logging
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import socketio  # type: ignore[import-untyped]  # upstream ships no types
from socketio.packet import EVENT  # type: ignore[import-untyped]  # upstream ships no types

from app.engine.frames import BINARY, frame, text_frame
from app.engine.rooms import Room

if TYPE_CHECKING:
    from app.engine.connection import Connection, Place

_log = logging.getLogger(__name__)
_MAX_CALLBACKS: Final = 1000


class Manager(socketio.AsyncManager):  # type: ignore[misc]  # upstream ships no types
    """Emits, rooms and acknowledgements, by sid."""

    def __init__(self) -> None:
        super().__init__()
        self._ids = count(1)
        self.transit: dict[str, Connection] = {}

    def find(self, sid: str, namespace: str) -> "Connection | None":
        """Return the client of that id, also while it is coming or going; None if there is none."""
        place = self._place(namespace)
        connection = place.rooms.by_id.get(sid) if place is not None else None
        return connection or self.transit.get(sid)

    def _place(self, namespace: str) -> "Place | None":
        place: Place | None = self.server.places.get(namespace)
        return place

    async def emit(  # noqa: PLR0917  upstream's signature
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Callable[..., object] | None = None,
        to: Any = None,
        **_: Any,
    ) -> None:
        """Emit an event, in upstream's conventions: data is one argument, a tuple of several, or None."""
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        skipped = set(skip_sid if isinstance(skip_sid, list) else [skip_sid])
        target = to or room
        if callback is None:
            frames = self._frames(namespace, [event, *arguments], None)
            if skipped == {None} and (whole := self._whole(namespace, target)) is not None:
                self.server.eio.mail.cast(whole, frames)
                return
        for connection in tuple(self._members(namespace, target)):
            if connection.id in skipped:
                continue
            if callback is not None:
                number = self._generate_ack_id(connection.id, callback)
                frames = self._frames(namespace, [event, *arguments], number)
            connection.send(frames)

    def _frames(self, namespace: str, data: list[Any], number: int | None) -> bytes:
        encoded = self.server.packet_class(EVENT, namespace=namespace, data=data, id=number).encode()
        return frames_of(encoded)

    def _whole(self, namespace: str, target: Any) -> Room | None:
        """Return the room, if the target is exactly one."""
        place = self._place(namespace)
        if place is None or isinstance(target, (list, set)) or target in place.rooms.by_id or target in self.transit:
            return None
        return place.rooms.get(target)

    def _members(self, namespace: str, target: Any) -> "Iterable[Connection]":
        place = self._place(namespace)
        if place is None:
            return ()
        found: dict[Connection, None] = {}
        for name in target if isinstance(target, (list, set, tuple)) else (target,):
            one = self.find(name, namespace) if isinstance(name, str) else None
            found.update(dict.fromkeys([one] if one is not None else place.rooms.connections(name)))
        return found

    def get_namespaces(self) -> list[str]:
        """Return the names of the namespaces that have clients."""
        return [name for name, place in self.server.places.items() if place.rooms.by_id]

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """Yield (sid, engine sid) of the connected members of a room, or of several."""
        yield from ((one.id, one.socket.sid) for one in self._members(namespace, room) if one.connected)

    def is_connected(self, sid: str, namespace: str) -> bool:
        """Tell whether a client has been told that it is connected."""
        connection = self.find(sid, namespace)
        return connection is not None and connection.connected

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        """Return the client's id in a namespace by its session's."""
        socket = self.server.eio.sockets.get(eio_sid)
        connection = socket.clients.get(namespace) if socket is not None else None
        return connection.id if connection is not None else None

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        """Return the session's id by the client's."""
        connection = self.find(sid, namespace)
        return connection.socket.sid if connection is not None else None

    def basic_enter_room(self, sid: str, namespace: str, room: Hashable, **_: Any) -> None:
        """Let a client join a room. Raises ValueError for an unknown client."""
        connection = self.find(sid, namespace)
        if connection is None:
            raise ValueError("sid is not connected to requested namespace")
        if room != sid:
            connection.join(room)

    def basic_leave_room(self, sid: str, namespace: str, room: Hashable) -> None:
        """Let a client leave a room."""
        connection = self.find(sid, namespace)
        if connection is not None:
            connection.leave(room)

    def basic_close_room(self, room: Hashable, namespace: str) -> None:
        """Let everyone leave a room."""
        for connection in tuple(self._members(namespace, room)):
            connection.leave(room)

    def get_rooms(self, sid: str, namespace: str) -> list[Any]:
        """Return the rooms of a client, first the one that is its own id."""
        connection = self.find(sid, namespace)
        if connection is None:
            return []
        return [sid, *connection.rooms]

    def _generate_ack_id(self, sid: str, callback: Callable[..., object]) -> int:
        number = next(self._ids)
        waiting = self.callbacks.setdefault(sid, {})
        waiting[number] = callback
        if len(waiting) > _MAX_CALLBACKS:
            del waiting[next(iter(waiting))]
        return number

    def acknowledged(self, connection: "Connection", number: int | None, data: list[Any]) -> None:
        """Call back whoever waits for a client's acknowledgement; one that nobody waits for is ignored."""
        waiting = self.callbacks.get(connection.id)
        callback = waiting.pop(number, None) if waiting else None
        if callback is None:
            return
        try:
            result = callback(*data)
        except Exception:  # noqa: BLE001  an application's callback
            _log.exception("acknowledgement callback failed")
            return
        if inspect.iscoroutine(result):
            self.server.eio.spawn(result, "acknowledgement callback")

    def forget(self, connection: "Connection") -> None:
        """Drop what waits for a client's acknowledgements."""
        self.callbacks.pop(connection.id, None)

    async def disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """End a client's connection to a namespace."""
        await self.server.disconnect(sid, namespace)

    async def trigger_callback(self, sid: str, id: int, data: list[Any]) -> None:  # noqa: A002  upstream's name
        """Call back for an acknowledgement."""
        for place in self.server.places.values():
            connection = place.rooms.by_id.get(sid)
            if connection is not None:
                self.acknowledged(connection, id, data)
        await asyncio.sleep(0)


def frames_of(encoded: str | list[str | bytes]) -> bytes:
    """Turn an encoded packet, with its attachments if it has any, into frames."""
    if isinstance(encoded, str):
        return text_frame(b"4" + encoded.encode())
    return b"".join(
        text_frame(b"4" + part.encode()) if isinstance(part, str) else frame(BINARY, part) for part in encoded
    )
