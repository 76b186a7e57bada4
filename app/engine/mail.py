"""Writing to sockets: what one loop turn gathers becomes one write per socket.

Deliveries to one room in a row stay one batch: the frames are joined once and every member gets the same bytes.
A batch is settled into its members' own lists before anything that must come after it, or before the room's
membership changes, so every socket sees everything in the order in which it was said.
"""

import asyncio
import logging

from app.engine.rooms import Room
from app.engine.socket import Socket

_log = logging.getLogger(__name__)


class Mail:
    """The outgoing frames of one server between two loop turns.

    joined_bytes: how much may be gathered before it is written early.
    """

    def __init__(self, joined_bytes: int) -> None:
        self._max = joined_bytes
        self._size = 0
        self._room: Room | None = None
        self._batch: list[bytes] = []
        self._sockets: list[Socket] = []
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def send(self, socket: Socket, frame: bytes) -> None:
        """Write a frame to one socket at the end of this turn, after all that was said before."""
        room = self._room
        if room is not None:
            self.settle()
        waiting = socket.waiting
        if waiting is None:
            socket.waiting = [frame]
            self._sockets.append(socket)
        else:
            waiting.append(frame)
        self._grow(len(frame))

    def cast(self, room: Room, frame: bytes) -> int:
        """Write a frame to every live member at the end of this turn; return how many they are."""
        if room is not self._room:
            if self._room is not None:
                self.settle()
            self._room = room
        self._batch.append(frame)
        if room.pending:
            for connection in room.pending:
                connection.hold(frame)
        self._grow(len(frame))
        return len(room.live)

    def cast_volatile(self, room: Room, frame: bytes) -> int:
        """Write a frame to those live members that keep up; return how many they are."""
        reached = 0
        for socket in room.live.values():
            if socket.keeps_up():
                self.send(socket, frame)
                reached += 1
        return reached

    def changing(self, room: Room) -> None:
        """Settle what was delivered to a room whose membership is about to change."""
        if room is self._room:
            self.settle()

    def settle(self) -> None:
        """Hand the open batch to its members' own lists."""
        room, batch = self._room, self._batch
        if room is None:
            return
        self._room, self._batch = None, []
        chunk = batch[0] if len(batch) == 1 else b"".join(batch)
        sockets = self._sockets
        for socket in room.live.values():
            waiting = socket.waiting
            if waiting is None:
                socket.waiting = [chunk]
                sockets.append(socket)
            else:
                waiting.append(chunk)

    def flush(self) -> None:
        """Write everything that waits, now."""
        self._scheduled = False
        self._size = 0
        room = self._room
        if room is not None:
            if self._sockets:
                self.settle()
            else:
                self._write_batch(room)
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            waiting, socket.waiting = socket.waiting, None
            if waiting:
                try:
                    socket.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))
                except Exception as error:  # noqa: BLE001  as below
                    _failed(socket, error)

    def _write_batch(self, room: Room) -> None:
        """Write the only batch of the turn straight to its members."""
        batch, self._batch, self._room = self._batch, [], None
        chunk = batch[0] if len(batch) == 1 else b"".join(batch)
        for socket in room.live.values():
            try:
                socket.write(chunk)
            except Exception as error:  # noqa: BLE001  one socket's failure is not the others', and a try is free
                _failed(socket, error)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._max:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self.flush)


def _failed(socket: Socket, error: Exception) -> None:
    """Close a session whose transport has raised, which transports promise not to."""
    _log.error("a transport failed in writing", exc_info=error)
    socket.engine.soon(lambda: socket.close("write failed", abort=True))
