"""The WebSocket transport: the connection itself, straight on the loop's transport.

After the handshake the TCP connection is taken over from the HTTP server, which lets go of its request, tasks and
parser. Reading is synchronous: bytes become packets in the call that the loop makes; no task waits for them.
Writing is the loop transport's own `write` until it says that the peer is not reading.
"""

import asyncio
import socket
from typing import TYPE_CHECKING, Final

from app.engine.frames import BINARY, CLOSE, PING, PONG, TEXT, close_frame, frame
from app.engine.packets import Malformed
from app.engine.reader import INVALID_TEXT, FrameError, FrameReader, close_code
from app.engine.socket import TRANSPORT_CLOSE, Socket
from app.engine.wheel import Timer

if TYPE_CHECKING:
    from app.engine.engine import Engine

_RESUME_BYTES: Final = 65536
_UNSENT_BYTES: Final = 131072


class WebSocket(asyncio.Protocol):
    """One WebSocket connection of a session, or of an upgrade that is not complete yet."""

    __slots__ = ("_closing", "_end", "_engine", "_paused", "_reader", "socket", "transport")
    name = "websocket"

    def __init__(self, engine: "Engine", transport: asyncio.Transport, session: Socket) -> None:
        self._engine = engine
        self._reader = FrameReader(engine.limits.frame_bytes)
        self._closing = False
        self._paused = False
        self._end: Timer | None = None
        self.transport = transport
        self.socket = session

    def begin(self) -> None:
        """Learn at once when the peer does not read; to be called when the connection is ours."""
        self.transport.set_write_buffer_limits(high=1, low=0)  # 0 means always to asyncio's TLS transport
        _bound_kernel(self.transport)

    def adopt(self) -> None:
        """Become the session's transport: what waits for the client is written, then everything new directly."""
        self.socket.link = self
        if not self._paused:
            self.resume_writing()

    def adopt_later(self, first: bytes, delay_s: float) -> None:
        """Become the session's transport now, but write nothing, not even the first frame, before that delay."""
        self._paused = True
        session = self.socket
        waiting, session.outbox = session.outbox, None
        session.enqueue(first)
        if waiting:
            session.enqueue(waiting.take(waiting.bytes))
        self.adopt()
        # the loop's timer, not the wheel's: the order within one of the wheel's slots is open
        asyncio.get_running_loop().call_later(delay_s, self.resume_writing)

    # what the loop calls

    def data_received(self, data: bytes) -> None:
        """Take bytes from the network."""
        self._reader.feed(data)
        self._read()

    def eof_received(self) -> None:
        """Close: a WebSocket cannot be half open."""

    def connection_lost(self, _: Exception | None) -> None:
        """End the session, if it still uses this connection."""
        self._engine.links.discard(self)
        self._engine.settle()
        self._closing = True
        if self._end is not None:
            self._end.cancel()
        if self.socket.link is self:
            self.socket.close(TRANSPORT_CLOSE, abort=True)

    def pause_writing(self) -> None:
        """Keep what comes in the session's outbox, since the peer does not read."""
        self._paused = True
        session = self.socket
        if session.link is self and not session.closed:
            session.write = session.enqueue

    def resume_writing(self) -> None:
        """Write what waits in the outbox, then directly again."""
        self._paused = False
        session = self.socket
        if session.link is not self or session.closed:
            return
        outbox = session.outbox
        while outbox:
            self.transport.write(outbox.take(_RESUME_BYTES))
            if self._paused:
                return
        session.outbox = None
        session.write = self.transport.write

    # what the session calls

    def pause(self) -> None:
        """Stop reading from the client."""
        if not self._closing:
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on, first what has arrived already."""
        if self._closing:
            return
        self.transport.resume_reading()
        self._engine.soon(self._read)

    def wake(self) -> None:
        """Do nothing: the loop says when the peer reads again."""

    def finish(self, code: int) -> None:
        """Write what waits and a close frame; abort unless the peer closes in time."""
        if self._closing:
            return
        self._closing = True
        outbox = self.socket.outbox
        if self.socket.link is self and outbox:
            self.transport.write(outbox.take(outbox.bytes))
        self.transport.write(close_frame(code))
        self.transport.resume_reading()  # for the peer's close frame
        self._end = self._engine.wheel.after(self._engine.limits.close_timeout_s, self.transport.abort)

    def abort(self) -> None:
        """Close now."""
        self._closing = True
        self.transport.abort()

    def _read(self) -> None:
        try:
            while not self._stopped():
                message = self._reader.next()
                if message is None:
                    return
                self._take(*message)
        except FrameError as error:
            self._violated("frame", error.code)
        except UnicodeDecodeError:
            self._violated("utf-8", INVALID_TEXT)
        except Malformed as error:
            self._violated(error.kind, 1008)

    def _stopped(self) -> bool:
        inbox = self.socket.inbox
        return inbox is not None and inbox.paused and not self._closing

    def _take(self, opcode: int, payload: bytearray) -> None:
        if opcode == CLOSE:
            self._closed_by_peer(payload)
        elif self._closing:
            return
        elif opcode == TEXT:
            self._text(payload.decode())
        elif opcode == BINARY:
            self._binary(bytes(payload))
        elif opcode == PING and not self._paused:
            self.transport.write(frame(PONG, bytes(payload)))

    def _text(self, text: str) -> None:
        self.socket.packet(text)

    def _binary(self, data: bytes) -> None:
        self.socket.binary(data)

    def _closed_by_peer(self, payload: bytearray) -> None:
        code = close_code(payload)
        if self.socket.link is self:
            self.socket.close(TRANSPORT_CLOSE, code=code)
        self.finish(code)
        self.transport.close()

    def _violated(self, kind: str, code: int) -> None:
        if self._closing:
            self.transport.abort()
        else:
            self.socket.refuse(kind, code)


def _bound_kernel(transport: asyncio.Transport) -> None:
    """Let the kernel queue little that is not sent, so that a slow reader's backlog is where it is counted."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)


