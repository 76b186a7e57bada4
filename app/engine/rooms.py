"""Who is in which room of one namespace, indexed both ways.

A room knows its members and a connection knows its rooms, so leaving costs what was joined, however many rooms
there are. A member is in one of three tables: `live` gets deliveries, `pending` keeps them until it is welcomed,
`muted` is suspended and misses them. Nothing here writes.
"""

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.engine.connection import Connection
    from app.engine.socket import Socket


class Room:
    """One room. live: the sockets that get its deliveries, by connection."""

    __slots__ = ("live", "muted", "name", "pending")

    def __init__(self, name: Hashable) -> None:
        self.name = name
        self.live: dict[Connection, Socket] = {}
        self.pending: dict[Connection, None] | None = None
        self.muted: dict[Connection, None] | None = None

    def __len__(self) -> int:
        return len(self.live) + len(self.pending or ()) + len(self.muted or ())

    def put(self, connection: "Connection") -> None:
        """Put a member into the table that its state asks for, out of the others."""
        self.remove(connection)
        if connection.pending:
            self.pending = self.pending or {}
            self.pending[connection] = None
        elif connection.suspended:
            self.muted = self.muted or {}
            self.muted[connection] = None
        else:
            self.live[connection] = connection.socket

    def remove(self, connection: "Connection") -> None:
        """Take a connection out of every table."""
        self.live.pop(connection, None)
        if self.pending:
            self.pending.pop(connection, None)
        if self.muted:
            self.muted.pop(connection, None)


class Rooms:
    """The rooms and the connections of one namespace.

    everyone: the room of all who are connected. by_id: the same, by their id. pending: how many are not yet.
    """

    def __init__(self) -> None:
        self.by_name: dict[Hashable, Room] = {}
        self.everyone = Room(None)
        self.by_id: dict[str, Connection] = {}
        self.pending = 0

    def enter(self, name: Hashable) -> Room:
        """Return the room of that name, made if it is not there; the caller puts a member into it."""
        room = self.by_name.get(name)
        if room is None:
            room = self.by_name[name] = Room(name)
        return room

    def get(self, name: Hashable | None) -> Room | None:
        """Return the room of that name, None if it is empty; the name None stands for everyone."""
        return self.everyone if name is None else self.by_name.get(name)

    def leave(self, room: Room, connection: "Connection") -> None:
        """Take one member out of a room, and the room away if it was the last."""
        room.remove(connection)
        if not room.live and not len(room) and room is not self.everyone:
            self.by_name.pop(room.name, None)

    def connections(self, name: Hashable | None) -> Iterator["Connection"]:
        """Yield the connected members of a room, suspended ones too; None means everyone."""
        room = self.get(name)
        if room is not None:
            yield from tuple(room.live)
            yield from tuple(room.muted or ())
            yield from (one for one in tuple(room.pending or ()) if one.connected)