class Upgrade(WebSocket):
    """A WebSocket that a polling session is upgrading to: a probe, its answer, then the switch.

    Until the switch the session stays on polling, and whatever goes wrong here ends only this connection.
    """

    __slots__ = ("_deadline", "_probed")

    def __init__(self, engine: "Engine", transport: asyncio.Transport, session: Socket) -> None:
        super().__init__(engine, transport, session)
        self._probed = False
        self._deadline = engine.wheel.after(engine.limits.upgrade_timeout_s, self._give_up)
        session.upgrading = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the session to its polling transport if the switch has not happened."""
        self._deadline.cancel()
        if self.socket.link is not self:
            self.socket.upgrading = False
        super().connection_lost(exc)

    def _text(self, text: str) -> None:
        if self.socket.link is self:
            self.socket.packet(text)
        elif self.socket.closed:  # which the client did not know yet
            self.finish(1000)
        elif text == "2probe" and not self._probed:
            self._probed = True
            self.transport.write(frame(TEXT, b"3probe"))
            self._engine.release_poll(self.socket.link)
        elif text == "5" and self._probed:
            self._switch()
        else:
            raise Malformed("upgrade")

    def _binary(self, data: bytes) -> None:
        if self.socket.link is not self:
            raise Malformed("upgrade")
        self.socket.binary(data)

    def _switch(self) -> None:
        self._deadline.cancel()
        polling = self.socket.link
        self.socket.upgrading = False
        self.adopt()
        polling.wake()

    def _give_up(self) -> None:
        self.finish(1000)

    def _violated(self, kind: str, code: int) -> None:
        if self.socket.link is self:
            super()._violated(kind, code)
        elif self._closing:
            self.transport.abort()
        else:
            self._engine.complaints.note(kind, self.socket.visitor.address)
            self.finish(code)
